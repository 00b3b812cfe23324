package flip_test

import (
	"context"
	"errors"
	"fmt"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
)

const (
	// objects1 is about the tenant's objects, and columns about the database's.
	objects1, columns = "CP-DATA-01", "CP-DATA-02"

	// iban and card are published examples. https://docs.stripe.com/testing
	iban, card = "DE89370400440532013000", "4242424242424242"
	// coach is the one whose payout account there is.
	coach       = "jo"
	lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

	// contents is why there are gaps in the database, and parts in the cluster.
	contents = "names are read, and rows are not"
	parts    = "a number is known by its check digits only when it is in one piece"
)

// data are numbers where they have no place.
var data = family{
	name: "data", major: "16",
	breaches: []breach{
		noted("an IBAN in an annotation of the platform", "note", "pay to DE89 3704 0044 0532 0130 00"),
		noted("an IBAN in base64 in an annotation of the platform", "note", "REU4OTM3MDQwMDQ0MDUzMjAxMzAwMA=="),
		noted("an IBAN in wide digits in an annotation of the platform", "note", "DE８９３７０４００４４０５３２０１３０００"),
		noted("an IBAN as the key of an annotation", iban, "x"),
		noted("an annotation that is named after what it holds", "example.com/account-number", "none of yours"),
		noted("a Social Security number in an annotation", "note", "123-45-6789"),
		noted("a link into Stripe's forms in an annotation", "note", "https://connect.stripe.com/setup/e/acct/x"),
		noted("a bank account in a manifest that kubectl keeps", lastApplied, `{"spec":{"bankAccount":{"number":"1"}}}`),
		noted("a card in a manifest that kubectl keeps, hidden by a second key", lastApplied, `{"spec":{"x":"`+card+`","x":""}}`),
		{
			what: "a card in a label of the platform", by: byKubernetes, controls: []string{objects1},
			do: func(w *world) {
				w.edit(func(p *v1alpha1.CoachPlatform) { metav1.SetMetaDataLabel(&p.ObjectMeta, "note", card) })
			},
			repair: func(w *world) { w.edit(func(p *v1alpha1.CoachPlatform) { delete(p.Labels, "note") }) },
		},
		{
			what: "a card in the display name", by: byKubernetes, controls: []string{objects1},
			do:     func(w *world) { w.edit(func(p *v1alpha1.CoachPlatform) { p.Spec.DisplayName = "Studio " + card }) },
			repair: func(w *world) { w.edit(func(p *v1alpha1.CoachPlatform) { p.Spec.DisplayName = "Studio" }) },
		},
		coached("a card in what a coach sells", func(a *v1alpha1.PayoutAccount) {
			a.Spec.BusinessProfile.ProductDescription = "or send it to my card, 4242 4242 4242 4242"
		}),
		coached("an IBAN in a finalizer of a coach's account", func(a *v1alpha1.PayoutAccount) { a.Finalizers = []string{"example.com/" + iban} }),
		coached("an IBAN as the name of a coach's account", func(a *v1alpha1.PayoutAccount) { a.Name = "de89370400440532013000" }),
		unnoted("half of an IBAN in each of two annotations", map[string]string{"one": iban[:11], "two": iban[11:]}),

		column("a column for IBANs", "CREATE TABLE public.t (iban text)", "DROP TABLE public.t"),
		column("a column for IBANs in capitals, quoted", `CREATE TABLE public.t ("coachIBAN" text)`, "DROP TABLE public.t"),
		column("a column for cards that is added later", "CREATE TABLE public.t (id int); ALTER TABLE public.t ADD card_number text", "DROP TABLE public.t"),
		column("a column that is renamed", "CREATE TABLE public.t (x text); ALTER TABLE public.t RENAME x TO passport", "DROP TABLE public.t"),
		column("a column for codes of cards in another schema", "CREATE SCHEMA billing; CREATE TABLE billing.t (cvc text)", "DROP SCHEMA billing CASCADE"),
		column("a view that shows one", "CREATE VIEW public.t AS SELECT 'x'::text AS account_number", "DROP VIEW public.t"),
		column("a materialized view that keeps one", "CREATE MATERIALIZED VIEW public.t AS SELECT 'x'::text AS sort_code", "DROP MATERIALIZED VIEW public.t"),
		column("a composite type that has one", "CREATE TYPE public.t AS (name text, date_of_birth date)", "DROP TYPE public.t"),
		column("a table in parts", "CREATE TABLE public.t (at date, ssn text) PARTITION BY RANGE (at)", "DROP TABLE public.t"),
		column("a table that inherits one", "CREATE TABLE public.t (tax_id text); CREATE TABLE public.u () INHERITS (public.t)", "DROP TABLE public.t CASCADE"),
		column("a column whose name is an IBAN", "CREATE TABLE public.t ("+iban+" text)", "DROP TABLE public.t"),
		column("a column whose name is quoted", `CREATE TABLE public.t ("x"";`+"\n"+`DROP TABLE y -- iban" text)`, "DROP TABLE public.t"),
		column("a column in a temporary table that is open", "", ""),
		{
			what: "a column for IBANs, created by the master", by: bySQL, controls: []string{columns},
			do: sql("CREATE SCHEMA hidden", "CREATE TABLE hidden.t (iban text)"), repair: sql("DROP SCHEMA hidden CASCADE"),
		},
		{
			what: "a column for IBANs in the database that every server has", by: bySQL, controls: []string{columns},
			do: elsewhere("postgres", "CREATE TABLE public.t (iban text)"), repair: elsewhere("postgres", "DROP TABLE public.t"),
		},
		{
			what: "a column for cards in a new database", by: bySQL, controls: []string{columns},
			do: func(w *world) {
				sql("CREATE DATABASE shadow")(w)
				elsewhere("shadow", "CREATE TABLE public.t (card_number text)")(w)
			},
			repair: sql("DROP DATABASE shadow WITH (FORCE)"),
		},
		{
			what: "a column in another database that belongs to a role of PostgreSQL's own", by: bySQL, controls: []string{columns},
			do: elsewhere("template1", "CREATE TABLE public.t (ssn text)", "GRANT CREATE ON SCHEMA public TO pg_database_owner",
				"ALTER TABLE public.t OWNER TO pg_database_owner"),
			repair: elsewhere("template1", "DROP TABLE public.t"),
		},
		gap("an IBAN in a row", columns, contents, asApp("CREATE TABLE public.t (note text)", "INSERT INTO public.t VALUES ('"+iban+"')"),
			asApp("DROP TABLE public.t")),
	},
	refusals: []refusal{
		{
			what: "a field for it in the spec", by: byKubernetes, controls: []string{objects1}, answer: "unknown field",
			do: func(w *world) error {
				text := fmt.Sprintf(`{"spec":{"iban":%q}}`, iban)
				return w.client.Patch(w.Context(), w.platform.DeepCopy(), client.RawPatch("application/merge-patch+json", []byte(text)),
					client.FieldValidation("Strict"))
			},
		},
	},
	blindnesses: []blindness{
		unreadable("the API server does not answer", errors.New("no answer")),
		unreadable("the operator may not list the tenant's objects", apierrors.NewForbidden(
			schema.GroupResource{Group: v1alpha1.GroupVersion.Group, Resource: "payoutaccounts"}, "", errors.New("no grant"))),
		{
			what: "an annotation that is too deep to be scanned", by: byKubernetes, controls: []string{objects1},
			do: func(w *world) { w.annotate(lastApplied, nested) }, undo: func(w *world) { w.annotate(lastApplied, "") },
		},
		{
			what: "more columns than are read", by: bySQL, controls: []string{columns},
			do:   asApp(`CREATE SCHEMA wide`, manyColumns),
			undo: asApp(dropColumns),
		},
	},
}

