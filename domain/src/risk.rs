//! How much harm an action can do.

use serde::{Deserialize, Serialize};

/// Risk of an action, least first.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RiskLevel {
    /// Reads something harmless.
    #[default]
    Low,
    /// Changes something that is easily undone.
    Medium,
    /// Changes something that is hard to undo, or sends data outside.
    High,
    /// Moves money, deletes, executes code, changes who may do what.
    Critical,
}

impl RiskLevel {
    /// 0 for `Low` to 1 for `Critical`, in equal steps.
    #[must_use]
    pub fn weight(self) -> f64 {
        f64::from(self as u8) / 3.0
    }
}
