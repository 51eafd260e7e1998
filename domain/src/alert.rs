//! Something a person must look at.

use serde::{Deserialize, Serialize};

/// Where an alert is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AlertStatus {
    /// Nobody has looked yet.
    Open,
    /// Somebody is looking.
    Acknowledged,
    /// Somebody has judged it.
    Resolved,
}

/// What a person found an alert to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AlertVerdict {
    /// It was an attack or a fault.
    TruePositive,
    /// It was nothing.
    FalsePositive,
}
