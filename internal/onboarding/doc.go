// Package onboarding sends coaches to Stripe's forms. It creates a link at Stripe, or a session for a page
// of the business's, for the one account that is the coach's, and keeps neither: whoever has one is the
// coach. Who may ask for one is for its callers to know. It must not import steps or the cluster's client.
package onboarding
