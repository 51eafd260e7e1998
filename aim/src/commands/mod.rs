//! What an operator runs besides the server.

pub(crate) mod analytics;
pub(crate) mod audit;
pub(crate) mod demo;
mod discover;
pub(crate) mod evaluate;
pub(crate) mod evaluate_series;
pub(crate) mod health;
pub(crate) mod mcp;
pub(crate) mod migrate;
pub(crate) mod models;
pub(crate) mod policies;
pub(crate) mod replay;
