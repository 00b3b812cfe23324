package loggroup

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	logs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	tagging "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	taggingtypes "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/aws"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// live is a log group as CloudWatch Logs has it.
type live struct {
	arn, key string
	days     int32
	tags     map[string]string
}

// Observe implements converge.Resource. A cached observation comes from one listing of all log groups of
// operators' databases, on the freshness clock: there is no cheaper one for a thousand tenants.
func (r *resource) Observe(ctx context.Context, in *scope.Platform, want State, fresh bool) (converge.Observation[State], error) {
	none := converge.Observation[State]{Settled: true}
	// Without a key nothing is created, and with a new one CloudWatch Logs refuses to create what is there: absence
	// needs no proof then.
	found, at, err := r.find(ctx, in, fresh && want.KeyKnown && !in.Key.New, func(tags map[string]string) bool {
		return naming.Owns(in.Tenant, tags) && tags[naming.TagReleased] == ""
	})
	if err != nil {
		return none, err
	}
	s := State{Groups: slices.Clone(want.Groups)}
	exists := false
	for i := range s.Groups {
		g := &s.Groups[i]
		is, ok := found[g.Name]
		if g.Exists = ok; !ok {
			continue
		}
		exists = true
		if owner := is.tags[naming.TagInstallation]; owner != "" && !naming.Owns(in.Tenant, is.tags) {
			return none, fault.New(fault.Conflict, v1alpha1.ReasonConflict,
				"the log group %s carries the tags of another owner; it is not touched: remove the group, or restore its coach: tags if it is "+
					"this platform's", g.Name)
		}
		g.KeyARN, g.Days = is.key, is.days
		g.Tagged, g.Released = naming.Owns(in.Tenant, is.tags), is.tags[naming.TagReleased]
	}
	return converge.Observation[State]{Exists: exists, Settled: true, ID: prefix(in.Tenant), At: at, State: s}, nil
}

// find returns the log groups of the tenant's database by name, and when they were read. Where the tags of groups are
// read past the listing, those that suit may be a few seconds old; nil suits none.
func (r *resource) find(ctx context.Context, in *scope.Platform, fresh bool, suit func(tags map[string]string) bool) (
	map[string]live, time.Time, error,
) {
	account := r.sessions.Account(in.Class)
	return listOf(account).Get(ctx, prefix(in.Tenant), fresh, func(ctx context.Context) (map[string]live, error) {
		found, err := describe(ctx, account.Read(), prefix(in.Tenant))
		if err == nil && len(found) == 0 {
			return nil, account.Prove(ctx, false)
		}
		if err == nil {
			err = readTags(ctx, account.Read(), in.Tenant, found, suit)
		}
		return found, err
	})
}

// written notes a write to the tenant's log groups.
func (r *resource) written(in *scope.Platform) {
	listOf(r.sessions.Account(in.Class)).Written(prefix(in.Tenant))
}

// listOf is the listing of all log groups of operators' databases, by the prefix of one database's.
func listOf(account *aws.Account) *aws.Listed[map[string]live] {
	return aws.List(account, Name, func(ctx context.Context, cfg awssdk.Config) (map[string]map[string]live, error) {
		all, err := describe(ctx, cfg, everyPrefix)
		if err == nil {
			err = listTags(ctx, cfg, all, tagged(naming.TagInstallation))
		}
		if err != nil {
			return nil, err
		}
		byDatabase := map[string]map[string]live{}
		for name, group := range all {
			database := name[:strings.LastIndex(name, "/")+1]
			if byDatabase[database] == nil {
				byDatabase[database] = map[string]live{}
			}
			byDatabase[database][name] = group
		}
		return byDatabase, nil
	})
}

// describe returns the log groups whose names begin with a prefix, without their tags.
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeLogGroups.html
func describe(ctx context.Context, cfg awssdk.Config, prefix string) (map[string]live, error) {
	found := map[string]live{}
	pages := logs.NewDescribeLogGroupsPaginator(logs.NewFromConfig(cfg), &logs.DescribeLogGroupsInput{
		LogGroupNamePrefix: &prefix, Limit: awssdk.Int32(pageSize),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, g := range page.LogGroups {
			found[awssdk.ToString(g.LogGroupName)] = live{
				arn: strings.TrimSuffix(awssdk.ToString(g.Arn), ":*"), key: awssdk.ToString(g.KmsKeyId), days: awssdk.ToInt32(g.RetentionInDays),
			}
		}
	}
	return found, nil
}

// readTags reads the tags of one tenant's groups. AWS limits the call for one group more than the listing, which is
// a few seconds behind: it serves for the groups whose tags suit in it.
func readTags(
	ctx context.Context, cfg awssdk.Config, tenant naming.Tenant, groups map[string]live, suit func(map[string]string) bool,
) error {
	if suit != nil {
		own := []taggingtypes.TagFilter{}
		for key, value := range tenant.Tags() {
			own = append(own, tagged(key, value))
		}
		if err := listTags(ctx, cfg, groups, own...); err != nil {
			return err
		}
	}
	client := logs.NewFromConfig(cfg)
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		g := groups[name]
		if suit != nil && suit(g.tags) {
			continue
		}
		out, err := client.ListTagsForResource(ctx, &logs.ListTagsForResourceInput{ResourceArn: &g.arn})
		if err != nil {
			return err
		}
		g.tags = out.Tags
		groups[name] = g
	}
	return nil
}

// tagged lets through what has a tag, with one of the values if there are any.
func tagged(key string, values ...string) taggingtypes.TagFilter {
	return taggingtypes.TagFilter{Key: &key, Values: values}
}

// listTags adds the tags of the groups that the filters let through, a hundred groups a call.
func listTags(ctx context.Context, cfg awssdk.Config, groups map[string]live, filters ...taggingtypes.TagFilter) error {
	pages := tagging.NewGetResourcesPaginator(tagging.NewFromConfig(cfg), &tagging.GetResourcesInput{
		ResourceTypeFilters: []string{"logs:log-group"}, ResourcesPerPage: awssdk.Int32(tagPageSize),
		TagFilters: filters,
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, r := range page.ResourceTagMappingList {
			_, name, _ := strings.Cut(strings.TrimSuffix(awssdk.ToString(r.ResourceARN), ":*"), ":log-group:")
			g, ok := groups[name]
			if !ok {
				continue
			}
			g.tags = map[string]string{}
			for _, t := range r.Tags {
				g.tags[awssdk.ToString(t.Key)] = awssdk.ToString(t.Value)
			}
			groups[name] = g
		}
	}
	return nil
}
