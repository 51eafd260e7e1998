//! Database files of addresses in MaxMind's format, version 2.0, written from a few networks.

use std::net::Ipv4Addr;

use anyhow::Context;
use serde_json::{Value, json};

/// Between the tree and the data.
const SEPARATOR: [u8; 16] = [0; 16];
/// Before the metadata.
const MARKER: &[u8] = b"\xab\xcd\xefMaxMind.com";

/// Fields of the metadata that have 16 bits.
const U16_FIELDS: [&str; 4] = [
    "binary_format_major_version",
    "binary_format_minor_version",
    "ip_version",
    "record_size",
];

/// Where a branch of the tree leads.
#[derive(Clone, Copy)]
enum Branch {
    Nowhere,
    Node(usize),
    Data(usize),
}

/// The bytes of a database of IPv4 networks in CIDR notation, each with its record. Whole numbers
/// are written as unsigned ones of 32 bits.
///
/// # Errors
/// When a network is none, lies in another one, or the database would be too large for records of
/// 24 bits.
pub fn mmdb(database_type: &str, networks: &[(&str, Value)]) -> anyhow::Result<Vec<u8>> {
    let mut tree = vec![[Branch::Nowhere; 2]];
    let mut data = Vec::new();
    for (network, record) in networks {
        let (address, length) = network.split_once('/').context("a network has a `/`")?;
        let bits = u32::from(address.parse::<Ipv4Addr>()?);
        let length: u32 = length.parse()?;
        anyhow::ensure!((1..=32).contains(&length), "{network}");
        let side = |depth: u32| usize::from(bits >> (31 - depth) & 1 == 1);
        let mut node = 0;
        for depth in 0..length - 1 {
            node = match tree[node][side(depth)] {
                Branch::Node(next) => next,
                Branch::Data(_) => anyhow::bail!("{network} lies in another network"),
                Branch::Nowhere => {
                    tree.push([Branch::Nowhere; 2]);
                    tree[node][side(depth)] = Branch::Node(tree.len() - 1);
                    tree.len() - 1
                }
            };
        }
        tree[node][side(length - 1)] = Branch::Data(data.len());
        write(&mut data, record)?;
    }
    let mut file = Vec::new();
    for branch in tree.iter().flatten() {
        let value = match branch {
            Branch::Nowhere => tree.len(),
            Branch::Node(node) => *node,
            Branch::Data(offset) => tree.len() + SEPARATOR.len() + offset,
        };
        let [0, bytes @ ..] = u32::try_from(value)?.to_be_bytes() else {
            anyhow::bail!("too large for records of 24 bits");
        };
        file.extend(bytes);
    }
    file.extend(SEPARATOR);
    file.extend(data);
    file.extend(MARKER);
    let metadata = json!({
        "binary_format_major_version": 2, "binary_format_minor_version": 0, "build_epoch": 0,
        "database_type": database_type, "description": {}, "ip_version": 4, "languages": [],
        "node_count": tree.len(), "record_size": 24,
    });
    write(&mut file, &metadata)?;
    Ok(file)
}

fn write(out: &mut Vec<u8>, value: &Value) -> anyhow::Result<()> {
    match value {
        Value::String(text) => {
            head(out, 2, text.len())?;
            out.extend(text.as_bytes());
        }
        Value::Number(number) => match number.as_u64() {
            Some(whole) => {
                head(out, 6, 4)?;
                out.extend(u32::try_from(whole)?.to_be_bytes());
            }
            None => {
                head(out, 3, 8)?;
                out.extend(number.as_f64().unwrap_or_default().to_be_bytes());
            }
        },
        Value::Object(fields) => {
            head(out, 7, fields.len())?;
            for (name, value) in fields {
                head(out, 2, name.len())?;
                out.extend(name.as_bytes());
                match value.as_u64() {
                    Some(whole) if U16_FIELDS.contains(&name.as_str()) => {
                        head(out, 5, 2)?;
                        out.extend(u16::try_from(whole)?.to_be_bytes());
                    }
                    // 64 bits, of which none is set.
                    Some(0) => out.extend([0, 9 - 7]),
                    _ => write(out, value)?,
                }
            }
        }
        Value::Array(values) => {
            // Types above 7 are named in the byte after.
            out.push(u8::try_from(values.len())?);
            out.push(11 - 7);
            for value in values {
                write(out, value)?;
            }
        }
        Value::Null | Value::Bool(_) => anyhow::bail!("no type for {value}"),
    }
    Ok(())
}

fn head(out: &mut Vec<u8>, kind: u8, size: usize) -> anyhow::Result<()> {
    anyhow::ensure!(size < 29, "longer than one byte can say");
    out.push(kind << 5 | u8::try_from(size)?);
    Ok(())
}
