package key

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/aws"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// seen is one key of the tenant and when it was read.
type seen struct {
	*aws.Key
	at time.Time
}

// Observe implements converge.Resource.
func (r *resource) Observe(ctx context.Context, in *scope.Platform, want State, fresh bool) (
	converge.Observation[State], error,
) {
	none := converge.Observation[State]{Settled: true}
	used, err := r.usage(ctx, in)
	if err != nil {
		return none, err
	}
	keys, err := r.keysOf(ctx, in, fresh)
	if err != nil {
		return none, err
	}
	if len(keys) == 0 {
		if in.Recorded != (scope.Record{}) {
			return none, fault.New(fault.Conflict, v1alpha1.ReasonKeyLost,
				"the key of the recorded database %s is gone; nothing is created in its place: restore the key's tags if it still exists, "+
					"restore the data from a backup into a new platform, or, if this platform never had that database, remove the "+
					"annotation %s", in.Recorded, v1alpha1.AnnotationDatabase)
		}
		return none, nil
	}
	own := choose(keys, want.Alias, in.Recorded, used)
	state, err := stateOf(own, want)
	if err != nil {
		return none, err
	}
	if candidates := extras(keys, own, want, used); len(candidates) > 0 {
		state.Extras = r.unused(ctx, in, candidates)
	}
	return converge.Observation[State]{
		Exists: true, Settled: true, ID: state.ID, At: own.at, State: state,
	}, nil
}

// keysOf returns the facts of every key that carries the tenant's tags.
func (r *resource) keysOf(ctx context.Context, in *scope.Platform, fresh bool) ([]seen, error) {
	account := r.sessions.Account(in.Class)
	listed, listedAt, err := account.KeysOf(ctx, in.Tenant)
	if err != nil {
		return nil, err
	}
	place := location(account, in.Tenant)
	ids := slices.Concat(listed, r.unlisted(place, listed))
	if len(ids) == 0 && fresh { // a listing that does not show it is no proof, so nothing follows from a cached read
		named, err := r.named(ctx, account, in.Tenant)
		if err != nil {
			return nil, err
		}
		if named != "" {
			ids = []string{named}
		}
	}
	var keys []seen
	for _, id := range ids {
		k, at, err := account.Key(ctx, id, fresh)
		if err != nil {
			return nil, err
		}
		if k != nil && naming.Owns(in.Tenant, k.Tags) && suitable(k) {
			keys = append(keys, seen{k, at})
		}
	}
	if len(keys) == 0 {
		r.missed(place, listedAt, account.Now())
	}
	return keys, nil
}

// named finds a key by its alias, which answers sooner than the listing of tags. A key of that
// alias with other tags is not owned.
func (r *resource) named(ctx context.Context, account *aws.Account, t naming.Tenant) (string, error) {
	id, err := account.KeyOfAlias(ctx, t.Alias())
	if err != nil || id == "" {
		return "", err
	}
	k, _, err := account.Key(ctx, id, true)
	if err != nil || k == nil {
		return "", err
	}
	if !naming.Owns(t, k.Tags) {
		return "", fault.New(fault.Conflict, v1alpha1.ReasonConflict,
			"the alias %s names a key without this platform's tags; it is not touched: remove the alias, or restore the "+
				"key's coach: tags if it is this platform's", t.Alias())
	}
	return id, nil
}

// location names where a tenant's key is created: a platform that is created again may be in another account.
func location(account *aws.Account, t naming.Tenant) string {
	return account.ID() + "/" + account.Region() + "/" + t.Resource()
}

// unlisted returns the keys that this process created and the listing does not show yet. Once it shows
// them, the create is no longer pending: should they vanish one day, their absence is confirmed again.
func (r *resource) unlisted(location string, listed []string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.pendingCreates[location]
	if b == nil {
		return nil
	}
	left := slices.DeleteFunc(slices.Clone(b.created), func(id string) bool { return slices.Contains(listed, id) })
	if len(listed) > 0 && len(left) == 0 {
		delete(r.pendingCreates, location)
	}
	return left
}

// missed records that no key of the tenant was found, by a listing taken at the given time.
func (r *resource) missed(location string, listedAt, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pendingCreates[location] == nil {
		r.pendingCreates[location] = &pendingCreate{since: now}
	}
	r.pendingCreates[location].listed = listedAt
}

// forget drops what is remembered of a released tenant.
func (r *resource) forget(location string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.pendingCreates, location)
}

// suitable says that a key is of the kind that RDS takes and whose material KMS generated and keeps. Another
// one is not owned, with any tags.
func suitable(k *aws.Key) bool {
	m := k.Metadata
	return m.KeySpec == kmstypes.KeySpecSymmetricDefault && m.KeyUsage == kmstypes.KeyUsageTypeEncryptDecrypt &&
		m.Origin == kmstypes.OriginTypeAwsKms && !awssdk.ToBool(m.MultiRegion)
}

