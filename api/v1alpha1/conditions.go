package v1alpha1

// Annotations that people and pipelines may set.
const (
	// AnnotationPaused stops all writes, whatever its value but "" and "false"; observing and reporting go on.
	AnnotationPaused = "payouts.coachplatform.io/paused"
	// AnnotationReconcile with any new value requests an uncached read at once.
	AnnotationReconcile = "payouts.coachplatform.io/reconcile-requested-at"
	// AnnotationApprove holds the hash of the held changes that may be made; it is removed when used.
	AnnotationApprove = "payouts.coachplatform.io/approve"
	// AnnotationApproved holds the hash that was approved last: it approves nothing a second time.
	AnnotationApproved = "payouts.coachplatform.io/approved"
	// AnnotationDatabase is the operator's record of the one database of a platform, as
	// account/region/resource ID. Once written, an absent database is lost, never recreated.
	AnnotationDatabase = "payouts.coachplatform.io/database"
	// AnnotationClaim with an account's ID lets a PayoutAccount that adopts this very account take it from
	// another installation.
	AnnotationClaim = "payouts.coachplatform.io/claim"
	// AnnotationAccount is the operator's record of the one account of a coach, as the business's own account
	// and the coach's. Once written, an absent account is missing, never recreated.
	AnnotationAccount = "payouts.coachplatform.io/account-id"
	// AnnotationCreation is the operator's record of an attempt to make an account, written before it.
	AnnotationCreation = "payouts.coachplatform.io/creation"
	// AnnotationNotes is what the operator must remember of what Stripe made of its wishes.
	AnnotationNotes = "payouts.coachplatform.io/stripe-notes"
	// AnnotationEvent is the last event of Stripe about the account: a hint to look again.
	AnnotationEvent = "payouts.coachplatform.io/stripe-event"
	// AnnotationDeauthorized is the event by which the coach disconnected the account.
	AnnotationDeauthorized = "payouts.coachplatform.io/stripe-deauthorized"
	// AnnotationPayout is how the last payout went: paid, or the code of its failure, and when.
	AnnotationPayout = "payouts.coachplatform.io/stripe-payout"
	// AnnotationDelivered is when Stripe last delivered an event for a platform, to within some minutes.
	AnnotationDelivered = "payouts.coachplatform.io/stripe-delivered"
)

// Finalizers.
const (
	// FinalizerPlatform stays until everything was seen to be released.
	FinalizerPlatform = "payouts.coachplatform.io/platform"
	// FinalizerClass stays while a platform uses the class.
	FinalizerClass = "payouts.coachplatform.io/class"
	// FinalizerAccount stays until the account was seen to be released.
	FinalizerAccount = "payouts.coachplatform.io/account"
)

