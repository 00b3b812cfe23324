package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// State is what is to be said of an account.
type state string

// The states, in the order in which they are listed.
const (
	// orphaned carries the platform's marks, and no object claims it.
	orphaned state = "Orphaned"
	// duplicate is one of several accounts of a coach, or the account of several objects.
	duplicate state = "Duplicate"
	// missing is claimed by an object, and Stripe does not show it.
	missing state = "Missing"
	// conflict is claimed by an object, and not marked as its coach's.
	conflict state = "Conflict"
	// unrecorded is the account of a coach whose object has not recorded it yet: the operator finds it.
	unrecorded state = "Unrecorded"
	// released was let go when its object was deleted.
	released state = "Released"
	// aside carries the platform's marks and no coach's: somebody has taken it out of use.
	aside state = "SetAside"
)

var (
	states = []state{orphaned, duplicate, missing, conflict, unrecorded, released, aside}
	// advice is the way out of what is amiss.
	advice = map[state]string{
		orphaned: "Orphaned: a new PayoutAccount with the coachID that the account was made for gets it back.",
		duplicate: "Duplicate: take the metadata " + naming.MetaCoach + " off the accounts that are not to be used, in Stripe's Dashboard, or " +
			"delete the object that is too many.",
		missing: "Missing: the coach has disconnected the account, or it was deleted, or the key is another business's; kubectl describe pa " +
			"tells more.",
		conflict: "Conflict: kubectl describe pa tells the way out.",
	}
)

// item is one account that there is something to say of.
type item struct {
	State   state    `json:"state"`
	Account string   `json:"account"`
	Objects []string `json:"payoutAccounts,omitempty"`
	// Made is the day on which it was.
	Made string `json:"made,omitempty"`
	What string `json:"what"`
}

// inventory is what a platform's objects and Stripe say of each other.
type inventory struct {
	Platform  string              `json:"platform"`
	Namespace string              `json:"namespace"`
	Business  string              `json:"stripeAccount"`
	Mode      v1alpha1.StripeMode `json:"mode"`
	// Accounts is how many the business has, whoever made them.
	Accounts int `json:"accounts"`
	// Claimed are those of this platform's objects.
	Claimed int `json:"claimed"`
	// OtherPlatforms, OtherInstallations and Unmarked are none of this platform's.
	OtherPlatforms     int `json:"otherPlatforms"`
	OtherInstallations int `json:"otherInstallations"`
	Unmarked           int `json:"unmarked"`
	// Waiting is how many objects have no account yet.
	Waiting int `json:"waiting"`
	// Amiss is how many items need somebody to look.
	Amiss int    `json:"amiss"`
	Items []item `json:"items"`
}

// claims are what the objects of a platform say.
type claims struct {
	// byAccount are the objects that have recorded an account, byCoach those that have recorded none.
	byAccount, byCoach map[string][]string
	// coaches are whom the objects are for.
	coaches map[string]string
}

// take compares. It is pure.
func take(b business, own string, accounts []scope.Account, objects []v1alpha1.PayoutAccount) inventory {
	found := inventory{
		Platform: b.platform.Name, Namespace: b.platform.Namespace, Business: own, Mode: b.platform.Spec.Stripe.Mode,
		Accounts: len(accounts), Items: []item{},
	}
	present, siblings := map[string]bool{}, map[string]int{}
	for i := range accounts {
		present[accounts[i].ID] = true
		siblings[accounts[i].Metadata[naming.MetaCoach]]++
	}
	said := claims{map[string][]string{}, map[string][]string{}, map[string]string{}}
	for i := range objects {
		found.object(b, said, present, &objects[i])
	}
	for i := range accounts {
		found.account(b, said, siblings[accounts[i].Metadata[naming.MetaCoach]], accounts[i])
	}
	for coach, names := range said.byCoach {
		if siblings[coach] == 0 {
			found.Waiting += len(names)
		}
	}
	slices.SortFunc(found.Items, func(x, y item) int {
		return cmp.Or(
			cmp.Compare(slices.Index(states, x.State), slices.Index(states, y.State)), cmp.Compare(x.Account, y.Account),
			slices.Compare(x.Objects, y.Objects),
		)
	})
	return found
}

