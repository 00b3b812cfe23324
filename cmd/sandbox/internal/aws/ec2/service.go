// Package ec2 models the networks of Amazon EC2: VPCs, subnets, route tables, security groups, instances
// and their network interfaces. Instances run nothing.
package ec2

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/identity"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/service"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/setting"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/versions"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/wire"
)

// InUse reports whether a database uses a security group.
type InUse func(account, region, group string) bool

// Service answers for EC2.
type Service struct {
	settings *setting.Store
	inUse    InUse
	now      func() time.Time
	mu       sync.Mutex
	regions  map[place]*region
}

type place struct{ account, region string }

// New returns the service; now is the clock.
func New(settings *setting.Store, inUse InUse, now func() time.Time) *Service {
	return &Service{settings: settings, inUse: inUse, now: now, regions: map[place]*region{}}
}

// region is EC2 in one account and region. Operations that write hold mu.
type region struct {
	*Service
	place
	mu         sync.Mutex
	vpcs       collection[vpc]
	subnets    collection[subnet]
	gateways   collection[gateway]
	tables     collection[routeTable]
	groups     collection[group]
	instances  collection[instance]
	interfaces collection[networkInterface]
	lists      collection[prefixList]
	kind       versions.Kind  // of the changes of the call that is being answered
	addresses  map[string]int // by subnet: how many were ever given out
}

// collectionOf is an empty collection.
func collectionOf[T resource](r *region, parameter, list, missing, called string, retag func(T, tags) T) collection[T] {
	return collection[T]{
		Store: versions.New[T](r.now), parameter: parameter, list: list, missing: missing, called: called, retag: retag, kind: &r.kind,
	}
}

// region is there from its first use, with the default VPC that AWS gives every account.
func (s *Service) region(account, name string) *region {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := place{account, name}
	if known, ok := s.regions[at]; ok {
		return known
	}
	r := &region{Service: s, place: at, addresses: map[string]int{}}
	r.vpcs = collectionOf(r, "VpcId", "vpcSet", "InvalidVpcID.NotFound", "vpc ID",
		func(v vpc, t tags) vpc { v.Tags = t; return v })
	r.subnets = collectionOf(r, "SubnetId", "subnetSet", "InvalidSubnetID.NotFound", "subnet ID",
		func(n subnet, t tags) subnet { n.Tags = t; return n })
	r.gateways = collectionOf(r, "InternetGatewayId", "internetGatewaySet", "InvalidInternetGatewayID.NotFound", "internetGateway ID",
		func(g gateway, t tags) gateway { g.Tags = t; return g })
	r.tables = collectionOf(r, "RouteTableId", "routeTableSet", "InvalidRouteTableID.NotFound", "routeTable ID",
		func(r routeTable, t tags) routeTable { r.Tags = t; return r })
	r.groups = collectionOf(r, "GroupId", "securityGroupInfo", "InvalidGroup.NotFound", "security group",
		func(g group, t tags) group { g.Tags = t; return g })
	r.instances = collectionOf(r, "InstanceId", "instancesSet", "InvalidInstanceID.NotFound", "instance ID",
		func(i instance, t tags) instance { i.Tags = t; return i })
	r.interfaces = collectionOf(r, "NetworkInterfaceId", "networkInterfaceSet", "InvalidNetworkInterfaceID.NotFound", "networkInterface ID",
		func(n networkInterface, t tags) networkInterface { n.Tags = t; return n })
	r.lists = collectionOf(r, "PrefixListId", "prefixListSet", "InvalidPrefixListID.NotFound", "prefix list ID",
		func(p prefixList, t tags) prefixList { p.Tags = t; return p })
	r.addDefaults()
	s.regions[at] = r
	return r
}

// all is the collections by the prefix of their resources' IDs.
func (r *region) all() map[string]kept {
	return map[string]kept{
		"vpc": r.vpcs, "subnet": r.subnets, "igw": r.gateways, "rtb": r.tables, "sg": r.groups, "sgr": ruleTags{r},
		"i": r.instances, "eni": r.interfaces, "pl": r.lists,
	}
}

// of is the collection in which an ID is, if it is.
func (r *region) of(id string) (kept, bool) {
	prefix, _, _ := strings.Cut(id, "-")
	found, known := r.all()[prefix]
	return found, known && found.has(id)
}

// newID is an ID that no other resource has.
func newID(prefix string) string {
	raw := make([]byte, 9)
	_, _ = rand.Read(raw) // documented never to fail
	return prefix + "-" + hex.EncodeToString(raw)[:17]
}

func (r *region) arn(kind, id string) string {
	return "arn:aws:ec2:" + r.place.region + ":" + r.account + ":" + kind + "/" + id
}

// listing is how a listing sees security groups: a moment late.
func (r *region) listing(call identity.Call) versions.View {
	return versions.View{Lag: time.Duration(r.settings.Of(r.account).Lag), Stale: call.Stale}
}

