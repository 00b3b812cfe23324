package key

import (
	"context"
	"fmt"
	"slices"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/aws"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// seen is one key of the tenant with when it was looked at.
type seen struct {
	*aws.Key
	at time.Time
}

// Observe implements converge.Resource.
func (r *resource) Observe(ctx context.Context, in *scope.Platform, want State, fresh bool) (
	converge.Observation[State], error,
) {
	none := converge.Observation[State]{Settled: true}
	keys, err := r.keysOf(ctx, in, fresh)
	if err != nil {
		return none, err
	}
	if len(keys) == 0 {
		if in.Recorded != (scope.Record{}) {
			return none, fault.New(fault.Conflict, v1alpha1.ReasonKeyLost,
				"the key of the recorded database %s is gone; nothing is created in its place: restore the key's tags if it "+
					"still exists, or restore the data from a backup into a new platform", in.Recorded)
		}
		return none, nil
	}
	own := choose(keys, want.Alias)
	state, err := stateOf(own, want)
	if err != nil {
		return none, err
	}
	state.Extras = extras(keys, own)
	return converge.Observation[State]{
		Exists: true, Settled: true, ID: state.ID, At: own.at, State: state,
	}, nil
}

// keysOf returns the facts of every key that carries the tenant's tags.
func (r *resource) keysOf(ctx context.Context, in *scope.Platform, fresh bool) ([]seen, error) {
	account := r.sessions.Account(in.Class)
	ids, at, err := account.KeysOf(ctx, in.Tenant)
	if err != nil {
		return nil, err
	}
	ids = r.remember(in.Tenant, ids, at, account.Now())
	if len(ids) == 0 {
		named, err := r.named(ctx, account, in.Tenant)
		if err != nil || named == "" {
			return nil, err
		}
		ids = []string{named}
	}
	var keys []seen
	for _, id := range ids {
		k, at, err := account.Key(ctx, id, fresh)
		if err != nil {
			return nil, err
		}
		if k != nil && naming.Owns(in.Tenant, k.Tags) {
			keys = append(keys, seen{k, at})
		}
	}
	return keys, nil
}

// named looks for a key by its alias, which answers sooner than the listing of tags. A key of that
// alias with other tags is somebody else's.
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

// remember adds the keys that this process made and the listing does not show yet, and notes since
// when there is none.
func (r *resource) remember(t naming.Tenant, listed []string, at, now time.Time) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.births[t.Resource()]
	if b == nil && len(listed) > 0 {
		return listed
	}
	if b == nil {
		b = &birth{since: now}
		r.births[t.Resource()] = b
	}
	b.looked = at
	for _, id := range b.made {
		if !slices.Contains(listed, id) {
			listed = append(listed, id)
		}
	}
	return listed
}

// choose returns the key to use: the one that ever protected a database, else the one that the alias
// names, else the oldest.
func choose(keys []seen, alias string) seen {
	slices.SortFunc(keys, func(x, y seen) int {
		return awssdk.ToTime(x.Metadata.CreationDate).Compare(awssdk.ToTime(y.Metadata.CreationDate))
	})
	for _, k := range keys {
		if k.Tags[naming.TagDatabase] != "" {
			return k
		}
	}
	for _, k := range keys {
		if slices.Contains(k.Aliases, alias) {
			return k
		}
	}
	for _, k := range keys {
		if k.Metadata.KeyState != kmstypes.KeyStatePendingDeletion {
			return k
		}
	}
	return keys[0]
}

// extras are the other keys: they protect nothing, since none of them was ever recorded. One that
// records another database is kept: only a person can tell what it is for.
func extras(keys []seen, own seen) []string {
	var ids []string
	for _, k := range keys {
		id := awssdk.ToString(k.Metadata.KeyId)
		if id != awssdk.ToString(own.Metadata.KeyId) && k.Tags[naming.TagDatabase] == "" &&
			k.Metadata.KeyState != kmstypes.KeyStatePendingDeletion {
			ids = append(ids, id)
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
	if err := unmarshal(k.Policy, &document); err != nil {
		return s, fmt.Errorf("reading the policy of key %s: %w", s.ID, err)
	}
	var err error
	s.Policy, err = canonical(document)
	return s, err
}
