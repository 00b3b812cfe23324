package env

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/procfs"
	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/client-go/util/cert"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// OperatorNamespace is where the operator lives.
	OperatorNamespace = "coach-system"
	// OperatorUser is who it is to the API server.
	OperatorUser = "system:serviceaccount:" + OperatorNamespace + ":" + operatorName
	operatorName = "coach-operator"
	// tokenTime is how long the operator's token is good for.
	tokenTime = 4 * time.Hour
)

// Operator is the operator as it is shipped: its program with its default flags, but for addresses, as
// a process that may do in the cluster what config/rbac says.
type Operator struct {
	dir, logs, program string
	environment        []string
	// metrics is the address of its metrics, which client reads with the token.
	metrics, token string
	client         *http.Client
	run            *process
	starts         int
	sandbox        *Sandbox
}

// Operator gives the operator its rights; Start starts it. Its logs go to a folder of the
// caller's.
func (c *Cluster) Operator(t testing.TB, account *Account, logs string) *Operator {
	t.Helper()
	o := &Operator{dir: t.TempDir(), logs: logs, sandbox: account.sandbox}
	repository, err := root()
	if err != nil {
		t.Fatal(err)
	}
	o.program, err = program(t.Context(), "manager", o.dir, func(ctx context.Context, file string) *exec.Cmd {
		return exec.CommandContext(ctx, filepath.Join(repository, "hack", "build"), file)
	})
	if err != nil {
		t.Fatal(err)
	}
	shipped, err := shippedEnvironment(repository)
	if err != nil {
		t.Fatal(err)
	}
	if o.metrics, err = freeAddress(t.Context()); err == nil {
		err = errors.Join(c.grant(t.Context(), repository, o.dir), c.identify(t.Context(), o), o.certify())
	}
	if err != nil {
		t.Fatalf("preparing the operator: %v", err)
	}
	o.environment = slices.Concat(shipped, []string{
		"KUBECONFIG=" + o.kubeconfig(), "POD_NAMESPACE=" + OperatorNamespace, "TMPDIR=" + o.dir,
		"AWS_ENDPOINT_URL=" + account.sandbox.AWS, "AWS_CA_BUNDLE=" + account.sandbox.CA, "AWS_REGION=" + account.Region,
		"AWS_ACCESS_KEY_ID=" + account.ID, "AWS_SECRET_ACCESS_KEY=sandbox", "SSL_CERT_FILE=" + account.sandbox.CA,
	})
	t.Cleanup(func() {
		if o.run != nil {
			o.Stop(t)
		}
	})
	return o
}

// shippedEnvironment is what config/manager sets for the operator: how much memory it takes, and for how much
// processor time. What the cluster fills in, the namespace, is left out.
func shippedEnvironment(repository string) ([]string, error) {
	file, err := os.Open(filepath.Join(repository, "config", "manager", "manager.yaml"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // it was only read
	var all []string
	for decoder := yaml.NewYAMLOrJSONDecoder(file, 4096); ; {
		var deployment appsv1.Deployment
		if err := decoder.Decode(&deployment); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, fmt.Errorf("reading the deployment of the operator: %w", err)
		}
		for _, container := range deployment.Spec.Template.Spec.Containers {
			for _, variable := range container.Env {
				if variable.ValueFrom == nil {
					all = append(all, variable.Name+"="+variable.Value)
				}
			}
		}
	}
}

func (o *Operator) kubeconfig() string { return filepath.Join(o.dir, "kubeconfig") }

func freeAddress(ctx context.Context) (string, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("finding a free port: %w", err)
	}
	return listener.Addr().String(), listener.Close()
}

