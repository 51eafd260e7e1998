//! Which agents hold a text, without reading their wide rows, and mostly without looking again.
//!
//! Guarantee: what was found before is taken only while the agents' texts are as they were then. Triggers
//! write `agent_texts` and count a change in `agent_text_changes`, both in the transaction that writes the
//! agent; the sum of the changes is read before anything is looked up or found. It only grows, so whoever
//! reads the same sum later reads the same texts.

use std::sync::Arc;

use aim_domain::agent::{AgentStatus, AgentType};
use aim_domain::id::AgentId;
use aim_domain::scope::Scope;
use aim_entities::{agent, agent_text as entity, agent_text_change as change};
use moka::sync::Cache;
use sea_orm::sea_query::{ArrayType, Expr, ExprTrait, Query, SelectStatement, Value};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QuerySelect, Select};
use uuid::Uuid;

use crate::agents::{Agent, AgentFilter, AgentOrderField};
use crate::page::{self, Page, PageRequest, Sorted};
use crate::{Backend, Store, StoreError, code};

/// No more agents than this are read by their ids and sorted.
pub(crate) const FEW: usize = 2_000;
/// No more agents than this are kept by their ids; of more only how many they are.
const IDS_MAX: usize = 20_000;
/// So much is kept of what was found, in ids: 4 MB.
const KEPT: u64 = 256_000;
/// A question and its answer without ids take as much as so many of them.
const QUESTION: u32 = 32;
/// Shorter texts have no trigram.
const TRIGRAM: usize = 3;
/// Questions with longer texts are not kept.
const KEPT_TEXT_BYTES: usize = 256;
/// Between the texts of one agent in `agent_texts`; nobody asks for it.
const SEPARATOR: char = '\u{1f}';

/// A question that can be asked again.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Question {
    organization: Uuid,
    text: String,
    name: Option<String>,
    status: Option<AgentStatus>,
    agent_type: Option<AgentType>,
    is_deleted: bool,
}

/// The agents that hold a text.
#[derive(Debug)]
pub(crate) enum Found {
    /// These, sorted.
    These(Vec<Uuid>),
    /// So many.
    Many(u64),
}

impl Found {
    /// How many they are.
    pub(crate) fn total(&self) -> u64 {
        match self {
            Self::These(ids) => u64::try_from(ids.len()).unwrap_or(u64::MAX),
            Self::Many(total) => *total,
        }
    }
}

/// What was found lately, and after how many changes.
#[derive(Debug, Clone)]
pub(crate) struct FoundLately(Cache<Question, (i64, Arc<Found>)>);

impl Default for FoundLately {
    fn default() -> Self {
        let weight = |_: &Question, (_, found): &(i64, Arc<Found>)| match found.as_ref() {
            Found::These(ids) => u32::try_from(ids.len()).map_or(u32::MAX, |ids| QUESTION + ids),
            Found::Many(_) => QUESTION,
        };
        let kept = Cache::builder().weigher(weight).max_capacity(KEPT);
        Self(kept.build())
    }
}

/// What a text is looked for as.
fn needle(text: &str) -> Option<String> {
    let is_possible = !text.contains(['\0', SEPARATOR]);
    is_possible.then(|| text.to_lowercase())
}

/// A pattern of `LIKE` that a text matches which holds the needle.
fn pattern(needle: &str) -> String {
    let mut pattern = String::with_capacity(needle.len() + 2);
    pattern.push('%');
    for letter in needle.chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern
}

impl Store {
    /// Whether a row of `agent_texts` holds a text.
    fn holds(&self, text: &str) -> Expr {
        let found = match self.backend() {
            // A function's selectivity is taken as a third, so that pages go along an order's index: what
            // is rare never comes to this.
            Backend::Postgres => "strpos(agent_texts.text, $1) > 0",
            Backend::Sqlite => "instr(agent_texts.text, ?) > 0",
        };
        match needle(text) {
            Some(needle) => Expr::cust_with_values(found, [needle]),
            None => Expr::cust("1 = 0"),
        }
    }

    /// The same for whoever wants all that do, not the first along an order: by trigrams, where the
    /// database has them and the text does.
    fn holds_by_trigrams(&self, text: &str) -> Expr {
        match needle(text) {
            Some(needle)
                if self.backend() == Backend::Postgres && needle.chars().count() >= TRIGRAM =>
            {
                Expr::cust_with_values("agent_texts.text LIKE $1", [pattern(&needle)])
            }
            _ => self.holds(text),
        }
    }

    /// The ids of an organization's agents that hold a text, for whatever else narrows them.
    pub(crate) fn ids_holding(&self, scope: Scope, text: &str) -> SelectStatement {
        use entity::Column as C;
        let mut ids = Query::select();
        ids.column(C::AgentId)
            .from(entity::Entity)
            .and_where(Expr::col(C::OrganizationId).eq(scope.organization.as_uuid()))
            .and_where(self.holds(text));
        ids
    }

    /// Rows of `agent_texts` that a filter lets through, whatever text they hold, and the text; `None` when
    /// it asks for what is not there.
    fn texts(scope: Scope, filter: &AgentFilter) -> Option<(Select<entity::Entity>, &str)> {
        use entity::Column as C;
        let AgentFilter {
            status,
            agent_type,
            name,
            search: Some(search),
            tag: None,
            talks_to: None,
            keys_end_before: None,
            is_deleted,
            order: _,
        } = filter
        else {
            return None;
        };
        let mut query = entity::Entity::find()
            .filter(C::OrganizationId.eq(scope.organization.as_uuid()))
            .filter(C::IsDeleted.eq(*is_deleted));
        if let Some(status) = status {
            query = query.filter(C::Status.eq(code::text(status)));
        }
        if let Some(kind) = agent_type {
            query = query.filter(C::AgentType.eq(code::text(kind)));
        }
        if let Some(name) = name {
            query = query.filter(C::Name.eq(name));
        }
        Some((query, search))
    }

