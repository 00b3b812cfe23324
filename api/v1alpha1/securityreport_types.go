package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// SecurityStatus is the answer to "does it hold?".
type SecurityStatus string

// Security statuses.
const (
	// SecurityVerified was observed and holds.
	SecurityVerified SecurityStatus = "Verified"
	// SecurityViolated was observed and does not hold.
	SecurityViolated SecurityStatus = "Violated"
	// SecurityUnknown could not be observed, or was observed too long ago.
	SecurityUnknown SecurityStatus = "Unknown"
	// SecurityExempt was observed and does not hold, and the class accepts that for now.
	SecurityExempt SecurityStatus = "Exempt"
	// SecurityAttested cannot be observed by anybody but its source, who states it.
	SecurityAttested SecurityStatus = "Attested"
)

// ReportSummary counts the rows of a report.
type ReportSummary struct {
	// Text is verified/applicable.
	// +required
	// +kubebuilder:validation:MaxLength=16
	Text string `json:"text,omitempty"`
	// Verified controls were observed and hold.
	// +optional
	Verified int32 `json:"verified"`
	// Violated controls were observed and do not hold.
	// +optional
	Violated int32 `json:"violated"`
	// Unknown controls could not be observed.
	// +optional
	Unknown int32 `json:"unknown"`
	// Exempt controls are exempted by the class and do not hold.
	// +optional
	Exempt int32 `json:"exempt"`
	// Attested statements are those of others that nobody can observe; no control is among them.
	// +optional
	Attested int32 `json:"attested"`
	// Applicable controls are all but the exempt ones.
	// +optional
	Applicable int32 `json:"applicable"`
}

// ReportedClaim is one promise in plain words.
type ReportedClaim struct {
	// ID of the claim, such as encrypted-at-rest.
	// +required
	// +kubebuilder:validation:MaxLength=48
	ID string `json:"id,omitempty"`
	// Statement is the promise.
	// +required
	// +kubebuilder:validation:MaxLength=256
	Statement string `json:"statement,omitempty"`
	// Status is the worst of its controls: Violated, then Unknown, Exempt, Verified.
	// +required
	// +kubebuilder:validation:Enum=Verified;Violated;Unknown;Exempt
	Status SecurityStatus `json:"status,omitempty"`
	// ValidUntil is when the first of its controls must be observed again; absent while one is Unknown.
	// +optional
	ValidUntil metav1.Time `json:"validUntil,omitzero"`
}

// ReportedControl is one control with its last observation.
type ReportedControl struct {
	// ID of the control, such as CP-DB-01.
	// +required
	// +kubebuilder:validation:MaxLength=32
	ID string `json:"id,omitempty"`
	// Claim that the control helps to prove.
	// +required
	// +kubebuilder:validation:MaxLength=48
	Claim string `json:"claim,omitempty"`
	// Statement is what holds when the control is verified.
	// +required
	// +kubebuilder:validation:MaxLength=256
	Statement string `json:"statement,omitempty"`
	// Sources are the published controls that ask for it.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:items:MaxLength=64
	Sources []string `json:"sources,omitempty"`
	// Where is the source of the observation.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	Where string `json:"where,omitempty"`
	// Status of the control.
	// +required
	// +kubebuilder:validation:Enum=Verified;Violated;Unknown;Exempt
	Status SecurityStatus `json:"status,omitempty"`
	// Seen is what was observed, or why nothing was.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Seen string `json:"seen,omitempty"`
	// Since is when the status last changed.
	// +required
	Since metav1.Time `json:"since,omitzero"`
	// ObservedAt is when it was last observed; absent for never.
	// +optional
	ObservedAt metav1.Time `json:"observedAt,omitzero"`
	// ValidUntil is how long that observation counts; then the control is Unknown, also if its
	// status says otherwise. It is absent while the control is Unknown.
	// +optional
	ValidUntil metav1.Time `json:"validUntil,omitzero"`
	// ExemptionReason is why the class accepts that the control does not hold.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	ExemptionReason string `json:"exemptionReason,omitempty"`
	// ExemptionExpiresAt is when the class ceases to accept it.
	// +optional
	ExemptionExpiresAt metav1.Time `json:"exemptionExpiresAt,omitzero"`
}

// Attestation is a third party's statement about what only they can observe. It counts for nothing
// but itself: it makes no control and no claim Verified.
type Attestation struct {
	// ID of the statement.
	// +required
	// +kubebuilder:validation:MaxLength=48
	ID string `json:"id,omitempty"`
	// Claim that the statement belongs to.
	// +required
	// +kubebuilder:validation:MaxLength=48
	Claim string `json:"claim,omitempty"`
	// Statement in plain words.
	// +required
	// +kubebuilder:validation:MaxLength=256
	Statement string `json:"statement,omitempty"`
	// Status is Attested, or Unknown once it should have been reviewed.
	// +required
	// +kubebuilder:validation:Enum=Attested;Unknown
	Status SecurityStatus `json:"status,omitempty"`
	// Source is where it is stated.
	// +required
	// +kubebuilder:validation:MaxLength=256
	Source string `json:"source,omitempty"`
	// ReadAt is when the source was last read.
	// +required
	ReadAt metav1.Time `json:"readAt,omitzero"`
	// ReviewBy is when the source has to be read again; the statement is Unknown from then on.
	// +required
	ReviewBy metav1.Time `json:"reviewBy,omitzero"`
}

// SecurityReportContent is what a report says.
type SecurityReportContent struct {
	// ObservedAt is when the operator last observed and wrote.
	// +required
	ObservedAt metav1.Time `json:"observedAt,omitzero"`
	// ValidUntil is the end of the report's validity. Then every row is Unknown.
	// +required
	ValidUntil metav1.Time `json:"validUntil,omitzero"`
	// Summary counts the rows.
	// +required
	Summary ReportSummary `json:"summary,omitzero"`
	// Claims in plain words, each with the worst status of its controls.
	// +optional
	// +listType=map
	// +listMapKey=id
	// +kubebuilder:validation:MaxItems=32
	Claims []ReportedClaim `json:"claims,omitempty"`
	// Controls of the catalogue, every one of them on every pass.
	// +optional
	// +listType=map
	// +listMapKey=id
	// +kubebuilder:validation:MaxItems=64
	Controls []ReportedControl `json:"controls,omitempty"`
	// Attestations are statements of others. They are in no other count than attested.
	// +optional
	// +listType=map
	// +listMapKey=id
	// +kubebuilder:validation:MaxItems=32
	Attestations []Attestation `json:"attestations,omitempty"`
}

// SecurityReport says of the CoachPlatform of the same name which security promises hold now, what was
// observed, where and when. Only the operator writes it.
// +kubebuilder:object:root=true
// +kubebuilder:resource:shortName=secrep,categories=coach
// +kubebuilder:printcolumn:name="SECURITY",type=string,JSONPath=`.report.summary.text`
// +kubebuilder:printcolumn:name="VIOLATED",type=integer,JSONPath=`.report.summary.violated`
// +kubebuilder:printcolumn:name="UNKNOWN",type=integer,JSONPath=`.report.summary.unknown`
// +kubebuilder:printcolumn:name="VALID UNTIL",type=string,JSONPath=`.report.validUntil`
// +kubebuilder:printcolumn:name="AGE",type=date,JSONPath=`.metadata.creationTimestamp`
type SecurityReport struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`
	// Report has the observations. There is no spec: nobody can request another result.
	// +required
	Report SecurityReportContent `json:"report,omitzero"`
}

// SecurityReportList is a list of reports.
// +kubebuilder:object:root=true
type SecurityReportList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []SecurityReport `json:"items"`
}
