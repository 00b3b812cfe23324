package stripe

import (
	"context"
	"net/http"
	"time"
)

// Platform is the business's own Stripe account.
type Platform struct{ ID, Country string }

type wirePlatform struct {
	silent

	ID      string `json:"id"`
	Country string `json:"country"`
}

// Platform returns the account that the key is of, and when it was requested.
// https://docs.stripe.com/api/accounts/retrieve
func (c *Client) Platform(ctx context.Context, fresh bool) (Platform, time.Time, error) {
	return shared(ctx, c, c.platform, fresh)
}

func (c *Client) readPlatform(ctx context.Context, _ time.Time) (Platform, error) {
	var answer wirePlatform
	err := c.call(ctx, request{operation: operationPlatform, method: http.MethodGet, path: "/v1/account"}, &answer)
	if err != nil {
		return Platform{}, err
	}
	if !idPattern.MatchString(answer.ID) {
		return Platform{}, &Error{Operation: operationPlatform, HTTP: http.StatusOK, Type: typeUnreadable}
	}
	return Platform{ID: answer.ID, Country: match(countryPattern, answer.Country)}, nil
}
