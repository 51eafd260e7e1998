//! Which models serve, who said so, and what they were seen to do.

use std::collections::HashMap;

use aim_domain::id::{ModelMoveId, OrganizationId};
use aim_domain::model::{ModelAlias, ModelMove, Served, Serving, Shadow, Window};
use aim_domain::scope::Scope;
use aim_entities::{model_alias, model_move as entity, shadow_score};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    Select,
    sea_query::{Expr, OnConflict},
};

use crate::page::{self, Page, PageRequest};
use crate::{Store, StoreError, Tx, code};

/// Most moves of a name that are looked through for the one to go back to: people move names a few
/// times a day.
const MOVES_MAX: u64 = 10_000;
/// Most pairs of champion and challenger of one statement.
const PAIRS_MAX: usize = 200;

fn convert(row: entity::Model) -> Result<ModelMove, StoreError> {
    Ok(ModelMove {
        id: ModelMoveId::from_uuid(row.id),
        number: row.number,
        alias: code::parse("model_moves.alias", &row.alias)?,
        from: row.from_version,
        to: row.to_version,
        is_rollback: row.is_rollback,
        is_forced: row.is_forced,
        by: row.moved_by,
        reason: row.reason,
        at: row.created_at,
    })
}

fn of(organization: OrganizationId) -> Select<entity::Entity> {
    entity::Entity::find().filter(entity::Column::OrganizationId.eq(organization.as_uuid()))
}

async fn moves<C: ConnectionTrait>(
    on: &C,
    organization: OrganizationId,
    alias: ModelAlias,
) -> Result<Vec<ModelMove>, StoreError> {
    let newest = of(organization)
        .filter(entity::Column::Alias.eq(code::text(&alias)))
        .order_by_desc(entity::Column::Number)
        .limit(MOVES_MAX);
    let rows = newest.all(on).await?.into_iter();
    let mut moves = rows.map(convert).collect::<Result<Vec<_>, _>>()?;
    moves.reverse();
    Ok(moves)
}

async fn serving<C: ConnectionTrait>(
    on: &C,
    organization: OrganizationId,
) -> Result<Serving, StoreError> {
    let rows = model_alias::Entity::find()
        .filter(model_alias::Column::OrganizationId.eq(organization.as_uuid()))
        .all(on)
        .await?;
    let mut serving = Serving::default();
    for row in rows {
        let served = row.version.map(|version| Served {
            version,
            since_move: row.move_number,
        });
        match code::parse("model_aliases.alias", &row.alias)? {
            ModelAlias::Champion => serving.champion = served,
            ModelAlias::Challenger => serving.challenger = served,
        }
    }
    Ok(serving)
}

/// The rows of all places about this champion and this challenger.
fn pair(organization: OrganizationId, of: Serving) -> Condition {
    use shadow_score::Column as C;
    Condition::all()
        .add(C::OrganizationId.eq(organization.as_uuid()))
        .add(C::ChampionMove.eq(of.champion_move()))
        .add(C::ChallengerMove.eq(of.challenger_move()))
}

fn scores(organization: OrganizationId, of: Serving) -> Select<shadow_score::Entity> {
    shadow_score::Entity::find().filter(pair(organization, of))
}

fn sum(rows: Vec<shadow_score::Model>) -> Result<Shadow, StoreError> {
    let mut sum = Shadow::default();
    for row in rows {
        sum.add(&code::from_json("shadow_scores.scores", row.scores)?);
    }
    Ok(sum)
}

impl Store {
    /// What serves the organization now.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn load_serving(&self, organization: OrganizationId) -> Result<Serving, StoreError> {
        serving(self.reader(), organization).await
    }

    /// The moves of a name, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn load_model_moves(
        &self,
        organization: OrganizationId,
        alias: ModelAlias,
    ) -> Result<Vec<ModelMove>, StoreError> {
        moves(self.reader(), organization, alias).await
    }

    /// A page of moves.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_model_moves(
        &self,
        scope: Scope,
        page: PageRequest,
    ) -> Result<Page<ModelMove>, StoreError> {
        let query = of(scope.organization);
        page::fetch(self.reader(), query, entity::Column::Id, page, convert).await
    }

    /// What champion and challenger did with the same actions, over all places.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn load_shadow(&self, scope: Scope, of: Serving) -> Result<Shadow, StoreError> {
        sum(scores(scope.organization, of).all(self.reader()).await?)
    }
}

