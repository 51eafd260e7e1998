//! Entries for a SIEM, as events of the Open Cybersecurity Schema Framework.

use serde_json::{Map, Value, json};

use super::entry::{AuditField, AuditRecord};
use super::export::ExportedEntry;

/// The version of the schema.
pub const OCSF_VERSION: &str = "1.7.0";

/// Category "Application Activity", class "API Activity".
const CATEGORY: u64 = 6;
const CLASS: u64 = 6_003;

/// The activity that the last word of an action names.
fn activity(action: &str) -> (u64, &'static str) {
    let verb = action.rsplit(['.', '-']).next().unwrap_or(action);
    match verb {
        "register" | "grant" | "publish" | "rate" | "suppress" | "engage" | "create" | "add" => {
            (1, "Create")
        }
        "verify" | "export" | "read" => (2, "Read"),
        "delete" | "revoke" | "withdraw" | "erase" | "remove" => (4, "Delete"),
        _ => (3, "Update"),
    }
}

/// Who, as OCSF has users: an agent is none of its kinds.
fn user(record: &AuditRecord) -> Map<String, Value> {
    let (type_id, kind) = match record.actor_type.as_str() {
        "user" => (1, "User"),
        "system" => (3, "System"),
        other => (99, other),
    };
    let mut user = Map::new();
    user.insert("type".to_owned(), json!(kind));
    user.insert("type_id".to_owned(), json!(type_id));
    if let Some(actor) = record.value(AuditField::ActorId).as_str() {
        user.insert("uid".to_owned(), json!(actor));
    }
    user
}

/// An entry as an event of class API Activity (6003). What is erased is left out, and said so under
/// `unmapped`.
#[must_use]
pub fn ocsf_event(entry: &ExportedEntry) -> Value {
    let record = entry.clone().into_record();
    let text = |field| record.value(field).as_str().map(str::to_owned);
    let (activity_id, activity_name) = activity(&record.action);
    let denied = record.value(AuditField::After)["decision"] == "DENIED";
    let (status_id, status) = if denied {
        (2, "Failure")
    } else {
        (1, "Success")
    };
    let mut api = Map::new();
    api.insert("operation".to_owned(), json!(record.action));
    if let Some(request) = text(AuditField::RequestId) {
        api.insert("request".to_owned(), json!({ "uid": request }));
    }
    let mut resource = Map::new();
    resource.insert("type".to_owned(), json!(record.object_type));
    if let Some(object) = text(AuditField::ObjectId) {
        resource.insert("uid".to_owned(), json!(object));
    }
    let erased: Vec<&str> = record.erased().into_iter().map(AuditField::name).collect();
    let mut event = json!({
        "activity_id": activity_id,
        "activity_name": activity_name,
        "actor": { "user": user(&record) },
        "api": api,
        "category_name": "Application Activity",
        "category_uid": CATEGORY,
        "class_name": "API Activity",
        "class_uid": CLASS,
        "metadata": {
            "event_code": record.action,
            "original_event_uid": record.id,
            "product": { "name": "AIM", "vendor_name": "AIM" },
            "sequence": record.index,
            "tenant_uid": record.organization,
            "uid": record.id,
            "version": OCSF_VERSION,
        },
        "resources": [resource],
        "severity": "Informational",
        "severity_id": 1,
        "src_endpoint": { "name": "AIM", "type": "Other", "type_id": 99 },
        "status": status,
        "status_id": status_id,
        "time": record.created_at.timestamp_millis(),
        "type_name": format!("API Activity: {activity_name}"),
        "type_uid": CLASS * 100 + activity_id,
        "unmapped": {
            "after": record.value(AuditField::After),
            "before": record.value(AuditField::Before),
            "erased_fields": erased,
            "leaf_hash": entry.leaf_hash,
        },
    });
    if let (Some(reason), Some(map)) = (text(AuditField::Reason), event.as_object_mut()) {
        map.insert("status_detail".to_owned(), json!(reason));
    }
    event
}
