//! Documents against the whole guard, hostile ones with a stop-watch.

use std::time::Instant;

use async_graphql::{Variables, value};

use super::*;
use crate::transport::error::code_of;

const SDL: &str = "
    type Query { a: A!, all(first: Int): A!, text(arg: String, list: [Int]): String }
    type A { a: A!, b: A!, x: Int, text(arg: String): String }
    type Mutation { set(value: Int!): Int }
    type Subscription { tick: Int! }";

fn guard(introspection: bool) -> DocumentGuard {
    let rules = DocumentRules {
        introspection,
        suggestions: false,
    };
    DocumentGuard::new(SDL, rules, None).expect("valid schema")
}

fn refused(guard: &DocumentGuard, query: &str, variables: Variables) -> Option<ErrorCode> {
    let params = Params {
        query: query.to_owned(),
        variables,
        ..Params::default()
    };
    guard
        .prepare(params)
        .err()
        .map(|errors| code_of(&errors[0]).expect("has a code"))
}

fn bombs() -> Vec<(&'static str, String)> {
    let mut fragments = String::from("{ a { ...f0 } }");
    for i in 0..24 {
        fragments.push_str(&format!("fragment f{i} on A{{...f{0} ...f{0}}}", i + 1));
    }
    fragments.push_str("fragment f24 on A{x}");
    let wide: String = (0..30).map(|i| format!("...g{i} ")).collect();
    let spreads = "...w ".repeat(12);
    let bodies: String = (0..30)
        .map(|i| format!("fragment g{i} on A{{a{{x a{{x}}}}}}"))
        .collect();
    let aliases: String = (0..60).map(|i| format!("a{i}:a{{x}}")).collect();
    vec![
        ("fragments", fragments),
        (
            "wide fragments",
            format!("{{a{{{spreads}}}}} fragment w on A{{{wide}}} {bodies}"),
        ),
        ("aliases", format!("{{{aliases}}}")),
        (
            "depth",
            format!("{}{{x}}{}", "{a".repeat(100), "}".repeat(100)),
        ),
        (
            "deep list",
            format!("{{text(list:{}{})}}", "[".repeat(400), "]".repeat(400)),
        ),
        ("deep type", format!("query($a:{}", "[".repeat(7000))),
        ("deep object", format!("{{text(list:{}", "{a:".repeat(4000))),
        ("deep inline", "{...".repeat(3500)),
        (
            "fragment chain",
            (0..240)
                .map(|i| format!("fragment f{i} on A{{...f{}}}", i + 1))
                .collect::<String>()
                + "{a{...f0}}",
        ),
        ("deep open", "{a".repeat(7000)),
        (
            "directives",
            format!("{{a{{x {}}}}}", "@skip(if:false)".repeat(60)),
        ),
        (
            "unknown directives",
            format!("{{a{{x {}}}}}", "@x".repeat(300)),
        ),
        ("tokens", format!("{{a{{{}}}}}", "__typename ".repeat(1100))),
        ("commas", format!("{{a{{x{}}}}}", ",".repeat(20_000))),
        ("operations", "query q{a{x}}".repeat(40)),
        ("roots", format!("{{{}}}", "a{x}".repeat(50))),
        ("pages", "{all(first:100000){x}}".to_owned()),
        (
            "variables",
            format!("query({}){{a{{x}}}}", "$a:Int ".repeat(240)),
        ),
        ("garbage", "\"".repeat(5000)),
        ("bad names", "0a".repeat(5000)),
        (
            "same field",
            format!("{{{}}}", "text(arg:\"x\") ".repeat(150)),
        ),
        (
            "cycle",
            "{a{...a}} fragment a on A{...b} fragment b on A{...a}".to_owned(),
        ),
    ]
}

#[test]
fn bombs_are_refused_quickly() {
    let guard = guard(true);
    for (name, query) in bombs() {
        let started = Instant::now();
        let code = refused(&guard, &query, Variables::default());
        let took = started.elapsed();
        assert!(
            matches!(
                code,
                Some(ErrorCode::QueryTooComplex | ErrorCode::BadUserInput)
            ),
            "{name}: {code:?}"
        );
        // The promise is 10 ms in a release build; this one is not optimized.
        assert!(took.as_millis() < 100, "{name} took {took:?}");
    }
    // A page size is checked with each request, so its document is valid and remembered.
    assert_eq!(
        guard.cache.iter().count(),
        1,
        "refused documents must not be remembered"
    );
}

#[test]
fn the_largest_legal_documents_are_checked_quickly() {
    let guard = guard(true);
    for query in [
        format!("{{a{{{}}}}}", "x ".repeat(985)),
        format!("{{a{{{}}}}}", "text(arg:\"x\") ".repeat(160)),
        format!("{{a{{{}}}}}", "a{x}".repeat(240)),
        format!(
            "{{a{{{}}}}} fragment f on A{{{}}}",
            "...f ".repeat(2),
            "b{x a{x}} ".repeat(80)
        ),
    ] {
        let started = Instant::now();
        assert_eq!(
            refused(&guard, &query, Variables::default()),
            None,
            "{query}"
        );
        let took = started.elapsed();
        assert!(took.as_millis() < 250, "{} took {took:?}", &query[..40]);
    }
}

