package env

import (
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"testing"
)

func (a *Account) tmpInventory(t testing.TB) any {
	k := kms.NewFromConfig(a.Administrator(t))
	out, err := k.ListKeys(t.Context(), &kms.ListKeysInput{})
	if err != nil {
		t.Fatal(err)
	}
	var all []any
	for _, key := range out.Keys {
		d, err := k.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: key.KeyId})
		if err != nil {
			t.Fatal(err)
		}
		m := map[string]any{"state": string(d.KeyMetadata.KeyState), "description": *d.KeyMetadata.Description}
		tags, err := k.ListResourceTags(t.Context(), &kms.ListResourceTagsInput{KeyId: key.KeyId})
		if err != nil {
			t.Fatal(err)
		}
		tm := map[string]any{}
		for _, x := range tags.Tags {
			tm[*x.TagKey] = *x.TagValue
		}
		m["tags"] = tm
		al, err := k.ListAliases(t.Context(), &kms.ListAliasesInput{KeyId: key.KeyId})
		if err != nil {
			t.Fatal(err)
		}
		var as []any
		for _, x := range al.Aliases {
			as = append(as, *x.AliasName)
		}
		m["aliases"] = as
		pol, err := k.GetKeyPolicy(t.Context(), &kms.GetKeyPolicyInput{KeyId: key.KeyId})
		if err != nil {
			t.Fatal(err)
		}
		m["policy"] = *pol.Policy
		if d.KeyMetadata.KeyState != "PendingDeletion" {
			r, err := k.GetKeyRotationStatus(t.Context(), &kms.GetKeyRotationStatusInput{KeyId: key.KeyId})
			if err != nil {
				t.Fatal(err)
			}
			m["rotation"] = r.KeyRotationEnabled
		}
		all = append(all, m)
	}
	return all
}
