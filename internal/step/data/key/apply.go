package key

import (
	"context"
	"errors"
	"slices"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/aws"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// leastWait is how soon a listing is read again: a new one is taken every few seconds only.
const leastWait = 2 * time.Second

// deletionDays is how long an extra key awaits its deletion: the longest that KMS offers.
const deletionDays = 30

// writer writes for one tenant.
type writer struct {
	api     *kms.Client
	account *aws.Account
	want    State
	id      string
}

func (r *resource) writer(in *scope.Platform, want State, id string) writer {
	account := r.sessions.Account(in.Class)
	return writer{api: kms.NewFromConfig(account.Write(in.Tenant)), account: account, want: want, id: id}
}

// Apply implements converge.Resource.
func (r *resource) Apply(
	ctx context.Context, in *scope.Platform, want State, got converge.Observation[State], changes []converge.Change,
) error {
	w := r.writer(in, want, got.State.ID)
	if !got.Exists {
		return aws.Classify(r.create(ctx, in, w))
	}
	defer w.account.KeyWritten(w.id)
	return aws.Classify(w.update(ctx, got.State, changes))
}

// create creates the key, once its absence is certain, with its rotation and its alias. Later steps of this pass
// use the key by KMS's answer.
func (r *resource) create(ctx context.Context, in *scope.Platform, w writer) error {
	place := location(w.account, in.Tenant)
	left := r.uncertain(place, w.account.Lag())
	first, err := r.first(ctx, in, place, left)
	if err != nil {
		return err
	}
	if left > 0 && !first {
		return fault.Wait(v1alpha1.ReasonConfirmingAbsence, max(left, leastWait),
			"waiting for a second listing without a key of this platform before one is created, since KMS listings lag")
	}
	var tags []kmstypes.Tag
	for k, v := range in.Tenant.Tags() {
		tags = append(tags, kmstypes.Tag{TagKey: awssdk.String(k), TagValue: awssdk.String(v)})
	}
	out, err := w.api.CreateKey(ctx, &kms.CreateKeyInput{
		Description: awssdk.String("Encrypts all data of " + in.Tenant.Resource()),
		Policy:      &w.want.Policy, Tags: tags,
	}, once)
	if err != nil {
		w.account.KeysWritten(in.Tenant) // it may be there: only a listing of later on can say
		r.remember(place, w.account.Now())
		return err
	}
	w.id = awssdk.ToString(out.KeyMetadata.KeyId)
	r.remember(place, w.account.Now(), w.id)
	in.Key = scope.Key{ID: w.id, ARN: awssdk.ToString(out.KeyMetadata.Arn), New: true}
	return errors.Join(w.rotate(ctx, State{}), w.name(ctx, State{}))
}

// first says that no attempt to create the key can have come before this one, so that there is nothing to wait for:
// an intent of it could be kept just now, and the tenant has no database. It is asked for once at most: later on
// the intent is there.
func (r *resource) first(ctx context.Context, in *scope.Platform, place string, left time.Duration) (bool, error) {
	if left <= 0 || in.Intents == nil || in.MasterFingerprint != "" || !r.undeclared(place) {
		return false, nil
	}
	databases, err := r.sessions.Account(in.Class).Instances(ctx)
	if err != nil {
		return false, err
	}
	if _, exists := databases[in.Tenant.Resource()]; exists {
		return false, nil
	}
	first, err := in.Intents.Declare(ctx, Name)
	if err != nil {
		return false, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pendingCreates[place].declared = true
	return first, nil
}

// undeclared says that this process has seen no key, and kept no intent of one.
func (r *resource) undeclared(place string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.pendingCreates[place]
	return b != nil && !b.declared && len(b.created) == 0
}

// remember notes a call that created a key, or one that ended in the unknown.
func (r *resource) remember(place string, now time.Time, created ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pendingCreates[place] = &pendingCreate{since: now, listed: now, declared: true, created: created}
}

// once sends a call a single time: after a lost answer the SDK would send it again, and a second
// CreateKey creates a second key.
func once(o *kms.Options) { o.RetryMaxAttempts = 1 }

// uncertain returns how long a key must still be missing from listings before one may be created.
func (r *resource) uncertain(location string, lag time.Duration) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.pendingCreates[location]
	if b == nil || len(b.created) > 0 {
		return lag // a key that was created is not gone: KMS is only slow to list it
	}
	return lag - b.listed.Sub(b.since)
}

// update sends the changes, protective ones first.
func (w writer) update(ctx context.Context, got State, changes []converge.Change) error {
	for _, step := range []struct {
		path string
		do   func(context.Context, State) error
	}{
		{"state", w.revive},
		{"policy", w.putPolicy},
		{"rotationDays", w.rotate},
		{"alias", w.name},
		{"released", w.takeBack},
		{"duplicates", w.dropExtras},
	} {
		wanted := slices.ContainsFunc(changes, func(c converge.Change) bool { return c.Path == step.path })
		if !wanted {
			continue
		}
		if err := step.do(ctx, got); err != nil {
			return err
		}
	}
	return nil
}

func (w writer) revive(ctx context.Context, got State) error {
	if got.KeyState == string(kmstypes.KeyStatePendingDeletion) {
		if _, err := w.api.CancelKeyDeletion(ctx, &kms.CancelKeyDeletionInput{KeyId: &w.id}); err != nil {
			return err
		}
	}
	_, err := w.api.EnableKey(ctx, &kms.EnableKeyInput{KeyId: &w.id})
	return err
}

func (w writer) putPolicy(ctx context.Context, _ State) error {
	_, err := w.api.PutKeyPolicy(ctx, &kms.PutKeyPolicyInput{KeyId: &w.id, Policy: &w.want.Policy})
	return err
}

func (w writer) rotate(ctx context.Context, _ State) error {
	_, err := w.api.EnableKeyRotation(ctx, &kms.EnableKeyRotationInput{
		KeyId: &w.id, RotationPeriodInDays: &w.want.RotationDays,
	})
	return err
}

func (w writer) name(ctx context.Context, _ State) error {
	_, err := w.api.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: &w.want.Alias, TargetKeyId: &w.id})
	if aws.IsDuplicate(err) {
		_, err = w.api.UpdateAlias(ctx, &kms.UpdateAliasInput{AliasName: &w.want.Alias, TargetKeyId: &w.id})
	}
	return err
}

