package aws

import (
	"context"
	"slices"
	"strings"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	tagging "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	taggingtypes "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"

	"github.com/coachplatform/coach-operator/internal/naming"
)

// Key is all that is observed of one KMS key. It is read with one call per fact, so it is cached for the
// freshness bound.
type Key struct {
	Metadata kmstypes.KeyMetadata
	// Tags must not be changed by readers.
	Tags     map[string]string
	Policy   string
	Rotating bool
	// RotationDays is the period of automatic rotation; zero when it is off.
	RotationDays int32
	// Aliases of the key.
	Aliases []string
}

// KeysOf returns the IDs of the keys that carry all tags of the owner, and when they were listed.
// Keys that await deletion are among them. The listing serves all platforms of the installation.
func (a *Account) KeysOf(ctx context.Context, owner naming.Tenant) ([]string, time.Time, error) {
	sweep := a.sessions.options.Sweep
	age := min(max(sweep, pace(tagging.ServiceID, a.sessions.options.Share, a.keys.Len())), sweep+min(slack, sweep))
	ids, _, at, err := a.keys.Get(ctx, keyOwner(owner.Tags()), age)
	return slices.Clone(ids), at, err
}

// KeysWritten notes that a key was created for the owner.
func (a *Account) KeysWritten(owner naming.Tenant) { a.keys.Written(keyOwner(owner.Tags())) }

// Key returns the facts of one key, nil if it does not exist, and when they were observed.
func (a *Account) Key(ctx context.Context, id string, fresh bool) (*Key, time.Time, error) {
	got, at, err := a.keyFacts.Get(ctx, id, fresh, func(ctx context.Context) (Key, error) { return a.readKey(ctx, id) })
	if err == nil {
		var tagged time.Time
		got.Tags, tagged, err = a.keyTags.Get(ctx, id, fresh, func(ctx context.Context) (map[string]string, error) {
			return a.readKeyTags(ctx, id)
		})
		if tagged.Before(at) {
			at = tagged
		}
	}
	if IsNotFound(err) {
		return nil, a.Now(), a.Prove(ctx, false)
	}
	if err != nil {
		return nil, at, Classify(err)
	}
	return &got, at, nil
}

// KeyWritten notes a write to a key.
func (a *Account) KeyWritten(id string) {
	a.keyFacts.Forget(id)
	a.keyTags.Forget(id)
}

// KeyTagsWritten notes a write to the tags of a key: its other facts stay known.
func (a *Account) KeyTagsWritten(id string) { a.keyTags.Forget(id) }

// KeyOfAlias returns the ID of the key that an alias names, or "" if there is no such alias.
func (a *Account) KeyOfAlias(ctx context.Context, alias string) (string, error) {
	out, err := a.KMS.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &alias})
	if IsNotFound(err) {
		return "", a.Prove(ctx, false)
	}
	if err != nil {
		return "", Classify(err)
	}
	return awssdk.ToString(out.KeyMetadata.KeyId), nil
}

// readKey reads all but the tags. It returns unclassified errors: Key separates "not found" from the rest.
func (a *Account) readKey(ctx context.Context, id string) (Key, error) {
	described, err := a.KMS.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &id})
	if err != nil {
		return Key{}, err
	}
	k := Key{Metadata: *described.KeyMetadata}
	aliases := kms.NewListAliasesPaginator(a.KMS, &kms.ListAliasesInput{KeyId: &id})
	for aliases.HasMorePages() {
		page, err := aliases.NextPage(ctx)
		if err != nil {
			return Key{}, err
		}
		for _, alias := range page.Aliases {
			k.Aliases = append(k.Aliases, awssdk.ToString(alias.AliasName))
		}
	}
	return k, a.readKeyRules(ctx, id, &k)
}

func (a *Account) readKeyTags(ctx context.Context, id string) (map[string]string, error) {
	found := map[string]string{}
	for pages := kms.NewListResourceTagsPaginator(a.KMS, &kms.ListResourceTagsInput{KeyId: &id}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, t := range page.Tags {
			found[awssdk.ToString(t.TagKey)] = awssdk.ToString(t.TagValue)
		}
	}
	return found, nil
}

func (a *Account) readKeyRules(ctx context.Context, id string, k *Key) error {
	policy, err := a.KMS.GetKeyPolicy(ctx, &kms.GetKeyPolicyInput{KeyId: &id})
	if err != nil {
		return err
	}
	k.Policy = awssdk.ToString(policy.Policy)
	if k.Metadata.KeyState == kmstypes.KeyStatePendingDeletion || k.Metadata.Origin != kmstypes.OriginTypeAwsKms ||
		k.Metadata.KeySpec != kmstypes.KeySpecSymmetricDefault {
		return nil // rotation cannot be read of such a key, and does not happen
	}
	rotation, err := a.KMS.GetKeyRotationStatus(ctx, &kms.GetKeyRotationStatusInput{KeyId: &id})
	if err != nil {
		return err
	}
	k.Rotating, k.RotationDays = rotation.KeyRotationEnabled, awssdk.ToInt32(rotation.RotationPeriodInDays)
	return nil
}

// listKeys lists all keys that operators created, by owner.
func (a *Account) listKeys(ctx context.Context) (map[string][]string, error) {
	found := map[string][]string{}
	pages := tagging.NewGetResourcesPaginator(a.Tagging, &tagging.GetResourcesInput{
		ResourceTypeFilters: []string{"kms:key"},
		TagFilters:          []taggingtypes.TagFilter{{Key: awssdk.String(naming.TagManagedBy), Values: []string{naming.ManagedBy}}},
		ResourcesPerPage:    awssdk.Int32(pageSize),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, Classify(err)
		}
		for _, r := range page.ResourceTagMappingList {
			tags := map[string]string{}
			for _, t := range r.Tags {
				tags[awssdk.ToString(t.Key)] = awssdk.ToString(t.Value)
			}
			_, id, ok := strings.Cut(awssdk.ToString(r.ResourceARN), ":key/")
			if owner := keyOwner(tags); ok && owner != "" {
				found[owner] = append(found[owner], id)
			}
		}
	}
	return found, nil
}

// keyOwner is the map key of a tenant's KMS keys, "" if the tags name no tenant.
func keyOwner(tags map[string]string) string {
	t := naming.Tenant{
		Installation: tags[naming.TagInstallation], Namespace: tags[naming.TagNamespace],
		NamespaceUID: tags[naming.TagNamespaceUID], Name: tags[naming.TagName],
	}
	if t.Installation == "" || t.NamespaceUID == "" || t.Name == "" || !naming.Owns(t, tags) {
		return ""
	}
	return t.Resource() + "/" + t.Namespace
}
