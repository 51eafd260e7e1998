//! Filters of the lists of approvals and capabilities.

use serde_json::json;

use crate::list_fields::{Filter, filter};

pub(crate) const APPROVAL_FILTERS: &[Filter] = &[
    filter(
        "approvals",
        "status",
        |_| json!("PENDING"),
        |_| json!("USED"),
    ),
    filter(
        "approvals",
        "agentId",
        |it| json!(it.agent),
        |it| json!(it.other),
    ),
    filter(
        "approvals",
        "action",
        |_| json!("db:delete"),
        |_| json!("files:read"),
    ),
    filter("approvals", "risk", |_| json!("CRITICAL"), |_| json!("LOW")),
    filter(
        "approvalGrants",
        "agentId",
        |it| json!(it.agent),
        |it| json!(it.other),
    ),
    filter(
        "approvalGrants",
        "isLive",
        |_| json!(false),
        |_| json!(true),
    ),
    filter(
        "capabilityGrants",
        "agentId",
        |it| json!(it.agent),
        |it| json!(it.other),
    ),
    filter(
        "capabilityGrants",
        "capability",
        |_| json!("files:read"),
        |_| json!("files:*"),
    ),
    filter(
        "capabilityGrants",
        "isLive",
        |_| json!(true),
        |_| json!(false),
    ),
    filter(
        "capabilityRequests",
        "agentId",
        |it| json!(it.agent),
        |it| json!(it.other),
    ),
    filter(
        "capabilityRequests",
        "status",
        |_| json!("PENDING"),
        |_| json!("EXPIRED"),
    ),
    filter(
        "capabilityViolations",
        "agentId",
        |it| json!(it.agent),
        |it| json!(it.other),
    ),
    filter(
        "capabilityViolations",
        "severity",
        |_| json!("HIGH"),
        |_| json!("LOW"),
    ),
    filter(
        "capabilityViolations",
        "action",
        |_| json!("mail:send"),
        |_| json!("mail:read"),
    ),
];
