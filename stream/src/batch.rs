//! A micro-batch: from deliveries to what was learned and found.

use std::collections::{BTreeMap, HashMap};

use aim_app::{App, AppError, ModelsSeen, Snapshot};
use aim_domain::action::{ObservedAction, Outcome, classify};
use aim_domain::anomaly::Finding;
use aim_domain::event::Fact;
use aim_domain::id::{AgentId, DeadLetterId, EventId, OrganizationId};
use aim_domain::trace::TraceContext;
use aim_domain::trust::{Feedback, TrustScore, TrustWeights, assess, score};
use aim_domain::verification::Decision;
use aim_domain::violation::CapabilityViolation;
use aim_eventlog::{Delivery, Partition, Refusal};
use aim_ml_models::BehaviourProfile;
use aim_store::dead_letters::NewDeadLetter;
use aim_store::offsets::ConsumerOffset;
use chrono::{DateTime, Utc};
use foldhash::{HashSet, HashSetExt};

use crate::admit::{Admission, Admitted, OwnFact, Refused};
use crate::calls;
use crate::models::Models;
use crate::profiles::Profiles;
use crate::said::{of_decision, violation_of};
use crate::spans::Spans;
use crate::strangers;
use crate::watch::Watch;

/// A score is kept in the history when it has moved this far, in ten-thousandths.
const KEEP_STEP: u16 = 100;

/// So many profiles are asked for before the first of them learns: what the nearest cache holds.
pub(crate) const AHEAD: usize = 16;

/// Something to learn from.
pub(crate) struct Step {
    pub(crate) agent: AgentId,
    pub(crate) organization: OrganizationId,
    pub(crate) partition: Partition,
    /// Which of its agent's steps it is, counted from 1, once it was learned from.
    pub(crate) number: i64,
    pub(crate) lesson: Lesson,
    /// The span that its event happened in, where it says so.
    pub(crate) trace: Option<TraceContext>,
    /// What policies said, to be raised with what is found.
    pub(crate) said: Vec<Finding>,
    /// The attempt at what nothing grants that it was.
    pub(crate) violation: Option<Box<CapabilityViolation>>,
}

pub(crate) enum Lesson {
    Action {
        action: Box<ObservedAction>,
        /// Where it came from, of a fleet's.
        delivery: Option<Delivery>,
    },
    Result {
        outcome: Outcome,
        time: DateTime<Utc>,
    },
    Rating(Feedback),
    Recalculation,
}

/// What has to be written of one agent, whatever waits.
#[derive(Default)]
pub(crate) struct News {
    pub(crate) snapshots: Vec<Snapshot>,
    pub(crate) findings: Vec<Finding>,
}

/// What a batch came to.
#[derive(Default)]
pub(crate) struct Learned {
    /// What was learned from, in order.
    pub(crate) steps: Vec<Step>,
    pub(crate) news: HashMap<AgentId, News>,
    /// Agents whose events came in another partition than the one that they were first seen in.
    pub(crate) strays: Vec<AgentId>,
    pub(crate) dead_letters: Vec<NewDeadLetter>,
    /// What the organizations' models did.
    pub(crate) models: Vec<ModelsSeen>,
    /// The spans of what belongs to traces.
    pub(crate) spans: Spans,
    /// Whether something came that had come before.
    has_duplicates: bool,
}

impl Learned {
    /// Adds what has to be written of an agent, if there is anything.
    fn add(&mut self, agent: AgentId, mut news: News) {
        if !news.snapshots.is_empty() || !news.findings.is_empty() {
            let all = self.news.entry(agent).or_default();
            all.snapshots.append(&mut news.snapshots);
            all.findings.append(&mut news.findings);
        }
    }

    /// Whether there is anything to write but how far was read.
    pub(crate) fn has_news(&self) -> bool {
        self.has_duplicates || !self.steps.is_empty() || !self.dead_letters.is_empty()
    }
}

/// A batch under way.
pub(crate) struct Batch<'a> {
    app: &'a App,
    starts: &'a BTreeMap<Partition, ConsumerOffset>,
    pub(crate) offsets: BTreeMap<Partition, ConsumerOffset>,
    dead_letters: Vec<NewDeadLetter>,
    steps: Vec<Step>,
    duplicates: u64,
}

impl<'a> Batch<'a> {
    pub(crate) fn new(app: &'a App, starts: &'a BTreeMap<Partition, ConsumerOffset>) -> Self {
        Self {
            app,
            starts,
            offsets: BTreeMap::new(),
            dead_letters: Vec::new(),
            steps: Vec::new(),
            duplicates: 0,
        }
    }

