//! What the descriptions in the schema say of who may is what the one table says.
//!
//! Which permission a field asks for is read from the sources: the first one that its resolver, or a
//! function that it calls, names.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use aim_app::authorization::access;
use aim_domain::role::Permission;
use apollo_compiler::Schema;
use serde_json::{Value, json};

const COMMITTED: &str = include_str!("../../schema.graphql");

/// Answers everybody; only what it loads for an agent asks for more.
const FOR_EVERYBODY: &str = "viewer";

/// Functions by their names, with what they consist of.
type Functions = BTreeMap<String, String>;

fn sources(folder: &Path, into: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, into);
        } else {
            into.push(fs::read_to_string(path).expect("a source"));
        }
    }
}

/// Functions that begin at this indentation.
fn functions(text: &str, indentation: &str) -> Functions {
    let mut found = Functions::new();
    let mut name = None;
    for line in text.lines() {
        let head = line.strip_prefix(indentation).unwrap_or_default();
        let head = head
            .trim_start_matches("pub(super) ")
            .trim_start_matches("pub(crate) ");
        let head = head.strip_prefix("async ").unwrap_or(head);
        if let Some(rest) = head.strip_prefix("fn ") {
            let end = rest.find(['(', '<']).unwrap_or(rest.len());
            name = Some(rest[..end].to_owned());
        } else if !line.is_empty() && !line.starts_with(' ') && line != "}" && line != ")" {
            // The next item.
            if !line.starts_with(')') {
                name = None;
            }
        }
        if let Some(name) = &name {
            let body = found.entry(name.clone()).or_default();
            body.push_str(line);
            body.push('\n');
        }
    }
    found
}

fn named(body: &str) -> Option<Permission> {
    let (_, rest) = body.split_once("Permission::")?;
    let end = rest.find(|c: char| !c.is_alphanumeric())?;
    let mut text = String::new();
    for (place, letter) in rest[..end].char_indices() {
        if letter.is_uppercase() && place > 0 {
            text.push('_');
        }
        text.push(letter.to_ascii_uppercase());
    }
    serde_json::from_value(json!(text)).ok()
}

/// What a resolver asks for, by itself or by what it calls.
fn asked(body: &str, helpers: &Functions) -> Option<Permission> {
    named(body).or_else(|| {
        let called = helpers.iter().filter(|(name, _)| {
            let call = format!("{name}(");
            body.match_indices(&call).any(|(at, _)| {
                let before = body[..at].chars().next_back();
                before.is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != '.')
            })
        });
        called.filter_map(|(_, body)| named(body)).next()
    })
}

/// What a method of the request asks for that a resolver calls.
fn asked_by_method(body: &str, methods: &Functions) -> Option<Permission> {
    let called = methods
        .iter()
        .filter(|(name, _)| body.contains(&format!(".{name}()")));
    called.filter_map(|(_, body)| named(body)).next()
}

fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |all, word| {
        let (head, tail) = word.split_at(1.min(word.len()));
        all + &head.to_uppercase() + tail
    })
}

#[test]
fn descriptions_say_who_may_as_the_table_does() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/graphql");
    let mut texts = vec![fs::read_to_string(folder.join("subscription.rs")).expect("a source")];
    for part in ["query", "mutation"] {
        sources(&folder.join(part), &mut texts);
    }
    let everywhere = functions(&texts.concat(), "");
    let context = fs::read_to_string(folder.join("context.rs")).expect("a source");
    let methods = functions(&context, "    ");
    let mut resolvers = BTreeMap::new();
    for text in &texts {
        // What a file calls is its own first.
        let own = functions(text, "");
        for (name, body) in functions(text, "    ") {
            let found = asked(&body, &own)
                .or_else(|| asked_by_method(&body, &methods))
                .or_else(|| asked(&body, &everywhere));
            resolvers.insert(camel(&name), found);
        }
    }

    let schema = Schema::parse_and_validate(COMMITTED, "schema.graphql").expect("valid");
    let mut checked = 0;
    for kind in ["Query", "Mutation", "Subscription"] {
        let root = schema.get_object(kind).expect("a root");
        for (field, node) in &root.fields {
            let description = node
                .description
                .as_deref()
                .unwrap_or_default()
                .replace('\n', " ");
            let said = description.split_once("Needs `").map(|(_, rest)| rest);
            let said = said
                .and_then(|rest| rest.split_once('`'))
                .map(|(role, _)| role.to_owned());
            let asked = resolvers.get(field.as_str());
            let asked = asked.unwrap_or_else(|| panic!("`{field}` has no resolver here"));
            match asked.as_ref().filter(|_| field.as_str() != FOR_EVERYBODY) {
                Some(permission) => {
                    let role = serde_json::to_value(access(*permission).least_role);
                    let role = role.expect("a role");
                    assert_eq!(
                        said.map(Value::String),
                        Some(role),
                        "{field}: {permission:?}"
                    );
                    checked += 1;
                }
                None => {
                    assert_eq!(said, None, "{field} asks for no permission");
                    let is_said = description.contains("For ") || description.contains("null for");
                    assert!(
                        is_said,
                        "{field} does not say for whom it is: {description}"
                    );
                }
            }
        }
    }
    assert!(checked > 60, "{checked} fields with a permission");
}
