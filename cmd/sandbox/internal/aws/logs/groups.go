package logs

import (
	"encoding/base64"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/identity"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/policy"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/versions"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/wire"
)

const (
	standard = "STANDARD"
	// maxTags is how many tags a log group may have.
	maxTags = 50
	// largestPage is how many groups DescribeLogGroups returns at most, and if no limit is given.
	largestPage = 50
)

var (
	groupName = regexp.MustCompile(`^[.\-_/#A-Za-z0-9]{1,512}$`)
	classes   = []string{standard, "INFREQUENT_ACCESS", "DELIVERY"}
	// retentions are the days that PutRetentionPolicy takes:
	// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
	retentions = []int{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}
)

func (r *region) create(_ identity.Call, in input) (any, error) {
	switch {
	case !groupName.MatchString(in.LogGroupName):
		return nil, invalid("1 validation error detected: Value '%s' at 'logGroupName' failed to satisfy constraint: "+
			"Member must satisfy regular expression pattern: [\\.\\-_/#A-Za-z0-9]+", in.LogGroupName)
	case strings.HasPrefix(in.LogGroupName, "aws/"):
		return nil, invalid("Log groups starting with aws/ are reserved for AWS.")
	case in.LogGroupClass != "" && !slices.Contains(classes, in.LogGroupClass):
		return nil, invalid("1 validation error detected: Value '%s' at 'logGroupClass' failed to satisfy constraint: "+
			"Member must satisfy enum value set: [%s]", in.LogGroupClass, strings.Join(classes, ", "))
	case in.DeletionProtectionEnabled:
		return nil, invalid("the sandbox has no deletion protection of log groups")
	}
	if _, exists := r.groups.Get(in.LogGroupName, versions.View{}); exists {
		return nil, wire.Errorf(http.StatusBadRequest, "ResourceAlreadyExistsException", "The specified log group already exists")
	}
	group := r.newGroup(in.LogGroupName)
	if in.LogGroupClass != "" {
		group.Class = in.LogGroupClass
	}
	if in.KMSKeyID != "" {
		if err := r.checkKey(in.KMSKeyID, group); err != nil {
			return nil, err
		}
		group.KeyARN = in.KMSKeyID
	}
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	maps.Copy(group.Tags, in.Tags)
	r.put(group)
	return nil, nil
}

func (r *region) remove(_ identity.Call, in input) (any, error) {
	group, err := r.get(in.LogGroupName, versions.View{})
	if err != nil {
		return nil, err
	}
	r.groups.Remove(group.Name, versions.Write)
	return nil, nil
}

func (r *region) putRetention(_ identity.Call, in input) (any, error) {
	group, err := r.get(in.LogGroupName, versions.View{})
	if err != nil {
		return nil, err
	}
	if in.RetentionInDays == nil || !slices.Contains(retentions, *in.RetentionInDays) {
		return nil, invalid("1 validation error detected: Value at 'retentionInDays' failed to satisfy constraint: "+
			"Member must satisfy enum value set: %v", retentions)
	}
	group.Retention = *in.RetentionInDays
	r.put(group)
	return nil, nil
}

func (r *region) deleteRetention(_ identity.Call, in input) (any, error) {
	group, err := r.get(in.LogGroupName, versions.View{})
	if err != nil {
		return nil, err
	}
	group.Retention = 0
	r.put(group)
	return nil, nil
}

// target is the group that AssociateKmsKey and DisassociateKmsKey are about: named by its name or its ARN.
func (r *region) target(in input) (Group, error) {
	switch {
	case (in.LogGroupName == "") == (in.ResourceIdentifier == ""):
		return Group{}, invalid("Exactly one of logGroupName and resourceIdentifier must be specified.")
	case in.ResourceIdentifier != "":
		return r.byARN(in.ResourceIdentifier, versions.View{})
	}
	return r.get(in.LogGroupName, versions.View{})
}

func (r *region) associateKey(_ identity.Call, in input) (any, error) {
	group, err := r.target(in)
	if err != nil {
		return nil, err
	}
	if err := r.checkKey(in.KMSKeyID, group); err != nil {
		return nil, err
	}
	group.KeyARN = in.KMSKeyID
	r.put(group)
	return nil, nil
}

func (r *region) disassociateKey(_ identity.Call, in input) (any, error) {
	group, err := r.target(in)
	if err != nil {
		return nil, err
	}
	group.KeyARN = ""
	r.put(group)
	return nil, nil
}

// uses are the actions that a key's policy must allow CloudWatch Logs for a log group:
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
var uses = []string{"kms:Encrypt", "kms:Decrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:GenerateDataKey"}

// checkKey refuses a key that does not exist, is not enabled, or whose policy does not admit CloudWatch
// Logs for the log group.
func (r *region) checkKey(arn string, group Group) error {
	key, exists := r.keys.Exact(r.account, r.place.region, arn)
	if _, enabled := r.keys.Usable(r.account, r.place.region, arn); !exists || !enabled {
		return invalid("The specified KMS Key Id could not be found. '%s'", arn)
	}
	document, err := policy.Parse(key.Policy)
	if err != nil {
		return invalid("The policy of the KMS key cannot be read: %s", err)
	}
	for _, action := range uses {
		request := policy.Request{
			Action: action, Resource: key.ARN, Principal: []string{"logs." + r.place.region + ".amazonaws.com"}, Keys: r.context(group),
		}
		if document.Evaluate(request) != policy.Allow {
			return wire.Errorf(http.StatusBadRequest, "AccessDeniedException",
				"The specified KMS key does not exist or is not allowed to be used with Arn '%s'", group.ARN)
		}
	}
	return nil
}

