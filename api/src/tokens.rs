//! Credentials as they come in, judged without a database: people's access tokens, agents' tokens,
//! and proofs of possession of a key.

pub use crate::access_token::{AccessToken, AccessTokenError};
pub use crate::agent_token::{AgentTokenError, TokenRules, read_agent_token};
pub use crate::dpop::{Proof, Wanted, read_proof};
