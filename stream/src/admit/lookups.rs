//! What is not in memory: producers and schemas, each looked up once for a batch.

use std::collections::{HashMap, HashSet};

use aim_app::{App, AppError};
use aim_eventlog::{Known, Refusal};

use super::Rules;
use super::producer::{Found, Producer};
use crate::processor::Failure;

/// What an event waits for that is not in memory.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Wanted {
    /// Who sent it.
    Producer(Producer),
    /// How its data is read. Asked for only on the word of a producer that was checked.
    Schema(u32),
}

/// What was looked up for a batch.
#[derive(Clone, Default)]
pub(super) struct Lookups {
    pub(super) producers: HashMap<Producer, Found>,
    pub(super) schemas: HashMap<u32, Known>,
}

/// Adds what there is of what is wanted.
pub(super) async fn look_up(
    app: &App,
    rules: &Rules,
    wanted: &HashSet<Wanted>,
    found: &mut Lookups,
) -> Result<(), Failure> {
    let producers = wanted.iter().filter_map(|it| match it {
        Wanted::Producer(producer) => Some(producer),
        Wanted::Schema(_) => None,
    });
    let ids = wanted.iter().filter_map(|it| match it {
        Wanted::Schema(id) => Some(*id),
        Wanted::Producer(_) => None,
    });
    if let Some(registry) = &rules.schemas {
        found.schemas.extend(registry.ask(ids).await?);
    }
    found
        .producers
        .extend(find_producers(app, producers).await?);
    Ok(())
}

/// Those of the producers that there are.
async fn find_producers(
    app: &App,
    producers: impl Iterator<Item = &Producer>,
) -> Result<HashMap<Producer, Found>, AppError> {
    let (mut keys, mut agents) = (HashSet::new(), HashSet::new());
    for producer in producers {
        match producer {
            Producer::Key(key_id) => drop(keys.insert(key_id.as_str())),
            Producer::Agent(id) => drop(agents.insert(*id)),
        }
    }
    let by_key = app.find_producers(&keys).await?.into_iter();
    let by_key =
        by_key.map(|(id, (facts, key))| (Producer::Key(id.to_owned()), (facts, Some(key))));
    let by_id = app.find_facts(&agents).await?.into_iter();
    let by_id = by_id.map(|(id, facts)| (Producer::Agent(id), (facts, None)));
    Ok(by_key.chain(by_id).collect())
}

/// Why an event is given up whose producer or schema there is not.
pub(super) fn unknown(wanted: &Wanted) -> Refusal {
    match wanted {
        Wanted::Producer(Producer::Key(_)) => Refusal::new(
            "KEY_UNKNOWN",
            "no agent has the key that signed; register it",
        ),
        Wanted::Producer(Producer::Agent(_)) => Refusal::new(
            "AGENT_UNKNOWN",
            "no agent has the id that `source` names; register it",
        ),
        Wanted::Schema(id) => Refusal::new("SCHEMA_UNKNOWN", format!("schema {id} was not found")),
    }
}