// Forget drops everything an account holds.
func (s *Service) Forget(_ context.Context, account string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.regions, func(at place, _ *region) bool { return at.account == account })
	return nil
}

// operation answers one operation in a region.
type operation func(*region, identity.Call) (*wire.Answer, error)

// operations are named with the parameters that they read; any other one is refused.
var operations = map[string]service.Operation[operation, *Service]{
	"AssociateRouteTable":   {Handle: taking((*region).associate, "RouteTableId", "SubnetId"), Needs: changing},
	"AttachInternetGateway": {Handle: taking((*region).attachGateway, "InternetGatewayId", "VpcId"), Needs: changing},
	"AttachNetworkInterface": {
		Handle: taking((*region).attachInterface, "DeviceIndex", "InstanceId", "NetworkInterfaceId"),
		Needs:  changing,
	},
	"AuthorizeSecurityGroupEgress":  {Handle: creating("security-group-rule", (*region).authorize, oneRule...), Needs: changing},
	"AuthorizeSecurityGroupIngress": {Handle: creating("security-group-rule", (*region).authorize, oneRule...), Needs: changing},
	"CreateInternetGateway":         {Handle: creating("internet-gateway", (*region).createGateway), Needs: changing},
	"CreateManagedPrefixList": {
		Handle: creating("prefix-list", (*region).createList, "AddressFamily", "ClientToken", "Entry", "MaxEntries", "PrefixListName"),
		Needs:  changing,
	},
	"CreateNetworkInterface": {
		Handle: creating("network-interface", (*region).createInterface,
			"ClientToken", "Description", "PrivateIpAddress", "SecurityGroupId", "SubnetId"),
		Needs: changing,
	},
	"CreateRoute": {
		Handle: taking((*region).createRoute, "DestinationCidrBlock", "DestinationIpv6CidrBlock", "GatewayId", "RouteTableId"),
		Needs:  changing,
	},
	"CreateRouteTable": {Handle: creating("route-table", (*region).createTable, "ClientToken", "VpcId"), Needs: changing},
	"CreateSecurityGroup": {
		Handle: creating("security-group", (*region).createGroup, "GroupDescription", "GroupName", "VpcId"),
		Needs:  creatingGroup,
	},
	"CreateSubnet": {Handle: creating("subnet", (*region).createSubnet, "AvailabilityZone", "CidrBlock", "VpcId"), Needs: changing},
	"CreateTags":   {Handle: taking((*region).createTags, "ResourceId", "Tag"), Needs: changing},
	"CreateVpc":    {Handle: creating("vpc", (*region).createVPC, "CidrBlock"), Needs: changing},
	"DeleteRoute": {
		Handle: taking((*region).deleteRoute, "DestinationCidrBlock", "DestinationIpv6CidrBlock", "RouteTableId"),
		Needs:  changing,
	},
	"DeleteSecurityGroup":       {Handle: taking((*region).deleteGroup, "GroupId"), Needs: changing},
	"DeleteTags":                {Handle: taking((*region).deleteTags, "ResourceId", "Tag"), Needs: changing},
	"DescribeAvailabilityZones": {Handle: taking((*region).describeZones), Needs: reading},
	"DescribeInstances":         {Handle: listing((*region).describeInstances, "InstanceId"), Needs: reading},
	"DescribeInternetGateways": {
		Handle: describing(func(r *region) describer { return r.gateways }, "InternetGatewayId"),
		Needs:  reading,
	},
	"DescribeManagedPrefixLists": {Handle: describing(func(r *region) describer { return r.lists }, "PrefixListId"), Needs: reading},
	"DescribeNetworkInterfaces": {
		Handle: describing(func(r *region) describer { return r.interfaces }, "NetworkInterfaceId"),
		Needs:  reading,
	},
	"DescribeRouteTables":          {Handle: describing(func(r *region) describer { return r.tables }, "RouteTableId"), Needs: reading},
	"DescribeSecurityGroupRules":   {Handle: listing((*region).describeRules, "SecurityGroupRuleId"), Needs: reading},
	"DescribeSecurityGroups":       {Handle: listing((*region).describeGroups, "GroupId", "GroupName"), Needs: reading},
	"DescribeSubnets":              {Handle: listing((*region).describeSubnets, "SubnetId"), Needs: reading},
	"DescribeVpcs":                 {Handle: describing(func(r *region) describer { return r.vpcs }, "VpcId"), Needs: reading},
	"DetachNetworkInterface":       {Handle: taking((*region).detachInterface, "AttachmentId"), Needs: changing},
	"DisassociateRouteTable":       {Handle: taking((*region).disassociate, "AssociationId"), Needs: changing},
	"ModifySecurityGroupRules":     {Handle: taking((*region).modifyRules, "GroupId", "SecurityGroupRule"), Needs: changing},
	"ReplaceRouteTableAssociation": {Handle: taking((*region).replaceAssociation, "AssociationId", "RouteTableId"), Needs: changing},
	"RevokeSecurityGroupEgress": {
		Handle: taking((*region).revoke, slices.Concat(oneRule, []string{"SecurityGroupRuleId"})...),
		Needs:  changing,
	},
	"RevokeSecurityGroupIngress": {
		Handle: taking((*region).revoke, slices.Concat(oneRule, []string{"SecurityGroupRuleId"})...),
		Needs:  changing,
	},
	"RunInstances": {
		Handle: creating("instance", (*region).runInstances,
			"ClientToken", "ImageId", "InstanceType", "MaxCount", "MinCount", "SecurityGroupId", "SubnetId"),
		Needs: changing,
	},
	"TerminateInstances": {Handle: taking((*region).terminate, "InstanceId"), Needs: changing},
}

