//! How things are shown: tables for people, JSON and YAML for programs.

use std::io::IsTerminal;

use clap::{Args, ValueEnum};
use comfy_table::{ContentArrangement, Table, presets::UTF8_FULL_CONDENSED};
use serde_json::{Map, Value};

use crate::out;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Table,
    /// For programs: fields are named as in the GraphQL schema.
    Json,
    /// The same as YAML.
    Yaml,
}

/// How to print what there is.
#[derive(Args, Debug, Clone, Copy)]
pub(crate) struct View {
    /// How to print.
    #[arg(
        long,
        short,
        value_enum,
        default_value = "table",
        env = "AIM_OUTPUT",
        help_heading = "Output"
    )]
    output: Format,
    /// The same as `--output json`.
    #[arg(long, help_heading = "Output")]
    json: bool,
}

/// A column: its title, and where its cells are in an object.
pub(crate) type Column = (&'static str, &'static str);

impl View {
    pub(crate) const fn format(self) -> Format {
        if self.json { Format::Json } else { self.output }
    }

    /// Whether people read it.
    pub(crate) fn is_table(self) -> bool {
        self.format() == Format::Table
    }

    /// Rows with a header, or the value that they are of.
    pub(crate) fn table(self, header: &[&str], rows: &[Vec<String>], value: &Value) {
        if !self.is_table() {
            self.value(value);
            return;
        }
        let mut table = Table::new();
        table.load_preset(UTF8_FULL_CONDENSED).set_header(header);
        if std::io::stdout().is_terminal() {
            table.set_content_arrangement(ContentArrangement::Dynamic);
        }
        for row in rows {
            table.add_row(row.iter().map(|cell| out::harmless(cell, false)));
        }
        out::line(table);
    }

    /// Objects, one a row.
    pub(crate) fn list(self, columns: &[Column], objects: &[Value]) {
        let header: Vec<&str> = columns.iter().map(|(title, _)| *title).collect();
        let rows: Vec<_> = objects.iter().map(|it| cells(columns, it)).collect();
        self.table(&header, &rows, &Value::from(objects.to_vec()));
    }

    /// One object as a row.
    pub(crate) fn row(self, columns: &[Column], object: &Value) {
        if self.is_table() {
            self.list(columns, std::slice::from_ref(object));
        } else {
            self.value(object);
        }
    }

    /// One object, a row for each field.
    pub(crate) fn object(self, object: &Value) {
        let mut rows = Vec::new();
        if self.is_table() {
            flatten(String::new(), object, &mut rows);
        }
        self.table(&["field", "value"], &rows, object);
    }

    /// One of many that come one after the other: a line each, a document each in YAML.
    pub(crate) fn fact(self, columns: &[Column], object: &Value) {
        match self.format() {
            Format::Table => {
                let cells = cells(columns, object);
                let cells = cells.iter().map(|cell| out::harmless(cell, false));
                out::line(cells.collect::<Vec<_>>().join("  "));
            }
            Format::Json => out::line(object),
            Format::Yaml => out::line(format!("---\n{}", yaml(object))),
        }
    }

    fn value(self, value: &Value) {
        if self.format() == Format::Yaml {
            out::line(yaml(value));
        } else if std::io::stdout().is_terminal() {
            out::line(format!("{value:#}"));
        } else {
            // Whoever reads lines gets all of it in one.
            out::line(value);
        }
    }
}

fn yaml(value: &Value) -> String {
    // What has been JSON can be written as YAML, of which JSON is a part.
    let text = serde_saphyr::to_string(value).unwrap_or_else(|_| value.to_string());
    text.trim_end_matches('\n').to_owned()
}

fn cells(columns: &[Column], object: &Value) -> Vec<String> {
    let at = |(_, place): &Column| object.pointer(place).map_or_else(String::new, cell);
    columns.iter().map(at).collect()
}

/// What stands in a cell.
pub(crate) fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(all) if all.iter().all(|it| !it.is_object() && !it.is_array()) => {
            all.iter().map(cell).collect::<Vec<_>>().join(", ")
        }
        // Scores and rates; more digits would pretend.
        Value::Number(number) if number.is_f64() => {
            format!("{:.4}", number.as_f64().unwrap_or_default())
        }
        other => other.to_string(),
    }
}

/// The fields of an object, and of what is in it, by their paths.
fn flatten(path: String, value: &Value, rows: &mut Vec<Vec<String>>) {
    let below = |name: &str| match path.as_str() {
        "" => name.to_owned(),
        path => format!("{path}.{name}"),
    };
    match value {
        Value::Object(fields) => {
            fields_of(fields).for_each(|(name, value)| flatten(below(name), value, rows));
        }
        Value::Array(all) if all.iter().any(Value::is_object) => {
            for (index, value) in all.iter().enumerate() {
                flatten(below(&index.to_string()), value, rows);
            }
        }
        value => rows.push(vec![path, cell(value)]),
    }
}

/// Without what holds nothing.
fn fields_of(fields: &Map<String, Value>) -> impl Iterator<Item = (&String, &Value)> {
    let empty = |value: &Value| value.is_null() || value.as_array().is_some_and(Vec::is_empty);
    fields.iter().filter(move |(_, value)| !empty(value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn cells_cannot_steer_a_terminal() {
        let hostile = "a\u{1b}[31mred\u{9b}2J\u{202e}\nnext\tz\u{200b}";
        let clean = out::harmless(hostile, false);
        assert_eq!(
            clean,
            "a\\u{1b}[31mred\\u{9b}2J\\u{202e}\\nnext\\tz\\u{200b}"
        );
        assert!(clean.chars().all(|sign| !sign.is_control()));
        assert_eq!(out::harmless("two\nlines", true), "two\nlines");
        assert_eq!(out::harmless("größer → 東京", false), "größer → 東京");
    }

    #[test]
    fn an_object_is_its_fields_by_path() {
        let mut rows = Vec::new();
        let object = json!({ "a": { "b": 1, "none": null }, "c": [{ "d": "x" }], "e": ["y", "z"] });
        flatten(String::new(), &object, &mut rows);
        let text = |row: &Vec<String>| row.join("=");
        let rows: Vec<String> = rows.iter().map(text).collect();
        assert_eq!(rows, ["a.b=1", "c.0.d=x", "e=y, z"]);
    }

    #[test]
    fn yaml_keeps_text_what_it_is() {
        for text in [
            "no",
            "1e3",
            "null",
            "- a: b",
            "a\nb",
            "\u{1b}[0m",
            " x ",
            "#",
            "'",
            "",
        ] {
            let yaml = yaml(&json!({ "text": text }));
            let read: Value = serde_saphyr::from_str(&yaml).unwrap();
            assert_eq!(read["text"], text, "{yaml}");
        }
    }
}
