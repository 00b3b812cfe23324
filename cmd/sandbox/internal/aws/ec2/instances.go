package ec2

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/identity"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/versions"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/wire"
)

type (
	instance struct {
		ID          string        `xml:"instanceId"`
		Image       string        `xml:"imageId"`
		State       instanceState `xml:"instanceState"`
		Type        string        `xml:"instanceType"`
		Launched    string        `xml:"launchTime"`
		Zone        string        `xml:"placement>availabilityZone"`
		Subnet      string        `xml:"subnetId,omitempty"`
		VPC         string        `xml:"vpcId,omitempty"`
		Address     string        `xml:"privateIpAddress,omitempty"`
		Groups      []groupName   `xml:"groupSet>item"`
		Interfaces  []ownedByHost `xml:"networkInterfaceSet>item"`
		reservation string
		meta
	}
	instanceState struct {
		Code int    `xml:"code"`
		Name string `xml:"name"`
	}
	groupName struct {
		ID   string `xml:"groupId"`
		Name string `xml:"groupName"`
	}
	// ownedByHost is an interface as its instance shows it.
	ownedByHost struct {
		ID        string           `xml:"networkInterfaceId"`
		Subnet    string           `xml:"subnetId"`
		VPC       string           `xml:"vpcId"`
		Status    string           `xml:"status"`
		Address   string           `xml:"privateIpAddress"`
		Addresses []privateAddress `xml:"privateIpAddressesSet>item"`
		Groups    []groupName      `xml:"groupSet>item"`
	}
	privateAddress struct {
		Address string `xml:"privateIpAddress"`
		Primary bool   `xml:"primary"`
	}
	networkInterface struct {
		ID          string               `xml:"networkInterfaceId"`
		Subnet      string               `xml:"subnetId"`
		VPC         string               `xml:"vpcId"`
		Zone        string               `xml:"availabilityZone"`
		Description string               `xml:"description"`
		Owner       string               `xml:"ownerId"`
		Status      string               `xml:"status"`
		Address     string               `xml:"privateIpAddress"`
		Addresses   []privateAddress     `xml:"privateIpAddressesSet>item"`
		Groups      []groupName          `xml:"groupSet>item"`
		Attachment  *interfaceAttachment `xml:"attachment"`
		meta
	}
	interfaceAttachment struct {
		ID       string `xml:"attachmentId"`
		Instance string `xml:"instanceId"`
		Device   int    `xml:"deviceIndex"`
		Status   string `xml:"status"`
	}
)

func (i instance) id() string         { return i.ID }
func (n networkInterface) id() string { return n.ID }

func (i instance) values(filter string) ([]string, bool) {
	switch filter {
	case "instance-id":
		return []string{i.ID}, true
	case "vpc-id":
		return []string{i.VPC}, true
	case "subnet-id":
		return []string{i.Subnet}, true
	case "instance-state-name":
		return []string{i.State.Name}, true
	case "private-ip-address":
		return []string{i.Address}, true
	}
	return nil, false
}

func (n networkInterface) values(filter string) ([]string, bool) {
	switch filter {
	case "network-interface-id":
		return []string{n.ID}, true
	case "vpc-id":
		return []string{n.VPC}, true
	case "subnet-id":
		return []string{n.Subnet}, true
	case "group-id":
		return groupIDs(n.Groups), true
	}
	return nil, false
}

func groupIDs(groups []groupName) []string {
	ids := make([]string, 0, len(groups))
	for _, g := range groups {
		ids = append(ids, g.ID)
	}
	return ids
}

// The states of instances. What starts and ends them answers with a state on the way, which has passed when
// they are described.
var (
	pending      = instanceState{0, "pending"}
	running      = instanceState{16, "running"}
	shuttingDown = instanceState{32, "shutting-down"}
	terminated   = instanceState{48, "terminated"}
)

