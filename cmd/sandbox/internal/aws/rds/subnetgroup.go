package rds

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/versions"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/wire"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/moto"
)

// maxSubnetGroups is the account quota of AWS.
const maxSubnetGroups = 50

func subnetGroupNotFound(name string) error {
	return notFound("DBSubnetGroupNotFoundFault", "DB subnet group '%s' does not exist.", name)
}

func (r *region) createSubnetGroup(ctx context.Context, q query) (any, error) {
	name := q.Lower("DBSubnetGroupName")
	if name == "" || name == "default" || q.Get("DBSubnetGroupDescription") == "" {
		return nil, invalidValue("The parameter DBSubnetGroupName is not a valid identifier, or there is no description.")
	}
	if _, exists := r.subnetGroups.Get(name, versions.View{}); exists {
		return nil, wire.Errorf(http.StatusBadRequest, "DBSubnetGroupAlreadyExists", "The DB subnet group '%s' already exists.", name)
	}
	if r.subnetGroups.Len() >= maxSubnetGroups {
		return nil, wire.Errorf(http.StatusBadRequest, "DBSubnetGroupQuotaExceeded", "Quota of %d DB subnet groups exceeded.", maxSubnetGroups)
	}
	group := SubnetGroup{
		DBSubnetGroupName: name, DBSubnetGroupDescription: q.Get("DBSubnetGroupDescription"), SubnetGroupStatus: "Complete",
		DBSubnetGroupARN: r.arn("subgrp", name), SupportedNetworkTypes: []string{"IPV4"}, tags: readTags(q),
	}
	return r.putSubnets(ctx, q, group)
}

func (r *region) modifySubnetGroup(ctx context.Context, q query) (any, error) {
	name := q.Lower("DBSubnetGroupName")
	group, ok := r.subnetGroups.Get(name, versions.View{})
	if !ok {
		return nil, subnetGroupNotFound(name)
	}
	if q.Has("DBSubnetGroupDescription") {
		group.DBSubnetGroupDescription = q.Get("DBSubnetGroupDescription")
	}
	requested := q.Strings("SubnetIds")
	for _, subnet := range group.Subnets {
		if !slices.Contains(requested, subnet.SubnetIdentifier) && r.subnetGroupInUse(name) {
			return nil, wire.Errorf(http.StatusBadRequest, "SubnetAlreadyInUse",
				"The DB subnet group is in use and subnet %s cannot be removed from it.", subnet.SubnetIdentifier)
		}
	}
	return r.putSubnets(ctx, q, group)
}

// putSubnets puts the requested subnets into a group after they were read.
func (r *region) putSubnets(ctx context.Context, q query, group SubnetGroup) (any, error) {
	requested := q.Strings("SubnetIds")
	subnets, vpc, err := r.lookUpSubnets(ctx, requested)
	if err != nil {
		return nil, err
	}
	group.Subnets, group.VpcID = subnets, vpc
	if len(group.zones()) < 2 {
		return nil, wire.Errorf(http.StatusBadRequest, "DBSubnetGroupDoesNotCoverEnoughAZs",
			"The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement. Current AZ coverage: %s. "+
				"Add subnets to cover at least 2 AZs.", strings.Join(group.zones(), ", "))
	}
	r.subnetGroups.Put(group.DBSubnetGroupName, group, versions.Write)
	return struct{ DBSubnetGroup SubnetGroup }{group}, nil
}

func (r *region) lookUpSubnets(ctx context.Context, ids []string) (subnets []Subnet, vpc string, err error) {
	if len(ids) == 0 {
		return nil, "", missing("SubnetIds")
	}
	found, err := r.Networks(ctx, r.account, r.place.region, "DescribeSubnets", numbered("SubnetId", ids)...)
	if failure, ok := errors.AsType[*wire.Error](err); ok {
		return nil, "", wire.Errorf(http.StatusBadRequest, "InvalidSubnet", "%s", failure.Message)
	}
	if err != nil {
		return nil, "", err
	}
	for _, item := range found.FindElements("./subnetSet/item") {
		of := moto.Text(item, "vpcId")
		if vpc != "" && of != vpc {
			return nil, "", wire.Errorf(http.StatusBadRequest, "InvalidSubnet", "The subnets are not all in the same VPC.")
		}
		vpc = of
		subnets = append(subnets, Subnet{
			SubnetIdentifier: moto.Text(item, "subnetId"), SubnetStatus: "Active",
			SubnetAvailabilityZone: zone{moto.Text(item, "availabilityZone")},
		})
	}
	return subnets, vpc, nil
}

func numbered(name string, values []string) []string {
	var pairs []string
	for i, value := range values {
		pairs = append(pairs, name+"."+itoa(i+1), value)
	}
	return pairs
}

func (r *region) subnetGroupInUse(name string) bool {
	return slices.ContainsFunc(r.instances.All(versions.View{}), func(i Instance) bool { return i.DBSubnetGroup.DBSubnetGroupName == name })
}

func (r *region) deleteSubnetGroup(_ context.Context, q query) (any, error) {
	name := q.Lower("DBSubnetGroupName")
	if _, ok := r.subnetGroups.Get(name, versions.View{}); !ok {
		return nil, subnetGroupNotFound(name)
	}
	if r.subnetGroupInUse(name) {
		return nil, wire.Errorf(http.StatusBadRequest, "InvalidDBSubnetGroupStateFault",
			"Cannot delete the subnet group '%s' because at least one database instance is still using it.", name)
	}
	r.subnetGroups.Remove(name, versions.Write)
	return nil, nil
}

func (r *region) describeSubnetGroups(_ context.Context, q query) (any, error) {
	list := r.subnetGroups.All(r.listing(q))
	if q.Has("DBSubnetGroupName") {
		group, ok := r.subnetGroups.Get(q.Lower("DBSubnetGroupName"), q.view())
		if !ok {
			return nil, subnetGroupNotFound(q.Lower("DBSubnetGroupName"))
		}
		list = []SubnetGroup{group}
	}
	page, marker, err := paginate(q, list, 100)
	return struct {
		Marker         string        `xml:",omitempty"`
		DBSubnetGroups []SubnetGroup `xml:"DBSubnetGroups>DBSubnetGroup"`
	}{marker, page}, err
}
