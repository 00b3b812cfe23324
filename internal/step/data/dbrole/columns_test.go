package dbrole_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/scope"
	"github.com/coachplatform/coach-operator/internal/sensitive"
)

const data = "CP-DATA-02"

// foundAs is what is said of a column.
const foundAs = "made for such numbers: "

// vaults are ways to create a place for numbers that belong at Stripe. Each is of the app's own doing, which no
// other right than its own allows.
var vaults = []struct {
	name     string
	do, undo string
	// want is part of what is reported, and never what is not.
	want, never string
}{
	{
		"a column of a table",
		"CREATE TABLE public.coaches (name text, iban text)", "DROP TABLE public.coaches",
		"public.coaches.iban (bank account)", "coaches.name",
	},
	{
		"a column that was added later",
		"CREATE TABLE public.coaches (name text); ALTER TABLE public.coaches ADD routing_number text", "DROP TABLE public.coaches",
		"public.coaches.routing_number (bank account)", "",
	},
	{
		"a column of another schema",
		`CREATE SCHEMA billing; CREATE TABLE billing.cards ("cardNumber" text, cvc int)`, "DROP SCHEMA billing CASCADE",
		"billing.cards.cvc (card); billing.cards.cardNumber (card)", "",
	},
	{
		"a column of a schema whose name resembles one of PostgreSQL's",
		"CREATE SCHEMA pgcatalog; CREATE TABLE pgcatalog.people (ssn text)", "DROP SCHEMA pgcatalog CASCADE",
		"pgcatalog.people.ssn (identity)", "",
	},
	{
		"a view", "CREATE VIEW public.shown AS SELECT 'x'::text AS date_of_birth", "DROP VIEW public.shown",
		"public.shown.date_of_birth (identity)", "",
	},
	{
		"a materialized view",
		"CREATE MATERIALIZED VIEW public.kept AS SELECT 'x'::text AS sort_code", "DROP MATERIALIZED VIEW public.kept",
		"public.kept.sort_code (bank account)", "",
	},
	{
		"a composite type", "CREATE TYPE public.person AS (passport text)", "DROP TYPE public.person",
		"public.person.passport (identity)", "",
	},
	{
		"a partitioned table",
		"CREATE TABLE public.parts (at date, iban text) PARTITION BY RANGE (at)", "DROP TABLE public.parts",
		"public.parts.iban (bank account)", "",
	},
	{
		"an unlogged table", "CREATE UNLOGGED TABLE public.quick (pan text)", "DROP TABLE public.quick", "public.quick.pan (card)", "",
	},
	{
		"more than three",
		"CREATE TABLE public.all (iban text, bic text, pan text, cvv text, ssn text)", "DROP TABLE public.all",
		" and 2 more", "public.all.iban",
	},
	{
		"a name that is a number itself",
		`CREATE TABLE public.odd ("DE89370400440532013000" text)`, "DROP TABLE public.odd",
		"public.odd." + sensitive.Masked + " (bank account)", "DE89",
	},
	{
		"a number as the name of the table too",
		`CREATE TABLE public."4242424242424242" (iban text)`, `DROP TABLE public."4242424242424242"`,
		"public." + sensitive.Masked + ".iban (bank account)", "4242",
	},
	{
		"a name that is a statement and ends the line",
		`CREATE TABLE public."x""; DROP TABLE y --" (E text, "iban ` + "\n\x1b[31m" + `" text)`,
		`DROP TABLE public."x""; DROP TABLE y --"`, `\n\x1b[31m`, "\n",
	},
	{
		"names as long as PostgreSQL has them, of which each letter takes six",
		fmt.Sprintf(`CREATE SCHEMA "%[1]s"; CREATE TABLE "%[1]s"."%[1]s" ("iban%[1]s" text, "iban %[1]s" text)`, strings.Repeat("é", 29)),
		fmt.Sprintf(`DROP SCHEMA "%s" CASCADE`, strings.Repeat("é", 29)), `\u00e9`, "é",
	},
}

