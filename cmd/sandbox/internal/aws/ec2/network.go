package ec2

import (
	"cmp"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/identity"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/versions"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/wire"
)

const available = "available"

// zones are the suffixes of the availability zones of every region.
var zones = []string{"a", "b", "c"}

// addDefaults creates the default VPC, with a public subnet in every zone.
func (r *region) addDefaults() {
	v := r.addVPC("172.31.0.0/16", nil)
	v.Default = true
	r.vpcs.Import(v.ID, v)
	for i, zone := range zones {
		block := netip.PrefixFrom(netip.AddrFrom4([4]byte{172, 31, byte(i * 16), 0}), 20)
		n := r.newSubnet(v.ID, block, r.place.region+zone)
		n.Default, n.PublicIPs = true, true
		r.subnets.Import(n.ID, n)
	}
}

// addVPC creates a VPC with what AWS creates with it: a main route table and a default security group.
func (r *region) addVPC(block string, given tags) vpc {
	v := vpc{
		ID: newID("vpc"), Owner: r.account, State: available, CIDR: block, Tenancy: "default", meta: meta{given},
	}
	table := r.newTable(v, nil)
	table.Associations = []association{{ID: newID("rtbassoc"), Table: table.ID, Main: true, State: associationState{"associated"}}}
	r.tables.Import(table.ID, table)
	g := r.newGroup("default", "default VPC security group", v.ID, nil)
	g.rules = []standing{r.newRule(g.ID, true, anywhere), r.newRule(g.ID, false, rule{protocol: "-1", from: -1, to: -1, peer: g.ID})}
	r.groups.Import(g.ID, g)
	return v
}

func (r *region) createVPC(call identity.Call, given tags) (*wire.Answer, error) {
	block, err := netip.ParsePrefix(call.Form.Get("CidrBlock"))
	if err != nil || block.Bits() < 16 || block.Bits() > 28 {
		return nil, invalidValue("The CIDR '%s' is invalid.", call.Form.Get("CidrBlock"))
	}
	v := r.addVPC(block.Masked().String(), given)
	r.vpcs.put(v)
	return answer(call, element{"vpc", v})
}

func (r *region) newSubnet(vpcID string, block netip.Prefix, zone string) subnet {
	id := newID("subnet")
	return subnet{
		ID: id, ARN: r.arn("subnet", id), State: available, Owner: r.account, VPC: vpcID, CIDR: block.String(), Zone: zone,
		ZoneID: r.zoneID(zone), Free: 1<<(32-block.Bits()) - 5,
	}
}

// zoneID is eu-central-1-az1 for eu-central-1a; AWS numbers them differently in each account.
func (r *region) zoneID(name string) string {
	return r.place.region + "-az" + strconv.Itoa(slices.Index(zones, strings.TrimPrefix(name, r.place.region))+1)
}

func (r *region) createSubnet(call identity.Call, given tags) (*wire.Answer, error) {
	v, err := r.vpcs.named(call, "VpcId")
	if err != nil {
		return nil, err
	}
	whole, err := netip.ParsePrefix(v.CIDR)
	if err != nil {
		return nil, err
	}
	block, err := netip.ParsePrefix(call.Form.Get("CidrBlock"))
	if err != nil || !whole.Contains(block.Addr()) || block.Bits() < whole.Bits() || block.Bits() > 28 {
		return nil, wire.Errorf(http.StatusBadRequest, "InvalidSubnet.Range", "The CIDR '%s' is invalid.", call.Form.Get("CidrBlock"))
	}
	for _, other := range r.subnets.All(versions.View{}) {
		if taken, err := netip.ParsePrefix(other.CIDR); err == nil && other.VPC == v.ID && taken.Overlaps(block) {
			return nil, wire.Errorf(http.StatusBadRequest, "InvalidSubnet.Conflict",
				"The CIDR '%s' conflicts with another subnet", block)
		}
	}
	zone := cmp.Or(call.Form.Get("AvailabilityZone"), r.place.region+zones[0])
	if suffix, here := strings.CutPrefix(zone, r.place.region); !here || !slices.Contains(zones, suffix) {
		return nil, invalidValue("Value (%s) for parameter availabilityZone is invalid.", zone)
	}
	n := r.newSubnet(v.ID, block.Masked(), zone)
	n.Tags = given
	r.subnets.put(n)
	return answer(call, element{"subnet", n})
}

