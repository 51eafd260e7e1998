//! Protocol Buffers, by the message that the data names, in their JSON mapping.

use prost_reflect::{DynamicMessage, FileDescriptor, MessageDescriptor, SerializeOptions};
use protox::Compiler;
use protox::file::{ChainFileResolver, File, FileResolver, GoogleFileResolver};

/// What the schema is called among the files that it imports.
const NAME: &str = "schema.proto";
/// Most blocks inside each other.
const DEPTH_MAX: usize = 32;

/// The one file of a schema.
struct Only(String);

impl FileResolver for Only {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        if name == NAME {
            return File::from_source(name, &self.0);
        }
        Err(protox::Error::file_not_found(name))
    }
}

pub(super) fn parse(text: &str) -> Result<FileDescriptor, String> {
    // The compiler goes down into blocks by recursion.
    let mut depth = 0_usize;
    for byte in text.bytes() {
        match byte {
            b'{' | b'[' | b'<' | b'(' => depth += 1,
            b'}' | b']' | b'>' | b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEPTH_MAX {
            return Err(format!(
                "it has more than {DEPTH_MAX} blocks inside each other"
            ));
        }
    }
    let mut files = ChainFileResolver::new();
    files.add(Only(text.to_owned()));
    files.add(GoogleFileResolver::new());
    let mut compiler = Compiler::with_file_resolver(files);
    compiler
        .open_file(NAME)
        .map_err(|error| error.to_string())?;
    let pool = compiler.descriptor_pool();
    pool.get_file_by_name(NAME)
        .ok_or_else(|| "it has no file".to_owned())
}

pub(super) fn json(file: &FileDescriptor, data: &[u8]) -> Result<String, String> {
    let mut data = data;
    let message = message(file, &mut data).ok_or("it names no message of the schema")?;
    let message = DynamicMessage::decode(message, data).map_err(|error| error.to_string())?;
    // As in JSON: amounts are numbers, and what is missing is left out.
    let options = SerializeOptions::new().stringify_64_bit_integers(false);
    let mut json = Vec::new();
    message
        .serialize_with_options(&mut serde_json::Serializer::new(&mut json), &options)
        .map_err(|error| error.to_string())?;
    String::from_utf8(json).map_err(|error| error.to_string())
}

/// The message at the path of indexes before the data, which is taken off: how many there are, then
/// each, as zigzag varints; a single zero is the first message.
fn message(file: &FileDescriptor, data: &mut &[u8]) -> Option<MessageDescriptor> {
    let count = varint(data)?;
    let first = if count == 0 { 0 } else { varint(data)? };
    let mut message = file.messages().nth(usize::try_from(first).ok()?)?;
    for _ in 1..count {
        let next = usize::try_from(varint(data)?).ok()?;
        let inner = message.child_messages().nth(next)?;
        message = inner;
    }
    Some(message)
}

/// A zigzag varint that is not negative and fits in 27 bits.
fn varint(data: &mut &[u8]) -> Option<u32> {
    let mut value = 0_u32;
    for shift in [0, 7, 14, 21] {
        let (&byte, rest) = data.split_first()?;
        *data = rest;
        value |= u32::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return (value & 1 == 0).then_some(value / 2);
        }
    }
    None
}
