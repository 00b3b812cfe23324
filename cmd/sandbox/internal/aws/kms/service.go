// Package kms models AWS KMS: keys with policy, tags, rotation and states, and
// aliases. It encrypts nothing.
package kms

import (
	"context"
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

// Service answers for KMS.
type Service struct {
	settings *setting.Store
	now      func() time.Time
	mu       sync.Mutex
	regions  map[place]*region
}

type place struct{ account, region string }

// New returns the service; now is the clock.
func New(settings *setting.Store, now func() time.Time) *Service {
	return &Service{settings: settings, now: now, regions: map[place]*region{}}
}

// region is KMS in one account and region. Operations that write hold mu.
type region struct {
	*Service
	place
	mu      sync.Mutex
	keys    *versions.Store[Key]
	aliases *versions.Store[Alias]
}

func (s *Service) region(account, name string) *region {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := place{account, name}
	if known, ok := s.regions[at]; ok {
		return known
	}
	r := &region{Service: s, place: at, keys: versions.New[Key](s.now), aliases: versions.New[Alias](s.now)}
	s.regions[at] = r
	return r
}

// Forget drops everything an account holds.
func (s *Service) Forget(_ context.Context, account string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.regions, func(at place, _ *region) bool { return at.account == account })
	return nil
}

// operation answers one operation.
type operation func(r *region, call identity.Call, in input) (any, error)

// input is the union of what the operations take.
type input struct {
	AliasName                      string
	BypassPolicyLockoutSafetyCheck bool
	Description                    string
	KeyID                          string `json:"KeyId"`
	KeySpec                        string
	KeyUsage                       string
	Limit                          int
	Marker                         string
	MultiRegion                    bool
	Origin                         string
	PendingWindowInDays            *int
	Policy                         string
	PolicyName                     string
	RotationPeriodInDays           *int
	TagKeys                        []string
	Tags                           []Tag
	TargetKeyID                    string `json:"TargetKeyId"`
}