func (r *region) runInstances(call identity.Call, given tags) (*wire.Answer, error) {
	count, err := call.Form.Int("MaxCount", 1)
	if err != nil {
		return nil, err
	}
	image, err := needed(call.Form, "ImageId")
	if err != nil {
		return nil, err
	}
	reservation := newID("r")
	var started []instance
	for range count {
		n, err := r.newInterface(call, "SecurityGroupId", "")
		if err != nil {
			return nil, err
		}
		i := instance{
			ID: newID("i"), Image: image, State: running, Type: call.Form.Get("InstanceType"), Launched: r.now().UTC().Format(time.RFC3339),
			Zone: n.Zone, Subnet: n.Subnet, VPC: n.VPC, Address: n.Address, Groups: n.Groups, reservation: reservation,
			meta: meta{given},
		}
		n = n.attached(i.ID, 0)
		i.Interfaces = []ownedByHost{n.ofHost()}
		r.interfaces.put(n)
		r.instances.put(i)
		i.State = pending
		started = append(started, i)
	}
	return answer(call, element{"reservationId", reservation}, element{"ownerId", r.account}, element{"instancesSet", list[instance]{started}})
}

// reserved is a reservation: the instances that were started by one call.
type reserved struct {
	ID        string     `xml:"reservationId"`
	Owner     string     `xml:"ownerId"`
	Instances []instance `xml:"instancesSet>item"`
}

func (r *region) describeInstances(call identity.Call) (*wire.Answer, error) {
	shown, err := r.instances.selected(call, versions.View{Stale: call.Stale})
	if err != nil {
		return nil, err
	}
	var all []reserved
	for _, i := range shown {
		at := slices.IndexFunc(all, func(one reserved) bool { return one.ID == i.reservation })
		if at < 0 {
			at, all = len(all), append(all, reserved{ID: i.reservation, Owner: r.account})
		}
		all[at].Instances = append(all[at].Instances, i)
	}
	return answerPage(call, "reservationSet", all)
}

type stateChange struct {
	ID       string        `xml:"instanceId"`
	Current  instanceState `xml:"currentState"`
	Previous instanceState `xml:"previousState"`
}

// terminate ends instances. They are still described, without their addresses.
func (r *region) terminate(call identity.Call) (*wire.Answer, error) {
	var all []instance
	for _, id := range call.Form.Strings("InstanceId") {
		i, err := r.instances.get(id)
		if err != nil {
			return nil, err
		}
		all = append(all, i)
	}
	var changed []stateChange
	for _, i := range all {
		changed = append(changed, stateChange{i.ID, shuttingDown, i.State})
		for _, n := range i.Interfaces {
			r.interfaces.remove(n.ID)
		}
		i.State, i.Address, i.Subnet, i.VPC, i.Interfaces, i.Groups = terminated, "", "", "", nil, nil
		r.instances.put(i)
	}
	return answer(call, element{"instancesSet", list[stateChange]{changed}})
}

// newInterface is the interface that a request describes, with an address of its subnet.
func (r *region) newInterface(call identity.Call, groupParameter, wanted string) (networkInterface, error) {
	in, err := r.subnets.named(call, "SubnetId")
	if err != nil {
		return networkInterface{}, err
	}
	n := networkInterface{
		ID: newID("eni"), Subnet: in.ID, VPC: in.VPC, Zone: in.Zone, Owner: r.account, Status: available,
		Description: call.Form.Get("Description"),
	}
	ids := call.Form.Strings(groupParameter)
	if len(ids) == 0 {
		ids = []string{r.defaultGroup(in.VPC)}
	}
	for _, id := range ids {
		g, err := r.groups.get(id)
		if err != nil {
			return n, err
		}
		if g.VPC != in.VPC {
			return n, invalidValue("Security group %s and subnet %s belong to different networks.", g.ID, in.ID)
		}
		n.Groups = append(n.Groups, groupName{g.ID, g.Name})
	}
	if n.Address, err = r.address(in, wanted); err != nil {
		return n, err
	}
	n.Addresses = []privateAddress{{n.Address, true}}
	return n, nil
}

