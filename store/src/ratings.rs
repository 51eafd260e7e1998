//! What people and peers say of agents.

use aim_domain::id::{AgentId, AgentRatingId, OrganizationId};
use aim_domain::scope::Scope;
use aim_domain::trust::{Rating, TrustScore};
use aim_entities::{agent, agent_rating as entity};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, OnConflict},
};

use crate::page::{self, Page, PageRequest};
use crate::{Store, StoreError, Tx, code};

/// Most ratings of an agent that count, the newest first: bounds what one rating costs.
const COUNTED_MAX: u64 = 10_000;

/// One rater's present word.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentRating {
    /// Its identity.
    pub id: AgentRatingId,
    /// Whose agent.
    pub organization: OrganizationId,
    /// Of which agent.
    pub agent: AgentId,
    /// Who, as `user:<id>` or `agent:<id>`.
    pub rater: String,
    /// The person behind the rater, as `user:<id>`.
    pub sponsor: String,
    /// 1 to 5.
    pub rating: u8,
    /// What it weighs.
    pub weight: TrustScore,
    /// In words.
    pub comment: Option<String>,
    /// When the rater first spoke.
    pub created_at: DateTime<Utc>,
    /// When the rater last spoke.
    pub updated_at: DateTime<Utc>,
}

fn convert(row: entity::Model) -> Result<AgentRating, StoreError> {
    Ok(AgentRating {
        id: AgentRatingId::from_uuid(row.id),
        organization: OrganizationId::from_uuid(row.organization_id),
        agent: AgentId::from_uuid(row.agent_id),
        rating: u8::try_from(row.rating).map_err(|_| StoreError::Corrupt {
            column: "agent_ratings.rating",
            value: row.rating.to_string(),
        })?,
        weight: code::score(row.weight),
        rater: row.rater,
        sponsor: row.sponsor,
        comment: row.comment,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}

impl Store {
    /// A page of what is said of an agent.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_ratings(
        &self,
        scope: Scope,
        agent: AgentId,
        page: PageRequest,
    ) -> Result<Page<AgentRating>, StoreError> {
        let query = entity::Entity::find()
            .filter(entity::Column::OrganizationId.eq(scope.organization.as_uuid()))
            .filter(entity::Column::AgentId.eq(agent.as_uuid()));
        page::fetch(self.reader(), query, entity::Column::Id, page, convert).await
    }

    /// When this rater last spoke of this agent.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn last_rated_at(
        &self,
        agent: AgentId,
        rater: &str,
    ) -> Result<Option<DateTime<Utc>>, StoreError> {
        let query = entity::Entity::find()
            .filter(entity::Column::AgentId.eq(agent.as_uuid()))
            .filter(entity::Column::Rater.eq(rater));
        Ok(query.one(self.reader()).await?.map(|row| row.updated_at))
    }

    /// How many words of a person and their agents are newer than `since`.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn count_ratings_since(
        &self,
        sponsor: &str,
        since: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        let query = entity::Entity::find()
            .filter(entity::Column::Sponsor.eq(sponsor))
            .filter(entity::Column::UpdatedAt.gt(since));
        Ok(query.count(self.reader()).await?)
    }
}

impl Tx {
    /// Writes a rater's word in the place of their former one, and returns every present word about
    /// the agent. Two that speak at once wait for each other, so that neither misses the other.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn put_rating(&mut self, rating: &AgentRating) -> Result<Vec<Rating>, StoreError> {
        agent::Entity::update_many()
            .col_expr(agent::Column::UpdatedAt, Expr::value(self.now()))
            .filter(agent::Column::Id.eq(rating.agent.as_uuid()))
            .exec(self.on())
            .await?;
        let row = entity::ActiveModel {
            id: Set(rating.id.as_uuid()),
            organization_id: Set(rating.organization.as_uuid()),
            agent_id: Set(rating.agent.as_uuid()),
            rater: Set(rating.rater.clone()),
            sponsor: Set(rating.sponsor.clone()),
            rating: Set(i32::from(rating.rating)),
            weight: Set(i32::from(rating.weight.ten_thousandths())),
            comment: Set(rating.comment.clone()),
            created_at: Set(rating.created_at),
            updated_at: Set(rating.updated_at),
        };
        let again = OnConflict::columns([entity::Column::AgentId, entity::Column::Rater])
            .update_columns([
                entity::Column::Sponsor,
                entity::Column::Rating,
                entity::Column::Weight,
                entity::Column::Comment,
                entity::Column::UpdatedAt,
            ])
            .to_owned();
        entity::Entity::insert(row)
            .on_conflict(again)
            .exec_without_returning(self.on())
            .await?;
        let rows = entity::Entity::find()
            .filter(entity::Column::AgentId.eq(rating.agent.as_uuid()))
            .order_by_desc(entity::Column::Id)
            .limit(COUNTED_MAX)
            .all(self.on())
            .await?;
        let words = rows.into_iter().map(convert).map(|word| {
            word.map(|word| Rating {
                sponsor: word.sponsor,
                rating: word.rating,
                weight: word.weight.as_fraction(),
            })
        });
        words.collect()
    }
}
