//! Profiles in memory, in front of those in the database.
//!
//! Guarantee: profile and journal on disk together always give the profile in memory, as of the
//! last batch that was written. A profile is written with the batch that moved its score, and with
//! some batch soon after the one that it first learned from since; until then the journal has what
//! it learned. With few agents all are written with every batch, and there is no journal.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use aim_app::{App, AppError, ErrorCode};
use aim_domain::id::{AgentId, OrganizationId};
use aim_domain::trust::TrustWeights;
use aim_ml_models::{BehaviourProfile, ProfileError};
use aim_store::profiles::StoredProfile;

use crate::journal;
use crate::positions::Positions;

/// Most profiles in memory, at most 4 KiB each.
const KEPT_MAX: usize = 100_000;
/// Batches that a profile waits to be written at the most, as long as their number grows no faster
/// than it is written: bounds the journal, and what has to be learned again after a crash.
const WAIT_BATCHES: usize = 128;

/// A profile in memory.
#[derive(Debug, Clone)]
pub(crate) struct Live {
    pub(crate) profile: BehaviourProfile,
    pub(crate) organization: OrganizationId,
    /// How much the trust factors count for the organization, as of its last batch.
    pub(crate) weights: TrustWeights,
    /// Number of the partition that its events come from.
    pub(crate) number: i32,
    /// Sequence of the first batch that is not written.
    waits_since: Option<i64>,
    /// When it was last used, in batches.
    used: u64,
}

impl Live {
    /// Whether it waits to be written.
    pub(crate) const fn waits(&self) -> bool {
        self.waits_since.is_some()
    }

    fn new(organization: OrganizationId, number: i32) -> Self {
        Self {
            profile: BehaviourProfile::default(),
            organization,
            weights: TrustWeights::default(),
            number,
            waits_since: None,
            used: 0,
        }
    }
}

/// What is known of the partitions of one number.
#[derive(Debug, Default)]
struct Part {
    /// Profiles that wait to be written, longest first, each with since when. One that was written
    /// meanwhile is still there, but does not wait since then any more.
    waiting: VecDeque<(AgentId, i64)>,
    /// Sequence of the first row of the journal.
    journal: Option<i64>,
}

/// The cache. It is only right while this process alone reads the agents' partitions: what is lost
/// is forgotten, what comes is read from the database.
#[derive(Debug, Default)]
pub(crate) struct Profiles {
    /// Each in a place of its own, so that the map grows without moving them.
    live: HashMap<AgentId, Box<Live>>,
    parts: BTreeMap<i32, Part>,
    batches: u64,
}

impl Profiles {
    pub(crate) fn clear(&mut self) {
        self.live.clear();
        self.parts.clear();
    }

    /// Forgets the agents of the partitions of this number.
    pub(crate) fn forget(&mut self, number: i32) {
        self.parts.remove(&number);
        self.live.retain(|_, live| live.number != number);
    }

    /// Learns again, once, what the journal has of the partitions of this number.
    pub(crate) async fn recover(&mut self, app: &App, number: i32) -> Result<(), AppError> {
        if self.parts.contains_key(&number) {
            return Ok(());
        }
        let mut part = Part::default();
        let mut after = i64::MIN;
        let mut known: HashMap<AgentId, i64> = HashMap::new();
        loop {
            // The journal before the profiles: whoever writes a profile shortens the journal.
            let rows = app.read_journal(number, after).await?;
            let Some(last) = rows.last() else { break };
            after = last.sequence;
            part.journal.get_or_insert(rows[0].sequence);
            for row in &rows {
                let notes = journal::read(&row.steps).ok_or_else(|| damaged(number))?;
                let cold = notes.iter().map(|note| (note.agent, note.organization));
                let cold: HashMap<_, _> = cold
                    .filter(|(agent, _)| !known.contains_key(agent))
                    .collect();
                let stored = self.load(app, &cold, number).await?;
                known.extend(cold.keys().map(|agent| (*agent, i64::MIN)));
                known.extend(stored);
                for note in notes {
                    let includes = known.get(&note.agent).copied().unwrap_or(i64::MIN);
                    let Some(live) = self.live.get_mut(&note.agent) else {
                        continue;
                    };
                    if row.sequence > includes {
                        note.teach(&mut live.profile)
                            .ok_or_else(|| damaged(number))?;
                        wait(live, &mut part, note.agent, row.sequence);
                    }
                }
            }
        }
        if part.journal.is_some() {
            tracing::info!(
                partition = number,
                waiting = part.waiting.len(),
                "recovered"
            );
        }
        self.parts.insert(number, part);
        Ok(())
    }

    /// Reads the profiles of these agents into memory, new ones for those who have none; returns
    /// up to which batch of this partition each includes them.
    async fn load(
        &mut self,
        app: &App,
        agents: &HashMap<AgentId, OrganizationId>,
        number: i32,
    ) -> Result<Vec<(AgentId, i64)>, AppError> {
        for (agent, organization) in agents {
            let live = Box::new(Live::new(*organization, number));
            self.live.insert(*agent, live);
        }
        let ids: Vec<AgentId> = agents.keys().copied().collect();
        let mut revisions = Vec::new();
        for stored in app.load_profiles(&ids).await? {
            if let Some(live) = self.live.get_mut(&stored.agent) {
                live.profile = decode(&stored)?;
            }
            if stored.partition == number {
                revisions.push((stored.agent, stored.revision));
            }
        }
        Ok(revisions)
    }

