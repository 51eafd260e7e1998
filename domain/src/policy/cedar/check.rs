//! Whether a text is Cedar, and fits to what there is to look at.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::str::FromStr;

use cedar_policy::{
    Effect, EntityUid, Policy, PolicyId, PolicySet, Schema, ValidationMode, Validator,
};

use super::{CEDAR_MAX_BYTES, CEDAR_STATEMENTS_MAX, is_all};

/// What policies in Cedar may look at.
pub const CEDAR_SCHEMA: &str = include_str!("aim.cedarschema");
/// Id of the `permit` for everything.
pub(super) const ALL: &str = "all";
/// Deepest nesting of brackets: what reads it goes down by one call for each.
const DEPTH_MAX: usize = 32;
/// Most findings that are told at once.
const TOLD_MAX: usize = 5;

/// Why a text was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CedarError {
    /// It says nothing.
    #[error("has no statement; write at least one `forbid` or `permit`")]
    Empty,
    /// It is too much.
    #[error("has {0} {1}; use at most {2}")]
    TooMuch(usize, &'static str, usize),
    /// It has a place to be filled in.
    #[error("is a template; write the agent or the resource in the place of `{0}`")]
    Template(String),
    /// It is no Cedar.
    #[error("is not Cedar: {0}")]
    Syntax(String),
    /// It does not fit to the schema.
    #[error("does not fit to the schema: {0}")]
    Invalid(String),
}

/// Reads a text and adds a `permit` for everything where it has none.
pub(super) fn read(text: &str) -> Result<PolicySet, CedarError> {
    if text.len() > CEDAR_MAX_BYTES {
        return Err(CedarError::TooMuch(text.len(), "bytes", CEDAR_MAX_BYTES));
    }
    let depth = depth(text);
    if depth > DEPTH_MAX {
        return Err(CedarError::TooMuch(depth, "nested brackets", DEPTH_MAX));
    }
    let mut statements =
        PolicySet::from_str(text).map_err(|error| CedarError::Syntax(told(&error)))?;
    if let Some(template) = statements.templates().next() {
        let slots = template.slots().next().map(ToString::to_string);
        return Err(CedarError::Template(slots.unwrap_or_default()));
    }
    let count = statements.num_of_policies();
    match count {
        0 => return Err(CedarError::Empty),
        1..=CEDAR_STATEMENTS_MAX => {}
        _ => {
            return Err(CedarError::TooMuch(
                count,
                "statements",
                CEDAR_STATEMENTS_MAX,
            ));
        }
    }
    if statements
        .policies()
        .all(|it| it.effect() == Effect::Forbid)
    {
        let text = "permit(principal, action, resource);";
        let all = Policy::parse(Some(PolicyId::new(ALL)), text);
        let all = all.map_err(|error| CedarError::Syntax(told(&error)))?;
        let added = statements.add(all);
        added.map_err(|error| CedarError::Syntax(told(&error)))?;
    }
    Ok(statements)
}

/// An error with what it hangs on, in one line.
fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let _ = write!(text, ": {cause}");
        next = cause.source();
    }
    text
}

/// How deep brackets and runs of signs before one term (`!!!x`, `---x`) are nested, at most; those in
/// strings and comments count too, which refuses a little more than has to be.
fn depth(text: &str) -> usize {
    let (mut open, mut signs, mut deepest) = (0_usize, 0_usize, 0_usize);
    for c in text.chars() {
        match c {
            '(' | '[' | '{' => open += 1,
            ')' | ']' | '}' => open = open.saturating_sub(1),
            '!' | '-' => signs += 1,
            c if c.is_whitespace() => {}
            _ => signs = 0,
        }
        deepest = deepest.max(open + signs);
    }
    deepest
}

/// Checks types and names. Cedar wants every action to be declared; ours are free, so those are that
/// the statements name.
pub(super) fn validate(statements: &PolicySet) -> Result<(), CedarError> {
    let schema = schema(statements)?;
    let result = Validator::new(schema).validate(statements, ValidationMode::Strict);
    let errors = result.validation_errors().map(ToString::to_string);
    let warnings = result.validation_warnings().map(ToString::to_string);
    let mut found: Vec<String> = errors.chain(warnings).collect();
    for statement in statements.policies().filter(|it| !is_all(it)) {
        let literals = statement.entity_literals();
        let strange = literals.iter().find(|uid| {
            let is_agent = uid.type_name().to_string() == "Agent";
            is_agent && uuid::Uuid::try_parse(uid.id().unescaped()).is_err()
        });
        found.extend(strange.map(|uid| format!("`{uid}` is no agent; give its UUID")));
    }
    if found.is_empty() {
        return Ok(());
    }
    let more = found.len().saturating_sub(TOLD_MAX);
    found.truncate(TOLD_MAX);
    if more > 0 {
        found.push(format!("and {more} more"));
    }
    Err(CedarError::Invalid(found.join("; ")))
}

fn schema(statements: &PolicySet) -> Result<Schema, CedarError> {
    let literals = statements.policies().flat_map(Policy::entity_literals);
    let is_action = |uid: &EntityUid| uid.type_name().to_string() == "Action";
    let mut actions: BTreeSet<String> = literals
        .filter(is_action)
        .map(|uid| uid.id().unescaped().to_owned())
        .collect();
    // One that stands for all others.
    actions.insert(String::new());
    let mut text = CEDAR_SCHEMA.to_owned();
    for action in &actions {
        let groups: Vec<String> = groups_of(action)
            .filter(|group| actions.contains(*group))
            .map(quoted)
            .collect();
        let within = if groups.is_empty() {
            String::new()
        } else {
            format!(" in [{}]", groups.join(", "))
        };
        let _ = writeln!(
            text,
            "action {}{within} appliesTo {{ principal: Agent, resource: Resource, context: Facts }};",
            quoted(action)
        );
    }
    let (schema, _) =
        Schema::from_cedarschema_str(&text).map_err(|error| CedarError::Invalid(told(&error)))?;
    Ok(schema)
}

/// `a` and `a:b` of `a:b:c`.
pub(super) fn groups_of(action: &str) -> impl Iterator<Item = &str> {
    action.match_indices(':').map(|(at, _)| &action[..at])
}

/// As Cedar writes strings.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.escape_debug())
}
