package flip_test

import (
	"strings"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
)

const (
	rotation, usable, policy = "CP-KEY-01", "CP-KEY-02", "CP-KEY-03"
)

// key are breaches of the tenant's key.
var key = family{
	name: "key", major: "17",
	breaches: []breach{
		{what: "rotation switched off", by: byAWS, controls: []string{rotation}, do: stopRotation},
		{what: "rotation switched off by the sandbox, past AWS's API", by: bySabotage, controls: []string{rotation}, do: sabotage("rotation-off")},
		{
			what: "the key's deletion scheduled in a week, which ends its rotation", by: byAWS, controls: []string{rotation, usable},
			do: scheduleDeletion(7),
		},
		{
			what: "the key's deletion scheduled in a month, which ends its rotation", by: byAWS, controls: []string{rotation, usable},
			do: scheduleDeletion(30),
		},
		{
			what: "the key's deletion scheduled by the sandbox, past AWS's API", by: bySabotage, controls: []string{rotation, usable},
			do: sabotage("schedule-key-deletion"),
		},
		{what: "the key disabled", by: byAWS, controls: []string{usable}, do: disableKey},
		{what: "the key's deletion scheduled and cancelled, which leaves it disabled", by: byAWS, controls: []string{usable}, do: cancelDeletion},
		{
			what: "rotation switched off and the key disabled", by: byAWS, controls: []string{rotation, usable},
			do: func(w *world) { stopRotation(w); disableKey(w) },
		},
		rewrite("the policy opened to everybody", `"Principal":{"AWS":"*"},"Action":"kms:*"`),
		rewrite("the policy opened to everybody, in the short form", `"Principal":"*","Action":"kms:Decrypt"`),
		rewrite("the policy opened to everybody, in a list", `"Principal":{"AWS":["111122223333","*"]},"Action":"kms:Decrypt"`),
		rewrite("the policy opened to everybody but one", `"NotPrincipal":{"AWS":"111122223333"},"Action":"kms:Decrypt"`),
		rewrite("the policy opened to everybody, on a condition", `"Principal":{"AWS":"*"},"Action":"kms:Decrypt","Condition":{"Bool":{"aws:SecureTransport":"true"}}`),
		rewrite("the policy opened to another account", `"Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"kms:Decrypt"`),
		rewrite("the policy opened to one role of another account", `"Principal":{"AWS":"arn:aws:iam::111122223333:role/reader"},"Action":"kms:Decrypt"`),
		rewrite("the policy opened to one more service", `"Principal":{"Service":"lambda.amazonaws.com"},"Action":"kms:Decrypt"`),
		rewrite("grants by everybody in the policy", `"Principal":{"AWS":"*"},"Action":"kms:CreateGrant"`),
		rewrite("the class's role may use the key past RDS", `"Principal":{"AWS":"ROLE"},"Action":"kms:*"`),
		{
			what: "the policy replaced by KMS's default one", by: byAWS, controls: []string{policy},
			do: func(w *world) {
				w.must("putting a policy", w.putPolicy(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Resource":"*",`+
					`"Principal":{"AWS":"arn:aws:iam::`+w.account.ID+`:root"},"Action":"kms:*"}]}`))
			},
		},
		{
			what: "the condition that only RDS may use the key taken away", by: byAWS, controls: []string{policy},
			do: func(w *world) {
				w.must("putting a policy", w.putPolicy(strings.ReplaceAll(w.policy(), `"kms:ViaService"`, `"kms:EncryptionContext:any"`)))
			},
		},
	},
	refusals: []refusal{
		{
			what: "rotation after one day requested", by: byAWS, controls: []string{rotation}, answer: "RotationPeriodInDays",
			do: rotateEvery(1),
		},
		{
			what: "rotation after ten years requested", by: byAWS, controls: []string{rotation}, answer: "RotationPeriodInDays",
			do: rotateEvery(3650),
		},
		{
			what: "rotation after ten years in the spec", by: byKubernetes, controls: []string{rotation}, answer: "rotationDays",
			do: func(w *world) error {
				return w.tryEdit(func(p *v1alpha1.CoachPlatform) { p.Spec.Encryption.RotationDays = 3650 })
			},
		},
		{
			what: "a policy that locks everybody out", by: byAWS, controls: []string{policy}, answer: "not allow you to update",
			do: func(w *world) error {
				return w.putPolicy(`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"kms:*","Resource":"*"}]}`)
			},
		},
	},
}

// rewrite adds a statement to the key's policy.
func rewrite(what, statement string) breach {
	return breach{what: what, by: byAWS, controls: []string{policy}, do: func(w *world) {
		w.Helper()
		added := `"Statement":[{"Effect":"Allow","Resource":"*",` + strings.ReplaceAll(statement, "ROLE", w.account.RoleARN) + `},`
		w.must("putting a policy", w.putPolicy(strings.Replace(w.policy(), `"Statement":[`, added, 1)))
	}}
}

// keyID is that of the tenant's key.
func (w *world) keyID() string {
	arn := w.platform.Status.KeyARN
	return arn[strings.LastIndex(arn, "/")+1:]
}

func (w *world) policy() string {
	w.Helper()
	out, err := w.kms().GetKeyPolicy(w.Context(), &kms.GetKeyPolicyInput{KeyId: awssdk.String(w.keyID())})
	w.must("reading the policy", err)
	return *out.Policy
}

func (w *world) putPolicy(document string) error {
	w.Helper()
	_, err := w.kms().PutKeyPolicy(w.Context(), &kms.PutKeyPolicyInput{KeyId: awssdk.String(w.keyID()), Policy: &document})
	return err
}

func stopRotation(w *world) {
	w.Helper()
	_, err := w.kms().DisableKeyRotation(w.Context(), &kms.DisableKeyRotationInput{KeyId: awssdk.String(w.keyID())})
	w.must("switching rotation off", err)
}

func rotateEvery(days int32) func(*world) error {
	return func(w *world) error {
		w.Helper()
		_, err := w.kms().EnableKeyRotation(w.Context(), &kms.EnableKeyRotationInput{
			KeyId: awssdk.String(w.keyID()), RotationPeriodInDays: &days,
		})
		return err
	}
}

func scheduleDeletion(days int32) func(*world) {
	return func(w *world) {
		w.Helper()
		_, err := w.kms().ScheduleKeyDeletion(w.Context(), &kms.ScheduleKeyDeletionInput{
			KeyId: awssdk.String(w.keyID()), PendingWindowInDays: &days,
		})
		w.must("scheduling the key's deletion", err)
	}
}

func cancelDeletion(w *world) {
	w.Helper()
	scheduleDeletion(7)(w)
	_, err := w.kms().CancelKeyDeletion(w.Context(), &kms.CancelKeyDeletionInput{KeyId: awssdk.String(w.keyID())})
	w.must("cancelling the key's deletion", err)
}

func disableKey(w *world) {
	w.Helper()
	_, err := w.kms().DisableKey(w.Context(), &kms.DisableKeyInput{KeyId: awssdk.String(w.keyID())})
	w.must("disabling the key", err)
}
