//! Enumerations of the schema, one for one from the domain.

use async_graphql::Enum;

/// Where an agent is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "aim_domain::agent::AgentStatus")]
pub(crate) enum AgentStatus {
    /// Possession of the key is not proven yet.
    Pending,
    /// May act, within its grants.
    Verified,
    /// Stopped by a person.
    Suspended,
    /// Stopped by the product after a critical finding.
    Quarantined,
    /// Ended for ever.
    Revoked,
}

/// What kind of program an agent is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "aim_domain::agent::AgentType")]
pub(crate) enum AgentType {
    /// A model with tools.
    LlmAgent,
    /// Talks with a person.
    Assistant,
    /// Fixed steps.
    Workflow,
    /// Only calls MCP servers.
    McpClient,
    /// Anything else.
    Custom,
}

/// How much harm an action can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "aim_domain::risk::RiskLevel")]
pub(crate) enum RiskLevel {
    /// Reads something harmless.
    Low,
    /// Changes something that is easily undone.
    Medium,
    /// Changes something that is hard to undo, or sends data outside.
    High,
    /// Moves money, deletes, executes code, changes who may do what.
    Critical,
}

/// The answer to "may it?".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "aim_domain::verification::Decision")]
pub(crate) enum Decision {
    /// Go on.
    Allowed,
    /// Do not.
    Denied,
    /// Wait for a person.
    PendingApproval,
}

/// How far an approval has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "aim_domain::approval::ApprovalStatus")]
pub(crate) enum ApprovalStatus {
    /// Persons have to answer.
    Pending,
    /// As many persons agreed as had to; the agent has not presented it yet.
    Approved,
    /// A person said no.
    Denied,
    /// Nobody answered in time, or the agent did not present it in time.
    Expired,
    /// The agent presented it, and may act.
    Used,
    /// The agent presented it, and something else spoke against the action by then.
    Refused,
}

/// What became of a request for a capability.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "aim_domain::capability_request::CapabilityRequestStatus")]
pub(crate) enum CapabilityRequestStatus {
    /// A person has to answer.
    Pending,
    /// It was granted.
    Approved,
    /// A person said no.
    Rejected,
    /// Nobody answered in time.
    Expired,
}

/// What spoke for or against an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "aim_domain::verification::ReasonCode")]
pub(crate) enum ReasonCode {
    /// A person stopped all agents of the organization.
    OrganizationKilled,
    /// A person stopped the agent with its kill switch.
    AgentKilled,
    /// The agent has not proven possession of its key yet.
    AgentPending,
    /// A person stopped the agent.
    AgentSuspended,
    /// The product stopped the agent after a critical finding.
    AgentQuarantined,
    /// The agent's identity has ended.
    AgentRevoked,
    /// The key that signed is not one of the agent's.
    KeyUnknown,
    /// The key that signed was revoked.
    KeyRevoked,
    /// The key that signed is past its life span.
    KeyExpired,
    /// A grant covers the action.
    CapabilityGranted,
    /// A delegation of another agent covers the action.
    CapabilityDelegated,
    /// No grant covers the action.
    CapabilityMissing,
    /// The token that asked is not good for the action.
    TokenLimited,
    /// The agent's trust is below what this risk needs.
    TrustTooLow,
    /// A person has to agree.
    ApprovalRequired,
    /// As many persons agreed to this very action as had to.
    ApprovalGiven,
    /// A person agreed beforehand, for a time.
    ApprovedBeforehand,
    /// A person said no.
    ApprovalDenied,
    /// Nobody answered in time, or the approval was not presented in time.
    ApprovalExpired,
    /// More persons have to agree by now than did.
    ApprovalInsufficient,
    /// A policy could not be evaluated; the answer is no.
    PolicyError,
    /// A policy forbids it.
    PolicyForbids,
    /// A policy stops the agent for it.
    PolicyQuarantines,
    /// A policy wants a person to agree.
    PolicyAsks,
}

/// What the agent owes in return for the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "aim_domain::verification::Obligation")]
pub(crate) enum Obligation {
    /// Report how it went, with `reportActionResult`.
    ReportResult,
    /// Do nothing until the verification is `ALLOWED`.
    AwaitApproval,
    /// Persons agreed: present it with `presentApproval` and the same action, and act only if that is
    /// `ALLOWED`.
    PresentApproval,
}

/// How an action ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "aim_domain::action::Outcome")]
pub(crate) enum ActionOutcome {
    /// It was done.
    Ok,
    /// It was tried and failed.
    Error,
    /// It was refused.
    Denied,
    /// Not reported yet.
    Unknown,
}

