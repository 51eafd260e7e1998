//! Reports are made by themselves, one for each period whatever dies, kept, told of, and downloaded.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

use aim_domain::digest::hex;
use aim_tests::{AimConfig, Postgres, Receiver, python_script, wait_for};
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::fleet::{Owner, database_of, text};
use crate::notifications::{done, reaching};
use crate::people::two_nodes;

const PATIENCE: Duration = Duration::from_secs(60);
const REPORTS: &str = "{ keptReports(first: 100) { totalCount nodes { id reportScheduleId framework
    name every periodStart csv csvSha256 auditEntryId auditTreeSize lines { control title check wanted outcome count lackingCount } } } }";

async fn schedule(owner: &Owner, framework: &str, every: &str, target: Option<&str>) -> Value {
    let input = json!({ "framework": framework, "every": every, "notificationTargetId": target });
    let made = "reportSchedule { id nextAt }";
    done(owner, "scheduleReport", made, input).await["reportSchedule"].take()
}

/// All of them, as soon as there are so many.
async fn reports(owner: &Owner, count: usize) -> Vec<Value> {
    let found = || async {
        let mut found = owner.ask(REPORTS, json!({})).await?;
        let nodes = found["keptReports"]["nodes"].take();
        let nodes = nodes.as_array().cloned().unwrap_or_default();
        anyhow::ensure!(nodes.len() <= count, "too many: {nodes:?}");
        Ok((nodes.len() == count).then_some(nodes))
    };
    wait_for("the reports", PATIENCE, found).await.unwrap()
}

/// When the next is due, as soon as that is later than now.
async fn is_quiet(owner: &Owner) {
    let query = "{ reportSchedules(first: 100) { nodes { nextAt } } }";
    let quiet = || async {
        let found = owner.ask(query, json!({})).await?;
        let nodes = found["reportSchedules"]["nodes"].as_array().unwrap();
        let now = crate::fleet::now().to_rfc3339();
        let all = nodes.iter().all(|it| it["nextAt"].as_str() > Some(&now));
        Ok(all.then_some(()))
    };
    wait_for("schedules that wait", PATIENCE, quiet)
        .await
        .unwrap();
}

