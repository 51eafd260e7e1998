//! Apache Avro 1.11, as one datum without its schema.

use std::collections::HashMap;

use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::schema::{Name, Schema};
use apache_avro::util::max_allocation_bytes;

/// Most values that a datum has by its schema alone: named types count each time they are used.
const VALUES_MAX: usize = 4_096;
/// Most memory of one value.
const VALUE_MAX_BYTES: usize = 4 << 20;

pub(super) fn parse(text: &str) -> Result<Schema, String> {
    let schema = Schema::parse_str(text).map_err(|error| error.to_string())?;
    if !matches!(schema, Schema::Record(_)) {
        return Err("it is no record".to_owned());
    }
    let mut names = HashMap::new();
    let mut left = VALUES_MAX;
    takes_bytes(&schema, &mut names, &mut left)?;
    Ok(schema)
}

/// Whether each datum of a schema takes at least one byte.
///
/// # Errors
/// When it refers to itself, is used too often, or has lists of things that take none: then a few bytes
/// become any amount of memory.
fn takes_bytes<'a>(
    schema: &'a Schema,
    names: &mut HashMap<Name, &'a Schema>,
    left: &mut usize,
) -> Result<bool, String> {
    *left = left
        .checked_sub(1)
        .ok_or("it refers to itself, or is too large")?;
    match schema {
        Schema::Null => Ok(false),
        Schema::Record(record) => {
            names.insert(record.name.clone(), schema);
            let mut takes = false;
            for field in &record.fields {
                takes |= takes_bytes(&field.schema, names, left)?;
            }
            Ok(takes)
        }
        Schema::Ref { name } => {
            let Some(&named) = names.get(name) else {
                return Ok(true);
            };
            takes_bytes(named, names, left)
        }
        Schema::Array(list) => {
            if !takes_bytes(&list.items, names, left)? {
                return Err("it has a list of things that take no bytes".to_owned());
            }
            Ok(true)
        }
        Schema::Map(map) => takes_bytes(&map.types, names, left).map(|_| true),
        Schema::Union(union) => {
            for variant in union.variants() {
                takes_bytes(variant, names, left)?;
            }
            Ok(true)
        }
        Schema::Fixed(fixed) => {
            names.insert(fixed.name.clone(), schema);
            Ok(fixed.size > 0)
        }
        _ => Ok(true),
    }
}

pub(super) fn json(schema: &Schema, mut data: &[u8]) -> Result<String, String> {
    // Of the whole process; the first call counts.
    max_allocation_bytes(VALUE_MAX_BYTES);
    let mut read = || -> Result<serde_json::Value, apache_avro::Error> {
        let reader = GenericDatumReader::builder(schema).build()?;
        reader.read_value(&mut data)?.try_into()
    };
    let value = read().map_err(|error| error.to_string())?;
    if !data.is_empty() {
        return Err(format!("{} bytes are left over", data.len()));
    }
    Ok(value.to_string())
}
