package v1alpha1

// Annotations that people and pipelines may set.
const (
	// AnnotationPaused stops all writes, with any value except "" and "false"; the operator still observes and reports.
	AnnotationPaused = "payouts.coachplatform.io/paused"
	// AnnotationReconcile with any new value requests an uncached read at once.
	AnnotationReconcile = "payouts.coachplatform.io/reconcile-requested-at"
	// AnnotationApprove is the hash of the held changes that are approved; it is removed when used.
	AnnotationApprove = "payouts.coachplatform.io/approve"
	// AnnotationApproved is the hash that was approved last: a hash is valid once.
	AnnotationApproved = "payouts.coachplatform.io/approved"
	// AnnotationDatabase is the operator's record of the one database of a platform, as
	// account/region/resource ID. Once written, an absent database is lost, never recreated.
	AnnotationDatabase = "payouts.coachplatform.io/database"
	// AnnotationClaim with an account's ID lets a PayoutAccount that adopts this account take it from another
	// platform or installation.
	AnnotationClaim = "payouts.coachplatform.io/claim"
	// AnnotationAccount is the operator's record of the one account of a coach, as the business's own account
	// and the coach's. Once written, an absent account is missing, never recreated.
	AnnotationAccount = "payouts.coachplatform.io/account-id"
	// AnnotationCreation is the operator's record of an attempt to create an account, written before the call.
	AnnotationCreation = "payouts.coachplatform.io/creation"
	// AnnotationNotes has values that Stripe changed, such as a longer delay than requested.
	AnnotationNotes = "payouts.coachplatform.io/stripe-notes"
	// AnnotationEvent is the last event of Stripe about the account: a hint to read the account again.
	AnnotationEvent = "payouts.coachplatform.io/stripe-event"
	// AnnotationDeauthorized is the event by which the coach disconnected the account.
	AnnotationDeauthorized = "payouts.coachplatform.io/stripe-deauthorized"
	// AnnotationPayout is the result of the last payout: paid or the failure code, and the time.
	AnnotationPayout = "payouts.coachplatform.io/stripe-payout"
	// AnnotationDelivered is when Stripe last delivered an event for a platform, to within some minutes.
	AnnotationDelivered = "payouts.coachplatform.io/stripe-delivered"
)

// Finalizers.
const (
	// FinalizerPlatform stays until an observation found everything released.
	FinalizerPlatform = "payouts.coachplatform.io/platform"
	// FinalizerClass stays while a platform uses the class.
	FinalizerClass = "payouts.coachplatform.io/class"
	// FinalizerAccount stays until an observation found the account released.
	FinalizerAccount = "payouts.coachplatform.io/account"
)

// Condition types: one per wing, and one for each resource on which users act. Every kind sets all of its
// conditions on every pass; status.steps has the report of each step.
const (
	// ConditionReady is true when an observation after the last write found nothing to do that is not waiting
	// for an approval.
	ConditionReady = "Ready"
	// ConditionReconciling is true while the operator works towards the desired state (kstatus).
	ConditionReconciling = "Reconciling"
	// ConditionStalled is true when a person must act (kstatus).
	ConditionStalled = "Stalled"
	// ConditionDrifted is true when something was changed behind the operator's back.
	ConditionDrifted = "Drifted"
	// ConditionApprovalNeeded is true while changes that interrupt the tenant wait for an approval.
	ConditionApprovalNeeded = "ApprovalNeeded"
	// ConditionEvidenceFresh is true when every security control was observed in time.
	ConditionEvidenceFresh = "EvidenceFresh"

	// ConditionAccountReady is true when the operator's role works in the class's AWS account.
	ConditionAccountReady = "AccountReady"
	// ConditionParametersReady is true when the class's DB parameter groups are as desired.
	ConditionParametersReady = "ParametersReady"
	// ConditionNetworkReady is true when the class's VPC and subnets, or the platform's security group, are
	// as desired.
	ConditionNetworkReady = "NetworkReady"
	// ConditionKeyReady is true when the tenant's KMS key is as desired.
	ConditionKeyReady = "KeyReady"
	// ConditionDatabaseReady is true when the RDS instance is available and as desired, and so are
	// its log groups.
	ConditionDatabaseReady = "DatabaseReady"
	// ConditionRolesReady is true when the database's roles, grants and logins are as desired.
	ConditionRolesReady = "RolesReady"
	// ConditionSecretsReady is true when the tenant's Secrets hold logins that work.
	ConditionSecretsReady = "SecretsReady"
	// ConditionPayoutsReady is true when the business's own Stripe account is usable, the platform has its one
	// webhook endpoint, and the coaches' objects could be read.
	ConditionPayoutsReady = "PayoutsReady"
	// ConditionKeyValid is true when Stripe accepts the platform's key.
	ConditionKeyValid = "KeyValid"
	// ConditionWebhookReceiving is true when an event of Stripe has arrived at the platform's endpoint.
	ConditionWebhookReceiving = "WebhookReceiving"

	// ConditionAccountCreated is true when the coach's account was created, or found.
	ConditionAccountCreated = "AccountCreated"
	// ConditionConnected is true when the business can see the account.
	ConditionConnected = "Connected"
	// ConditionOnboardingComplete is true when the coach has completed Stripe's forms.
	ConditionOnboardingComplete = "OnboardingComplete"
	// ConditionPayoutsEnabled is true when Stripe pays the coach.
	ConditionPayoutsEnabled = "PayoutsEnabled"
	// ConditionTransfersActive is true when the account can receive transfers.
	ConditionTransfersActive = "TransfersActive"
	// ConditionRequirementsMet is true when no requirement of Stripe is due now.
	ConditionRequirementsMet = "RequirementsMet"
	// ConditionSpecSynced is true when the account is as the spec requests.
	ConditionSpecSynced = "SpecSynced"
	// ConditionFresh is true when Stripe could be read in the last two resyncs.
	ConditionFresh = "Fresh"
)

