//! How the stream is doing.

use async_graphql::SimpleObject;

/// What became of the records of one topic, ever.
#[derive(Debug, Clone, Copy, SimpleObject)]
pub(crate) struct StreamTotals {
    /// Applied, once each.
    pub(crate) applied_count: u64,
    /// Recognized as applied before.
    pub(crate) duplicate_count: u64,
    /// Given up on.
    pub(crate) dead_letter_count: u64,
}
