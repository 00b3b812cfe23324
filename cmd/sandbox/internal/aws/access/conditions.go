package access

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/identity"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/policy"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/wire"
)

// conditions gives the values of condition keys for one call and resource. Tags
// of the resource are read when a policy first needs them.
type conditions struct {
	guard    *Guard
	ctx      context.Context //nolint:containedctx // lives as long as one check
	call     identity.Call
	resource string

	request map[string]string // tags in the request
	tags    map[string]string // tags of the resource
	read    bool
	err     error
}

func (c *conditions) values(name string) []string {
	kind, rest, isTag := strings.Cut(name, "/")
	if isTag {
		return c.tag(kind, rest)
	}
	switch name {
	case "aws:principalarn":
		return []string{c.principal()}
	case "aws:principalaccount", "aws:resourceaccount", "kms:calleraccount":
		return []string{c.call.Caller.Account}
	case "aws:requestedregion":
		return []string{c.call.Region}
	case "aws:userid":
		return []string{c.call.Caller.UserID}
	case "aws:securetransport":
		return []string{"true"}
	case "aws:viaawsservice":
		return []string{"false"}
	case "kms:viaservice":
		return c.via()
	case "kms:grantisforawsresource":
		return []string{strconv.FormatBool(c.call.Service != "kms")}
	case "aws:currenttime":
		return []string{c.guard.Now().UTC().Format(time.RFC3339)}
	case "aws:tagkeys":
		return c.tagKeys()
	}
	return c.parameter(name)
}

// via is the service that uses a key for the caller, nothing when the caller uses it.
func (c *conditions) via() []string {
	if c.call.Service == "kms" {
		return nil
	}
	return []string{c.call.Service + "." + c.call.Region + ".amazonaws.com"}
}

// principal is the role's ARN for a session, as AWS gives it.
func (c *conditions) principal() string {
	if c.call.Caller.IsAdministrator() {
		return c.call.Caller.ARN
	}
	return c.call.Caller.RoleARN
}

func (c *conditions) tag(kind, key string) []string {
	switch kind {
	case "aws:principaltag":
		return policy.Tag(c.call.Caller.Tags, key)
	case "aws:requesttag", "rds:req-tag":
		return policy.Tag(c.requestTags(), key)
	case "aws:resourcetag", "ec2:resourcetag", "iam:resourcetag", "rds:db-tag", "rds:subgrp-tag", "rds:pg-tag", "rds:snapshot-tag":
		return policy.Tag(c.resourceTags(), key)
	}
	return nil
}

// parameter is a service's own key that mirrors a parameter of the request.
func (c *conditions) parameter(name string) []string {
	parameters := map[string]string{
		"iam:permissionsboundary": "PermissionsBoundary", "iam:policyarn": "PolicyArn", "ec2:vpcid": "VpcId",
		"rds:databaseengine": "Engine", "rds:storageencrypted": "StorageEncrypted", "rds:databaseclass": "DBInstanceClass",
		"rds:multi-az": "MultiAZ", "sts:externalid": "ExternalId", "sts:rolesessionname": "RoleSessionName",
	}
	if name == "ec2:createaction" {
		return []string{c.call.Operation}
	}
	if parameter, ok := parameters[name]; ok && isQuery(c.call) && c.call.Form.Has(parameter) {
		return []string{c.call.Form.Get(parameter)}
	}
	return nil
}

func (c *conditions) tagKeys() []string {
	var keys []string
	for key := range c.requestTags() {
		keys = append(keys, key)
	}
	if isQuery(c.call) {
		keys = append(keys, c.call.Form.Strings("TagKeys")...)
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// requestTags are the tags a request puts on something, wherever it carries them.
func (c *conditions) requestTags() map[string]string {
	if c.request != nil {
		return c.request
	}
	c.request = map[string]string{}
	if !isQuery(c.call) {
		c.request = bodyTags(c.call)
		return c.request
	}
	lists := [][]wire.Form{c.call.Form.Structs("Tags"), c.call.Form.Structs("Tag")}
	for _, spec := range c.call.Form.Structs("TagSpecification") {
		lists = append(lists, spec.Structs("Tag"))
	}
	for _, t := range slices.Concat(lists...) {
		c.request[t.Get("Key")] = t.Get("Value")
	}
	return c.request
}

// bodyTags are the tags in a JSON or CBOR body: a list, as of KMS, or a map, as of CloudWatch Logs.
func bodyTags(call identity.Call) map[string]string {
	var list struct {
		Tags []struct{ TagKey, TagValue string }
	}
	if call.Decode(&list) == nil {
		tags := map[string]string{}
		for _, t := range list.Tags {
			tags[t.TagKey] = t.TagValue
		}
		return tags
	}
	var pairs struct{ Tags map[string]string }
	if call.Decode(&pairs) != nil {
		return map[string]string{}
	}
	return pairs.Tags
}

// resourceTags are read once. A resource that does not exist has none.
func (c *conditions) resourceTags() map[string]string {
	parts := strings.SplitN(c.resource, ":", 6)
	if c.read || len(parts) < 6 {
		return c.tags
	}
	c.read = true
	tags, err := c.guard.Services.Tags(c.ctx, parts[2], c.call.Caller.Account, c.call.Region, c.resource)
	if err != nil && wire.AsError(err).Status >= http.StatusInternalServerError {
		c.err = err
	}
	c.tags = tags
	return tags
}

// isQuery reports whether parameters are in the form.
func isQuery(call identity.Call) bool {
	return call.Protocol == wire.Query || call.Protocol == wire.EC2Query
}
