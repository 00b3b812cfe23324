package kms

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/identity"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/policy"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/versions"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/wire"
)

// newKey is an enabled key whose policy leaves access to the account's IAM.
func (r *region) newKey(description string) Key {
	id := uuid.NewString()
	return Key{
		ID: id, ARN: r.arn("key/" + id), Account: r.account, Description: description, State: enabled, Created: r.now(),
		Policy: `{"Version":"2012-10-17","Id":"key-default-1","Statement":[{"Sid":"Enable IAM User Permissions",` +
			`"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + r.account + `:root"},"Action":"kms:*","Resource":"*"}]}`,
	}
}

func (r *region) createKey(call identity.Call, in input) (any, error) {
	if (in.KeySpec != "" && in.KeySpec != spec) || (in.KeyUsage != "" && in.KeyUsage != usage) || in.MultiRegion ||
		(in.Origin != "" && in.Origin != "AWS_KMS") {
		return nil, wire.Errorf(http.StatusNotImplemented, "NotImplementedException", "the sandbox has symmetric single-region keys only")
	}
	key := r.newKey(in.Description)
	if in.Policy != "" {
		if err := r.checkPolicy(call, in); err != nil {
			return nil, err
		}
		key.Policy = in.Policy
	}
	var err error
	if key.Tags, err = mergeTags(nil, in.Tags); err != nil {
		return nil, err
	}
	r.put(key)
	return key.describe(), nil
}

func (r *region) describeKey(call identity.Call, in input) (any, error) {
	key, err := r.find(in.KeyID, true, versions.View{Stale: call.Stale})
	if err != nil {
		return nil, err
	}
	return key.describe(), nil
}

func (r *region) listKeys(call identity.Call, in input) (any, error) {
	type entry struct {
		KeyArn string `json:"KeyArn"`
		KeyID  string `json:"KeyId"`
	}
	var entries []entry
	for _, key := range r.keys.All(r.listing(call)) {
		if !r.gone(key) {
			entries = append(entries, entry{key.ARN, key.ID})
		}
	}
	page, next, err := paginate(in, entries, 100, 1000)
	return struct {
		Keys       []entry
		NextMarker string `json:",omitempty"`
		Truncated  bool
	}{page, next, next != ""}, err
}

func (r *region) updateDescription(_ identity.Call, in input) (any, error) {
	key, err := r.customers(in.KeyID)
	if err != nil {
		return nil, err
	}
	key.Description = in.Description
	r.put(key)
	return nil, nil
}

func (r *region) enableKey(_ identity.Call, in input) (any, error) {
	return r.setState(in.KeyID, enabled)
}

func (r *region) disableKey(_ identity.Call, in input) (any, error) {
	return r.setState(in.KeyID, disabled)
}

func (r *region) setState(name, state string) (any, error) {
	key, err := r.customers(name)
	if err != nil {
		return nil, err
	}
	key.State = state
	r.put(key)
	return nil, nil
}

type deletion struct {
	KeyID               string     `json:"KeyId"`
	DeletionDate        *wire.Time `json:",omitempty"`
	KeyState            string     `json:",omitempty"`
	PendingWindowInDays int        `json:",omitempty"`
}

func (r *region) scheduleDeletion(_ identity.Call, in input) (any, error) {
	days := 30
	if in.PendingWindowInDays != nil {
		days = *in.PendingWindowInDays
	}
	if days < 7 || days > 30 {
		return nil, invalid("PendingWindowInDays must be between 7 and 30")
	}
	key, err := r.customers(in.KeyID)
	if err != nil {
		return nil, err
	}
	key.State, key.Deletion = pendingDeletion, r.now().Add(time.Duration(days)*24*time.Hour)
	r.put(key)
	date := wire.Time(key.Deletion)
	return deletion{KeyID: key.ARN, DeletionDate: &date, KeyState: key.State, PendingWindowInDays: days}, nil
}

func (r *region) cancelDeletion(_ identity.Call, in input) (any, error) {
	key, err := r.find(in.KeyID, false, versions.View{})
	if err != nil {
		return nil, err
	}
	if key.State != pendingDeletion {
		return nil, wire.Errorf(http.StatusBadRequest, "KMSInvalidStateException", "%s is not pending deletion.", key.ARN)
	}
	key.State, key.Deletion = disabled, time.Time{}
	r.put(key)
	return deletion{KeyID: key.ARN}, nil
}

func (r *region) enableRotation(_ identity.Call, in input) (any, error) {
	days := 365
	if in.RotationPeriodInDays != nil {
		days = *in.RotationPeriodInDays
	}
	if days < 90 || days > 2560 {
		return nil, invalid("RotationPeriodInDays must be between 90 and 2560")
	}
	return r.setRotation(in.KeyID, days)
}

