package stripe

import (
	"context"
	"net/http"
	"time"

	"github.com/coachplatform/coach-operator/internal/scope"
)

// Link leads a coach to Stripe's forms, once and for some minutes. Whoever has it is the coach.
type Link struct {
	URL     scope.Secret
	Expires time.Time
}

// Session lets Stripe's forms appear in a page of the business's. Whoever has its secret is the coach.
type Session struct {
	ClientSecret scope.Secret
	Expires      time.Time
}

type wireLink struct {
	silent

	URL     string `json:"url"`
	Expires int64  `json:"expires_at"`
}

type wireSession struct {
	silent

	ClientSecret string `json:"client_secret"`
	Expires      int64  `json:"expires_at"`
}

// OnboardingLink makes a link to Stripe's forms for an account.
// https://docs.stripe.com/api/account_links/create
func (c *Client) OnboardingLink(ctx context.Context, account, refreshURL, returnURL string) (Link, error) {
	const operation = "CreateAccountLink"
	if err := checkID(operation, account); err != nil {
		return Link{}, err
	}
	var answer wireLink
	err := c.call(ctx, request{
		operation: operation, method: http.MethodPost, path: "/v1/account_links",
		fields: body("account", account, "refresh_url", refreshURL, "return_url", returnURL, "type", "account_onboarding"),
	}, &answer)
	if err != nil {
		return Link{}, err
	}
	return Link{URL: scope.NewSecret(answer.URL), Expires: at(answer.Expires)}, nil
}

// OnboardingSession makes a session for Stripe's forms, and for nothing else of Stripe's, in a page of
// the business's.
// https://docs.stripe.com/api/account_sessions/create
func (c *Client) OnboardingSession(ctx context.Context, account string) (Session, error) {
	const operation = "CreateAccountSession"
	if err := checkID(operation, account); err != nil {
		return Session{}, err
	}
	var answer wireSession
	err := c.call(ctx, request{
		operation: operation, method: http.MethodPost, path: "/v1/account_sessions",
		fields: body("account", account, "components[account_onboarding][enabled]", "true"),
	}, &answer)
	if err != nil {
		return Session{}, err
	}
	return Session{ClientSecret: scope.NewSecret(answer.ClientSecret), Expires: at(answer.Expires)}, nil
}
