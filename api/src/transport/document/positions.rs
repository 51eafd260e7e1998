//! Role: variables inside lists and input objects of a validated operation: whether what they may
//! hold fits there. The validator looks only at those that are a whole argument.
//!
//! Linear in the document's text: each fragment is visited once.

use std::collections::{HashMap, HashSet};

use apollo_compiler::{
    ExecutableDocument, Schema,
    ast::{Type, Value, VariableDefinition},
    executable::{Operation, Selection, SelectionSet},
    schema::ExtendedType,
};
use async_graphql::ServerError;

use crate::transport::error::ErrorCode;

struct Walk<'a> {
    schema: &'a Schema,
    document: &'a ExecutableDocument,
    declared: HashMap<&'a str, &'a VariableDefinition>,
    visited: HashSet<&'a str>,
}

/// Refuses an operation with a variable that may hold what its place does not take.
pub(super) fn check(
    schema: &Schema,
    document: &ExecutableDocument,
    operation: &Operation,
) -> Result<(), ServerError> {
    let declared = operation.variables.iter();
    let mut walk = Walk {
        schema,
        document,
        declared: declared.map(|it| (it.name.as_str(), it.as_ref())).collect(),
        visited: HashSet::new(),
    };
    walk.selections(&operation.selection_set)
}

impl<'a> Walk<'a> {
    fn selections(&mut self, set: &'a SelectionSet) -> Result<(), ServerError> {
        for selection in &set.selections {
            match selection {
                Selection::Field(field) => {
                    for argument in &field.arguments {
                        let definition = field.definition.argument_by_name(&argument.name);
                        if let Some(definition) = definition {
                            self.inside(&definition.ty, &argument.value)?;
                        }
                    }
                    self.selections(&field.selection_set)?;
                }
                Selection::InlineFragment(fragment) => self.selections(&fragment.selection_set)?,
                Selection::FragmentSpread(spread) => {
                    let name = spread.fragment_name.as_str();
                    let fragment = self.document.fragments.get(name);
                    if let Some(fragment) = fragment.filter(|_| self.visited.insert(name)) {
                        self.selections(&fragment.selection_set)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Items of a list, and fields of an input object.
    fn inside(&self, ty: &Type, value: &Value) -> Result<(), ServerError> {
        match (value, ty) {
            (Value::List(items), Type::List(item) | Type::NonNullList(item)) => {
                items.iter().try_for_each(|it| self.value(item, false, it))
            }
            (Value::Object(fields), _) => {
                let Some(ExtendedType::InputObject(object)) =
                    self.schema.types.get(ty.inner_named_type())
                else {
                    return Ok(());
                };
                fields.iter().try_for_each(|(name, value)| {
                    let Some(field) = object.fields.get(name) else {
                        return Ok(());
                    };
                    self.value(&field.ty, field.default_value.is_some(), value)
                })
            }
            _ => Ok(()),
        }
    }

    fn value(&self, ty: &Type, has_default: bool, value: &Value) -> Result<(), ServerError> {
        let Value::Variable(name) = value else {
            return self.inside(ty, value);
        };
        match self.declared.get(name.as_str()) {
            Some(variable) if !fits(variable, ty, has_default) => Err(ErrorCode::BadUserInput
                .error(format!(
                    "variable `${name}` is a `{}` and stands where a `{ty}` is needed: declare it \
                     as that",
                    variable.ty
                ))),
            _ => Ok(()),
        }
    }
}

/// GraphQL specification, "All Variable Usages Are Allowed".
fn fits(variable: &VariableDefinition, ty: &Type, has_default: bool) -> bool {
    if !ty.is_non_null() || variable.ty.is_non_null() {
        return variable.ty.is_assignable_to(ty);
    }
    let own = variable.default_value.as_deref();
    let has_own = own.is_some_and(|value| !matches!(value, Value::Null));
    (has_own || has_default) && variable.ty.is_assignable_to(&ty.clone().nullable())
}
