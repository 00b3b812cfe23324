package ec2

import (
	"context"
	"fmt"
	"net/url"

	"github.com/beevik/etree"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/identity"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/versions"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/wire"
)

// Account is EC2 as one account in one region sees it, for what the sandbox itself reads or creates. It
// bypasses faults, limits, the log and permissions.
type Account struct {
	service         *Service
	account, region string
}

// As is EC2 seen from an account and region.
func (s *Service) As(account, region string) Account { return Account{s, account, region} }

// Call makes a call with parameters given as name, value, name, value. The error is a *wire.Error where AWS
// refuses.
func (a Account) Call(_ context.Context, operation string, pairs ...string) (*etree.Element, error) {
	values := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		values.Set(pairs[i], pairs[i+1])
	}
	result, err := a.service.serve(identity.Call{
		Request: &wire.Request{
			Service: "ec2", Region: a.region, Operation: operation, Protocol: wire.EC2Query, Form: wire.NewForm(values),
		},
		Caller: identity.Administrator(a.account),
	}, versions.Event)
	if err != nil {
		return nil, err
	}
	answered, ok := result.(*wire.Answer)
	if !ok {
		return nil, fmt.Errorf("call %s: it has no answer", operation)
	}
	document := etree.NewDocument()
	if err := document.ReadFromBytes(answered.Body); err != nil {
		return nil, fmt.Errorf("call %s: %w", operation, err)
	}
	return document.Root(), nil
}

// Settle makes the security groups, whose listings lag, be as they are since long ago.
func (a Account) Settle() { a.service.region(a.account, a.region).groups.Settle() }
