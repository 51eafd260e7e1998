//! What the discovery inboxes, of agents and of MCP servers, have in common.

use serde_json::json;

/// Most entries of an organization's inbox.
const ENTRIES_MAX: u64 = 2_000;

/// What became of a report of what somebody saw.
#[derive(Debug, Clone)]
pub struct InboxReport<T> {
    /// What nobody had seen before.
    pub new_count: u64,
    /// What was in the inbox before.
    pub known_count: u64,
    /// What is registered.
    pub registered_count: u64,
    /// What was left out because the inbox is full.
    pub refused_count: u64,
    /// What is in the inbox of it.
    pub sightings: Vec<T>,
}

impl<T> InboxReport<T> {
    /// The same for the audit trail.
    pub(crate) fn told(&self, name: impl Fn(&T) -> &str) -> serde_json::Value {
        let names: Vec<&str> = self.sightings.iter().map(name).collect();
        json!({
            "new": self.new_count,
            "known": self.known_count,
            "registered": self.registered_count,
            "refused": self.refused_count,
            "names": names,
        })
    }
}

/// Leaves as many of the new ones as there is room for, and says how many were left out. `all` entries are
/// there, and `own` of them the reporter saw first, who may fill no more than `reporter_max`.
pub(crate) fn fit<T>(fresh: &mut Vec<T>, (all, own): (u64, u64), reporter_max: u64) -> u64 {
    let room = ENTRIES_MAX
        .saturating_sub(all)
        .min(reporter_max.saturating_sub(own));
    let refused = count(fresh.len()).saturating_sub(room);
    fresh.truncate(usize::try_from(room).unwrap_or(usize::MAX));
    refused
}

pub(crate) fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
