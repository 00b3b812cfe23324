//go:build bench

package bench

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/procfs"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/config"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

var (
	count   = flag.Int("platforms", 200, "how many platforms there are")
	coaches = flag.Int("accounts", 10_000, "how many payout accounts there are, of one platform")
	folder  = flag.String("out", "", "folder that the report is written to; default a new one")
)

// pace is how long one state of a database lasts. AWS takes minutes; they would only be waited for.
const pace = 100 * time.Millisecond

// namespaces is how many namespaces share the platforms.
const namespaces = 10

func TestMain(m *testing.M) {
	logf.SetLogger(logr.Discard())
	os.Exit(env.Main(m))
}

// world is the operator with what it runs against.
type world struct {
	t        *testing.T
	cluster  *env.Cluster
	account  *env.Account
	operator *env.Operator
	// settings are the operator's defaults.
	settings *config.Config
	report   *Report
	began    time.Time
	// ready is when all platforms were.
	ready time.Time
}

func newWorld(t *testing.T) *world {
	t.Helper()
	if err := makeFolder(); err != nil {
		t.Fatalf("creating a folder for the report: %v", err)
	}
	w := &world{
		t: t, began: time.Now(), settings: config.Bind(flag.NewFlagSet("manager", flag.ContinueOnError), env.OperatorNamespace),
		report: &Report{Date: time.Now().UTC(), Cores: runtime.NumCPU()},
	}
	w.say("API server")
	w.cluster = env.AuditedAPIServer(t)
	w.say("sandbox AWS, with a PostgreSQL behind each database")
	w.account = env.StartSandbox(t, env.WithDataPlane()).Account(t)
	text, limits := pace.String(), true
	w.account.Sandbox().Set(t, w.account.ID, env.Settings{Pace: &text, Limits: &limits})
	w.say("operator")
	w.operator = w.cluster.Operator(t, w.account, *folder)
	return w
}

func makeFolder() (err error) {
	if *folder == "" {
		*folder, err = os.MkdirTemp("", "coach-bench-")
		return err
	}
	return os.MkdirAll(*folder, 0o700)
}

// say prints what begins, with the seconds since the start.
func (w *world) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%5ds  %s\n", int(time.Since(w.began).Seconds()), fmt.Sprintf(format, args...))
}

// until polls, and ends the benchmark when the time is over.
func (w *world) until(limit, interval time.Duration, what string, done func() bool) {
	w.t.Helper()
	deadline := time.Now().Add(limit)
	for !done() {
		if time.Now().After(deadline) {
			w.t.Fatalf("%s: not within %s; the operator's log is in %s", what, limit, *folder)
		}
		w.pass(interval)
	}
}

// pass lets time go by.
func (w *world) pass(d time.Duration) {
	select {
	case <-time.After(d):
	case <-w.t.Context().Done():
		w.t.Fatal("the benchmark was ended")
	}
}

// prepare creates the class, and the namespaces with their grants.
func (w *world) prepare() {
	w.t.Helper()
	class := w.account.Class()
	objects := []client.Object{&v1alpha1.PlatformClass{ObjectMeta: metav1.ObjectMeta{Name: class.Name}, Spec: class.Spec}}
	for i := range namespaces {
		objects = append(objects, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace(i)}})
	}
	for _, o := range objects {
		if err := w.cluster.Client.Create(w.t.Context(), o); err != nil {
			w.t.Fatalf("creating a %T: %v", o, err)
		}
	}
	for i := range namespaces {
		w.cluster.Grant(w.t, namespace(i))
	}
}

// create creates the platforms from the given one on, as fast as the API server takes them.
func (w *world) create(from int) {
	w.t.Helper()
	group, ctx := errgroup.WithContext(w.t.Context())
	group.SetLimit(namespaces)
	for i := from; i < *count; i++ {
		group.Go(func() error { return w.cluster.Client.Create(ctx, platform(i)) })
	}
	if err := group.Wait(); err != nil {
		w.t.Fatalf("creating the platforms: %v", err)
	}
}

func namespace(i int) string { return fmt.Sprintf("tenant-%02d", i%namespaces) }

func platform(i int) *v1alpha1.CoachPlatform {
	p := &v1alpha1.CoachPlatform{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace(i), Name: fmt.Sprintf("studio-%04d", i)},
		Spec:       v1alpha1.CoachPlatformSpec{ClassName: env.ClassName, DisplayName: fmt.Sprintf("Studio %d", i)},
	}
	p.Spec.Database.AllowFrom.CIDRs = []string{"10.20.0.0/24"}
	return p
}

// all returns all platforms.
func (w *world) all(ctx context.Context) []v1alpha1.CoachPlatform {
	w.t.Helper()
	var list v1alpha1.CoachPlatformList
	if err := w.cluster.Client.List(ctx, &list); err != nil {
		w.t.Fatalf("listing the platforms: %v", err)
	}
	return list.Items
}

// machine is how long the machine's processors have worked, and how long they could have, in seconds.
func (w *world) machine() (busy, whole float64) {
	w.t.Helper()
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		w.t.Fatalf("reading the machine: %v", err)
	}
	stat, err := fs.Stat()
	if err != nil {
		w.t.Fatalf("reading the machine's processors: %v", err)
	}
	memory, err := fs.Meminfo()
	if err != nil {
		w.t.Fatalf("reading the machine's memory: %v", err)
	}
	if memory.MemTotalBytes != nil {
		w.report.MemoryGiB = float64(*memory.MemTotalBytes) / (1 << 30)
	}
	cpu := stat.CPUTotal
	busy = cpu.User + cpu.Nice + cpu.System + cpu.IRQ + cpu.SoftIRQ
	return busy, busy + cpu.Idle + cpu.Iowait + cpu.Steal
}

// print prints and keeps what was measured.
func (w *world) print() {
	w.t.Helper()
	file := filepath.Join(*folder, "figures.json")
	if err := errors.Join(w.report.Save(file), w.report.Print(os.Stdout)); err != nil {
		w.t.Error(err)
	}
	fmt.Printf("\nAll of it: %s\n", file)
}
