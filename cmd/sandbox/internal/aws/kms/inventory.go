package kms

import (
	"context"
	"slices"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/versions"
)

// KeyEntry is a key.
type KeyEntry struct {
	ID           string            `json:"id"`
	ARN          string            `json:"arn"`
	State        string            `json:"state"`
	Managed      bool              `json:"managed"` // by AWS
	Description  string            `json:"description"`
	RotationDays int               `json:"rotationDays"` // 0: off
	Policy       string            `json:"policy"`
	Tags         map[string]string `json:"tags"`
}

// AliasEntry is an alias.
type AliasEntry struct {
	Name string `json:"name"`
	Key  string `json:"key"`
}

// Inventory lists an account and region as it is now.
func (s *Service) Inventory(_ context.Context, account, name string) (map[string]any, error) {
	keys, aliases := []KeyEntry{}, []AliasEntry{}
	for _, k := range s.Keys(account, name, versions.View{}) {
		keys = append(keys, KeyEntry{
			ID: k.ID, ARN: k.ARN, State: k.State, Managed: k.Managed, Description: k.Description,
			RotationDays: k.Rotation, Policy: k.Policy, Tags: k.TagMap(),
		})
	}
	for _, a := range s.region(account, name).aliases.All(versions.View{}) {
		aliases = append(aliases, AliasEntry{Name: a.Name, Key: a.KeyID})
	}
	return map[string]any{"keys": keys, "aliases": aliases}, nil
}

// Break changes keys past all rules: those named by ID or ARN, or, with no
// name, those that carry all the tags. It returns the ARNs of the changed ones.
func (s *Service) Break(account, name string, keys []string, tags map[string]string, damage func(*Key)) []string {
	r := s.region(account, name)
	r.mu.Lock()
	defer r.mu.Unlock()
	broken := []string{}
	for _, key := range r.keys.All(versions.View{}) {
		if !slices.Contains(keys, key.ARN) && !slices.Contains(keys, key.ID) && (len(keys) > 0 || !key.carries(tags)) {
			continue
		}
		damage(&key)
		r.put(key)
		broken = append(broken, key.ARN)
	}
	return broken
}

func (k Key) carries(tags map[string]string) bool {
	own := k.TagMap()
	for key, value := range tags {
		if got, ok := own[key]; !ok || got != value {
			return false
		}
	}
	return len(tags) > 0
}

// ScheduleDeletion is damage to a key: it will be gone in a week.
func (s *Service) ScheduleDeletion(k *Key) {
	k.State, k.Deletion = pendingDeletion, s.now().AddDate(0, 0, 7)
}

// StopRotation is damage to a key: it is no longer rotated.
func StopRotation(k *Key) { k.Rotation = 0 }
