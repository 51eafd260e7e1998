//! Rules that people write in Cedar (<https://www.cedarpolicy.com>), beside the built-in ones.
//!
//! A rule matches what Cedar denies. A text without a `permit` lets through what no `forbid` of it
//! names; one with a `permit` lets through only what it permits. What Cedar cannot evaluate is an
//! error of the policy, never a statement that is passed over.

mod check;
mod scene;

pub use check::{CEDAR_SCHEMA, CedarError};
pub(super) use scene::CedarScene;

use std::sync::{Arc, LazyLock};

use cedar_policy::{
    ActionConstraint, Authorizer, Decision, Effect, EntityUid, PolicySet, PrincipalConstraint,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::PolicyContext;
use crate::id::AgentId;

/// Longest text, in bytes.
pub const CEDAR_MAX_BYTES: usize = 4_096;
/// Most statements of a text.
pub const CEDAR_STATEMENTS_MAX: usize = 20;
/// As many built-in rules cost a decision about as much as one in Cedar,
pub const CEDAR_COST: usize = 30;
/// and as many more as each of its statements.
pub const CEDAR_STATEMENT_COST: usize = 7;

static AUTHORIZER: LazyLock<Authorizer> = LazyLock::new(Authorizer::new);

/// A rule in Cedar. Two are the same when their texts are.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CedarRule {
    text: Arc<str>,
    /// As written, with a `permit` for everything where the text has none.
    statements: Arc<PolicySet>,
}

/// What all `forbid` statements of a text are limited to, so that nothing else has to ask it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Limits {
    /// Nothing: it has to be asked always.
    None,
    /// These agents.
    Agents(Vec<AgentId>),
    /// These actions, and groups of actions (`files` is all that begins with `files:`).
    Actions {
        names: Vec<String>,
        groups: Vec<String>,
    },
}

/// What a rule says of an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// Cedar allows it: the rule does not match.
    Allowed,
    /// Cedar denies it, for this reason.
    Denied(String),
    /// Cedar could not tell.
    Failed(String),
}

impl CedarRule {
    /// Reads a text; whether it fits to [`CEDAR_SCHEMA`] is for [`Self::check`] to say.
    ///
    /// # Errors
    /// [`CedarError`] when it is no Cedar, or too much of it.
    pub fn parse(text: impl Into<String>) -> Result<Self, CedarError> {
        let text = text.into();
        let statements = check::read(&text)?;
        Ok(Self {
            text: text.into(),
            statements: Arc::new(statements),
        })
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Checks types and names against [`CEDAR_SCHEMA`].
    ///
    /// # Errors
    /// [`CedarError::Invalid`] with everything that Cedar's validator finds.
    pub fn check(&self) -> Result<(), CedarError> {
        check::validate(&self.statements)
    }

    /// How much it costs a decision, as a multiple of a built-in rule.
    pub(super) fn cost(&self) -> usize {
        let statements = self.statements.policies().filter(|it| !is_all(it));
        CEDAR_COST + CEDAR_STATEMENT_COST * statements.count()
    }

    /// Whether it may look at where a request came from.
    pub(super) fn looks_at_address(&self) -> bool {
        self.text.contains("address")
    }

    pub(super) fn ask(&self, context: &PolicyContext<'_>, scene: &CedarScene) -> Answer {
        let (request, entities) = match scene.of(context) {
            Ok(asked) => asked,
            Err(why) => return Answer::Failed(why.clone()),
        };
        let response = AUTHORIZER.is_authorized(request, &self.statements, entities);
        let diagnostics = response.diagnostics();
        if let Some(error) = diagnostics.errors().next() {
            return Answer::Failed(format!("Cedar could not evaluate it: {error}"));
        }
        if response.decision() == Decision::Allow {
            return Answer::Allowed;
        }
        let named = diagnostics
            .reason()
            .find_map(|id| self.statements.annotation(id, "reason"));
        Answer::Denied(match (named, diagnostics.reason().next()) {
            (Some(reason), _) => reason.to_owned(),
            (None, Some(_)) => "a `forbid` of its Cedar text holds".to_owned(),
            (None, None) => "no `permit` of its Cedar text holds".to_owned(),
        })
    }

    /// What its statements are limited to.
    pub(super) fn limits(&self) -> Limits {
        let written = || self.statements.policies().filter(|it| !is_all(it));
        // What a text with a `permit` does not name, it denies.
        if written().any(|it| it.effect() == Effect::Permit) {
            return Limits::None;
        }
        let agents: Option<Vec<AgentId>> = written()
            .map(|it| match it.principal_constraint() {
                PrincipalConstraint::Eq(uid) => agent_of(&uid),
                _ => None,
            })
            .collect();
        if let Some(agents) = agents {
            return Limits::Agents(agents);
        }
        let (mut names, mut groups) = (Vec::new(), Vec::new());
        let id_of = |uid: &EntityUid| uid.id().unescaped().to_owned();
        let all_limited = written().all(|it| match it.action_constraint() {
            ActionConstraint::Any => false,
            ActionConstraint::Eq(uid) => {
                names.push(id_of(&uid));
                true
            }
            ActionConstraint::In(uids) => {
                groups.extend(uids.iter().map(id_of));
                true
            }
        });
        if all_limited {
            Limits::Actions { names, groups }
        } else {
            Limits::None
        }
    }
}

/// The statement that [`check::read`] adds.
fn is_all(statement: &cedar_policy::Policy) -> bool {
    statement.id().to_string() == check::ALL
}

/// An id that is none of an agent's matches nobody.
fn agent_of(uid: &EntityUid) -> Option<AgentId> {
    let id = Uuid::try_parse(uid.id().unescaped()).ok()?;
    Some(AgentId::from_uuid(id))
}

impl PartialEq for CedarRule {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for CedarRule {}

impl std::fmt::Debug for CedarRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("CedarRule").field(&self.text).finish()
    }
}

impl TryFrom<String> for CedarRule {
    type Error = CedarError;
    fn try_from(text: String) -> Result<Self, CedarError> {
        Self::parse(text)
    }
}

impl From<CedarRule> for String {
    fn from(rule: CedarRule) -> Self {
        rule.as_str().to_owned()
    }
}
