// Package sts opens role sessions and answers who the caller is.
package sts

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/iam"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/identity"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/policy"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/service"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/versions"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/wire"
)

// Service answers for STS.
type Service struct {
	sessions *identity.Sessions
	roles    *iam.Roles
}

// New returns the service.
func New(sessions *identity.Sessions, roles *iam.Roles) *Service {
	return &Service{sessions: sessions, roles: roles}
}

// operation answers one operation.
type operation func(*Service, context.Context, identity.Call) (any, error)

// noNeeds is for what needs no permission.
func noNeeds(*Service, identity.Call) []service.Need { return nil }

var operations = map[string]service.Operation[operation, *Service]{
	"AssumeRole": {Handle: (*Service).assumeRole, Needs: func(_ *Service, call identity.Call) []service.Need {
		return []service.Need{{Action: "sts:AssumeRole", Resources: []string{call.Form.Get("RoleArn")}}}
	}},
	"GetCallerIdentity": {Handle: (*Service).getCallerIdentity, Needs: noNeeds},
	"GetSessionToken":   {Handle: (*Service).getSessionToken, Needs: noNeeds},
}

// Facts describe the service, which has no resources.
// Codes: https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html
func (*Service) Facts() service.Facts {
	return service.Facts{Name: "sts", Operations: service.Declared(operations), Codes: service.Codes{
		Throttled: "Throttling", Internal: "InternalFailure", Denied: "AccessDenied", Invalid: "ValidationError",
	}, Limit: limit}
}

// limit is what all operations share: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
func limit(string) service.Limit { return service.Limit{PerSecond: 600, Burst: 600} }

// Needs is what a call needs permission for.
func (s *Service) Needs(call identity.Call) []service.Need {
	return operations[call.Operation].Needs(s, call)
}

// Tags is empty: sessions are no resources.
func (*Service) Tags(context.Context, string, string, string) (map[string]string, error) {
	return nil, nil
}

// Tagged is empty: sessions are no resources.
func (*Service) Tagged(context.Context, string, string, versions.View) ([]service.Resource, error) {
	return nil, nil
}

// Inventory is empty: sessions are no resources.
func (*Service) Inventory(context.Context, string, string) (map[string]any, error) { return nil, nil }

// Forget closes every session of an account.
func (s *Service) Forget(_ context.Context, account string) error {
	s.sessions.Forget(account)
	return nil
}

// Serve answers one call.
func (s *Service) Serve(ctx context.Context, call identity.Call) (any, error) {
	return operations[call.Operation].Handle(s, ctx, call)
}

func (*Service) getCallerIdentity(_ context.Context, call identity.Call) (any, error) {
	return callerIdentity{ARN: call.Caller.ARN, UserID: call.Caller.UserID, Account: call.Caller.Account}, nil
}

func (s *Service) getSessionToken(_ context.Context, call identity.Call) (any, error) {
	return session{Credentials: render(s.sessions.Open(call.Caller, time.Hour))}, nil
}

type callerIdentity struct {
	ARN     string `xml:"Arn"`
	UserID  string `xml:"UserId"`
	Account string
}

type session struct {
	Credentials      credentials
	AssumedRoleUser  *roleUser `xml:",omitempty"`
	PackedPolicySize int       `xml:",omitempty"`
}

type credentials struct {
	AccessKeyID     string `xml:"AccessKeyId"`
	SecretAccessKey string
	SessionToken    string
	Expiration      string
}

type roleUser struct {
	AssumedRoleID string `xml:"AssumedRoleId"`
	ARN           string `xml:"Arn"`
}

