package flip_test

import (
	"slices"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/evidence"
	"github.com/coachplatform/coach-operator/internal/scope"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

// Controls by who answers them.
var (
	ofKey      = []string{rotation, usable, policy}
	ofFirewall = []string{allowed, world1, egress}
	ofSQL      = []string{plaintext, sessions, extras, rights, public, verifiers, lends, columns}
	// ofCatalog are those that a refused login of the operator's does not answer by itself.
	ofCatalog = []string{plaintext, sessions, rights, public, lends, columns}
	// ofCloud are all that AWS or the database answers, and ofAll also what the API server does.
	ofCloud = func() (all []string) {
		for _, c := range evidence.Catalogue {
			if !evidence.OfStripe(c.ID) && c.ID != objects1 {
				all = append(all, c.ID)
			}
		}
		return all
	}()
	ofAll = append(slices.Clone(ofCloud), objects1)
)

// The ways in which observations fail, on a few platforms so that they need not wait for each other.
var (
	blindToKeys = family{name: "blind to keys", major: "16", blindnesses: slices.Concat(
		faults("the key's rotation", "kms", "GetKeyRotationStatus", ofKey),
		faults("the key's policy", "kms", "GetKeyPolicy", ofKey),
		faults("the key itself", "kms", "DescribeKey", append(slices.Clone(ofKey), "CP-DB-01")),
		faults("the list of keys", "tagging", "GetResources", ofKey),
	)}
	blindToNetworks = family{name: "blind to networks", major: "16", blindnesses: slices.Concat(
		faults("the security groups", "ec2", "DescribeSecurityGroups", append(slices.Clone(ofFirewall), oneGroup)),
		faults("the route tables", "ec2", "DescribeRouteTables", []string{"CP-DB-04"}),
		faults("the subnets", "ec2", "DescribeSubnets", []string{"CP-DB-04"}),
		faults("the VPC", "ec2", "DescribeVpcs", append(slices.Clone(ofFirewall), "CP-DB-04")),
	)}
	blindToInstances = family{name: "blind to instances", major: "16", blindnesses: slices.Concat(
		faults("the instance", "rds", "DescribeDBInstances", append(slices.Clone(ofInstance), ofSQL...)),
		faults("the parameters", "rds", "DescribeDBParameters", ofInstance),
	)}
)

// blind are the other ways.
var blind = family{
	name: "blind", major: "16",
	blindnesses: []blindness{
		{what: "the operator's role may do nothing any more", by: byAWS, controls: ofCloud, do: deny, undo: restore},
		{what: "the class names a role that does not exist", by: byKubernetes, controls: ofCloud, do: otherRole, undo: ended},
		{what: "the class trusts another authority than the server's", by: byKubernetes, controls: ofSQL, do: otherAuthority, undo: ended},
		{
			what: "the network to the database is cut", by: byNetwork, controls: ofSQL,
			do: func(w *world) { w.cable.set(true) }, undo: func(w *world) { w.cable.set(false) },
		},
		{what: "the database is stopped", by: byAWS, controls: ofSQL, do: stop, undo: start},
		{what: "other passwords of probe and master in the database than the stored ones", by: bySQL, controls: ofCatalog, do: misplace, undo: ended},
		{
			what: "the stored passwords of probe and master are deleted", by: byKubernetes, controls: []string{verifiers},
			do: func(w *world) { w.forget(probe, master) },
		},
		{
			what: "the stored password of the app is deleted", by: byKubernetes, controls: []string{verifiers},
			do: func(w *world) { w.forget(app) },
		},
		{
			what: "the app has no connection left", by: bySQL, controls: []string{verifiers},
			do: sql("ALTER ROLE coach_app CONNECTION LIMIT 0"),
		},
		{
			what: "the probe has no connection left", by: bySQL, controls: ofSQL,
			do: func(w *world) { w.later(w.hold(5, probe, w.password(probe))) }, undo: ended,
		},
		{
			what: "the probe may see no other sessions", by: bySQL, controls: []string{sessions},
			do: sql("REVOKE pg_monitor FROM coach_probe"),
		},
		{what: "a prefix list let in, whose addresses are unknown", by: byAWS, controls: []string{world1}, do: letListIn},
		{what: "the platform's tags taken from its security group", by: byAWS, controls: ofFirewall, do: untagGroup, undo: ended},
		{what: "the platform's tags taken from its database", by: byAWS, controls: ofInstance, do: untagInstance, undo: ended},
		{what: "the class is not there", by: byKubernetes, controls: ofAll, do: dropClass, undo: ended},
		{what: "the operator is gone, and the report has expired", by: byTime, controls: ofAll, do: expire, undo: revive},
	},
}

// failure is how a call fails.
type failure struct {
	how   string
	fault env.InjectedFault
}

// codes are what services answer to who has no permission, and when they fail themselves.
var codes = map[string][2]string{
	"kms": {"AccessDeniedException", "KMSInternalException"}, "rds": {"AccessDenied", "InternalFailure"},
	"ec2": {"UnauthorizedOperation", "InternalError"}, "tagging": {"AccessDeniedException", "InternalServiceException"},
	"logs": {"AccessDeniedException", "ServiceUnavailableException"},
}

// faults are the ways in which a call can fail.
func faults(what, service, operation string, controls []string) []blindness {
	all := make([]blindness, 0, 4)
	for _, f := range []failure{
		{"is denied", env.InjectedFault{Kind: env.Failure, Code: codes[service][0], Status: 403}},
		{"fails with an internal error", env.InjectedFault{Kind: env.Failure, Code: codes[service][1], Status: 500}},
		{"is throttled", env.InjectedFault{Kind: env.Throttle}},
		{"breaks off", env.InjectedFault{Kind: env.Drop}},
	} {
		f.fault.Service, f.fault.Operation = service, operation
		all = append(all, blindness{
			what: "reading " + what + " " + f.how + " (" + service + ":" + operation + ")", by: byAWS, controls: controls,
			do:   func(w *world) { w.account.InjectFault(w.T, f.fault) },
			undo: func(w *world) { w.account.ClearInjectedFaults(w.T) },
		})
	}
	return all
}

func deny(w *world) {
	w.Helper()
	w.account.Policy(w.T, `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}`)
}

func restore(w *world) {
	w.Helper()
	w.account.Policy(w.T, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`)
}

func otherRole(w *world) {
	w.Helper()
	before := w.class.Spec.Identity.RoleARN
	w.later(func(w *world) { w.editClass(func(c *v1alpha1.PlatformClassSpec) { c.Identity.RoleARN = before }) })
	w.editClass(func(c *v1alpha1.PlatformClassSpec) { c.Identity.RoleARN = before + "-gone" })
}

func otherAuthority(w *world) {
	w.Helper()
	before := w.class.Spec.CABundle
	w.later(func(w *world) { w.editClass(func(c *v1alpha1.PlatformClassSpec) { c.CABundle = before }) })
	w.editClass(func(c *v1alpha1.PlatformClassSpec) { c.CABundle = "" })
}

func stop(w *world) {
	w.Helper()
	_, err := w.rds().StopDBInstance(w.Context(), &rds.StopDBInstanceInput{DBInstanceIdentifier: awssdk.String(w.tenant.Resource())})
	w.must("stopping the instance", err)
	w.awaitState("stopped")
}

func start(w *world) {
	w.Helper()
	_, err := w.rds().StartDBInstance(w.Context(), &rds.StartDBInstanceInput{DBInstanceIdentifier: awssdk.String(w.tenant.Resource())})
	w.must("starting the instance", err)
	w.awaitState("available")
}

// misplace has the operator know neither of the passwords with which it reads: somebody else set others in the
// database, whose verifiers were not changed on RDS's side.
func misplace(w *world) {
	w.Helper()
	before := w.password(master)
	sql("ALTER ROLE coach_probe PASSWORD 'other'", "ALTER ROLE coach_master PASSWORD 'other'")(w)
	w.later(func(w *world) {
		w.must("setting the passwords back", w.as(master, "other", scope.DatabaseName, "ALTER ROLE coach_master PASSWORD '"+before+"'"))
	})
}

func untagGroup(w *world) {
	w.Helper()
	id := w.group()
	tags := ec2Tags(w.tenant.Tags())
	w.must("removing tags", w.untagEC2(id, tags))
	w.later(func(w *world) { w.must("setting tags", w.tagEC2(id, tags)) })
}

func untagInstance(w *world) {
	w.Helper()
	db := w.live()
	var keys []string
	for k := range w.tenant.Tags() {
		keys = append(keys, k)
	}
	_, err := w.rds().RemoveTagsFromResource(w.Context(), &rds.RemoveTagsFromResourceInput{ResourceName: db.DBInstanceArn, TagKeys: keys})
	w.must("removing tags", err)
	w.later(func(w *world) {
		_, err := w.rds().AddTagsToResource(w.Context(), &rds.AddTagsToResourceInput{ResourceName: db.DBInstanceArn, Tags: db.TagList})
		w.must("setting tags", err)
	})
}

// dropClass removes the class past its finalizer.
func dropClass(w *world) {
	w.Helper()
	again := &v1alpha1.PlatformClass{ObjectMeta: metav1.ObjectMeta{Name: w.class.Name}, Spec: *w.class.Spec.DeepCopy()}
	w.removeClass()
	w.later(func(w *world) { w.create(again) })
}

// expire reads the report as everybody who shows one does, once its time is up.
func expire(w *world) {
	w.Helper()
	w.expired = true
}

// revive lets the operator observe again.
func revive(w *world) { w.expired = false }
