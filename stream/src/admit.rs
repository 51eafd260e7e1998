//! Is this event what it says, and whose? What is not becomes a dead letter with its reason.

use std::collections::HashSet;
use std::sync::Arc;

use aim_app::App;
use aim_domain::action::ObservedAction;
use aim_domain::event::Fact;
use aim_domain::id::{EventId, OrganizationId};
use aim_domain::trace::TraceContext;
use aim_domain::verification::AgentFacts;
use aim_eventlog::{Delivery, Known, Refusal, SchemaRegistry};
use chrono::{DateTime, Utc};

use crate::batch::AHEAD;
use crate::processor::Failure;

mod judge;
mod lookups;
mod producer;
mod spread;

use judge::{Judge, Open};
use lookups::{Wanted, look_up};
use spread::{in_turns, on_all_cores};

/// An event that may be applied.
pub(crate) enum Admitted {
    /// A fleet's action.
    Action(Box<ObservedAction>),
    /// One of our own facts.
    Fact(Box<OwnFact>),
    /// One of our own facts that the stream does not learn from.
    Other,
}

/// One of our own facts, with what its envelope says.
pub(crate) struct OwnFact {
    pub(crate) id: Option<EventId>,
    pub(crate) time: DateTime<Utc>,
    pub(crate) trace: Option<TraceContext>,
    pub(crate) fact: Fact,
}

/// An event that is given up.
pub(crate) struct Refused {
    pub(crate) refusal: Refusal,
    /// Whose it is, where its producer was checked first.
    pub(crate) owner: Option<OrganizationId>,
}

impl Refused {
    fn of(facts: &AgentFacts, refusal: Refusal) -> Self {
        let owner = Some(facts.organization);
        Self { refusal, owner }
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        let owner = None;
        Self { refusal, owner }
    }
}

/// What one delivery turned out to be.
pub(crate) type Admission = Result<Admitted, Refused>;

/// What fleets are held to.
#[derive(Clone, Default)]
pub(crate) struct Rules {
    /// An event without a signature that came from the broker alone counts as of the agent that it
    /// names by id.
    pub(crate) takes_unsigned: bool,
    /// What says how to read data that is not JSON.
    pub(crate) schemas: Option<Arc<SchemaRegistry>>,
}

impl Rules {
    /// What a schema's id stands for, as far as that is in memory.
    fn schema(&self, id: u32) -> Option<Known> {
        self.schemas.as_ref()?.known(id)
    }
}

/// Times that a batch waits for what is looked up: first for producers, then for schemas.
const LOOK_UPS: u32 = 2;

/// Judges deliveries in order; checking of signatures is spread over all cores.
pub(crate) async fn admit(
    app: &Arc<App>,
    deliveries: Vec<Delivery>,
    rules: &Rules,
) -> Result<Vec<(Delivery, Admission)>, Failure> {
    // Reading takes less than to hand it to another thread, and memory goes back to where it is from.
    let is_light = deliveries.iter().all(|it| it.signature.is_none());
    let mut judge = Judge::new(app, rules);
    let mut open: Vec<Open> = deliveries.into_iter().map(Open::new).collect();
    let mut rounds = 0;
    loop {
        if is_light {
            // There is nothing to check together. What is known of a few is in the nearest caches, and the
            // facts of their producers come at once.
            let few = |part: &mut [Open]| part.chunks_mut(AHEAD).for_each(|few| judge.all(few));
            in_turns(&mut open, few).await;
        } else {
            let judge = judge.clone();
            open = on_all_cores(open, move |part| judge.all(part)).await?;
        }
        let wanted: HashSet<Wanted> = open.iter().filter_map(Open::wants).cloned().collect();
        if wanted.is_empty() || rounds == LOOK_UPS {
            return Ok(open.into_iter().map(Open::settle).collect());
        }
        rounds += 1;
        look_up(app, rules, &wanted, &mut judge.found).await?;
    }
}
