package loggroup

import (
	"fmt"
	"slices"

	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// published are the logs that RDS for PostgreSQL can publish.
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_LogAccess.Concepts.PostgreSQL.html
var published = []string{"postgresql", "upgrade"}

// State is the log groups of one database as far as we own or judge them.
type State struct {
	// Groups are one for each log, in the order of published. A live one that does not exist is as desired otherwise,
	// so that its absence is one difference.
	Groups []Group
	// KeyKnown says that the tenant's key was observed. Without it nothing is said of the groups' keys.
	KeyKnown bool
}

// Group is one log group.
type Group struct {
	// Log is the log that RDS publishes to the group.
	Log string
	// Name is CloudWatch's.
	Name string
	// Exists says that there is such a group.
	Exists bool
	// KeyARN is the KMS key that new log events are encrypted with; "" is a key of AWS's own.
	KeyARN string
	// Days is how long log events are kept; 0 is for ever.
	Days int32
	// Tagged says that the group has all tags of the tenant.
	Tagged bool
	// Released is the value of the tag that says the group was released, or "".
	Released string
}

// Desire returns the desired log groups. They exist before the database publishes to them: what was written
// before a key was set stays as it was.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
func Desire(in *scope.Platform) (State, error) {
	s := State{KeyKnown: in.Key.ARN != ""}
	for _, log := range published {
		s.Groups = append(s.Groups, Group{
			Log: log, Name: name(in.Tenant, log), Exists: true, KeyARN: in.Key.ARN, Days: in.Class.Spec.Database.LogRetentionDays, Tagged: true,
		})
	}
	return s, nil
}

// constrain leaves the keys of groups as they are while the tenant's key is not known.
func constrain(want, got State) State {
	if want.KeyKnown {
		return want
	}
	want.Groups = slices.Clone(want.Groups)
	for i := range got.Groups {
		want.Groups[i].KeyARN = got.Groups[i].KeyARN
	}
	return want
}

const (
	// everyPrefix is what the names of the log groups of all operators' databases begin with.
	everyPrefix = "/aws/rds/instance/coach-"
	// pageSize is the largest page of DescribeLogGroups, and tagPageSize that of GetResources.
	pageSize    = 50
	tagPageSize = 100
)

// name is the one log group that RDS publishes a log of an instance to.
func name(t naming.Tenant, log string) string { return prefix(t) + log }

// prefix is what the names of all log groups of the tenant's database begin with.
func prefix(t naming.Tenant) string { return fmt.Sprintf("/aws/rds/instance/%s/", t.Resource()) }