/// What a detector found unusual.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "aim_domain::anomaly::AnomalyKind")]
pub(crate) enum AnomalyKind {
    /// Many more actions in a window than the learned rate explains.
    RateSpike,
    /// Active in an hour of the week in which the agent is not.
    OffHours,
    /// A write action that the agent never did before.
    FirstSeenWrite,
    /// A write to a resource that the agent never wrote to before.
    FirstSeenResource,
    /// Contact with a host outside that the agent never had contact with before.
    NewDomain,
    /// An action that no grant covers.
    CapabilityDrift,
    /// Many actions that fail.
    FailureBurst,
    /// An action from a country that the agent never acted from before.
    NewCountry,
    /// Two actions farther apart than anybody travels in the time between them.
    ImpossibleTravel,
    /// The organization's model takes the action for a risk.
    ModelRisk,
    /// An action that hardly ever comes after the one before it, nor for the job, nor at all.
    UnusualSequence,
    /// Far more data moved in a window than usual.
    VolumeSpike,
    /// Far more different things done in an hour than usual.
    WideSpread,
    /// One action on one target far more often in a minute than usual.
    DeedBurst,
    /// What the agent does has become something else.
    BehaviourDrift,
    /// Busier or quieter than at this time of day.
    RhythmBreak,
    /// Several signs that are small by themselves.
    CombinedSigns,
    /// A policy wants somebody to look.
    PolicyAlert,
    /// A policy stopped the agent.
    PolicyQuarantine,
    /// A policy that only watches would have raised an alert or stopped the agent.
    PolicyWatched,
    /// An MCP server is not what was approved.
    McpDrift,
    /// What an MCP server says of itself looks like an order to models.
    McpPoisonedText,
    /// A tool is named like a tool of another MCP server.
    McpShadowedTool,
}

/// How an MCP server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "aim_domain::mcp::McpTransport")]
pub(crate) enum McpTransport {
    /// At a URL.
    StreamableHttp,
    /// As a process on the machine of whoever uses it.
    Stdio,
}

/// Where an MCP server is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "aim_domain::mcp::McpServerStatus")]
pub(crate) enum McpServerStatus {
    /// Registered; nobody has approved what it says of itself.
    Pending,
    /// A person approved what it says of itself.
    Verified,
    /// Stopped by a person.
    Suspended,
    /// Ended for ever.
    Revoked,
}

/// A part of an MCP server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "aim_domain::mcp::McpPart")]
pub(crate) enum McpPart {
    /// The server as a whole: its instructions.
    Server,
    /// A tool.
    Tool,
    /// A prompt.
    Prompt,
    /// A template of resources, named by its URI template.
    ResourceTemplate,
    /// A resource, named by its URI. These are not pinned: they come and go.
    Resource,
}

/// What became of a part of an MCP server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "aim_domain::mcp::McpDriftKind")]
pub(crate) enum McpDriftKind {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It says something else.
    Changed,
}

/// What looks wrong in what an MCP server says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "aim_domain::mcp::McpSuspicionKind")]
pub(crate) enum McpSuspicionKind {
    /// Characters that models read and people do not see.
    HiddenText,
    /// An order to whoever reads it.
    OrdersModel,
    /// A request for secrets, or for what was said before.
    AsksForSecrets,
    /// Words about other tools, or about when they may be used.
    SteersOtherTools,
    /// A name that looks like that of another server's tool.
    ShadowsTool,
}

/// Who read what an MCP server says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "aim_store::mcp_manifests::McpManifestSource")]
pub(crate) enum McpManifestSource {
    /// We asked the server.
    Handshake,
    /// Somebody else asked it, and said what they saw.
    Report,
}

/// What may be wrong with the MCP server of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "aim_domain::mcp::McpConcern")]
pub(crate) enum McpConcern {
    /// No server of this name is registered. Then all the others hold too.
    Unknown,
    /// It is registered, and not `VERIFIED`.
    Unverified,
    /// It is not what was approved.
    Drift,
}

/// What a model version is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "aim_domain::model::ModelAlias")]
pub(crate) enum ModelAlias {
    /// It serves: what it flags becomes a finding.
    Champion,
    /// It scores beside the champion without effect.
    Challenger,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "aim_domain::anomaly::Severity")]
pub(crate) enum Severity {
    /// Worth knowing.
    Low,
    /// Worth a look.
    Medium,
    /// Worth a look today.
    High,
    /// Act now; the agent is quarantined.
    Critical,
}

/// Where an alert is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "aim_domain::alert::AlertStatus")]
pub(crate) enum AlertStatus {
    /// Nobody has looked yet.
    Open,
    /// Somebody is looking.
    Acknowledged,
    /// Somebody has judged it.
    Resolved,
}

/// What a person found an alert to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "aim_domain::alert::AlertVerdict")]
pub(crate) enum AlertVerdict {
    /// It was an attack or a fault.
    TruePositive,
    /// It was nothing.
    FalsePositive,
}

