//! What of a batch is written now, and what the journal keeps until later.

use std::collections::{BTreeMap, BTreeSet};

use aim_app::{AgentUpdate, AppError, AppliedBatch, ErrorCode};
use aim_domain::id::AgentId;
use aim_domain::trust::assess;
use aim_domain::violation::CapabilityViolation;
use aim_eventlog::Partition;
use aim_store::journal::JournalRow;
use aim_store::profiles::StoredProfile;
use foldhash::HashSet;

use crate::batch::{AHEAD, Learned, Lesson, News, Step};
use crate::journal;
use crate::positions::Positions;
use crate::profiles::Profiles;

/// Profiles of a partition that are written at once while there is nothing else to do: an event that
/// comes meanwhile waits for them.
const WRITTEN_IDLE: usize = 64;

/// Everything that has to be written after a batch. What waits no longer counts as written from
/// here on: if writing fails, everything in memory has to be forgotten.
///
/// Where at most `few` profiles of a partition wait, all are written.
///
/// # Errors
/// `Internal` when a profile or a step has no encoding.
pub(crate) fn write(
    mut learned: Learned,
    profiles: &mut Profiles,
    positions: &Positions,
    few: usize,
) -> Result<AppliedBatch, AppError> {
    let mut counts: BTreeMap<Partition, usize> = BTreeMap::new();
    for step in &learned.steps {
        *counts.entry(step.partition).or_default() += 1;
    }
    for (partition, count) in &mut counts {
        *count = profiles.share(*partition, *count, few);
    }
    if counts.is_empty() {
        // There is nothing else to do.
        counts.extend(
            profiles
                .waiting()
                .map(|partition| (partition, WRITTEN_IDLE)),
        );
    }
    let agents = due(&learned, profiles, &counts);
    let written: HashSet<AgentId> = agents.iter().copied().collect();
    let others = learned.steps.iter();
    let others = others.filter(|step| !written.contains(&step.agent));
    let journal = rows(others, profiles, positions)?;
    let mut updates = Vec::with_capacity(agents.len());
    // In one order for all writers of agents' rows: no two transactions can wait in a circle.
    let agents: Vec<AgentId> = agents.into_iter().collect();
    for part in agents.chunks(AHEAD) {
        profiles.ahead(&part.iter().copied());
        for agent in part {
            let news = learned.news.remove(agent).unwrap_or_default();
            updates.extend(update(*agent, news, profiles)?);
        }
    }
    let mut violations: BTreeMap<_, CapabilityViolation> = BTreeMap::new();
    for it in learned
        .steps
        .iter_mut()
        .filter_map(|step| step.violation.take())
    {
        let same = (it.agent, it.action.clone(), it.resource.clone());
        match violations.get_mut(&same) {
            Some(known) => known.add(&it),
            None => drop(violations.insert(same, *it)),
        }
    }
    let fleet = learned
        .steps
        .into_iter()
        .filter_map(|step| match step.lesson {
            Lesson::Action {
                action,
                delivery: Some(_),
            } => Some(action),
            _ => None,
        });
    Ok(AppliedBatch {
        actions: fleet.collect(),
        agents: updates,
        trims: profiles.trim(positions),
        journal,
        moves: positions.moves(&counts.into_keys().collect()),
        dead_letters: learned.dead_letters,
        models: learned.models,
        violations: violations.into_values().collect(),
        traces: learned.spans.traces,
    })
}

/// Whose profiles are written now.
fn due(
    learned: &Learned,
    profiles: &mut Profiles,
    counts: &BTreeMap<Partition, usize>,
) -> BTreeSet<AgentId> {
    let mut due: BTreeSet<AgentId> = learned.news.keys().copied().collect();
    // A producer that sends to the wrong partition: another process may read the right one.
    due.extend(&learned.strays);
    for agent in &due {
        profiles.write(*agent);
    }
    for (partition, count) in counts {
        due.extend(profiles.write_longest(*partition, *count));
    }
    due
}

fn update(
    agent: AgentId,
    news: News,
    profiles: &Profiles,
) -> Result<Option<AgentUpdate>, AppError> {
    let Some(live) = profiles.get(agent) else {
        return Ok(None);
    };
    let encoded = live.profile.encode().map_err(|error| {
        tracing::error!(%agent, %error, "behaviour profile");
        AppError::new(ErrorCode::Internal, "a behaviour profile cannot be written")
    })?;
    Ok(Some(AgentUpdate {
        profile: StoredProfile {
            agent,
            organization: live.organization,
            revision: live.steps,
            profile: encoded,
            watermark: live.profile.watermark().unwrap_or_default(),
        },
        assessment: assess(live.profile.tallies(), &profiles.weights(live.organization)),
        snapshots: news.snapshots,
        findings: news.findings,
    }))
}

/// The steps of those that wait on, a row for each partition.
fn rows<'a>(
    steps: impl Iterator<Item = &'a Step>,
    profiles: &mut Profiles,
    positions: &Positions,
) -> Result<Vec<JournalRow>, AppError> {
    let mut rows: BTreeMap<Partition, Vec<u8>> = BTreeMap::new();
    for step in steps {
        let row = rows.entry(step.partition).or_default();
        journal::note(row, step)
            .ok_or_else(|| AppError::new(ErrorCode::Internal, "a step cannot be written down"))?;
    }
    let rows = rows.into_iter().map(|(partition, steps)| {
        let sequence = positions.next(partition);
        profiles.journaled(partition, sequence);
        JournalRow {
            partition,
            sequence,
            steps,
        }
    });
    Ok(rows.collect())
}