var nested = func() string {
	const deep = 200
	text := make([]byte, 0, deep*6+2)
	for range deep {
		text = append(text, `{"a":`...)
	}
	text = append(text, '1')
	for range deep {
		text = append(text, '}')
	}
	return string(text)
}()

// More columns than the operator reads, in tables of as many as there may be.
// https://www.postgresql.org/docs/current/limits.html
const (
	manyColumns = `DO $$ BEGIN FOR i IN 1..32 LOOP
	EXECUTE 'CREATE TABLE wide.t' || i || ' (' || (SELECT string_agg('c' || j || ' int', ',') FROM generate_series(1, 1590) j) || ')';
END LOOP; END $$`
	dropColumns = `DO $$ BEGIN FOR i IN 1..32 LOOP EXECUTE 'DROP TABLE wide.t' || i; END LOOP; EXECUTE 'DROP SCHEMA wide'; END $$`
)

// noted is an annotation on the platform.
func noted(what, key, value string) breach {
	return breach{
		what: what, by: byKubernetes, controls: []string{objects1},
		do: func(w *world) { w.annotate(key, value) }, repair: func(w *world) { w.annotate(key, "") },
	}
}

// unnoted are annotations on the platform that say nothing each by itself.
func unnoted(what string, all map[string]string) breach {
	each := func(value func(string) string) func(*world) {
		return func(w *world) {
			for key, v := range all {
				w.annotate(key, value(v))
			}
		}
	}
	return breach{
		what: what, by: byKubernetes, controls: []string{objects1}, unseen: parts,
		do: each(func(v string) string { return v }), repair: each(func(string) string { return "" }),
	}
}

