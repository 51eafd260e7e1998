//! MCP servers: registering them, asking them what they are, and holding them to what was approved.

mod approve;
mod attest;
mod called;
mod challenge;
mod dial;
mod facts;
mod handshake;
mod observe;
mod servers;
mod sightings;
mod usage;

pub use attest::{AttestMcpServer, McpConfidence};
pub use called::McpCallSeen;
pub use dial::{McpNetworks, NetworksError};
pub use handshake::{HandshakeError, read_manifest};
pub use servers::{McpStatusChange, RegisterMcpServer, UpdateMcpServer};
pub use sightings::Sighted;

pub(crate) use dial::McpDoor;
pub(crate) use facts::SharedServers;
