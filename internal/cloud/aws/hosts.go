package aws

import (
	"context"
	"slices"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// Host is an EC2 instance as a client of a database.
type Host struct {
	VPCID string
	Tags  map[string]string
	// Addresses are the private IPv4 addresses of all its interfaces, sorted. One that is terminated
	// has none.
	Addresses []string
}

// Hosts returns those of the EC2 instances that exist, and when they were observed. Unless fresh, the
// answer comes from a read that serves all platforms.
func (a *Account) Hosts(ctx context.Context, ids []string, fresh bool) (map[string]Host, time.Time, error) {
	return a.hosts.Get(ctx, ids, fresh)
}

func (a *Account) loadHosts(ctx context.Context, ids []string) (map[string]Host, error) {
	found := map[string]Host{}
	for some := range slices.Chunk(ids, maxFilterValues) {
		pages := ec2.NewDescribeInstancesPaginator(a.EC2, &ec2.DescribeInstancesInput{
			// A filter, unlike a list of IDs, does not fail for one that does not exist.
			Filters: []ec2types.Filter{oneOf("instance-id", some...)}, MaxResults: awssdk.Int32(groupPage),
		})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, Classify(err)
			}
			for _, reservation := range page.Reservations {
				for i := range reservation.Instances {
					live := &reservation.Instances[i]
					found[awssdk.ToString(live.InstanceId)] = hostOf(live)
				}
			}
		}
	}
	return found, nil
}

func hostOf(live *ec2types.Instance) Host {
	h := Host{VPCID: awssdk.ToString(live.VpcId), Tags: tagMap(live.Tags)}
	if live.State != nil && (live.State.Name == ec2types.InstanceStateNameTerminated ||
		live.State.Name == ec2types.InstanceStateNameShuttingDown) {
		return h // its addresses may be another instance's at any moment
	}
	if live.PrivateIpAddress != nil {
		h.Addresses = append(h.Addresses, *live.PrivateIpAddress)
	}
	for i := range live.NetworkInterfaces {
		if vpc := awssdk.ToString(live.NetworkInterfaces[i].VpcId); vpc != "" && vpc != h.VPCID {
			continue // an interface in another VPC has an address that means nothing in this one
		}
		for _, address := range live.NetworkInterfaces[i].PrivateIpAddresses {
			h.Addresses = append(h.Addresses, awssdk.ToString(address.PrivateIpAddress))
		}
	}
	slices.Sort(h.Addresses)
	h.Addresses = slices.Compact(h.Addresses)
	return h
}