// context is the condition keys of a use of a key for a log group.
func (r *region) context(group Group) func(string) []string {
	return func(name string) []string {
		switch name {
		case "kms:encryptioncontext:aws:logs:arn", "aws:sourcearn":
			return []string{group.ARN}
		case "kms:encryptioncontextkeys":
			return []string{"aws:logs:arn"}
		case "aws:sourceaccount", "kms:calleraccount":
			return []string{r.account}
		}
		return nil
	}
}

// described is a group as DescribeLogGroups shows it.
type described struct {
	ARN               string `json:"arn"`
	CreationTime      int64  `json:"creationTime"`
	KMSKeyID          string `json:"kmsKeyId,omitempty"`
	LogGroupARN       string `json:"logGroupArn"`
	LogGroupClass     string `json:"logGroupClass"`
	LogGroupName      string `json:"logGroupName"`
	MetricFilterCount int    `json:"metricFilterCount"`
	RetentionInDays   int    `json:"retentionInDays,omitempty"`
	StoredBytes       int64  `json:"storedBytes"`
}

func (r *region) describe(call identity.Call, in input) (any, error) {
	if in.LogGroupNamePrefix != "" && in.LogGroupNamePattern != "" {
		return nil, invalid("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.")
	}
	var found []described
	for _, group := range r.groups.All(versions.View{Stale: call.Stale}) {
		if in.selects(group) {
			found = append(found, described{
				ARN: group.ARN + ":*", CreationTime: group.Created.UnixMilli(), KMSKeyID: group.KeyARN, LogGroupARN: group.ARN,
				LogGroupClass: group.Class, LogGroupName: group.Name, RetentionInDays: group.Retention,
			})
		}
	}
	page, next, err := in.page(found)
	return struct {
		LogGroups []described `json:"logGroups"`
		NextToken string      `json:"nextToken,omitempty"`
	}{page, next}, err
}

// selects reports whether a listing is to show a group.
func (in input) selects(group Group) bool {
	if ids := in.LogGroupIdentifiers; len(ids) > 0 && !slices.Contains(ids, group.Name) && !slices.Contains(ids, group.ARN) {
		return false
	}
	return strings.HasPrefix(group.Name, in.LogGroupNamePrefix) &&
		strings.Contains(strings.ToLower(group.Name), strings.ToLower(in.LogGroupNamePattern))
}

// page cuts a list by limit and nextToken and returns the token of the next page, "" after the last.
func (in input) page(list []described) (page []described, next string, err error) {
	size, start := largestPage, 0
	if in.Limit != nil {
		size = *in.Limit
	}
	if size < 1 || size > largestPage {
		return nil, "", invalid("1 validation error detected: Value '%d' at 'limit' failed to satisfy constraint: "+
			"Member must have value between 1 and %d", size, largestPage)
	}
	if in.NextToken != "" {
		raw, err := base64.RawURLEncoding.DecodeString(in.NextToken)
		if err == nil {
			start, err = strconv.Atoi(string(raw))
		}
		if err != nil || start < 0 {
			return nil, "", invalid("The specified nextToken is invalid.")
		}
	}
	start = min(start, len(list))
	end := min(start+size, len(list))
	if end < len(list) {
		next = base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(end)))
	}
	return append([]described{}, list[start:end]...), next, nil
}

func (r *region) tag(_ identity.Call, in input) (any, error) {
	group, err := r.byARN(in.ResourceARN, versions.View{})
	if err != nil {
		return nil, err
	}
	tags := maps.Clone(group.Tags)
	maps.Copy(tags, in.Tags)
	if err := checkTags(tags); err != nil {
		return nil, err
	}
	group.Tags = tags
	r.put(group)
	return nil, nil
}

func (r *region) untag(_ identity.Call, in input) (any, error) {
	group, err := r.byARN(in.ResourceARN, versions.View{})
	if err != nil {
		return nil, err
	}
	group.Tags = maps.Clone(group.Tags)
	for _, key := range in.TagKeys {
		delete(group.Tags, key)
	}
	r.put(group)
	return nil, nil
}

func (r *region) listTags(call identity.Call, in input) (any, error) {
	group, err := r.byARN(in.ResourceARN, versions.View{Stale: call.Stale})
	return struct {
		Tags map[string]string `json:"tags"`
	}{group.Tags}, err
}

func checkTags(tags map[string]string) error {
	if len(tags) > maxTags {
		return wire.Errorf(http.StatusBadRequest, "TooManyTagsException", "A resource can have no more than %d tags.", maxTags)
	}
	for key, value := range tags {
		if key == "" || len(key) > 128 || len(value) > 256 || strings.HasPrefix(strings.ToLower(key), "aws:") {
			return invalid("The tag key or value is not valid: %s", key)
		}
	}
	return nil
}
