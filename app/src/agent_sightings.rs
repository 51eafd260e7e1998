//! Agents that somebody saw and nobody registered, until a person has looked.

use std::collections::{BTreeMap, HashSet};

use aim_domain::agent::AgentType;
use aim_domain::event::OrganizationChange;
use aim_domain::id::{AgentId, AgentSightingId, OrganizationId};
use aim_domain::name::AgentName;
use aim_domain::sighting::{AgentSightingMethod, SightingStatus};
use aim_domain::signature::PublicKey;
use aim_domain::trust::TrustScore;
use aim_store::agent_sightings::{AgentSighting, AgentSightingFilter};
use aim_store::{Page, PageRequest, Tx};
use serde_json::json;

use crate::error::FieldErrors;
use crate::inbox::{InboxReport, count, fit};
use crate::{Actor, App, AppError, ErrorCode, Permit, RegisterAgent, RegisteredAgent};

/// Most entries of the inbox that one reporter saw first: none fills the inbox alone.
const REPORTER_MAX: u64 = 1_000;
/// Most agents of one report.
const REPORT_MAX: usize = 100;
/// Longest source, in bytes.
const SOURCE_MAX: usize = 128;
/// What the stream saw is reported by it.
const STREAM: &str = "system:stream";

/// An agent that somebody saw.
#[derive(Debug, Clone)]
pub struct SightedAgent {
    /// What it is called.
    pub name: String,
    /// Its Ed25519 public key, base64url or base64, where that is known.
    pub public_key: Option<String>,
    /// How it was seen.
    pub method: AgentSightingMethod,
    /// How sure its reporter is, 0 to 1.
    pub confidence: f64,
    /// What it was found in.
    pub source: Option<String>,
}

/// An agent whose event was refused because nobody registered its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StrangeAgent {
    /// Who sent it in.
    pub organization: OrganizationId,
    /// What the agent is called, by its event.
    pub name: String,
    /// The thumbprint of the key that signed, by its event; an unsigned one has none.
    pub key_id: Option<String>,
}

/// How an agent of the inbox is registered.
#[derive(Debug, Clone)]
pub struct AdoptAgent {
    /// Which.
    pub sighting: AgentSightingId,
    /// By which name; the one that it was seen by when left out.
    pub name: Option<String>,
    /// What kind of program it is.
    pub agent_type: AgentType,
    /// Its public key, where the inbox has it not: the one it was seen with.
    pub public_key: Option<String>,
    /// Whether we make it a key pair instead.
    pub generate_key: bool,
}

/// What makes two sightings one: the name, and the thumbprint of the key where that is known.
type Seen = (String, Option<String>);

/// What is known of one beyond that.
#[derive(Debug, Clone)]
struct Story {
    public_key: Option<String>,
    method: AgentSightingMethod,
    confidence: f64,
    source: Option<String>,
}

impl App {
    /// Writes down which agents somebody saw. Registered ones are counted and left alone; the others wait
    /// in the inbox for a person: nothing is registered by a report.
    ///
    /// # Errors
    /// `InvalidInput` naming every wrong field, `Unauthenticated` for a replayed request.
    pub async fn report_agents(
        &self,
        actor: &Actor,
        permit: &Permit,
        seen: Vec<SightedAgent>,
    ) -> Result<InboxReport<AgentSighting>, AppError> {
        let seen = check(seen)?;
        let organization = permit.scope().organization;
        let mut tx = self.store.begin().await?;
        if let Actor::Agent(agent) = actor {
            self.use_nonce(&mut tx, agent, permit.request_id()).await?;
        }
        let by = permit.actor();
        let report = self.write_strangers(&mut tx, (organization, &by), &seen);
        let report = report.await?;
        tx.audit(permit.audit(
            &self.ids,
            "agent-sighting.report",
            ("organization", organization.to_string()),
            None,
            (None, Some(report.told(|it| &it.name))),
        ));
        tx.commit().await?;
        Ok(report)
    }