// Reasons of conditions. Each has a page in docs/reasons.
const (
	// ReasonNotRun: the step was not run in this pass; Ready says why.
	ReasonNotRun = "NotRun"
	// ReasonConverged: nothing to do.
	ReasonConverged = "Converged"
	// ReasonApplied: changes were sent, the next observation verifies them.
	ReasonApplied = "Applied"
	// ReasonSettling: AWS is still working on an earlier request.
	ReasonSettling = "Settling"
	// ReasonPending: differences that this mode does not repair (Observe, paused).
	ReasonPending = "Pending"
	// ReasonPaused: the paused annotation is set.
	ReasonPaused = "Paused"
	// ReasonObserving: the management policy is Observe.
	ReasonObserving = "Observing"
	// ReasonApprovalNeeded: changes wait for an approval.
	ReasonApprovalNeeded = "ApprovalNeeded"
	// ReasonNothingHeld: no change waits for an approval.
	ReasonNothingHeld = "NothingHeld"
	// ReasonReplacementRefused: the spec requests a change that would lose data.
	ReasonReplacementRefused = "ReplacementRefused"
	// ReasonTransientError: a call failed and is retried.
	ReasonTransientError = "TransientError"
	// ReasonDatabaseUnreachable: no connection to the database could be opened.
	ReasonDatabaseUnreachable = "DatabaseUnreachable"
	// ReasonCertificateRefused: the server that answers for the database cannot prove its identity.
	ReasonCertificateRefused = "CertificateRefused"
	// ReasonTLSRefused: the server that answers for the database does not support TLS, or requests the password
	// itself.
	ReasonTLSRefused = "TLSRefused"
	// ReasonPlaintextAdmitted: the database does not refuse logins without TLS.
	ReasonPlaintextAdmitted = "PlaintextAdmitted"
	// ReasonLoginRefused: the database refuses a login of the operator.
	ReasonLoginRefused = "LoginRefused"
	// ReasonDatabaseFull: the database has no free connection or no free storage.
	ReasonDatabaseFull = "DatabaseFull"
	// ReasonNotObserved: not everything could be observed.
	ReasonNotObserved = "NotObserved"
	// ReasonThrottled: AWS or Stripe throttled a call, or the operator delays calls to avoid it; they are retried.
	ReasonThrottled = "Throttled"
	// ReasonAccessDenied: AWS or Stripe refuses a call because a permission is missing.
	ReasonAccessDenied = "AccessDenied"
	// ReasonQuotaExceeded: a quota of the AWS account is used up.
	ReasonQuotaExceeded = "QuotaExceeded"
	// ReasonWrongAccount: the operator's role is in another account than the class names.
	ReasonWrongAccount = "WrongAccount"
	// ReasonConflict: a resource of that name is unmanaged or has another owner.
	ReasonConflict = "Conflict"
	// ReasonDatabaseLost: the recorded database is gone; nothing is created in its place.
	ReasonDatabaseLost = "DatabaseLost"
	// ReasonDatabaseReplaced: the database with this name is not the recorded one.
	ReasonDatabaseReplaced = "DatabaseReplaced"
	// ReasonKeyLost: the key of a recorded database is gone.
	ReasonKeyLost = "KeyLost"
	// ReasonInvalidSpec: the spec requests something that the class does not allow, or that AWS or Stripe refuses.
	ReasonInvalidSpec = "InvalidSpec"
	// ReasonClassNotFound: the named class does not exist yet.
	ReasonClassNotFound = "ClassNotFound"
	// ReasonClassNotReady: a shared resource of the class does not exist yet.
	ReasonClassNotReady = "ClassNotReady"
	// ReasonNamespaceNotAllowed: the class does not allow the namespace.
	ReasonNamespaceNotAllowed = "NamespaceNotAllowed"
	// ReasonWaitingForKey: the tenant's key does not exist yet.
	ReasonWaitingForKey = "WaitingForKey"
	// ReasonWaitingForFirewall: the tenant's security group does not exist yet.
	ReasonWaitingForFirewall = "WaitingForFirewall"
	// ReasonWaitingForDatabase: the operator cannot connect to the database yet.
	ReasonWaitingForDatabase = "WaitingForDatabase"
	// ReasonWaitingForRoles: the logins of the database do not exist yet.
	ReasonWaitingForRoles = "WaitingForRoles"
	// ReasonNamespaceNotGranted: the operator has no access to Secrets in the platform's namespace.
	ReasonNamespaceNotGranted = "NamespaceNotGranted"
	// ReasonIAMLoginRefused: granting rds_iam would lock the database's master out, so it is left out.
	ReasonIAMLoginRefused = "IAMLoginRefused"
	// ReasonConfirmingAbsence: the operator checks twice before it creates a resource without an idempotency token, or reports a
	// Stripe account as lost.
	ReasonConfirmingAbsence = "ConfirmingAbsence"
	// ReasonInstanceNotFound: an EC2 instance in allowFrom does not exist.
	ReasonInstanceNotFound = "InstanceNotFound"
	// ReasonSecurityGroupNotFound: a security group in allowFrom does not exist, or cannot be referenced from the
	// class's VPC.
	ReasonSecurityGroupNotFound = "SecurityGroupNotFound"
	// ReasonNotAccepted: an AWS identifier in the spec is neither in the class's list nor tagged as the tenant's.
	ReasonNotAccepted = "NotAccepted"
	// ReasonNetworkInvalid: the class's VPC or subnets do not meet the requirements.
	ReasonNetworkInvalid = "NetworkInvalid"
	// ReasonInUse: the class is still used by platforms.
	ReasonInUse = "InUse"
	// ReasonReleasing: the object is being deleted, and its resources are being released.
	ReasonReleasing = "Releasing"
	// ReasonDatabaseState: the instance has a status that does not end automatically; the message says what to do.
	ReasonDatabaseState = "DatabaseState"
	// ReasonNoDrift: nothing was changed behind the operator's back.
	ReasonNoDrift = "NoDrift"
	// ReasonDriftFound: something was changed behind the operator's back.
	ReasonDriftFound = "DriftFound"
	// ReasonFresh: everything was observed in time.
	ReasonFresh = "Fresh"
	// ReasonStale: something could not be observed in time.
	ReasonStale = "Stale"
	// ReasonControlVerified: a security control that was Violated, Exempt or Unknown holds again.
	ReasonControlVerified = "ControlVerified"
	// ReasonControlViolated: a security control was observed and does not hold.
	ReasonControlViolated = "ControlViolated"
	// ReasonControlUnknown: a security control that was Verified could not be observed.
	ReasonControlUnknown = "ControlUnknown"
	// ReasonPlatformCredentialsInvalid: Stripe does not accept the platform's key, or there is none.
	ReasonPlatformCredentialsInvalid = "PlatformCredentialsInvalid"
	// ReasonCreateRejected: Stripe refuses to create the account as requested.
	ReasonCreateRejected = "CreateRejected"
	// ReasonStripeUnreachable: Stripe did not respond, or its response was not conclusive.
	ReasonStripeUnreachable = "StripeUnreachable"
	// ReasonCreating: the account is being created.
	ReasonCreating = "Creating"
	// ReasonCreationUncertain: it is not known whether the account was created; the operator searches for it before
	// it retries.
	ReasonCreationUncertain = "CreationUncertain"
	// ReasonWaitingForPlatform: the platform does not exist, or cannot use Stripe yet.
	ReasonWaitingForPlatform = "WaitingForPlatform"
	// ReasonGateClosed: a security control that payouts depend on is not verified, so no account is created and
	// no payout enabled for the first time.
	ReasonGateClosed = "GateClosed"
	// ReasonOwnedByAnother: the account has another owner.
	ReasonOwnedByAnother = "OwnedByAnother"
	// ReasonDuplicateAccounts: a coach has two accounts, or two objects.
	ReasonDuplicateAccounts = "DuplicateAccounts"
	// ReasonDeauthorized: the coach has disconnected the account.
	ReasonDeauthorized = "Deauthorized"
	// ReasonDeletedOutOfBand: the account was deleted at Stripe.
	ReasonDeletedOutOfBand = "DeletedOutOfBand"
	// ReasonAccessRevokedOrDeleted: the account was deleted at Stripe, or disconnected; Stripe does not report which.
	ReasonAccessRevokedOrDeleted = "AccessRevokedOrDeleted"
	// ReasonRejectedByStripe: Stripe has rejected the account permanently.
	ReasonRejectedByStripe = "RejectedByStripe"
	// ReasonRejectedByPlatform: the business has rejected the account permanently.
	ReasonRejectedByPlatform = "RejectedByPlatform"
	// ReasonPausedByPlatform: the business has paused the account in Stripe's Dashboard.
	ReasonPausedByPlatform = "PausedByPlatform"
	// ReasonNotStarted: the coach has not been sent to Stripe's forms yet.
	ReasonNotStarted = "NotStarted"
	// ReasonIncomplete: the coach has not completed Stripe's forms.
	ReasonIncomplete = "Incomplete"
	// ReasonRequirementsPastDue: the coach did not meet Stripe's requirements in time.
	ReasonRequirementsPastDue = "RequirementsPastDue"
	// ReasonCapabilityNotRequested: Stripe requires a capability to be requested, and the request had no effect.
	ReasonCapabilityNotRequested = "CapabilityNotRequested"
	// ReasonPendingVerification: Stripe verifies the coach's submission.
	ReasonPendingVerification = "PendingVerification"
	// ReasonUnderStripeReview: Stripe reviews the account.
	ReasonUnderStripeReview = "UnderStripeReview"
	// ReasonPayoutMethodErrored: the coach's bank refuses payouts, so Stripe makes none.
	ReasonPayoutMethodErrored = "PayoutMethodErrored"
	// ReasonRequirementsDue: the coach must submit more to Stripe by a deadline.
	ReasonRequirementsDue = "RequirementsDue"
	// ReasonSuspendedBySpec: the spec suspends payouts.
	ReasonSuspendedBySpec = "SuspendedBySpec"
	// ReasonSuspendedByViolation: payouts are suspended because the platform was observed not to be safe.
	ReasonSuspendedByViolation = "SuspendedByViolation"
	// ReasonPayoutsEnabled: the coach is paid.
	ReasonPayoutsEnabled = "PayoutsEnabled"
	// ReasonUnknownStripeState: Stripe reports a state of the account that the operator does not know.
	ReasonUnknownStripeState = "UnknownStripeState"
	// ReasonInSync: the account is as the spec requests.
	ReasonInSync = "InSync"
	// ReasonAccepted: Stripe has the account and shows it.
	ReasonAccepted = "Accepted"
	// ReasonNotConfigured: the platform has no Stripe account.
	ReasonNotConfigured = "NotConfigured"
	// ReasonKeyAccepted: Stripe accepts the platform's key.
	ReasonKeyAccepted = "KeyAccepted"
	// ReasonModeMismatch: key, platform and class are not in the same mode of Stripe.
	ReasonModeMismatch = "ModeMismatch"
	// ReasonNoDelivery: no event of Stripe has arrived yet.
	ReasonNoDelivery = "NoDelivery"
	// ReasonDelivered: Stripe's events arrive.
	ReasonDelivered = "Delivered"
	// ReasonNoneDue: Stripe has no open requirements.
	ReasonNoneDue = "NoneDue"
	// ReasonCurrentlyDue: Stripe has requirements that are due now.
	ReasonCurrentlyDue = "CurrentlyDue"
	// ReasonPastDue: Stripe has requirements whose deadline has passed.
	ReasonPastDue = "PastDue"
	// ReasonEventuallyDue: Stripe has requirements that become due once enough money has moved.
	ReasonEventuallyDue = "EventuallyDue"
	// ReasonFutureDue: Stripe has requirements that become due when its rules change.
	ReasonFutureDue = "FutureDue"
	// ReasonImmutableFieldChanged: the account differs from the spec in a field that cannot be changed.
	ReasonImmutableFieldChanged = "ImmutableFieldChanged"
	// ReasonCountryNotAllowed: the class does not allow coaches in this country.
	ReasonCountryNotAllowed = "CountryNotAllowed"
	// ReasonQuotaLow: less than a tenth of a quota of the AWS account is left; nothing is broken yet.
	ReasonQuotaLow = "QuotaLow"
)
