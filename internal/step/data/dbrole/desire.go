package dbrole

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// The roles that every platform has. Their names begin with a prefix that no tenant may use.
const (
	// owner cannot log in: it owns all that logins create, so that none of them is needed to keep it.
	owner = "coach_owner"
	// readers cannot log in: its members read what the owner creates.
	readers = "coach_readers"
	// app is the platform's first login, and reader its second.
	app, reader = "coach_app", "coach_reader"
	// probe is the operator's own login to observe with: it owns nothing, writes nothing, reads no table, and sees the
	// server's statistics.
	probe = "coach_probe"

	reservedPrefix = "coach_"
)

const (
	// mark is the comment on every role that we created.
	mark = "coach-operator"
	// rdsIAM makes its members log in by IAM only, and monitor lets its members see statistics.
	rdsIAM, monitor = "rds_iam", "pg_monitor"
	// rdsSuperuser is the role of RDS that the master has its rights from.
	rdsSuperuser = "rds_superuser"
	// ofMaster are the powers that RDS gives the master.
	ofMaster = "createrole createdb"
	// home is the schema that logins share.
	home = "public"
	// probeSessions is how many sessions the probe may have: two replicas, two observations each, and one to spare.
	probeSessions = 5
	// unlimited is PostgreSQL's own word for no limit of connections.
	unlimited = -1
)

// defaultSettings bound what a session does unless it says otherwise itself. The search path ends in pg_temp,
// so that no temporary table can stand for one of the platform's.
// https://www.postgresql.org/docs/current/runtime-config-client.html
var defaultSettings = map[string]string{
	"search_path":                         home + ", pg_temp",
	"statement_timeout":                   "5min",
	"lock_timeout":                        "30s",
	"idle_in_transaction_session_timeout": "5min",
}

// settingRole makes the owner own all that a login creates.
const settingRole = "role"

// role is one role as we own it.
type role struct {
	Name           string
	Login, Inherit bool
	// Limit of connections; unlimited is none.
	Limit int32
	// Powers that the role has over the whole server, such as createrole; we give none.
	Powers string
	// Until is when the role's password ends; "" is never.
	Until string
	// Marked says that we created it.
	Marked bool
}

func (r role) String() string {
	words := []string{r.Name + " no login"}
	if r.Login {
		words = []string{r.Name + " login"}
	}
	if r.Limit != unlimited {
		words = append(words, fmt.Sprintf("limit %d", r.Limit))
	}
	if r.Powers != "" {
		words = append(words, r.Powers)
	}
	if !r.Inherit {
		words = append(words, "noinherit")
	}
	if r.Until != "" {
		words = append(words, "until "+r.Until)
	}
	if !r.Marked {
		words = append(words, "not marked as the operator's")
	}
	return strings.Join(words, " ")
}

// powers of the role, one by one.
func (r role) powers() []string { return strings.Fields(r.Powers) }

// membership of one role in another.
type membership struct {
	Member, Role string
	// Admin may pass the membership on.
	Admin bool
}

func (m membership) String() string {
	if m.Admin {
		return m.Member + " in " + m.Role + " as admin"
	}
	return m.Member + " in " + m.Role
}

// setting that sessions of a role begin with.
type setting struct {
	Role string
	// Database is the one that the setting is for; "" is all.
	Database    string
	Name, Value string
}

func (s setting) String() string {
	if s.Database != "" {
		return fmt.Sprintf("%s in %s %s=%s", s.Role, s.Database, s.Name, s.Value)
	}
	return fmt.Sprintf("%s %s=%s", s.Role, s.Name, s.Value)
}

// privilege on a database, a schema, or what will be created in one.
type privilege struct {
	Object string
	// Grantee is "" for PUBLIC.
	Grantee, Privilege string
}

func (p privilege) String() string {
	return fmt.Sprintf("%s on %s to %s", p.Privilege, p.Object, cmp.Or(p.Grantee, "PUBLIC"))
}

// defaultGrant is a privilege on what a role will create.
type defaultGrant struct {
	// Owner creates it, in Schema; "" is any schema.
	Owner, Schema string
	// Kind of what is created, as ALTER DEFAULT PRIVILEGES names it.
	Kind string
	// Grantee is "" for PUBLIC.
	Grantee, Privilege string
}

func (d defaultGrant) String() string {
	text := privilege{d.Kind, d.Grantee, d.Privilege}.String()
	switch {
	case d.Owner == owner && d.Schema == home:
		return text
	case d.Schema == "":
		return text + ", created by " + d.Owner
	}
	return text + ", created by " + d.Owner + " in " + d.Schema
}

// State is who can log in and what each login may do.
type State struct {
	// Roles are those that we created, and the master.
	Roles     []role
	Unmanaged []string
	Members   []membership
	Settings  []setting
	// Databases and Schema are the privileges on all databases and on the schema that logins share.
	Databases, Schema []privilege
	// Defaults are the privileges on what will be created.
	Defaults []defaultGrant
	// Lent is what hands the rights of its owner to others, as far as that can be taken back.
	Lent []lent
	// Logins are the logins whose password is the stored one.
	Logins []string

	// What follows is only in an observed state.

	// ProvenAt is when the logins were tried, the first of them.
	ProvenAt time.Time
	// Unproven are the logins that could not be tried, and Wrong those whose password is not the stored one.
	Unproven, Wrong []string
	// Grantors says who gave the memberships.
	Grantors []memberRow
	// Foreign are roles of the spec's names that are not owned.
	Foreign []string
	// Locking are IAM logins whose grant locks the master out.
	Locking []string
	// MasterRefused says that the master's stored password does not log in, and MasterUntried that this is not known.
	MasterRefused, MasterUntried bool
	// Kept is what else hands rights to others: only a person may take it away.
	Kept []lent
	// Trapped are the databases in which something would run in the master's session, so that it does not log in.
	Trapped []string
	// Beyond says of what there is more than is read.
	Beyond []string
	// Unread are the other databases whose catalog could not be read, and ContentsAt is when the others were
	// read, the first of them.
	Unread     []string
	ContentsAt time.Time
	// Encryption is how the server keeps passwords.
	Encryption string
	TLS        tlsState
	// Columns are those of the tenant's tables, in all databases.
	Columns columnState
}

