//! Bodies of commits, as bytes.
//!
//! A body is: format `u16` little-endian (1); the writer's version, three `u16` little-endian (major, minor, patch);
//! then a *head* and the events. Each part is `u32` little-endian length and bytes. The head is the bincode of
//! [`CommitHead`]. An event is `u16` number, `u16` schema version, `u32` length (all little-endian), and the bincode of
//! that version. bincode 2.0.1: little-endian, variable-length integers, no limit (the envelope has one).
//!
//! A counting body that this version cannot decode stops its reader with the version that wrote it; it is never
//! skipped.

use crate::{CommandId, Event, Position, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::cell::RefCell;

/// The pinned bincode configuration: stored.
pub const CONFIG: bincode::config::Configuration = bincode::config::standard();
/// The most that one value may hold when it is read: bincode allocates what a length says before it looks whether the
/// bytes are there, so a damaged length would abort the process.
const MOST_DECODED: usize = 256 * 1024 * 1024;
/// [`append`] is quick up to so many bytes.
const ROOMY: usize = 16 * 1024;
/// The body format that is written.
pub const BODY_FORMAT: u16 = 1;
/// The schema version that snapshots name: the body format with all events at the versions of today.
pub const SCHEMA_VERSION: u16 = 1;

/// What stands before the events of a commit.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct CommitHead {
    /// When the log took it: max(wall, previous, cause's). Never part of counting.
    pub recorded_at: Timestamp,
    /// The commit of this or another partition that this one reacts to.
    pub cause: Option<Position>,
    /// Whether the reaction to `cause` ends with this commit; a wide one has several pages.
    pub cause_done: bool,
    /// The commands decided here; a repeat is answered from what they gave.
    pub commands: Vec<CommandId>,
    /// Places up to which foreign partitions held nothing more that concerns this one.
    pub cursors: Vec<Position>,
}

/// Everything that one decision changed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct CommitBody {
    /// When, and why.
    pub head: CommitHead,
    /// What happened, in order.
    pub events: Vec<Event>,
}

/// A body that does not decode.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Written by a later version.
    #[error("needs Mirano {0}.{1}.{2} or later: {3}")]
    NeedsVersion(u16, u16, u16, String),
    /// An event that this version does not know.
    #[error("event {0} version {1} is not known")]
    UnknownEvent(u16, u16),
    /// Bytes that are no body: since counting bodies match their hash, their writer was broken.
    #[error("malformed body: {0}")]
    Malformed(String),
}

/// Why a body can't be written.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// bincode refused.
    #[error(transparent)]
    Bincode(#[from] bincode::error::EncodeError),
    /// A part over 4 GiB.
    #[error("part too long")]
    TooLong,
}

fn part(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), EncodeError> {
    out.extend_from_slice(&u32::try_from(bytes.len()).map_err(|_| EncodeError::TooLong)?.to_le_bytes());
    out.extend_from_slice(bytes);
    Ok(())
}

/// The version of this program, as it is written into bodies.
pub fn writer_version() -> [u16; 3] {
    let mut parts = env!("CARGO_PKG_VERSION").split('.').map(|part| part.parse().unwrap_or(0));
    std::array::from_fn(|_| parts.next().unwrap_or(0))
}

impl CommitBody {
    /// The bytes of the body.
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        self.encode_as(writer_version())
    }

    /// The bytes of the body, as the given version writes them.
    pub fn encode_as(&self, version: [u16; 3]) -> Result<Vec<u8>, EncodeError> {
        let mut events = Vec::with_capacity(256);
        for event in &self.events {
            encode_event(&mut events, event)?;
        }
        assemble(version, &self.head, &events)
    }

    /// Reads a body.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut rest = Reader(bytes);
        let format = rest.u16()?;
        let [major, minor, patch] = [rest.u16()?, rest.u16()?, rest.u16()?];
        let needs = |what: String| DecodeError::NeedsVersion(major, minor, patch, what);
        if format != BODY_FORMAT {
            return Err(needs(format!("body format {format}")));
        }
        let head = decode_exact(rest.part()?)?;
        let mut events = Vec::new();
        while !rest.0.is_empty() {
            let (number, version) = (rest.u16()?, rest.u16()?);
            let payload = rest.part()?;
            events.push(Event::decode_payload(number, version, payload).map_err(|error| match error {
                DecodeError::UnknownEvent(..) => needs(error.to_string()),
                other => other,
            })?);
        }
        Ok(Self { head, events })
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8], DecodeError> {
        let (head, rest) =
            self.0.split_at_checked(n).ok_or_else(|| DecodeError::Malformed("ends too early".to_owned()))?;
        self.0 = rest;
        Ok(head)
    }

    fn u16(&mut self) -> Result<u16, DecodeError> {
        let bytes = self.take(2)?;
        Ok(u16::from_le_bytes(bytes.try_into().unwrap_or_default()))
    }

    fn part(&mut self) -> Result<&'a [u8], DecodeError> {
        let bytes = self.take(4)?;
        self.take(u32::from_le_bytes(bytes.try_into().unwrap_or_default()) as usize)
    }
}

