//! Profiles in memory, in front of those in the database.
//!
//! Guarantee: profile and journal on disk together always give the profile in memory, as of the
//! last batch that was written. A profile is written with the batch that moved its score, and with
//! some batch soon after the one that it first learned from since; until then the journal has what
//! it learned. With few agents all are written with every batch, and there is no journal.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::num::NonZeroI64;

use aim_app::{App, AppError, ErrorCode};
use aim_domain::id::{AgentId, OrganizationId};
use aim_domain::trust::TrustWeights;
use aim_eventlog::{Partition, Topic};
use aim_ml_models::{BehaviourProfile, ProfileError, ahead};
use aim_store::journal::JournalRow;
use aim_store::profiles::StoredProfile;
use foldhash::{HashMap, HashSet};

use crate::batch::Step;
use crate::journal::{self, Note};
use crate::positions::Positions;

/// Most profiles in memory, at most 4 KiB each.
const KEPT_MAX: usize = 100_000;
/// Events of its partition that a profile waits for at most, about: bounds the journal, to some 40 MiB
/// a partition, and what has to be learned again after a crash.
const WAIT_EVENTS: usize = 262_144;

/// A profile in memory.
#[derive(Debug, Clone)]
pub(crate) struct Live {
    pub(crate) profile: BehaviourProfile,
    pub(crate) organization: OrganizationId,
    /// Number of the partitions that its events come from.
    pub(crate) number: i32,
    /// From how many steps it has learned.
    pub(crate) steps: i64,
    /// Sequence of the first batch of each topic that it is not written with; the first has 1.
    waits_since: [Option<NonZeroI64>; Topic::ALL.len()],
    /// When it was last used, in batches; begins again after years, and then some are forgotten early.
    used: u32,
}

/// A size class of the allocator; the next is a fifth larger.
const _: () = assert!(size_of::<Live>() <= 1_280);

impl Live {
    /// Whether it waits to be written.
    pub(crate) fn waits(&self) -> bool {
        self.waits_since.iter().any(Option::is_some)
    }

    /// It has learned from a batch of this topic that ends at `sequence`; whether it did not wait for
    /// one of that topic before.
    pub(crate) fn begin_to_wait(&mut self, topic: Topic, sequence: i64) -> bool {
        let since = self.waits_in(topic);
        let is_first = since.is_none();
        if is_first {
            *since = NonZeroI64::new(sequence);
        }
        is_first
    }

    fn waits_in(&mut self, topic: Topic) -> &mut Option<NonZeroI64> {
        let [events, actions] = &mut self.waits_since;
        match topic {
            Topic::Events => events,
            Topic::Actions => actions,
        }
    }

    fn new(organization: OrganizationId, number: i32) -> Self {
        Self {
            profile: BehaviourProfile::default(),
            organization,
            number,
            steps: 0,
            waits_since: [None; Topic::ALL.len()],
            used: 0,
        }
    }
}

/// What is known of a partition.
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
    live: HashMap<AgentId, Box<Live>>,
    /// How much the trust factors count for each organization, as of its last batch.
    weights: HashMap<OrganizationId, TrustWeights>,
    parts: BTreeMap<Partition, Part>,
    /// Numbers of partitions whose journals have been read.
    recovered: BTreeSet<i32>,
    batches: u32,
}

impl Profiles {
    pub(crate) fn clear(&mut self) {
        self.live.clear();
        self.parts.clear();
        self.recovered.clear();
    }

    /// Forgets the agents of the partitions of this number.
    pub(crate) fn forget(&mut self, number: i32) {
        self.recovered.remove(&number);
        self.parts.retain(|partition, _| partition.number != number);
        self.live.retain(|_, live| live.number != number);
    }

