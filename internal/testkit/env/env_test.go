package env_test

import (
	"os"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/aws"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

func TestMain(m *testing.M) { os.Exit(env.Main(m)) }

func TestAnAccountIsReadyAndItsCallsAreItsOwn(t *testing.T) {
	sandbox := env.StartSandbox(t)
	mine, other := sandbox.Account(t), sandbox.Account(t)

	who, err := sts.NewFromConfig(mine.Administrator(t)).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if err != nil {
		t.Fatalf("getting the administrator's identity: %v", err)
	}
	if *who.Account != mine.ID {
		t.Errorf("the administrator is in account %s, want %s", *who.Account, mine.ID)
	}
	account := mine.Sessions(t, aws.Options{}).Account(mine.Class())
	if err := account.Prove(t.Context(), true); err != nil {
		t.Errorf("the operator cannot become the class's role: %v", err)
	}
	if _, err := account.KMS.ListKeys(t.Context(), &kms.ListKeysInput{}); err != nil {
		t.Errorf("listing keys: %v", err)
	}
	var got []string
	for _, c := range mine.Calls(t, 0) {
		got = append(got, c.Action())
	}
	want := []string{"sts:GetCallerIdentity", "sts:AssumeRole", "sts:GetCallerIdentity", "kms:ListKeys"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("calls of the account (-want +got):\n%s", diff)
	}
	if calls := other.Calls(t, 0); len(calls) != 0 {
		t.Errorf("another account saw calls: %v", calls)
	}
}

func TestAFaultStrikesTheCallsOfItsAccountOnly(t *testing.T) {
	sandbox := env.StartSandbox(t)
	struck, spared := sandbox.Account(t), sandbox.Account(t)
	id := struck.InjectFault(t, env.InjectedFault{Service: "sts", Kind: env.Failure, Code: "AccessDenied", Status: 403})

	for _, c := range []struct {
		account *env.Account
		fails   bool
	}{{struck, true}, {spared, false}} {
		_, err := sts.NewFromConfig(c.account.Administrator(t)).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
		if (err != nil) != c.fails {
			t.Errorf("account %s: error %v, want one: %t", c.account.ID, err, c.fails)
		}
	}
	if state := sandbox.InjectedFaultOf(t, id); state.Hits == 0 {
		t.Errorf("the fault never struck: %+v", state)
	}
	struck.ClearInjectedFaults(t)
	if _, err := sts.NewFromConfig(struck.Administrator(t)).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}); err != nil {
		t.Errorf("a fault that was cleared still strikes: %v", err)
	}
}

func TestDefaultsAreThoseOfTheAPIServer(t *testing.T) {
	cluster := env.APIServer(t)
	want := env.Platform(t).Spec
	bare := &v1alpha1.CoachPlatform{
		ObjectMeta: metav1.ObjectMeta{Name: "bare", Namespace: metav1.NamespaceDefault},
		Spec:       v1alpha1.CoachPlatformSpec{ClassName: want.ClassName, DisplayName: want.DisplayName},
	}
	if err := cluster.Client.Create(t.Context(), bare); err != nil {
		t.Fatalf("creating the platform: %v", err)
	}
	if diff := cmp.Diff(want, bare.Spec); diff != "" {
		t.Errorf("the API server sets other defaults (-env +server):\n%s", diff)
	}
}
