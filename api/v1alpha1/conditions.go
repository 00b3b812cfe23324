package v1alpha1

// Annotations that people and pipelines may set.
const (
	// AnnotationPaused stops all writes, whatever its value but "" and "false"; looking and reporting go on.
	AnnotationPaused = "payouts.coachplatform.io/paused"
	// AnnotationReconcile with any new value asks for a look at once, past every cache.
	AnnotationReconcile = "payouts.coachplatform.io/reconcile-requested-at"
	// AnnotationApprove holds the hash of the held changes that may be made; it is removed when used.
	AnnotationApprove = "payouts.coachplatform.io/approve"
	// AnnotationApproved holds the hash that was approved last: it approves nothing a second time.
	AnnotationApproved = "payouts.coachplatform.io/approved"
	// AnnotationDatabase is the operator's record of the one database of a platform, as
	// account/region/resource ID. Once written, an absent database is lost, never recreated.
	AnnotationDatabase = "payouts.coachplatform.io/database"
)

// Finalizers.
const (
	// FinalizerPlatform stays until everything was seen to be released.
	FinalizerPlatform = "payouts.coachplatform.io/platform"
	// FinalizerClass stays while a platform uses the class.
	FinalizerClass = "payouts.coachplatform.io/class"
)

// Condition types. Every kind sets all of its conditions on every pass.
const (
	// ConditionReady is true when a look after the last write found nothing to do that is not waiting
	// for an approval.
	ConditionReady = "Ready"
	// ConditionReconciling is true while the operator is on its way to the wanted state (kstatus).
	ConditionReconciling = "Reconciling"
	// ConditionStalled is true when a person has to act before anything can move (kstatus).
	ConditionStalled = "Stalled"
	// ConditionDrifted is true when the world was changed behind the operator's back.
	ConditionDrifted = "Drifted"
	// ConditionApprovalNeeded is true while changes that interrupt the tenant wait for an approval.
	ConditionApprovalNeeded = "ApprovalNeeded"
	// ConditionEvidenceFresh is true when every security control was observed within its bound.
	ConditionEvidenceFresh = "EvidenceFresh"
)

