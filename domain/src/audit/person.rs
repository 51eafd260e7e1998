//! Which fields of an entry say something of a person.

use std::collections::BTreeSet;

use serde_json::Value;

use super::entry::{AuditField, AuditRecord};

impl AuditRecord {
    /// The fields that have to go when a person is erased: what names them, by id or by another of
    /// `terms`; and of what they did themselves also their words and the request they came with.
    /// `terms` are compared without regard to case.
    #[must_use]
    pub fn fields_of_person(&self, subject: &str, terms: &[String]) -> BTreeSet<AuditField> {
        let mut found = BTreeSet::new();
        if self.actor_type == "user" && self.value(AuditField::ActorId) == subject {
            found.extend([
                AuditField::ActorId,
                AuditField::Reason,
                AuditField::RequestId,
            ]);
        }
        let mut names: Vec<String> = terms.iter().map(|it| it.to_lowercase()).collect();
        names.push(subject.to_lowercase());
        names.retain(|it| !it.is_empty());
        for field in AuditField::ALL {
            if mentions(self.value(field), &names) {
                found.insert(field);
            }
        }
        // What is erased already, or was never there, need not go.
        found.retain(|field| !self.value(*field).is_null());
        found
    }
}

fn mentions(value: &Value, names: &[String]) -> bool {
    let in_text = |text: &str| {
        let text = text.to_lowercase();
        names.iter().any(|name| text.contains(name))
    };
    match value {
        Value::String(text) => in_text(text),
        Value::Array(items) => items.iter().any(|it| mentions(it, names)),
        Value::Object(map) => map
            .iter()
            .any(|(key, it)| in_text(key) || mentions(it, names)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}
