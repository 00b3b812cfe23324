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

// state is what is reported of an account.
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
	// released was released when its object was deleted.
	released state = "Released"
	// aside carries the platform's marks and no coach's: somebody has taken it out of use.
	aside state = "SetAside"
)

var (
	states = []state{orphaned, duplicate, missing, conflict, unrecorded, released, aside}
	// advice says what to do about what needs attention.
	advice = map[state]string{
		orphaned: "Orphaned: create a PayoutAccount with the coachID that the account was created for; it takes the account over.",
		duplicate: "Duplicate: take the metadata " + naming.MetaCoach + " off the accounts that are not to be used, in Stripe's Dashboard, or " +
			"delete the object that is too many.",
		missing: "Missing: the coach has disconnected the account, or it was deleted, or the key is another business's; see kubectl describe " +
			"pa.",
		conflict: "Conflict: kubectl describe pa says what to do.",
	}
)

// item is one account that is reported.
type item struct {
	State   state    `json:"state"`
	Account string   `json:"account"`
	Objects []string `json:"payoutAccounts,omitempty"`
	// Made is the day of its creation.
	Made string `json:"made,omitempty"`
	What string `json:"what"`
}

// inventory compares the objects of a platform with its accounts at Stripe.
type inventory struct {
	Platform  string              `json:"platform"`
	Namespace string              `json:"namespace"`
	Business  string              `json:"stripeAccount"`
	Mode      v1alpha1.StripeMode `json:"mode"`
	// Accounts is how many the business has, of all origins.
	Accounts int `json:"accounts"`
	// Claimed are those of this platform's objects.
	Claimed int `json:"claimed"`
	// OtherPlatforms, OtherInstallations and Unmarked are none of this platform's.
	OtherPlatforms     int `json:"otherPlatforms"`
	OtherInstallations int `json:"otherInstallations"`
	Unmarked           int `json:"unmarked"`
	// Waiting is how many objects have no account yet.
	Waiting int `json:"waiting"`
	// Amiss is how many items need attention.
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

// object records what an object claims, and reports a claim that Stripe does not confirm.
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

// account counts an account and reports its state. siblings is how many have its coach.
func (f *inventory) account(b business, said claims, siblings int, a scope.Account) {
	mine, by := b.tenant.OwnsAtStripe(a.Metadata, b.live()), said.byAccount[a.ID]
	coach := a.Metadata[naming.MetaCoach]
	found := item{Account: a.ID, Objects: by, Made: day(a.Created)}
	if !mine && len(by) == 0 {
		f.unmanaged(b, a)
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
		found.State, found.What = released, "released on "+a.Metadata[naming.MetaReleased]
	default:
		found.State, found.What = orphaned, "no PayoutAccount claims it"
	}
	f.add(found)
}

// unmanaged counts an account that this platform does not own.
func (f *inventory) unmanaged(b business, a scope.Account) {
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
	t.line("%s in %s: %d need attention; %d accounts under the Stripe account %s (%s)",
		found.Platform, found.Namespace, found.Amiss, found.Accounts, found.Business, found.Mode)
	t.line("claimed %d, of other platforms %d, of other installations %d, without a mark %d; PayoutAccounts without an account yet: %d",
		found.Claimed, found.OtherPlatforms, found.OtherInstallations, found.Unmarked, found.Waiting)
	if len(found.Items) > 0 {
		t.line("")
		t.row("STATE", "ACCOUNT", "PAYOUTACCOUNT", "CREATED", "WHAT")
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