// Condition types: one per wing, and one for each thing that a user acts on. Every kind sets all of its
// conditions on every pass; what each step says is in status.steps.
const (
	// ConditionReady is true when an observation after the last write found nothing to do that is not waiting
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

	// ConditionAccountReady is true when the operator's role works in the class's AWS account.
	ConditionAccountReady = "AccountReady"
	// ConditionParametersReady is true when the class's DB parameter groups are as wanted.
	ConditionParametersReady = "ParametersReady"
	// ConditionNetworkReady is true when the class's VPC and subnets, or the platform's security group, are
	// as wanted.
	ConditionNetworkReady = "NetworkReady"
	// ConditionKeyReady is true when the tenant's KMS key is as wanted.
	ConditionKeyReady = "KeyReady"
	// ConditionDatabaseReady is true when the RDS instance is available and as wanted.
	ConditionDatabaseReady = "DatabaseReady"
	// ConditionRolesReady is true when the database's roles, grants and logins are as wanted.
	ConditionRolesReady = "RolesReady"
	// ConditionSecretsReady is true when the tenant's Secrets hold logins that work.
	ConditionSecretsReady = "SecretsReady"
	// ConditionPayoutsReady is true when the business's own Stripe account is in order, Stripe's events of the
	// platform have their one endpoint, and the coaches' objects could be read.
	ConditionPayoutsReady = "PayoutsReady"
	// ConditionKeyValid is true when Stripe accepts the platform's key.
	ConditionKeyValid = "KeyValid"
	// ConditionWebhookReceiving is true when an event of Stripe has arrived at the platform's endpoint.
	ConditionWebhookReceiving = "WebhookReceiving"

	// ConditionAccountCreated is true when the coach's account was made, or found.
	ConditionAccountCreated = "AccountCreated"
	// ConditionConnected is true when the business may see the account.
	ConditionConnected = "Connected"
	// ConditionOnboardingComplete is true when the coach has been through Stripe's forms.
	ConditionOnboardingComplete = "OnboardingComplete"
	// ConditionPayoutsEnabled is true when Stripe pays the coach.
	ConditionPayoutsEnabled = "PayoutsEnabled"
	// ConditionTransfersActive is true when the account can be sent money.
	ConditionTransfersActive = "TransfersActive"
	// ConditionRequirementsMet is true when Stripe wants to know nothing now.
	ConditionRequirementsMet = "RequirementsMet"
	// ConditionSpecSynced is true when the account is as the spec asks.
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
	// ReasonTransientError: a call failed and is tried again.
	ReasonTransientError = "TransientError"
	// ReasonDatabaseUnreachable: no connection to the database could be made.
	ReasonDatabaseUnreachable = "DatabaseUnreachable"
	// ReasonCertificateRefused: the server that answers for the database cannot prove its identity.
	ReasonCertificateRefused = "CertificateRefused"
	// ReasonTLSRefused: the server that answers for the database does not speak TLS, or requests more than a proof
	// of the password.
	ReasonTLSRefused = "TLSRefused"
	// ReasonPlaintextAdmitted: the database goes on with logins without TLS.
	ReasonPlaintextAdmitted = "PlaintextAdmitted"
	// ReasonLoginRefused: the database refuses a login of the operator's.
	ReasonLoginRefused = "LoginRefused"
	// ReasonDatabaseFull: the database has no connection or no room left.
	ReasonDatabaseFull = "DatabaseFull"
	// ReasonNotObserved: not everything could be seen.
	ReasonNotObserved = "NotObserved"
	// ReasonThrottled: AWS throttled a call, or would; they are tried again.
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
	// ReasonInvalidSpec: the spec requests what the class does not allow, or AWS refuses.
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
	// ReasonReleasing: things are being released.
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
	// ReasonPlatformCredentialsInvalid: Stripe does not accept the tenant's key, or not for what it is for.
	ReasonPlatformCredentialsInvalid = "PlatformCredentialsInvalid"
	// ReasonCreateRejected: Stripe refuses to make the account as requested.
	ReasonCreateRejected = "CreateRejected"
	// ReasonStripeUnreachable: Stripe did not answer, or not conclusively.
	ReasonStripeUnreachable = "StripeUnreachable"
	// ReasonCreating: the account is being made.
	ReasonCreating = "Creating"
	// ReasonCreationUncertain: the outcome of the create is unknown; the account is looked for before it is tried again.
	ReasonCreationUncertain = "CreationUncertain"
	// ReasonWaitingForPlatform: the platform does not exist, or cannot use Stripe yet.
	ReasonWaitingForPlatform = "WaitingForPlatform"
	// ReasonGateClosed: a security control that payouts depend on is not verified, so no account is made and no payout enabled.
	ReasonGateClosed = "GateClosed"
	// ReasonOwnedByAnother: the account belongs to somebody else.
	ReasonOwnedByAnother = "OwnedByAnother"
	// ReasonDuplicateAccounts: two accounts, or two objects, are the same coach's.
	ReasonDuplicateAccounts = "DuplicateAccounts"
	// ReasonDeauthorized: the coach has disconnected the account.
	ReasonDeauthorized = "Deauthorized"
	// ReasonDeletedOutOfBand: the account was deleted at Stripe.
	ReasonDeletedOutOfBand = "DeletedOutOfBand"
	// ReasonAccessRevokedOrDeleted: the account was deleted at Stripe, or disconnected; Stripe does not say which.
	ReasonAccessRevokedOrDeleted = "AccessRevokedOrDeleted"
	// ReasonRejectedByStripe: Stripe has rejected the account for good.
	ReasonRejectedByStripe = "RejectedByStripe"
	// ReasonRejectedByPlatform: the business has rejected the account for good.
	ReasonRejectedByPlatform = "RejectedByPlatform"
	// ReasonPausedByPlatform: the business has paused the account in Stripe's Dashboard.
	ReasonPausedByPlatform = "PausedByPlatform"
	// ReasonNotStarted: the coach has not been sent to Stripe's forms yet.
	ReasonNotStarted = "NotStarted"
	// ReasonIncomplete: the coach has not been through all of Stripe's forms.
	ReasonIncomplete = "Incomplete"
	// ReasonRequirementsPastDue: the coach did not answer in time what Stripe must know.
	ReasonRequirementsPastDue = "RequirementsPastDue"
	// ReasonCapabilityNotRequested: Stripe wants a capability to be requested, which did not help.
	ReasonCapabilityNotRequested = "CapabilityNotRequested"
	// ReasonPendingVerification: Stripe verifies what the coach has submitted.
	ReasonPendingVerification = "PendingVerification"
	// ReasonUnderStripeReview: Stripe reviews the account.
	ReasonUnderStripeReview = "UnderStripeReview"
	// ReasonPayoutMethodErrored: the coach's bank refuses payouts, so Stripe makes none.
	ReasonPayoutMethodErrored = "PayoutMethodErrored"
	// ReasonRequirementsDue: the coach must submit more to Stripe by a deadline.
	ReasonRequirementsDue = "RequirementsDue"
	// ReasonSuspendedBySpec: payouts are suspended as the spec asks.
	ReasonSuspendedBySpec = "SuspendedBySpec"
	// ReasonSuspendedByViolation: payouts are suspended since the platform has been seen not to be safe.
	ReasonSuspendedByViolation = "SuspendedByViolation"
	// ReasonPayoutsEnabled: the coach is paid.
	ReasonPayoutsEnabled = "PayoutsEnabled"
	// ReasonUnknownStripeState: Stripe reports a state of the account that the operator does not know.
	ReasonUnknownStripeState = "UnknownStripeState"
	// ReasonInSync: the account is as the spec asks.
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
	// ReasonDelivered: events of Stripe arrive.
	ReasonDelivered = "Delivered"
	// ReasonNoneDue: Stripe wants to know nothing.
	ReasonNoneDue = "NoneDue"
	// ReasonCurrentlyDue: Stripe wants to know something now.
	ReasonCurrentlyDue = "CurrentlyDue"
	// ReasonPastDue: Stripe wanted to know something before now.
	ReasonPastDue = "PastDue"
	// ReasonEventuallyDue: Stripe will want to know something once enough money has moved.
	ReasonEventuallyDue = "EventuallyDue"
	// ReasonFutureDue: Stripe will want to know something when its rules change.
	ReasonFutureDue = "FutureDue"
	// ReasonImmutableFieldChanged: the account differs from the spec in what cannot be changed.
	ReasonImmutableFieldChanged = "ImmutableFieldChanged"
	// ReasonCountryNotAllowed: the class does not allow coaches in this country.
	ReasonCountryNotAllowed = "CountryNotAllowed"
	// ReasonQuotaLow: less than a tenth of a quota of the AWS account is left; nothing is broken yet.
	ReasonQuotaLow = "QuotaLow"
)
