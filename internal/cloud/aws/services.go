package aws

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	tagging "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"golang.org/x/time/rate"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/fault"
)

// service is all that the operator knows of an AWS service. A call of a service without a row is refused.
type service struct {
	// iam is the prefix of the service's actions in IAM policies.
	iam string
	// global says that AWS counts calls per account, and not per account and region.
	global bool
	// limit is AWS's, of which the operator takes a share only: it is not alone. Operations that AWS counts
	// by themselves have a limit of their own.
	limit      limit
	operations map[string]limit
	// codes are the error codes of the service by their meaning, beside those that all services have.
	codes map[meaning][]string
	// reads are the actions that the session of sweeps admits.
	reads []string
}

// limit is what AWS allows: a bucket of burst calls that fills again at perSecond.
type limit struct {
	perSecond rate.Limit
	burst     int
}

// meaning is what an error code means to the operator.
type meaning string

const (
	denied   meaning = "denied"
	quota    meaning = "quota"
	busy     meaning = "busy"
	invalid  meaning = "invalid"
	notFound meaning = "not found"
	exists   meaning = "exists"
)

// common are the codes that all services have.
// https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html
var common = map[meaning][]string{
	denied: {
		"AccessDenied", "AccessDeniedException", "NotAuthorized", "InvalidClientTokenId", "UnrecognizedClientException",
		"SignatureDoesNotMatch", "OptInRequired",
	},
	invalid: {
		"InvalidParameterValue", "InvalidParameterCombination", "ValidationError", "ValidationException",
		"InvalidParameter", "InvalidParameterException", "MissingParameter", "UnsupportedOperation",
	},
}

// services are all services that the operator calls, by the ID that the SDK has for them. The codes are from
// the Errors section of each operation's reference page.
var services = map[string]service{
	// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-api-throttling.html has 12 a second; the
	// burst is what accounts were observed to allow.
	rds.ServiceID: {
		iam: "rds", limit: limit{12, 24}, reads: []string{"rds:Describe*", "rds:List*"},
		codes: map[meaning][]string{
			denied: {"KMSKeyNotAccessibleFault"},
			quota: {
				"InstanceQuotaExceeded", "InstanceQuotaExceededFault", "StorageQuotaExceeded", "StorageQuotaExceededFault",
				"DBParameterGroupQuotaExceeded", "DBSubnetGroupQuotaExceeded", "DBSubnetQuotaExceededFault",
			},
			busy: {
				"InvalidDBInstanceState", "InvalidDBInstanceStateFault", "InvalidDBParameterGroupState",
				"InsufficientDBInstanceCapacity", "InvalidDBSubnetGroupStateFault",
			},
			invalid: {
				"InvalidVPCNetworkStateFault", "InvalidSubnet", "DBSubnetGroupDoesNotCoverEnoughAZs",
				"StorageTypeNotSupported", "StorageTypeNotSupportedFault",
			},
			notFound: {
				"DBInstanceNotFound", "DBInstanceNotFoundFault", "DBSubnetGroupNotFoundFault", "DBParameterGroupNotFound",
				"DBParameterGroupNotFoundFault",
			},
			exists: {"DBInstanceAlreadyExists", "DBSubnetGroupAlreadyExists", "DBParameterGroupAlreadyExists"},
		},
	},
	// https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html
	ec2.ServiceID: {
		iam: "ec2", limit: limit{20, 100}, reads: []string{"ec2:Describe*"},
		codes: map[meaning][]string{
			denied:  {"UnauthorizedOperation", "AuthFailure"},
			quota:   {"SecurityGroupLimitExceeded", "RulesPerSecurityGroupLimitExceeded"},
			busy:    {"DependencyViolation"},
			invalid: {"InvalidGroupId.Malformed"},
			notFound: {
				"InvalidGroup.NotFound", "InvalidGroupId.NotFound", "InvalidInstanceID.NotFound", "InvalidVpcID.NotFound",
				"InvalidSubnetID.NotFound", "InvalidPermission.NotFound", "InvalidSecurityGroupRuleId.NotFound",
			},
			exists: {"InvalidGroup.Duplicate", "InvalidPermission.Duplicate"},
		},
	},
	// https://docs.aws.amazon.com/kms/latest/developerguide/requests-per-second.html
	kms.ServiceID: {
		iam: "kms", limit: limit{5, 5}, reads: []string{"kms:Describe*", "kms:Get*", "kms:List*"},
		operations: map[string]limit{
			"CreateAlias": {5, 5}, "CreateKey": {5, 5}, "DescribeKey": {2000, 2000}, "EnableKeyRotation": {15, 15},
			"GetKeyPolicy": {1000, 1000}, "GetKeyRotationStatus": {1000, 1000}, "ListAliases": {500, 500},
			"ListResourceTags": {2000, 2000}, "PutKeyPolicy": {15, 15}, "ScheduleKeyDeletion": {15, 15},
			"TagResource": {10, 10},
		},
		codes: map[meaning][]string{
			quota:    {"LimitExceededException"},
			busy:     {"KMSInvalidStateException"},
			invalid:  {"MalformedPolicyDocumentException"},
			notFound: {"NotFoundException"},
			exists:   {"AlreadyExistsException"},
		},
	},
	// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
	sts.ServiceID: {iam: "sts", limit: limit{100, 100}, reads: []string{"sts:GetCallerIdentity"}},
	// https://docs.aws.amazon.com/general/latest/gr/arg.html
	tagging.ServiceID: {iam: "tag", limit: limit{15, 15}, reads: []string{"tag:GetResources"}},
	// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html
	"CloudWatch Logs": {
		iam: "logs", limit: limit{5, 5}, reads: []string{"logs:DescribeLogGroups", "logs:ListTagsForResource"},
		operations: map[string]limit{
			"AssociateKmsKey": {5, 5}, "CreateLogGroup": {10, 10}, "DescribeLogGroups": {10, 10}, "ListTagsForResource": {5, 5},
			"PutRetentionPolicy": {5, 5}, "TagResource": {5, 5}, "UntagResource": {5, 5},
		},
		codes: map[meaning][]string{
			quota:    {"LimitExceededException"},
			busy:     {"OperationAbortedException"},
			notFound: {"ResourceNotFoundException"},
			exists:   {"ResourceAlreadyExistsException"},
		},
	},
}

