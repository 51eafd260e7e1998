//! What a version must be to become champion.

use super::RegistryError;
use crate::model::Metrics;

/// How much less counts as the same: the last bits of an area over millions of pairs.
const SAME: f64 = 1e-9;

/// Refuses a challenger that is worse than the champion, both measured on the same rows.
///
/// # Errors
/// [`RegistryError::Worse`] with both figures.
pub fn gate(challenger: &Metrics, champion: &Metrics) -> Result<(), RegistryError> {
    if challenger.auc.is_nan() || challenger.auc < champion.auc - SAME {
        return Err(RegistryError::Worse {
            challenger: challenger.auc,
            champion: champion.auc,
        });
    }
    Ok(())
}
