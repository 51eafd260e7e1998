//! Role: the size of a parsed document after fragment expansion, without expanding it.
//!
//! Guarantees: linear in the document's text, whatever its fragments expand to, because each
//! fragment is measured once; cyclic fragments are refused. Runs before validation, so that no
//! other code meets an unbounded document.

use std::collections::HashMap;

use apollo_compiler::ast::{
    Definition, Document, FragmentDefinition, OperationDefinition, Selection,
};
use async_graphql::ServerError;

use crate::transport::{
    error::ErrorCode,
    limits::{
        MAX_ALIASES, MAX_DEPTH, MAX_DIRECTIVES, MAX_FIELDS, MAX_INTROSPECTION_DEPTH, MAX_NESTING,
        MAX_OPERATIONS, MAX_ROOT_FIELDS,
    },
};

/// What a selection set amounts to; counts saturate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Size {
    fields: u32,
    root_fields: u32,
    depth: u32,
    introspection_depth: u32,
    nesting: u32,
    aliases: u32,
    directives: u32,
    introspects: bool,
}

impl Size {
    fn add(&mut self, other: Self) {
        self.fields = self.fields.saturating_add(other.fields);
        self.root_fields = self.root_fields.saturating_add(other.root_fields);
        self.aliases = self.aliases.saturating_add(other.aliases);
        self.directives = self.directives.saturating_add(other.directives);
        self.depth = self.depth.max(other.depth);
        self.introspection_depth = self.introspection_depth.max(other.introspection_depth);
        self.nesting = self.nesting.max(other.nesting);
        self.introspects |= other.introspects;
    }

    /// The size of a field or fragment with `self` inside.
    fn nested(mut self) -> Self {
        self.nesting = self.nesting.saturating_add(1);
        self
    }

    /// The size of a field with `self` as its selection set.
    fn under_field(mut self, name: &str) -> Self {
        self.fields = self.fields.saturating_add(1);
        self.root_fields = 1;
        if matches!(name, "__schema" | "__type") {
            self.introspects = true;
            self.introspection_depth = self.introspection_depth.max(self.depth);
            self.depth = 1;
        } else {
            self.depth = self.depth.saturating_add(1);
        }
        self
    }

    fn exceeded(&self) -> Option<(&'static str, u32, u32)> {
        [
            ("fields after fragment expansion", self.fields, MAX_FIELDS),
            ("root fields", self.root_fields, MAX_ROOT_FIELDS),
            ("levels", self.depth, MAX_DEPTH),
            (
                "introspection levels",
                self.introspection_depth,
                MAX_INTROSPECTION_DEPTH,
            ),
            ("nested selections", self.nesting, MAX_NESTING),
            ("aliases", self.aliases, MAX_ALIASES),
            ("directives", self.directives, MAX_DIRECTIVES),
        ]
        .into_iter()
        .find(|(_, found, limit)| found > limit)
    }
}

enum Progress {
    Open,
    Done(Size),
}

struct Walk<'a> {
    fragments: HashMap<&'a str, &'a FragmentDefinition>,
    measured: HashMap<&'a str, Progress>,
}

/// What the walk found out about a document within the limits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measured {
    /// Whether `__schema` or `__type` is selected anywhere.
    pub(super) introspects: bool,
}

/// Measures a document and refuses it when a limit is exceeded.
pub(super) fn measure(document: &Document) -> Result<Measured, ServerError> {
    let mut walk = Walk {
        fragments: HashMap::new(),
        measured: HashMap::new(),
    };
    let mut operations = Vec::new();
    for definition in &document.definitions {
        match definition {
            Definition::OperationDefinition(operation) => operations.push(operation),
            Definition::FragmentDefinition(fragment) => {
                walk.fragments.insert(fragment.name.as_str(), fragment);
            }
            _ => return Err(refusal("a document holds operations and fragments only")),
        }
    }
    if operations.is_empty() {
        return Err(refusal("the document has no operation"));
    }
    if operations.len() > MAX_OPERATIONS {
        return Err(too_complex("operations", operations.len(), MAX_OPERATIONS));
    }
    let mut introspects = false;
    for operation in operations {
        let size = walk.operation(operation)?;
        if let Some((what, found, limit)) = size.exceeded() {
            return Err(too_complex(what, found, limit));
        }
        introspects |= size.introspects;
    }
    walk.unused_fragments()?;
    Ok(Measured { introspects })
}

impl<'a> Walk<'a> {
    fn operation(&mut self, operation: &'a OperationDefinition) -> Result<Size, ServerError> {
        let mut size = self.selections(&operation.selection_set)?;
        let on_variables: usize = operation
            .variables
            .iter()
            .map(|variable| variable.directives.len())
            .sum();
        size.directives = size
            .directives
            .saturating_add(count(operation.directives.len() + on_variables));
        Ok(size)
    }