// object notes what an object claims, and that it is not there.
func (f *inventory) object(b business, said claims, present map[string]bool, o *v1alpha1.PayoutAccount) {
	record := recorded(o)
	coach := naming.Coach{Tenant: b.tenant, ID: o.Spec.CoachID, Live: b.live()}.Key()
	said.coaches[o.Name] = coach
	switch {
	case record == scope.AccountRecord{}:
		said.byCoach[coach] = append(said.byCoach[coach], o.Name)
	case record.Business == "":
		f.add(item{State: missing, Account: record.Account, Objects: []string{o.Name}, What: "the annotation " + v1alpha1.AnnotationAccount +
			" is damaged"})
	case record.Business != f.Business:
		f.add(item{State: missing, Account: record.Account, Objects: []string{o.Name}, What: fmt.Sprintf(
			"made under %s, and the platform's key is of %s", record.Business, f.Business)})
	case !present[record.Account]:
		f.add(item{State: missing, Account: record.Account, Objects: []string{o.Name}, What: "Stripe does not show it"})
	default:
		said.byAccount[record.Account] = append(said.byAccount[record.Account], o.Name)
	}
}

// account counts an account, and says what there is to say of it. siblings is how many have its coach.
func (f *inventory) account(b business, said claims, siblings int, a scope.Account) {
	mine, by := b.tenant.OwnsAtStripe(a.Metadata, b.live()), said.byAccount[a.ID]
	coach := a.Metadata[naming.MetaCoach]
	found := item{Account: a.ID, Objects: by, Made: day(a.Created)}
	if !mine && len(by) == 0 {
		f.stranger(b, a)
		return
	}
	if len(by) > 0 {
		f.Claimed++
	}
	switch {
	case !mine:
		found.State, found.What = conflict, "not marked as this platform's"
	case len(by) > 1:
		found.State, found.What = duplicate, "more than one PayoutAccount has it"
	case coach != "" && siblings > 1:
		found.State, found.What = duplicate, fmt.Sprintf("one of %d accounts of one coach", siblings)
	case len(by) == 1 && said.coaches[by[0]] != coach:
		found.State, found.What = conflict, "not marked as this coach's"
	case len(by) == 1:
		return
	case coach == "":
		found.State, found.What = aside, "its metadata "+naming.MetaCoach+" was taken off"
	case len(said.byCoach[coach]) > 0:
		found.State, found.Objects, found.What = unrecorded, said.byCoach[coach], "the operator finds it by its marks"
	case a.Metadata[naming.MetaReleased] != "":
		found.State, found.What = released, "let go on "+a.Metadata[naming.MetaReleased]
	default:
		found.State, found.What = orphaned, "no PayoutAccount claims it"
	}
	f.add(found)
}

// stranger counts an account that is none of this platform's.
func (f *inventory) stranger(b business, a scope.Account) {
	switch {
	case a.Metadata[naming.MetaManagedBy] == "":
		f.Unmarked++
	case a.Metadata[naming.MetaInstallation] != b.tenant.Installation:
		f.OtherInstallations++
	default:
		f.OtherPlatforms++
	}
}

func (f *inventory) add(i item) {
	if advice[i.State] != "" {
		f.Amiss++
	}
	f.Items = append(f.Items, i)
}

func inventoryTable(to io.Writer, found inventory) error {
	t := &table{}
	t.line("%s in %s: %d amiss; %d accounts under the Stripe account %s (%s)",
		found.Platform, found.Namespace, found.Amiss, found.Accounts, found.Business, found.Mode)
	t.line("claimed %d, of other platforms %d, of other installations %d, without a mark %d; PayoutAccounts without an account yet: %d",
		found.Claimed, found.OtherPlatforms, found.OtherInstallations, found.Unmarked, found.Waiting)
	if len(found.Items) > 0 {
		t.line("")
		t.row("STATE", "ACCOUNT", "PAYOUTACCOUNT", "MADE", "WHAT")
	}
	for _, i := range found.Items {
		t.row(string(i.State), i.Account, shown(strings.Join(i.Objects, ", ")), shown(i.Made), i.What)
	}
	if found.Amiss > 0 {
		t.line("")
	}
	for _, s := range states {
		if advice[s] != "" && slices.ContainsFunc(found.Items, func(i item) bool { return i.State == s }) {
			t.line("%s", advice[s])
		}
	}
	return t.write(to)
}