    /// Learns again, once, what the journals have of these partitions, which have one number.
    pub(crate) async fn recover(
        &mut self,
        app: &App,
        number: i32,
        partitions: &[Partition],
    ) -> Result<(), AppError> {
        if self.recovered.contains(&number) {
            return Ok(());
        }
        // The journal before the profiles: whoever writes a profile shortens the journal.
        let mut rows = Vec::new();
        for partition in partitions {
            let mut after = i64::MIN;
            loop {
                let next = app.read_journal(*partition, after).await?;
                let Some(last) = next.last() else { break };
                after = last.sequence;
                rows.extend(next);
            }
        }
        let mut notes = Vec::new();
        for row in &rows {
            let part = self.parts.entry(row.partition).or_default();
            part.journal.get_or_insert(row.sequence);
            let read = journal::read(&row.steps).ok_or_else(|| damaged(number))?;
            notes.extend(read.into_iter().map(|note| (note, row)));
        }
        let agents = notes
            .iter()
            .map(|(note, _)| (note.agent, note.organization));
        self.load(app, &agents.collect(), number).await?;
        self.teach(notes).ok_or_else(|| damaged(number))?;
        if !rows.is_empty() {
            tracing::info!(
                number,
                rows = rows.len(),
                "what profiles had learned is back"
            );
        }
        self.recovered.insert(number);
        Ok(())
    }

