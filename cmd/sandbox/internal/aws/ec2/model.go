package ec2

import (
	"cmp"
	"slices"
	"strconv"
)

// tag is a tag as EC2 writes it.
type tag struct {
	Key   string `xml:"key"`
	Value string `xml:"value"`
}

// tags are the tags of a resource, sorted by key.
type tags []tag

func (t tags) asMap() map[string]string {
	found := make(map[string]string, len(t))
	for _, one := range t {
		found[one.Key] = one.Value
	}
	return found
}

// with is the tags with others put over them.
func (t tags) with(given tags) tags {
	merged := slices.Clone(t)
	for _, one := range given {
		if i := slices.IndexFunc(merged, func(have tag) bool { return have.Key == one.Key }); i >= 0 {
			merged[i] = one
			continue
		}
		merged = append(merged, one)
	}
	slices.SortFunc(merged, func(a, b tag) int { return cmp.Compare(a.Key, b.Key) })
	return merged
}

// meta is what all resources have.
type meta struct {
	Tags tags `xml:"tagSet>item"`
}

func (m meta) tagged() tags { return m.Tags }

// resource is anything in a region that has an ID and tags.
type resource interface {
	id() string
	tagged() tags
	// values are what a filter is compared with; known is false for a filter that the sandbox does not have.
	values(filter string) (values []string, known bool)
}

// The resources are values: a change is a changed copy. They are written as EC2 writes them.
type (
	vpc struct {
		ID      string `xml:"vpcId"`
		Owner   string `xml:"ownerId"`
		State   string `xml:"state"`
		CIDR    string `xml:"cidrBlock"`
		Tenancy string `xml:"instanceTenancy"`
		Default bool   `xml:"isDefault"`
		meta
	}
	subnet struct {
		ID        string `xml:"subnetId"`
		ARN       string `xml:"subnetArn"`
		State     string `xml:"state"`
		Owner     string `xml:"ownerId"`
		VPC       string `xml:"vpcId"`
		CIDR      string `xml:"cidrBlock"`
		Free      int    `xml:"availableIpAddressCount"`
		Zone      string `xml:"availabilityZone"`
		ZoneID    string `xml:"availabilityZoneId"`
		Default   bool   `xml:"defaultForAz"`
		PublicIPs bool   `xml:"mapPublicIpOnLaunch"`
		meta
	}
	gateway struct {
		ID          string       `xml:"internetGatewayId"`
		Owner       string       `xml:"ownerId"`
		Attachments []attachment `xml:"attachmentSet>item"`
		meta
	}
	attachment struct {
		VPC   string `xml:"vpcId"`
		State string `xml:"state"`
	}
	routeTable struct {
		ID           string        `xml:"routeTableId"`
		VPC          string        `xml:"vpcId"`
		Owner        string        `xml:"ownerId"`
		Routes       []route       `xml:"routeSet>item"`
		Associations []association `xml:"associationSet>item"`
		meta
	}
	route struct {
		CIDR    string `xml:"destinationCidrBlock,omitempty"`
		CIDR6   string `xml:"destinationIpv6CidrBlock,omitempty"`
		Gateway string `xml:"gatewayId,omitempty"`
		State   string `xml:"state"`
		Origin  string `xml:"origin"`
	}
	association struct {
		ID     string           `xml:"routeTableAssociationId"`
		Table  string           `xml:"routeTableId"`
		Subnet string           `xml:"subnetId,omitempty"`
		Main   bool             `xml:"main"`
		State  associationState `xml:"associationState"`
	}
	associationState struct {
		State string `xml:"state"`
	}
	prefixList struct {
		ID     string `xml:"prefixListId"`
		ARN    string `xml:"prefixListArn"`
		Name   string `xml:"prefixListName"`
		Family string `xml:"addressFamily"`
		Most   int    `xml:"maxEntries"`
		State  string `xml:"state"`
		Owner  string `xml:"ownerId"`
		meta
	}
)

func (v vpc) id() string        { return v.ID }
func (s subnet) id() string     { return s.ID }
func (g gateway) id() string    { return g.ID }
func (t routeTable) id() string { return t.ID }

func (p prefixList) id() string { return p.ID }

func (v vpc) values(filter string) ([]string, bool) {
	switch filter {
	case "vpc-id":
		return []string{v.ID}, true
	case "cidr":
		return []string{v.CIDR}, true
	case "state":
		return []string{v.State}, true
	case "is-default", "isDefault":
		return []string{strconv.FormatBool(v.Default)}, true
	}
	return nil, false
}

func (s subnet) values(filter string) ([]string, bool) {
	switch filter {
	case "subnet-id":
		return []string{s.ID}, true
	case "vpc-id":
		return []string{s.VPC}, true
	case "availability-zone", "availabilityZone":
		return []string{s.Zone}, true
	case "default-for-az":
		return []string{strconv.FormatBool(s.Default)}, true
	case "state":
		return []string{s.State}, true
	}
	return nil, false
}

func (g gateway) values(filter string) ([]string, bool) {
	switch filter {
	case "internet-gateway-id":
		return []string{g.ID}, true
	case "attachment.vpc-id":
		var vpcs []string
		for _, a := range g.Attachments {
			vpcs = append(vpcs, a.VPC)
		}
		return vpcs, true
	}
	return nil, false
}

func (t routeTable) values(filter string) ([]string, bool) {
	switch filter {
	case "route-table-id":
		return []string{t.ID}, true
	case "vpc-id":
		return []string{t.VPC}, true
	}
	of, known := map[string]func(association) string{
		"association.subnet-id":                  func(a association) string { return a.Subnet },
		"association.main":                       func(a association) string { return strconv.FormatBool(a.Main) },
		"association.route-table-association-id": func(a association) string { return a.ID },
	}[filter]
	if !known {
		return nil, false
	}
	var found []string
	for _, a := range t.Associations {
		found = append(found, of(a))
	}
	return found, true
}

func (p prefixList) values(filter string) ([]string, bool) {
	switch filter {
	case "prefix-list-id":
		return []string{p.ID}, true
	case "prefix-list-name":
		return []string{p.Name}, true
	}
	return nil, false
}
