package network

import (
	"context"
	"slices"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/aws"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// Apply implements converge.Resource.
func (r resource) Apply(
	ctx context.Context, in *scope.Class, want State, got converge.Observation[State], changes []converge.Change,
) error {
	account := r.sessions.Account(in.Class)
	network, err := account.Network(ctx, in.Class, false)
	if err != nil {
		return err
	}
	api := API(rds.NewFromConfig(account.Write(in.Owner)))
	defer account.SubnetGroupWritten(want.Name)
	if !got.Exists {
		return create(ctx, api, in, want, network)
	}
	defer account.TagsWritten(got.State.ARN)
	return update(ctx, api, want, got.State, subnetIDs(network), changes)
}

// create creates the group. The name is the guard against a second one.
func create(ctx context.Context, api API, in *scope.Class, want State, network aws.Network) error {
	var tags []rdstypes.Tag
	for k, v := range in.Owner.Tags() {
		tags = append(tags, rdstypes.Tag{Key: awssdk.String(k), Value: awssdk.String(v)})
	}
	_, err := api.CreateDBSubnetGroup(ctx, &rds.CreateDBSubnetGroupInput{
		DBSubnetGroupName: &want.Name, DBSubnetGroupDescription: &want.Description,
		SubnetIds: subnetIDs(network), Tags: tags,
	})
	if aws.IsDuplicate(err) {
		return nil // an earlier call got through; the next observation sees it, and whose it is
	}
	return aws.Classify(err)
}

func update(ctx context.Context, api API, want, got State, ids []string, changes []converge.Change) error {
	changed := func(paths ...string) bool {
		return slices.ContainsFunc(changes, func(c converge.Change) bool { return slices.Contains(paths, c.Path) })
	}
	if changed(pathReleased) {
		_, err := api.RemoveTagsFromResource(ctx, &rds.RemoveTagsFromResourceInput{
			ResourceName: &got.ARN, TagKeys: []string{naming.TagReleased},
		})
		if err != nil {
			return aws.Classify(err)
		}
	}
	if !changed(pathSubnets, pathDescription) {
		return nil
	}
	_, err := api.ModifyDBSubnetGroup(ctx, &rds.ModifyDBSubnetGroupInput{
		DBSubnetGroupName: &want.Name, DBSubnetGroupDescription: &want.Description, SubnetIds: ids,
	})
	if aws.IsInUse(err) {
		return fault.New(fault.Invalid, v1alpha1.ReasonNetworkInvalid,
			"AWS refuses to take subnets out of %s while databases use them; select them again in network.subnets, "+
				"or move those databases first", want.Name).Because(err)
	}
	return aws.Classify(err)
}

// Release implements converge.Resource. The group goes, unless databases that were kept still use
// it: then it stays, tagged as released.
func (r resource) Release(ctx context.Context, in *scope.Class) (bool, error) {
	account, name := r.sessions.Account(in.Class), naming.SubnetGroup(in.Owner)
	group, _, err := account.SubnetGroup(ctx, name, true)
	if err != nil {
		return false, err
	}
	if group == nil || !naming.Owns(in.Owner, group.Tags) {
		return true, nil
	}
	api := API(rds.NewFromConfig(account.Write(in.Owner)))
	defer account.SubnetGroupWritten(name)
	_, err = api.DeleteDBSubnetGroup(ctx, &rds.DeleteDBSubnetGroupInput{DBSubnetGroupName: &name})
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
