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

const (
	// listShare is the part of the operator's reads that a list may take which is read again and again since AWS
	// works on something. The sweeps of quiet platforms need lists, too, and have the rest of three tenths.
	listShare = 0.2
	// quickest is how old a list is at least when it is read again.
	quickest = 2 * time.Second
	// slack is how much older than a sweep a read may be that all platforms of a class share: with it a drift is still
	// seen within a minute.
	slack = 4 * time.Second
	// anyAge is older than any list that is kept.
	anyAge = 24 * time.Hour
)

// Instance returns the database instance of that name, nil if there is none, and when it was observed.
// A cached read is answered from one paged listing that serves all platforms, and whose pace while AWS works on the
// instance leaves calls for others. Only a fresh read, which is a call for this one instance, counts for absence.
func (a *Account) Instance(ctx context.Context, name string, fresh bool) (*rdstypes.DBInstance, time.Time, error) {
	known, at, listed := a.instances.Known(name, anyAge)
	working, poll := listed && !settled(&known), a.pollAge()
	switch {
	case fresh:
	case !a.instances.Behind(name):
		age := a.sessions.options.Sweep
		if working {
			age = poll
		}
		got, listed, at, err := a.instances.Get(ctx, name, age)
		if err != nil || !listed {
			return nil, at, err
		}
		return &got, at, nil
	case working && a.Now().Sub(at) < poll:
		return &known, at, nil // the list shows AWS at work, so it is not behind the write that set it to work
	}
	db, at, err := a.written.instances.Get(ctx, name, fresh, func(ctx context.Context) (*rdstypes.DBInstance, error) {
		return a.readInstance(ctx, name)
	})
	if db == nil || !settled(db) {
		a.written.instances.Forget(name) // it is about to change
	}
	return db, at, err
}

func settled(db *rdstypes.DBInstance) bool {
	return awssdk.ToString(db.DBInstanceStatus) == "available"
}

// pollAge is how old the list may be for an instance that AWS works on: its platform polls it, with those of others.
func (a *Account) pollAge() time.Duration {
	return max(min(quickest, a.sessions.options.Sweep), pace(rds.ServiceID, a.sessions.options.Share, a.instances.Len()))
}

// pace is how often a list of n things may be read so that its pages, of 100 each, take no more than their part of
// what the operator may read of the service.
func pace(service string, share float64, n int) time.Duration {
	pages := max(1, (n+pageSize-1)/pageSize)
	perSecond := float64(services[service].limit.perSecond) * share * readShare * listShare
	return time.Duration(float64(pages) / perSecond * float64(time.Second))
}

func (a *Account) readInstance(ctx context.Context, name string) (*rdstypes.DBInstance, error) {
	out, err := a.RDS.DescribeDBInstances(ctx, &rds.DescribeDBInstancesInput{DBInstanceIdentifier: &name})
	switch {
	case IsNotFound(err):
		return nil, a.Prove(ctx, false)
	case err != nil:
		return nil, Classify(err)
	case len(out.DBInstances) == 0:
		return nil, a.Prove(ctx, false)
	}
	return &out.DBInstances[0], nil
}

// Instances returns the database instances of the account by name, from the listing that serves all
// platforms: a few seconds old, and older if there are many. It must not be changed.
func (a *Account) Instances(ctx context.Context) (map[string]rdstypes.DBInstance, error) {
	all, _, err := a.instances.All(ctx, max(a.sessions.options.Sweep, a.pollAge()))
	return all, err
}

// Attached returns the IDs of the security groups that the listing of Instances shows at one, none if there is no such
// instance, and when that was read. It never costs a read of its own.
func (a *Account) Attached(ctx context.Context, name string) ([]string, time.Time, error) {
	all, at, err := a.instances.All(ctx, max(a.sessions.options.Sweep, a.pollAge()))
	var ids []string
	for _, g := range all[name].VpcSecurityGroups {
		ids = append(ids, awssdk.ToString(g.VpcSecurityGroupId))
	}
	return ids, at, err
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
func (a *Account) InstanceWritten(name string) {
	a.instances.Written(name)
	a.written.instances.Forget(name)
}

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
