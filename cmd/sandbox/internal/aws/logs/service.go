// Package logs models the log groups of Amazon CloudWatch Logs: retention, keys and tags. It stores no
// log events.
package logs

import (
	"context"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/identity"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/kms"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/service"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/versions"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/wire"
)

// Service answers for CloudWatch Logs.
type Service struct {
	keys    *kms.Service
	now     func() time.Time
	mu      sync.Mutex
	regions map[place]*region
}

type place struct{ account, region string }

// New returns the service; now is the clock.
func New(keys *kms.Service, now func() time.Time) *Service {
	return &Service{keys: keys, now: now, regions: map[place]*region{}}
}

// region is CloudWatch Logs in one account and region. Operations that write hold mu.
type region struct {
	*Service
	place
	mu     sync.Mutex
	groups *versions.Store[Group]
}

// Group is a log group. It is a value: a change is a changed copy.
type Group struct {
	Name, ARN string
	Class     string
	KeyARN    string // "" is a key of AWS
	Retention int    // days; 0 keeps the events for ever
	Created   time.Time
	Tags      map[string]string
}

func (s *Service) region(account, name string) *region {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := place{account, name}
	if known, ok := s.regions[at]; ok {
		return known
	}
	r := &region{Service: s, place: at, groups: versions.New[Group](s.now)}
	s.regions[at] = r
	return r
}

// Ensure creates a log group as AWS services do for their own logs, without key and without retention,
// unless there is one.
func (s *Service) Ensure(account, regionName, name string) {
	r := s.region(account, regionName)
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, exists := r.groups.Get(name, versions.View{}); !exists {
		r.groups.Put(name, r.newGroup(name), versions.Event)
	}
}

func (r *region) newGroup(name string) Group {
	return Group{Name: name, ARN: r.arn(name), Class: standard, Created: r.now(), Tags: map[string]string{}}
}

func (r *region) arn(name string) string {
	return "arn:aws:logs:" + r.place.region + ":" + r.account + ":log-group:" + name
}

// input is the union of what the operations take.
type input struct {
	DeletionProtectionEnabled bool              `json:"deletionProtectionEnabled"`
	KMSKeyID                  string            `json:"kmsKeyId"`
	Limit                     *int              `json:"limit"`
	LogGroupClass             string            `json:"logGroupClass"`
	LogGroupIdentifiers       []string          `json:"logGroupIdentifiers"`
	LogGroupName              string            `json:"logGroupName"`
	LogGroupNamePattern       string            `json:"logGroupNamePattern"`
	LogGroupNamePrefix        string            `json:"logGroupNamePrefix"`
	NextToken                 string            `json:"nextToken"`
	ResourceARN               string            `json:"resourceArn"`
	ResourceIdentifier        string            `json:"resourceIdentifier"`
	RetentionInDays           *int              `json:"retentionInDays"`
	TagKeys                   []string          `json:"tagKeys"`
	Tags                      map[string]string `json:"tags"`
}

// operation answers one operation.
type operation func(r *region, call identity.Call, in input) (any, error)

var operations = map[string]service.Operation[operation, *Service]{
	"AssociateKmsKey":       {Handle: (*region).associateKey, Needs: onGroup},
	"CreateLogGroup":        {Handle: (*region).create, Needs: creating},
	"DeleteLogGroup":        {Handle: (*region).remove, Needs: onGroup},
	"DeleteRetentionPolicy": {Handle: (*region).deleteRetention, Needs: onGroup},
	"DescribeLogGroups":     {Handle: (*region).describe, Needs: listing},
	"DisassociateKmsKey":    {Handle: (*region).disassociateKey, Needs: onGroup},
	"ListTagsForResource":   {Handle: (*region).listTags, Needs: onTags},
	"PutRetentionPolicy":    {Handle: (*region).putRetention, Needs: onGroup},
	"TagResource":           {Handle: (*region).tag, Needs: onTags},
	"UntagResource":         {Handle: (*region).untag, Needs: onTags},
}

// Serve answers one call.
func (s *Service) Serve(_ context.Context, call identity.Call) (any, error) {
	var in input
	if err := call.Decode(&in); err != nil {
		return nil, err
	}
	r := s.region(call.Caller.Account, call.Region)
	r.mu.Lock()
	defer r.mu.Unlock()
	return operations[call.Operation].Handle(r, call, in)
}

// get is a group by name.
func (r *region) get(name string, view versions.View) (Group, error) {
	if name == "" {
		return Group{}, invalid("1 validation error detected: Value at 'logGroupName' failed to satisfy constraint: Member must not be null")
	}
	group, ok := r.groups.Get(name, view)
	if !ok {
		return Group{}, wire.Errorf(http.StatusBadRequest, "ResourceNotFoundException", "The specified log group does not exist.")
	}
	return group, nil
}

// byARN is a group by the ARN without the trailing ":*", which the operations on tags take.
func (r *region) byARN(arn string, view versions.View) (Group, error) {
	name, ok := strings.CutPrefix(arn, r.arn(""))
	if !ok || strings.HasSuffix(name, ":*") {
		return Group{}, invalid("The specified resource ARN is not valid: %s", arn)
	}
	return r.get(name, view)
}

func (r *region) put(group Group) { r.groups.Put(group.Name, group, versions.Write) }

func invalid(format string, args ...any) error {
	return wire.Errorf(http.StatusBadRequest, "InvalidParameterException", format, args...)
}

// Forget drops everything an account holds.
func (s *Service) Forget(_ context.Context, account string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.regions, func(at place, _ *region) bool { return at.account == account })
	return nil
}
