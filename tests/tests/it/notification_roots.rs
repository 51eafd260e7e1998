//! Root fields of notifications, and the rows that they name.

use serde_json::json;

use crate::roots::{ADMIN, BY_ID, Foreigner, Ids, PAGE, READ, Root, mutation, nothing, query};

pub(crate) const TARGETS: [&str; 2] = [
    "INSERT INTO notification_targets (id, organization_id, kind, name, address, event_types,
        created_by, created_at, since_position)
        SELECT x'0190a1b2c3d47e8f90a1b2c3d4e5f611', organization_id, 'WEBHOOK', 'a test',
        'https://receiver.example/', '[\"aim.audit.checkpointed.v1\"]', 'user:1', created_at,
        9000000 FROM agents WHERE name = 'reader'",
    "INSERT INTO notification_deliveries (id, organization_id, target_id, event_type, dedup_key,
        payload, created_at, next_attempt_at, attempt_count, replayed_at_count, attempts,
        finished_at, status)
        SELECT x'0190a1b2c3d47e8f90a1b2c3d4e5f612', organization_id,
        x'0190a1b2c3d47e8f90a1b2c3d4e5f611', 'a test', 'a test', '{}', created_at,
        created_at, 1, 0, '[]', created_at, 'DEAD' FROM agents WHERE name = 'reader'",
];
/// `NotificationTarget:0190a1b2-c3d4-7e8f-90a1-b2c3d4e5f611`.
const TARGET_ID: &str =
    "Tm90aWZpY2F0aW9uVGFyZ2V0OjAxOTBhMWIyLWMzZDQtN2U4Zi05MGExLWIyYzNkNGU1ZjYxMQ";
/// `NotificationDelivery:0190a1b2-c3d4-7e8f-90a1-b2c3d4e5f612`.
const DELIVERY_ID: &str =
    "Tm90aWZpY2F0aW9uRGVsaXZlcnk6MDE5MGExYjItYzNkNC03ZThmLTkwYTEtYjJjM2Q0ZTVmNjEy";

fn because(_: &Ids) -> serde_json::Value {
    json!({ "notificationTargetId": TARGET_ID, "reason": "a test" })
}

fn target(_: &Ids) -> serde_json::Value {
    json!({ "notificationTargetId": TARGET_ID })
}

pub(crate) const ROOTS: &[Root] = &[
    query(
        "analytics",
        READ,
        Foreigner::Own,
        "(from: \"2020-01-01T00:00:00Z\", until: \"2020-01-02T00:00:00Z\", step: HOUR) { from }",
        nothing,
    ),
    query(
        "topAgents",
        READ,
        Foreigner::Own,
        "(period: MONTH) { agentId }",
        nothing,
    ),
    query(
        "topActions",
        READ,
        Foreigner::Own,
        "(from: \"2020-01-01T00:00:00Z\", until: \"2020-01-02T00:00:00Z\") { action }",
        nothing,
    ),
    query(
        "latencies",
        READ,
        Foreigner::Own,
        "(kind: APPROVAL, from: \"2020-01-01T00:00:00Z\", until: \"2020-01-02T00:00:00Z\") { count }",
        nothing,
    ),
    query("notificationTarget", ADMIN, Foreigner::Null, BY_ID, |_| {
        json!(TARGET_ID)
    }),
    query(
        "notificationTargets",
        ADMIN,
        Foreigner::Empty,
        PAGE,
        nothing,
    ),
    query(
        "notificationDelivery",
        ADMIN,
        Foreigner::Null,
        BY_ID,
        |_| json!(DELIVERY_ID),
    ),
    mutation("createWebhook", ADMIN, Foreigner::Own, |_| {
        json!({ "name": "another", "url": "https://receiver.example/", "eventTypes": [
            "aim.audit.checkpointed.v1",
        ] })
    }),
    mutation(
        "createSlackTarget",
        ADMIN,
        Foreigner::Own,
        |_| json!({ "name": "channel", "url": "https://receiver.example/" }),
    ),
    mutation(
        "createEmailTarget",
        ADMIN,
        Foreigner::Own,
        |_| json!({ "name": "mailbox", "email": "owner@test.local" }),
    ),
    mutation(
        "updateNotificationTarget",
        ADMIN,
        Foreigner::NotFound,
        |_| json!({ "notificationTargetId": TARGET_ID, "name": "another name" }),
    ),
    mutation("rotateWebhookSecret", ADMIN, Foreigner::NotFound, target),
    mutation("testNotificationTarget", ADMIN, Foreigner::NotFound, target),
    mutation(
        "replayNotificationDelivery",
        ADMIN,
        Foreigner::NotFound,
        |_| json!({ "notificationDeliveryId": DELIVERY_ID }),
    ),
    mutation(
        "enableNotificationTarget",
        ADMIN,
        Foreigner::NotFound,
        because,
    ),
    mutation(
        "disableNotificationTarget",
        ADMIN,
        Foreigner::NotFound,
        because,
    ),
    mutation(
        "deleteNotificationTarget",
        ADMIN,
        Foreigner::NotFound,
        because,
    ),
];
