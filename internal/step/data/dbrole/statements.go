package dbrole

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/coachplatform/coach-operator/internal/scope"
)

// Statements are built from names of the spec and of the catalog, so every name is quoted as an
// identifier and every value as a literal. Passwords appear as SCRAM verifiers only.

func identifier(name string) string { return pgx.Identifier{name}.Sanitize() }

// literal quotes a value. Our sessions set standard_conforming_strings, so that a backslash is one.
func literal(value string) string { return "'" + strings.ReplaceAll(value, "'", "''") + "'" }

// grantee of a privilege.
func grantee(name string) string {
	if name == "" {
		return "PUBLIC"
	}
	return identifier(name)
}

// roleStatements create the roles that are missing and repair those that differ, each by itself.
// Verifiers are those of the logins that get a password.
func roleStatements(want, got State, verifiers map[string]string) [][]string {
	var every [][]string
	for _, w := range want.Roles {
		g, there := roleOf(got.Roles, w.Name)
		name, all := identifier(w.Name), []string(nil)
		options := roleOptions(w, g, there)
		if verifier := verifiers[w.Name]; verifier != "" {
			options = append(options, "PASSWORD "+literal(verifier))
		}
		switch {
		case !there:
			all = append(all, strings.Join(append([]string{"CREATE ROLE", name}, options...), " "))
		case len(options) > 0:
			all = append(all, strings.Join(append([]string{"ALTER ROLE", name}, options...), " "))
		}
		if !there || !g.Marked {
			all = append(all, fmt.Sprintf("COMMENT ON ROLE %s IS %s", name, literal(mark)))
		}
		if len(all) > 0 {
			every = append(every, all)
		}
	}
	return every
}

// roleOptions are the options of CREATE ROLE, or those of ALTER ROLE that differ: to name one that does not
// is refused to a master that is no superuser.
// https://www.postgresql.org/docs/current/sql-alterrole.html
func roleOptions(w, g role, there bool) []string {
	var options []string
	add := func(differs bool, option string) {
		if differs {
			options = append(options, option)
		}
	}
	add(there && g.Login != w.Login || !there && w.Login, map[bool]string{true: "LOGIN", false: "NOLOGIN"}[w.Login])
	add(there && g.Limit != w.Limit || !there && w.Limit != unlimited, fmt.Sprintf("CONNECTION LIMIT %d", w.Limit))
	add(there && !g.Inherit, "INHERIT")
	add(there && g.Until != "", "VALID UNTIL 'infinity'")
	if there {
		for _, power := range without(g.powers(), w.powers()) {
			options = append(options, "NO"+strings.ToUpper(power))
		}
		for _, power := range without(w.powers(), g.powers()) {
			options = append(options, strings.ToUpper(power))
		}
	}
	return options
}

// memberStatements also take back what others gave, and what was passed on from there. From 16 on only the
// grantor's own grant is revoked, in whose place the master may act once it is a member of it.
// https://www.postgresql.org/docs/current/sql-revoke.html
func memberStatements(want, got []membership, grantors []memberRow) []string {
	var all []string
	for _, m := range grantors {
		if slices.Contains(want, m.membership) {
			continue
		}
		revoke := fmt.Sprintf("REVOKE %s FROM %s", identifier(m.Role), identifier(m.Member))
		if by := m.grantor; by != "" && by != scope.Master && !slices.Contains(amazons, by) {
			revoke += " GRANTED BY " + identifier(by)
		}
		all = append(all, as(m.grantor, revoke+" CASCADE")...)
	}
	for _, m := range without(want, got) {
		all = append(all, fmt.Sprintf("GRANT %s TO %s", identifier(m.Role), identifier(m.Member)))
	}
	return all
}

func settingStatements(want, got []setting) []string {
	var all []string
	for _, s := range without(got, want) {
		all = append(all, alter(s)+" RESET "+s.Name) // one of our own names
	}
	for _, s := range without(want, got) {
		value := literal(s.Value)
		if s.Name == "search_path" {
			value = s.Value // a list of names, and ours
		}
		all = append(all, fmt.Sprintf("%s SET %s = %s", alter(s), s.Name, value))
	}
	return all
}

func alter(s setting) string {
	if s.Database == "" {
		return "ALTER ROLE " + identifier(s.Role)
	}
	return "ALTER ROLE " + identifier(s.Role) + " IN DATABASE " + identifier(s.Database)
}

func databaseStatements(want, got []privilege) []string { return grants("DATABASE", want, got) }

func schemaStatements(want, got []privilege) []string { return grants("SCHEMA", want, got) }

const (
	// databaseOwner has the owner of the database as its member, and no other.
	databaseOwner = "pg_database_owner"
	// ownership is no privilege of PostgreSQL's, but as good as all of them.
	ownership = "OWNER"
	grantable = " WITH GRANT OPTION"
)

