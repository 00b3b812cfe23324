//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
)

const (
	// clientImage is the application of TestAPodThatHasOnlyTheSecret..., as the node knows it.
	clientImage = "localhost/coach-client:e2e"
	// kills is how often the operator dies meanwhile, and longest the longest time between two deaths.
	kills   = 5
	longest = 4 * time.Second
)

// grant lets the operator keep Secrets in a namespace, as a cluster operator does.
func (d demo) grant(t *testing.T, namespace string) {
	t.Helper()
	manifest := d.run(t, filepath.Join(d.dir, "bin", "kubectl-coach"), "grant", namespace)
	apply := exec.CommandContext(t.Context(), d.kubectl(t), "--kubeconfig", filepath.Join(d.dir, "kubeconfig"), "apply", "-f", "-")
	apply.Stdin = bytes.NewReader(manifest)
	if out, err := apply.CombinedOutput(); err != nil {
		t.Fatalf("granting: %v: %s", err, out)
	}
}

// kubectl is the program of the node's version.
func (d demo) kubectl(t *testing.T) string {
	t.Helper()
	return filepath.Join(strings.TrimSpace(string(d.run(t, "../../../hack/cluster/bin"))), "kubectl")
}

// image builds the application and puts it on the node.
func (d demo) image(t *testing.T) {
	t.Helper()
	program := filepath.Join(t.TempDir(), "client")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", program, "./client")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the application: %v: %s", err, out)
	}
	d.run(t, "../../../hack/cluster/load", program, clientImage)
}

// application is a pod that has a Secret and nothing else.
func application(namespace, secret string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "application"},
		Spec: corev1.PodSpec{
			RestartPolicy: corev1.RestartPolicyNever, AutomountServiceAccountToken: new(false),
			SecurityContext: &corev1.PodSecurityContext{
				RunAsNonRoot: new(true), RunAsUser: new(int64(65532)),
				SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
			},
			Containers: []corev1.Container{{
				Name: "application", Image: clientImage, ImagePullPolicy: corev1.PullNever,
				SecurityContext: &corev1.SecurityContext{
					AllowPrivilegeEscalation: new(false), ReadOnlyRootFilesystem: new(true),
					Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
				},
				VolumeMounts: []corev1.VolumeMount{{Name: "binding", MountPath: "/binding", ReadOnly: true}},
			}},
			Volumes: []corev1.Volume{{
				Name: "binding", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: secret}},
			}},
		},
	}
}

var progress = regexp.MustCompile(`rounds (\d+) failures (\d+)`)

// said is what the application has printed.
func (d demo) said(t *testing.T, pod *corev1.Pod) string {
	t.Helper()
	set, err := kubernetes.NewForConfig(d.config)
	if err != nil {
		t.Fatal(err)
	}
	text, err := set.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, &corev1.PodLogOptions{}).DoRaw(t.Context())
	if err != nil {
		return "" // it has not started yet
	}
	return string(text)
}

// rounds are how many the application has made, and how many of them failed.
func (d demo) rounds(t *testing.T, pod *corev1.Pod) (made, failed int) {
	t.Helper()
	all := progress.FindAllStringSubmatch(d.said(t, pod), -1)
	if len(all) == 0 {
		return 0, 0
	}
	last := all[len(all)-1]
	made, _ = strconv.Atoi(last[1])
	failed, _ = strconv.Atoi(last[2])
	return made, failed
}

// killOperator ends one of the operator's pods, any of them, at once.
func (d demo) killOperator(t *testing.T) {
	t.Helper()
	var pods corev1.PodList
	if err := d.List(t.Context(), &pods, client.InNamespace(system), client.MatchingLabels{"app.kubernetes.io/name": "coach-operator"}); err != nil {
		t.Fatal(err)
	}
	if len(pods.Items) == 0 {
		return // all are on their way back
	}
	victim := &pods.Items[rand.IntN(len(pods.Items))]
	if err := client.IgnoreNotFound(d.Delete(t.Context(), victim, client.GracePeriodSeconds(0))); err != nil {
		t.Fatal(err)
	}
}

func TestAPodThatHasOnlyTheSecretUsesItsDatabaseWhileTheOperatorIsKilled(t *testing.T) {
	d := running(t)
	p := d.platform(t, "tenant-acme", "acme")
	if p.Status.Binding.Name != "acme-database" {
		t.Fatalf("status.binding names %q", p.Status.Binding.Name)
	}
	d.image(t)
	pod := application("tenant-acme", p.Status.Binding.Name)
	if err := d.Create(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Delete(context.WithoutCancel(t.Context()), pod, client.GracePeriodSeconds(1)); err != nil {
			t.Errorf("clearing up: %v", err)
		}
	})
	least := 5
	enough := func() string {
		if made, _ := d.rounds(t, pod); made < least {
			return fmt.Sprintf("%d rounds of %d: %s", made, least, d.said(t, pod))
		}
		return ""
	}
	eventually(t, soon, enough)
	other := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: "acme-database-reader"}}
	if err := d.Delete(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	for range kills {
		d.killOperator(t)
		<-time.After(rand.N(longest)) // deaths come when they come
	}
	made, _ := d.rounds(t, pod)
	least = made + 10
	eventually(t, soon, enough)
	eventually(t, soon, func() string {
		if err := d.Get(t.Context(), client.ObjectKeyFromObject(other), other); err != nil {
			return fmt.Sprintf("the Secret that was deleted is not back: %v", err)
		}
		if now := d.platform(t, "tenant-acme", "acme"); !meta.IsStatusConditionTrue(now.Status.Conditions, v1alpha1.ConditionReady) {
			return fmt.Sprintf("not Ready: %+v", meta.FindStatusCondition(now.Status.Conditions, v1alpha1.ConditionReady))
		}
		return ""
	})
	text := d.said(t, pod)
	if !strings.Contains(text, "refused without TLS") {
		t.Errorf("the application did not see plaintext refused: %s", text)
	}
	if made, failed := d.rounds(t, pod); failed > 0 {
		t.Errorf("%d of %d rounds failed: %s", failed, made, text)
	}
}
