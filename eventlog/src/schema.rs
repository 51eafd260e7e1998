//! Data in another format than JSON, read by the schema that it names.
//!
//! A framed value is a zero byte, the id of its schema in the registry in four bytes, highest first,
//! and the data: the wire format of Confluent's schema registry. Fields are found by their names,
//! which are those of the data in JSON.
//!
//! Who may register a schema is not who runs the product: one that would let a few bytes become
//! much memory, or a deep nesting, is refused whole.

mod avro;
mod protobuf;

use prost_reflect::FileDescriptor;

use crate::Refusal;

/// Most bytes of a schema's text.
pub(crate) const SCHEMA_MAX_BYTES: usize = 256 * 1024;

/// Data as framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Framed<'a> {
    /// The registry's id of the schema that it was written with.
    pub schema: u32,
    payload: &'a [u8],
}

impl<'a> Framed<'a> {
    /// The frame of a value; `None` when it has none.
    pub(crate) fn of(value: &'a [u8]) -> Option<Self> {
        let (&[0, a, b, c, d], payload) = value.split_first_chunk()? else {
            return None;
        };
        let schema = u32::from_be_bytes([a, b, c, d]);
        Some(Self { schema, payload })
    }
}

/// A schema of the registry.
#[derive(Debug)]
pub struct Schema(Kind);

#[derive(Debug)]
enum Kind {
    Avro(Box<apache_avro::Schema>),
    Protobuf(FileDescriptor),
    /// JSON with a schema that producers are held to, not readers.
    Json,
}

impl Schema {
    /// Reads the text of a schema of this type, as the registry names types.
    ///
    /// # Errors
    /// Why no data can be read by it.
    pub(crate) fn parse(kind: &str, text: &str) -> Result<Self, String> {
        if text.len() > SCHEMA_MAX_BYTES {
            return Err(format!("it has more than {SCHEMA_MAX_BYTES} bytes"));
        }
        Ok(Self(match kind {
            "AVRO" => Kind::Avro(Box::new(avro::parse(text)?)),
            "PROTOBUF" => Kind::Protobuf(protobuf::parse(text)?),
            "JSON" => Kind::Json,
            _ => return Err(format!("its type is `{kind}`")),
        }))
    }