    /// Teaches profiles what they do not include yet; `None` when something is missing.
    fn teach(&mut self, mut notes: Vec<(Note<'_>, &JournalRow)>) -> Option<()> {
        // An agent's steps are in the journals of two topics; their numbers tell their order.
        notes.sort_by_key(|(note, _)| note.number);
        let mut waiting: Vec<(&JournalRow, AgentId)> = Vec::new();
        for (note, row) in notes {
            let live = self.live.get_mut(&note.agent)?;
            if note.number <= live.steps {
                continue;
            }
            note.teach(&mut live.profile)?;
            live.steps = note.number;
            waiting.push((row, note.agent));
        }
        waiting.sort_by_key(|(row, _)| row.sequence);
        for (row, agent) in waiting {
            self.wait(agent, row.partition, row.sequence);
        }
        Some(())
    }

    /// Reads the profiles of these agents into memory, new ones for those who have none.
    async fn load(
        &mut self,
        app: &App,
        agents: &HashMap<AgentId, OrganizationId>,
        number: i32,
    ) -> Result<(), AppError> {
        for (agent, organization) in agents {
            let live = Box::new(Live::new(*organization, number));
            self.live.insert(*agent, live);
        }
        let ids: Vec<AgentId> = agents.keys().copied().collect();
        for stored in app.load_profiles(&ids).await? {
            if let Some(live) = self.live.get_mut(&stored.agent) {
                live.profile = decode(&stored)?;
                live.steps = stored.revision;
            }
        }
        Ok(())
    }

    /// Makes sure that the profiles of these steps' agents are in memory, with the weights of now.
    pub(crate) async fn warm(&mut self, app: &App, steps: &[Step]) -> Result<(), AppError> {
        self.batches = self.batches.wrapping_add(1);
        self.make_room(steps.len());
        let mut cold: BTreeMap<i32, HashMap<AgentId, OrganizationId>> = BTreeMap::new();
        for step in steps {
            if !self.live.contains_key(&step.agent) {
                let of_number = cold.entry(step.partition.number).or_default();
                of_number.insert(step.agent, step.organization);
            }
        }
        for (number, agents) in cold {
            self.load(app, &agents, number).await?;
        }
        let organizations: HashSet<_> = steps.iter().map(|step| step.organization).collect();
        let organizations: Vec<_> = organizations.into_iter().collect();
        self.weights
            .extend(app.load_trust_weights(&organizations).await?);
        Ok(())
    }

    /// Forgets the half that was used longest ago of those that are written.
    fn make_room(&mut self, more: usize) {
        if self.live.len() + more <= KEPT_MAX {
            return;
        }
        let written = self.live.values().filter(|live| !live.waits());
        let mut used: Vec<u32> = written.map(|live| live.used).collect();
        let half = used.len() / 2;
        if half > 0 {
            let (_, limit, _) = used.select_nth_unstable(half);
            let limit = *limit;
            self.live
                .retain(|_, live| live.waits() || live.used > limit);
        }
    }

    pub(crate) fn weights(&self, organization: OrganizationId) -> TrustWeights {
        self.weights.get(&organization).copied().unwrap_or_default()
    }

    /// Asks for the memory of the profiles that are needed next, all at once.
    pub(crate) fn ahead(&self, agents: &(impl Iterator<Item = AgentId> + Clone)) {
        let next = || agents.clone().filter_map(|agent| self.get(agent));
        for live in next() {
            ahead(live);
        }
        // By now the first of them are there, with where their lists lie.
        for live in next() {
            live.profile.lists_ahead();
        }
    }

    pub(crate) fn get(&self, agent: AgentId) -> Option<&Live> {
        self.live.get(&agent).map(Box::as_ref)
    }

    /// A profile that is about to learn.
    pub(crate) fn get_mut(&mut self, agent: AgentId) -> Option<&mut Live> {
        let live = self.live.get_mut(&agent)?;
        live.used = self.batches;
        Some(live)
    }

    /// The profile has learned from a batch of this partition that ends at `sequence`.
    pub(crate) fn wait(&mut self, agent: AgentId, partition: Partition, sequence: i64) {
        let live = self.live.get_mut(&agent);
        if live.is_some_and(|live| live.begin_to_wait(partition.topic, sequence)) {
            self.queue(agent, partition, sequence);
        }
    }

    /// A profile has begun to wait.
    pub(crate) fn queue(&mut self, agent: AgentId, partition: Partition, sequence: i64) {
        let part = self.parts.entry(partition).or_default();
        part.waiting.push_back((agent, sequence));
    }

    /// Takes a profile off those that wait: it is about to be written.
    pub(crate) fn write(&mut self, agent: AgentId) {
        if let Some(live) = self.live.get_mut(&agent) {
            live.waits_since = Default::default();
        }
    }

    /// How many of those that wait in a partition are written with a batch of so many events: all
    /// when there are at most `few`, else in proportion to the events, so that none waits for ever.
    pub(crate) fn share(&self, partition: Partition, events: usize, few: usize) -> usize {
        let part = self.parts.get(&partition);
        let waiting = part.map_or(0, |part| part.waiting.len());
        if waiting <= few {
            return waiting;
        }
        (waiting * events / WAIT_EVENTS).max(1.min(few))
    }

    /// Takes off those that have waited longest in a partition.
    pub(crate) fn write_longest(&mut self, partition: Partition, count: usize) -> Vec<AgentId> {
        let mut taken = Vec::new();
        let Some(part) = self.parts.get_mut(&partition) else {
            return taken;
        };
        while taken.len() < count
            && let Some((agent, since)) = part.waiting.pop_front()
        {
            if let Some(live) = self.live.get_mut(&agent)
                && live.waits_in(partition.topic).map(NonZeroI64::get) == Some(since)
            {
                live.waits_since = Default::default();
                taken.push(agent);
            }
        }
        taken
    }

    /// The journal of this partition has a row with this sequence.
    pub(crate) fn journaled(&mut self, partition: Partition, sequence: i64) {
        let part = self.parts.entry(partition).or_default();
        part.journal.get_or_insert(sequence);
    }

    /// From where on each journal is still needed, where some of it is not.
    pub(crate) fn trim(&mut self, positions: &Positions) -> Vec<(Partition, i64)> {
        let mut trims = Vec::new();
        for (partition, part) in &mut self.parts {
            let Some(first) = part.journal else { continue };
            while let Some((agent, since)) = part.waiting.front() {
                let live = self.live.get_mut(agent);
                if live.is_some_and(|live| {
                    live.waits_in(partition.topic).map(NonZeroI64::get) == Some(*since)
                }) {
                    break;
                }
                part.waiting.pop_front();
            }
            part.journal = part.waiting.front().map(|(_, since)| *since);
            let needed = part.journal;
            let needed = needed.unwrap_or_else(|| positions.next(*partition) + 1);
            if needed > first {
                trims.push((*partition, needed));
            }
        }
        trims
    }

    /// Partitions with profiles that wait.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = Partition> {
        let waiting = self.parts.iter();
        let waiting = waiting.filter(|(_, part)| !part.waiting.is_empty());
        waiting.map(|(partition, _)| *partition)
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
