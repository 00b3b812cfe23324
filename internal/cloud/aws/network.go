package aws

import (
	"context"
	"slices"
	"strings"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/fault"
)

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
	vpcs, err := a.EC2.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{Filters: filters("vpc-id", spec.VPC)})
	if err != nil {
		return n, Classify(err)
	}
	if len(vpcs.Vpcs) != 1 {
		return n, fault.New(fault.Invalid, v1alpha1.ReasonNetworkInvalid,
			"network.vpc selects %d VPCs and must select exactly one; correct its ids or tags", len(vpcs.Vpcs))
	}
	n.VPCID = awssdk.ToString(vpcs.Vpcs[0].VpcId)
	if n.Subnets, err = a.subnets(ctx, spec.Subnets); err != nil {
		return n, err
	}
	if n.WorkloadGroups, err = a.groupIDs(ctx, spec.WorkloadSecurityGroups, n.VPCID); err != nil {
		return n, err
	}
	n.OperatorGroups, err = a.groupIDs(ctx, spec.OperatorSecurityGroup, n.VPCID)
	return n, err
}

func (a *Account) subnets(ctx context.Context, s v1alpha1.Selector) ([]Subnet, error) {
	out, err := a.EC2.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{Filters: filters("subnet-id", s)})
	if err != nil {
		return nil, Classify(err)
	}
	var found []Subnet
	for _, s := range out.Subnets {
		found = append(found, Subnet{
			ID: awssdk.ToString(s.SubnetId), Zone: awssdk.ToString(s.AvailabilityZone), VPCID: awssdk.ToString(s.VpcId),
		})
	}
	slices.SortFunc(found, func(x, y Subnet) int { return strings.Compare(x.ID, y.ID) })
	if len(found) == 0 {
		return nil, nil
	}
	return found, a.findRoutes(ctx, found)
}

// findRoutes tells which subnets are private. A subnet without a route table of its own uses the
// VPC's main one. https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Route_Tables.html
func (a *Account) findRoutes(ctx context.Context, subnets []Subnet) error {
	out, err := a.EC2.DescribeRouteTables(ctx, &ec2.DescribeRouteTablesInput{
		Filters: []ec2types.Filter{{Name: awssdk.String("vpc-id"), Values: []string{subnets[0].VPCID}}},
	})
	if err != nil {
		return Classify(err)
	}
	mainPublic, public := false, map[string]bool{}
	for _, table := range out.RouteTables {
		open := slices.ContainsFunc(table.Routes, func(r ec2types.Route) bool {
			return strings.HasPrefix(awssdk.ToString(r.GatewayId), "igw-")
		})
		for _, link := range table.Associations {
			if awssdk.ToBool(link.Main) {
				mainPublic = open
			} else {
				public[awssdk.ToString(link.SubnetId)] = open
			}
		}
	}
	for i := range subnets {
		open, own := public[subnets[i].ID]
		subnets[i].Private = own && !open || !own && !mainPublic
	}
	return nil
}

func (a *Account) groupIDs(ctx context.Context, s v1alpha1.Selector, vpc string) ([]string, error) {
	if len(s.IDs)+len(s.Tags) == 0 {
		return nil, nil
	}
	out, err := a.EC2.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{
		Filters: append(filters("group-id", s), ec2types.Filter{Name: awssdk.String("vpc-id"), Values: []string{vpc}}),
	})
	if err != nil {
		return nil, Classify(err)
	}
	var ids []string
	for _, g := range out.SecurityGroups {
		ids = append(ids, awssdk.ToString(g.GroupId))
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