    /// Writes down whose events were refused because nobody registered the agent. What may not be written
    /// stops nobody.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn note_strange_agents(&self, seen: Vec<StrangeAgent>) -> Result<(), AppError> {
        let now = self.clock.now();
        let mut due: BTreeMap<OrganizationId, BTreeMap<Seen, Story>> = BTreeMap::new();
        for strange in seen {
            let known_as = format!(
                "{}\n{}",
                strange.name,
                strange.key_id.as_deref().unwrap_or("")
            );
            let is_name = AgentName::parse(strange.name.clone()).is_ok();
            if !is_name
                || !self
                    .seen_agents
                    .is_due(strange.organization, &known_as, now)
            {
                continue;
            }
            let story = Story {
                public_key: None,
                method: AgentSightingMethod::Event,
                confidence: 1.0,
                source: None,
            };
            let of_organization = due.entry(strange.organization).or_default();
            of_organization.insert((strange.name, strange.key_id), story);
        }
        for (organization, seen) in due {
            let mut tx = self.store.begin().await?;
            let report = self.write_strangers(&mut tx, (organization, STREAM), &seen);
            let report = report.await?;
            if report.new_count > 0 {
                let object = ("organization", organization.to_string());
                let action = "agent-sighting.report";
                let mut entry = self.by_system("stream", organization, action, object);
                entry.after = Some(report.told(|it| &it.name));
                tx.audit(entry);
            }
            tx.commit().await?;
        }
        Ok(())
    }

    async fn write_strangers(
        &self,
        tx: &mut Tx,
        (organization, by): (OrganizationId, &str),
        seen: &BTreeMap<Seen, Story>,
    ) -> Result<InboxReport<AgentSighting>, AppError> {
        // Nobody registers an agent until the commit: one that leaves the inbox by that does not come back
        // into it.
        tx.lock_limits(organization).await?;
        let names: Vec<&str> = seen.keys().map(|(name, _)| name.as_str()).collect();
        let key_ids: Vec<&str> = seen.keys().filter_map(|(_, key)| key.as_deref()).collect();
        let registered = tx.find_registered(organization, &names, &key_ids).await?;
        let is_registered = |(name, key_id): &Seen| match key_id {
            Some(key_id) => registered.key_ids.contains(key_id),
            None => registered.names.contains(name),
        };
        let unknown: Vec<(&Seen, &Story)> =
            seen.iter().filter(|(it, _)| !is_registered(it)).collect();
        let same = |it: &AgentSighting| (it.name.clone(), it.key_id.clone());
        let known = tx.find_agent_sightings(organization, &names).await?;
        let known: Vec<_> = known
            .iter()
            .filter(|it| seen.contains_key(&same(it)))
            .collect();
        let ids: Vec<AgentSightingId> = known.iter().map(|it| it.id).collect();
        tx.touch_agent_sightings(&ids).await?;
        let is_known: HashSet<Seen> = known.into_iter().map(same).collect();
        let there = tx.count_agent_sightings(organization, by).await?;
        let fresh = unknown.iter().filter(|(it, _)| !is_known.contains(*it));
        let mut fresh: Vec<AgentSighting> = fresh
            .map(|(it, story)| self.stranger(tx, (organization, by), it, story))
            .collect();
        let refused_count = fit(&mut fresh, there, REPORTER_MAX);
        tx.insert_agent_sightings(&fresh).await?;
        for new in &fresh {
            let change = OrganizationChange::AgentSighted {
                sighting: new.id,
                name: new.name.clone(),
                method: new.method,
            };
            tx.emit(&self.of_organization(organization, change));
        }
        // As they are now, in an order that is always the same.
        let mut all = tx.find_agent_sightings(organization, &names).await?;
        all.retain(|it| seen.contains_key(&same(it)));
        all.sort_unstable_by(|a, b| a.name.cmp(&b.name).then(a.id.cmp(&b.id)));
        Ok(InboxReport {
            new_count: count(fresh.len()),
            known_count: count(ids.len()),
            registered_count: count(seen.len() - unknown.len()),
            refused_count,
            sightings: all,
        })
    }

    fn stranger(
        &self,
        tx: &Tx,
        (organization, by): (OrganizationId, &str),
        (name, key_id): &Seen,
        story: &Story,
    ) -> AgentSighting {
        AgentSighting {
            id: AgentSightingId::from_uuid(self.ids.next()),
            organization,
            name: name.clone(),
            key_id: key_id.clone(),
            public_key: story.public_key.clone(),
            method: story.method,
            confidence: TrustScore::from_fraction(story.confidence),
            source: story.source.clone(),
            status: SightingStatus::Open,
            reported_by: by.to_owned(),
            first_seen_at: tx.now(),
            last_seen_at: tx.now(),
            count: 1,
            dismissed_by: None,
            dismissed_at: None,
            dismissal_reason: None,
        }
    }

    /// Registers an agent that was seen, like any other: with its key it is `PENDING` until it answers a
    /// challenge. It leaves the inbox with everything that is the same agent.
    ///
    /// # Errors
    /// `InvalidInput` naming every wrong field, also a key that is not the one it was seen with; `NotFound`,
    /// `Conflict` when its name or its key is taken.
    pub async fn adopt_agent_sighting(
        &self,
        permit: &Permit,
        input: AdoptAgent,
    ) -> Result<RegisteredAgent, AppError> {
        let scope = permit.scope();
        let found = self.store.find_agent_sighting(scope, input.sighting);
        let found = found
            .await?
            .ok_or_else(|| AppError::not_found("sighting"))?;
        if let (Some(given), Some(seen)) = (&input.public_key, &found.key_id) {
            let key = PublicKey::parse(given);
            let is_other = key.is_ok_and(|key| key.thumbprint() != *seen);
            if is_other {
                let message = format!("is another key than the one it was seen with, `{seen}`");
                return Err(AppError::field("publicKey", message));
            }
        }
        let known = found.public_key.filter(|_| !input.generate_key);
        let new = RegisterAgent {
            name: input.name.unwrap_or(found.name),
            display_name: None,
            description: None,
            agent_type: input.agent_type,
            version: None,
            repository_url: None,
            documentation_url: None,
            declared_capabilities: Vec::new(),
            talks_to: Vec::new(),
            tags: Vec::new(),
            public_key: input.public_key.or(known),
            generate_key: input.generate_key,
            proof: None,
        };
        self.register_agent_as(permit, new, Some(found.id)).await
    }

    /// Takes out of the inbox what was registered.
    pub(crate) async fn settle_agent_sightings(
        &self,
        tx: &mut Tx,
        (organization, agent): (OrganizationId, AgentId),
        known_as: (&str, &str),
        adopted: Option<AgentSightingId>,
    ) -> Result<(), AppError> {
        let taken = tx.take_agent_sightings(organization, adopted, known_as);
        for sighting in taken.await? {
            let agent = Some(agent);
            let change = OrganizationChange::AgentSightingSettled { sighting, agent };
            tx.emit(&self.of_organization(organization, change));
        }
        Ok(())
    }

    /// Leaves a sighting alone: it stays on the list, and does not come back.
    ///
    /// # Errors
    /// `InvalidInput` for the reason, `NotFound`, `Conflict` when it was dismissed before.
    pub async fn dismiss_agent_sighting(
        &self,
        permit: &Permit,
        id: AgentSightingId,
        reason: String,
    ) -> Result<AgentSighting, AppError> {
        let mut errors = FieldErrors::default();
        errors.reason(&reason);
        errors.finish()?;
        let scope = permit.scope();
        let missing = || AppError::not_found("sighting");
        let found = self.store.find_agent_sighting(scope, id).await?;
        let found = found.ok_or_else(missing)?;
        let mut tx = self.store.begin().await?;
        let by = permit.actor();
        let dismissed = tx.dismiss_agent_sighting(scope, id, (&by, &reason));
        if !dismissed.await? {
            let message = "it was dismissed before, or is registered by now";
            return Err(AppError::new(ErrorCode::Conflict, message));
        }
        let change = OrganizationChange::AgentSightingSettled {
            sighting: id,
            agent: None,
        };
        tx.emit(&self.of_organization(scope.organization, change));
        tx.audit(permit.audit(
            &self.ids,
            "agent-sighting.dismiss",
            ("agent-sighting", id.to_string()),
            Some(reason),
            (
                Some(json!({ "name": found.name, "keyId": found.key_id })),
                None,
            ),
        ));
        tx.commit().await?;
        let after = self.store.find_agent_sighting(scope, id).await?;
        after.ok_or_else(missing)
    }

    /// A page of the inbox.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn list_agent_sightings(
        &self,
        permit: &Permit,
        filter: &AgentSightingFilter,
        page: PageRequest,
    ) -> Result<Page<AgentSighting>, AppError> {
        let found = self
            .store
            .list_agent_sightings(permit.scope(), filter, page);
        Ok(found.await?)
    }
}