// describeSubnets shows how many addresses are left, too.
func (r *region) describeSubnets(call identity.Call) (*wire.Answer, error) {
	view := versions.View{Stale: call.Stale}
	shown, err := r.subnets.selected(call, view)
	if err != nil {
		return nil, err
	}
	taken := map[string]int{}
	for _, n := range r.interfaces.All(view) {
		taken[n.Subnet]++
	}
	for i := range shown {
		shown[i].Free -= taken[shown[i].ID]
	}
	return answerPage(call, r.subnets.list, shown)
}

type zone struct {
	Name   string `xml:"zoneName"`
	ID     string `xml:"zoneId"`
	State  string `xml:"zoneState"`
	Region string `xml:"regionName"`
	Type   string `xml:"zoneType"`
}

func (r *region) describeZones(call identity.Call) (*wire.Answer, error) {
	var all []zone
	for _, suffix := range zones {
		name := r.place.region + suffix
		all = append(all, zone{name, r.zoneID(name), available, r.place.region, "availability-zone"})
	}
	return answer(call, element{"availabilityZoneInfo", list[zone]{all}})
}

func (r *region) createGateway(call identity.Call, given tags) (*wire.Answer, error) {
	g := gateway{ID: newID("igw"), Owner: r.account, meta: meta{given}}
	r.gateways.put(g)
	return answer(call, element{"internetGateway", g})
}

func (r *region) attachGateway(call identity.Call) (*wire.Answer, error) {
	g, err := r.gateways.named(call, "InternetGatewayId")
	if err != nil {
		return nil, err
	}
	v, err := r.vpcs.named(call, "VpcId")
	if err != nil {
		return nil, err
	}
	if len(g.Attachments) > 0 {
		return nil, wire.Errorf(http.StatusBadRequest, "Resource.AlreadyAssociated", "resource %s is already attached", g.ID)
	}
	g.Attachments = []attachment{{v.ID, available}}
	r.gateways.put(g)
	return done(call)
}

func (r *region) newTable(v vpc, given tags) routeTable {
	return routeTable{
		ID: newID("rtb"), VPC: v.ID, Owner: r.account, meta: meta{given},
		Routes: []route{{CIDR: v.CIDR, Gateway: "local", State: "active", Origin: "CreateRouteTable"}},
	}
}

func (r *region) createTable(call identity.Call, given tags) (*wire.Answer, error) {
	v, err := r.vpcs.named(call, "VpcId")
	if err != nil {
		return nil, err
	}
	table := r.newTable(v, given)
	r.tables.put(table)
	return answer(call, element{"routeTable", table})
}

// destination reads where a route leads, in the shortest form.
func destination(call identity.Call) (route, error) {
	var to route
	for _, d := range []struct {
		parameter string
		field     *string
	}{{"DestinationCidrBlock", &to.CIDR}, {"DestinationIpv6CidrBlock", &to.CIDR6}} {
		if !call.Form.Has(d.parameter) {
			continue
		}
		var err error
		if *d.field, err = shortest(call.Form.Get(d.parameter)); err != nil {
			return to, err
		}
	}
	if (to.CIDR == "") == (to.CIDR6 == "") {
		return to, wire.Errorf(http.StatusBadRequest, "MissingParameter", "The request must contain exactly one destination")
	}
	return to, nil
}

func (t routeTable) index(to route) int {
	return slices.IndexFunc(t.Routes, func(r route) bool { return r.CIDR == to.CIDR && r.CIDR6 == to.CIDR6 })
}

func (r *region) createRoute(call identity.Call) (*wire.Answer, error) {
	table, err := r.tables.named(call, "RouteTableId")
	if err != nil {
		return nil, err
	}
	to, err := destination(call)
	if err != nil {
		return nil, err
	}
	if table.index(to) >= 0 {
		return nil, wire.Errorf(http.StatusBadRequest, "RouteAlreadyExists", "The route identified by %s already exists.", to.CIDR+to.CIDR6)
	}
	target, err := r.gateways.named(call, "GatewayId")
	if err != nil {
		return nil, err
	}
	to.State, to.Origin, to.Gateway = "active", "CreateRoute", target.ID
	table.Routes = append(slices.Clone(table.Routes), to)
	r.tables.put(table)
	return done(call)
}

