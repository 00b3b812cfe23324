package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Capability is what an account may do, in Stripe's words.
// https://docs.stripe.com/connect/account-capabilities
// +kubebuilder:validation:Enum=transfers;card_payments
type Capability string

// Capabilities.
const (
	// CapabilityTransfers lets the coach be paid.
	CapabilityTransfers Capability = "transfers"
	// CapabilityCardPayments lets the coach charge cards.
	CapabilityCardPayments Capability = "card_payments"
)

// ServiceAgreement is what the coach agrees to.
// https://docs.stripe.com/connect/service-agreement-types
// +kubebuilder:validation:Enum=Full;Recipient
type ServiceAgreement string

// Service agreements.
const (
	// AgreementFull is between Stripe and the coach.
	AgreementFull ServiceAgreement = "Full"
	// AgreementRecipient is for coaches in another region than the business, who only get transfers.
	AgreementRecipient ServiceAgreement = "Recipient"
)

// PayoutInterval is how often payouts are made.
// +kubebuilder:validation:Enum=Manual;Daily;Weekly;Monthly
type PayoutInterval string

// Intervals.
const (
	IntervalManual  PayoutInterval = "Manual"
	IntervalDaily   PayoutInterval = "Daily"
	IntervalWeekly  PayoutInterval = "Weekly"
	IntervalMonthly PayoutInterval = "Monthly"
)

// OnboardingMode is where the coach meets Stripe's forms.
// +kubebuilder:validation:Enum=Hosted;Embedded
type OnboardingMode string

// Onboarding modes.
const (
	// OnboardingHosted sends the coach to a page of Stripe's own.
	OnboardingHosted OnboardingMode = "Hosted"
	// OnboardingEmbedded shows Stripe's form inside a page of the business.
	OnboardingEmbedded OnboardingMode = "Embedded"
)

// PayoutSchedule is how often and how late payouts are made.
// https://docs.stripe.com/connect/manage-payout-schedule
// +kubebuilder:validation:XValidation:rule="(has(self.interval) && self.interval == 'Weekly') == has(self.weeklyAnchor)",message="weeklyAnchor goes with interval Weekly, and only with it"
// +kubebuilder:validation:XValidation:rule="(has(self.interval) && self.interval == 'Monthly') == has(self.monthlyAnchor)",message="monthlyAnchor goes with interval Monthly, and only with it"
// +kubebuilder:validation:XValidation:rule="!has(self.interval) || self.interval != 'Manual' || !has(self.delayDays)",message="delayDays has no meaning with interval Manual; leave one of them out"
type PayoutSchedule struct {
	// Interval of payouts. With Manual, Stripe makes a payout only when one is requested.
	// +optional
	// +default="Daily"
	Interval PayoutInterval `json:"interval,omitempty"`
	// DelayDays is how long funds are held before they are paid out, in days; left out, the least that
	// Stripe allows in the country. Stripe holds them longer when its own minimum is higher.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=31
	DelayDays int32 `json:"delayDays,omitempty"`
	// WeeklyAnchor is the day of weekly payouts.
	// +optional
	// +kubebuilder:validation:Enum=Monday;Tuesday;Wednesday;Thursday;Friday;Saturday;Sunday
	WeeklyAnchor string `json:"weeklyAnchor,omitempty"`
	// MonthlyAnchor is the day of monthly payouts; 29 to 31 mean the last day of shorter months.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=31
	MonthlyAnchor int32 `json:"monthlyAnchor,omitempty"`
}

// Payouts is when the coach's money leaves Stripe for the coach's bank.
type Payouts struct {
	// Schedule of payouts.
	// +optional
	// +default={}
	Schedule PayoutSchedule `json:"schedule,omitzero"`
	// Suspended stops payouts: the schedule becomes manual, and nothing else changes. Stripe holds funds for
	// 90 days at most (two years in the United States, ten days in Thailand).
	// +optional
	// +default=false
	Suspended *bool `json:"suspended,omitempty"`
}

// BusinessProfile is what the business says of the coach's offer. It holds nothing personal: what Stripe
// must know of the coach, the coach tells Stripe.
type BusinessProfile struct {
	// URL of the offer, over TLS.
	// +optional
	// +kubebuilder:validation:MinLength=9
	// +kubebuilder:validation:MaxLength=500
	// +kubebuilder:validation:Pattern=`^https://[a-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?$`
	URL string `json:"url,omitempty"`
	// ProductDescription says in a sentence what is sold, such as: Coaching for runners.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=500
	// +kubebuilder:validation:XValidation:rule="self.trim() == self",message="productDescription: no white space at its ends, which Stripe would take off"
	ProductDescription string `json:"productDescription,omitempty"`
	// MCC is the merchant category code, four digits, such as 8299 for educational services.
	// https://docs.stripe.com/connect/setting-mcc
	// +optional
	// +kubebuilder:validation:MinLength=4
	// +kubebuilder:validation:MaxLength=4
	// +kubebuilder:validation:Pattern=`^[0-9]{4}$`
	MCC string `json:"mcc,omitempty"`
}