func grants(kind string, want, got []privilege) []string {
	var all []string
	for _, p := range without(got, want) {
		if p.Privilege == ownership {
			all = append(all, as(p.Grantee,
				fmt.Sprintf("ALTER %s %s OWNER TO %s", kind, identifier(p.Object), identifier(scope.Master)))...)
			continue
		}
		all = append(all, fmt.Sprintf("REVOKE %s ON %s %s FROM %s CASCADE",
			strings.TrimSuffix(p.Privilege, grantable), kind, identifier(p.Object), grantee(p.Grantee)))
	}
	for _, p := range without(want, got) {
		all = append(all, fmt.Sprintf("GRANT %s ON %s %s TO %s", p.Privilege, kind, identifier(p.Object), grantee(p.Grantee)))
	}
	return all
}

// defaultStatements revoke and grant privileges on what will be created, for each of those who create it by itself. Only
// who may use a role may set its defaults.
func defaultStatements(verb, preposition string, all []defaultGrant) [][]string {
	var every [][]string
	for _, d := range all {
		begin := "ALTER DEFAULT PRIVILEGES FOR ROLE " + identifier(d.Owner)
		if d.Schema != "" {
			begin += " IN SCHEMA " + identifier(d.Schema)
		}
		every = append(every, as(d.Owner, fmt.Sprintf("%s %s %s ON %s %s %s", begin, verb,
			strings.TrimSuffix(d.Privilege, grantable), d.Kind, preposition, grantee(d.Grantee))))
	}
	return every
}

// openStatements grant a privilege on relations of the owner's in the shared schema.
func openStatements(d defaultGrant, relations []string) []string {
	qualified := make([]string, 0, len(relations))
	for _, name := range relations {
		qualified = append(qualified, pgx.Identifier{home, name}.Sanitize())
	}
	return as(owner, fmt.Sprintf("GRANT %s ON %s TO %s", d.Privilege, strings.Join(qualified, ", "), grantee(d.Grantee)))
}

// briefly keeps the locks of a tenant's on many functions from taking a pass's time.
const briefly = "SET LOCAL lock_timeout = '200ms'"

// lentStatements take back what something lends: an event trigger ends, a function of the owner's is for those who have
// its rights, and any other runs with the rights of who calls it.
func lentStatements(l lent) []string {
	switch {
	case l.Kind == kindTrigger:
		return as(l.Owner, "ALTER EVENT TRIGGER "+identifier(l.Name)+" DISABLE")
	case len(l.Grantees) == 0:
		return append([]string{briefly}, as(l.Owner, "ALTER ROUTINE "+l.Statement+" SECURITY INVOKER")...)
	}
	var from []string
	for _, name := range l.Grantees {
		from = append(from, grantee(name))
	}
	revoke := fmt.Sprintf("REVOKE EXECUTE ON ROUTINE %s FROM %s CASCADE", l.Statement, strings.Join(from, ", "))
	return append([]string{briefly}, as(l.Owner, revoke)...)
}

// as are statements with the rights of a role, which the master becomes a member of for as long as its transaction
// needs that. Some rights it has anyway, and must not lose.
func as(role string, statements ...string) []string {
	if role == "" || role == scope.Master || role == rdsSuperuser || role == databaseOwner || slices.Contains(amazons, role) {
		return statements
	}
	return slices.Concat([]string{lend(role)}, statements, []string{takeBack(role)})
}

// lend makes the master a member of a role for as long as a transaction needs it, and takeBack ends that.
func lend(role string) string { return "GRANT " + identifier(role) + " TO " + identifier(scope.Master) }

func takeBack(role string) string {
	return "REVOKE " + identifier(role) + " FROM " + identifier(scope.Master)
}

// newIAM are the logins that become ones of IAM.
func newIAM(want, got State) []string {
	var all []string
	for _, m := range without(want.Members, got.Members) {
		if m.Role == rdsIAM {
			all = append(all, m.Member)
		}
	}
	return all
}

// unwanted are the roles that we created and that are no longer desired.
func unwanted(want, got State) []string {
	var all []string
	for _, g := range got.Roles {
		if _, wanted := roleOf(want.Roles, g.Name); !wanted {
			all = append(all, g.Name)
		}
	}
	return all
}

// withoutRoles returns what is there of the other roles: what belongs to a role that is about to be dropped
// goes with it.
func withoutRoles(got State, gone []string) State {
	g := got
	is := func(name string) bool { return slices.Contains(gone, name) }
	g.Roles = slices.DeleteFunc(slices.Clone(got.Roles), func(r role) bool { return is(r.Name) })
	g.Members = slices.DeleteFunc(slices.Clone(got.Members), func(m membership) bool { return is(m.Member) || is(m.Role) })
	g.Grantors = slices.DeleteFunc(slices.Clone(got.Grantors), func(m memberRow) bool { return is(m.Member) || is(m.Role) })
	g.Settings = slices.DeleteFunc(slices.Clone(got.Settings), func(s setting) bool { return is(s.Role) })
	g.Databases = slices.DeleteFunc(slices.Clone(got.Databases), func(p privilege) bool { return is(p.Grantee) })
	g.Schema = slices.DeleteFunc(slices.Clone(got.Schema), func(p privilege) bool { return is(p.Grantee) })
	return g
}