func (r *region) disableRotation(_ identity.Call, in input) (any, error) {
	return r.setRotation(in.KeyID, 0)
}

func (r *region) setRotation(name string, days int) (any, error) {
	key, err := r.customers(name)
	if err != nil {
		return nil, err
	}
	if key.State == disabled {
		return nil, wire.Errorf(http.StatusBadRequest, "DisabledException", "%s is disabled.", key.ARN)
	}
	key.Rotation, key.NextRotated = days, r.now().AddDate(0, 0, days)
	r.put(key)
	return nil, nil
}

func (r *region) getRotation(call identity.Call, in input) (any, error) {
	key, err := r.find(in.KeyID, false, versions.View{Stale: call.Stale})
	if err != nil {
		return nil, err
	}
	status := struct {
		KeyID                string     `json:"KeyId"`
		KeyRotationEnabled   bool       `json:"KeyRotationEnabled"`
		RotationPeriodInDays int        `json:",omitempty"`
		NextRotationDate     *wire.Time `json:",omitempty"`
	}{KeyID: key.ARN}
	// While deletion is pending the key is not rotated.
	if key.Rotation > 0 && key.State != pendingDeletion {
		next := wire.Time(key.NextRotated)
		status.KeyRotationEnabled, status.RotationPeriodInDays, status.NextRotationDate = true, key.Rotation, &next
	}
	return status, nil
}

const policyName = "default"

func (r *region) getPolicy(call identity.Call, in input) (any, error) {
	key, err := r.find(in.KeyID, false, versions.View{Stale: call.Stale})
	if err != nil {
		return nil, err
	}
	if in.PolicyName != "" && in.PolicyName != policyName {
		return nil, notFound("No such policy exists")
	}
	return struct{ Policy, PolicyName string }{key.Policy, policyName}, nil
}

func (r *region) listPolicies(_ identity.Call, in input) (any, error) {
	if _, err := r.find(in.KeyID, false, versions.View{}); err != nil {
		return nil, err
	}
	return struct {
		PolicyNames []string
		Truncated   bool
	}{PolicyNames: []string{policyName}}, nil
}

func (r *region) putPolicy(call identity.Call, in input) (any, error) {
	if in.PolicyName != "" && in.PolicyName != policyName {
		return nil, invalid("The policy of a key is named default")
	}
	key, err := r.find(in.KeyID, false, versions.View{})
	if err != nil {
		return nil, err
	}
	if err := r.checkPolicy(call, in); err != nil {
		return nil, err
	}
	key.Policy = in.Policy
	r.put(key)
	return nil, nil
}

// checkPolicy refuses a document that cannot be read, and one that would lock its
// writer out.
func (r *region) checkPolicy(call identity.Call, in input) error {
	document, err := policy.Parse(in.Policy)
	if err != nil {
		return wire.Errorf(http.StatusBadRequest, "MalformedPolicyDocumentException", "%s", err)
	}
	decision := document.Evaluate(policy.Request{
		Action: "kms:PutKeyPolicy", Resource: "*", Principal: call.Caller.Names(), Keys: func(string) []string { return nil },
	})
	if decision != policy.Allow && !in.BypassPolicyLockoutSafetyCheck {
		return wire.Errorf(http.StatusBadRequest, "MalformedPolicyDocumentException",
			"The new key policy will not allow you to update the key policy in the future.")
	}
	return nil
}

func (r *region) tag(_ identity.Call, in input) (any, error) {
	key, err := r.customers(in.KeyID)
	if err != nil {
		return nil, err
	}
	if key.Tags, err = mergeTags(key.Tags, in.Tags); err != nil {
		return nil, err
	}
	r.put(key)
	return nil, nil
}

func (r *region) untag(_ identity.Call, in input) (any, error) {
	key, err := r.customers(in.KeyID)
	if err != nil {
		return nil, err
	}
	key.Tags = slices.DeleteFunc(slices.Clone(key.Tags), func(t Tag) bool { return slices.Contains(in.TagKeys, t.Key) })
	r.put(key)
	return nil, nil
}

func (r *region) listTags(call identity.Call, in input) (any, error) {
	key, err := r.find(in.KeyID, false, versions.View{Stale: call.Stale})
	if err != nil {
		return nil, err
	}
	tags := slices.SortedFunc(slices.Values(key.Tags), func(a, b Tag) int { return strings.Compare(a.Key, b.Key) })
	page, next, err := paginate(in, tags, 50, 50)
	return struct {
		Tags       []Tag
		NextMarker string `json:",omitempty"`
		Truncated  bool
	}{page, next, next != ""}, err
}