// grant creates the operator's namespace and its rights, from the manifests.
func (c *Cluster) grant(ctx context.Context, repository, dir string) error {
	admin := filepath.Join(dir, "admin.kubeconfig")
	if err := os.WriteFile(admin, c.environment.KubeConfig, 0o600); err != nil {
		return err
	}
	kubectl := filepath.Join(c.assets, "kubectl")
	config := filepath.Join(repository, "config")
	for _, what := range [][]string{{"-f", filepath.Join(config, "manager", "namespace.yaml")}, {"-k", filepath.Join(config, "rbac")}} {
		apply := exec.CommandContext(ctx, kubectl, append([]string{"--kubeconfig", admin, "apply"}, what...)...)
		if out, err := apply.CombinedOutput(); err != nil {
			return fmt.Errorf("applying %s: %w: %s", what[1], err, out)
		}
	}
	return nil
}

// Grant lets the operator keep Secrets in tenants' namespaces, as config/samples/grant.yaml does in one.
func (c *Cluster) Grant(t testing.TB, namespaces ...string) {
	t.Helper()
	repository, err := root()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(repository, "config", "samples", "grant.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, namespace := range namespaces {
		documents := yaml.NewYAMLToJSONDecoder(bytes.NewReader(text))
		for {
			object := &unstructured.Unstructured{}
			if err = documents.Decode(object); err != nil {
				break
			}
			object.SetNamespace(namespace)
			if err = c.Client.Create(t.Context(), object); err != nil {
				break
			}
		}
		if !errors.Is(err, io.EOF) {
			t.Fatalf("granting the operator the namespace %s: %v", namespace, err)
		}
	}
}

// identify writes the operator's kubeconfig, and lets its metrics be read.
func (c *Cluster) identify(ctx context.Context, o *Operator) error {
	token, err := c.token(ctx, operatorName)
	if err != nil {
		return err
	}
	server, _, err := rest.DefaultServerUrlFor(c.Config)
	if err != nil {
		return fmt.Errorf("finding the API server: %w", err)
	}
	const name = "test"
	config := clientcmdapi.NewConfig()
	config.Clusters[name] = &clientcmdapi.Cluster{Server: server.String(), CertificateAuthorityData: c.Config.CAData}
	config.AuthInfos[name] = &clientcmdapi.AuthInfo{Token: token}
	config.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name}
	config.CurrentContext = name
	if err := clientcmd.WriteToFile(*config, o.kubeconfig()); err != nil {
		return fmt.Errorf("writing the operator's kubeconfig: %w", err)
	}
	reader := metav1.ObjectMeta{Namespace: OperatorNamespace, Name: "metrics-reader"}
	for _, object := range []client.Object{
		&corev1.ServiceAccount{ObjectMeta: reader},
		&rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: reader.Name},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "system:monitoring"},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: reader.Namespace, Name: reader.Name}},
		},
	} {
		if err := c.Client.Create(ctx, object); err != nil {
			return fmt.Errorf("letting metrics be read: %w", err)
		}
	}
	o.token, err = c.token(ctx, reader.Name)
	return err
}

// token returns a token of a service account in the operator's namespace.
func (c *Cluster) token(ctx context.Context, name string) (string, error) {
	request := &authenticationv1.TokenRequest{
		Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: new(int64(tokenTime.Seconds()))},
	}
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: OperatorNamespace, Name: name}}
	if err := c.Client.SubResource("token").Create(ctx, account, request); err != nil {
		return "", fmt.Errorf("requesting a token of %s: %w", name, err)
	}
	return request.Status.Token, nil
}

// certify gives the metrics endpoint a certificate that can be verified, where the operator reads one.
func (o *Operator) certify() error {
	chain, key, err := cert.GenerateSelfSignedCertKey("127.0.0.1", nil, nil)
	if err != nil {
		return fmt.Errorf("creating a certificate: %w", err)
	}
	dir := filepath.Join(o.dir, "k8s-metrics-server", "serving-certs")
	if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, "tls.crt"), chain, 0o600),
		os.WriteFile(filepath.Join(dir, "tls.key"), key, 0o600)); err != nil {
		return err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(chain)
	o.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13}}}
	return nil
}

