//! The rules, on a part of a batch.

use std::sync::Arc;

use aim_app::App;
use aim_domain::event::{
    ActionResultReported, AgentRated, Fact, TrustRecalculationRequested, VerificationRecorded,
};
use aim_domain::signature::{EventSignature, PublicKey, verify_events};
use aim_domain::verification::AgentFacts;
use aim_eventlog::{Delivery, Envelope, EventData, Refusal, Schema, Topic, parse_action};
use aim_ml_models::ahead;
use chrono::{DateTime, Utc};

use super::lookups::{Lookups, Wanted, unknown};
use super::producer::{self, Claim, Found, Producer};
use super::{Admission, Admitted, OwnFact, Refused, Rules};

/// Our own facts that the stream learns from; the others are not even read.
const LESSONS: [&str; 4] = [
    VerificationRecorded::TYPE,
    ActionResultReported::TYPE,
    AgentRated::TYPE,
    TrustRecalculationRequested::TYPE,
];

/// What a delivery turned out to be, or what is to be looked up first.
pub(super) type Judged = Result<Admission, Wanted>;

/// A delivery that is being judged.
pub(super) struct Open {
    delivery: Delivery,
    /// None before anybody looked at it.
    judged: Option<Judged>,
}

impl Open {
    pub(super) fn new(delivery: Delivery) -> Self {
        let judged = None;
        Self { delivery, judged }
    }

    /// What has to be looked up for it.
    pub(super) fn wants(&self) -> Option<&Wanted> {
        self.judged.as_ref()?.as_ref().err()
    }

    /// What could not be found there is not.
    pub(super) fn settle(self) -> (Delivery, Admission) {
        let admission = match self.judged {
            Some(Ok(admission)) => admission,
            Some(Err(wanted)) => Err(unknown(&wanted).into()),
            None => Err(Refusal::new("EVENT_INVALID", "it was not judged").into()),
        };
        (self.delivery, admission)
    }
}

/// Judges as far as what that takes is in memory or was found.
#[derive(Clone)]
pub(super) struct Judge {
    app: Arc<App>,
    rules: Rules,
    now: DateTime<Utc>,
    pub(super) found: Lookups,
}

/// A fleet's event of a known producer who may sign for it; whether it did is not known yet.
struct Opened<'a> {
    delivery: &'a Delivery,
    claim: Claim<'a>,
    producer: Found,
}

impl Opened<'_> {
    fn signed(&self) -> Option<(&EventSignature, &PublicKey, &[u8])> {
        let (signature, key) = (self.claim.signature.as_ref()?, self.producer.1.as_ref()?);
        Some((signature, key, &self.delivery.payload))
    }
}

impl Judge {
    pub(super) fn new(app: &Arc<App>, rules: &Rules) -> Self {
        Self {
            app: Arc::clone(app),
            rules: rules.clone(),
            now: app.clock().now(),
            found: Lookups::default(),
        }
    }

    /// Judges those that have no verdict yet; their signatures are checked together.
    pub(super) fn all(&self, open: &mut [Open]) {
        let opened = open.iter().map(|it| match it.judged {
            Some(Ok(_)) => None,
            _ => Some(self.open(&it.delivery)),
        });
        let opened: Vec<Option<Result<Opened<'_>, Judged>>> = opened.collect();
        let all = || opened.iter().flatten().flatten();
        // By now the facts of the first are there, with where their grants lie.
        all().for_each(|it| ahead(it.producer.0.grants.as_slice()));
        let signed: Vec<_> = all().filter_map(Opened::signed).collect();
        let mut verdicts = verify_events(&signed, &rand::random()).into_iter();
        let judged = opened.into_iter().map(|it| match it? {
            Ok(it) if it.signed().is_some() && verdicts.next() != Some(true) => {
                Some(Ok(Err(producer::forged().into())))
            }
            Ok(it) => Some(self.finish(it)),
            Err(judged) => Some(judged),
        });
        let judged: Vec<Option<Judged>> = judged.collect();
        for (it, judged) in open.iter_mut().zip(judged) {
            it.judged = judged.or(it.judged.take());
        }
    }