func (w writer) takeBack(ctx context.Context, _ State) error {
	_, err := w.api.UntagResource(ctx, &kms.UntagResourceInput{KeyId: &w.id, TagKeys: []string{naming.TagReleased}})
	return err
}

func (w writer) dropExtras(ctx context.Context, got State) error {
	for _, id := range got.Extras {
		_, err := w.api.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{
			KeyId: &id, PendingWindowInDays: awssdk.Int32(deletionDays),
		})
		if err != nil {
			return err
		}
		w.account.KeyWritten(id)
	}
	return nil
}

// Release implements converge.Resource: the key stays, marked as released.
func (r *resource) Release(ctx context.Context, in *scope.Platform) (bool, error) {
	keys, err := r.keysOf(ctx, in, true)
	if fault.ClassOf(err) == fault.Conflict {
		return true, nil // the key is not owned: there is nothing to release
	}
	if err != nil {
		return false, err
	}
	used, err := r.usage(ctx, in)
	if err != nil {
		return false, err
	}
	if len(keys) == 0 {
		return true, nil
	}
	own := choose(keys, in.Tenant.Alias(), in.Recorded, used)
	if own.Tags[naming.TagReleased] != "" {
		r.forget(location(r.sessions.Account(in.Class), in.Tenant))
		return true, nil
	}
	w := r.writer(in, State{}, awssdk.ToString(own.Metadata.KeyId))
	defer w.account.KeyWritten(w.id)
	_, err = w.api.TagResource(ctx, &kms.TagResourceInput{KeyId: &w.id, Tags: []kmstypes.Tag{
		{TagKey: awssdk.String(naming.TagReleased), TagValue: awssdk.String(naming.ReleasedRetain)},
	}})
	return false, aws.Classify(err)
}
