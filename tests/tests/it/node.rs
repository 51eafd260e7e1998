//! The public JavaScript clients are there and report by their exit code.

use aim_tests::run_script;

#[test]
fn the_audits_of_a_server_that_is_not_there_all_fail() {
    let nobody = format!(
        "http://127.0.0.1:{}/graphql",
        aim_tests::free_port().unwrap()
    );
    let output = run_script("graphql_http_audit.mjs", &[&nobody]).unwrap();
    assert_eq!(output.code, 1, "{output:?}");
    let summary = output.stdout.lines().last().unwrap_or_default();
    assert_eq!(summary, r#"{"ok":0,"total":61}"#);
}

#[test]
fn an_unknown_script_is_named() {
    let error = run_script("absent.mjs", &[]).unwrap_err();
    assert!(format!("{error:#}").contains("`absent.mjs`"), "{error:#}");
}