var operations = map[string]service.Operation[operation, *Service]{
	"CancelKeyDeletion":    {Handle: (*region).cancelDeletion, Needs: needs},
	"CreateAlias":          {Handle: (*region).createAlias, Needs: needs},
	"CreateKey":            {Handle: (*region).createKey, Needs: creationNeeds},
	"DeleteAlias":          {Handle: (*region).deleteAlias, Needs: needs},
	"DescribeKey":          {Handle: (*region).describeKey, Needs: needs},
	"DisableKey":           {Handle: (*region).disableKey, Needs: needs},
	"DisableKeyRotation":   {Handle: (*region).disableRotation, Needs: needs},
	"EnableKey":            {Handle: (*region).enableKey, Needs: needs},
	"EnableKeyRotation":    {Handle: (*region).enableRotation, Needs: needs},
	"GetKeyPolicy":         {Handle: (*region).getPolicy, Needs: needs},
	"GetKeyRotationStatus": {Handle: (*region).getRotation, Needs: needs},
	"ListAliases":          {Handle: (*region).listAliases, Needs: needs},
	"ListKeyPolicies":      {Handle: (*region).listPolicies, Needs: needs},
	"ListKeys":             {Handle: (*region).listKeys, Needs: needs},
	"ListResourceTags":     {Handle: (*region).listTags, Needs: needs},
	"PutKeyPolicy":         {Handle: (*region).putPolicy, Needs: needs},
	"ScheduleKeyDeletion":  {Handle: (*region).scheduleDeletion, Needs: needs},
	"TagResource":          {Handle: (*region).tag, Needs: needs},
	"UntagResource":        {Handle: (*region).untag, Needs: needs},
	"UpdateAlias":          {Handle: (*region).updateAlias, Needs: needs},
	"UpdateKeyDescription": {Handle: (*region).updateDescription, Needs: needs},
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

func (r *region) arn(resource string) string {
	return "arn:aws:kms:" + r.place.region + ":" + r.account + ":" + resource
}

// listing is how a listing sees keys and aliases: a moment late.
func (r *region) listing(call identity.Call) versions.View {
	return versions.View{Lag: time.Duration(r.settings.Of(r.account).Lag), Stale: call.Stale}
}

// find is a key by ID or ARN, also by alias where the operation takes one.
func (r *region) find(name string, aliases bool, view versions.View) (Key, error) {
	short := strings.TrimPrefix(name, r.arn(""))
	switch {
	case name == "":
		return Key{}, invalid("1 validation error detected: Value at 'keyId' failed to satisfy constraint: Member must not be null")
	case strings.HasPrefix(name, "arn:") && short == name:
		return Key{}, notFound("Key '%s' does not exist", name)
	case strings.HasPrefix(short, "alias/"):
		alias, ok := r.aliases.Get(short, view)
		if !ok || !aliases {
			return Key{}, notFound("Alias %s is not found.", r.arn(short))
		}
		short = alias.KeyID
	}
	short = strings.TrimPrefix(short, "key/")
	key, ok := r.keys.Get(short, view)
	if !ok || r.gone(key) {
		return Key{}, notFound("Key '%s' does not exist", r.arn("key/"+short))
	}
	return key, nil
}

// gone reports whether a key's deletion date has passed.
func (r *region) gone(key Key) bool {
	return key.State == pendingDeletion && !r.now().Before(key.Deletion)
}

// usable is a key by ID or ARN that is not pending deletion.
func (r *region) usable(name string) (Key, error) {
	key, err := r.find(name, false, versions.View{})
	if err == nil && key.State == pendingDeletion {
		return key, wire.Errorf(http.StatusBadRequest, "KMSInvalidStateException", "%s is pending deletion.", key.ARN)
	}
	return key, err
}

// customers is a usable key that is not AWS's own.
func (r *region) customers(name string) (Key, error) {
	key, err := r.usable(name)
	if err == nil && key.Managed {
		return key, wire.Errorf(http.StatusBadRequest, "AccessDeniedException", "%s is managed by AWS and cannot be changed.", key.ARN)
	}
	return key, err
}

// put stores a changed key.
func (r *region) put(key Key) { r.keys.Put(key.ID, key, versions.Write) }

// rdsAlias is the key AWS creates when an encrypted database names none.
const rdsAlias = "alias/aws/rds"

// Usable resolves a key ID, alias or ARN, "" for the default RDS key, to an ARN;
// ok is false when there is no such key or it cannot encrypt.
func (s *Service) Usable(account, regionName, name string) (arn string, ok bool) {
	r := s.region(account, regionName)
	r.mu.Lock()
	defer r.mu.Unlock()
	if name == "" {
		name = rdsAlias
	}
	if _, known := r.aliases.Get(rdsAlias, versions.View{}); name == rdsAlias && !known {
		key := r.newKey("Default key that protects my RDS database volumes when no other key is defined")
		key.Managed = true
		r.put(key)
		r.putAlias(rdsAlias, key.ID)
	}
	key, err := r.find(name, true, versions.View{})
	return key.ARN, err == nil && key.State == enabled
}

// Keys is every key of an account and region as a view sees it, in order of ARN.
func (s *Service) Keys(account, regionName string, view versions.View) []Key {
	r := s.region(account, regionName)
	keys := slices.DeleteFunc(r.keys.All(view), r.gone)
	slices.SortFunc(keys, func(a, b Key) int { return strings.Compare(a.ARN, b.ARN) })
	return keys
}

// Find is a key by ID, alias or ARN.
func (s *Service) Find(account, regionName, name string) (Key, bool) {
	key, err := s.region(account, regionName).find(name, true, versions.View{})
	return key, err == nil
}

// Exact is a key by its full ARN.
func (s *Service) Exact(account, regionName, arn string) (Key, bool) {
	key, ok := s.Find(account, regionName, arn)
	return key, ok && key.ARN == arn
}
