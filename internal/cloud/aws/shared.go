package aws

import (
	"context"
	"maps"
	"slices"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/coachplatform/coach-operator/internal/cloud/cache"
	"github.com/coachplatform/coach-operator/internal/naming"
)

// sourceUser marks a parameter that was set in the group; every other source is a default of AWS.
// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeDBParameters.html
const sourceUser = "user"

// shared caches what the platforms of a class share.
type shared struct {
	subnetGroups    *cache.KeyedCache[SubnetGroup]
	parameterGroups *cache.KeyedCache[ParameterGroup]
	// groupNames are those of all parameter groups.
	groupNames *cache.KeyedCache[map[string]bool]
	// set are the parameters that a group sets, usual those that it leaves to AWS.
	set, usual *cache.KeyedCache[map[string]string]
	tags       *cache.KeyedCache[map[string]string]
	quotas     *cache.KeyedCache[[]rdstypes.AccountQuota]
	writable   *cache.KeyedCache[string]
}

func newShared(o Options) *shared {
	common := o.common()
	return &shared{
		subnetGroups:    cache.NewKeyed[SubnetGroup](common, o.Sweep),
		set:             cache.NewKeyed[map[string]string](common, o.Sweep),
		parameterGroups: cache.NewKeyed[ParameterGroup](common, o.Freshness),
		groupNames:      cache.NewKeyed[map[string]bool](common, o.Freshness),
		usual:           cache.NewKeyed[map[string]string](common, o.Freshness),
		tags:            cache.NewKeyed[map[string]string](common, o.Freshness),
		quotas:          cache.NewKeyed[[]rdstypes.AccountQuota](common, o.Freshness),
		writable:        cache.NewKeyed[string](common, o.Freshness),
	}
}

// SubnetGroup is a DB subnet group.
type SubnetGroup struct {
	ARN, Description, VPCID string
	// SubnetIDs are sorted.
	SubnetIDs []string
	// Tags must not be changed by readers.
	Tags map[string]string
}

// ParameterGroup is what does not change about a DB parameter group, and its tags.
type ParameterGroup struct {
	ARN, Family string
	// Tags must not be changed by readers.
	Tags map[string]string
}

// SubnetGroup returns the DB subnet group of that name, nil if there is none, and when it was observed.
// Its tags may be as old as the freshness bound, unless the read is fresh.
func (a *Account) SubnetGroup(ctx context.Context, name string, fresh bool) (*SubnetGroup, time.Time, error) {
	got, at, err := a.shared.subnetGroups.Get(ctx, name, fresh, func(ctx context.Context) (SubnetGroup, error) {
		return a.readSubnetGroup(ctx, name)
	})
	if err == nil {
		got.Tags, err = a.tagsOf(ctx, got.ARN, fresh)
	}
	if err != nil {
		return nil, a.Now(), a.absent(ctx, err)
	}
	return &got, at, nil
}

// SubnetGroupWritten notes a write to a DB subnet group.
func (a *Account) SubnetGroupWritten(name string) { a.shared.subnetGroups.Forget(name) }

func (a *Account) readSubnetGroup(ctx context.Context, name string) (SubnetGroup, error) {
	out, err := a.RDS.DescribeDBSubnetGroups(ctx, &rds.DescribeDBSubnetGroupsInput{DBSubnetGroupName: &name})
	if err != nil {
		return SubnetGroup{}, err
	}
	if len(out.DBSubnetGroups) == 0 {
		return SubnetGroup{}, &rdstypes.DBSubnetGroupNotFoundFault{}
	}
	found := out.DBSubnetGroups[0]
	g := SubnetGroup{
		ARN: awssdk.ToString(found.DBSubnetGroupArn), VPCID: awssdk.ToString(found.VpcId),
		Description: awssdk.ToString(found.DBSubnetGroupDescription),
	}
	for _, s := range found.Subnets {
		g.SubnetIDs = append(g.SubnetIDs, awssdk.ToString(s.SubnetIdentifier))
	}
	slices.Sort(g.SubnetIDs)
	return g, nil
}

// ParameterGroup returns the DB parameter group of that name, nil if there is none, and when it was
// observed: at most the freshness bound ago.
func (a *Account) ParameterGroup(ctx context.Context, name string, fresh bool) (*ParameterGroup, time.Time, error) {
	got, at, err := a.shared.parameterGroups.Get(ctx, name, fresh, func(ctx context.Context) (ParameterGroup, error) {
		out, err := a.RDS.DescribeDBParameterGroups(ctx, &rds.DescribeDBParameterGroupsInput{DBParameterGroupName: &name})
		if err != nil {
			return ParameterGroup{}, err
		}
		if len(out.DBParameterGroups) == 0 {
			return ParameterGroup{}, &rdstypes.DBParameterGroupNotFoundFault{}
		}
		found := out.DBParameterGroups[0]
		return ParameterGroup{
			ARN: awssdk.ToString(found.DBParameterGroupArn), Family: awssdk.ToString(found.DBParameterGroupFamily),
		}, nil
	})
	if err == nil {
		got.Tags, err = a.tagsOf(ctx, got.ARN, fresh)
	}
	if err != nil {
		return nil, a.Now(), a.absent(ctx, err)
	}
	return &got, at, nil
}