    /// Sorts what was admitted into steps, duplicates and dead letters, and moves the positions.
    /// Duplicates within the batch are found later: only what is applied makes the next one such.
    pub(crate) async fn gather(
        &mut self,
        admitted: Vec<(Delivery, Admission)>,
    ) -> Result<(), AppError> {
        let before = self.applied_before(&admitted).await?;
        let mut strange = Vec::new();
        for (delivery, admission) in admitted {
            let partition = delivery.partition;
            let Some(start) = self.starts.get(&partition) else {
                continue;
            };
            let offset = self.offsets.entry(partition).or_insert(*start);
            if delivery.position < offset.next {
                continue;
            }
            offset.next = delivery.position + 1;
            if let Some(origin) = delivery.origin {
                if origin <= offset.origin {
                    offset.duplicates += 1;
                    self.duplicates += 1;
                    continue;
                }
                offset.origin = origin;
            }
            match admission {
                Ok(Admitted::Action(action)) if before.contains(&action.event) => {
                    offset.duplicates += 1;
                    self.duplicates += 1;
                }
                Ok(Admitted::Action(action)) => {
                    offset.applied += 1;
                    self.steps.push(Step {
                        agent: action.agent,
                        organization: action.organization,
                        partition,
                        number: 0,
                        trace: action.trace,
                        lesson: Lesson::Action {
                            action,
                            delivery: Some(delivery),
                        },
                        said: Vec::new(),
                        violation: None,
                    });
                }
                Ok(Admitted::Fact(own)) => {
                    offset.applied += 1;
                    self.steps.extend(step_of(*own, &delivery));
                }
                Ok(Admitted::Other) => offset.applied += 1,
                Err(refused) => {
                    offset.dead_letters += 1;
                    strange.extend(strangers::of(&delivery, &refused));
                    self.dead_letters
                        .push(dead_letter(self.app, delivery, &refused));
                }
            }
        }
        strangers::note(self.app, strange).await;
        Ok(())
    }

    async fn applied_before(
        &self,
        admitted: &[(Delivery, Admission)],
    ) -> Result<std::collections::HashSet<EventId>, AppError> {
        let ids: Vec<EventId> = admitted
            .iter()
            .filter_map(|(_, admission)| match admission {
                Ok(Admitted::Action(action)) => Some(action.event),
                _ => None,
            })
            .collect();
        self.app.find_applied(&ids).await
    }

    /// Whether a fleet's action is not learned from, because it is known or comes too late. Our own facts
    /// come once, and when they come is when they were decided.
    fn passes_over(
        &mut self,
        action: &ObservedAction,
        delivery: &mut Option<Delivery>,
        is_known: bool,
        profile: &BehaviourProfile,
    ) -> bool {
        if let Some(from) = delivery
            && is_known
        {
            self.pass_over(from);
            return true;
        }
        let Some(from) = delivery.take_if(|_| profile.is_too_late(action.time)) else {
            return false;
        };
        self.give_up_late(from, action);
        true
    }

    /// Turns an action that was counted as applied into a duplicate.
    fn pass_over(&mut self, delivery: &Delivery) {
        self.duplicates += 1;
        if let Some(offset) = self.offsets.get_mut(&delivery.partition) {
            offset.applied -= 1;
            offset.duplicates += 1;
        }
    }

    /// Turns an action that was counted as applied into a dead letter.
    fn give_up_late(&mut self, delivery: Delivery, action: &ObservedAction) {
        let detail = format!("`time` is {}, more than an hour behind", action.time);
        if let Some(offset) = self.offsets.get_mut(&delivery.partition) {
            offset.applied -= 1;
            offset.dead_letters += 1;
        }
        let refused = Refused {
            refusal: Refusal::new("EVENT_TOO_LATE", detail),
            owner: Some(action.organization),
        };
        self.dead_letters
            .push(dead_letter(self.app, delivery, &refused));
    }

    /// Learns and judges, in order. Profiles in memory are ahead of the disk from here on: if
    /// anything fails before the batch is written, they have to be forgotten.
    pub(crate) async fn learn(
        &mut self,
        profiles: &mut Profiles,
        models: &mut Models,
    ) -> Result<Learned, AppError> {
        profiles.warm(self.app, &self.steps).await?;
        let organizations = self.steps.iter().map(|step| step.organization);
        let mut judges = models.prepare(self.app, organizations).await?;
        let watch = Watch::prepare(self.app, &self.steps).await?;
        calls::look_up(self.app, &mut self.steps).await?;
        let mut steps = std::mem::take(&mut self.steps);
        let mut learned = Learned::default();
        let mut applied = HashSet::with_capacity(steps.len());
        let mut waits = Vec::new();
        let since = self.app.clock().now();
        for at in 0..steps.len() {
            if at.is_multiple_of(AHEAD) {
                let next = steps[at..].iter().take(AHEAD);
                profiles.ahead(&next.map(|step| step.agent));
            }
            let step = &mut steps[at];
            let weights = &profiles.weights(step.organization);
            let Some(live) = profiles.get_mut(step.agent) else {
                continue;
            };
            let profile = &mut live.profile;
            let mut news = News::default();
            match &mut step.lesson {
                Lesson::Action { action, delivery } => {
                    let is_known = applied.contains(&action.event);
                    if self.passes_over(action, delivery, is_known, profile) {
                        continue;
                    }
                    applied.insert(action.event);
                    let observed = profile.observe(action);
                    news.findings = observed.findings;
                    let flagged = judges.judge(action, &observed.features);
                    news.findings.extend(flagged);
                    let counts = profile.open_counts();
                    let said = watch.judge(action, &news.findings, counts).await?;
                    news.findings.extend(said);
                }
                Lesson::Result { outcome, time } => profile.observe_result(*outcome, *time),
                Lesson::Rating(feedback) => profile.heed(*feedback),
                // What a person asked for is kept, also when it is what it was.
                Lesson::Recalculation => news.snapshots.push(keep(profile, weights)),
            }
            news.findings.append(&mut step.said);
            learned.spans.note(self.app, step, &news.findings, since);
            news.snapshots.extend(snapshot_of(profile, weights));
            learned.add(step.agent, news);
            live.steps += 1;
            step.number = live.steps;
            if live.number != step.partition.number {
                learned.strays.push(step.agent);
            }
            let sequence = self.offsets.get(&step.partition).map_or(0, |it| it.next);
            if live.begin_to_wait(step.partition.topic, sequence) {
                waits.push((step.agent, step.partition, sequence));
            }
        }
        // Where they lie: those that nobody learned from have no number.
        steps.retain(|step| step.number > 0);
        learned.steps = steps;
        for (agent, partition, sequence) in waits {
            profiles.queue(agent, partition, sequence);
        }
        learned.models = judges.finish();
        learned.dead_letters = std::mem::take(&mut self.dead_letters);
        learned.has_duplicates = self.duplicates > 0;
        Ok(learned)
    }
}