// PayoutAccountSpec is what a business requests, for one coach.
// +kubebuilder:validation:XValidation:rule="self.serviceAgreement != 'Recipient' || !('card_payments' in self.capabilities)",message="an account under the Recipient agreement cannot charge cards (https://docs.stripe.com/connect/service-agreement-types); leave card_payments out, or use serviceAgreement Full"
// +kubebuilder:validation:XValidation:rule="!has(oldSelf.adopt) || has(self.adopt) && self.adopt == oldSelf.adopt",message="adopt cannot be changed once it is set; make a new object"
type PayoutAccountSpec struct {
	// PlatformName is the CoachPlatform, in the same namespace, that the coach works for. It cannot change.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=40
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$`
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="platformName cannot change, since accounts do not move between businesses; make a new object"
	PlatformName string `json:"platformName,omitempty"`
	// CoachID identifies the coach permanently, within the platform: an ID of your own database, no name and no
	// e-mail address. A later object of the same coach gets the same account. It cannot change.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?$')",message="coachID: letters, digits, hyphens, dots and underscores, such as coach-7f3a: an ID of your own, not an e-mail address or a name"
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="coachID cannot change, since it finds the coach's one account again; make a new object"
	CoachID string `json:"coachID,omitempty"`
	// Country of the coach, two letters (ISO 3166-1), one that the class allows. It cannot change.
	// +required
	// +kubebuilder:validation:MinLength=2
	// +kubebuilder:validation:MaxLength=2
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Z]{2}$')",message="country: two capital letters as in ISO 3166-1, such as DE"
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="country cannot change, since Stripe ties an account to its country; make a new object with a new coachID"
	Country string `json:"country,omitempty"`
	// Capabilities to request; transfers, without which the coach cannot be paid, is required.
	// +optional
	// +default=["transfers"]
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=2
	// +kubebuilder:validation:XValidation:rule="'transfers' in self",message="capabilities must hold transfers, without which nobody is paid"
	Capabilities []Capability `json:"capabilities,omitempty"`
	// ServiceAgreement of the coach. It cannot change.
	// +optional
	// +default="Full"
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="serviceAgreement cannot change once the account is made; make a new object with a new coachID"
	ServiceAgreement ServiceAgreement `json:"serviceAgreement,omitempty"`
	// Payouts is when money leaves Stripe for the coach's bank.
	// +optional
	// +default={}
	Payouts Payouts `json:"payouts,omitzero"`
	// BusinessProfile is what the business says of the coach's offer. Fields that are not set are not changed at Stripe.
	// +optional
	BusinessProfile BusinessProfile `json:"businessProfile,omitzero"`
	// Onboarding is where the coach meets Stripe's forms.
	// +optional
	// +default="Hosted"
	Onboarding OnboardingMode `json:"onboarding,omitempty"`
	// DeletionPolicy says what happens to the account when this object is deleted: it is kept.
	// +optional
	// +default="Retain"
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`
	// Adopt takes over this account of the business's own Stripe account, such as one created in the Dashboard,
	// instead of creating one. An account with another owner is refused.
	// +optional
	// +kubebuilder:validation:MinLength=6
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:Pattern=`^acct_[A-Za-z0-9]+$`
	Adopt string `json:"adopt,omitempty"`
}

// PlatformNameField is the field by which accounts can be selected: in the API server from Kubernetes 1.31 on,
// with kubectl get --field-selector, and in the operator's cache.
// https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#crd-selectable-fields
const PlatformNameField = "spec.platformName"

// PayoutAccount is one coach's account at Stripe.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=pa,categories=coach
// +kubebuilder:selectablefield:JSONPath=`.spec.platformName`
// +kubebuilder:validation:XValidation:rule="size(self.metadata.name) <= 63",message="metadata.name: at most 63 characters"
// +kubebuilder:printcolumn:name="PHASE",type=string,JSONPath=`.status.phase`
// +kubebuilder:printcolumn:name="PAYOUTS",type=string,JSONPath=`.status.conditions[?(@.type=="PayoutsEnabled")].status`
// +kubebuilder:printcolumn:name="ACTION",type=string,JSONPath=`.status.action`
// +kubebuilder:printcolumn:name="DUE",type=integer,JSONPath=`.status.requirements.dueCount`
// +kubebuilder:printcolumn:name="DEADLINE",type=string,JSONPath=`.status.requirements.deadline`
// +kubebuilder:printcolumn:name="ACCOUNT",type=string,JSONPath=`.status.accountID`
// +kubebuilder:printcolumn:name="AGE",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="REASON",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`,priority=1
// +kubebuilder:printcolumn:name="MODE",type=string,JSONPath=`.status.mode`,priority=1
// +kubebuilder:printcolumn:name="COUNTRY",type=string,JSONPath=`.spec.country`,priority=1
// +kubebuilder:printcolumn:name="SCHEDULE",type=string,JSONPath=`.status.payouts.interval`,priority=1
// +kubebuilder:printcolumn:name="SYNCED",type=string,JSONPath=`.status.conditions[?(@.type=="SpecSynced")].status`,priority=1
type PayoutAccount struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`
	// Spec is what the business requests.
	// +required
	Spec PayoutAccountSpec `json:"spec,omitzero"`
	// Status is the last observation. Its generation is -1 until there was one, so that whoever waits for the object by
	// kstatus does not take a new one for done (https://pkg.go.dev/sigs.k8s.io/cli-utils/pkg/kstatus).
	// +optional
	// +default={"observedGeneration": -1}
	Status PayoutAccountStatus `json:"status,omitzero"`
}

// PayoutAccountList is a list of accounts.
// +kubebuilder:object:root=true
type PayoutAccountList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []PayoutAccount `json:"items"`
}

// GetConditions returns the conditions.
func (a *PayoutAccount) GetConditions() *[]metav1.Condition { return &a.Status.Conditions }
