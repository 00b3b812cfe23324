package stripe

import (
	"context"
	"net/http"
	"strconv"
	"time"
)

// PayoutFailure is a payout that did not arrive: Stripe's word for why, and when it was made. What the
// bank wrote is not read.
type PayoutFailure struct {
	Code string
	At   time.Time
}

type wirePayout struct {
	Code    string `json:"failure_code"`
	Created int64  `json:"created"`
}

// FailedPayouts returns the payouts of an account that were made since then and failed, the last one
// first and a hundred at most. A payout may fail days after it was made.
// https://docs.stripe.com/api/payouts/list
func (c *Client) FailedPayouts(ctx context.Context, account string, since time.Time) ([]PayoutFailure, error) {
	const operation = "ListPayouts"
	if err := checkID(operation, account); err != nil {
		return nil, err
	}
	var page wirePage[wirePayout]
	err := c.call(ctx, request{
		operation: operation, method: http.MethodGet, path: "/v1/payouts", account: account,
		fields: body("created[gte]", strconv.FormatInt(since.Unix(), 10), "limit", pageSize, "status", "failed"),
	}, &page)
	if err != nil {
		return nil, err
	}
	var failures []PayoutFailure
	for _, p := range page.Data {
		failures = append(failures, PayoutFailure{Code: match(failurePattern, p.Code), At: at(p.Created)})
	}
	return failures, nil
}