/// The score, when it has moved enough to be kept.
fn snapshot_of(profile: &mut BehaviourProfile, weights: &TrustWeights) -> Option<Snapshot> {
    let now = score(profile.tallies(), weights);
    has_moved(profile.kept_score(), now).then(|| keep(profile, weights))
}

/// The score, to be kept.
fn keep(profile: &mut BehaviourProfile, weights: &TrustWeights) -> Snapshot {
    let previous = profile.kept_score();
    let assessment = assess(profile.tallies(), weights);
    profile.keep_score(assessment.score);
    Snapshot {
        assessment,
        previous,
        event_time: profile.watermark().unwrap_or_default(),
    }
}

fn has_moved(before: Option<TrustScore>, now: Option<TrustScore>) -> bool {
    match (before, now) {
        (None, None) => false,
        (Some(a), Some(b)) => a.ten_thousandths().abs_diff(b.ten_thousandths()) >= KEEP_STEP,
        _ => true,
    }
}

/// What there is to learn from one of our own facts.
fn step_of(own: OwnFact, delivery: &Delivery) -> Option<Step> {
    let organization = delivery.organization?;
    let mut said = Vec::new();
    let mut violation = None;
    let (agent, lesson) = match own.fact {
        Fact::VerificationRecorded(fact) => {
            said.extend(of_decision(&fact, own.id?, own.time));
            violation = violation_of(&fact, organization, own.id?, own.time);
            let denied = fact.decision == Decision::Denied;
            let agent = fact.agent;
            let action = ObservedAction {
                event: own.id?,
                organization,
                agent,
                time: own.time,
                class: fact.class.unwrap_or_else(|| classify(fact.action.as_str())),
                action: fact.action,
                resource: fact.resource,
                session: fact.session,
                task: fact.task,
                outcome: if denied {
                    Outcome::Denied
                } else {
                    Outcome::Unknown
                },
                declared_risk: Some(fact.risk),
                granted: Some(fact.granted),
                location: fact.location,
                bytes: None,
                is_open_world: false,
                server: None,
                trace: own.trace,
            };
            let (action, delivery) = (Box::new(action), None);
            (agent, Lesson::Action { action, delivery })
        }
        Fact::AgentRated(fact) => (fact.agent, Lesson::Rating(fact.feedback)),
        Fact::TrustRecalculationRequested(fact) => (fact.agent, Lesson::Recalculation),
        Fact::ActionResultReported(fact) => {
            let (outcome, time) = (fact.outcome, own.time);
            (fact.agent, Lesson::Result { outcome, time })
        }
        _ => return None,
    };
    Some(Step {
        agent,
        organization,
        partition: delivery.partition,
        number: 0,
        trace: own.trace,
        lesson,
        said,
        violation,
    })
}

fn dead_letter(app: &App, delivery: Delivery, refused: &Refused) -> NewDeadLetter {
    let refusal = &refused.refusal;
    metrics::counter!("aim_dead_letters_total", "reason" => refusal.code).increment(1);
    NewDeadLetter {
        id: DeadLetterId::from_uuid(app.next_id()),
        organization: delivery.organization.or(refused.owner),
        partition: delivery.partition,
        position: delivery.position,
        reason: refusal.code.to_owned(),
        detail: refusal
            .detail
            .chars()
            .filter(|c| !c.is_control())
            .take(500)
            .collect(),
        payload: delivery.payload.to_vec(),
        signature: delivery.signature.filter(|text| !text.contains('\0')),
    }
}