// address is the wanted address of a subnet, or one that was never given out: AWS keeps the first four and
// the last.
func (r *region) address(in subnet, wanted string) (string, error) {
	block, err := netip.ParsePrefix(in.CIDR)
	if err != nil {
		return "", fmt.Errorf("subnet %s: %w", in.ID, err)
	}
	if wanted != "" {
		address, err := netip.ParseAddr(wanted)
		switch {
		case err != nil || !block.Contains(address):
			return "", invalidValue("Address %s is not in the subnet's range", wanted)
		case r.taken(in, wanted):
			return "", wire.Errorf(http.StatusBadRequest, "InvalidIPAddress.InUse", "Address %s is in use.", wanted)
		}
		return wanted, nil
	}
	address := block.Addr()
	for range 4 + r.addresses[in.ID] {
		address = address.Next()
	}
	for ; block.Contains(address.Next()); address = address.Next() {
		r.addresses[in.ID]++
		if !r.taken(in, address.String()) {
			return address.String(), nil
		}
	}
	return "", wire.Errorf(http.StatusBadRequest, "InsufficientFreeAddressesInSubnet", "There are no free addresses in subnet '%s'.", in.ID)
}

func (r *region) taken(in subnet, address string) bool {
	return slices.ContainsFunc(r.interfaces.All(versions.View{}), func(n networkInterface) bool {
		return n.Subnet == in.ID && n.Address == address
	})
}

func (r *region) defaultGroup(vpcID string) string {
	for _, g := range r.groups.All(versions.View{}) {
		if g.VPC == vpcID && g.Name == "default" {
			return g.ID
		}
	}
	return ""
}

func (n networkInterface) attached(instanceID string, device int) networkInterface {
	n.Status = "in-use"
	n.Attachment = &interfaceAttachment{ID: newID("eni-attach"), Instance: instanceID, Device: device, Status: "attached"}
	return n
}

func (n networkInterface) ofHost() ownedByHost {
	return ownedByHost{
		ID: n.ID, Subnet: n.Subnet, VPC: n.VPC, Status: n.Status, Address: n.Address, Addresses: n.Addresses, Groups: n.Groups,
	}
}

func (r *region) createInterface(call identity.Call, given tags) (*wire.Answer, error) {
	n, err := r.newInterface(call, "SecurityGroupId", call.Form.Get("PrivateIpAddress"))
	if err != nil {
		return nil, err
	}
	n.Tags = given
	r.interfaces.put(n)
	return answer(call, element{"networkInterface", n})
}

func (r *region) attachInterface(call identity.Call) (*wire.Answer, error) {
	n, err := r.interfaces.named(call, "NetworkInterfaceId")
	if err != nil {
		return nil, err
	}
	i, err := r.instances.named(call, "InstanceId")
	if err != nil {
		return nil, err
	}
	device, err := strconv.Atoi(call.Form.Get("DeviceIndex"))
	if err != nil {
		return nil, invalidValue("DeviceIndex must be an integer")
	}
	if n.Attachment != nil {
		return nil, wire.Errorf(http.StatusBadRequest, "InvalidNetworkInterface.InUse", "Interface %s is in use", n.ID)
	}
	n = n.attached(i.ID, device)
	i.Interfaces = append(slices.Clone(i.Interfaces), n.ofHost())
	r.interfaces.put(n)
	r.instances.put(i)
	return answer(call, element{"attachmentId", n.Attachment.ID})
}

func (r *region) detachInterface(call identity.Call) (*wire.Answer, error) {
	id := call.Form.Get("AttachmentId")
	for _, n := range r.interfaces.All(versions.View{}) {
		if n.Attachment == nil || n.Attachment.ID != id {
			continue
		}
		i, err := r.instances.get(n.Attachment.Instance)
		if err != nil {
			return nil, err
		}
		i.Interfaces = slices.DeleteFunc(slices.Clone(i.Interfaces), func(one ownedByHost) bool { return one.ID == n.ID })
		n.Attachment, n.Status = nil, available
		r.instances.put(i)
		r.interfaces.put(n)
		return done(call)
	}
	return nil, wire.Errorf(http.StatusBadRequest, "InvalidAttachmentID.NotFound", "The attachment ID '%s' does not exist", id)
}
