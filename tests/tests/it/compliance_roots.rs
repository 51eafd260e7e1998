//! Root fields of reviews of access, with the rows that they are asked about.

use serde_json::{Value, json};

use crate::list_fields::{Filter, filter};
use crate::roots::{ADMIN, BY_ID, Foreigner, Ids, PAGE, Root, mutation, nothing, query};

/// A review, with one thing in it.
pub(crate) const REVIEWS: [&str; 2] = [
    "INSERT INTO access_reviews (id, organization_id, name, status, due_at, item_count, kept_count,
        revoked_count, created_by, created_at) SELECT x'0190a1b2c3d47e8f90a1b2c3d4e5f641',
        organization_id, 'a test', 'OPEN', '2999-01-01 00:00:00+00:00', 1, 0, 0, 'user:1', created_at
        FROM agents WHERE name = 'reader'",
    "INSERT INTO access_review_items (id, organization_id, review_id, subject, subject_id, name, access)
        SELECT x'0190a1b2c3d47e8f90a1b2c3d4e5f642', organization_id,
        x'0190a1b2c3d47e8f90a1b2c3d4e5f641', 'AGENT', id, name, 'VERIFIED' FROM agents
        WHERE name = 'reader'",
];
/// A schedule, and a report that it made.
pub(crate) const REPORTS: [&str; 2] = [
    "INSERT INTO report_schedules (id, organization_id, framework, every, next_at, created_by, created_at)
        SELECT x'0190a1b2c3d47e8f90a1b2c3d4e5f643', organization_id, 'SOC2', 'DAILY',
        '2999-01-01 00:00:00+00:00', 'user:1', created_at FROM agents WHERE name = 'reader'",
    "INSERT INTO kept_reports (id, organization_id, schedule_id, framework, every, period_start,
        measured_at, body, csv_sha256, audit_entry_id) SELECT x'0190a1b2c3d47e8f90a1b2c3d4e5f644',
        organization_id, x'0190a1b2c3d47e8f90a1b2c3d4e5f643', 'SOC2', 'DAILY', created_at, created_at,
        '{\"organization\": \"\", \"name\": \"\", \"edition\": \"\", \"lines\": []}', '', id FROM agents
        WHERE name = 'reader'",
];
/// The global id of that: `ReportSchedule:0190a1b2-c3d4-7e8f-90a1-b2c3d4e5f643`.
const SCHEDULE_ID: &str = "UmVwb3J0U2NoZWR1bGU6MDE5MGExYjItYzNkNC03ZThmLTkwYTEtYjJjM2Q0ZTVmNjQz";
/// The global id of that: `KeptReport:0190a1b2-c3d4-7e8f-90a1-b2c3d4e5f644`.
const REPORT_ID: &str = "S2VwdFJlcG9ydDowMTkwYTFiMi1jM2Q0LTdlOGYtOTBhMS1iMmMzZDRlNWY2NDQ";
/// The global id of that: `AccessReview:0190a1b2-c3d4-7e8f-90a1-b2c3d4e5f641`.
const REVIEW_ID: &str = "QWNjZXNzUmV2aWV3OjAxOTBhMWIyLWMzZDQtN2U4Zi05MGExLWIyYzNkNGU1ZjY0MQ";
/// The global id of that: `AccessReviewItem:0190a1b2-c3d4-7e8f-90a1-b2c3d4e5f642`.
const ITEM_ID: &str = "QWNjZXNzUmV2aWV3SXRlbTowMTkwYTFiMi1jM2Q0LTdlOGYtOTBhMS1iMmMzZDRlNWY2NDI";
/// `AccessReview:0190a1b2-c3d4-7e8f-90a1-b2c3d4e5f64f`, which is nothing.
const NO_REVIEW: &str = "QWNjZXNzUmV2aWV3OjAxOTBhMWIyLWMzZDQtN2U4Zi05MGExLWIyYzNkNGU1ZjY0Zg";

fn closing(_: &Ids) -> Value {
    json!({ "accessReviewId": REVIEW_ID, "reason": "a test" })
}

pub(crate) const ROOTS: &[Root] = &[
    query("accessReview", ADMIN, Foreigner::Null, BY_ID, |_| {
        json!(REVIEW_ID)
    }),
    query("accessReviews", ADMIN, Foreigner::Empty, PAGE, nothing),
    query("accessReviewItems", ADMIN, Foreigner::Empty, PAGE, nothing),
    mutation(
        "openAccessReview",
        ADMIN,
        Foreigner::Own,
        |ids| json!({ "name": "a test", "dueAt": ids.soon, "subjects": ["USER"] }),
    ),
    mutation(
        "answerAccessReviewItem",
        ADMIN,
        Foreigner::NotFound,
        |_| json!({ "accessReviewItemId": ITEM_ID, "word": "KEEP" }),
    ),
    mutation("closeAccessReview", ADMIN, Foreigner::NotFound, closing),
    query("reportSchedules", ADMIN, Foreigner::Empty, PAGE, nothing),
    query("keptReports", ADMIN, Foreigner::Empty, PAGE, nothing),
    query("keptReport", ADMIN, Foreigner::Null, BY_ID, |_| {
        json!(REPORT_ID)
    }),
    mutation(
        "scheduleReport",
        ADMIN,
        Foreigner::Own,
        |_| json!({ "framework": "SOC2", "every": "DAILY" }),
    ),
    mutation(
        "unscheduleReport",
        ADMIN,
        Foreigner::NotFound,
        |_| json!({ "reportScheduleId": SCHEDULE_ID }),
    ),
];

pub(crate) const REVIEW_FILTERS: &[Filter] = &[
    filter(
        "keptReports",
        "framework",
        |_| json!("SOC2"),
        |_| json!("GDPR"),
    ),
    filter(
        "accessReviews",
        "status",
        |_| json!("OPEN"),
        |_| json!("CLOSED"),
    ),
    filter(
        "accessReviewItems",
        "accessReviewId",
        |_| json!(REVIEW_ID),
        |_| json!(NO_REVIEW),
    ),
    filter(
        "accessReviewItems",
        "subject",
        |_| json!("AGENT"),
        |_| json!("USER"),
    ),
    filter(
        "accessReviewItems",
        "word",
        |_| json!("KEEP"),
        |_| json!("REVOKE"),
    ),
    filter(
        "accessReviewItems",
        "isAnswered",
        |_| json!(true),
        |_| json!(false),
    ),
];

/// The word that filters find.
pub(crate) const WORD: &str = "UPDATE access_review_items SET word = 'KEEP'";
