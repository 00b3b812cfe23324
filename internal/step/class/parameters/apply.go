package parameters

import (
	"context"
	"slices"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/coachplatform/coach-operator/internal/cloud/aws"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// perCall is how many parameters one call may change.
// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBParameterGroup.html
const perCall = 20

// Apply implements converge.Resource. A new group is only created: the next observation
// finds which of its values differ from the defaults that AWS gives it.
func (r resource) Apply(
	ctx context.Context, in *scope.Class, want State, got converge.Observation[State], changes []converge.Change,
) error {
	account := r.sessions.Account(in.Class)
	api := API(rds.NewFromConfig(account.Write(in.Owner)))
	defer account.ParameterGroupWritten(want.Name)
	if !got.Exists {
		return create(ctx, api, in, want)
	}
	defer account.TagsWritten(got.State.ARN)
	return r.update(ctx, api, want, got.State, changes)
}

// create creates the group. The name is the guard against a second one.
func create(ctx context.Context, api API, in *scope.Class, want State) error {
	var tags []rdstypes.Tag
	for k, v := range in.Owner.Tags() {
		tags = append(tags, rdstypes.Tag{Key: awssdk.String(k), Value: awssdk.String(v)})
	}
	_, err := api.CreateDBParameterGroup(ctx, &rds.CreateDBParameterGroupInput{
		DBParameterGroupName: &want.Name, DBParameterGroupFamily: &want.Family,
		Description: awssdk.String("Parameters of the coach platform class " + in.Owner.Name), Tags: tags,
	})
	if aws.IsDuplicate(err) {
		return nil // an earlier call got through; the next observation sees it, and whose it is
	}
	return aws.Classify(err)
}

// update sets what differs, and nothing else.
func (r resource) update(ctx context.Context, api API, want, got State, changes []converge.Change) error {
	for batch := range slices.Chunk(r.pair.batch(want, changes), perCall) {
		_, err := api.ModifyDBParameterGroup(ctx, &rds.ModifyDBParameterGroupInput{
			DBParameterGroupName: &want.Name, Parameters: batch,
		})
		if err != nil {
			return aws.Classify(err)
		}
	}
	if !slices.ContainsFunc(changes, func(c converge.Change) bool { return c.Path == r.pair.path(released) }) {
		return nil
	}
	_, err := api.RemoveTagsFromResource(ctx, &rds.RemoveTagsFromResourceInput{
		ResourceName: &got.ARN, TagKeys: []string{naming.TagReleased},
	})
	return aws.Classify(err)
}

// batch returns the parameters to set, in the order of the table.
func (p pair) batch(want State, changes []converge.Change) []rdstypes.Parameter {
	var batch []rdstypes.Parameter
	for _, o := range owned {
		if slices.ContainsFunc(changes, func(c converge.Change) bool { return c.Path == p.path(o.name) }) {
			batch = append(batch, rdstypes.Parameter{
				ParameterName: &o.name, ParameterValue: awssdk.String(want.Values[o.name]), ApplyMethod: rdstypes.ApplyMethodImmediate,
			})
		}
	}
	return batch
}

// Release implements converge.Resource. The group goes, unless databases that were kept still use
// it: then it stays, tagged as released.
func (r resource) Release(ctx context.Context, in *scope.Class) (bool, error) {
	account, name := r.sessions.Account(in.Class), naming.ParameterGroup(in.Owner, r.pair.major, r.pair.minTLS)
	group, _, err := account.ParameterGroup(ctx, name, true)
	if err != nil {
		return false, err
	}
	if group == nil || !naming.Owns(in.Owner, group.Tags) {
		return true, nil
	}
	api := API(rds.NewFromConfig(account.Write(in.Owner)))
	defer account.ParameterGroupWritten(name)
	_, err = api.DeleteDBParameterGroup(ctx, &rds.DeleteDBParameterGroupInput{DBParameterGroupName: &name})
	if aws.IsNotFound(err) {
		return false, nil
	}
	if !aws.IsInUse(err) {
		return false, aws.Classify(err)
	}
	if group.Tags[naming.TagReleased] != "" {
		return true, nil
	}
	defer account.TagsWritten(group.ARN)
	_, err = api.AddTagsToResource(ctx, &rds.AddTagsToResourceInput{ResourceName: &group.ARN, Tags: []rdstypes.Tag{
		{Key: awssdk.String(naming.TagReleased), Value: awssdk.String(naming.ReleasedRetain)},
	}})
	return false, aws.Classify(err)
}
