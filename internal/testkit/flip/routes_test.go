package flip_test

import (
	"slices"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/naming"
)

func (w *world) tables() []ec2types.RouteTable {
	w.Helper()
	out, err := w.ec2().DescribeRouteTables(w.Context(), &ec2.DescribeRouteTablesInput{Filters: w.inVPC()})
	w.must("reading the route tables", err)
	return out.RouteTables
}

func (w *world) inVPC() []ec2types.Filter {
	return []ec2types.Filter{{Name: awssdk.String("vpc-id"), Values: []string{w.account.VPC}}}
}

// serves says that a route table is that of a subnet.
func serves(table ec2types.RouteTable, subnet string) (association string, ok bool) {
	for _, a := range table.Associations {
		if awssdk.ToString(a.SubnetId) == subnet {
			return *a.RouteTableAssociationId, true
		}
	}
	return "", false
}

func isMain(table ec2types.RouteTable) bool {
	return slices.ContainsFunc(table.Associations, func(a ec2types.RouteTableAssociation) bool { return awssdk.ToBool(a.Main) })
}

// private are the tables of the class's private subnets.
func (w *world) private() []ec2types.RouteTable {
	w.Helper()
	return slices.DeleteFunc(w.tables(), func(table ec2types.RouteTable) bool {
		return !isMain(table) && !slices.ContainsFunc(w.account.PrivateSubnets, func(s string) bool {
			_, ok := serves(table, s)
			return ok
		})
	})
}

// openRoutes leads a range of the private subnets to the internet gateway.
func openRoutes(cidr, cidr6 string) func(*world) {
	return func(w *world) {
		w.Helper()
		gateways, err := w.ec2().DescribeInternetGateways(w.Context(), &ec2.DescribeInternetGatewaysInput{
			Filters: []ec2types.Filter{{Name: awssdk.String("attachment.vpc-id"), Values: []string{w.account.VPC}}},
		})
		w.must("finding the internet gateway", err)
		for _, table := range w.private() {
			route := &ec2.CreateRouteInput{RouteTableId: table.RouteTableId, GatewayId: gateways.InternetGateways[0].InternetGatewayId}
			undo := &ec2.DeleteRouteInput{RouteTableId: table.RouteTableId}
			if cidr != "" {
				route.DestinationCidrBlock, undo.DestinationCidrBlock = &cidr, &cidr
			} else {
				route.DestinationIpv6CidrBlock, undo.DestinationIpv6CidrBlock = &cidr6, &cidr6
			}
			_, err := w.ec2().CreateRoute(w.Context(), route)
			w.must("opening a route", err)
			w.later(func(w *world) {
				_, err := w.ec2().DeleteRoute(w.Context(), undo)
				w.must("closing a route", err)
			})
		}
	}
}

// publicTable gives a private subnet the route table of the public one.
func publicTable(w *world) {
	w.Helper()
	var public string
	for _, table := range w.tables() {
		if _, ok := serves(table, w.account.PublicSubnet); ok {
			public = *table.RouteTableId
		}
	}
	subnet := w.account.PrivateSubnets[0]
	for _, table := range w.tables() {
		if id, ok := serves(table, subnet); ok {
			out, err := w.ec2().ReplaceRouteTableAssociation(w.Context(), &ec2.ReplaceRouteTableAssociationInput{
				AssociationId: &id, RouteTableId: &public,
			})
			w.must("giving a subnet another route table", err)
			w.later(func(w *world) {
				_, err := w.ec2().ReplaceRouteTableAssociation(w.Context(), &ec2.ReplaceRouteTableAssociationInput{
					AssociationId: out.NewAssociationId, RouteTableId: table.RouteTableId,
				})
				w.must("giving a subnet its route table back", err)
			})
			return
		}
	}
	out, err := w.ec2().AssociateRouteTable(w.Context(), &ec2.AssociateRouteTableInput{SubnetId: &subnet, RouteTableId: &public})
	w.must("giving a subnet a route table", err)
	w.later(func(w *world) {
		_, err := w.ec2().DisassociateRouteTable(w.Context(), &ec2.DisassociateRouteTableInput{AssociationId: out.AssociationId})
		w.must("taking a route table away", err)
	})
}

// untag takes from a subnet the tag by which the class finds it.
func untag(w *world) {
	w.Helper()
	tags := []ec2types.Tag{{Key: awssdk.String("coach-platform"), Value: awssdk.String("private")}}
	subnet := []string{w.account.PrivateSubnets[0]}
	_, err := w.ec2().DeleteTags(w.Context(), &ec2.DeleteTagsInput{Resources: subnet, Tags: tags})
	w.must("removing a tag", err)
	w.later(func(w *world) {
		_, err := w.ec2().CreateTags(w.Context(), &ec2.CreateTagsInput{Resources: subnet, Tags: tags})
		w.must("setting a tag", err)
	})
}

func (w *world) subnets() string {
	return naming.SubnetGroup(naming.Class{Installation: installation, Name: w.class.Name})
}

func addPublicSubnet(w *world) {
	w.Helper()
	_, err := w.rds().ModifyDBSubnetGroup(w.Context(), &rds.ModifyDBSubnetGroupInput{
		DBSubnetGroupName: awssdk.String(w.subnets()), SubnetIds: append([]string{w.account.PublicSubnet}, w.account.PrivateSubnets...),
	})
	w.must("adding a public subnet", err)
}

// otherSubnetsOfClass makes the class name one of the database's subnets only.
func otherSubnetsOfClass(w *world) {
	w.Helper()
	before := w.class.Spec.Network.Subnets
	w.later(func(w *world) {
		w.editClass(func(c *v1alpha1.PlatformClassSpec) { c.Network.Subnets = before })
	})
	w.editClass(func(c *v1alpha1.PlatformClassSpec) {
		c.Network.Subnets = v1alpha1.Selector{IDs: w.account.PrivateSubnets[:1]}
	})
}
