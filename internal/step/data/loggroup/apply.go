package loggroup

import (
	"context"
	"slices"

	logs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/aws"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// writer writes for one tenant.
type writer struct {
	api *logs.Client
	in  *scope.Platform
	arn func(Group) string
}

func (r *resource) writer(in *scope.Platform) writer {
	account := r.sessions.Account(in.Class)
	return writer{
		api: logs.NewFromConfig(account.Write(in.Tenant)), in: in,
		arn: func(g Group) string { return arnOf(in.Class, g.Name) },
	}
}

// Apply implements converge.Resource. What protects comes first: the tags say whose the group is, and the key
// encrypts what is published next.
func (r *resource) Apply(
	ctx context.Context, in *scope.Platform, want State, got converge.Observation[State], changes []converge.Change,
) error {
	if !got.Exists && !want.KeyKnown {
		return fault.Wait(v1alpha1.ReasonWaitingForKey, 0, "the log groups wait for the tenant's key, which encrypts them")
	}
	defer r.written(in)
	w := r.writer(in)
	for i, g := range want.Groups {
		var live Group
		if got.Exists {
			live = got.State.Groups[i]
		}
		if !live.Exists && !want.KeyKnown {
			continue // it is created with the key, by a later pass
		}
		if err := w.bring(ctx, live, g, changes); err != nil {
			return aws.Classify(err)
		}
	}
	return nil
}

// bring creates a group, or changes what differs and may be changed now.
func (w writer) bring(ctx context.Context, live, want Group, changes []converge.Change) error {
	if !live.Exists {
		return w.create(ctx, want)
	}
	for _, step := range []struct {
		path    string
		differs bool
		do      func(context.Context, Group) error
	}{
		{pathTags, !live.Tagged, w.tag},
		{pathKey, live.KeyARN != want.KeyARN, w.encrypt},
		{pathRetention, live.Days != want.Days, w.retain},
		{pathReleased, live.Released != want.Released, w.takeBack},
	} {
		allowed := slices.ContainsFunc(changes, func(c converge.Change) bool { return c.Path == step.path })
		if !allowed || !step.differs {
			continue
		}
		if err := step.do(ctx, want); err != nil {
			return err
		}
	}
	return nil
}

// create creates a group that is encrypted and tagged from its first event on. Its end is a call of its own: a
// crash between the two leaves a difference that the next pass finds.
func (w writer) create(ctx context.Context, g Group) error {
	_, err := w.api.CreateLogGroup(ctx, &logs.CreateLogGroupInput{
		LogGroupName: &g.Name, KmsKeyId: &g.KeyARN, Tags: w.in.Tenant.Tags(),
	})
	if aws.IsDuplicate(err) {
		return fault.Wait(v1alpha1.ReasonSettling, 0, "the log group %s exists already; it is observed again", g.Name).Because(err)
	}
	if err != nil {
		return err
	}
	return w.retain(ctx, g)
}

func (w writer) tag(ctx context.Context, g Group) error {
	arn := w.arn(g)
	_, err := w.api.TagResource(ctx, &logs.TagResourceInput{ResourceArn: &arn, Tags: w.in.Tenant.Tags()})
	return err
}

func (w writer) encrypt(ctx context.Context, g Group) error {
	_, err := w.api.AssociateKmsKey(ctx, &logs.AssociateKmsKeyInput{LogGroupName: &g.Name, KmsKeyId: &g.KeyARN})
	return err
}

func (w writer) retain(ctx context.Context, g Group) error {
	_, err := w.api.PutRetentionPolicy(ctx, &logs.PutRetentionPolicyInput{LogGroupName: &g.Name, RetentionInDays: &g.Days})
	return err
}

func (w writer) takeBack(ctx context.Context, g Group) error {
	arn := w.arn(g)
	_, err := w.api.UntagResource(ctx, &logs.UntagResourceInput{ResourceArn: &arn, TagKeys: []string{naming.TagReleased}})
	return err
}

// Release implements converge.Resource: the groups stay, marked as released, and their events go by age.
func (r *resource) Release(ctx context.Context, in *scope.Platform) (bool, error) {
	found, _, err := r.find(ctx, in, true, nil)
	if err != nil {
		return false, err
	}
	w, done := r.writer(in), true
	for _, g := range found {
		if !naming.Owns(in.Tenant, g.tags) || g.tags[naming.TagReleased] != "" {
			continue // RDS created it, it is another owner's, or it is released already
		}
		done = false
		defer r.written(in)
		if _, err := w.api.TagResource(ctx, &logs.TagResourceInput{
			ResourceArn: &g.arn, Tags: map[string]string{naming.TagReleased: naming.ReleasedRetain},
		}); err != nil {
			return false, aws.Classify(err)
		}
	}
	return done, nil
}
