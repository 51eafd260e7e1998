//! Role: variable values against the types an operation declares.
//!
//! Guarantees: nothing is executed with a missing, null or mistyped variable, so a mutation never
//! runs its first field and fails in the second. Values are only checked, not rewritten: the
//! executor applies defaults and wraps single list items itself.

use std::fmt;

use apollo_compiler::{
    Schema,
    ast::Type,
    executable::Operation,
    schema::{ExtendedType, InputObjectType},
};
use async_graphql::{ServerError, Value, Variables};

use crate::transport::error::ErrorCode;

/// A variable that an operation declares.
#[derive(Debug)]
pub(super) struct Declared {
    name: String,
    ty: Type,
    has_default: bool,
}

/// The variables of an operation.
pub(super) fn declared(operation: &Operation) -> Vec<Declared> {
    operation
        .variables
        .iter()
        .map(|variable| Declared {
            name: variable.name.to_string(),
            ty: variable.ty.as_ref().clone(),
            has_default: variable.default_value.is_some(),
        })
        .collect()
}

/// Checks every declared variable and reports the first problem of each.
pub(super) fn check(
    schema: &Schema,
    declared: &[Declared],
    variables: &Variables,
) -> Result<(), Vec<ServerError>> {
    let mut errors = Vec::new();
    for Declared {
        name,
        ty,
        has_default,
    } in declared
    {
        let result = match variables.get(name.as_str()) {
            Some(value) => check_value(schema, ty, value, &Path::Root(name)),
            None if ty.is_non_null() && !has_default => Err(refusal(
                &Path::Root(name),
                format_args!("is required: send a `{ty}`"),
            )),
            None => Ok(()),
        };
        errors.extend(result.err());
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(errors)
    }
}

