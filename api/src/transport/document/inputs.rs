//! Role: input objects that name a field twice, which validation lets pass and the executor reads as
//! the last one. Linear in the document's text.

use apollo_compiler::{
    Node,
    ast::{Argument, Definition, Directive, Document, Selection, Value},
};
use async_graphql::ServerError;

use crate::transport::error::ErrorCode;

/// Refuses a document with such an object.
pub(super) fn check(document: &Document) -> Result<(), ServerError> {
    for definition in &document.definitions {
        match definition {
            Definition::OperationDefinition(operation) => {
                for variable in &operation.variables {
                    directives(&variable.directives)?;
                    variable.default_value.iter().try_for_each(|it| value(it))?;
                }
                directives(&operation.directives)?;
                selections(&operation.selection_set)?;
            }
            Definition::FragmentDefinition(fragment) => {
                directives(&fragment.directives)?;
                selections(&fragment.selection_set)?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn selections(set: &[Selection]) -> Result<(), ServerError> {
    set.iter().try_for_each(|selection| match selection {
        Selection::Field(field) => {
            arguments(&field.arguments)?;
            directives(&field.directives)?;
            selections(&field.selection_set)
        }
        Selection::FragmentSpread(spread) => directives(&spread.directives),
        Selection::InlineFragment(fragment) => {
            directives(&fragment.directives)?;
            selections(&fragment.selection_set)
        }
    })
}

fn directives(all: &[Node<Directive>]) -> Result<(), ServerError> {
    all.iter().try_for_each(|it| arguments(&it.arguments))
}

fn arguments(all: &[Node<Argument>]) -> Result<(), ServerError> {
    all.iter().try_for_each(|it| value(&it.value))
}

fn value(of: &Value) -> Result<(), ServerError> {
    match of {
        Value::List(items) => items.iter().try_for_each(|it| value(it)),
        Value::Object(fields) => {
            let mut names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
            names.sort_unstable();
            if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
                return Err(ErrorCode::BadUserInput.error(format!(
                    "an input object has the field `{}` twice: give it once",
                    pair[0]
                )));
            }
            fields.iter().try_for_each(|(_, it)| value(it))
        }
        _ => Ok(()),
    }
}
