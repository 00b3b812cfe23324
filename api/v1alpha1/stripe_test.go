package v1alpha1_test

import "strings"

const (
	otherMode   = "stripe.mode cannot change, since accounts do not move between Stripe's modes; make a new platform"
	stripeGone  = "stripe cannot be taken away once it is there, since coaches' accounts depend on it; make a new platform"
	notABaseURL = "webhookBaseURL: an https address without a path, such as https://hooks.example.com"
)

// stripePlatformEdges are the bounds of a platform's spec.stripe.
var stripePlatformEdges = []edge{
	{path: "stripe", good: []any{absent{}, map[string]any{"credentialsSecretName": "a", "mode": "Live"}}, bad: map[string]any{
		"Required value": map[string]any{},
	}},
	{path: "stripe", was: map[string]any{"credentialsSecretName": "a", "mode": "Live"}, bad: map[string]any{stripeGone: absent{}}},
	{path: "stripe.credentialsSecretName", good: []any{"a", strings.Repeat("a", 253)}, bad: map[string]any{
		"Required value": absent{}, "at least 1 char": "", "Too long": strings.Repeat("a", 254), "should match": "other/key",
	}},
	{path: "stripe.credentialsSecretName", was: "stripe-key", good: []any{"another-key"}},
	{path: "stripe.webhookSecretName", good: []any{absent{}, "a", strings.Repeat("a", 253)}, bad: map[string]any{
		"at least 1 char": "", "Too long": strings.Repeat("a", 254), "should match": "Webhook",
	}},
	{path: "stripe.mode", good: []any{"Test", "Live"}, bad: map[string]any{"Required value": absent{}, "Unsupported value": "test"}},
	{path: "stripe.mode", was: "Test", good: []any{"Test"}, bad: map[string]any{otherMode: "Live"}},
	{path: "stripe.onPlatformViolation", good: []any{"Report", "Suspend", absent{}}, bad: map[string]any{"Unsupported value": "Ignore"}},
}

// stripeClassEdges are the bounds of a class's spec.stripe.
var stripeClassEdges = []edge{
	{path: "stripe", good: []any{absent{}}, bad: map[string]any{"Required value": map[string]any{}}},
	{path: "stripe.mode", good: []any{"Test", "Live"}, bad: map[string]any{"Required value": absent{}, "Unsupported value": "Both"}},
	{path: "stripe.countries", good: []any{[]string{"DE"}, countries(250)}, bad: map[string]any{
		"Required value": absent{}, "should have at least 1 items": []string{}, "must have at most 250 items": countries(251),
		"Too long": []string{"DEU"}, "should match": []string{"de"}, "Duplicate value": []string{"DE", "DE"},
	}},
	{path: "stripe.webhookBaseURL", good: []any{"https://a", "https://hooks.example.com:8443", "https://" + strings.Repeat("a", 245)}, bad: map[string]any{
		"Required value": absent{}, "at least 9 chars": "https://", "Too long": "https://" + strings.Repeat("a", 246),
		notABaseURL: "https://hooks.example.com/stripe",
	}},
	{path: "stripe.webhookBaseURL", bad: map[string]any{notABaseURL: "http://hooks.example.com"}},
	{path: "stripe.webhookBaseURL", bad: map[string]any{notABaseURL: "https://hooks.example.com/"}},
	{path: "stripe.webhookBaseURL", bad: map[string]any{notABaseURL: "https://hooks.example.com?a=b"}},
	{path: "stripe.webhookBaseURL", bad: map[string]any{notABaseURL: "https://user@hooks.example.com"}},
}

// countries are n different codes.
func countries(n int) []string {
	var all []string
	for i := range n {
		all = append(all, string([]byte{'A' + byte(i/26), 'A' + byte(i%26)}))
	}
	return all
}
