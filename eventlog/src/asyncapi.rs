//! `docs/asyncapi.json` says to producers what is read, no more and no less.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;

use aim_domain::action::ToolAnnotations;
use aim_domain::event::{ACTION_PERFORMED, Fact};
use aim_domain::location::Location;
use serde::de::value::Error;
use serde::de::{Error as _, Visitor};
use serde::{Deserialize, Deserializer, forward_to_deserialize_any};
use serde_json::Value;

use crate::kafka_sink::{ORGANIZATION_HEADER, POSITION_HEADER, SIGNATURE_HEADER};
use crate::observed::Data;
use crate::{Envelope, Topic};

/// Hears which members a structure asks for, and gives it none.
struct Listener<'a>(&'a RefCell<BTreeSet<String>>);

impl<'de> Deserializer<'de> for Listener<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("nothing is here"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Error> {
        let mut heard = self.0.borrow_mut();
        heard.extend(fields.iter().map(|field| (*field).to_owned()));
        Err(Error::custom("nothing is here"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

pub(crate) fn members_of<'de, T: Deserialize<'de>>() -> BTreeSet<String> {
    let heard = RefCell::default();
    assert!(T::deserialize(Listener(&heard)).is_err());
    heard.into_inner()
}

fn document() -> Value {
    serde_json::from_str(include_str!("../../docs/asyncapi.json")).unwrap()
}

fn keys(document: &Value, pointer: &str) -> BTreeSet<String> {
    let found = document.pointer(pointer).and_then(Value::as_object);
    found.unwrap().keys().cloned().collect()
}

fn texts(document: &Value, pointer: &str) -> BTreeSet<String> {
    let found = document.pointer(pointer).and_then(Value::as_array).unwrap();
    let texts = found.iter().filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}

fn owned<'a>(all: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    all.into_iter().map(str::to_owned).collect()
}

fn is_read<'de, T: Deserialize<'de>>(document: &Value, schema: &str) {
    let pointer = format!("/components/schemas/{schema}/properties");
    assert_eq!(keys(document, &pointer), members_of::<T>(), "{schema}");
}

#[test]
fn members_are_those_that_are_read() {
    let document = document();
    is_read::<Data<'_>>(&document, "action");
    is_read::<Location>(&document, "location");
    is_read::<ToolAnnotations>(&document, "annotations");
    let event = keys(&document, "/components/schemas/actionEvent/properties");
    assert_eq!(event, members_of::<crate::envelope::Wire<'_>>());
}

#[test]
fn topics_headers_and_types_are_those_of_the_code() {
    let document = document();
    for (channel, topic) in [("actions", Topic::Actions), ("events", Topic::Events)] {
        assert_eq!(document["channels"][channel]["address"], topic.name());
    }
    let headers = |message: &str| {
        let pointer = format!("/components/messages/{message}/headers/properties");
        keys(&document, &pointer)
    };
    let action = owned([SIGNATURE_HEADER, "content-type"]);
    assert_eq!(headers("actionPerformed"), action);
    let fact = owned([POSITION_HEADER, ORGANIZATION_HEADER, "content-type"]);
    assert_eq!(headers("fact"), fact);
    let named = &document["components"]["messages"]["actionPerformed"]["name"];
    assert_eq!(named, ACTION_PERFORMED);
    let facts = texts(
        &document,
        "/components/schemas/factEvent/properties/type/enum",
    );
    assert_eq!(facts, owned(Fact::TYPES.iter().copied()));
}

#[test]
fn its_example_is_an_event() {
    let document = document();
    let example = &document["components"]["messages"]["actionPerformed"]["examples"][0]["payload"];
    let text = example.to_string();
    let envelope = Envelope::parse(text.as_bytes()).unwrap();
    let data = envelope.data.json(None).unwrap();
    let data: Data<'_> = serde_json::from_str(&data).unwrap();
    assert_eq!(data.bytes, Some(20_480));
    assert_eq!(envelope.event_type, ACTION_PERFORMED);
}

/// Reasons stand where events are refused: in the sources of this crate and of the stream.
#[test]
fn reasons_of_dead_letters_are_those_that_are_given() {
    let mut given = BTreeSet::new();
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![here.join("src"), here.join("../stream/src")];
    while let Some(folder) = folders.pop() {
        for file in std::fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap();
            for refusal in code.split("Refusal::new(").skip(1) {
                let reason = refusal.trim_start().strip_prefix('"');
                given.extend(
                    reason
                        .and_then(|it| it.split('"').next())
                        .map(str::to_owned),
                );
            }
        }
    }
    let document = document();
    let told = texts(&document, "/operations/reportAction/x-dead-letter-reasons");
    assert_eq!(told, given);
    let page = include_str!("../../docs/events.md");
    for reason in given {
        assert!(page.contains(&format!("`{reason}`")), "{reason}");
    }
}
