package world

import (
	"context"
	"fmt"
	"net/http"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/admin"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/ec2"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/iam"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/policy"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/wire"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/moto"
)

const (
	image      = "ami-0c0ac4000000d3e00"
	roleName   = "coach-operator"
	policyName = "permissions"
	externalID = "coach-demo"
	tagKey     = "coach-platform"
	allowAll   = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	trust      = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},` +
		`"Action":["sts:AssumeRole","sts:TagSession"],"Condition":{"StringEquals":{"sts:ExternalId":"` + externalID + `"}}}]}`
)

// Seed creates the network and the role the operator finds in a customer's account:
// a VPC with three private subnets and a public one, two security groups, two
// instances, and the role it assumes. A second call changes nothing and returns
// the same.
func (w *World) Seed(ctx context.Context, account, region string) (admin.Seeded, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	at := place{account, region}
	if seeded, ok := w.seeded[at]; ok {
		return seeded, nil
	}
	s := seeding{as: w.Networks.As(account, region), made: admin.Seeded{Account: account, Region: region, ExternalID: externalID}}
	for _, step := range []func(context.Context) error{s.network, s.public, s.groups, s.instances} {
		if err := step(ctx); err != nil {
			return admin.Seeded{}, fmt.Errorf("seed account %s: %w", account, err)
		}
	}
	s.as.Settle() // a customer's network is there long before the operator comes
	var err error
	s.made.RoleARN, err = w.Roles.Seed(ctx, account, iam.Seeded{Name: roleName, Trust: trust, Policy: policyName, Document: allowAll})
	if err != nil {
		return admin.Seeded{}, fmt.Errorf("seed account %s: %w", account, err)
	}
	w.seeded[at] = s.made
	return s.made, nil
}

// SetPolicy replaces what the seeded role may do.
func (w *World) SetPolicy(ctx context.Context, account, document string) error {
	if _, err := policy.Parse(document); err != nil {
		return wire.Errorf(http.StatusBadRequest, "MalformedPolicyDocument", "%s", err)
	}
	if err := w.Roles.SetPolicy(ctx, account, roleName, policyName, document); err != nil {
		return fmt.Errorf("set policy of account %s: %w", account, err)
	}
	return nil
}

// seeding is one account being filled.
type seeding struct {
	as   ec2.Account
	made admin.Seeded
}

// make calls EC2 with tags put on what it creates and returns the text at path.
func (s *seeding) make(ctx context.Context, path, operation, kind, tag, name string, pairs ...string) (string, error) {
	if kind != "" {
		pairs = append(pairs, "TagSpecification.1.ResourceType", kind,
			"TagSpecification.1.Tag.1.Key", "Name", "TagSpecification.1.Tag.1.Value", name)
		if tag != "" {
			pairs = append(pairs, "TagSpecification.1.Tag.2.Key", tagKey, "TagSpecification.1.Tag.2.Value", tag)
		}
	}
	found, err := s.as.Call(ctx, operation, pairs...)
	if err != nil {
		return "", err
	}
	return moto.Text(found, path), nil
}

func (s *seeding) network(ctx context.Context) error {
	var err error
	if s.made.VPC, err = s.make(ctx, ".//vpcId", "CreateVpc", "vpc", "demo", "coach", "CidrBlock", "10.42.0.0/16"); err != nil {
		return err
	}
	zones, err := s.as.Call(ctx, "DescribeAvailabilityZones")
	if err != nil {
		return err
	}
	for i, zone := range moto.Texts(zones, ".//zoneName") {
		if i == 3 {
			break
		}
		subnet, err := s.subnet(ctx, "private", fmt.Sprintf("coach-private-%d", i+1), fmt.Sprintf("10.42.%d.0/24", i+1), zone)
		if err != nil {
			return err
		}
		s.made.PrivateSubnets = append(s.made.PrivateSubnets, subnet)
	}
	s.made.PublicSubnet, err = s.subnet(ctx, "public", "coach-public", "10.42.100.0/24", moto.Text(zones, ".//zoneName"))
	return err
}

func (s *seeding) subnet(ctx context.Context, tag, name, block, zone string) (string, error) {
	return s.make(ctx, ".//subnetId", "CreateSubnet", "subnet", tag, name,
		"VpcId", s.made.VPC, "CidrBlock", block, "AvailabilityZone", zone)
}

// public gives the public subnet its way to the internet.
func (s *seeding) public(ctx context.Context) error {
	gateway, err := s.make(ctx, ".//internetGatewayId", "CreateInternetGateway", "internet-gateway", "", "coach")
	if err != nil {
		return err
	}
	if _, err := s.as.Call(ctx, "AttachInternetGateway", "InternetGatewayId", gateway, "VpcId", s.made.VPC); err != nil {
		return err
	}
	table, err := s.make(ctx, ".//routeTableId", "CreateRouteTable", "route-table", "", "coach-public", "VpcId", s.made.VPC)
	if err != nil {
		return err
	}
	if _, err := s.as.Call(ctx, "CreateRoute", "RouteTableId", table,
		"DestinationCidrBlock", "0.0.0.0/0", "GatewayId", gateway); err != nil {
		return err
	}
	_, err = s.as.Call(ctx, "AssociateRouteTable", "RouteTableId", table, "SubnetId", s.made.PublicSubnet)
	return err
}

func (s *seeding) groups(ctx context.Context) error {
	for tag, id := range map[string]*string{"workload": &s.made.WorkloadSecurityGroup, "operator": &s.made.OperatorSecurityGroup} {
		made, err := s.make(ctx, ".//groupId", "CreateSecurityGroup", "security-group", tag, "coach-"+tag,
			"GroupName", "coach-"+tag, "GroupDescription", "coach "+tag, "VpcId", s.made.VPC)
		if err != nil {
			return err
		}
		*id = made
	}
	return nil
}

func (s *seeding) instances(ctx context.Context) error {
	for i, subnet := range s.made.PrivateSubnets[:2] {
		found, err := s.as.Call(ctx, "RunInstances", "ImageId", image,
			"MinCount", "1", "MaxCount", "1", "InstanceType", "t3.micro", "SubnetId", subnet,
			"SecurityGroupId.1", s.made.WorkloadSecurityGroup,
			"TagSpecification.1.ResourceType", "instance",
			"TagSpecification.1.Tag.1.Key", "Name", "TagSpecification.1.Tag.1.Value", fmt.Sprintf("coach-app-%d", i+1),
			"TagSpecification.1.Tag.2.Key", tagKey, "TagSpecification.1.Tag.2.Value", "demo")
		if err != nil {
			return err
		}
		s.made.Instances = append(s.made.Instances, admin.Instance{
			ID: moto.Text(found, ".//instanceId"), PrivateIP: moto.Text(found, ".//privateIpAddress"),
		})
	}
	return nil
}