    /// How often the texts of an organization's agents have changed.
    async fn count_text_changes(&self, scope: Scope) -> Result<i64, StoreError> {
        let sum = change::Entity::find()
            .select_only()
            .expr(Expr::cust("CAST(COALESCE(SUM(changes), 0) AS BIGINT)"))
            .filter(change::Column::OrganizationId.eq(scope.organization.as_uuid()));
        let sum: Option<i64> = sum.into_tuple().one(self.reader()).await?;
        Ok(sum.unwrap_or(0))
    }

    /// The agents that a filter with a text lets through; `None` when it asks for more than that.
    pub(crate) async fn find_by_text(
        &self,
        scope: Scope,
        filter: &AgentFilter,
    ) -> Result<Option<Arc<Found>>, StoreError> {
        let Some((query, text)) = Self::texts(scope, filter) else {
            return Ok(None);
        };
        let question = Question {
            organization: scope.organization.as_uuid(),
            text: text.to_owned(),
            name: filter.name.clone(),
            status: filter.status,
            agent_type: filter.agent_type,
            is_deleted: filter.is_deleted,
        };
        let changes = self.count_text_changes(scope).await?;
        let lately = &self.found_lately().0;
        if let Some((then, found)) = lately.get(&question)
            && then == changes
        {
            return Ok(Some(found));
        }
        let found = Arc::new(self.find(query, text).await?);
        let bytes = question.text.len() + question.name.as_ref().map_or(0, String::len);
        if bytes <= KEPT_TEXT_BYTES {
            lately.insert(question, (changes, Arc::clone(&found)));
        }
        Ok(Some(found))
    }

    async fn find(&self, query: Select<entity::Entity>, text: &str) -> Result<Found, StoreError> {
        let most = match self.backend() {
            Backend::Postgres => IDS_MAX,
            // Each id is a parameter of its own.
            Backend::Sqlite => FEW,
        };
        let ids = query.clone().filter(self.holds_by_trigrams(text));
        let ids = ids.select_only().column(entity::Column::AgentId);
        let ids = ids.limit(u64::try_from(most + 1).unwrap_or(u64::MAX));
        let mut ids: Vec<Uuid> = ids.into_tuple().all(self.reader()).await?;
        if ids.len() <= most {
            ids.sort_unstable();
            return Ok(Found::These(ids));
        }
        let all = query.filter(self.holds(text));
        Ok(Found::Many(all.count(self.reader()).await?))
    }

    /// Whether an agent is one of these, which are few.
    pub(crate) fn is_among(&self, ids: &[Uuid]) -> Expr {
        match self.backend() {
            // One statement for any number of them, joined: as elements of an array they would be compared
            // one after the other with every agent of the list's order, where the planner goes along that.
            Backend::Postgres => {
                let joined = "agents.id IN (SELECT unnest($1::uuid[]))";
                Expr::cust_with_values(joined, [array(ids)])
            }
            Backend::Sqlite => Expr::col((agent::Entity, agent::Column::Id)).is_in(ids.to_vec()),
        }
    }

    /// Whether an agent is one of these, which are many: the planner hashes them and goes along the list's
    /// order until a page is full. Without the test it might read them all and sort them.
    pub(crate) fn is_among_many(ids: &[Uuid]) -> Expr {
        let hashed = "(agents.id IN (SELECT unnest($1::uuid[]))) IS TRUE";
        Expr::cust_with_values(hashed, [array(ids)])
    }

    /// A page of the many that a filter with a text lets through, along an index of the narrow rows;
    /// `None` when they are not ordered by what those have.
    pub(crate) async fn list_by_text(
        &self,
        scope: Scope,
        filter: &AgentFilter,
        (page, total): (PageRequest, u64),
    ) -> Result<Option<Page<Agent>>, StoreError> {
        use entity::Column as C;
        let by = match filter.order.field {
            AgentOrderField::CreatedAt => Expr::col(C::AgentId),
            AgentOrderField::Name => Expr::col(C::Name),
            AgentOrderField::LastSeenAt | AgentOrderField::Trust => return Ok(None),
        };
        let Some((query, text)) = Self::texts(scope, filter) else {
            return Ok(None);
        };
        let query = query.filter(self.holds(text));
        let is_ascending = filter.order.is_ascending;
        let by = (C::AgentId, Sorted { by, is_ascending });
        let id = |row: entity::Model| Ok(AgentId::from_uuid(row.agent_id));
        let ids = page::fetch_counted(self.reader(), query, by, (page, total), id).await?;
        let mut agents = self.load_agents(scope, &ids.items).await?;
        Ok(Some(ids.with_items(|ids| {
            let place = |agent: &Agent| ids.iter().position(|id| *id == agent.id);
            agents.sort_by_key(place);
            agents
        })))
    }
}

fn array(ids: &[Uuid]) -> Value {
    let ids = ids.iter().map(|id| Value::from(*id)).collect();
    Value::Array(ArrayType::Uuid, Some(Box::new(ids)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_text_holds_is_not_looked_for() {
        assert_eq!(needle("MAIL_%").as_deref(), Some("mail_%"));
        assert_eq!(needle("").as_deref(), Some(""));
        assert_eq!(needle("a\0"), None);
        assert_eq!(needle("a\u{1f}b"), None);
    }

    #[test]
    fn what_means_something_in_a_pattern_stands_for_itself() {
        assert_eq!(pattern("mail_%\\"), "%mail\\_\\%\\\\%");
    }
}
