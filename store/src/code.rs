//! Enumerations and JSON as the columns keep them.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub(crate) use aim_domain::code::text;

use crate::StoreError;

/// An enumeration's value from its text.
pub(crate) fn parse<T: DeserializeOwned>(
    column: &'static str,
    text: &str,
) -> Result<T, StoreError> {
    T::deserialize(serde::de::value::StrDeserializer::<serde::de::value::Error>::new(text)).map_err(
        |_| StoreError::Corrupt {
            column,
            value: text.to_owned(),
        },
    )
}

/// The JSON of a value; what cannot be JSON is null.
pub(crate) fn json<T: Serialize>(value: &T) -> Value {
    serde_json::to_value(value).unwrap_or(Value::Null)
}

/// A value from its JSON.
pub(crate) fn from_json<T: DeserializeOwned>(
    column: &'static str,
    value: Value,
) -> Result<T, StoreError> {
    let text = value.to_string();
    serde_json::from_value(value).map_err(|_| StoreError::Corrupt {
        column,
        value: text,
    })
}
/// A score as its column keeps it.
pub(crate) fn score(value: i32) -> aim_domain::trust::TrustScore {
    aim_domain::trust::TrustScore::from_ten_thousandths(u16::try_from(value).unwrap_or(0))
}
