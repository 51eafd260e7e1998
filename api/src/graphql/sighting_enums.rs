//! How agents and MCP servers were seen that nobody registered.

use async_graphql::Enum;

/// How an MCP server was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "aim_domain::mcp::McpSightingMethod")]
pub(crate) enum McpSightingMethod {
    /// In the configuration file of a client.
    ClientConfig,
    /// In a program's code or packages.
    Code,
    /// A connection to it was opened.
    Session,
    /// A tool of it was called.
    Call,
}

/// How an agent was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "aim_domain::sighting::AgentSightingMethod")]
pub(crate) enum AgentSightingMethod {
    /// It sent events that no registered agent's key signed.
    Event,
    /// In a program's code or packages.
    Code,
    /// It talked to somebody who knows it.
    Peer,
    /// In the inventory of what programs run on, such as a cluster.
    Platform,
}

/// What became of what is in a discovery inbox. What was registered is in it no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "aim_domain::sighting::SightingStatus")]
pub(crate) enum SightingStatus {
    /// A person has to look.
    Open,
    /// A person looked and left it alone.
    Dismissed,
}
