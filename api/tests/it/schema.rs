//! The committed SDL is the schema, and every part of it is described.

use aim_api::sdl;
use apollo_compiler::Schema;
use apollo_compiler::schema::ExtendedType;

const COMMITTED: &str = include_str!("../../schema.graphql");

#[test]
fn the_committed_sdl_is_fresh() {
    let fresh = sdl();
    assert_eq!(
        COMMITTED.trim(),
        fresh.trim(),
        "refresh it with `aim schema > api/schema.graphql`"
    );
}

#[test]
fn everything_is_described() {
    let schema = Schema::parse_and_validate(COMMITTED, "schema.graphql").expect("valid");
    let mut silent = Vec::new();
    let mut check = |name: String, description: bool| {
        if !description {
            silent.push(name);
        }
    };
    for (name, definition) in &schema.types {
        if definition.is_built_in() {
            continue;
        }
        check(name.to_string(), definition.description().is_some());
        let fields = match definition {
            ExtendedType::Object(object) => &object.fields,
            ExtendedType::Interface(interface) => &interface.fields,
            ExtendedType::InputObject(input) => {
                for (field, node) in &input.fields {
                    check(format!("{name}.{field}"), node.description.is_some());
                }
                continue;
            }
            ExtendedType::Enum(values) => {
                for (value, node) in &values.values {
                    check(format!("{name}.{value}"), node.description.is_some());
                }
                continue;
            }
            _ => continue,
        };
        for (field, node) in fields {
            check(format!("{name}.{field}"), node.description.is_some());
            for argument in &node.arguments {
                check(
                    format!("{name}.{field}({})", argument.name),
                    argument.description.is_some(),
                );
            }
        }
    }
    assert!(silent.is_empty(), "without a description: {silent:?}");
}