impl Tx {
    /// What serves the organization now.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn load_serving(&self, organization: OrganizationId) -> Result<Serving, StoreError> {
        serving(self.on(), organization).await
    }

    /// The moves of a name, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn load_model_moves(
        &self,
        organization: OrganizationId,
        alias: ModelAlias,
    ) -> Result<Vec<ModelMove>, StoreError> {
        moves(self.on(), organization, alias).await
    }

    /// The number that the organization's next move gets.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn next_move_number(&self, organization: OrganizationId) -> Result<i64, StoreError> {
        let last: Option<Option<i64>> = of(organization)
            .select_only()
            .column_as(entity::Column::Number.max(), "last")
            .into_tuple()
            .one(self.on())
            .await?;
        Ok(last.flatten().unwrap_or(0).saturating_add(1))
    }

    /// Moves a name that stands where `expected`, the number of its last move, put it; 0 before the
    /// first.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] or [`StoreError::Duplicate`] when somebody else was faster; nothing
    /// of this transaction may be kept then.
    pub async fn move_model(
        &mut self,
        organization: OrganizationId,
        change: &ModelMove,
        expected: i64,
    ) -> Result<(), StoreError> {
        use model_alias::Column as C;
        let alias = code::text(&change.alias);
        if expected == 0 {
            let row = model_alias::ActiveModel {
                organization_id: Set(organization.as_uuid()),
                alias: Set(alias.clone()),
                version: Set(change.to),
                move_number: Set(change.number),
            };
            model_alias::Entity::insert(row)
                .exec_without_returning(self.on())
                .await?;
        } else {
            let done = model_alias::Entity::update_many()
                .col_expr(C::Version, Expr::value(change.to))
                .col_expr(C::MoveNumber, Expr::value(change.number))
                .filter(C::OrganizationId.eq(organization.as_uuid()))
                .filter(C::Alias.eq(alias.clone()))
                .filter(C::MoveNumber.eq(expected))
                .exec(self.on())
                .await?;
            if done.rows_affected != 1 {
                return Err(StoreError::Conflict("model_aliases"));
            }
        }
        let row = entity::ActiveModel {
            id: Set(change.id.as_uuid()),
            organization_id: Set(organization.as_uuid()),
            number: Set(change.number),
            alias: Set(alias),
            from_version: Set(change.from),
            to_version: Set(change.to),
            is_rollback: Set(change.is_rollback),
            is_forced: Set(change.is_forced),
            moved_by: Set(change.by.clone()),
            reason: Set(change.reason.clone()),
            created_at: Set(change.at),
        };
        entity::Entity::insert(row)
            .exec_without_returning(self.on())
            .await?;
        Ok(())
    }

    /// What champion and challenger did with the same actions, over all places.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn load_shadow(&self, scope: Scope, of: Serving) -> Result<Shadow, StoreError> {
        sum(scores(scope.organization, of).all(self.on()).await?)
    }

    /// Adds what a batch saw to the rows of its place, and returns what all places together have seen
    /// of each pair, in the same order; the windows alone are younger. No organization is named twice.
    /// Whoever writes holds the position of the place, so that nobody else writes the same rows.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn add_shadows(
        &mut self,
        place: &str,
        seen: &[(OrganizationId, Serving, Shadow)],
    ) -> Result<Vec<Shadow>, StoreError> {
        let mut all = Vec::with_capacity(seen.len());
        for chunk in seen.chunks(PAIRS_MAX) {
            all.extend(self.add_some_shadows(place, chunk).await?);
        }
        Ok(all)
    }

    async fn add_some_shadows(
        &mut self,
        place: &str,
        seen: &[(OrganizationId, Serving, Shadow)],
    ) -> Result<Vec<Shadow>, StoreError> {
        use shadow_score::Column as C;
        let mut all: Vec<Shadow> = seen.iter().map(|(.., seen)| *seen).collect();
        let mut own = all.clone();
        let places: HashMap<_, _> = seen
            .iter()
            .zip(0..)
            .map(|((organization, ..), index)| (organization.as_uuid(), index))
            .collect();
        let pairs = seen.iter().map(|(whose, of, _)| pair(*whose, *of));
        let pairs = pairs.fold(Condition::any(), Condition::add);
        let rows = shadow_score::Entity::find().filter(pairs);
        for row in rows.all(self.on()).await? {
            let Some(index) = places.get(&row.organization_id) else {
                continue;
            };
            let before: Shadow = code::from_json("shadow_scores.scores", row.scores)?;
            all[*index].add(&before);
            if row.place == place {
                own[*index].add(&before);
            }
        }
        let rows = seen.iter().zip(&mut own).map(|((whose, of, _), own)| {
            if own.window.is_full() {
                own.window = Window::default();
            }
            shadow_score::ActiveModel {
                organization_id: Set(whose.as_uuid()),
                champion_move: Set(of.champion_move()),
                challenger_move: Set(of.challenger_move()),
                place: Set(place.to_owned()),
                scores: Set(code::json(own)),
                updated_at: Set(self.now()),
            }
        });
        let key = [
            C::OrganizationId,
            C::ChampionMove,
            C::ChallengerMove,
            C::Place,
        ];
        let conflict = OnConflict::columns(key)
            .update_columns([C::Scores, C::UpdatedAt])
            .to_owned();
        shadow_score::Entity::insert_many(rows)
            .on_conflict(conflict)
            .exec_without_returning(self.on())
            .await?;
        Ok(all)
    }
}
