//! A micro-batch: from deliveries to what has to be written.

use std::collections::{BTreeMap, HashMap, HashSet};

use aim_app::{AgentUpdate, App, AppError, AppliedBatch, ErrorCode, Snapshot};
use aim_domain::action::{ObservedAction, Outcome};
use aim_domain::anomaly::Finding;
use aim_domain::event::Fact;
use aim_domain::id::{AgentId, DeadLetterId, EventId, OrganizationId};
use aim_domain::trust::{Feedback, TrustScore, TrustWeights, assess, score};
use aim_domain::verification::Decision;
use aim_eventlog::{Delivery, Envelope, Partition, Refusal};
use aim_ml_models::BehaviourProfile;
use aim_store::dead_letters::NewDeadLetter;
use aim_store::offsets::ConsumerOffset;
use aim_store::profiles::StoredProfile;
use chrono::{DateTime, Utc};

use crate::admit::{Admission, Admitted};
use crate::models::Models;
use crate::profiles::{Live, Profiles};

/// A score is kept in the history when it has moved this far, in ten-thousandths.
const KEEP_STEP: u16 = 100;

/// Something to learn from.
enum Step {
    Action {
        action: Box<ObservedAction>,
        is_fleet: bool,
        delivery: Delivery,
    },
    Result {
        agent: AgentId,
        organization: OrganizationId,
        outcome: Outcome,
        time: DateTime<Utc>,
    },
    Rating {
        agent: AgentId,
        organization: OrganizationId,
        feedback: Feedback,
    },
    Recalculation {
        agent: AgentId,
        organization: OrganizationId,
    },
}

impl Step {
    const fn agent(&self) -> (AgentId, OrganizationId) {
        match self {
            Self::Action { action, .. } => (action.agent, action.organization),
            Self::Result {
                agent,
                organization,
                ..
            }
            | Self::Rating {
                agent,
                organization,
                ..
            }
            | Self::Recalculation {
                agent,
                organization,
            } => (*agent, *organization),
        }
    }
}

/// What was gathered of one agent.
#[derive(Default)]
struct Progress {
    snapshots: Vec<Snapshot>,
    findings: Vec<Finding>,
}

/// A batch under way.
pub(crate) struct Batch<'a> {
    app: &'a App,
    starts: &'a BTreeMap<Partition, ConsumerOffset>,
    offsets: BTreeMap<Partition, ConsumerOffset>,
    dead_letters: Vec<NewDeadLetter>,
    steps: Vec<Step>,
}

impl<'a> Batch<'a> {
    pub(crate) fn new(app: &'a App, starts: &'a BTreeMap<Partition, ConsumerOffset>) -> Self {
        Self {
            app,
            starts,
            offsets: BTreeMap::new(),
            dead_letters: Vec::new(),
            steps: Vec::new(),
        }
    }

