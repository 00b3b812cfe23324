package naming

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
)

// Keys of the metadata on everything we create at Stripe. Together the first five identify an account's owner.
// Nothing in them is personal: a coach is named by a hash.
// https://docs.stripe.com/api/metadata
const (
	MetaManagedBy    = "managed_by"
	MetaInstallation = "installation"
	MetaMode         = "mode"
	MetaTenant       = "tenant"
	MetaCoach        = "coach_key"
	// MetaPlace hashes where the tenant is. A namespace that was created again under its old name is another
	// tenant at the same place.
	MetaPlace = "place"
	// MetaObject is the UID of the object that keeps the account, for people; ownership does not depend on it.
	MetaObject = "cr_uid"
	// MetaAttempt counts the idempotency keys that were used up before the account was created.
	MetaAttempt = "create_attempt"
	// MetaReleased is the day on which the account was released.
	MetaReleased = "released_at"
	// MetaOnboarding is the day on which the coach was first sent to Stripe's forms.
	MetaOnboarding = "onboarding_started"
	// MetaSuspended says that payouts were stopped since the platform was not safe.
	MetaSuspended = "payouts_suspended"
	// MetaOpened says that payouts were enabled for the first time while the platform was verified as safe.
	MetaOpened = "payouts_opened"
)

// Coach identifies one coach of one tenant, in one of Stripe's modes.
type Coach struct {
	Tenant Tenant
	// ID is spec.coachID.
	ID string
	// Live is Stripe's live mode.
	Live bool
}

// Key is the coach's hash, by which the account is found when everything else is lost.
func (c Coach) Key() string {
	return digest("coach", c.Tenant.Installation, c.Tenant.account(), c.ID)
}

// Metadata are the ownership metadata of the coach's account.
func (c Coach) Metadata() map[string]string {
	all := c.Tenant.StripeMetadata(c.Live)
	all[MetaCoach] = c.Key()
	return all
}

// OwnsAccount says whether metadata name the coach, all of them and exactly.
func (c Coach) OwnsAccount(metadata map[string]string) bool {
	return covers(metadata, c.Metadata())
}

// IdempotencyKey is that of an attempt to create the coach's account: the same for every process that
// tries, whatever it has lost.
// https://docs.stripe.com/api/idempotent_requests
func (c Coach) IdempotencyKey(attempt int) string {
	return digest("payoutaccount", "v1", c.Tenant.Installation, mode(c.Live), c.Key(), strconv.Itoa(attempt))
}

// StripeMetadata are the ownership metadata of what the tenant has at Stripe.
func (t Tenant) StripeMetadata(live bool) map[string]string {
	return map[string]string{
		MetaManagedBy: ManagedBy, MetaInstallation: t.Installation, MetaMode: mode(live), MetaTenant: t.account(),
	}
}

// OwnsAtStripe says whether metadata name the tenant, all of them and exactly.
func (t Tenant) OwnsAtStripe(metadata map[string]string, live bool) bool {
	return covers(metadata, t.StripeMetadata(live))
}

// Place hashes where the tenant is: the names of its namespace and platform.
func (t Tenant) Place() string { return digest("place", t.Installation, t.Namespace, t.Name) }

// Formerly says whether metadata name this tenant before its namespace was created again under its old name.
func (t Tenant) Formerly(metadata map[string]string) bool {
	return metadata[MetaPlace] == t.Place() && metadata[MetaTenant] != t.account()
}

// EndpointKey is the idempotency key of an attempt to create the tenant's webhook endpoint.
func (t Tenant) EndpointKey(live bool, url, attempt string) string {
	return digest("webhook", "v1", t.Installation, mode(live), t.account(), url, attempt)
}

// account names the tenant at Stripe. A namespace or platform that was created again is another tenant.
func (t Tenant) account() string { return t.NamespaceUID + "/" + t.Name }

func mode(live bool) string {
	if live {
		return "live"
	}
	return "test"
}

func covers(all, some map[string]string) bool {
	for k, v := range some {
		if all[k] != v {
			return false
		}
	}
	return true
}

// digest hashes parts, which cannot run into each other.
func digest(parts ...string) string {
	h := sha256.New()
	for _, part := range parts {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return hex.EncodeToString(h.Sum(nil))
}
