package aws

import (
	"context"
	"testing"
	"time"

	"github.com/coachplatform/coach-operator/internal/cloud/cache"
)

func TestWhatAllPlatformsShareIsReadPatiently(t *testing.T) {
	o, patiently := Options{}.withDefaults(), false
	note := func(ctx context.Context) { patiently = ctx.Value(patientKey{}) != nil }
	one := func(ctx context.Context) (int, error) { note(ctx); return 1, nil }
	many := func(ctx context.Context) (map[string]int, error) { note(ctx); return nil, nil }
	list := cache.NewList(o.common(), time.Second, many)
	batch := cache.NewBatch(o.common(), time.Second, func(ctx context.Context, _ []string) (map[string]int, error) { return many(ctx) })
	shared := newShared(o)
	texts := func(ctx context.Context) (map[string]string, error) { note(ctx); return nil, nil }
	for name, c := range map[string]struct {
		read func() error
		want bool
	}{
		"a list":       {func() error { _, _, _, err := list.Get(t.Context(), "k", time.Second); return err }, true},
		"things by ID": {func() error { _, _, err := batch.Get(t.Context(), []string{"k"}, false); return err }, true},
		"a common thing": {
			func() error {
				_, _, err := cache.NewKeyed[int](o.common(), time.Minute).Get(t.Context(), "k", false, one)
				return err
			}, true,
		},
		"a thing of one platform": {
			func() error {
				_, _, err := cache.NewKeyed[int](o.own(), time.Minute).Get(t.Context(), "k", false, one)
				return err
			}, false,
		},
		"a subnet group": {
			func() error {
				_, _, err := shared.subnetGroups.Get(t.Context(), "k", false, func(ctx context.Context) (SubnetGroup, error) {
					note(ctx)
					return SubnetGroup{}, nil
				})
				return err
			}, true,
		},
		"parameters":             {func() error { _, _, err := shared.set.Get(t.Context(), "k", false, texts); return err }, true},
		"parameters left to AWS": {func() error { _, _, err := shared.usual.Get(t.Context(), "k", false, texts); return err }, true},
		"tags":                   {func() error { _, _, err := shared.tags.Get(t.Context(), "k", false, texts); return err }, true},
	} {
		patiently = false
		if err := c.read(); err != nil || patiently != c.want {
			t.Errorf("%s: patiently is %t (error %v), want %t", name, patiently, err, c.want)
		}
	}
}