/// Decodes bincode that must use every byte.
pub fn decode_exact<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    match bincode::serde::decode_from_slice(bytes, CONFIG.with_limit::<MOST_DECODED>()) {
        Ok((value, used)) if used == bytes.len() => Ok(value),
        Ok((_, used)) => Err(DecodeError::Malformed(format!("{} bytes too many", bytes.len() - used))),
        Err(error) => Err(DecodeError::Malformed(error.to_string())),
    }
}

/// Encodes a value with the pinned configuration: rows of views, sealed plaintexts.
pub fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, EncodeError> {
    let mut out = Vec::new();
    append(value, &mut out)?;
    Ok(out)
}

thread_local! {
    /// Where values are written: byte by byte, and quickest where nobody asks each time whether there is room.
    static ROOM: RefCell<Vec<u8>> = RefCell::new(vec![0; ROOMY]);
}

/// Appends what [`encode`] gives.
pub fn append<T: Serialize>(value: &T, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let written = ROOM.with(|room| {
        // A value that encodes another while it is written finds the room taken.
        let mut room = room.try_borrow_mut().ok()?;
        let written = bincode::serde::encode_into_slice(value, &mut room, CONFIG);
        Some(written.map(|len| out.extend_from_slice(room.get(..len).unwrap_or_default())))
    });
    match written {
        Some(Ok(())) => Ok(()),
        None | Some(Err(bincode::error::EncodeError::UnexpectedEnd)) => {
            bincode::serde::encode_into_std_write(value, out, CONFIG)?;
            Ok(())
        }
        Some(Err(error)) => Err(error.into()),
    }
}

/// How many bytes [`encode`] gives; 0 where it fails.
pub fn size<T: Serialize>(value: &T) -> usize {
    let mut writer = bincode::enc::write::SizeWriter::default();
    match bincode::serde::encode_into_writer(value, &mut writer, CONFIG) {
        Ok(()) => writer.bytes_written,
        Err(_) => 0,
    }
}

/// Reads an old version of an event as the current one. Every version ever written has an arm here or is current.
pub(crate) fn upcast(number: u16, version: u16, _payload: &[u8]) -> Result<Event, DecodeError> {
    // All events are at their first version so far; the first arm comes with the first change of a shape.
    Err(DecodeError::UnknownEvent(number, version))
}

/// Appends an event as bodies hold it.
pub fn encode_event(out: &mut Vec<u8>, event: &Event) -> Result<(), EncodeError> {
    out.extend_from_slice(&event.number().to_le_bytes());
    out.extend_from_slice(&event.version().to_le_bytes());
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    match event {
        Event::FactObserved(event) => event.append(out)?,
        _ => event.encode_payload(out)?,
    }
    let len = u32::try_from(out.len() - start - 4).map_err(|_| EncodeError::TooLong)?;
    if let Some(place) = out.get_mut(start..start + 4) {
        place.copy_from_slice(&len.to_le_bytes());
    }
    Ok(())
}

/// A body of a head and events already encoded with [`encode_event`], as the given version writes it.
pub fn assemble(version: [u16; 3], head: &CommitHead, events: &[u8]) -> Result<Vec<u8>, EncodeError> {
    let mut out = Vec::with_capacity(events.len() + 128);
    out.extend_from_slice(&BODY_FORMAT.to_le_bytes());
    for number in version {
        out.extend_from_slice(&number.to_le_bytes());
    }
    part(&mut out, &bincode::serde::encode_to_vec(head, CONFIG)?)?;
    out.extend_from_slice(events);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_appended_is_what_is_encoded_whatever_its_size() {
        for len in (0..40).chain(ROOMY - 20..ROOMY + 20).chain([5 * ROOMY]) {
            let value = (7u8, "x".repeat(len));
            let mut out = b"before".to_vec();
            append(&value, &mut out).expect("encodes");
            let encoded = bincode::serde::encode_to_vec(&value, CONFIG).expect("encodes");
            assert_eq!(out, [b"before", encoded.as_slice()].concat(), "{len}");
            assert_eq!(encode(&value).expect("encodes"), encoded, "{len}");
        }
    }
}