fn check(seen: Vec<SightedAgent>) -> Result<BTreeMap<Seen, Story>, AppError> {
    let mut errors = FieldErrors::default();
    if seen.is_empty() || seen.len() > REPORT_MAX {
        let message = format!("has {} entries; give 1 to {REPORT_MAX}", seen.len());
        errors.add("agents", message);
    }
    let mut checked = BTreeMap::new();
    for (at, sighted) in seen.into_iter().take(REPORT_MAX).enumerate() {
        let field = |name: &str| format!("agents.{at}.{name}");
        errors.keep(&field("name"), AgentName::parse(sighted.name.clone()));
        if let Some(source) = &sighted.source {
            errors.text(&field("source"), source, SOURCE_MAX);
        }
        if !(0.0..=1.0).contains(&sighted.confidence) {
            let message = format!("is {}; give 0 to 1", sighted.confidence);
            errors.add(&field("confidence"), message);
        }
        let key = sighted.public_key.as_deref().map(PublicKey::parse);
        let key = key.and_then(|key| errors.keep(&field("publicKey"), key));
        let story = Story {
            public_key: key.as_ref().map(PublicKey::to_base64url),
            method: sighted.method,
            confidence: sighted.confidence,
            source: sighted.source,
        };
        checked.insert((sighted.name, key.map(|key| key.thumbprint())), story);
    }
    errors.finish()?;
    Ok(checked)
}
