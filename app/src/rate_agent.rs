//! What people and peers say of an agent.

use aim_domain::event::AgentRated;
use aim_domain::id::{AgentId, AgentRatingId};
use aim_domain::trust::{Feedback, RATING_MAX, Rater, TrustScore};
use aim_store::agents::Agent;
use aim_store::ratings::AgentRating;
use chrono::Duration;
use serde_json::json;

use crate::error::{FieldErrors, REASON_MAX};
use crate::{Actor, App, AppError, ErrorCode, Permit};

/// Most ratings that a person and all their agents give in an hour.
const HOURLY_MAX: u64 = 60;
/// Least time between two words of one rater on one agent.
const LEAST_PAUSE: Duration = Duration::seconds(10);

/// What somebody thinks of an agent.
#[derive(Debug, Clone)]
pub struct RateAgent {
    /// Of which.
    pub agent: AgentId,
    /// 1 (worst) to 5 (best).
    pub rating: i32,
    /// In words.
    pub comment: Option<String>,
}

/// Who speaks, and which person is behind them.
struct Speaker {
    rater: Rater,
    sponsor: String,
}

impl App {
    /// Says what the actor thinks of an agent; a later word takes the place of the former one. The
    /// stream puts it into the score.
    ///
    /// # Errors
    /// `InvalidInput` for the rating, the comment, or an agent that the actor must not rate,
    /// `NotFound` for the agent, `RateLimited` when too much is said.
    pub async fn rate_agent(
        &self,
        actor: &Actor,
        permit: &Permit,
        input: RateAgent,
    ) -> Result<Agent, AppError> {
        let mut errors = FieldErrors::default();
        let rating = u8::try_from(input.rating)
            .ok()
            .filter(|rating| (1..=RATING_MAX).contains(rating));
        if rating.is_none() {
            let message = format!("`{}` is not between 1 and {RATING_MAX}", input.rating);
            errors.add("rating", message);
        }
        if let Some(comment) = &input.comment {
            errors.text("comment", comment, REASON_MAX);
        }
        errors.finish()?;
        let agent = self.get_agent(permit, input.agent).await?;
        let speaker = self.speaker(actor, permit, &agent).await?;
        let now = self.clock.now();
        self.limit(permit, agent.id, &speaker.sponsor).await?;
        let rating = AgentRating {
            id: AgentRatingId::from_uuid(self.ids.next()),
            organization: agent.organization,
            agent: agent.id,
            rater: permit.actor(),
            sponsor: speaker.sponsor,
            rating: rating.unwrap_or(1),
            weight: TrustScore::from_fraction(speaker.rater.weight()),
            comment: input.comment,
            created_at: now,
            updated_at: now,
        };
        self.write_rating(actor, permit, &rating).await?;
        Ok(agent)
    }

    /// Who is behind a word. Whoever registered an agent, and their other agents, are not asked.
    async fn speaker(
        &self,
        actor: &Actor,
        permit: &Permit,
        agent: &Agent,
    ) -> Result<Speaker, AppError> {
        let speaker = match actor {
            Actor::Agent(peer) => {
                let peer = self.get_agent(permit, peer.agent).await?;
                Speaker {
                    rater: Rater::Peer(peer.trust),
                    sponsor: peer.created_by,
                }
            }
            _ => Speaker {
                rater: Rater::Person,
                sponsor: permit.actor(),
            },
        };
        if speaker.sponsor == agent.created_by {
            let message = "is an agent of the same person; others have to rate it";
            return Err(AppError::field("agentId", message));
        }
        Ok(speaker)
    }

    /// Every word is an event and an audit entry: nobody gets to write many.
    async fn limit(&self, permit: &Permit, agent: AgentId, sponsor: &str) -> Result<(), AppError> {
        let now = self.clock.now();
        let limited = |message: String| Err(AppError::new(ErrorCode::RateLimited, message));
        let last = self.store.last_rated_at(agent, &permit.actor()).await?;
        if last.is_some_and(|last| now - last < LEAST_PAUSE) {
            let seconds = LEAST_PAUSE.num_seconds();
            return limited(format!(
                "this agent was rated less than {seconds} s ago; wait"
            ));
        }
        let since = now - Duration::hours(1);
        if self.store.count_ratings_since(sponsor, since).await? >= HOURLY_MAX {
            return limited(format!(
                "more than {HOURLY_MAX} agents were rated in an hour; try again later"
            ));
        }
        Ok(())
    }

    async fn write_rating(
        &self,
        actor: &Actor,
        permit: &Permit,
        rating: &AgentRating,
    ) -> Result<(), AppError> {
        let mut tx = self.store.begin().await?;
        if let Actor::Agent(agent) = actor {
            self.use_nonce(&mut tx, agent, permit.request_id()).await?;
        }
        let words = tx.put_rating(rating).await?;
        let fact = AgentRated {
            agent: rating.agent,
            rater: rating.rater.clone(),
            rating: rating.rating,
            feedback: Feedback::of(&words),
        };
        tx.emit(&self.event(rating.organization, rating.agent, fact));
        tx.audit(permit.audit(
            &self.ids,
            "agent.rate",
            ("agent", rating.agent.to_string()),
            rating.comment.clone(),
            (
                None,
                Some(json!({ "rating": rating.rating, "weight": rating.weight })),
            ),
        ));
        tx.commit().await?;
        Ok(())
    }
}
