//! Numbers are what a recount says, once each, also over a crash and after they were counted anew.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use aim_tests::{AimConfig, AimProcess, Postgres, aim_command, wait_for};
use serde_json::{Value, json};

use crate::fleet::{Owner, text};
use crate::notifications::PATIENCE;

const COUNTS: &str =
    "verificationCount allowedCount deniedCount pendingCount denialRate approvedCount
    refusedCount lowRiskCount mediumRiskCount highRiskCount criticalRiskCount alertCount
    succeededCount failedCount activeAgentCount";

fn query(arguments: &str) -> String {
    format!(
        "query($from: DateTime!, $until: DateTime!) {{
            analytics(from: $from, until: $until{arguments}) {{
                totals {{ {COUNTS} }} series {{ start counts {{ {COUNTS} }} }} }}
            topAgents(period: DAY) {{ agentName counts {{ verificationCount deniedCount }} }}
            topActions(from: $from, until: $until) {{ action verificationCount deniedCount }}
            latencies(kind: DECISION, from: $from, until: $until) {{ mostMilliseconds count }} }}"
    )
}

/// An hour from yesterday on, so that midnight comes in no test.
fn today() -> Value {
    let now = crate::fleet::now();
    json!({ "from": now - chrono::TimeDelta::days(1), "until": now + chrono::TimeDelta::hours(1) })
}

/// What is said once everything was counted.
async fn counted(owner: &Owner, decisions: u64) -> Value {
    let query = query(", step: HOUR");
    wait_for("everything to be counted", PATIENCE, || async {
        let answer = owner.ask(&query, today()).await?;
        let count = answer["analytics"]["totals"]["verificationCount"].as_u64();
        assert!(count <= Some(decisions), "counted twice: {answer}");
        Ok((count == Some(decisions)).then_some(answer))
    })
    .await
    .unwrap()
}

/// Decisions of three kinds by two agents: six, one and one.
async fn decide(owner: &Owner) -> u64 {
    let agents = [
        owner
            .register("reader", &["files:read", "db:delete"])
            .await
            .unwrap(),
        owner.register("writer", &["files:read"]).await.unwrap(),
    ];
    for (agent, action, expected) in [
        (0, "files:read", "ALLOWED"),
        (0, "files:read", "ALLOWED"),
        (0, "files:read", "ALLOWED"),
        (1, "files:read", "ALLOWED"),
        (0, "mail:send", "DENIED"),
        (1, "mail:send", "DENIED"),
        (1, "mail:send", "DENIED"),
        (0, "db:delete", "PENDING_APPROVAL"),
    ] {
        let answer = agents[agent]
            .verify(json!({ "action": action }))
            .await
            .unwrap();
        assert_eq!(answer.decision().0, expected, "{}", answer.body);
        if expected == "PENDING_APPROVAL" {
            let id = text(&answer.body, "/data/verifyAction/verification/id").unwrap();
            let query =
                "mutation($input: ApproveVerificationInput!) { approveVerification(input: $input) {
                userErrors { message } } }";
            let input = json!({ "verificationId": id, "reason": "a test" });
            owner.ask(query, json!({ "input": input })).await.unwrap();
        }
    }
    8
}

async fn check(mut aim: AimProcess, rebuild: impl Fn()) {
    let owner = Owner::of(&aim).await.unwrap();
    let decisions = decide(&owner).await;
    counted(&owner, decisions).await;
    let said = wait_for("the answer to be counted", PATIENCE, || async {
        let answer = owner.ask(&query(", step: HOUR"), today()).await?;
        Ok((answer["analytics"]["totals"]["approvedCount"] == 1).then_some(answer))
    })
    .await
    .unwrap();
    let totals = &said["analytics"]["totals"];
    for (name, value) in [("allowedCount", 4), ("deniedCount", 3), ("pendingCount", 1)] {
        assert_eq!(totals[name], value, "{name}: {totals}");
    }
    assert_eq!(totals["denialRate"], 0.375);
    assert_eq!(totals["activeAgentCount"], 2);
    let series = said["analytics"]["series"].as_array().unwrap();
    assert!(
        (26..=27).contains(&series.len()),
        "every hour has its point"
    );
    let sum: u64 = series
        .iter()
        .filter_map(|it| it["counts"]["verificationCount"].as_u64())
        .sum();
    assert_eq!(sum, decisions);
    let actions = said["topActions"].as_array().unwrap();
    assert_eq!(
        actions[0],
        json!({ "action": "files:read", "verificationCount": 4, "deniedCount": 0 })
    );
    assert_eq!(
        actions[1],
        json!({ "action": "mail:send", "verificationCount": 3, "deniedCount": 3 })
    );
    let latencies = said["latencies"].as_array().unwrap();
    let count: u64 = latencies.iter().filter_map(|it| it["count"].as_u64()).sum();
    assert_eq!((latencies.len(), count), (12, decisions));

    // The same as the lists say, which look at every row.
    for (decision, name) in [("DENIED", "deniedCount")] {
        let query = format!(
            "{{ verifications(first: 1, filter: {{ decision: {decision} }}) {{ totalCount }} }}"
        );
        let recount = owner.ask(&query, json!({})).await.unwrap();
        assert_eq!(recount["verifications"]["totalCount"], totals[name]);
    }
    // Days of a time zone are the same hours.
    let days = owner
        .ask(&query(", step: DAY, timeZone: \"Asia/Kathmandu\""), today())
        .await
        .unwrap();
    assert_eq!(days["analytics"]["totals"]["verificationCount"], decisions);

    // A crash counts nothing twice; and so does counting everything anew.
    aim.kill9().unwrap();
    aim.restart().unwrap();
    let owner = owner.sign_in(&aim, "admin@aim.local").await.unwrap();
    let again = counted(&owner, decisions).await;
    assert_eq!(again["analytics"]["totals"], *totals);
    rebuild();
    // The parts of an answer are read one by one, some of them before they are there.
    wait_for("the counts to be there again", PATIENCE, || async {
        let anew = owner.ask(&query(", step: HOUR"), today()).await?;
        let is_same = anew["analytics"]["totals"] == *totals
            && anew["topActions"] == said["topActions"]
            && anew["topAgents"] == said["topAgents"];
        Ok(is_same.then_some(()))
    })
    .await
    .unwrap();
}

pub(crate) fn rebuild(setting: (&str, String)) {
    let mut command = aim_command().unwrap();
    let output = command
        .args(["analytics", "rebuild"])
        .env(setting.0, setting.1)
        .output();
    let output = output.unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_are_what_a_recount_says_on_sqlite() {
    let aim = AimConfig::new().start().unwrap();
    let url = format!("sqlite://{}", aim.data().join("aim.db").display());
    check(aim, || rebuild(("DATABASE_URL", url.clone()))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_are_what_a_recount_says_on_postgresql() {
    let url = Postgres::shared().unwrap().fresh_database().unwrap();
    let aim = AimConfig::new().database(&url).start().unwrap();
    check(aim, || rebuild(("DATABASE_URL", url.clone()))).await;
}