func TestAColumnForNumbersIsFoundInEveryKindOfRelation(t *testing.T) { //nolint:tparallel // the vaults share a database
	t.Parallel()
	for _, major := range []string{"14", "18"} {
		w := newWorld(t, major)
		w.settle()
		app := w.as("coach_app")
		for _, v := range vaults {
			t.Run(v.name+" on "+major, func(t *testing.T) {
				w.TB = t
				w.mustDo(app.Exec(t.Context(), v.do))
				out := w.observe()
				seen := seenOf(out, data)
				w.mustHold(out, data)
				if verdicts(out)[data] != converge.Violated || !strings.HasPrefix(seen, foundAs) || !strings.Contains(seen, v.want) {
					t.Errorf("want %q, seen: %s", v.want, seen)
				}
				if v.never != "" && strings.Contains(seen, v.never) {
					t.Errorf("%q is repeated: %s", v.never, seen)
				}
				if len(seen) > 256 || !utf8.ValidString(seen) {
					t.Errorf("%d bytes: %q", len(seen), seen)
				}
				if len(out.Changes) > 0 || out.Err != nil {
					t.Errorf("there is something to repair: %v, %v", paths(out), out.Err)
				}
				w.mustDo(app.Exec(t.Context(), v.undo))
				w.mustHold(w.observe())
			})
		}
	}
}

func (w *world) mustDo(_ any, err error) {
	w.Helper()
	if err != nil {
		w.Fatalf("running SQL: %v", err)
	}
}

func TestColumnsForOtherThingsPass(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "17")
	w.settle()
	app := w.as("coach_app")
	w.mustDo(app.Exec(t.Context(), `CREATE TABLE public.lessons (timespan interval, company text, account_id text, card_brand text,
		stripe_account text, pin_code_hint int)`))
	w.mustDo(app.Exec(t.Context(), "ALTER TABLE public.lessons DROP COLUMN pin_code_hint"))
	w.mustDo(app.Exec(t.Context(), "CREATE INDEX iban ON public.lessons (company)"))
	w.mustDo(app.Exec(t.Context(), "CREATE SEQUENCE public.pan"))
	w.mustHold(w.observe())
}

func TestAColumnOfTheMastersIsFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "16")
	w.settle()
	w.db.Do(t, "CREATE SCHEMA hidden", "CREATE TABLE hidden.people (tax_id text)")
	if out := w.observe(); verdicts(out)[data] != converge.Violated || !strings.Contains(seenOf(out, data), "hidden.people.tax_id (identity)") {
		t.Errorf("seen: %s", seenOf(out, data))
	}
}

// More columns than are read are as many as one owner creates in a second: the answer is no answer then.
func TestWithMoreColumnsThanAreReadTheAnswerIsUnknown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "16")
	w.settle()
	app := w.as("coach_app")
	w.mustDo(app.Exec(t.Context(), `DO $$ BEGIN FOR i IN 1..35 LOOP
		EXECUTE 'CREATE TABLE public.t' || i || ' (' || (SELECT string_agg('c' || n || ' bool', ', ') FROM generate_series(1, 1500) n) || ')';
		END LOOP; END $$`))
	out := w.observe()
	if verdicts(out)[data] != converge.Unknown || !strings.Contains(seenOf(out, data), "more columns than the 50000") {
		t.Errorf("%v, seen: %s", verdicts(out)[data], seenOf(out, data))
	}
	w.mustHold(out, data)
	w.mustDo(app.Exec(t.Context(), "DO $$ BEGIN FOR i IN 1..35 LOOP EXECUTE 'DROP TABLE public.t' || i; END LOOP; END $$"))
	w.mustHold(w.observe())
}

func TestACatalogThatCannotBeReadSaysNothingOfColumns(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "16")
	w.settle()
	w.spoiled = true
	w.db.Do(t, "ALTER ROLE coach_probe PASSWORD 'other'", "ALTER ROLE "+scope.Master+" PASSWORD 'other'")
	if out := w.observe(); verdicts(out)[data] != converge.Unknown || !out.ObserveFailed {
		t.Errorf("%v, observe failed %t", verdicts(out)[data], out.ObserveFailed)
	}
}
