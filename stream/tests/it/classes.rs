//! What an organization says of an action counts for its own fleet alone.

use std::sync::Arc;

use aim_domain::action::{ActionClass, ActionClassOverride};
use aim_domain::id::ActionClassOverrideId;
use aim_domain::name::ActionName;
use aim_domain::risk::RiskLevel;
use aim_entities::activity;
use aim_eventlog::EventSink;
use chrono::TimeDelta;
use sea_orm::EntityTrait;
use uuid::Uuid;

use crate::clock::beginning;
use crate::lives::read_in_order;
use crate::sent::{action_event, fleet_record};
use crate::site::Site;

#[tokio::test(flavor = "multi_thread")]
async fn an_overridden_read_is_a_write_of_that_organization() {
    let site = Arc::new(Site::new().await.unwrap());
    let ours = site.members[0].organization;
    let word = ActionClassOverride {
        id: ActionClassOverrideId::from_uuid(Uuid::nil()),
        organization: ours,
        action: ActionName::parse("files:read").unwrap(),
        class: ActionClass {
            is_write: true,
            risk: RiskLevel::High,
        },
        reason: "reading marks as read".to_owned(),
        set_by: "user:1".to_owned(),
        set_at: beginning(),
    };
    let store = site.store().await.unwrap();
    let mut tx = store.begin().await.unwrap();
    tx.put_action_class_override(&word).await.unwrap();
    tx.commit().await.unwrap();

    let log = site.log();
    for (number, member) in [0, 3].into_iter().zip([&site.members[0], &site.members[3]]) {
        for (offset, action) in ["files:read", "files:list"].into_iter().enumerate() {
            let time = beginning() + TimeDelta::seconds(number);
            let number = usize::try_from(number).unwrap() * 2 + offset;
            let payload = action_event(member, number, time, action, "ok");
            let signature = member.sign(&payload);
            let record = fleet_record(member, payload, Some(signature));
            log.append(vec![record]).await.unwrap();
        }
    }
    read_in_order(&site, &log, &Arc::default()).await.unwrap();
    let found = activity::Entity::find().all(store.reader()).await.unwrap();
    let found = found.iter().map(|row| {
        let is_ours = row.organization_id == ours.as_uuid();
        (is_ours, row.action.as_str(), row.is_write)
    });
    let mut found: Vec<_> = found.collect();
    found.sort_unstable();
    let wanted = [
        (false, "files:list", false),
        (false, "files:read", false),
        (true, "files:list", false),
        (true, "files:read", true),
    ];
    assert_eq!(found, wanted);
}
