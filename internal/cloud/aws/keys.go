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

// Key is all that is observed of one KMS key. State, policy and rotation are read with one call each, so they are
// cached for the freshness bound. Tags and aliases have listings, and are read alone only where those do not answer.
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
	age := min(max(sweep, pace(tagging.ServiceID, a.sessions.options.Share, a.keys.Len()/2)), sweep+min(slack, sweep))
	found, _, at, err := a.keys.Get(ctx, keyOwner(owner.Tags()), age)
	return slices.Clone(found.ids), at, err
}

// KeysWritten notes that a key was created for the owner.
func (a *Account) KeysWritten(owner naming.Tenant) { a.keys.Written(keyOwner(owner.Tags())) }

// Key returns the facts of one key, nil if it does not exist, and when they were observed.
func (a *Account) Key(ctx context.Context, id string, fresh bool) (*Key, time.Time, error) {
	got, at, err := a.keyFacts.Get(ctx, id, fresh, func(ctx context.Context) (Key, error) { return a.readKey(ctx, id) })
	if err == nil {
		var tagged, named time.Time
		got.Tags, tagged, err = a.tagsOfKey(ctx, id, fresh)
		if err == nil {
			got.Aliases, named, err = a.aliasesOf(ctx, id, fresh)
		}
		at = slices.MinFunc([]time.Time{at, tagged, named}, time.Time.Compare)
	}
	if IsNotFound(err) {
		return nil, a.Now(), a.Prove(ctx, false)
	}
	if err != nil {
		return nil, at, Classify(err)
	}
	return &got, at, nil
}

// tagsOfKey answers from the listing where that shows the last write to the key, and what is known of the key alone
// is not younger than the bound.
func (a *Account) tagsOfKey(ctx context.Context, id string, fresh bool) (map[string]string, time.Time, error) {
	if _, _, known := a.keyTags.Known(id); !known && !fresh && !a.keys.Behind(id) {
		if listed, at, ok := a.keys.Known(id, a.sessions.options.Freshness); ok {
			return listed.tags, at, nil
		}
	}
	return a.keyTags.Get(ctx, id, fresh, func(ctx context.Context) (map[string]string, error) { return a.readKeyTags(ctx, id) })
}

// aliasesOf does the same for aliases, of which one listing serves all keys of the account.
func (a *Account) aliasesOf(ctx context.Context, id string, fresh bool) ([]string, time.Time, error) {
	if _, _, known := a.keyNames.Known(id); !known && !fresh && !a.aliases.Behind(id) {
		names, _, at, err := a.aliases.Get(ctx, id, a.sessions.options.Freshness)
		return names, at, err
	}
	return a.keyNames.Get(ctx, id, fresh, func(ctx context.Context) ([]string, error) {
		var names []string
		err := a.readAliases(ctx, &kms.ListAliasesInput{KeyId: &id}, func(_, name string) { names = append(names, name) })
		return names, err
	})
}

// KeyWritten notes a write to a key.
func (a *Account) KeyWritten(id string) {
	a.keyFacts.Forget(id)
	a.keyNames.Forget(id)
	a.aliases.Written(id)
	a.KeyTagsWritten(id)
}

// KeyTagsWritten notes a write to the tags of a key: its other facts stay known.
func (a *Account) KeyTagsWritten(id string) {
	a.keyTags.Forget(id)
	a.keys.Written(id)
}

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

// readKey reads all but tags and aliases. It returns unclassified errors: Key separates "not found" from the rest.
func (a *Account) readKey(ctx context.Context, id string) (Key, error) {
	described, err := a.KMS.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &id})
	if err != nil {
		return Key{}, err
	}
	k := Key{Metadata: *described.KeyMetadata}
	return k, a.readKeyRules(ctx, id, &k)
}

// listAliases lists the aliases of all keys of the account.
func (a *Account) listAliases(ctx context.Context) (map[string][]string, error) {
	named := map[string][]string{}
	err := a.readAliases(ctx, &kms.ListAliasesInput{Limit: awssdk.Int32(pageSize)}, func(id, name string) {
		named[id] = append(named[id], name)
	})
	return named, Classify(err)
}

// readAliases calls add with the ID of a key and a name of it, for each alias.
func (a *Account) readAliases(ctx context.Context, of *kms.ListAliasesInput, add func(id, name string)) error {
	for pages := kms.NewListAliasesPaginator(a.KMS, of); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, alias := range page.Aliases {
			add(awssdk.ToString(alias.TargetKeyId), awssdk.ToString(alias.AliasName))
		}
	}
	return nil
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

// listedKeys is what the listing of keys says: the IDs of an owner's, and the tags of one.
type listedKeys struct {
	ids []string
	// tags must not be changed by readers.
	tags map[string]string
}

// listKeys lists all keys that operators created, by owner and, each alone, by ID.
func (a *Account) listKeys(ctx context.Context) (map[string]listedKeys, error) {
	found := map[string]listedKeys{}
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
				found[owner] = listedKeys{ids: append(found[owner].ids, id)}
				found[id] = listedKeys{tags: tags}
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