async fn download(owner: &Owner, id: &str, query: &str) -> reqwest::Response {
    let url = format!("{}/v1/reports/{id}{query}", owner.url);
    let request = owner.http.get(url).bearer_auth(&owner.token);
    request.send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_period_has_one_report_which_is_kept_told_of_and_downloaded() {
    let receiver = Receiver::start().await.unwrap();
    let aim = reaching().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    // It would be told of reports anyway, and is told once.
    let input = json!({ "name": "archive", "url": receiver.url(),
        "eventTypes": ["aim.report.kept.v1"] });
    let made = "created { notificationTarget { id } }";
    let made = done(&owner, "createWebhook", made, input).await;
    let target = text(&made, "/created/notificationTarget/id").unwrap();
    let scheduled = schedule(&owner, "SOC2", "DAILY", Some(&target)).await;
    let report = reports(&owner, 1).await.remove(0);
    assert_eq!(report["reportScheduleId"], scheduled["id"]);

    let csv = text(&report, "/csv").unwrap();
    let digest = hex(&Sha256::digest(csv.as_bytes()));
    assert_eq!(report["csvSha256"], digest);
    let lines = report["lines"].as_array().unwrap().len();
    assert_eq!(csv.trim_end().split("\r\n").count(), lines + 1);
    let told = receiver.request(0, PATIENCE).await.unwrap();
    let told: Value = serde_json::from_str(&told.body).unwrap();
    assert_eq!(told["type"], "aim.report.kept.v1");
    assert_eq!(told["data"]["csv_sha256"], digest);

    // The audit log has its digest, so that it can be proven.
    let query = "query($id: ID!) { node(id: $id) { ... on AuditEntry { action after } } }";
    let asked = json!({ "id": report["auditEntryId"] });
    let entry = owner.ask(query, asked).await.unwrap();
    assert_eq!(entry["node"]["action"], "report.keep", "{entry}");
    assert!(entry.to_string().contains(&digest), "{entry}");

    let id = text(&report, "/id").unwrap();
    let file = download(&owner, &id, "").await;
    assert_eq!(file.status(), 200);
    assert_eq!(file.headers()["content-type"], "text/csv; charset=utf-8");
    assert_eq!(file.text().await.unwrap(), csv);
    assert_eq!(
        download(&owner, &scheduled["id"].to_string(), "")
            .await
            .status(),
        404
    );
    assert_eq!(download(&owner, &id, "?format=docx").await.status(), 400);
    let nobody = owner.http.get(format!("{}/v1/reports/{id}", owner.url));
    assert_eq!(nobody.send().await.unwrap().status(), 401);

    // Due again within its period, it is not made again; periods that nobody saw have none.
    let database = database_of(&aim).await.unwrap();
    let due = "UPDATE report_schedules SET next_at = '2020-01-01T00:00:00+00:00'";
    database.execute_unprepared(due).await.unwrap();
    is_quiet(&owner).await;
    reports(&owner, 1).await;
    let past = "UPDATE kept_reports SET period_start = '2020-01-01T00:00:00+00:00'";
    database.execute_unprepared(past).await.unwrap();
    database.execute_unprepared(due).await.unwrap();
    is_quiet(&owner).await;
    reports(&owner, 2).await;
    receiver.request(1, PATIENCE).await.unwrap();
    assert_eq!(receiver.received().len(), 2);

    let input = json!({ "reportScheduleId": scheduled["id"] });
    done(&owner, "unscheduleReport", "reportSchedule { id }", input).await;
    reports(&owner, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_are_made_once_when_a_node_is_killed() {
    let url = Postgres::shared().unwrap().fresh_database().unwrap();
    let [mut first, second] = two_nodes(&url);
    let owner = Owner::of(&first).await.unwrap();
    let survivor = Owner {
        url: second.base_url().to_owned(),
        ..owner.clone()
    };
    let mut made = BTreeSet::new();
    for framework in [
        "SOC2",
        "ISO27001",
        "HIPAA",
        "GDPR",
        "EU_AI_ACT",
        "NIST_AI_RMF",
    ] {
        for every in ["DAILY", "WEEKLY", "QUARTERLY"] {
            let scheduled = schedule(&owner, framework, every, None).await;
            made.insert(text(&scheduled, "/id").unwrap());
        }
    }
    first.kill9().unwrap();
    let kept = reports(&survivor, made.len()).await;
    let of: BTreeSet<_> = kept
        .iter()
        .map(|it| text(it, "/reportScheduleId").unwrap())
        .collect();
    assert_eq!(of, made);
    first.restart().unwrap();
    is_quiet(&survivor).await;
    reports(&survivor, made.len()).await;
    let query = "{ auditEntries(first: 1, filter: { objectType: \"report\" }) { totalCount } }";
    let entries = survivor.ask(query, json!({})).await.unwrap();
    assert_eq!(entries["auditEntries"]["totalCount"], made.len());
}

/// What a public library reads in a PDF: its pages' text.
async fn read_pdf(file: Vec<u8>) -> Value {
    let read = tokio::task::spawn_blocking(move || {
        let mut command = python_script("read_pdf.py").unwrap();
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut python = command.spawn().unwrap();
        let mut stdin = python.stdin.take().unwrap();
        stdin.write_all(&file).unwrap();
        drop(stdin);
        let output = python.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    });
    read.await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pdf_says_what_the_csv_says_whatever_names_say() {
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    let hostile = format!(
        ") Tj ET \u{4e2d}\u{202e}\u{7}Zürich \\ {}",
        "x".repeat(5_000)
    );
    let names = format!("UPDATE organizations SET name = '{hostile}'");
    let database = database_of(&aim).await.unwrap();
    database.execute_unprepared(&names).await.unwrap();
    schedule(&owner, "ISO27001", "QUARTERLY", None).await;
    let report = reports(&owner, 1).await.remove(0);
    let id = text(&report, "/id").unwrap();
    let file = download(&owner, &id, "?format=pdf").await;
    assert_eq!(file.headers()["content-type"], "application/pdf");
    let file = file.bytes().await.unwrap();
    let again = download(&owner, &id, "?format=pdf").await;
    assert_eq!(again.bytes().await.unwrap(), file);
    let read = read_pdf(file.to_vec()).await;
    let pages = read["pages"].as_array().unwrap().iter();
    let pages: Vec<&str> = pages.filter_map(Value::as_str).collect();
    let all = pages.join(" ");
    let all = all.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        all.contains(") Tj ET [U+4E2D][U+202E][U+0007]Zürich \\"),
        "{all}"
    );
    assert!(all.contains("more characters]"), "{all}");
    let reference = report["auditEntryId"].as_str().unwrap();
    assert!(all.contains(reference) && all.contains(report["csvSha256"].as_str().unwrap()));
    for line in report["lines"].as_array().unwrap() {
        let said = |name: &str| line[name].to_string().replace('"', "");
        let wanted = format!(
            "{}: {}, {} of {} lack it",
            said("check"),
            said("outcome"),
            said("lackingCount"),
            said("count")
        );
        assert!(all.contains(&wanted), "{wanted}: {all}");
        let control = format!("{} {}", said("control"), said("title"));
        assert!(all.contains(&control), "{control}: {all}");
    }
    assert!(!all.to_lowercase().contains("compliant"), "{all}");
}

#[tokio::test]
async fn schedules_are_bounded() {
    let aim = AimConfig::new().start().unwrap();
    let owner = Owner::of(&aim).await.unwrap();
    for _ in 0..20 {
        schedule(&owner, "GDPR", "MONTHLY", None).await;
    }
    let query = "mutation($input: ScheduleReportInput!) { scheduleReport(input: $input) {
        userErrors { code message } } }";
    let input = json!({ "input": { "framework": "GDPR", "every": "DAILY" } });
    let answer = owner.ask(query, input).await.unwrap();
    let error = &answer["scheduleReport"]["userErrors"][0];
    assert_eq!(error["code"], "CONFLICT", "{answer}");
}
