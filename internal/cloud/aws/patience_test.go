package aws

import (
	"context"
	"testing"
	"time"
)

func TestWhatAllPlatformsShareIsLoadedPatiently(t *testing.T) {
	o, patiently := Options{}.withDefaults(), false
	note := func(ctx context.Context) { patiently = ctx.Value(patientKey{}) != nil }
	one := func(ctx context.Context) (int, error) { note(ctx); return 1, nil }
	many := func(ctx context.Context) (map[string]int, error) { note(ctx); return nil, nil }
	asked := newAsked(o, func(ctx context.Context, _ []string) (map[string]int, error) { return many(ctx) })
	for name, c := range map[string]struct {
		look func() error
		want bool
	}{
		"a listing":    {func() error { _, _, _, err := newListing(o, many).Get(t.Context(), "k"); return err }, true},
		"things by ID": {func() error { _, _, err := asked.Get(t.Context(), []string{"k"}, false); return err }, true},
		"a common thing": {
			func() error {
				_, _, err := newCommon[int](o, time.Minute).Get(t.Context(), "k", false, one)
				return err
			}, true,
		},
		"a thing of one platform": {
			func() error { _, _, err := newMemo[int](o, time.Minute).Get(t.Context(), "k", false, one); return err }, false,
		},
	} {
		if err := c.look(); err != nil || patiently != c.want {
			t.Errorf("%s: patiently is %t (error %v), want %t", name, patiently, err, c.want)
		}
	}
	for name, common := range map[string]bool{
		"subnet groups": newShared(o).subnetGroups.common, "parameters": newShared(o).set.common,
		"parameters left to AWS": newShared(o).usual.common, "tags": newShared(o).tags.common,
	} {
		if !common {
			t.Errorf("%s belong to all platforms of a class", name)
		}
	}
}
