package dbrole

import (
	"fmt"
	"slices"
	"strings"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// Paths of the fields.
const (
	pathRoles     = "roles"
	pathUnmanaged = "unmanagedLogins"
	pathMembers   = "memberships"
	pathSettings  = "settings"
	pathDatabases = "databaseGrants"
	pathSchema    = "schemaGrants"
	pathDefaults  = "defaultGrants"
	pathLent      = "lentRights"
	pathPasswords = "passwords"
)

// Fields are what the step owns.
var Fields = []converge.Field[State]{
	{Path: pathRoles, About: "the roles and their attributes", Get: func(s State) string { return list(s.Roles) }},
	{Path: pathUnmanaged, About: "logins that are not in the spec", Get: func(s State) string { return names(s.Unmanaged) }},
	{Path: pathMembers, About: "which role is a member of which", Get: func(s State) string { return list(s.Members) }},
	{Path: pathSettings, About: "search path, timeouts and the role that sessions begin with", Get: func(s State) string {
		return list(s.Settings)
	}},
	{Path: pathDatabases, About: "who may connect to which database and create schemas in it", Get: func(s State) string {
		return list(s.Databases)
	}},
	{Path: pathSchema, About: "who may use and fill the schema public", Get: func(s State) string { return list(s.Schema) }},
	{Path: pathDefaults, About: "who may use what will be created", Get: func(s State) string { return list(s.Defaults) }},
	{Path: pathLent, About: "functions and event triggers that lend the rights of their owner", Get: func(s State) string {
		return list(s.Lent)
	}},
	{Path: pathPasswords, About: "the logins whose stored password was proven", Get: func(s State) string { return names(s.Logins) }},
}

func list[T fmt.Stringer](all []T) string {
	texts := make([]string, 0, len(all))
	for _, one := range all {
		texts = append(texts, one.String())
	}
	return names(texts)
}

func names(all []string) string {
	if len(all) == 0 {
		return "none"
	}
	return strings.Join(all, "; ")
}

// constrain takes out what cannot be had: a role whose name is taken by one that is not owned, and memberships in rds_iam that
// would lock the master out. Such a login stays as it is, so that an edit of the spec breaks none that works.
func constrain(want, got State) State {
	if len(got.Foreign)+len(got.Locking) == 0 {
		return want
	}
	dropped := func(name string) bool { return slices.Contains(got.Foreign, name) }
	w := want
	w.Roles = slices.DeleteFunc(slices.Clone(want.Roles), func(r role) bool { return dropped(r.Name) })
	w.Members = slices.DeleteFunc(slices.Clone(want.Members), func(m membership) bool {
		return dropped(m.Member) || m.Role == rdsIAM && slices.Contains(got.Locking, m.Member)
	})
	w.Settings = slices.DeleteFunc(slices.Clone(want.Settings), func(s setting) bool { return dropped(s.Role) })
	w.Databases = slices.DeleteFunc(slices.Clone(want.Databases), func(p privilege) bool { return dropped(p.Grantee) })
	w.Logins = slices.DeleteFunc(slices.Clone(want.Logins), dropped)
	return w
}

// degraded says what only a person can repair.
func degraded(_, got State) error {
	switch {
	case len(got.Foreign) > 0:
		return fault.New(fault.Conflict, v1alpha1.ReasonConflict,
			"the database has roles of these names that the operator did not create: %s; drop them, or choose other names in "+
				"spec.database.roles", names(got.Foreign))
	case slices.Contains(got.Trapped, scope.DatabaseName):
		return trapped(scope.DatabaseName)
	case got.MasterRefused:
		return fault.New(fault.Denied, v1alpha1.ReasonLoginRefused,
			"the database refuses the master with the stored password, so nothing in it can be repaired; delete the master's Secret in "+
				"the operator's namespace, and a new password is created and set")
	case got.TLS.Admitted:
		return fault.Wait(v1alpha1.ReasonPlaintextAdmitted, databasePoll,
			"the database does not refuse logins without TLS; the class's parameters (rds.force_ssl) are being repaired, or wait to take effect")
	case len(got.Locking) > 0:
		return fault.New(fault.Invalid, v1alpha1.ReasonIAMLoginRefused,
			"these logins do not use IAM, since granting them rds_iam would let the database's master log in by IAM only and lock the "+
				"operator out: %s; leave out iam for them, and they have passwords", names(got.Locking))
	case len(got.Unproven) > 0:
		return fault.New(fault.Transient, v1alpha1.ReasonDatabaseFull,
			"these logins could not be tried: %s; all their connections are taken, or a setting of their own keeps them out",
			names(got.Unproven))
	}
	return nil
}