    /// Makes sure that the profiles of these agents are in memory, with the weights of now.
    pub(crate) async fn warm(
        &mut self,
        app: &App,
        agents: &HashMap<AgentId, (OrganizationId, i32)>,
    ) -> Result<(), AppError> {
        self.batches += 1;
        self.make_room(agents.len());
        let mut cold: BTreeMap<i32, HashMap<AgentId, OrganizationId>> = BTreeMap::new();
        for (agent, (organization, number)) in agents {
            if !self.live.contains_key(agent) {
                cold.entry(*number)
                    .or_default()
                    .insert(*agent, *organization);
            }
        }
        for (number, agents) in cold {
            self.load(app, &agents, number).await?;
        }
        let organizations: HashSet<_> = agents.values().map(|(whose, _)| *whose).collect();
        let organizations: Vec<_> = organizations.into_iter().collect();
        let weights = app.load_trust_weights(&organizations).await?;
        for (agent, (organization, _)) in agents {
            if let Some(live) = self.live.get_mut(agent) {
                live.used = self.batches;
                live.weights = weights.get(organization).copied().unwrap_or_default();
            }
        }
        Ok(())
    }

    /// Forgets the half that was used longest ago of those that are written.
    fn make_room(&mut self, more: usize) {
        if self.live.len() + more <= KEPT_MAX {
            return;
        }
        let written = self.live.values().filter(|live| live.waits_since.is_none());
        let mut used: Vec<u64> = written.map(|live| live.used).collect();
        let half = used.len() / 2;
        if half > 0 {
            let (_, limit, _) = used.select_nth_unstable(half);
            let limit = *limit;
            self.live
                .retain(|_, live| live.waits_since.is_some() || live.used > limit);
        }
    }

    pub(crate) fn get(&self, agent: AgentId) -> Option<&Live> {
        self.live.get(&agent).map(Box::as_ref)
    }

    pub(crate) fn get_mut(&mut self, agent: AgentId) -> Option<&mut Live> {
        self.live.get_mut(&agent).map(Box::as_mut)
    }

    /// The profile has learned from a batch that was read up to these positions.
    pub(crate) fn learned(&mut self, agent: AgentId, positions: &Positions) {
        if let Some(live) = self.live.get_mut(&agent)
            && live.waits_since.is_none()
        {
            let part = self.parts.entry(live.number).or_default();
            wait(live, part, agent, positions.sequence(live.number));
        }
    }

    /// Takes a profile off those that wait: it is about to be written.
    pub(crate) fn write(&mut self, agent: AgentId) {
        if let Some(live) = self.live.get_mut(&agent) {
            live.waits_since = None;
        }
    }

    /// Takes off the longest waiting of a partition number: `least`, or more so that none waits for
    /// too long.
    pub(crate) fn write_longest(&mut self, number: i32, least: usize) -> Vec<AgentId> {
        let mut taken = Vec::new();
        let Some(part) = self.parts.get_mut(&number) else {
            return taken;
        };
        let count = least.max(part.waiting.len() / WAIT_BATCHES);
        while taken.len() < count
            && let Some((agent, since)) = part.waiting.pop_front()
        {
            if let Some(live) = self.live.get_mut(&agent)
                && live.waits_since == Some(since)
            {
                live.waits_since = None;
                taken.push(agent);
            }
        }
        taken
    }

    /// The journal of this number has a row with this sequence.
    pub(crate) fn journaled(&mut self, number: i32, sequence: i64) {
        let part = self.parts.entry(number).or_default();
        part.journal.get_or_insert(sequence);
    }

    /// From where on each journal is still needed, where some of it is not.
    pub(crate) fn trim(&mut self, positions: &Positions) -> Vec<(i32, i64)> {
        let mut trims = Vec::new();
        for (number, part) in &mut self.parts {
            let Some(first) = part.journal else { continue };
            while let Some((agent, since)) = part.waiting.front()
                && self
                    .live
                    .get(agent)
                    .is_none_or(|live| live.waits_since != Some(*since))
            {
                part.waiting.pop_front();
            }
            part.journal = part.waiting.front().map(|(_, since)| *since);
            let needed = part.journal;
            let needed = needed.unwrap_or_else(|| positions.sequence(*number) + 1);
            if needed > first {
                trims.push((*number, needed));
            }
        }
        trims
    }

    /// Numbers with profiles that wait.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = i32> {
        let waiting = self.parts.iter();
        let waiting = waiting.filter(|(_, part)| !part.waiting.is_empty());
        waiting.map(|(number, _)| *number)
    }
}

fn wait(live: &mut Live, part: &mut Part, agent: AgentId, sequence: i64) {
    if live.waits_since.is_none() {
        live.waits_since = Some(sequence);
        part.waiting.push_back((agent, sequence));
    }
}

/// One of another version of the product is not readable: the agent is learned anew.
fn decode(stored: &StoredProfile) -> Result<BehaviourProfile, AppError> {
    match BehaviourProfile::decode(&stored.profile) {
        Ok(profile) => Ok(profile),
        Err(error @ ProfileError::Version(_)) => {
            tracing::warn!(agent = %stored.agent, %error, "learning anew");
            Ok(BehaviourProfile::default())
        }
        Err(error) => {
            tracing::error!(agent = %stored.agent, %error, "behaviour profile");
            let text = "a behaviour profile cannot be read";
            Err(AppError::new(ErrorCode::Internal, text))
        }
    }
}

fn damaged(number: i32) -> AppError {
    tracing::error!(partition = number, "journal of profiles");
    AppError::new(
        ErrorCode::Internal,
        "the journal of profiles cannot be read",
    )
}