#[test]
fn introspection_follows_the_rule() {
    let types = "{__schema{types{name}}}";
    assert_eq!(refused(&guard(true), types, Variables::default()), None);
    for query in [
        types,
        "{__type(name:\"A\"){name}}",
        "{...f} fragment f on Query{__schema{types{name}}}",
    ] {
        let code = refused(&guard(false), query, Variables::default());
        assert_eq!(code, Some(ErrorCode::Forbidden), "{query}");
    }
    assert_eq!(
        refused(&guard(false), "{__typename}", Variables::default()),
        None
    );
}

#[test]
fn nested_introspection_lists_are_refused() {
    let query = "{__schema{types{fields{type{fields{type{fields{type{fields{name}}}}}}}}}}";
    let code = refused(&guard(true), query, Variables::default());
    assert_eq!(code, Some(ErrorCode::QueryTooComplex));
}

#[test]
fn variables_are_checked_before_execution() {
    let guard = guard(true);
    let query = "mutation($v: Int!) { set(value: 1) b: set(value: $v) }";
    let bad = Some(ErrorCode::BadUserInput);
    assert_eq!(refused(&guard, query, Variables::default()), bad);
    assert_eq!(
        refused(&guard, query, Variables::from_value(value!({ "v": "x" }))),
        bad
    );
    assert_eq!(
        refused(&guard, query, Variables::from_value(value!({ "v": 1 }))),
        None
    );
    let paged = "query($n: Int) { all(first: $n) { x } }";
    let many = Variables::from_value(value!({ "n": 10_001 }));
    assert_eq!(
        refused(&guard, paged, many),
        Some(ErrorCode::QueryTooComplex)
    );
}

#[test]
fn operations_are_selected_by_name() {
    let guard = guard(true);
    let query = "query a{a{x}} mutation b{set(value:1)}";
    let kind = |name: Option<&str>| {
        let params = Params {
            query: query.to_owned(),
            operation_name: name.map(str::to_owned),
            ..Params::default()
        };
        guard
            .prepare(params)
            .map(|prepared| prepared.kind)
            .map_err(|errors| errors.len())
    };
    assert_eq!(kind(Some("a")), Ok(OperationType::Query));
    assert_eq!(kind(Some("b")), Ok(OperationType::Mutation));
    assert_eq!(kind(Some("c")), Err(1));
    assert_eq!(kind(None), Err(1));
}

#[test]
fn subscriptions_by_fragment_are_refused() {
    let query = "subscription{...f} fragment f on Subscription{tick}";
    let code = refused(&guard(true), query, Variables::default());
    assert_eq!(code, Some(ErrorCode::BadUserInput));
}

#[test]
fn hints_are_hidden() {
    let guard = guard(true);
    let params = Params {
        query: "{a}".to_owned(),
        ..Params::default()
    };
    let errors = guard.prepare(params).expect_err("needs a selection");
    assert!(
        !errors[0].message.contains("Did you mean"),
        "{}",
        errors[0].message
    );
}

#[test]
fn malformed_schemas_are_refused() {
    let rules = DocumentRules {
        introspection: true,
        suggestions: true,
    };
    assert!(DocumentGuard::new("type Query { a: Missing }", rules, None).is_err());
}

#[test]
fn only_valid_documents_are_known_by_their_hash() {
    let guard = guard(true);
    let known = |query: &str, text: &str| {
        let params = Params {
            query: query.to_owned(),
            hash: Some(DocumentHash::of(text)),
            ..Params::default()
        };
        guard
            .prepare(params)
            .err()
            .map(|errors| code_of(&errors[0]))
    };
    let unknown = Some(Some(ErrorCode::PersistedQueryNotFound));
    for (text, is_valid) in [("{a{x}}", true), ("{missing}", false)] {
        assert_eq!(known("", text), unknown);
        assert_eq!(known(text, text).is_none(), is_valid);
        assert_eq!(known("", text) != unknown, is_valid);
    }
}

#[test]
fn a_trusted_document_that_is_not_valid_is_found_at_the_start() {
    let rules = DocumentRules {
        introspection: false,
        suggestions: false,
    };
    let trusted = |text: &str| {
        let file = serde_json::json!({ DocumentHash::of(text).to_string(): text });
        let trusted = TrustedDocuments::parse(&file.to_string()).unwrap();
        DocumentGuard::new(SDL, rules, Some(trusted)).map(drop)
    };
    trusted("{a{x}}").unwrap();
    let said = trusted("{missing}").unwrap_err().to_string();
    assert!(said.contains("trusted document"), "{said}");
    assert!(trusted("{__schema{types{name}}}").is_err());
}

#[test]
fn a_request_is_priced_by_its_root_fields_and_rows() {
    let guard = guard(true);
    for (query, root_fields, row_points) in [
        ("{a{x}}", 1, 0),
        ("{a{x} b:a{x} ...f} fragment f on Query{c:a{x}}", 3, 0),
        ("{all(first:250){x}}", 1, 2),
    ] {
        let params = Params {
            query: query.to_owned(),
            ..Params::default()
        };
        let prepared = guard.prepare(params).unwrap();
        let found = (prepared.root_fields, prepared.row_points);
        assert_eq!(found, (root_fields, row_points), "{query}");
    }
}
