package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// PlannedChange is one difference between what is wanted and what is.
type PlannedChange struct {
	// Step that owns the field.
	// +required
	// +kubebuilder:validation:MaxLength=32
	Step string `json:"step,omitempty"`
	// Path of the field.
	// +required
	// +kubebuilder:validation:MaxLength=128
	Path string `json:"path,omitempty"`
	// From is the live value.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	From string `json:"from,omitempty"`
	// To is the wanted value.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	To string `json:"to,omitempty"`
	// Effect is what making the change costs.
	// +required
	// +kubebuilder:validation:Enum=in-place;disruptive;replace
	Effect string `json:"effect,omitempty"`
	// Held says that the change waits: a disruptive one for an approval, a replace for ever.
	// +optional
	Held bool `json:"held,omitempty"`
}

// StepState is where a step stands, in one word.
type StepState string

// States of steps.
const (
	// StepConverged: nothing to do.
	StepConverged StepState = "Converged"
	// StepHeld: what is left to do waits for an approval.
	StepHeld StepState = "Held"
	// StepNotRun: the step was not run; Ready says why.
	StepNotRun StepState = "NotRun"
	// StepPending: what is left to do is not done in this mode (Observe, paused).
	StepPending StepState = "Pending"
	// StepWaiting: on its way.
	StepWaiting StepState = "Waiting"
	// StepRetrying: a call failed and is tried again.
	StepRetrying StepState = "Retrying"
	// StepStalled: a person has to act.
	StepStalled StepState = "Stalled"
)

// StepStatus is what one step said in the last pass.
type StepStatus struct {
	// Name of the step.
	// +required
	// +kubebuilder:validation:MaxLength=32
	Name string `json:"name,omitempty"`
	// State is where the step stands.
	// +required
	// +kubebuilder:validation:Enum=Converged;Held;NotRun;Pending;Waiting;Retrying;Stalled
	State StepState `json:"state,omitempty"`
	// Reason is the reason of the state; docs/reasons has a page for each.
	// +required
	// +kubebuilder:validation:MaxLength=64
	Reason string `json:"reason,omitempty"`
	// Message says what is not as desired; empty if nothing.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Message string `json:"message,omitempty"`
	// Since is when state or reason last changed.
	// +required
	Since metav1.Time `json:"since,omitzero"`
}

// SecuritySummary counts the platform's security controls.
type SecuritySummary struct {
	// Summary is verified/applicable.
	// +optional
	// +kubebuilder:validation:MaxLength=16
	Summary string `json:"summary,omitempty"`
	// Verified controls were seen to hold.
	// +optional
	Verified int32 `json:"verified"`
	// Violated controls were seen not to hold.
	// +optional
	Violated int32 `json:"violated"`
	// Unknown controls could not be observed.
	// +optional
	Unknown int32 `json:"unknown"`
	// Exempt controls are exempted by the class and do not hold.
	// +optional
	Exempt int32 `json:"exempt"`
	// Attested statements are those of others that nobody can observe; they are in no other count.
	// +optional
	Attested int32 `json:"attested"`
	// Applicable controls are all but the exempt ones.
	// +optional
	Applicable int32 `json:"applicable"`
	// Open lists the controls that are not verified.
	// +optional
	// +listType=map
	// +listMapKey=control
	// +kubebuilder:validation:MaxItems=64
	Open []OpenControl `json:"open,omitempty"`
}

// OpenControl is a control that is not verified.
type OpenControl struct {
	// Control is its ID.
	// +required
	// +kubebuilder:validation:MaxLength=32
	Control string `json:"control,omitempty"`
	// Status is Violated, Unknown or Exempt.
	// +required
	// +kubebuilder:validation:Enum=Violated;Unknown;Exempt
	Status string `json:"status,omitempty"`
	// Claim is what the control should prove, in plain words.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Claim string `json:"claim,omitempty"`
	// Seen is what was observed.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Seen string `json:"seen,omitempty"`
}

// DatabaseStatus is what was seen of the database.
type DatabaseStatus struct {
	// Endpoint is the name to connect to.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	Endpoint string `json:"endpoint,omitempty"`
	// Port to connect to.
	// +optional
	Port int32 `json:"port,omitempty"`
	// Identifier of the RDS instance.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Identifier string `json:"identifier,omitempty"`
	// ResourceID is the immutable ID that AWS gave to this very database.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	ResourceID string `json:"resourceID,omitempty"`
	// EngineVersion that runs.
	// +optional
	// +kubebuilder:validation:MaxLength=16
	EngineVersion string `json:"engineVersion,omitempty"`
	// AllocatedGiB is the storage that the database has.
	// +optional
	AllocatedGiB int32 `json:"allocatedGiB,omitempty"`
	// State is the instance's state as RDS names it.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	State string `json:"state,omitempty"`
}

// Binding names a Secret in the platform's namespace.
type Binding struct {
	// Name of the Secret with the credentials of the platform's first login.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`
}

// CoachPlatformStatus is what was last seen. Nothing in it is ever an input: it can be lost.
type CoachPlatformStatus struct {
	// ObservedGeneration is the generation of the spec that the status describes.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Conditions of the platform.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=24
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// Steps say what each step of the last pass found, in the order in which they run.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=32
	Steps []StepStatus `json:"steps,omitempty"`
	// Database is what was seen of the database.
	// +optional
	Database DatabaseStatus `json:"database,omitzero"`
	// KeyARN is the tenant's KMS key.
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	KeyARN string `json:"keyARN,omitempty"`
	// Binding is how an application finds its database: a provisioned service of the Service Binding
	// specification, https://servicebinding.io/spec/core/1.1.0/#provisioned-service.
	// +optional
	Binding Binding `json:"binding,omitzero"`
	// Security counts the security controls.
	// +optional
	Security SecuritySummary `json:"security,omitzero"`
	// Drift says what was changed behind the operator's back: None, or the fields.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Drift string `json:"drift,omitempty"`
	// Plan lists the differences between spec and AWS.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Plan []PlannedChange `json:"plan,omitempty"`
	// PlanSummary is the plan in a few characters: None, or how many changes and how many are held.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	PlanSummary string `json:"planSummary,omitempty"`
	// Approval is the hash that approves the held changes of the plan.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Approval string `json:"approval,omitempty"`
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
