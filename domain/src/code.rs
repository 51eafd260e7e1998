//! How values of enumerations are written: by their serde names, everywhere the same.

use serde::Serialize;
use serde_json::Value;

/// The text of an enumeration's value.
#[must_use]
pub fn text<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(text)) => text,
        Ok(other) => other.to_string(),
        Err(_) => String::new(),
    }
}
