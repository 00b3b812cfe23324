package rds

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/versions"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/wire"
)

// maxTags is how many tags a resource may have.
const maxTags = 50

func itoa(n int) string { return strconv.Itoa(n) }

func readTags(q query) []Tag { return mergeTags(nil, q) }

// mergeTags puts the tags of a request over those there are.
func mergeTags(tags []Tag, q query) []Tag {
	tags = slices.Clone(tags)
	for _, given := range q.Structs("Tags") {
		tag := Tag{Key: given.Get("Key"), Value: given.Get("Value")}
		if i := slices.IndexFunc(tags, func(t Tag) bool { return t.Key == tag.Key }); i >= 0 {
			tags[i] = tag
			continue
		}
		tags = append(tags, tag)
	}
	return tags
}

func checkTags(tags []Tag) error {
	if len(tags) > maxTags {
		return invalidValue("The number of tags exceeds the limit of %d", maxTags)
	}
	for _, tag := range tags {
		switch {
		case tag.Key == "" || len(tag.Key) > 128 || len(tag.Value) > 256:
			return invalidValue("The tag key '%s' or its value is too long or empty", tag.Key)
		case strings.HasPrefix(strings.ToLower(tag.Key), "aws:"):
			return invalidValue("The tag key '%s' uses the reserved prefix aws:", tag.Key)
		}
	}
	return nil
}

func (r *region) addTags(_ context.Context, q query) (any, error) {
	return nil, r.retag(q.Get("ResourceName"), func(tags []Tag) ([]Tag, error) {
		merged := mergeTags(tags, q)
		return merged, checkTags(merged)
	})
}

func (r *region) removeTags(_ context.Context, q query) (any, error) {
	gone := q.Strings("TagKeys")
	return nil, r.retag(q.Get("ResourceName"), func(tags []Tag) ([]Tag, error) {
		return slices.DeleteFunc(slices.Clone(tags), func(t Tag) bool { return slices.Contains(gone, t.Key) }), nil
	})
}

func (r *region) listTags(_ context.Context, q query) (any, error) {
	tags, err := r.tagsOf(q.Get("ResourceName"), q.view())
	return struct {
		TagList []Tag `xml:"TagList>Tag"`
	}{tags}, err
}

// resource splits the ARN of a resource of this account and region.
func (r *region) resource(arn string) (kind, name string, err error) {
	rest, ok := strings.CutPrefix(arn, "arn:aws:rds:"+r.place.region+":"+r.account+":")
	kind, name, found := strings.Cut(rest, ":")
	if !ok || !found {
		return "", "", invalidValue("The specified resource name does not match an RDS resource in this region: %s", arn)
	}
	return kind, strings.ToLower(name), nil
}

func (r *region) tagsOf(arn string, view versions.View) ([]Tag, error) {
	kind, name, err := r.resource(arn)
	if err != nil {
		return nil, err
	}
	switch kind {
	case "db":
		if inst, ok := r.instances.Get(name, view); ok {
			return inst.TagList, nil
		}
		return nil, instanceNotFound(name)
	case "snapshot":
		if snapshot, ok := r.snapshots.Get(name, view); ok {
			return snapshot.TagList, nil
		}
		return nil, snapshotNotFound(name)
	case "subgrp":
		if group, ok := r.subnetGroups.Get(name, view); ok {
			return group.tags, nil
		}
		return nil, subnetGroupNotFound(name)
	case "pg":
		if group, ok := r.group(name, view); ok {
			return group.tags, nil
		}
		return nil, groupNotFound(name)
	}
	return nil, wire.Errorf(http.StatusNotImplemented, "NotImplemented", "the sandbox has no tags on %s", kind)
}

// retag changes the tags of the resource an ARN names.
func (r *region) retag(arn string, change func([]Tag) ([]Tag, error)) error {
	tags, err := r.tagsOf(arn, versions.View{})
	if err != nil {
		return err
	}
	if tags, err = change(tags); err != nil {
		return err
	}
	kind, name, err := r.resource(arn)
	if err != nil {
		return err
	}
	switch kind {
	case "db":
		inst, _ := r.instances.Get(name, versions.View{})
		inst.TagList = tags
		r.instances.Put(name, inst, versions.Write)
	case "snapshot":
		snapshot, _ := r.snapshots.Get(name, versions.View{})
		snapshot.TagList = tags
		r.snapshots.Put(name, snapshot, versions.Write)
	case "subgrp":
		group, _ := r.subnetGroups.Get(name, versions.View{})
		group.tags = tags
		r.subnetGroups.Put(name, group, versions.Write)
	case "pg":
		group, _ := r.group(name, versions.View{})
		group.tags = tags
		r.groups.Put(name, group, versions.Write)
	}
	return nil
}