    fn selections(&mut self, selections: &'a [Selection]) -> Result<Size, ServerError> {
        let mut total = Size::default();
        for selection in selections {
            let (mut size, directives) = match selection {
                Selection::Field(field) => {
                    let mut size = self
                        .selections(&field.selection_set)?
                        .under_field(&field.name);
                    size.aliases = size
                        .aliases
                        .saturating_add(u32::from(field.alias.is_some()));
                    (size, field.directives.len())
                }
                Selection::InlineFragment(fragment) => (
                    self.selections(&fragment.selection_set)?,
                    fragment.directives.len(),
                ),
                Selection::FragmentSpread(spread) => (
                    self.fragment(&spread.fragment_name)?,
                    spread.directives.len(),
                ),
            };
            size.directives = size.directives.saturating_add(count(directives));
            total.add(size.nested());
        }
        Ok(total)
    }

    fn fragment(&mut self, name: &'a str) -> Result<Size, ServerError> {
        match self.measured.get(name) {
            Some(Progress::Done(size)) => return Ok(*size),
            Some(Progress::Open) => {
                return Err(refusal(format!("fragment `{name}` contains itself")));
            }
            None => {}
        }
        // Validation names an unknown fragment; it adds nothing here.
        let Some(fragment) = self.fragments.get(name).copied() else {
            return Ok(Size::default());
        };
        self.measured.insert(name, Progress::Open);
        let mut size = self.selections(&fragment.selection_set)?;
        size.directives = size
            .directives
            .saturating_add(count(fragment.directives.len()));
        self.measured.insert(name, Progress::Done(size));
        Ok(size)
    }

    /// Validation also visits fragments that no operation uses, so they are bounded too.
    fn unused_fragments(&mut self) -> Result<(), ServerError> {
        let names: Vec<&'a str> = self.fragments.keys().copied().collect();
        for name in names {
            let size = self.fragment(name)?;
            if size.fields > MAX_FIELDS {
                return Err(too_complex("fields in a fragment", size.fields, MAX_FIELDS));
            }
        }
        Ok(())
    }
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

fn refusal(message: impl Into<String>) -> ServerError {
    ErrorCode::BadUserInput.error(message)
}

fn too_complex(
    what: &str,
    found: impl std::fmt::Display,
    limit: impl std::fmt::Display,
) -> ServerError {
    ErrorCode::QueryTooComplex.error(format!(
        "the document has {found} {what}, at most {limit} are allowed: split it"
    ))
}

#[cfg(test)]
mod tests {
    use apollo_compiler::parser::Parser;

    use super::*;
    use crate::transport::error::code_of;

    fn code(text: &str) -> Option<ErrorCode> {
        let document = Parser::new().parse_ast(text, "test").expect("parses");
        measure(&document).err().and_then(|error| code_of(&error))
    }

    #[test]
    fn limits_hold_exactly() {
        let depth = |n: usize| format!("{}x{}", "{a".repeat(n - 1) + "{", "}".repeat(n));
        let aliases = |n: usize| {
            let fields: String = (0..n).map(|i| format!("a{i}:x ")).collect();
            format!("{{ y {{ {fields} }} }}")
        };
        let directives = |n: usize| format!("{{ x {} }}", "@d ".repeat(n));
        let roots = |n: usize| format!("{{ {} }}", "x ".repeat(n));
        let too = Some(ErrorCode::QueryTooComplex);
        for (text, expected) in [
            (depth(10), None),
            (depth(11), too),
            (aliases(15), None),
            (aliases(16), too),
            (directives(50), None),
            (directives(51), too),
            (
                format!("{}x{}", "{...".repeat(29) + "{", "}".repeat(30)),
                None,
            ),
            (
                format!("{}x{}", "{...".repeat(30) + "{", "}".repeat(31)),
                too,
            ),
            (roots(20), None),
            (roots(21), too),
        ] {
            assert_eq!(code(&text), expected, "{text}");
        }
    }

    #[test]
    fn fragments_are_counted_expanded() {
        let mut text = String::from("{ y { ...f0 } } ");
        for i in 0..30 {
            text.push_str(&format!("fragment f{i} on T {{ ...f{0} ...f{0} }} ", i + 1));
        }
        text.push_str("fragment f30 on T { x }");
        assert_eq!(code(&text), Some(ErrorCode::QueryTooComplex));
    }

    #[test]
    fn cycles_are_refused_even_when_unused() {
        let cycle = "fragment a on T { ...b } fragment b on T { ...a }";
        for text in [format!("{{ ...a }} {cycle}"), format!("{{ x }} {cycle}")] {
            assert_eq!(code(&text), Some(ErrorCode::BadUserInput), "{text}");
        }
    }
}