// usage is which keys databases are encrypted with, by ARN. Anyone can move tags and aliases,
// but not this.
type usage struct {
	// own is the key of the tenant's own database; "" while there is none.
	own string
	// databases are those of the account, by name.
	databases map[string]rdstypes.DBInstance
}

// by says whether a database is encrypted with the key.
func (u usage) by(arn string) bool {
	for name := range u.databases {
		if awssdk.ToString(u.databases[name].KmsKeyId) == arn {
			return true
		}
	}
	return false
}

func (r *resource) usage(ctx context.Context, in *scope.Platform) (usage, error) {
	databases, err := r.sessions.Account(in.Class).Instances(ctx)
	if err != nil {
		return usage{}, err
	}
	u := usage{databases: databases}
	if db, ok := databases[in.Tenant.Resource()]; ok && naming.Owns(in.Tenant, aws.TagsOf(&db)) {
		if recorded := in.Recorded.ResourceID; recorded == "" || recorded == awssdk.ToString(db.DbiResourceId) {
			u.own = awssdk.ToString(db.KmsKeyId)
		}
	}
	return u, nil
}

// choose returns the key to use: the one that the tenant's database is encrypted with, else the one that
// records a database, the object's own before any other, else the one that the alias names, else the
// oldest.
func choose(keys []seen, alias string, recorded scope.Record, used usage) seen {
	slices.SortFunc(keys, func(x, y seen) int {
		return awssdk.ToTime(x.Metadata.CreationDate).Compare(awssdk.ToTime(y.Metadata.CreationDate))
	})
	for _, is := range []func(seen) bool{
		func(k seen) bool { return used.own != "" && awssdk.ToString(k.Metadata.Arn) == used.own },
		func(k seen) bool {
			return recorded != (scope.Record{}) && k.Tags[naming.TagDatabase] == recorded.String()
		},
		func(k seen) bool { return k.Tags[naming.TagDatabase] != "" },
		func(k seen) bool { return slices.Contains(k.Aliases, alias) },
		func(k seen) bool { return k.Metadata.KeyState != kmstypes.KeyStatePendingDeletion },
	} {
		if i := slices.IndexFunc(keys, is); i >= 0 {
			return keys[i]
		}
	}
	return keys[0]
}

// extras are keys that a lost answer of CreateKey left and that protect nothing: what this operator creates
// and nothing else, with its policy, no name and no record, while the tenant's database is encrypted with
// another. Any other key with the tenant's tags is kept: anyone can put them on a key.
func extras(keys []seen, own seen, want State, used usage) []State {
	if used.own == "" || awssdk.ToString(own.Metadata.Arn) != used.own {
		return nil
	}
	var found []State
	for _, k := range keys {
		state, err := stateOf(k, want)
		if err == nil && state.ARN != used.own && state.Policy == want.Policy && len(k.Aliases) == 0 && state.Recorded == "" &&
			!used.by(state.ARN) && state.KeyState != string(kmstypes.KeyStatePendingDeletion) {
			found = append(found, state)
		}
	}
	return found
}

// unused returns the IDs of those keys with which nothing of the tenant is encrypted. Where a use cannot be
// read, none of them is unused.
func (r *resource) unused(ctx context.Context, in *scope.Platform, keys []State) []string {
	var inUse []string
	for _, u := range r.users {
		if u.Uses == nil {
			continue
		}
		arns, err := u.Uses(ctx, in)
		if err != nil {
			return nil
		}
		inUse = append(inUse, arns...)
	}
	var ids []string
	for _, k := range keys {
		if !slices.Contains(inUse, k.ARN) {
			ids = append(ids, k.ID)
		}
	}
	return ids
}

func stateOf(k seen, want State) (State, error) {
	s := State{
		ID: awssdk.ToString(k.Metadata.KeyId), ARN: awssdk.ToString(k.Metadata.Arn),
		KeyState: string(k.Metadata.KeyState),
		Released: k.Tags[naming.TagReleased], Recorded: k.Tags[naming.TagDatabase],
	}
	if slices.Contains(k.Aliases, want.Alias) {
		s.Alias = want.Alias
	}
	if k.Rotating {
		s.RotationDays = k.RotationDays
	}
	var document any
	if err := json.Unmarshal([]byte(k.Policy), &document); err != nil {
		return s, fmt.Errorf("reading the policy of key %s: %w", s.ID, err)
	}
	var err error
	s.Policy, err = canonical(document)
	return s, err
}