    /// Sorts what was admitted into steps, duplicates and dead letters, and moves the positions.
    /// Duplicates within the batch are found later: only what is applied makes the next one such.
    pub(crate) async fn gather(
        &mut self,
        admitted: Vec<(Delivery, Admission)>,
    ) -> Result<(), AppError> {
        let before = self.applied_before(&admitted).await?;
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
                    continue;
                }
                offset.origin = origin;
            }
            match admission {
                Ok(Admitted::Action(action)) if before.contains(&action.event) => {
                    offset.duplicates += 1;
                }
                Ok(Admitted::Action(action)) => {
                    offset.applied += 1;
                    self.steps.push(Step::Action {
                        action,
                        is_fleet: true,
                        delivery,
                    });
                }
                Ok(Admitted::Fact(fact, envelope)) => {
                    offset.applied += 1;
                    self.steps.extend(step_of(*fact, &envelope, delivery));
                }
                Err(refusal) => {
                    offset.dead_letters += 1;
                    self.dead_letters
                        .push(dead_letter(self.app, delivery, &refusal));
                }
            }
        }
        Ok(())
    }

    async fn applied_before(
        &self,
        admitted: &[(Delivery, Admission)],
    ) -> Result<HashSet<EventId>, AppError> {
        let ids: Vec<EventId> = admitted
            .iter()
            .filter_map(|(_, admission)| match admission {
                Ok(Admitted::Action(action)) => Some(action.event),
                _ => None,
            })
            .collect();
        self.app.find_applied(&ids).await
    }

    /// Turns an action that was counted as applied into a duplicate.
    fn pass_over(&mut self, delivery: &Delivery) {
        if let Some(offset) = self.offsets.get_mut(&delivery.partition) {
            offset.applied -= 1;
            offset.duplicates += 1;
        }
    }

    /// Turns an action that was counted as applied into a dead letter.
    fn give_up_late(&mut self, delivery: Delivery, time: DateTime<Utc>) {
        let detail = format!("`time` is {time}, more than an hour behind");
        if let Some(offset) = self.offsets.get_mut(&delivery.partition) {
            offset.applied -= 1;
            offset.dead_letters += 1;
        }
        let refusal = Refusal::new("EVENT_TOO_LATE", detail);
        self.dead_letters
            .push(dead_letter(self.app, delivery, &refusal));
    }

    /// Learns and judges, in order, and returns what has to be written.
    pub(crate) async fn learn(
        mut self,
        profiles: &mut Profiles,
        models: &mut Models,
    ) -> Result<(AppliedBatch, HashMap<AgentId, Live>), AppError> {
        let agents: HashSet<_> = self.steps.iter().map(Step::agent).collect();
        let mut live = profiles.take(self.app, &agents).await?;
        let organizations = agents.iter().map(|(_, organization)| *organization);
        let mut judges = models.prepare(self.app, organizations).await?;
        let mut progress: HashMap<AgentId, Progress> = HashMap::new();
        let mut actions = Vec::new();
        let mut applied = HashSet::new();
        for step in std::mem::take(&mut self.steps) {
            let (agent, _) = step.agent();
            let Some(known) = live.get_mut(&agent) else {
                continue;
            };
            let (profile, weights) = (&mut known.profile, &known.weights);
            let gathered = progress.entry(agent).or_default();
            match step {
                Step::Action {
                    action,
                    is_fleet: true,
                    delivery,
                } if applied.contains(&action.event) => self.pass_over(&delivery),
                Step::Action {
                    action,
                    is_fleet: true,
                    delivery,
                } if profile.is_too_late(action.time) => {
                    self.give_up_late(delivery, action.time);
                }
                Step::Action {
                    action, is_fleet, ..
                } => {
                    applied.insert(action.event);
                    let observed = profile.observe(&action);
                    gathered.findings.extend(observed.findings);
                    let flagged = judges.judge(&action, &observed.features);
                    gathered.findings.extend(flagged);
                    if is_fleet {
                        actions.push(*action);
                    }
                }
                Step::Result { outcome, time, .. } => profile.observe_result(outcome, time),
                Step::Rating { feedback, .. } => profile.heed(feedback),
                // What a person asked for is kept, also when it is what it was.
                Step::Recalculation { .. } => gathered.snapshots.push(keep(profile, weights)),
            }
            gathered.snapshots.extend(snapshot_of(profile, weights));
        }
        let updates = agents.iter().filter_map(|(agent, organization)| {
            let live = live.get_mut(agent)?;
            live.revision += 1;
            Some(update(
                *agent,
                *organization,
                live,
                progress.remove(agent).unwrap_or_default(),
            ))
        });
        let mut agents = updates.collect::<Result<Vec<AgentUpdate>, AppError>>()?;
        // One order for all writers of agents' rows: no two transactions can wait in a circle.
        agents.sort_by_key(|update| update.profile.agent);
        let moves = self
            .offsets
            .values()
            .map(|to| (self.starts[&to.partition], *to))
            .collect();
        let dead_letters = self.dead_letters;
        Ok((
            AppliedBatch {
                moves,
                actions,
                agents,
                dead_letters,
                models: judges.finish(),
            },
            live,
        ))
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

fn update(
    agent: AgentId,
    organization: OrganizationId,
    live: &Live,
    progress: Progress,
) -> Result<AgentUpdate, AppError> {
    let encoded = live.profile.encode().map_err(|error| {
        tracing::error!(%agent, %error, "behaviour profile");
        AppError::new(ErrorCode::Internal, "a behaviour profile cannot be written")
    })?;
    Ok(AgentUpdate {
        profile: StoredProfile {
            agent,
            organization,
            revision: live.revision,
            profile: encoded,
            watermark: live.profile.watermark().unwrap_or_default(),
        },
        assessment: assess(live.profile.tallies(), &live.weights),
        snapshots: progress.snapshots,
        findings: progress.findings,
    })
}

fn has_moved(before: Option<TrustScore>, now: Option<TrustScore>) -> bool {
    match (before, now) {
        (None, None) => false,
        (Some(a), Some(b)) => a.ten_thousandths().abs_diff(b.ten_thousandths()) >= KEEP_STEP,
        _ => true,
    }
}

/// What there is to learn from one of our own facts.
fn step_of(fact: Fact, envelope: &Envelope, delivery: Delivery) -> Option<Step> {
    let organization = delivery.organization?;
    match fact {
        Fact::VerificationRecorded(fact) => {
            let denied = fact.decision == Decision::Denied;
            let action = ObservedAction {
                event: envelope.id.parse().ok()?,
                organization,
                agent: fact.agent,
                time: envelope.time,
                action: fact.action,
                resource: fact.resource,
                session: fact.session,
                task: fact.task,
                arguments: serde_json::Map::new(),
                outcome: if denied {
                    Outcome::Denied
                } else {
                    Outcome::Unknown
                },
                declared_risk: Some(fact.risk),
                granted: Some(fact.granted),
            };
            Some(Step::Action {
                action: Box::new(action),
                is_fleet: false,
                delivery,
            })
        }
        Fact::AgentRated(fact) => Some(Step::Rating {
            agent: fact.agent,
            organization,
            feedback: fact.feedback,
        }),
        Fact::TrustRecalculationRequested(fact) => Some(Step::Recalculation {
            agent: fact.agent,
            organization,
        }),
        Fact::ActionResultReported(fact) => Some(Step::Result {
            agent: fact.agent,
            organization,
            outcome: fact.outcome,
            time: envelope.time,
        }),
        _ => None,
    }
}

fn dead_letter(app: &App, delivery: Delivery, refusal: &Refusal) -> NewDeadLetter {
    metrics::counter!("aim_dead_letters_total", "reason" => refusal.code).increment(1);
    NewDeadLetter {
        id: DeadLetterId::from_uuid(app.next_id()),
        organization: delivery.organization,
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