// Receiver prepares the operator to receive Stripe's events under a name, and returns where it will and the
// flags for it. The sandbox is to resolve the name to that address.
func (o *Operator) Receiver(t testing.TB, name string) (address string, flags []string) {
	t.Helper()
	dir := filepath.Join(o.dir, "receiver")
	certificate := exec.CommandContext(t.Context(), o.sandbox.program,
		"certificate", "-state", o.sandbox.dir, "-out", dir, name)
	if out, err := certificate.CombinedOutput(); err != nil {
		t.Fatalf("creating the receiver's certificate: %v: %s", err, out)
	}
	address, err := freeAddress(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return address, []string{"--stripe-webhook-bind-address", address, "--stripe-webhook-cert-dir", dir}
}

// Start starts the operator and returns when it serves, which is before it leads. The flags come after
// those for its addresses.
func (o *Operator) Start(t testing.TB, flags ...string) {
	t.Helper()
	o.starts++
	addresses := []string{"--metrics-bind-address", o.metrics, "--health-probe-bind-address", "0"}
	run, err := o.sandbox.resolving(o.dir, o.program, append(addresses, flags...))
	if err != nil {
		t.Fatalf("preparing the operator: %v", err)
	}
	run.Env = append(slices.Clone(o.environment), "PATH="+os.Getenv("PATH"))
	if o.run, err = launch(run, filepath.Join(o.logs, fmt.Sprintf("manager-%d.log", o.starts))); err == nil {
		err = o.run.await(readyTime, func() bool {
			_, err := o.scrape(t.Context())
			return err == nil
		})
	}
	if err != nil {
		t.Fatalf("starting the operator: %v", err)
	}
}

// Stop ends the operator as an upgrade does.
func (o *Operator) Stop(t testing.TB) {
	t.Helper()
	run := o.run
	o.run = nil
	if err := run.stop(); err != nil {
		t.Errorf("the operator: %v", err)
	}
}

// Kill ends the operator as the loss of its node does.
func (o *Operator) Kill(t testing.TB) {
	t.Helper()
	if err := o.run.cmd.Process.Kill(); err != nil {
		t.Errorf("killing the operator: %v", err)
	}
	<-o.run.ended
	o.run = nil
}

// Usage is what the operator's process takes.
type Usage struct {
	// Memory is resident now, and Peak the most that ever was, in bytes.
	Memory, Peak uint64
	// CPU is the time that it has used, in seconds.
	CPU float64
}

// Usage returns what the running operator takes.
func (o *Operator) Usage(t testing.TB) Usage {
	t.Helper()
	process, err := procfs.NewProc(o.run.cmd.Process.Pid)
	if err != nil {
		t.Fatalf("reading the operator's process: %v", err)
	}
	status, err := process.NewStatus()
	if err != nil {
		t.Fatalf("reading the operator's memory: %v", err)
	}
	stat, err := process.Stat()
	if err != nil {
		t.Fatalf("reading the operator's processor time: %v", err)
	}
	return Usage{Memory: status.VmRSS, Peak: status.VmHWM, CPU: stat.CPUTime()}
}

// Count returns the sum of a counter of the operator over all series that carry the labels.
func (o *Operator) Count(t testing.TB, metric string, labels map[string]string) float64 {
	t.Helper()
	families, err := o.scrape(t.Context())
	if err != nil {
		t.Fatalf("reading the operator's metrics: %v", err)
	}
	sum := 0.0
	for _, series := range families[metric].GetMetric() {
		matching := 0
		for _, l := range series.GetLabel() {
			if want, ok := labels[l.GetName()]; ok && want == l.GetValue() {
				matching++
			}
		}
		if matching == len(labels) {
			sum += series.GetCounter().GetValue() + series.GetGauge().GetValue()
		}
	}
	return sum
}

func (o *Operator) scrape(ctx context.Context) (map[string]*dto.MetricFamily, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+o.metrics+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+o.token)
	response, err := o.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }() // it was read
	if response.StatusCode != http.StatusOK {
		return nil, errors.New(response.Status)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	return parser.TextToMetricFamilies(response.Body)
}
