//! The keeper of keys: reminds before keys expire, suspends agents that have none left, and writes
//! down when keys were used.
//!
//! Guarantee: each reminder and each suspension happens once, on however many nodes this runs. A lease
//! keeps the others idle; where two hold it for a moment, the conditions of the writes decide.

use std::collections::HashMap;
use std::time::Duration as StdDuration;

use aim_domain::agent::AgentStatus;
use aim_domain::agent_key::KeyPolicy;
use aim_domain::event::{AgentChange, AgentChanged};
use aim_domain::id::{AgentId, AgentKeyId, OrganizationId};
use aim_store::Tx;
use aim_store::audit::NewAuditEntry;
use aim_store::key_ends::{EndingKey, KeylessAgent};
use chrono::{DateTime, Duration, Utc};
use parking_lot::Mutex;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{App, AppError};

const LEASE: &str = "agent-keys";
/// Longer than a round takes, so that a slow round is not joined by another.
const LEASE_LIFE: Duration = Duration::seconds(60);
/// Agents and keys of one transaction.
const CHUNK: u64 = 200;
/// Why an agent was suspended by this.
const NO_KEY: &str = "its last key has ended; bring a new one and reinstate it";

/// When keys were last used, until that is written down.
#[derive(Debug, Default)]
pub(crate) struct KeyUse(Mutex<HashMap<AgentKeyId, DateTime<Utc>>>);

impl KeyUse {
    pub(crate) fn note(&self, key: AgentKeyId, at: DateTime<Utc>) {
        self.0.lock().insert(key, at);
    }
}

impl App {
    /// Keeps keys every `period` until `stop` fires.
    pub async fn keep_keys(&self, period: StdDuration, stop: CancellationToken) {
        let holder = self.ids.next();
        loop {
            let is_stopped = tokio::select! {
                () = stop.cancelled() => true,
                () = tokio::time::sleep(period) => false,
            };
            if let Err(error) = self.write_key_use().await {
                tracing::warn!(%error, "when keys were used was not written; trying again later");
            }
            if is_stopped {
                return;
            }
            if let Err(error) = self.keep_keys_once(holder).await {
                tracing::warn!(%error, "keys were not looked after; trying again later");
            }
        }
    }

    async fn write_key_use(&self) -> Result<(), AppError> {
        let used = std::mem::take(&mut *self.key_use.0.lock());
        if used.is_empty() {
            return Ok(());
        }
        let mut tx = self.store.begin().await?;
        for (key, at) in used {
            tx.touch_key(key, at).await?;
        }
        Ok(tx.commit().await?)
    }

    async fn keep_keys_once(&self, holder: Uuid) -> Result<(), AppError> {
        let mut tx = self.store.begin().await?;
        let is_ours = tx.take_lease(LEASE, holder, LEASE_LIFE).await?;
        tx.commit().await?;
        if is_ours {
            self.forget_expired_certificates().await?;
            self.remind().await?;
            self.suspend_keyless_agents().await?;
        }
        Ok(())
    }

    async fn forget_expired_certificates(&self) -> Result<(), AppError> {
        let mut tx = self.store.begin().await?;
        tx.delete_expired_certificates().await?;
        Ok(tx.commit().await?)
    }

    async fn remind(&self) -> Result<(), AppError> {
        for days in self.store.list_reminder_days().await? {
            self.remind_before(days).await?;
        }
        Ok(())
    }

    /// Looks at keys that end within so many days and were not reminded of since: nearly none.
    async fn remind_before(&self, days: u16) -> Result<(), AppError> {
        let now = self.clock.now();
        let until = now + Duration::days(i64::from(days));
        let mut after = None;
        loop {
            let keys = self.store.list_ending_keys(until, days, after, CHUNK);
            let keys = keys.await?;
            let Some(last) = keys.last() else {
                return Ok(());
            };
            after = Some(last.key);
            let organizations: Vec<_> = keys.iter().map(|key| key.organization).collect();
            let policies = self.store.load_key_policies(&organizations).await?;
            let due = |key: &EndingKey| {
                let policy = policies.get(&key.organization)?;
                let days = policy.reminder(key.expires_at, now)?;
                let is_new = key.reminded_days.is_none_or(|before| before > days);
                is_new.then_some((*key, days))
            };
            let due: Vec<_> = keys.iter().filter_map(due).collect();
            if due.is_empty() {
                continue;
            }
            let mut tx = self.store.begin().await?;
            for (key, days) in due {
                if tx.mark_reminded(key.key, days).await? {
                    self.say_reminder(&mut tx, &key, days);
                }
            }
            tx.commit().await?;
        }
    }

    fn say_reminder(&self, tx: &mut Tx, key: &EndingKey, days: u16) {
        let change = AgentChange::KeyExpiring {
            key: key.key,
            expires_at: key.expires_at,
            days,
        };
        let agent = key.agent;
        tx.emit(&self.event(key.organization, agent, AgentChanged { agent, change }));
        let entry = self.by_system(
            LEASE,
            key.organization,
            "agent-key.remind",
            ("agentKey", key.key.to_string()),
        );
        tx.audit(NewAuditEntry {
            after: Some(json!({ "agent": agent, "days": days, "expiresAt": key.expires_at })),
            ..entry
        });
        metrics::counter!("aim_key_reminders_total").increment(1);
    }

    async fn suspend_keyless_agents(&self) -> Result<(), AppError> {
        let mut after: Option<KeylessAgent> = None;
        loop {
            let agents = self.store.list_keyless_agents(after.as_ref(), CHUNK);
            let agents = agents.await?;
            let Some(last) = agents.last() else {
                return Ok(());
            };
            after = Some(*last);
            let organizations: Vec<_> = agents.iter().map(|it| it.organization).collect();
            let policies = self.store.load_key_policies(&organizations).await?;
            let suspends = |id: &OrganizationId| {
                policies
                    .get(id)
                    .is_some_and(|it: &KeyPolicy| it.suspends_expired)
            };
            let mut tx = self.store.begin().await?;
            let mut suspended = Vec::new();
            for found in agents.iter().filter(|it| suspends(&it.organization)) {
                let (organization, agent) = (found.organization, found.agent);
                if tx.suspend_keyless(agent, NO_KEY).await? {
                    self.say_suspended(&mut tx, organization, agent);
                    suspended.push(agent);
                }
            }
            tx.commit().await?;
            for agent in suspended {
                self.cache.forget(agent);
            }
        }
    }

    fn say_suspended(&self, tx: &mut Tx, organization: OrganizationId, agent: AgentId) {
        let (from, to) = (AgentStatus::Verified, AgentStatus::Suspended);
        let reason = Some(NO_KEY.to_owned());
        let change = AgentChange::Status { from, to, reason };
        tx.emit(&self.event(organization, agent, AgentChanged { agent, change }));
        let entry = self.by_system(
            LEASE,
            organization,
            "agent.suspend",
            ("agent", agent.to_string()),
        );
        tx.audit(NewAuditEntry {
            reason: Some(NO_KEY.to_owned()),
            before: Some(json!({ "status": from })),
            after: Some(json!({ "status": to })),
            ..entry
        });
        metrics::counter!("aim_agents_suspended_total").increment(1);
    }
}