// annotate sets an annotation on the platform; "" takes it away.
func (w *world) annotate(key, value string) {
	w.Helper()
	w.edit(func(p *v1alpha1.CoachPlatform) {
		metav1.SetMetaDataAnnotation(&p.ObjectMeta, key, value)
		if value == "" {
			delete(p.Annotations, key)
		}
	})
}

// coached is a coach's account with something that has no place in it.
func coached(what string, change func(*v1alpha1.PayoutAccount)) breach {
	return breach{
		what: what, by: byKubernetes, controls: []string{objects1},
		do: func(w *world) {
			account := w.coach()
			change(account)
			w.create(account)
			w.later(func(w *world) {
				w.must("removing an account", w.client.Get(w.Context(), client.ObjectKeyFromObject(account), account))
				account.Finalizers = nil
				w.must("removing an account", w.client.Update(w.Context(), account))
				w.must("removing an account", client.IgnoreNotFound(w.client.Delete(w.Context(), account)))
			})
		},
		repair: ended,
	}
}

// coach is a coach's account of the platform.
func (w *world) coach() *v1alpha1.PayoutAccount {
	return &v1alpha1.PayoutAccount{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.platform.Namespace, Name: coach},
		Spec:       v1alpha1.PayoutAccountSpec{PlatformName: w.platform.Name, CoachID: coach, Country: "DE"},
	}
}

// column is one that the app makes. Without a statement it is in a temporary table, as long as a session is open.
func column(what, do, undo string) breach {
	if do != "" {
		return breach{what: what, by: bySQL, controls: []string{columns}, do: asApp(do), repair: asApp(undo)}
	}
	return breach{
		what: what, by: bySQL, controls: []string{columns}, repair: ended,
		do: func(w *world) {
			w.Helper()
			conn, err := w.try(app, w.password(app), "coach")
			w.must("opening a session", err)
			w.later(func(w *world) { _ = conn.Close(w.Context()) })
			_, err = conn.Exec(w.Context(), "CREATE TEMPORARY TABLE t (iban text)")
			w.must("creating a temporary table", err)
		},
	}
}

// unreadable is an API server that does not say what it has.
func unreadable(what string, err error) blindness {
	return blindness{
		what: what, by: byKubernetes, controls: []string{objects1},
		do: func(w *world) { w.objects.set(err) }, undo: func(w *world) { w.objects.set(nil) },
	}
}

// window is how the operator reads the tenant's objects, which a test can shut.
type window struct {
	client.Reader
	mu  sync.Mutex
	err error
}

func (v *window) set(err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.err = err
}

func (v *window) shut() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.err
}

// Get implements client.Reader.
func (v *window) Get(ctx context.Context, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
	if err := v.shut(); err != nil {
		return err
	}
	return v.Reader.Get(ctx, key, object, options...)
}

// List implements client.Reader.
func (v *window) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	if err := v.shut(); err != nil {
		return err
	}
	return v.Reader.List(ctx, list, options...)
}
