//! Everything that can be read.

mod agents;
mod decisions;
mod findings;
mod node;
mod operations;

pub use agents::AgentQueries;
pub use decisions::DecisionQueries;
pub use findings::FindingQueries;
pub use operations::OperationQueries;
