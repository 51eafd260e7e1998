//! One key for checkpoints in place of another: an operator's work, on the machine that has them.

use std::sync::Arc;

use aim_domain::audit::KeyRotation;
use aim_domain::clock::Clock;
use aim_domain::id::AuditEntryId;
use aim_domain::signature::SecretKey;
use aim_store::Store;
use aim_store::audit::NewAuditEntry;
use aim_store::audit_keys::AuditKey;
use serde_json::json;

use crate::{AppError, ErrorCode, Ids};

/// Makes `new` the key that checkpoints are signed with. The rotation is an entry in every
/// organization's trail. `old` is the key until now; none when it is lost, and then whoever trusts it
/// has to be told of the new one.
///
/// # Errors
/// `Conflict` when `old` is not the key until now, or somebody else rotates it.
pub async fn rotate_audit_key(
    store: &Store,
    clock: &Arc<dyn Clock>,
    old: Option<&SecretKey>,
    new: &SecretKey,
    reason: &str,
) -> Result<KeyRotation, AppError> {
    let ids = Ids::new(Arc::clone(clock));
    let organizations = store.list_organization_ids().await?;
    let mut tx = store.begin().await?;
    let keys = tx.list_audit_keys().await?;
    let conflict = |why: &str| AppError::new(ErrorCode::Conflict, why.to_owned());
    let current = keys
        .last()
        .ok_or_else(|| conflict("there is no key yet; start the server once"))?;
    if old.is_some_and(|it| it.public_key() != current.key) {
        return Err(conflict("the key at hand is not the one that signs now"));
    }
    let rotation = KeyRotation::sign(&current.key, old, new, clock.now());
    tx.insert_audit_key(&AuditKey {
        number: current.number + 1,
        key: new.public_key(),
        rotation: Some(rotation.clone()),
    })
    .await?;
    for organization in organizations {
        let id = ids.next();
        tx.audit(NewAuditEntry {
            id: AuditEntryId::from_uuid(id),
            organization,
            actor_type: "system",
            actor_id: "operator".to_owned(),
            action: "audit.rotate-key",
            object_type: "audit-key",
            object_id: new.public_key().thumbprint(),
            reason: Some(reason.to_owned()),
            before: Some(json!({ "key": rotation.old })),
            after: Some(json!({ "key": rotation.new, "isVouchedFor": old.is_some() })),
            request_id: id.to_string(),
        });
    }
    tx.commit().await?;
    Ok(rotation)
}
