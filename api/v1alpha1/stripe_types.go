package v1alpha1

// StripeMode is one of Stripe's two modes, which are separate from each other.
// https://docs.stripe.com/test-mode
// +kubebuilder:validation:Enum=Test;Live
type StripeMode string

// Modes.
const (
	// StripeTest moves no money.
	StripeTest StripeMode = "Test"
	// StripeLive moves money.
	StripeLive StripeMode = "Live"
)

// ViolationPolicy says what happens to payouts while the platform is observed not to be safe.
// +kubebuilder:validation:Enum=Report;Suspend
type ViolationPolicy string

// Policies.
const (
	// ViolationReport only reports.
	ViolationReport ViolationPolicy = "Report"
	// ViolationSuspend stops payouts until the platform is safe again.
	ViolationSuspend ViolationPolicy = "Suspend"
)

// PlatformStripe is the business's own Stripe account, under which its coaches have theirs.
type PlatformStripe struct {
	// CredentialsSecretName is the Secret, in the platform's namespace, whose key apiKey holds a restricted
	// key (rk_) of the business's Stripe account.
	// https://docs.stripe.com/keys#create-restricted-api-secret-key
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$`
	CredentialsSecretName string `json:"credentialsSecretName,omitempty"`
	// WebhookSecretName is the Secret, in the platform's namespace, in which the operator stores the signing
	// secret of the webhook endpoint; the default is the platform's name followed by -stripe-webhook.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$`
	WebhookSecretName string `json:"webhookSecretName,omitempty"`
	// Mode of Stripe, the same as the class's. It is immutable: accounts do not move between modes.
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="stripe.mode cannot change, since accounts do not move between Stripe's modes; make a new platform"
	Mode StripeMode `json:"mode,omitempty"`
	// OnPlatformViolation says what happens to payouts when a control that they depend on has been violated
	// for ten minutes: Report only reports, Suspend makes every schedule manual until all of these controls
	// are verified again.
	// +optional
	// +default="Report"
	OnPlatformViolation ViolationPolicy `json:"onPlatformViolation,omitempty"`
}

// ClassStripe is what platforms of a class may do at Stripe.
type ClassStripe struct {
	// Mode that platforms of the class must use.
	// +required
	Mode StripeMode `json:"mode,omitempty"`
	// Countries that coaches may be in, two letters each (ISO 3166-1).
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=250
	// +kubebuilder:validation:items:MaxLength=2
	// +kubebuilder:validation:items:Pattern=`^[A-Z]{2}$`
	Countries []string `json:"countries,omitempty"`
	// WebhookBaseURL is where Stripe reaches the operator's receiver from outside, such as
	// https://hooks.example.com; events of a platform arrive below it at /stripe/NAMESPACE/PLATFORM.
	// +required
	// +kubebuilder:validation:MinLength=9
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^https://[a-z0-9.-]+(:[0-9]{1,5})?$')",message="webhookBaseURL: an https address without a path, such as https://hooks.example.com"
	WebhookBaseURL string `json:"webhookBaseURL,omitempty"`
}
