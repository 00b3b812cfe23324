// Package identity knows who makes a call: an account's administrator, or a
// session of a role.
package identity

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/policy"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/wire"
)

// DefaultAccount is whose administrator any access key is that the sandbox did
// not issue and that is not itself an account number.
const DefaultAccount = "123456789012"

// Principal is who makes a call.
type Principal struct {
	Account     string
	ARN         string
	UserID      string
	Role        string // role name; "" for an account's administrator
	SessionName string
	// Tags are the role's own and, over them, those of the session.
	Tags map[string]string
	// SessionTags are those given when the session was opened.
	SessionTags map[string]string
	// RoleARN is the role's.
	RoleARN string
	// Narrowed says that the session has policies of its own, which narrow what the
	// role may do: to nothing, if there are none in SessionPolicies.
	Narrowed        bool
	SessionPolicies []policy.Document
}

// Administrator is the principal who may do everything in an account.
func Administrator(account string) Principal {
	return Principal{Account: account, ARN: "arn:aws:iam::" + account + ":root", UserID: account}
}

// IsAdministrator reports whether no policy limits the principal.
func (p Principal) IsAdministrator() bool { return p.Role == "" }

// Names are the ways a policy may name the principal: its account, the account's
// root, its role and itself.
func (p Principal) Names() []string {
	all := []string{p.Account, "arn:aws:iam::" + p.Account + ":root", p.ARN}
	if !p.IsAdministrator() {
		all = append(all, p.RoleARN)
	}
	return all
}

// Credentials is what a session signs with.
type Credentials struct {
	AccessKey, SecretKey, Token string
	Expires                     time.Time
}

// Sessions is every open session. It is safe for concurrent use.
type Sessions struct {
	now  func() time.Time
	mu   sync.Mutex
	open map[string]session
}

type session struct {
	principal   Principal
	credentials Credentials
}

// NewSessions returns an empty set; now is the clock.
func NewSessions(now func() time.Time) *Sessions {
	return &Sessions{now: now, open: map[string]session{}}
}

// Open issues credentials for a principal.
func (s *Sessions) Open(principal Principal, life time.Duration) Credentials {
	credentials := Credentials{
		AccessKey: "ASIA" + strings.ToUpper(rand.Text()[:16]),
		SecretKey: secret(30),
		Token:     secret(180),
		Expires:   s.now().Add(life).UTC().Truncate(time.Second),
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep()
	s.open[credentials.AccessKey] = session{principal: principal, credentials: credentials}
	return credentials
}

// sweep forgets what ended an hour ago: until then it is known to be expired.
func (s *Sessions) sweep() {
	limit := s.now().Add(-time.Hour)
	for key, held := range s.open {
		if held.credentials.Expires.Before(limit) {
			delete(s.open, key)
		}
	}
}

// Forget closes every session of an account.
func (s *Sessions) Forget(account string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, held := range s.open {
		if held.principal.Account == account {
			delete(s.open, key)
		}
	}
}

// Resolve returns who signed a request. An access key of twelve digits is the
// administrator of the account with that number, any other key that is not a
// session's the administrator of DefaultAccount. Errors are those of AWS for a
// token that is unknown, wrong or expired.
func (s *Sessions) Resolve(req *wire.Request) (Principal, error) {
	switch {
	case req.AccessKey == "":
		return Principal{}, wire.Errorf(http.StatusForbidden, "MissingAuthenticationToken", "Request is missing Authentication Token")
	case IsAccount(req.AccessKey):
		return Administrator(req.AccessKey), nil
	case !strings.HasPrefix(req.AccessKey, "ASIA"):
		return Administrator(DefaultAccount), nil
	}
	s.mu.Lock()
	held, known := s.open[req.AccessKey]
	s.mu.Unlock()
	switch {
	case !known || held.credentials.Token != req.Token:
		return Principal{}, invalidToken(req)
	case !s.now().Before(held.credentials.Expires):
		return Principal{}, expiredToken(req)
	}
	return held.principal, nil
}

// invalidToken has a name of its own in the JSON services and in EC2.
func invalidToken(req *wire.Request) error {
	const message = "The security token included in the request is invalid."
	switch req.Protocol {
	case wire.JSON, wire.CBOR:
		return wire.Errorf(http.StatusBadRequest, "UnrecognizedClientException", message)
	case wire.EC2Query:
		return wire.Errorf(http.StatusUnauthorized, "AuthFailure", "AWS was not able to validate the provided access credentials")
	case wire.Query, wire.REST:
	}
	return wire.Errorf(http.StatusForbidden, "InvalidClientTokenId", message)
}

func expiredToken(req *wire.Request) error {
	const message = "The security token included in the request is expired"
	switch req.Protocol {
	case wire.JSON, wire.CBOR:
		return wire.Errorf(http.StatusBadRequest, "ExpiredTokenException", message)
	case wire.EC2Query:
		return wire.Errorf(http.StatusBadRequest, "RequestExpired", "Request has expired.")
	case wire.Query, wire.REST:
	}
	return wire.Errorf(http.StatusForbidden, "ExpiredToken", message)
}

// IsAccount reports whether the text is an account number.
func IsAccount(text string) bool {
	return len(text) == 12 && strings.Trim(text, "0123456789") == ""
}

// RoleSession is the ARN of a role's session.
func RoleSession(account, role, name string) string {
	return fmt.Sprintf("arn:aws:sts::%s:assumed-role/%s/%s", account, role, name)
}

func secret(bytes int) string {
	raw := make([]byte, bytes)
	_, _ = rand.Read(raw) // documented never to fail
	return base64.StdEncoding.EncodeToString(raw)
}
