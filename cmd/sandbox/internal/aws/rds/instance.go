package rds

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/versions"
)

const (
	engine  = "postgres"
	license = "postgresql-license"
)

// logTypes are the logs RDS for PostgreSQL can send to CloudWatch.
var logTypes = []string{"postgresql", "upgrade", "iam-db-auth-error"}

var identifier = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

// validIdentifier is the rule for names in RDS: letters, digits and single
// hyphens, beginning with a letter. Names are in lower case already.
func validIdentifier(name string, longest int) bool {
	return len(name) <= longest && identifier.MatchString(name)
}

// newResourceID creates an ID no other instance ever has.
func newResourceID() string { return "db-" + rand.Text() }

// address is the endpoint name of an instance: stable for a name in an account
// and region, as in AWS.
func (r *region) address(name string) string {
	sum := sha256.Sum256([]byte(r.account + r.place.region))
	return name + "." + "c" + hex.EncodeToString(sum[:])[:11] + "." + r.place.region + ".rds.amazonaws.com"
}

// zoneID is the hosted zone AWS keeps endpoint names in; it serves no purpose here.
const zoneID = "Z1RLNUO7B9Q6NB"

// endpoint is where the instance is reached or, while it is being created, will be.
func (i Instance) endpoint() Endpoint {
	return Endpoint{Address: i.host, Port: i.port, HostedZoneID: zoneID}
}

func (i Instance) parameterGroup() string { return i.DBParameterGroups[0].DBParameterGroupName }

func (i Instance) parameterStatus() string { return i.DBParameterGroups[0].ParameterApplyStatus }

func (i Instance) withGroup(name, status string) Instance {
	i.DBParameterGroups = []ParameterMembership{{DBParameterGroupName: name, ParameterApplyStatus: status}}
	return i
}

// withSecurityGroups uses the given groups, with one status.
func (i Instance) withSecurityGroups(ids []string, status string) Instance {
	i.VpcSecurityGroups = make([]GroupMembership, 0, len(ids))
	for _, id := range slices.Sorted(slices.Values(ids)) {
		i.VpcSecurityGroups = append(i.VpcSecurityGroups, GroupMembership{VpcSecurityGroupID: id, Status: status})
	}
	return i
}

// placeIn chooses availability zones out of a subnet group: the wanted one or the
// first, and for a standby the next.
func (i Instance) placeIn(zones []string, wanted string) Instance {
	if wanted == "" {
		wanted = zones[0]
	}
	i.AvailabilityZone, i.SecondaryAvailabilityZone = wanted, ""
	if i.MultiAZ {
		at := slices.Index(zones, wanted)
		i.SecondaryAvailabilityZone = zones[(at+1)%len(zones)]
	}
	return i
}

// withAuthority signs the server certificate by the named authority.
func (i Instance) withAuthority(name string, now time.Time) Instance {
	i.CACertificateIdentifier = name
	i.CertificateDetails = &certificateDetails{CAIdentifier: name, ValidTill: now.AddDate(1, 0, 0).UTC().Format(stampLayout)}
	return i
}

// named gives an instance its name and what follows from it.
func (r *region) named(i Instance, name string) Instance {
	i.DBInstanceIdentifier = name
	i.DBInstanceARN = r.arn("db", name)
	i.host = r.address(name)
	return i
}

// get is an instance that may be changed.
func (r *region) get(name string) (Instance, error) {
	inst, ok := r.instances.Get(strings.ToLower(name), versions.View{})
	if !ok {
		return Instance{}, instanceNotFound(name)
	}
	return inst, nil
}

// must refuses an instance in none of the given states.
func (i Instance) must(states ...string) error {
	if !slices.Contains(states, i.DBInstanceStatus) {
		return invalidState("Database instance %s is not in %s state.", i.DBInstanceIdentifier, strings.Join(states, " or "))
	}
	if i.busy {
		return invalidState("Database instance %s has a change under way.", i.DBInstanceIdentifier)
	}
	return nil
}
