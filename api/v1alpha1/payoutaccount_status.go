package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// PayoutPhase is where an account stands, in one word.
type PayoutPhase string

// Phases. docs/kinds/payoutaccount.md says what each means and who acts.
const (
	PhaseCreating       PayoutPhase = "Creating"
	PhaseFailed         PayoutPhase = "Failed"
	PhaseConflict       PayoutPhase = "Conflict"
	PhaseDisconnected   PayoutPhase = "Disconnected"
	PhaseMissing        PayoutPhase = "Missing"
	PhaseRejected       PayoutPhase = "Rejected"
	PhasePaused         PayoutPhase = "Paused"
	PhaseOnboarding     PayoutPhase = "Onboarding"
	PhaseRestricted     PayoutPhase = "Restricted"
	PhaseInReview       PayoutPhase = "InReview"
	PhaseRestrictedSoon PayoutPhase = "RestrictedSoon"
	PhaseSuspended      PayoutPhase = "Suspended"
	PhaseEnabled        PayoutPhase = "Enabled"
	PhaseDeleting       PayoutPhase = "Deleting"
)

// PayoutActor is who has to act before the account gets any further.
type PayoutActor string

// Actors.
const (
	// ActorNone: nobody has to.
	ActorNone PayoutActor = "None"
	// ActorCoach: the coach, in Stripe's forms.
	ActorCoach PayoutActor = "Coach"
	// ActorTenantAdmin: the author of this object.
	ActorTenantAdmin PayoutActor = "TenantAdmin"
	// ActorPlatform: the operator of the business's platform and its Stripe account.
	ActorPlatform PayoutActor = "Platform"
	// ActorStripe: Stripe reviews what it was given.
	ActorStripe PayoutActor = "Stripe"
)

// PayoutRequirements are the names of what Stripe wants to know, never the answers.
type PayoutRequirements struct {
	// DueCount is how many answers are due now.
	// +optional
	DueCount int32 `json:"dueCount"`
	// CurrentlyDue names what is due now; more than twenty are cut off.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=20
	// +kubebuilder:validation:items:MaxLength=128
	CurrentlyDue []string `json:"currentlyDue,omitempty"`
	// PastDue names what should have been answered; more than twenty are cut off.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=20
	// +kubebuilder:validation:items:MaxLength=128
	PastDue []string `json:"pastDue,omitempty"`
	// PendingVerification names what Stripe is reviewing; more than twenty are cut off.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=20
	// +kubebuilder:validation:items:MaxLength=128
	PendingVerification []string `json:"pendingVerification,omitempty"`
	// EventuallyDueCount is how many answers will be due one day, once enough money has moved.
	// +optional
	EventuallyDueCount int32 `json:"eventuallyDueCount"`
	// Deadline is the day and time by which what is due must be answered, UTC.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	Deadline string `json:"deadline,omitempty"`
}

// FuturePayoutRequirements are those of a coming change of the rules.
type FuturePayoutRequirements struct {
	// DueCount is how many answers will be due.
	// +optional
	DueCount int32 `json:"dueCount"`
	// Deadline is the day and time by which they must be given, UTC.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	Deadline string `json:"deadline,omitempty"`
}

// PayoutsStatus is how payouts are made.
type PayoutsStatus struct {
	// Interval of payouts as Stripe has it.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	Interval string `json:"interval,omitempty"`
	// DelayDays as Stripe has it, in days.
	// +optional
	DelayDays int32 `json:"delayDays,omitempty"`
	// LastFailureCode is Stripe's code of the last payout that failed, if none was paid since.
	// https://docs.stripe.com/api/payouts/failures
	// +optional
	// +kubebuilder:validation:MaxLength=64
	LastFailureCode string `json:"lastFailureCode,omitempty"`
	// LastFailureTime is when it failed.
	// +optional
	LastFailureTime metav1.Time `json:"lastFailureTime,omitzero"`
}

// PayoutAccountStatus is what was last seen.
type PayoutAccountStatus struct {
	// ObservedGeneration is the generation of the spec that the status describes.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Conditions of the account.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// AccountID is Stripe's name of the account.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	AccountID string `json:"accountID,omitempty"`
	// Mode of Stripe that the account lives in: Test or Live.
	// +optional
	// +kubebuilder:validation:MaxLength=8
	Mode StripeMode `json:"mode,omitempty"`
	// Phase is where the account stands.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	Phase PayoutPhase `json:"phase,omitempty"` //nolint:kubeapilinter // one word for people; conditions say it to programs
	// Action is who has to act: None, Coach, TenantAdmin, Platform or Stripe.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	Action PayoutActor `json:"action,omitempty"`
	// Requirements that are due.
	// +optional
	Requirements PayoutRequirements `json:"requirements"`
	// Future requirements.
	// +optional
	Future FuturePayoutRequirements `json:"future,omitzero"`
	// Payouts as they are made.
	// +optional
	Payouts PayoutsStatus `json:"payouts,omitzero"`
	// LastSyncTime is when Stripe was read and said what the status says. An observation that finds
	// nothing new writes nothing; the condition Fresh says whether reads succeed.
	// +optional
	LastSyncTime metav1.Time `json:"lastSyncTime,omitzero"`
	// LastEventID is the last event of Stripe that was acted upon.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	LastEventID string `json:"lastEventID,omitempty"`
	// Plan lists the differences between spec and Stripe.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Plan []PlannedChange `json:"plan,omitempty"`
	// ReconcileHandled is the value of the annotation reconcile-requested-at that was last acted upon.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	ReconcileHandled string `json:"reconcileHandled,omitempty"`
	// Converged fingerprints what was requested and was last found in place, field by field; it only
	// distinguishes drift from a pending edit in reports.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Converged string `json:"converged,omitempty"`
}