// limitOf returns the name of the limit that counts an operation, and the limit.
func (s service) limitOf(operation string) (string, limit) {
	if l, ok := s.operations[operation]; ok {
		return operation, l
	}
	return "", s.limit
}

// means returns the meaning of an error code in a service, "" if it has none. Without a service it is that of
// any.
func means(id, code string) meaning {
	tables := []map[meaning][]string{services[id].codes, common}
	if _, known := services[id]; !known {
		for _, s := range services {
			tables = append(tables, s.codes)
		}
	}
	for _, table := range tables {
		for m, codes := range table {
			if slices.Contains(codes, code) {
				return m
			}
		}
	}
	return ""
}

// checkService returns an error for a service without a row.
func checkService(id string) error {
	if _, ok := services[id]; ok {
		return nil
	}
	return fault.New(fault.Invalid, v1alpha1.ReasonInvalidSpec,
		"the AWS service %q has no row in the operator's table of services, so it is not called", id)
}

// CheckActions returns an error that names the IAM actions whose service has no row in the table of services.
func CheckActions(actions ...string) error {
	known := map[string]bool{}
	for _, s := range services {
		known[s.iam] = true
	}
	var unknown []string
	for _, action := range actions {
		if prefix, _, _ := strings.Cut(action, ":"); !known[prefix] {
			unknown = append(unknown, action)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	return fmt.Errorf("no row in the table of AWS services (internal/cloud/aws/services.go) has the service of %s",
		strings.Join(unknown, ", "))
}

// checkServices returns an error for a row that is not complete or that contradicts another.
func checkServices(table map[string]service) error {
	owner := map[string]string{}
	for _, id := range slices.Sorted(maps.Keys(table)) {
		s := table[id]
		if other := owner[s.iam]; s.iam == "" || other != "" {
			return fmt.Errorf("AWS service %s: the IAM prefix %q is empty or that of %s", id, s.iam, other)
		}
		owner[s.iam] = id
		if err := s.check(); err != nil {
			return fmt.Errorf("AWS service %s: %w", id, err)
		}
	}
	return nil
}

func (s service) check() error {
	for _, l := range append(slices.Collect(maps.Values(s.operations)), s.limit) {
		if l.perSecond <= 0 || l.burst < 1 {
			return fmt.Errorf("the limit %v allows no call", l)
		}
	}
	for _, read := range s.reads {
		prefix, verb, _ := strings.Cut(read, ":")
		if prefix != s.iam || !isRead(verb) {
			return fmt.Errorf("%s is no read of the service", read)
		}
	}
	return checkCodes(common, s.codes)
}

// checkCodes returns an error for a code with two meanings.
func checkCodes(tables ...map[meaning][]string) error {
	seen := map[string]meaning{}
	for _, table := range tables {
		for m, codes := range table {
			for _, code := range codes {
				if cmp.Or(seen[code], m) != m {
					return fmt.Errorf("the code %s means %s and %s", code, seen[code], m)
				}
				seen[code] = m
			}
		}
	}
	return nil
}

// readOnly returns the session policy of sweeps: it admits the reads of all services and no write, whatever
// the role may do. https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies.html#policies_session
func readOnly() (string, error) {
	type statement struct {
		Effect   string
		Action   []string
		Resource string
	}
	var reads []string
	for _, s := range services {
		reads = append(reads, s.reads...)
	}
	slices.Sort(reads)
	text, err := json.Marshal(map[string]any{
		"Version":   "2012-10-17",
		"Statement": []statement{{Effect: "Allow", Action: reads, Resource: "*"}},
	})
	return string(text), err
}
