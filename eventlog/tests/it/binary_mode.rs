//! CloudEvents in binary mode through a real broker: headers become the signed binary form.

use std::time::{Duration, Instant};

use aim_domain::signature::{EventSignature, SecretKey, sign_event, verify_events};
use aim_eventlog::{
    Delivery, Envelope, EventSource, KafkaConfig, KafkaSource, Polled, Topic, binary_form,
    ensure_topics,
};
use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};

use crate::logs::kafka_config;

const PATIENCE: Duration = Duration::from_secs(60);
const SIGNATURE: &str = "aim-signature";
const DATA: &[u8] = br#"{"action":"files:read","outcome":"ok"}"#;
const GOOD: [(&str, &[u8]); 6] = [
    ("ce_type", b"aim.action.performed.v1"),
    ("ce_specversion", b"1.0"),
    ("ce_id", b"1"),
    ("ce_source", b"urn:aim:agent:a"),
    ("ce_time", b"2026-01-05T09:00:02Z"),
    ("content-type", b"application/json"),
];

type Headers<'a> = Vec<(&'a str, &'a [u8])>;
/// What is sent, the reason that it is refused for, and the signature that it comes with.
type Case<'a> = (
    Headers<'a>,
    Option<&'a [u8]>,
    &'static str,
    Option<&'static str>,
);

/// Produces as a fleet does: with a client of its own.
async fn produce(
    config: &KafkaConfig,
    headers: &Headers<'_>,
    value: Option<&[u8]>,
) -> anyhow::Result<()> {
    let producer: FutureProducer = ClientConfig::new()
        .set("bootstrap.servers", &config.brokers)
        .create()?;
    let mut own = OwnedHeaders::new();
    for (key, value) in headers {
        let value = Some(*value);
        own = own.insert(Header { key, value });
    }
    let topic = config.topic(Topic::Actions);
    let mut record = FutureRecord::to(&topic).key("agent").headers(own);
    if let Some(value) = value {
        record = record.payload(value);
    }
    let sent = producer.send(record, PATIENCE).await;
    sent.map_err(|(error, _)| error)?;
    Ok(())
}

async fn read(config: &KafkaConfig, count: usize) -> anyhow::Result<Vec<Delivery>> {
    let mut source = KafkaSource::new(config, &[Topic::Actions])?;
    let (mut all, end) = (Vec::new(), Instant::now() + PATIENCE);
    while all.len() < count {
        anyhow::ensure!(Instant::now() < end, "{} of {count} came", all.len());
        match source.poll(100, Duration::from_millis(100)).await? {
            Polled::Assigned(partitions) => {
                for partition in partitions {
                    source.seek(partition, 0).await?;
                }
            }
            Polled::Revoked(partitions) => anyhow::bail!("{partitions:?} taken away"),
            Polled::Batch(batch) => all.extend(batch),
        }
    }
    Ok(all)
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_and_value_arrive_as_the_bytes_that_were_signed() {
    let config = kafka_config().unwrap();
    ensure_topics(&config).await.unwrap();
    let key = SecretKey::from_seed(&[7; 32]);
    let form = binary_form(GOOD.into_iter(), DATA).unwrap();
    let signature = sign_event(&key, &key.public_key().thumbprint(), &form).to_string();
    let mut headers = GOOD.to_vec();
    headers.insert(2, (SIGNATURE, signature.as_bytes()));
    headers.push(("tracer", b"\xff\n"));
    produce(&config, &headers, Some(DATA)).await.unwrap();
    let all = read(&config, 1).await.unwrap();
    assert_eq!(all[0].payload, form);
    let read = EventSignature::parse(all[0].signature.as_deref().unwrap()).unwrap();
    let signed = (&read, &key.public_key(), &all[0].payload[..]);
    assert_eq!(verify_events(&[signed], &[0; 32]), [true]);
    let event = Envelope::parse(&all[0].payload).unwrap();
    assert_eq!(
        (&*event.id, event.data.json(None).unwrap().as_bytes()),
        ("1", DATA)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_records_arrive_with_all_that_they_had_and_stall_nothing() {
    let config = kafka_config().unwrap();
    ensure_topics(&config).await.unwrap();
    let with = |more: &[(&'static str, &'static [u8])]| [&GOOD, more].concat();
    let structured = br#"{"specversion":"1.0","id":"2","source":"urn:aim:agent:a","type":"t","time":"2026-01-05T09:00:02Z","data":{}}"#;
    let json = ("content-type", &b"application/cloudevents+json"[..]);
    let cases: [Case<'_>; 8] = [
        (with(&[("ce_id", b"2")]), Some(DATA), "EVENT_INVALID", None),
        (
            with(&[("ce_x", b"\xff")]),
            Some(DATA),
            "EVENT_MALFORMED",
            None,
        ),
        (with(&[]), None, "EVENT_MALFORMED", None),
        (GOOD[1..].to_vec(), Some(DATA), "EVENT_INVALID", None),
        (
            with(&[(SIGNATURE, b"\xff")]),
            Some(DATA),
            "",
            Some("\u{fffd}"),
        ),
        (
            with(&[(SIGNATURE, b"one"), (SIGNATURE, b"two")]),
            Some(DATA),
            "",
            Some("one, two"),
        ),
        // In structured mode headers may repeat attributes; the value alone counts.
        (vec![json, ("ce_id", b"9")], Some(structured), "", None),
        (with(&[]), Some(DATA), "", None),
    ];
    for (headers, value, _, _) in &cases {
        produce(&config, headers, *value).await.unwrap();
    }
    let all = read(&config, cases.len()).await.unwrap();
    for (delivery, (headers, value, code, signature)) in all.iter().zip(&cases) {
        let read = Envelope::parse(&delivery.payload);
        let found = read.as_ref().map_or_else(|refusal| refusal.code, |_| "");
        assert_eq!(found, *code, "{headers:?}: {read:?}");
        assert_eq!(delivery.signature.as_deref(), *signature, "{headers:?}");
        let value = value.unwrap_or_default();
        assert!(delivery.payload.ends_with(value), "{headers:?}");
    }
    assert_eq!(Envelope::parse(&all[6].payload).unwrap().id, "2");
}