/// Named ranges of the trust score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "aim_domain::trust::TrustBand")]
pub(crate) enum TrustBand {
    /// Below 0.2.
    Untrusted,
    /// 0.2 up to 0.5.
    Low,
    /// 0.5 up to 0.8.
    Moderate,
    /// 0.8 and more.
    High,
}

/// The eight inputs of the trust score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "aim_domain::trust::TrustFactorKind")]
pub(crate) enum TrustFactorKind {
    /// How its actions ended.
    AgentHistory,
    /// Attestations of the MCP servers it talks to.
    McpAttestation,
    /// How risky and how novel what it does is.
    ActionRisk,
    /// What it tried without a grant.
    CapabilityViolations,
    /// How its rate fits the learned one.
    Frequency,
    /// How its hours fit the learned ones.
    TemporalPattern,
    /// Where it acts from.
    GeographicSignals,
    /// What people and peers say.
    CommunityFeedback,
}

/// What a person may do; each role may do all that the ones before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "aim_domain::role::Role")]
pub(crate) enum Role {
    /// Reads.
    Viewer,
    /// Registers agents.
    Member,
    /// Runs agents: suspends, reinstates, grants, approves.
    Manager,
    /// Also manages people and settings, and sees the audit trail.
    Admin,
    /// Also owns the organization itself.
    Owner,
}

/// How a session was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "aim_domain::session::SignInMethod")]
pub(crate) enum SignInMethod {
    /// E-mail address and password.
    Password,
    /// An issuer of OpenID Connect.
    Oidc,
    /// A person made it for a program.
    SdkToken,
}

/// What a policy does when it matches. Of several that match the one that forbids most wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "aim_domain::policy::Effect")]
pub(crate) enum PolicyEffect {
    /// Nothing changes for the agent; an alert is raised.
    Alert,
    /// A person has to agree.
    RequireApproval,
    /// The action is denied, the agent quarantined, and an alert raised.
    Quarantine,
    /// The action is denied.
    Forbid,
}

/// Whether a policy counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "aim_domain::policy::PolicyMode")]
pub(crate) enum PolicyMode {
    /// Its effect takes place.
    Enforced,
    /// It is recorded what it would have done.
    Shadow,
    /// It is not asked.
    Disabled,
}

/// What becomes of a policy when a document is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "aim_app::PolicyStep")]
pub(crate) enum PolicyStep {
    /// It is new.
    Create,
    /// It says something else, and counts perhaps in another way.
    Update,
    /// It says the same and counts in another way.
    ChangeMode,
    /// It is put away.
    Archive,
    /// It stays as it is.
    Keep,
}

/// What a policy looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub(crate) enum PolicyRuleKind {
    /// Nothing: it matches whatever is in its scope.
    Always,
    /// Resources that are like none of some patterns.
    ResourceOutside,
    /// Hosts outside that are like none of some patterns.
    HostOutside,
    /// The hour of the week.
    Time,
    /// Where the request comes from.
    Network,
    /// Low trust.
    TrustBelow,
    /// Risk.
    RiskFrom,
    /// Actions that nothing granted covers.
    CapabilityViolation,
    /// Whatever is written in Cedar.
    Cedar,
    /// Calls of tools of MCP servers with which something is wrong.
    McpServer,
    /// What detectors found in an event.
    Finding,
    /// How many events an agent has in a span of time.
    RateAbove,
}

/// The spans of time in which an agent's events are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "aim_domain::policy::RateWindow")]
pub(crate) enum RateWindow {
    /// 60 seconds.
    Minute,
    /// 600 seconds.
    TenMinutes,
    /// 3,600 seconds.
    Hour,
}

/// On which side of its windows a policy matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "aim_domain::policy::WhenTime")]
pub(crate) enum TimeWindowSide {
    /// In one of them.
    Inside,
    /// In none of them.
    Outside,
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "aim_domain::policy::DayOfWeek")]
pub(crate) enum DayOfWeek {
    /// The first, by ISO 8601.
    Monday,
    /// The second.
    Tuesday,
    /// The third.
    Wednesday,
    /// The fourth.
    Thursday,
    /// The fifth.
    Friday,
    /// The sixth.
    Saturday,
    /// The seventh.
    Sunday,
}

/// What a notification target is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "aim_domain::notification::TargetKind")]
pub(crate) enum NotificationTargetKind {
    /// A program that takes signed events by Standard Webhooks.
    Webhook,
    /// A channel that takes messages as Slack's incoming webhooks do.
    Slack,
    /// The mailbox of somebody of your organization.
    Email,
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "aim_domain::notification::DeliveryStatus")]
pub(crate) enum NotificationStatus {
    /// It is tried, or will be.
    Pending,
    /// The target took it.
    Delivered,
    /// It was given up; it can be replayed.
    Dead,
}
