//! Documents that would expand to something huge are refused, each by its name, and nothing breaks.

use aim_tests::{AimConfig, aim_command};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn bombs_are_refused_over_http_and_websocket() {
    let mut aim = AimConfig::new().start().unwrap();
    let mut command = aim_command().unwrap();
    command.args([
        "bench",
        "bombs",
        "--json",
        "--times",
        "3",
        "--url",
        aim.base_url(),
    ]);
    // The command fails when a bomb is executed, or refused for two reasons.
    let output = tokio::task::spawn_blocking(move || command.output())
        .await
        .unwrap()
        .unwrap();
    let (said, problem) = (&output.stdout, String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{problem}");
    let said: Value = serde_json::from_slice(said).unwrap();
    let bombs = said["bombs"].as_array().unwrap();
    assert!(bombs.len() > 10, "{said}");
    for bomb in bombs {
        println!("{bomb}");
        let is_the_asker_to_blame = ["BAD_USER_INPUT", "QUERY_TOO_COMPLEX"];
        assert!(
            is_the_asker_to_blame.contains(&bomb["code"].as_str().unwrap()),
            "{bomb}"
        );
    }
    assert!(aim.is_running());
    let answer = aim
        .graphql("{ __typename }", json!({}), None)
        .await
        .unwrap();
    assert_eq!(answer, json!({ "data": { "__typename": "Query" } }));
}
