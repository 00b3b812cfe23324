package aws

import (
	"context"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
)

// ParameterGroupListed says whether there was a DB parameter group of that name at most the freshness
// bound ago. One listing answers for all groups: most do not exist, and absence has
// no read of its own that could be cached.
func (a *Account) ParameterGroupListed(ctx context.Context, name string) (bool, error) {
	names, _, err := a.shared.groupNames.Get(ctx, "", false, a.listParameterGroups)
	return names[name], err
}

func (a *Account) listParameterGroups(ctx context.Context) (map[string]bool, error) {
	found := map[string]bool{}
	pages := rds.NewDescribeDBParameterGroupsPaginator(a.RDS, &rds.DescribeDBParameterGroupsInput{
		MaxRecords: awssdk.Int32(pageSize),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, Classify(err)
		}
		for _, g := range page.DBParameterGroups {
			found[awssdk.ToString(g.DBParameterGroupName)] = true
		}
	}
	return found, nil
}
