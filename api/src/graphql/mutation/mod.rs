//! Everything that can be changed: verb first, one input, one payload.

mod agents;
mod alerts;
mod capabilities;
mod sessions;
mod verifications;

pub use agents::AgentMutations;
pub use alerts::AlertMutations;
pub use capabilities::CapabilityMutations;
pub use sessions::SessionMutations;
pub use verifications::VerificationMutations;
