// Package sts opens role sessions and tells callers who they are.
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
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/wire"
)

// Service answers for STS.
type Service struct {
	sessions *identity.Sessions
	roles    *iam.Roles
}

// New makes the service.
func New(sessions *identity.Sessions, roles *iam.Roles) *Service {
	return &Service{sessions: sessions, roles: roles}
}

// Serve answers one call.
func (s *Service) Serve(ctx context.Context, call identity.Call) (any, error) {
	switch call.Operation {
	case "GetCallerIdentity":
		return callerIdentity{ARN: call.Caller.ARN, UserID: call.Caller.UserID, Account: call.Caller.Account}, nil
	case "AssumeRole":
		return s.assumeRole(ctx, call)
	case "GetSessionToken":
		return session{Credentials: render(s.sessions.Open(call.Caller, time.Hour))}, nil
	}
	return nil, wire.Errorf(http.StatusNotImplemented, "NotImplemented", "the sandbox does not do sts:%s", call.Operation)
}

type callerIdentity struct {
	ARN     string `xml:"Arn"`
	UserID  string `xml:"UserId"`
	Account string
}

type session struct {
	Credentials      credentials
	AssumedRoleUser  *assumed `xml:",omitempty"`
	PackedPolicySize int      `xml:",omitempty"`
}

type credentials struct {
	AccessKeyID     string `xml:"AccessKeyId"`
	SecretAccessKey string
	SessionToken    string
	Expiration      string
}

type assumed struct {
	AssumedRoleID string `xml:"AssumedRoleId"`
	ARN           string `xml:"Arn"`
}

func (s *Service) assumeRole(ctx context.Context, call identity.Call) (any, error) {
	asked, err := readAsked(call)
	if err != nil {
		return nil, err
	}
	role, err := s.roles.Get(ctx, asked.account, asked.role)
	if iam.IsMissing(err) {
		return nil, asked.denied(call, "sts:AssumeRole") // AWS does not tell that it does not exist
	}
	if err != nil {
		return nil, err
	}
	if err := asked.allowed(call, role); err != nil {
		return nil, err
	}
	if asked.life > role.MaxSession {
		return nil, invalid("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	managed, err := s.roles.Managed(ctx, asked.account, asked.policyARNs)
	if err != nil {
		return nil, err
	}
	principal := identity.Principal{
		Account: asked.account, Role: asked.role, SessionName: asked.session,
		ARN:    identity.RoleSession(asked.account, asked.role, asked.session),
		UserID: role.ID + ":" + asked.session,
		Tags:   mergeTags(role.Tags, asked.tags), SessionTags: asked.tags,
		RoleARN: role.ARN, SessionPolicies: append(managed, asked.policies...),
		Narrowed: len(asked.policyARNs)+len(asked.policies) > 0,
	}
	opened := s.sessions.Open(principal, time.Duration(asked.life)*time.Second)
	return session{
		Credentials:      render(opened),
		AssumedRoleUser:  &assumed{AssumedRoleID: principal.UserID, ARN: principal.ARN},
		PackedPolicySize: asked.packedSize(),
	}, nil
}

// asked is what an AssumeRole call asks for.
type asked struct {
	arn, account, role, session, externalID string
	life                                    int
	tags                                    map[string]string
	policyARNs                              []string
	policies                                []policy.Document // none, or one
	size                                    int               // characters of that one
}

func readAsked(call identity.Call) (asked, error) {
	form := call.Form
	a := asked{arn: form.Get("RoleArn"), session: form.Get("RoleSessionName"), externalID: form.Get("ExternalId"), tags: map[string]string{}}
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

func (a *asked) readPolicy(text string) error {
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
func (a *asked) packedSize() int {
	size := a.size
	for _, arn := range a.policyARNs {
		size += len(arn)
	}
	for key, value := range a.tags {
		size += len(key) + len(value)
	}
	return size * 100 / longestPolicy / 2
}

// allowed asks the trust policy, and the caller's own policies if the role is in
// another account or the caller is a role itself. Session tags need
// sts:TagSession as well.
func (a *asked) allowed(call identity.Call, role iam.Role) error {
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

func (a *asked) keys(caller identity.Principal) func(string) []string {
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

func (a *asked) denied(call identity.Call, action string) error {
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