/// Where a value lies, for the message; costs nothing until it is written.
enum Path<'a> {
    Root(&'a str),
    Field(&'a Path<'a>, &'a str),
    Item(&'a Path<'a>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root(name) => write!(f, "${name}"),
            Self::Field(parent, name) => write!(f, "{parent}.{name}"),
            Self::Item(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

fn refusal(path: &Path<'_>, problem: impl fmt::Display) -> ServerError {
    ErrorCode::BadUserInput.error(format!("variable `{path}` {problem}"))
}

fn check_value(
    schema: &Schema,
    ty: &Type,
    value: &Value,
    path: &Path<'_>,
) -> Result<(), ServerError> {
    if matches!(value, Value::Null) {
        return if ty.is_non_null() {
            Err(refusal(path, format_args!("is null: send a `{ty}`")))
        } else {
            Ok(())
        };
    }
    match ty {
        Type::List(item) | Type::NonNullList(item) => match value {
            Value::List(values) => values.iter().enumerate().try_for_each(|(index, value)| {
                check_value(schema, item, value, &Path::Item(path, index))
            }),
            single => check_value(schema, item, single, path),
        },
        Type::Named(name) | Type::NonNullNamed(name) => match schema.types.get(name) {
            Some(ExtendedType::InputObject(object)) => check_object(schema, object, value, path),
            Some(ExtendedType::Enum(definition)) => match value {
                Value::String(text) if definition.values.contains_key(text.as_str()) => Ok(()),
                _ => Err(refusal(
                    path,
                    format_args!("is not a value of the enum `{name}`"),
                )),
            },
            _ if is_scalar(name, value) => Ok(()),
            _ => Err(refusal(
                path,
                format_args!("is {}: send a `{name}`", kind(value)),
            )),
        },
    }
}

fn check_object(
    schema: &Schema,
    object: &InputObjectType,
    value: &Value,
    path: &Path<'_>,
) -> Result<(), ServerError> {
    let Value::Object(fields) = value else {
        let problem =
            format_args!("is {}: send a `{}` object", kind(value), object.name).to_string();
        return Err(refusal(path, problem));
    };
    if let Some(unknown) = fields
        .keys()
        .find(|key| !object.fields.contains_key(key.as_str()))
    {
        return Err(refusal(
            path,
            format_args!(
                "has the field `{unknown}`, which `{}` does not define",
                object.name
            ),
        ));
    }
    let is_one_of = object.directives.has("oneOf");
    if is_one_of && (fields.len() != 1 || fields.values().any(|value| *value == Value::Null)) {
        return Err(refusal(
            path,
            format_args!("must have exactly one field of `{}`, not null", object.name),
        ));
    }
    for (name, definition) in &object.fields {
        match fields.get(name.as_str()) {
            Some(value) => check_value(schema, &definition.ty, value, &Path::Field(path, name))?,
            None if definition.ty.is_non_null() && definition.default_value.is_none() => {
                let problem = format!("is required: send a `{}`", definition.ty);
                return Err(refusal(&Path::Field(path, name), problem));
            }
            None => {}
        }
    }
    Ok(())
}

/// Whether a built-in scalar takes the value; custom scalars are the executor's.
fn is_scalar(name: &str, value: &Value) -> bool {
    match (name, value) {
        ("Int", Value::Number(number)) => number
            .as_i64()
            .is_some_and(|number| i32::try_from(number).is_ok()),
        ("Float", Value::Number(number)) => number.as_f64().is_some_and(f64::is_finite),
        ("String", Value::String(_)) | ("Boolean", Value::Boolean(_)) => true,
        ("ID", Value::Number(number)) => number.is_i64() || number.is_u64(),
        ("ID", Value::String(_)) => true,
        ("Int" | "Float" | "String" | "Boolean" | "ID", _) => false,
        _ => true,
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Number(_) => "a number",
        Value::String(_) | Value::Enum(_) => "a string",
        Value::Boolean(_) => "a boolean",
        Value::Binary(_) => "binary",
        Value::List(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use apollo_compiler::{ExecutableDocument, validation::Valid};
    use async_graphql::value;

    use super::*;

    const SDL: &str = "
        type Query { f(i: In, l: [Int!]!, e: E, o: One, id: ID, n: Float): Int }
        input In { a: Int!, b: Int! = 2, c: [In!] }
        enum E { RED }
        input One @oneOf { x: Int, y: Int }
        directive @oneOf on INPUT_OBJECT
        scalar Custom";

    fn problems(declaration: &str, variables: Value) -> Vec<String> {
        let schema: Valid<Schema> = Schema::parse_and_validate(SDL, "sdl").expect("valid");
        let text = format!("query({declaration}) {{ __typename }}");
        let document = ExecutableDocument::parse(&schema, text, "test").expect("parses");
        let operation = document.operations.iter().next().expect("one");
        check(
            &schema,
            &declared(operation),
            &Variables::from_value(variables),
        )
        .err()
        .unwrap_or_default()
        .into_iter()
        .map(|error| error.message)
        .collect()
    }

    #[test]
    fn accepted() {
        for (declaration, variables) in [
            ("$l: [Int!]!", value!({ "l": [1, 2] })),
            ("$l: [Int!]!", value!({ "l": 1 })),
            ("$l: [Int!]! = [1]", value!({})),
            ("$i: In", value!({ "i": null })),
            ("$i: In!", value!({ "i": { "a": 1, "c": [{ "a": 2 }] } })),
            ("$e: E!", value!({ "e": "RED" })),
            ("$o: One", value!({ "o": { "x": 1 } })),
            ("$id: ID!", value!({ "id": 7 })),
            ("$n: Float!", value!({ "n": 7 })),
            ("$c: Custom!", value!({ "c": { "any": [1] } })),
        ] {
            assert_eq!(
                problems(declaration, variables),
                Vec::<String>::new(),
                "{declaration}"
            );
        }
    }

    #[test]
    fn refused_with_the_path() {
        for (declaration, variables, expected) in [
            (
                "$a: Int!",
                value!({}),
                "variable `$a` is required: send a `Int!`",
            ),
            (
                "$a: Int!",
                value!({ "a": null }),
                "variable `$a` is null: send a `Int!`",
            ),
            (
                "$a: Int",
                value!({ "a": "1" }),
                "variable `$a` is a string: send a `Int`",
            ),
            (
                "$a: Int",
                value!({ "a": 2147483648_i64 }),
                "variable `$a` is a number: send a `Int`",
            ),
            (
                "$a: Int",
                value!({ "a": 1.5 }),
                "variable `$a` is a number: send a `Int`",
            ),
            (
                "$i: In",
                value!({ "i": { "a": 1, "c": [{ "a": 1 }, { "a": true }] } }),
                "variable `$i.c[1].a` is a boolean: send a `Int`",
            ),
            (
                "$i: In",
                value!({ "i": {} }),
                "variable `$i.a` is required: send a `Int!`",
            ),
            (
                "$i: In",
                value!({ "i": { "a": 1, "z": 1 } }),
                "variable `$i` has the field `z`, which `In` does not define",
            ),
            (
                "$e: E",
                value!({ "e": "BLUE" }),
                "variable `$e` is not a value of the enum `E`",
            ),
            (
                "$o: One",
                value!({ "o": { "x": 1, "y": null } }),
                "variable `$o` must have exactly one field of `One`, not null",
            ),
        ] {
            assert_eq!(
                problems(declaration, variables),
                [expected],
                "{declaration}"
            );
        }
    }
}
