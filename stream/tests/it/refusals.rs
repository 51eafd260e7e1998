//! What cannot be applied goes to the dead letters with its reason, and its partition goes on.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use aim_domain::event::ACTION_PERFORMED;
use aim_domain::signature::{SecretKey, sign_event};
use aim_eventlog::{ENVELOPE_MAX_BYTES, EventSink, Record, Topic, binary_form};
use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::clock::beginning;
use crate::faults::{Fate, Step};
use crate::lives::{read_in_batches, read_in_order, read_through};
use crate::outcome::{buried, buried_of, counts, outcome};
use crate::sent::{action_event, fleet_record};
use crate::site::{Member, Site};

fn good(member: &Member, number: usize) -> Record {
    let time = beginning() + TimeDelta::seconds(number.try_into().unwrap());
    let payload = action_event(member, number, time, "files:read", "ok");
    let signature = member.sign(&payload);
    fleet_record(member, payload, Some(signature))
}

/// A signed event that `change` made wrong.
fn signed(member: &Member, change: impl FnOnce(&mut Value)) -> Record {
    let bytes = action_event(member, 500, beginning(), "files:read", "ok");
    let mut event = serde_json::from_slice(&bytes).unwrap();
    change(&mut event);
    let payload = event.to_string();
    let signature = member.sign(payload.as_bytes());
    fleet_record(member, payload, Some(signature))
}

fn own(member: &Member, event_type: &str, data: &Value) -> Record {
    let event = json!({
        "specversion": "1.0", "id": "00000000-0000-0000-0000-000000000001",
        "source": "urn:aim:server", "type": event_type, "time": "2024-10-05T00:00:00Z",
        "data": data,
    });
    Record {
        topic: Topic::Events,
        ..fleet_record(member, event.to_string(), None)
    }
}