    /// The data as JSON.
    ///
    /// # Errors
    /// [`Refusal`] when it is not data of this schema.
    pub(crate) fn json(&self, data: Framed<'_>) -> Result<String, Refusal> {
        let json = match &self.0 {
            Kind::Avro(schema) => avro::json(schema, data.payload),
            Kind::Protobuf(file) => protobuf::json(file, data.payload),
            Kind::Json => String::from_utf8(data.payload.to_vec()).map_err(|it| it.to_string()),
        };
        json.map_err(|error| {
            let detail = format!("the value is not data of schema {}: {error}", data.schema);
            Refusal::new("EVENT_MALFORMED", detail)
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::observed::Data;

    const AVRO: &str = include_str!("../../docs/action-performed.avsc");
    const PROTOBUF: &str = include_str!("../../docs/action-performed.proto");

    fn read(kind: &str, schema: &str, payload: &[u8]) -> Result<Value, String> {
        let schema = Schema::parse(kind, schema)?;
        let data = Framed { schema: 7, payload };
        let text = schema.json(data).map_err(|refusal| refusal.to_string())?;
        serde_json::from_str(&text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_frame_is_a_zero_an_id_and_data() {
        let framed = Framed::of(b"\0\0\0\x01\x02data").unwrap();
        assert_eq!((framed.schema, framed.payload), (258, &b"data"[..]));
        for bytes in [&b"{}"[..], b"", b"\0\0\0\0", b"\x01\0\0\0\0a"] {
            assert_eq!(Framed::of(bytes), None);
        }
    }

    #[test]
    fn published_schemas_are_read_as_the_same_event_in_json() {
        // Written by hand from the two specifications.
        let avro: &[u8] = &[
            8, b'r', b'e', b'a', b'd', // action
            2,    // outcome: error
            2, 4, b'/', b'a', // resource
            0, 0, // no session, no task
            2, 2, 2, b'n', 4, 6, 0, // arguments: one block of one, n = long 3
            2, 4, // risk: HIGH
            2, 2, 4, b'D', b'E', 0, 0, 0, // location: DE
            0, // no address
            2, 0, 2, 1, 0, 0, // annotations: destructive
            2, 128, 1, // bytes: 64
        ];
        let protobuf: &[u8] = &[
            0, // the first message
            10, 4, b'r', b'e', b'a', b'd', 18, 5, b'e', b'r', b'r', b'o', b'r', 26, 2, b'/', b'a',
            // arguments: fields { key: "n", value { number_value: 3 } }
            50, 16, 10, 14, 10, 1, b'n', 18, 9, 17, 0, 0, 0, 0, 0, 0, 8, 64, //
            58, 4, b'H', b'I', b'G', b'H', // risk
            66, 4, 10, 2, b'D', b'E', // location
            82, 2, 16, 1, // annotations
            88, 64, // bytes
        ];
        let wanted = json!({ "action": "read", "outcome": "error", "resource": "/a", "risk": "HIGH",
            "arguments": { "n": 3 }, "location": { "country": "DE" },
            "annotations": { "destructiveHint": true }, "bytes": 64 });
        for (kind, schema, payload) in [("AVRO", AVRO, avro), ("PROTOBUF", PROTOBUF, protobuf)] {
            let json = without_nulls(read(kind, schema, payload).unwrap());
            // Numbers of Protobuf's structures are floating.
            let text = json.to_string().replace("3.0", "3");
            let json: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(json, wanted, "{kind}");
            let data: Data<'_> = serde_json::from_str(&text).unwrap();
            assert_eq!(data.bytes, Some(64));
        }
    }

    fn without_nulls(json: Value) -> Value {
        let Value::Object(members) = json else {
            return json;
        };
        let members = members.into_iter().filter(|(_, value)| !value.is_null());
        members
            .map(|(name, value)| (name, without_nulls(value)))
            .collect()
    }

    #[test]
    fn all_members_of_the_data_are_in_both_schemas() {
        let avro: Value = serde_json::from_str(AVRO).unwrap();
        let fields = avro["fields"].as_array().unwrap().iter();
        let avro: std::collections::BTreeSet<_> = fields
            .map(|field| field["name"].as_str().unwrap().to_owned())
            .collect();
        let file = protobuf::parse(PROTOBUF).unwrap();
        let message = file.messages().next().unwrap();
        let protobuf = message.fields().map(|field| field.json_name().to_owned());
        assert_eq!(protobuf.collect::<std::collections::BTreeSet<_>>(), avro);
        assert_eq!(avro, crate::asyncapi::members_of::<Data<'_>>());
    }

    #[test]
    fn what_is_no_data_of_the_schema_is_refused() {
        let good = [8, b'r', b'e', b'a', b'd', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        assert!(read("AVRO", AVRO, &good).is_ok());
        for (kind, schema, payload, words) in [
            ("AVRO", AVRO, &good[..3], "ailed to"),
            (
                "AVRO",
                AVRO,
                &[&good[..], &[1, 2]].concat(),
                "2 bytes are left over",
            ),
            // A text of two gigabytes.
            ("AVRO", AVRO, &[254, 255, 255, 255, 15], "llocat"),
            ("PROTOBUF", PROTOBUF, &[0, 10, 4, b'r'], "ecode"),
            ("PROTOBUF", PROTOBUF, &[], "names no message"),
            ("PROTOBUF", PROTOBUF, &[2, 99], "names no message"),
            ("PROTOBUF", PROTOBUF, &[1], "names no message"),
            ("JSON", "", &[0xff], "utf-8"),
        ] {
            let error = read(kind, schema, payload).unwrap_err();
            assert!(error.contains(words), "{kind} {payload:?}: {error}");
        }
    }

    #[test]
    fn nested_messages_are_found_by_their_path() {
        let schema = "syntax = \"proto3\"; message A { message B { string action = 1; } } \
            message C { string outcome = 1; }";
        for (payload, wanted) in [
            (&[4, 0, 0, 10, 1, b'x'][..], json!({ "action": "x" })),
            (&[2, 2, 10, 1, b'x'], json!({ "outcome": "x" })),
        ] {
            assert_eq!(read("PROTOBUF", schema, payload).unwrap(), wanted);
        }
    }

    #[test]
    fn schemas_that_make_much_of_little_are_refused() {
        let field = |kind: &str| {
            format!(r#"{{"type":"record","name":"A","fields":[{{"name":"a","type":{kind}}}]}}"#)
        };
        let mut bomb = r#"{"type":"record","name":"R0","fields":[]}"#.to_owned();
        for level in 1..30 {
            bomb = format!(
                r#"{{"type":"record","name":"R{level}","fields":[{{"name":"a","type":{bomb}}},
                {{"name":"b","type":"R{}"}}]}}"#,
                level - 1
            );
        }
        let deep = format!("{}{}", "message A {".repeat(10_000), "}".repeat(10_000));
        for (kind, schema, words) in [
            ("AVRO", r#""string""#.to_owned(), "no record"),
            ("AVRO", "{".to_owned(), ""),
            ("AVRO", field(r#"["null","A"]"#), "refers to itself"),
            (
                "AVRO",
                field(r#"{"type":"array","items":"null"}"#),
                "take no bytes",
            ),
            ("AVRO", bomb, "too large"),
            ("PROTOBUF", deep, "inside each other"),
            (
                "PROTOBUF",
                "syntax = \"proto3\"; import \"a.proto\";".to_owned(),
                "a.proto",
            ),
            ("PROTOBUF", "x".repeat(SCHEMA_MAX_BYTES + 1), "bytes"),
            ("THRIFT", String::new(), "its type is `THRIFT`"),
        ] {
            let error = Schema::parse(kind, &schema).unwrap_err();
            assert!(error.contains(words), "{kind}: {error}");
        }
    }
}