func (s *Service) assumeRole(ctx context.Context, call identity.Call) (any, error) {
	assumed, err := readAssumption(call)
	if err != nil {
		return nil, err
	}
	role, err := s.roles.Get(ctx, assumed.account, assumed.role)
	if iam.IsMissing(err) {
		return nil, assumed.denied(call, "sts:AssumeRole") // AWS does not say that it does not exist
	}
	if err != nil {
		return nil, err
	}
	if err := assumed.allowed(call, role); err != nil {
		return nil, err
	}
	if assumed.life > role.MaxSession {
		return nil, invalid("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	managed, err := s.roles.Managed(ctx, assumed.account, assumed.policyARNs)
	if err != nil {
		return nil, err
	}
	principal := identity.Principal{
		Account: assumed.account, Role: assumed.role, SessionName: assumed.session,
		ARN:    identity.RoleSession(assumed.account, assumed.role, assumed.session),
		UserID: role.ID + ":" + assumed.session,
		Tags:   mergeTags(role.Tags, assumed.tags), SessionTags: assumed.tags,
		RoleARN: role.ARN, SessionPolicies: append(managed, assumed.policies...),
		Narrowed: len(assumed.policyARNs)+len(assumed.policies) > 0,
	}
	opened := s.sessions.Open(principal, time.Duration(assumed.life)*time.Second)
	return session{
		Credentials:      render(opened),
		AssumedRoleUser:  &roleUser{AssumedRoleID: principal.UserID, ARN: principal.ARN},
		PackedPolicySize: assumed.packedSize(),
	}, nil
}

// assumption is the request of an AssumeRole call.
type assumption struct {
	arn, account, role, session, externalID string
	life                                    int
	tags                                    map[string]string
	policyARNs                              []string
	policies                                []policy.Document // none, or one
	size                                    int               // characters of that one
}

func readAssumption(call identity.Call) (assumption, error) {
	form := call.Form
	a := assumption{
		arn: form.Get("RoleArn"), session: form.Get("RoleSessionName"), externalID: form.Get("ExternalId"), tags: map[string]string{},
	}
	parts := strings.Split(a.arn, ":")
	if len(parts) != 6 || parts[2] != "iam" || !strings.HasPrefix(parts[5], "role/") {
		return a, invalid(a.arn + " is invalid")
	}
	a.account, a.role = parts[4], parts[5][strings.LastIndexByte(parts[5], '/')+1:]
	if len(a.session) < 2 || len(a.session) > 64 || strings.Trim(a.session, nameCharacters) != "" {
		return a, invalid("1 validation error detected: Value at 'roleSessionName' failed to satisfy constraint: " +
			"Member must satisfy regular expression pattern: [\\w+=,.@-]*, with length from 2 to 64")
	}
	var err error
	if a.life, err = form.Int("DurationSeconds", 3600); err != nil || a.life < 900 {
		return a, invalid("1 validation error detected: Value at 'durationSeconds' failed to satisfy constraint: " +
			"Member must have value greater than or equal to 900")
	}
	for _, tag := range form.Structs("Tags") {
		a.tags[tag.Get("Key")] = tag.Get("Value")
	}
	if len(a.tags) > 50 {
		return a, invalid("at most 50 session tags are allowed")
	}
	for _, arn := range form.Structs("PolicyArns") {
		a.policyARNs = append(a.policyARNs, arn.Get("arn"))
	}
	return a, a.readPolicy(form.Get("Policy"))
}

const nameCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+=,.@-"

// longestPolicy is how many characters an inline session policy may have.
const longestPolicy = 2048

func (a *assumption) readPolicy(text string) error {
	if text == "" {
		return nil
	}
	if len(text) > longestPolicy {
		return wire.Errorf(http.StatusBadRequest, "PackedPolicyTooLarge", "the session policy is longer than %d characters", longestPolicy)
	}
	document, err := policy.Parse(text)
	if err != nil {
		return wire.Errorf(http.StatusBadRequest, "MalformedPolicyDocument", "%s", err)
	}
	a.policies, a.size = []policy.Document{document}, len(text)
	return nil
}

// packedSize is the share, in percent, of the space for session policies and
// tags that is used. AWS packs them by a secret method; this counts characters.
func (a *assumption) packedSize() int {
	size := a.size
	for _, arn := range a.policyARNs {
		size += len(arn)
	}
	for key, value := range a.tags {
		size += len(key) + len(value)
	}
	return size * 100 / longestPolicy / 2
}

// allowed evaluates the trust policy, and the caller's own policies if the role is in
// another account or the caller is a role itself. Session tags need
// sts:TagSession as well.
func (a *assumption) allowed(call identity.Call, role iam.Role) error {
	actions := []string{"sts:AssumeRole"}
	if len(a.tags) > 0 {
		actions = append(actions, "sts:TagSession")
	}
	for _, action := range actions {
		decision := role.Trust.Evaluate(policy.Request{
			Action: action, Resource: role.ARN,
			Principal: call.Caller.Names(),
			Keys:      a.keys(call.Caller),
		})
		if decision != policy.Allow {
			return a.denied(call, action)
		}
	}
	return nil
}

func (a *assumption) keys(caller identity.Principal) func(string) []string {
	tagKeys := slices.Sorted(maps.Keys(a.tags))
	return func(name string) []string {
		switch name {
		case "sts:externalid":
			return optional(a.externalID)
		case "sts:rolesessionname":
			return optional(a.session)
		case "aws:principalarn":
			return []string{caller.ARN}
		case "aws:principalaccount":
			return []string{caller.Account}
		case "aws:tagkeys":
			return tagKeys
		}
		if tag, ok := strings.CutPrefix(name, "aws:requesttag/"); ok {
			return policy.Tag(a.tags, tag)
		}
		if tag, ok := strings.CutPrefix(name, "aws:principaltag/"); ok {
			return policy.Tag(caller.Tags, tag)
		}
		return nil
	}
}

func optional(text string) []string {
	if text == "" {
		return nil
	}
	return []string{text}
}

func (a *assumption) denied(call identity.Call, action string) error {
	return wire.Errorf(http.StatusForbidden, "AccessDenied", "User: %s is not authorized to perform: %s on resource: %s",
		call.Caller.ARN, action, a.arn)
}

// mergeTags are the principal tags of a session: the role's own, over which
// session tags win.
func mergeTags(role, session map[string]string) map[string]string {
	merged := maps.Clone(role)
	if merged == nil {
		merged = map[string]string{}
	}
	maps.Copy(merged, session)
	return merged
}

func render(c identity.Credentials) credentials {
	return credentials{
		AccessKeyID: c.AccessKey, SecretAccessKey: c.SecretKey, SessionToken: c.Token,
		Expiration: c.Expires.Format("2006-01-02T15:04:05Z"),
	}
}

func invalid(message string) error {
	return wire.Errorf(http.StatusBadRequest, "ValidationError", "%s", message)
}