/// Each kind of poison: what is sent, and the reason that it is buried with.
fn poisons(member: &Member) -> Vec<(Record, &'static str)> {
    let stranger = SecretKey::from_seed(&[99; 32]);
    let stranger_id = stranger.public_key().thumbprint();
    let payload = action_event(member, 600, beginning(), "files:read", "ok");
    let strange = sign_event(&stranger, &stranger_id, &payload).to_string();
    let large = "x".repeat(ENVELOPE_MAX_BYTES);
    vec![
        (fleet_record(member, payload, Some(strange)), "KEY_UNKNOWN"),
        (
            signed(member, |e| e["data"]["session"] = json!(large)),
            "EVENT_TOO_LARGE",
        ),
        (
            signed(member, |e| e["specversion"] = json!("0.3")),
            "EVENT_INVALID",
        ),
        (
            signed(member, |e| e["data"]["action"] = json!("")),
            "EVENT_INVALID",
        ),
        (
            signed(member, |e| e["data"]["outcome"] = json!("perhaps")),
            "EVENT_INVALID",
        ),
        (signed(member, |e| e["data"] = json!([1])), "EVENT_INVALID"),
        (
            signed(member, |e| e["type"] = json!("aim.trust.score-changed.v1")),
            "EVENT_TYPE_UNKNOWN",
        ),
        (
            signed(member, |e| e["time"] = json!("yesterday")),
            "EVENT_MALFORMED",
        ),
        (
            signed(member, |e| {
                e["time"] = json!((beginning() - TimeDelta::hours(2)).to_rfc3339());
            }),
            "EVENT_TOO_LATE",
        ),
        (
            signed(member, |e| e["source"] = json!("urn:aim:server")),
            "AGENT_MISMATCH",
        ),
        (
            fleet_record(member, &b""[..], Some(member.sign(b""))),
            "EVENT_MALFORMED",
        ),
        (
            fleet_record(member, &b"\xff\xfe\x00"[..], Some("\0=::".to_owned())),
            "EVENT_MALFORMED",
        ),
        (
            own(member, "aim.verification.recorded.v1", &json!({})),
            "EVENT_INVALID",
        ),
        (
            own(member, "aim.something.else.v9", &json!({})),
            "EVENT_TYPE_UNKNOWN",
        ),
        (
            own(member, ACTION_PERFORMED, &json!({})),
            "EVENT_TYPE_UNKNOWN",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poisoned_record_does_not_stop_its_partition() {
    let members = crate::site::members();
    for (poison, reason) in poisons(&members[0]) {
        let site = Arc::new(Site::new().await.unwrap());
        let log = site.log();
        let member = &site.members[0];
        let records = vec![good(member, 0), poison.clone(), good(member, 1)];
        log.append(records).await.unwrap();
        let fate = Fate::new([Step::Batch(1), Step::Batch(50)]);
        read_through(&site, &log, &Arc::default(), &fate)
            .await
            .unwrap();
        let found = counts(&site).await.unwrap();
        assert_eq!(
            (found.applied, found.dead_letters),
            (2, 1),
            "{reason}: {found:?}"
        );
        let letters = buried(&site).await.unwrap();
        assert_eq!(letters[0].reason, reason, "{letters:?}");
        assert!(!letters[0].detail.is_empty(), "{letters:?}");
        assert_eq!(letters[0].payload, poison.payload, "{reason}");
        let kept = poison.signature.filter(|text| !text.contains('\0'));
        assert_eq!(letters[0].signature, kept, "{reason}");
        assert_eq!(
            outcome(&site).await.unwrap().agents[&member.id].samples,
            2,
            "{reason}"
        );
        // Who sent it in sees it; nobody else does.
        assert_eq!(buried_of(&site, 0).await.unwrap().len(), 1, "{reason}");
        assert_eq!(buried_of(&site, 1).await.unwrap(), Vec::new(), "{reason}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_counts_for_the_tenant_of_the_key_that_signed_it() {
    let site = Arc::new(Site::new().await.unwrap());
    let (ours, theirs) = (&site.members[0], &site.members[3]);
    assert_eq!(ours.name, theirs.name);
    assert_ne!(ours.organization, theirs.organization);
    let log = site.log();
    // Sent in by our tenant, signed by the other one's agent of the same name.
    let authentic = Record {
        organization: Some(ours.organization),
        ..good(theirs, 0)
    };
    // Signed by our agent in the name of theirs.
    let forged = signed(ours, |e| {
        e["source"] = json!(format!("urn:aim:agent:{}", theirs.id));
    });
    // The id of their key over the signature of ours.
    let payload = action_event(theirs, 7, beginning(), "files:read", "ok");
    let borrowed = sign_event(&ours.key, &theirs.key.public_key().thumbprint(), &payload);
    let borrowed = fleet_record(ours, payload, Some(borrowed.to_string()));
    log.append(vec![authentic, forged, borrowed]).await.unwrap();
    read_in_order(&site, &log, &Arc::default()).await.unwrap();
    let found = outcome(&site).await.unwrap();
    assert_eq!(found.agents[&theirs.id].samples, 1);
    assert_eq!(found.agents[&ours.id].samples, 0);
    let letters = buried_of(&site, 0).await.unwrap();
    let reasons: Vec<_> = letters.iter().map(|it| it.reason.as_str()).collect();
    assert_eq!(reasons, ["AGENT_MISMATCH", "SIGNATURE_INVALID"]);
    assert_eq!(buried_of(&site, 1).await.unwrap(), Vec::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_from_the_broker_belong_to_whoever_provably_sent_them() {
    let site = Arc::new(Site::new().await.unwrap());
    let (ours, theirs) = (&site.members[0], &site.members[3]);
    let log = site.log();
    let from_broker = |record: Record| Record {
        organization: None,
        ..record
    };
    let theirs_proven = signed(theirs, |e| e["data"]["action"] = json!(""));
    let ahead = signed(ours, |e| e["time"] = json!("2100-01-01T00:00:00Z"));
    let mut forged = signed(theirs, |e| e["data"]["action"] = json!(""));
    forged.signature = Some(theirs.sign(b"something else"));
    let records = [theirs_proven, ahead, forged].map(from_broker);
    log.append(records.into()).await.unwrap();
    read_in_order(&site, &log, &Arc::default()).await.unwrap();
    for (tenant, reason) in [(0, "EVENT_FROM_FUTURE"), (1, "EVENT_INVALID")] {
        let letters = buried_of(&site, tenant).await.unwrap();
        let reasons: Vec<_> = letters.iter().map(|it| it.reason.as_str()).collect();
        assert_eq!(reasons, [reason]);
    }
    assert_eq!(buried(&site).await.unwrap().len(), 3);
}

/// Enough of them to be checked together.
#[tokio::test(flavor = "multi_thread")]
async fn of_many_signatures_in_a_batch_those_that_are_forged_are_found() {
    for forged in [vec![], vec![0], vec![299], vec![7, 8, 150]] {
        let site = Arc::new(Site::new().await.unwrap());
        let log = site.log();
        let mut records: Vec<Record> = (0..300)
            .map(|number| good(&site.members[number % 2], number))
            .collect();
        for number in &forged {
            let other = good(&site.members[number % 2], number + 1);
            records[*number].signature = other.signature;
        }
        let wanted: Vec<_> = forged
            .iter()
            .map(|it| records[*it].payload.clone())
            .collect();
        log.append(records).await.unwrap();
        read_in_batches(&site, &log, &Arc::default(), 2_048)
            .await
            .unwrap();
        let found = counts(&site).await.unwrap();
        let lost = u64::try_from(forged.len()).unwrap();
        assert_eq!(
            (found.applied, found.dead_letters),
            (300 - lost, lost),
            "{found:?}"
        );
        let mut letters = buried(&site).await.unwrap();
        assert!(
            letters.iter().all(|it| it.reason == "SIGNATURE_INVALID"),
            "{letters:?}"
        );
        letters.sort_by(|a, b| a.payload.cmp(&b.payload));
        let mut wanted = wanted;
        wanted.sort();
        let found: Vec<_> = letters.iter().map(|it| it.payload.clone()).collect();
        assert_eq!(found, wanted);
    }
}

/// How an agent's key ends, and the reason that its events are buried with from then on.
#[tokio::test(flavor = "multi_thread")]
async fn events_of_a_key_that_has_ended_are_dead_letters_and_those_before_stay_applied() {
    for (column, reason) in [("revoked_at", "KEY_REVOKED"), ("expires_at", "KEY_EXPIRED")] {
        let site = Arc::new(Site::new().await.unwrap());
        let (member, log) = (&site.members[1], site.log());
        log.append(vec![good(member, 0)]).await.unwrap();
        read_in_order(&site, &log, &Arc::default()).await.unwrap();
        site.end_key(member, column).await.unwrap();
        log.append(vec![good(member, 1), good(&site.members[0], 2)])
            .await
            .unwrap();
        read_in_order(&site, &log, &Arc::default()).await.unwrap();
        let found = counts(&site).await.unwrap();
        assert_eq!(
            (found.applied, found.dead_letters),
            (2, 1),
            "{reason}: {found:?}"
        );
        let letters = buried(&site).await.unwrap();
        assert_eq!(letters[0].reason, reason, "{letters:?}");
        assert_eq!(letters[0].payload, good(member, 1).payload, "{letters:?}");
    }
}

/// The binary form of an action, with these headers changed after it was signed.
fn in_binary_mode(member: &Member, number: usize, changed: &[(&str, &str)]) -> Record {
    let (id, source) = (number.to_string(), format!("urn:aim:agent:{}", member.name));
    let time = beginning() + TimeDelta::seconds(number.try_into().unwrap());
    let time = time.to_rfc3339();
    let headers = [
        ("ce_specversion", "1.0"),
        ("ce_id", id.as_str()),
        ("ce_source", source.as_str()),
        ("ce_type", ACTION_PERFORMED),
        ("ce_time", time.as_str()),
        ("content-type", "application/json"),
    ];
    let form = |headers: &[(&str, &str)]| {
        let all = headers
            .iter()
            .map(|(name, value)| (*name, value.as_bytes()));
        binary_form(all, br#"{"action":"files:read","outcome":"ok"}"#).unwrap()
    };
    let signature = member.sign(&form(&headers));
    let mut sent = headers.to_vec();
    sent.retain(|(name, _)| changed.iter().all(|(other, _)| other != name));
    sent.extend(changed);
    fleet_record(member, form(&sent), Some(signature))
}

#[tokio::test(flavor = "multi_thread")]
async fn binary_mode_counts_like_structured_mode_and_its_headers_are_signed() {
    let site = Arc::new(Site::new().await.unwrap());
    let (member, log) = (&site.members[0], site.log());
    let tampered = [
        ("ce_id", "99"),
        ("ce_time", "2024-10-05T00:00:01Z"),
        ("ce_subject", "somebody"),
        ("content-type", "application/json; charset=utf-8"),
        ("ce_extension", "1"),
    ];
    let mut records = vec![in_binary_mode(member, 1, &[])];
    records.extend(tampered.map(|header| in_binary_mode(member, 2, &[header])));
    // The same event in the other mode, and once more in this one.
    records.extend([good(member, 1), in_binary_mode(member, 1, &[])]);
    records.push(in_binary_mode(member, 3, &[]));
    let wanted: Vec<_> = records[1..=tampered.len()].to_vec();
    log.append(records).await.unwrap();
    read_in_order(&site, &log, &Arc::default()).await.unwrap();
    let found = counts(&site).await.unwrap();
    assert_eq!((found.applied, found.duplicates), (2, 2), "{found:?}");
    let letters = buried(&site).await.unwrap();
    assert_eq!(letters.len(), wanted.len(), "{letters:?}");
    for (letter, record) in letters.iter().zip(&wanted) {
        assert_eq!(letter.reason, "SIGNATURE_INVALID", "{letter:?}");
        assert_eq!(letter.payload, record.payload);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_signature_only_the_broker_s_own_word_counts_and_only_where_it_is_taken() {
    for takes_unsigned in [false, true] {
        let mut site = Site::new().await.unwrap();
        site.takes_unsigned = takes_unsigned;
        let site = Arc::new(site);
        let (member, log) = (&site.members[0], site.log());
        let unsigned = |number, source: String, organization| {
            let mut event: Value = serde_json::from_slice(&good(member, number).payload).unwrap();
            event["source"] = source.into();
            Record {
                organization,
                ..fleet_record(member, event.to_string(), None)
            }
        };
        let by_id = format!("urn:aim:agent:{}", member.id);
        let by_name = format!("urn:aim:agent:{}", member.name);
        let nobody = format!("urn:aim:agent:{}", uuid::Uuid::from_u128(7));
        let records = [
            unsigned(1, by_id.clone(), None),
            unsigned(2, by_name, None),
            unsigned(3, nobody, None),
            // Somebody sent it over HTTP.
            unsigned(4, by_id, Some(member.organization)),
        ];
        log.append(records.to_vec()).await.unwrap();
        read_in_order(&site, &log, &Arc::default()).await.unwrap();
        let found = counts(&site).await.unwrap();
        assert_eq!(found.applied, u64::from(takes_unsigned), "{found:?}");
        let letters = buried(&site).await.unwrap();
        let reasons: Vec<_> = letters.iter().map(|it| it.reason.as_str()).collect();
        let missing = "SIGNATURE_MISSING";
        let wanted = if takes_unsigned {
            vec![missing, "AGENT_UNKNOWN", missing]
        } else {
            vec![missing; 4]
        };
        assert_eq!(reasons, wanted, "{letters:?}");
    }
}