// Parameters returns the parameters of a DB parameter group that have a value, nil if there is no
// such group, and when they were observed. A cached read costs one call in a sweep for all callers: it
// reads what the group sets, over the defaults of AWS that were read last. A fresh read reads all: a value
// that equals AWS's default may not be listed as set, and would otherwise seem to be missing.
func (a *Account) Parameters(ctx context.Context, group string, fresh bool) (map[string]string, time.Time, error) {
	usual, _, err := a.shared.usual.Get(ctx, group, fresh, func(ctx context.Context) (map[string]string, error) {
		return a.readParameters(ctx, group, "")
	})
	if err != nil {
		return nil, a.Now(), a.absent(ctx, err)
	}
	set, at, err := a.shared.set.Get(ctx, group, fresh, func(ctx context.Context) (map[string]string, error) {
		return a.readParameters(ctx, group, sourceUser)
	})
	if err != nil {
		return nil, a.Now(), a.absent(ctx, err)
	}
	all := maps.Clone(usual)
	maps.Copy(all, set)
	return all, at, nil
}

// ParameterGroupWritten notes a write to a DB parameter group.
func (a *Account) ParameterGroupWritten(name string) {
	a.shared.parameterGroups.Forget(name)
	a.shared.groupNames.Forget("")
	a.shared.set.Forget(name)
	a.shared.usual.Forget(name)
}

// readParameters returns what the group sets (source user), or what it leaves to AWS (no source).
func (a *Account) readParameters(ctx context.Context, group, source string) (map[string]string, error) {
	in := &rds.DescribeDBParametersInput{DBParameterGroupName: &group, MaxRecords: awssdk.Int32(pageSize)}
	if source != "" {
		in.Source = &source
	}
	found := map[string]string{}
	for pages := rds.NewDescribeDBParametersPaginator(a.RDS, in); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, p := range page.Parameters {
			from := awssdk.ToString(p.Source)
			if p.ParameterValue != nil && (source != "" || from != "" && from != sourceUser) {
				found[awssdk.ToString(p.ParameterName)] = *p.ParameterValue
			}
		}
	}
	return found, nil
}

// Quotas returns what the account may have of RDS and has, and when that was read.
func (a *Account) Quotas(ctx context.Context, fresh bool) ([]rdstypes.AccountQuota, time.Time, error) {
	return a.shared.quotas.Get(ctx, "", fresh, func(ctx context.Context) ([]rdstypes.AccountQuota, error) {
		out, err := a.RDS.DescribeAccountAttributes(ctx, &rds.DescribeAccountAttributesInput{})
		if err != nil {
			return nil, Classify(err)
		}
		return out.AccountQuotas, nil
	})
}

// ProveWriter says whether the role can be assumed for writing too, with the owner's session tags.
func (a *Account) ProveWriter(ctx context.Context, owner naming.Owner, fresh bool) error {
	_, _, err := a.shared.writable.Get(ctx, owner.Resource(), fresh, func(ctx context.Context) (string, error) {
		out, err := sts.NewFromConfig(a.Write(owner)).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		if err != nil {
			return "", Classify(err)
		}
		return awssdk.ToString(out.Arn), nil
	})
	return err
}

// TagsWritten notes a write to the tags of an RDS resource.
func (a *Account) TagsWritten(arn string) { a.shared.tags.Forget(arn) }

func (a *Account) tagsOf(ctx context.Context, arn string, fresh bool) (map[string]string, error) {
	tags, _, err := a.shared.tags.Get(ctx, arn, fresh, func(ctx context.Context) (map[string]string, error) {
		out, err := a.RDS.ListTagsForResource(ctx, &rds.ListTagsForResourceInput{ResourceName: &arn})
		if err != nil {
			return nil, err
		}
		found := map[string]string{}
		for _, t := range out.TagList {
			found[awssdk.ToString(t.Key)] = awssdk.ToString(t.Value)
		}
		return found, nil
	})
	return tags, err
}

// absent returns nil when err says that the resource does not exist, in the account that the class names.
func (a *Account) absent(ctx context.Context, err error) error {
	if IsNotFound(err) {
		return a.Prove(ctx, false)
	}
	return Classify(err)
}

// inUseCodes are the codes of a refusal to delete what others still use.
var inUseCodes = []string{"InvalidDBParameterGroupState", "InvalidDBSubnetGroupStateFault", "SubnetAlreadyInUse"}

// IsInUse says that AWS refused to delete what others still use.
func IsInUse(err error) bool { return slices.Contains(inUseCodes, codeOf(err)) }
