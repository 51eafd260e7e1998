//! `aim serve` as a process: start, crash, restart, orderly end.

use aim_tests::{AimConfig, Kafka, Postgres};
use serde_json::json;

#[tokio::test]
async fn it_starts_on_an_empty_folder_and_answers() {
    let aim = AimConfig::new().start().unwrap();
    assert_eq!(aim.role(), "all");
    let first = aim.bootstrap().unwrap();
    assert_eq!(first.email, "admin@aim.local");
    let answer = aim
        .graphql("{ __typename }", json!({}), None)
        .await
        .unwrap();
    assert_eq!(answer, json!({ "data": { "__typename": "Query" } }));
}

#[tokio::test]
async fn a_restart_after_a_crash_keeps_url_data_and_password() {
    let mut aim = AimConfig::new().start().unwrap();
    let (url, first) = (aim.base_url().to_owned(), aim.bootstrap().cloned());
    aim.kill9().unwrap();
    assert!(!aim.is_running());
    aim.graphql("{ __typename }", json!({}), None)
        .await
        .unwrap_err();
    aim.restart().unwrap();
    assert!(aim.is_running());
    assert_eq!(aim.base_url(), url);
    // A second one-time password would show as a change.
    assert_eq!(aim.bootstrap().cloned(), first);
    aim.graphql("{ __typename }", json!({}), None)
        .await
        .unwrap();
}

#[test]
fn told_to_stop_it_ends_well() {
    let mut aim = AimConfig::new().start().unwrap();
    assert_eq!(aim.stop().unwrap(), 0, "{}", aim.log());
}

#[test]
fn a_start_that_fails_shows_the_log() {
    let error = AimConfig::new()
        .database("sqlite:///absent/aim.db")
        .start()
        .unwrap_err();
    let text = format!("{error:#}");
    assert!(text.contains("ended with code 1"), "{text}");
    assert!(text.contains("unable to open database file"), "{text}");
}

#[tokio::test]
async fn the_roles_run_as_two_processes_on_postgresql_and_kafka() {
    let database = Postgres::shared().unwrap().fresh_database().unwrap();
    let brokers = Kafka::shared().unwrap().bootstrap();
    let config = AimConfig::new().database(database).kafka(brokers, "roles-");
    let api = config.clone().role("api").start().unwrap();
    let mut stream = config.role("stream").start().unwrap();
    assert_eq!((api.role(), stream.role()), ("api", "stream"));
    assert_eq!(stream.bootstrap(), None);
    let answer = api
        .graphql("{ __typename }", json!({}), None)
        .await
        .unwrap();
    assert_eq!(answer["data"]["__typename"], "Query");
    assert_eq!(stream.stop().unwrap(), 0, "{}", stream.log());
}