    /// A fleet's event as far as it can be told without its signature, or the verdict.
    fn open<'a>(&self, delivery: &'a Delivery) -> Result<Opened<'a>, Judged> {
        if delivery.partition.topic == Topic::Events {
            return Err(Ok(own_fact(&delivery.payload).map_err(Refused::from)));
        }
        let claim = producer::claim(delivery, self.rules.takes_unsigned);
        let claim = claim.map_err(|refusal| Ok(Err(refusal.into())))?;
        let known = match &claim.producer {
            Producer::Key(key_id) => {
                let known = self.app.known_producer(key_id, self.now);
                known.map(|(facts, key)| (facts, Some(key)))
            }
            Producer::Agent(id) => self
                .app
                .known_facts(*id, self.now)
                .map(|facts| (facts, None)),
        };
        let found = || self.found.producers.get(&claim.producer).cloned();
        let Some(producer) = known.or_else(found) else {
            return Err(Err(Wanted::Producer(claim.producer)));
        };
        let may_sign = producer::may_sign(&claim, &producer, self.now);
        may_sign.map_err(|refusal| Ok(Err(refusal.into())))?;
        ahead(producer.0.as_ref());
        Ok(Opened {
            delivery,
            claim,
            producer,
        })
    }

    /// The verdict on the event of a producer that was checked.
    fn finish(
        &self,
        Opened {
            delivery,
            claim,
            producer: (facts, _),
        }: Opened<'_>,
    ) -> Judged {
        let refuse = |refusal| Ok(Err(Refused::of(&facts, refusal)));
        if let Err(refusal) = producer::is_in_time(&claim.envelope, delivery) {
            return refuse(refusal);
        }
        let schema = match (claim.envelope.data, &self.rules.schemas) {
            (EventData::Framed(data), Some(_)) => {
                let id = data.schema;
                let known = self.rules.schema(id);
                match known.or_else(|| self.found.schemas.get(&id).cloned()) {
                    Some(Ok(schema)) => Some(schema),
                    Some(Err(refusal)) => return refuse(refusal),
                    None => return Err(Wanted::Schema(id)),
                }
            }
            _ => None,
        };
        read(&self.app, &claim.envelope, &facts, schema.as_deref())
            .map_or_else(refuse, |it| Ok(Ok(it)))
    }
}

fn own_fact(payload: &[u8]) -> Result<Admitted, Refusal> {
    let envelope = Envelope::parse(payload)?;
    let event_type = envelope.event_type.as_ref();
    if Fact::is_known(event_type) && !LESSONS.contains(&event_type) {
        return Ok(Admitted::Other);
    }
    let data = envelope.data.json(None)?;
    match Fact::parse(event_type, data.as_bytes()) {
        Some(Ok(fact)) => Ok(Admitted::Fact(Box::new(OwnFact {
            id: envelope.id.parse().ok(),
            time: envelope.time,
            trace: envelope.trace,
            fact,
        }))),
        Some(Err(error)) => Err(Refusal::new("EVENT_INVALID", format!("`data`: {error}"))),
        None => {
            let detail = format!("`type` is `{event_type}`, which this version does not know");
            Err(Refusal::new("EVENT_TYPE_UNKNOWN", detail))
        }
    }
}

/// Reads the action of a producer that was checked.
fn read(
    app: &App,
    envelope: &Envelope<'_>,
    facts: &AgentFacts,
    schema: Option<&Schema>,
) -> Result<Admitted, Refusal> {
    let data = envelope.data.json(schema)?;
    let mut action = parse_action(
        envelope,
        &data,
        facts.agent,
        facts.organization,
        app.locator().as_ref(),
    )?;
    if let Some(class) = facts.class_of(&action.action) {
        action.class = class;
    }
    let resource = action
        .resource
        .as_ref()
        .map(aim_domain::name::Resource::as_str);
    action.granted = Some(facts.is_granted(action.action.as_str(), resource, envelope.time));
    Ok(Admitted::Action(Box::new(action)))
}