// Reasons of conditions. Each has a page in docs/reasons.
const (
	// ReasonConverged: nothing to do.
	ReasonConverged = "Converged"
	// ReasonApplied: changes were sent, the next look verifies them.
	ReasonApplied = "Applied"
	// ReasonSettling: AWS is still working on an earlier request.
	ReasonSettling = "Settling"
	// ReasonPending: differences that this mode does not mend (Observe, paused).
	ReasonPending = "Pending"
	// ReasonPaused: the paused annotation is set.
	ReasonPaused = "Paused"
	// ReasonObserving: the management policy is Observe.
	ReasonObserving = "Observing"
	// ReasonApprovalNeeded: changes wait for an approval.
	ReasonApprovalNeeded = "ApprovalNeeded"
	// ReasonNothingHeld: no change waits for an approval.
	ReasonNothingHeld = "NothingHeld"
	// ReasonReplacementRefused: the spec asks for a change that would lose data.
	ReasonReplacementRefused = "ReplacementRefused"
	// ReasonTransientError: a call failed and is tried again.
	ReasonTransientError = "TransientError"
	// ReasonDatabaseUnreachable: no connection to the database could be made.
	ReasonDatabaseUnreachable = "DatabaseUnreachable"
	// ReasonCertificateRefused: who answers for the database does not prove to be it.
	ReasonCertificateRefused = "CertificateRefused"
	// ReasonTLSRefused: who answers for the database does not speak TLS, or asks for more than a proof of
	// the password.
	ReasonTLSRefused = "TLSRefused"
	// ReasonPlaintextAdmitted: the database goes on with logins without TLS.
	ReasonPlaintextAdmitted = "PlaintextAdmitted"
	// ReasonLoginRefused: the database refuses a login of the operator's.
	ReasonLoginRefused = "LoginRefused"
	// ReasonDatabaseFull: the database has no connection or no room left.
	ReasonDatabaseFull = "DatabaseFull"
	// ReasonNotObserved: not everything could be seen.
	ReasonNotObserved = "NotObserved"
	// ReasonThrottled: AWS asked for fewer calls, or would; they are tried again.
	ReasonThrottled = "Throttled"
	// ReasonAccessDenied: the operator's role lacks a permission.
	ReasonAccessDenied = "AccessDenied"
	// ReasonQuotaExceeded: a quota of the AWS account is used up.
	ReasonQuotaExceeded = "QuotaExceeded"
	// ReasonWrongAccount: the operator's role is in another account than the class says.
	ReasonWrongAccount = "WrongAccount"
	// ReasonConflict: a resource of that name belongs to somebody else.
	ReasonConflict = "Conflict"
	// ReasonDatabaseLost: the recorded database is gone; nothing is created in its place.
	ReasonDatabaseLost = "DatabaseLost"
	// ReasonDatabaseReplaced: the name now belongs to another database than the recorded one.
	ReasonDatabaseReplaced = "DatabaseReplaced"
	// ReasonKeyLost: the key of a recorded database is gone.
	ReasonKeyLost = "KeyLost"
	// ReasonInvalidSpec: the spec asks for what the class does not allow, or AWS refuses.
	ReasonInvalidSpec = "InvalidSpec"
	// ReasonClassNotFound: the named class does not exist yet.
	ReasonClassNotFound = "ClassNotFound"
	// ReasonClassNotReady: the class's shared parts are not there yet.
	ReasonClassNotReady = "ClassNotReady"
	// ReasonNamespaceNotAllowed: the class does not admit the namespace.
	ReasonNamespaceNotAllowed = "NamespaceNotAllowed"
	// ReasonWaitingForKey: the tenant's key is not there yet.
	ReasonWaitingForKey = "WaitingForKey"
	// ReasonWaitingForFirewall: the tenant's security group is not there yet.
	ReasonWaitingForFirewall = "WaitingForFirewall"
	// ReasonWaitingForDatabase: the database cannot be connected to yet.
	ReasonWaitingForDatabase = "WaitingForDatabase"
	// ReasonWaitingForRoles: the logins of the database are not there yet.
	ReasonWaitingForRoles = "WaitingForRoles"
	// ReasonNamespaceNotGranted: the operator may not keep Secrets in the platform's namespace.
	ReasonNamespaceNotGranted = "NamespaceNotGranted"
	// ReasonIAMLoginRefused: granting rds_iam would lock the database's master out, so it was taken back.
	ReasonIAMLoginRefused = "IAMLoginRefused"
	// ReasonConfirmingAbsence: before something is created that AWS could duplicate, it is looked for twice.
	ReasonConfirmingAbsence = "ConfirmingAbsence"
	// ReasonInstanceNotFound: an EC2 instance in allowFrom does not exist.
	ReasonInstanceNotFound = "InstanceNotFound"
	// ReasonSecurityGroupNotFound: a security group in allowFrom does not exist, or not in reach of the class's VPC.
	ReasonSecurityGroupNotFound = "SecurityGroupNotFound"
	// ReasonNotAccepted: an AWS identifier in the spec is neither in the class's list nor tagged as the tenant's.
	ReasonNotAccepted = "NotAccepted"
	// ReasonNetworkInvalid: the class's VPC or subnets are not what they must be.
	ReasonNetworkInvalid = "NetworkInvalid"
	// ReasonInUse: the class is still used by platforms.
	ReasonInUse = "InUse"
	// ReasonReleasing: things are being let go.
	ReasonReleasing = "Releasing"
	// ReasonDatabaseState: the instance is in a state that needs time or a person; the message says which.
	ReasonDatabaseState = "DatabaseState"
	// ReasonNoDrift: nothing was changed behind the operator's back.
	ReasonNoDrift = "NoDrift"
	// ReasonDriftFound: something was changed behind the operator's back.
	ReasonDriftFound = "DriftFound"
	// ReasonFresh: all controls were observed.
	ReasonFresh = "Fresh"
	// ReasonStale: some control could not be observed.
	ReasonStale = "Stale"
	// ReasonControlVerified: a security control that was violated or out of sight is seen to hold again.
	ReasonControlVerified = "ControlVerified"
	// ReasonControlViolated: a security control was seen not to hold any more.
	ReasonControlViolated = "ControlViolated"
	// ReasonControlUnknown: a security control that held could not be observed any more.
	ReasonControlUnknown = "ControlUnknown"
	// ReasonQuotaLow: less than a tenth of a quota of the AWS account is left; nothing is broken yet.
	ReasonQuotaLow = "QuotaLow"
)
