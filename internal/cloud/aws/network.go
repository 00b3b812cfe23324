package aws

import (
	"context"
	"maps"
	"slices"
	"strings"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/fault"
)

// routePage is the largest page of route tables.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeRouteTables.html
const routePage = 100

// Network is what a class's selectors name at present.
type Network struct {
	VPCID string
	// Subnets are sorted by ID.
	Subnets []Subnet
	// WorkloadGroups and OperatorGroups are security group IDs, sorted.
	WorkloadGroups, OperatorGroups []string
}

// Subnet is one subnet of a class.
type Subnet struct {
	ID, Zone, VPCID string
	// Private says that no route of the subnet leads to an internet gateway.
	Private bool
}

// Network resolves the class's selectors; the answer serves all platforms of the class for a sweep.
func (a *Account) Network(ctx context.Context, class *v1alpha1.PlatformClass, fresh bool) (Network, error) {
	n, _, err := a.networks.Get(ctx, class.Name, fresh, func(ctx context.Context) (Network, error) {
		return a.resolve(ctx, &class.Spec.Network)
	})
	return n, err
}

func (a *Account) resolve(ctx context.Context, spec *v1alpha1.ClassNetwork) (Network, error) {
	var n Network
	vpcs, err := a.vpcs(ctx, spec.VPC)
	if err != nil {
		return n, err
	}
	if len(vpcs) != 1 {
		return n, fault.New(fault.Invalid, v1alpha1.ReasonNetworkInvalid,
			"network.vpc selects %d VPCs and must select exactly one; correct its ids or tags", len(vpcs))
	}
	n.VPCID = vpcs[0]
	if n.Subnets, err = a.subnets(ctx, spec.Subnets); err != nil {
		return n, err
	}
	if n.WorkloadGroups, err = a.groupIDs(ctx, spec.WorkloadSecurityGroups, n.VPCID); err != nil {
		return n, err
	}
	n.OperatorGroups, err = a.groupIDs(ctx, spec.OperatorSecurityGroup, n.VPCID)
	return n, err
}

// vpcs returns the IDs of the VPCs that a selector names.
func (a *Account) vpcs(ctx context.Context, s v1alpha1.Selector) ([]string, error) {
	var ids []string
	pages := ec2.NewDescribeVpcsPaginator(a.EC2, &ec2.DescribeVpcsInput{
		Filters: filters("vpc-id", s), MaxResults: awssdk.Int32(groupPage),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, Classify(err)
		}
		for _, v := range page.Vpcs {
			ids = append(ids, awssdk.ToString(v.VpcId))
		}
	}
	return ids, nil
}

func (a *Account) subnets(ctx context.Context, s v1alpha1.Selector) ([]Subnet, error) {
	var found []Subnet
	pages := ec2.NewDescribeSubnetsPaginator(a.EC2, &ec2.DescribeSubnetsInput{
		Filters: filters("subnet-id", s), MaxResults: awssdk.Int32(groupPage),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, Classify(err)
		}
		for _, s := range page.Subnets {
			found = append(found, Subnet{
				ID: awssdk.ToString(s.SubnetId), Zone: awssdk.ToString(s.AvailabilityZone), VPCID: awssdk.ToString(s.VpcId),
			})
		}
	}
	slices.SortFunc(found, func(x, y Subnet) int { return strings.Compare(x.ID, y.ID) })
	if len(found) == 0 {
		return nil, nil
	}
	return found, a.findRoutes(ctx, found)
}

// findRoutes sets which subnets are private. A subnet without a route table of its own uses the main one of its
// VPC; where that was not seen, it is not known to be private.
// https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Route_Tables.html
func (a *Account) findRoutes(ctx context.Context, subnets []Subnet) error {
	vpcs := map[string]bool{}
	for _, s := range subnets {
		vpcs[s.VPCID] = true
	}
	tables, err := a.routeTables(ctx, slices.Sorted(maps.Keys(vpcs)))
	if err != nil {
		return err
	}
	private := map[string]bool{} // by the ID of a subnet, and by that of a VPC for its main table
	for _, table := range tables {
		closed := !slices.ContainsFunc(table.Routes, toInternet)
		for _, link := range table.Associations {
			if awssdk.ToBool(link.Main) {
				private[awssdk.ToString(table.VpcId)] = closed
			} else {
				private[awssdk.ToString(link.SubnetId)] = closed
			}
		}
	}
	for i, s := range subnets {
		closed, own := private[s.ID]
		subnets[i].Private = own && closed || !own && private[s.VPCID]
	}
	return nil
}

// toInternet says that a route leads to a gateway through which the internet, or a carrier's network, opens
// connections.
func toInternet(r ec2types.Route) bool {
	return strings.HasPrefix(awssdk.ToString(r.GatewayId), "igw-") || awssdk.ToString(r.CarrierGatewayId) != ""
}

// routeTables returns all route tables of the VPCs: without one of them its public subnets would seem
// private.
func (a *Account) routeTables(ctx context.Context, vpcs []string) ([]ec2types.RouteTable, error) {
	var all []ec2types.RouteTable
	for some := range slices.Chunk(vpcs, maxFilterValues) {
		pages := ec2.NewDescribeRouteTablesPaginator(a.EC2, &ec2.DescribeRouteTablesInput{
			Filters: []ec2types.Filter{oneOf("vpc-id", some...)}, MaxResults: awssdk.Int32(routePage),
		})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, Classify(err)
			}
			all = append(all, page.RouteTables...)
		}
	}
	return all, nil
}

func (a *Account) groupIDs(ctx context.Context, s v1alpha1.Selector, vpc string) ([]string, error) {
	if len(s.IDs)+len(s.Tags) == 0 {
		return nil, nil
	}
	var ids []string
	err := a.eachGroup(ctx, func(_ string, g Group) { ids = append(ids, g.ID) }, append(filters("group-id", s), oneOf("vpc-id", vpc))...)
	if err != nil {
		return nil, err
	}
	slices.Sort(ids)
	return ids, nil
}

// filters turns a selector into EC2 filters.
func filters(idFilter string, s v1alpha1.Selector) []ec2types.Filter {
	if len(s.IDs) > 0 {
		return []ec2types.Filter{{Name: awssdk.String(idFilter), Values: s.IDs}}
	}
	var all []ec2types.Filter
	for _, t := range s.Tags {
		all = append(all, ec2types.Filter{Name: awssdk.String("tag:" + t.Key), Values: []string{t.Value}})
	}
	return all
}
