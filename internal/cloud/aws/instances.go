package aws

import (
	"context"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// pageSize is the largest page of DescribeDBInstances.
// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeDBInstances.html
const pageSize = 100

// Instance returns the database instance of that name, nil if there is none, and when it was observed.
// A cached read is answered from one paged listing that serves all platforms. Only a fresh read, which is
// a call for this one instance, counts for absence.
func (a *Account) Instance(ctx context.Context, name string, fresh bool) (*rdstypes.DBInstance, time.Time, error) {
	if !fresh && !a.instances.Behind(name) {
		got, listed, at, err := a.instances.Get(ctx, name, a.sessions.options.Sweep)
		if err != nil || !listed {
			return nil, at, err
		}
		return &got, at, nil
	}
	at := a.Now()
	out, err := a.RDS.DescribeDBInstances(ctx, &rds.DescribeDBInstancesInput{DBInstanceIdentifier: &name})
	switch {
	case IsNotFound(err):
		return nil, at, a.Prove(ctx, false)
	case err != nil:
		return nil, at, Classify(err)
	case len(out.DBInstances) == 0:
		return nil, at, a.Prove(ctx, false)
	}
	return &out.DBInstances[0], at, nil
}

// Instances returns the database instances of the account by name, from the listing that serves all
// platforms. It must not be changed.
func (a *Account) Instances(ctx context.Context) (map[string]rdstypes.DBInstance, error) {
	return a.instances.All(ctx, a.sessions.options.Sweep)
}

// TagsOf returns the tags of an instance.
func TagsOf(db *rdstypes.DBInstance) map[string]string {
	tags := make(map[string]string, len(db.TagList))
	for _, t := range db.TagList {
		tags[awssdk.ToString(t.Key)] = awssdk.ToString(t.Value)
	}
	return tags
}

// InstanceWritten notes a write to an instance: answers older than it are not used any more.
func (a *Account) InstanceWritten(name string) { a.instances.Written(name) }

func (a *Account) listInstances(ctx context.Context) (map[string]rdstypes.DBInstance, error) {
	found := map[string]rdstypes.DBInstance{}
	pages := rds.NewDescribeDBInstancesPaginator(a.RDS,
		&rds.DescribeDBInstancesInput{MaxRecords: awssdk.Int32(pageSize)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, Classify(err)
		}
		for i := range page.DBInstances {
			found[awssdk.ToString(page.DBInstances[i].DBInstanceIdentifier)] = page.DBInstances[i]
		}
	}
	return found, nil
}
