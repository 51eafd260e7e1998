//! MCP servers: what they are, what they say of themselves, and what became of that.
//!
//! A server's manifest is what it says of its tools, prompts and resource templates. The first one that a
//! person approves is pinned; what differs from it later is drift, until a person approves again. Drift
//! never ends by itself: a server that changes its word and changes it back did both.

mod attestation;
mod drift;
mod facts;
mod manifest;
mod names;
mod server;
mod sighting;
mod suspicion;

pub use attestation::{
    ATTESTATION_LIFE, ATTESTED_TOOL_MAX, ATTESTED_TOOLS_MAX, McpStanding, McpStatement, McpWord,
    StatementError, confidence, standing,
};
pub use drift::{McpDrift, McpDriftKind, drifts};
pub use facts::{McpCall, McpConcern, McpFacts, McpServerFacts};
pub use manifest::{ITEMS_MAX, MANIFEST_MAX_BYTES, ManifestError, McpItem, McpManifest, McpPart};
pub use names::lookalike;
pub use server::{McpServerStatus, McpTransitionError, McpTransport, ServerUrlError, check_url};
pub use sighting::{
    McpSightingMethod, SightedPlaceError, check_command_digest, check_sighted_url, command_digest,
    is_sha256_hex, sighting_fingerprint,
};
pub use suspicion::{McpSuspicion, McpSuspicionKind, suspicions};

/// Characters of a value that are kept where it is told in words.
const EXCERPT_MAX: usize = 400;

/// The beginning of a text, with what nobody sees made visible.
fn excerpt(text: &str, most: usize) -> String {
    let mut kept = String::new();
    for (at, c) in text.chars().enumerate() {
        if at == most {
            kept.push('…');
            break;
        }
        if c == '\n' || (!c.is_control() && !suspicion::is_hidden(c)) {
            kept.push(c);
        } else {
            kept.extend(c.escape_unicode());
        }
    }
    kept
}