// tlsState is what was seen of TLS.
type tlsState struct {
	// Version of our own session.
	Version string
	// Refused and Admitted say how a login without TLS was answered, and Answer says it in words.
	Refused, Admitted bool
	Answer            string
	// Plain is how many sessions have no TLS; -1 when they could not be counted.
	Plain int
}

// login is one that can log in.
type login struct {
	name, binding string
	access        v1alpha1.RoleAccess
	limit         int32
	iam           bool
	// hidden logins are not for the tenant.
	hidden bool
}

// loginsOf are the logins of a platform, the tenant's first.
func loginsOf(spec *v1alpha1.CoachPlatformSpec) []login {
	all := []login{
		{name: app, access: v1alpha1.AccessReadWrite, limit: unlimited},
		{name: reader, binding: "-reader", access: v1alpha1.AccessReadOnly, limit: unlimited},
	}
	for _, r := range spec.Database.Roles {
		limit := r.ConnectionLimit
		if limit == 0 {
			limit = unlimited
		}
		all = append(all, login{
			name: r.Name, binding: "-" + strings.ReplaceAll(r.Name, "_", "-"), access: r.Access, limit: limit, iam: r.IAM,
		})
	}
	return append(all, login{name: probe, limit: probeSessions, hidden: true})
}

// Desire says who should be able to log in, and what each login should be allowed.
func Desire(in *scope.Platform) (State, error) {
	s := State{
		Roles: []role{
			{Name: scope.Master, Login: true, Inherit: true, Limit: unlimited, Powers: ofMaster, Marked: true},
			group(owner), group(readers),
		},
		Databases: []privilege{
			{scope.DatabaseName, owner, "CREATE"}, {scope.DatabaseName, owner, "TEMPORARY"},
		},
		Schema: []privilege{{home, owner, "CREATE"}, {home, owner, "USAGE"}, {home, readers, "USAGE"}},
		Defaults: []defaultGrant{
			{owner, home, "SEQUENCES", readers, "SELECT"}, {owner, home, "TABLES", readers, "SELECT"},
		},
	}
	for _, l := range loginsOf(in.Spec) {
		s.Roles = append(s.Roles, role{Name: l.name, Login: true, Inherit: true, Limit: l.limit, Marked: true})
		s.Databases = append(s.Databases, privilege{scope.DatabaseName, l.name, "CONNECT"})
		s.Members = append(s.Members, l.memberships()...)
		s.Settings = append(s.Settings, l.settings()...)
		if !l.iam {
			s.Logins = append(s.Logins, l.name)
		}
	}
	return sorted(s), nil
}

func group(name string) role { return role{Name: name, Inherit: true, Limit: unlimited, Marked: true} }

func (l login) memberships() []membership {
	var all []membership
	switch {
	case l.hidden:
		all = append(all, membership{Member: l.name, Role: monitor})
	case l.access == v1alpha1.AccessReadWrite:
		all = append(all, membership{Member: l.name, Role: owner})
	default:
		all = append(all, membership{Member: l.name, Role: readers})
	}
	if l.iam {
		all = append(all, membership{Member: l.name, Role: rdsIAM})
	}
	return all
}

func (l login) settings() []setting {
	var all []setting
	for name, value := range defaultSettings {
		all = append(all, setting{Role: l.name, Name: name, Value: value})
	}
	if l.access == v1alpha1.AccessReadWrite {
		all = append(all, setting{Role: l.name, Name: settingRole, Value: owner})
	}
	return all
}

// sorted makes equal states equal texts.
func sorted(s State) State {
	slices.SortFunc(s.Roles, compare)
	s.Members, s.Settings = distinct(s.Members), distinct(s.Settings)
	s.Databases, s.Schema, s.Defaults = distinct(s.Databases), distinct(s.Schema), distinct(s.Defaults)
	slices.SortFunc(s.Lent, compare)
	slices.SortFunc(s.Kept, compare)
	slices.Sort(s.Logins)
	slices.Sort(s.Unmanaged)
	return s
}

func distinct[T interface {
	comparable
	fmt.Stringer
}](all []T) []T {
	slices.SortFunc(all, compare)
	return slices.Compact(all)
}

func compare[T fmt.Stringer](x, y T) int { return strings.Compare(x.String(), y.String()) }

// without returns those of all that are not in others.
func without[T comparable](all, others []T) []T {
	return slices.DeleteFunc(slices.Clone(all), func(one T) bool { return slices.Contains(others, one) })
}

func roleOf(all []role, name string) (role, bool) {
	i := slices.IndexFunc(all, func(r role) bool { return r.Name == name })
	if i < 0 {
		return role{}, false
	}
	return all[i], true
}

// works says that a login can be used: by its password, or by IAM.
func (s State) works(l login) bool {
	r, there := roleOf(s.Roles, l.name)
	if !there || !r.Login {
		return false
	}
	if l.iam {
		return slices.Contains(s.Members, membership{Member: l.name, Role: rdsIAM})
	}
	return slices.Contains(s.Logins, l.name)
}