func (r *region) deleteRoute(call identity.Call) (*wire.Answer, error) {
	table, err := r.tables.named(call, "RouteTableId")
	if err != nil {
		return nil, err
	}
	to, err := destination(call)
	if err != nil {
		return nil, err
	}
	i := table.index(to)
	if i < 0 {
		return nil, wire.Errorf(http.StatusBadRequest, "InvalidRoute.NotFound", "no route with destination %s", to.CIDR+to.CIDR6)
	}
	table.Routes = slices.Delete(slices.Clone(table.Routes), i, i+1)
	r.tables.put(table)
	return done(call)
}

func (r *region) associate(call identity.Call) (*wire.Answer, error) {
	table, err := r.tables.named(call, "RouteTableId")
	if err != nil {
		return nil, err
	}
	n, err := r.subnets.named(call, "SubnetId")
	if err != nil {
		return nil, err
	}
	for _, other := range r.tables.All(versions.View{}) {
		if slices.ContainsFunc(other.Associations, func(a association) bool { return a.Subnet == n.ID }) {
			return nil, wire.Errorf(http.StatusBadRequest, "Resource.AlreadyAssociated",
				"the specified association for route table %s conflicts with an existing association", table.ID)
		}
	}
	a := association{ID: newID("rtbassoc"), Table: table.ID, Subnet: n.ID, State: associationState{"associated"}}
	table.Associations = append(slices.Clone(table.Associations), a)
	r.tables.put(table)
	return answer(call, element{"associationId", a.ID}, element{"associationState", a.State})
}

// association is the route table that has an association, and where.
func (r *region) association(call identity.Call) (table routeTable, at int, err error) {
	id, err := needed(call.Form, "AssociationId")
	if err != nil {
		return table, 0, err
	}
	for _, table := range r.tables.All(versions.View{}) {
		if at := slices.IndexFunc(table.Associations, func(a association) bool { return a.ID == id }); at >= 0 {
			return table, at, nil
		}
	}
	return table, 0, wire.Errorf(http.StatusBadRequest, "InvalidAssociationID.NotFound", "The association ID '%s' does not exist", id)
}

func (r *region) dropAssociation(table routeTable, at int) {
	table.Associations = slices.Delete(slices.Clone(table.Associations), at, at+1)
	r.tables.put(table)
}

func (r *region) disassociate(call identity.Call) (*wire.Answer, error) {
	table, at, err := r.association(call)
	if err != nil {
		return nil, err
	}
	if a := table.Associations[at]; a.Main {
		return nil, invalidValue("cannot disassociate the main route table association %s", a.ID)
	}
	r.dropAssociation(table, at)
	return done(call)
}

func (r *region) replaceAssociation(call identity.Call) (*wire.Answer, error) {
	old, at, err := r.association(call)
	if err != nil {
		return nil, err
	}
	if _, err := r.tables.named(call, "RouteTableId"); err != nil {
		return nil, err
	}
	a := old.Associations[at]
	r.dropAssociation(old, at)
	table, err := r.tables.named(call, "RouteTableId") // as it is now: it may be the old one
	if err != nil {
		return nil, err
	}
	a.ID, a.Table = newID("rtbassoc"), table.ID
	table.Associations = append(slices.Clone(table.Associations), a)
	r.tables.put(table)
	return answer(call, element{"newAssociationId", a.ID}, element{"associationState", a.State})
}

func (r *region) createList(call identity.Call, given tags) (*wire.Answer, error) {
	name, err := needed(call.Form, "PrefixListName")
	if err != nil {
		return nil, err
	}
	most, err := call.Form.Int("MaxEntries", 0)
	if err != nil {
		return nil, err
	}
	id := newID("pl")
	p := prefixList{
		ID: id, ARN: r.arn("prefix-list", id), Name: name, Family: call.Form.Get("AddressFamily"), Most: most,
		State: "create-complete", Owner: r.account, meta: meta{given},
	}
	r.lists.put(p)
	return answer(call, element{"prefixList", p})
}