// oneRule is what the calls that add and remove rules take: any number of them, or one in the short form.
var oneRule = []string{"GroupId", "IpPermissions", "IpProtocol", "FromPort", "ToPort", "CidrIp", "CidrIpv6"}

// taking is an operation that refuses parameters which it does not read, rather than to pretend.
func taking(handle operation, names ...string) operation {
	names = append(names, "Action", "Version", "DryRun")
	return func(r *region, call identity.Call) (*wire.Answer, error) {
		for _, given := range call.Form.Names() {
			if name, _, _ := strings.Cut(given, "."); !slices.Contains(names, name) {
				return nil, wire.Errorf(http.StatusNotImplemented, "NotImplemented",
					"the sandbox does not know the parameter %s of %s", name, call.Operation)
			}
		}
		return handle(r, call)
	}
}

// listing is an operation that answers with a page of what filters let through.
func listing(handle operation, names ...string) operation {
	return taking(handle, append(names, "Filter", "MaxResults", "NextToken")...)
}

// creating is an operation that creates resources of a kind, with tags.
func creating(kind string, handle func(*region, identity.Call, tags) (*wire.Answer, error), names ...string) operation {
	return taking(func(r *region, call identity.Call) (*wire.Answer, error) {
		given, err := specTags(call.Form, kind)
		if err != nil {
			return nil, err
		}
		return handle(r, call, given)
	}, append(names, "TagSpecification")...)
}

// describer is a collection that answers a listing of it.
type describer interface {
	describe(call identity.Call, view versions.View) (*wire.Answer, error)
}

// describing is the operation that lists a collection as it is.
func describing(of func(*region) describer, names ...string) operation {
	return listing(func(r *region, call identity.Call) (*wire.Answer, error) {
		return of(r).describe(call, versions.View{Stale: call.Stale})
	}, names...)
}

// Serve answers one call.
func (s *Service) Serve(_ context.Context, call identity.Call) (any, error) {
	return s.serve(call, versions.Write)
}

// serve answers a call whose changes are of a kind: a stale read shows what was before the last write, but
// not before what the sandbox itself did.
func (s *Service) serve(call identity.Call, kind versions.Kind) (any, error) {
	if call.Form.Bool("DryRun", false) {
		return nil, wire.Errorf(http.StatusPreconditionFailed, "DryRunOperation", "Request would have succeeded, but DryRun flag is set.")
	}
	r := s.region(call.Caller.Account, call.Region)
	if !call.ReadOnly() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.kind = kind
	}
	return operations[call.Operation].Handle(r, call)
}

func (r *region) createTags(call identity.Call) (*wire.Answer, error) {
	given := readTags(call.Form)
	if err := checkTags(given); err != nil {
		return nil, err
	}
	return r.retag(call, func(held tags) tags { return held.with(given) })
}

// deleteTags removes tags by key and, where one is given, only with that value.
func (r *region) deleteTags(call identity.Call) (*wire.Answer, error) {
	gone := call.Form.Structs("Tag")
	return r.retag(call, func(held tags) tags {
		left := tags{}
		for _, one := range held {
			removed := len(gone) == 0
			for _, g := range gone {
				removed = removed || g.Get("Key") == one.Key && (!g.Has("Value") || g.Get("Value") == one.Value)
			}
			if !removed {
				left = append(left, one)
			}
		}
		return left
	})
}

// retag changes the tags of all resources that a request names, or of none.
func (r *region) retag(call identity.Call, change func(tags) tags) (*wire.Answer, error) {
	ids := call.Form.Strings("ResourceId")
	if len(ids) == 0 {
		return nil, wire.Errorf(http.StatusBadRequest, "MissingParameter", "The request must contain the parameter resourceIdSet")
	}
	for _, id := range ids {
		prefix, _, _ := strings.Cut(id, "-")
		in, known := r.all()[prefix]
		switch {
		case !known:
			return nil, wire.Errorf(http.StatusBadRequest, "InvalidID", "The ID '%s' is not valid", id)
		case !in.has(id):
			return nil, in.notFound(id)
		}
		if err := checkTagCount(change(in.tagsOf(id))); err != nil {
			return nil, err
		}
	}
	for _, id := range ids {
		in, _ := r.of(id)
		in.setTags(id, change)
	}
	return done(call)
}
