//! Where a mirror stands in its Kafka partition: a small file beside the segments.
//!
//! It holds an offset, what the last record before it was, and the head after that record. It is written behind the
//! mirror, never ahead; after a crash the records since are read and judged once more. When it is lost, all records are.

use mirano_schemas::CommitHash;
use mirano_schemas::envelope::Head;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The folder in a data folder that belongs to the mirror of a topic.
pub const KAFKA_FOLDER: &str = "kafka";

/// A record of the topic that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Its Kafka offset.
    pub offset: i64,
    /// BLAKE3 of its value.
    pub hash: [u8; 32],
}

/// Where a mirror stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The last record that was read; none: nothing was.
    pub last: Option<Seen>,
    /// The head after it.
    pub head: Head,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    version: u32,
    topic: String,
    last_offset: i64,
    last_hash: String,
    next_seq: u64,
    head: String,
}

impl Place {
    /// At the very beginning.
    pub fn start(genesis: Head) -> Self {
        Self { last: None, head: genesis }
    }

    /// The offset that is read next.
    pub fn next_offset(&self) -> i64 {
        self.last.map_or(0, |last| last.offset + 1)
    }

    /// Reads the file; none when it is missing, damaged or of another topic.
    pub fn read(path: &Path, topic: &str, partition: u32) -> Option<Self> {
        let stored: Stored = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
        if stored.version != 1 || stored.topic != topic || stored.last_offset < 0 {
            return None;
        }
        let hash: CommitHash = stored.last_hash.parse().ok()?;
        let head = Head { partition, next_seq: stored.next_seq, hash: stored.head.parse().ok()? };
        Some(Self { last: Some(Seen { offset: stored.last_offset, hash: hash.0 }), head })
    }

    /// Writes the file, whole or not at all; after a power loss the one before it may be there, unless its folder is synced.
    pub fn write(&self, path: &Path, topic: &str) -> io::Result<()> {
        let Some(last) = self.last else { return Ok(()) };
        let stored = Stored {
            version: 1,
            topic: topic.to_owned(),
            last_offset: last.offset,
            last_hash: CommitHash(last.hash).to_string(),
            next_seq: self.head.next_seq,
            head: self.head.hash.to_string(),
        };
        let unfinished = path.with_extension("tmp");
        let mut file = File::create(&unfinished)?;
        file.write_all(&serde_json::to_vec(&stored).map_err(io::Error::other)?)?;
        file.sync_data()?;
        std::fs::rename(&unfinished, path)
    }
}

/// Makes the names in a file's folder durable.
pub fn sync_folder_of(file: &Path) -> io::Result<()> {
    File::open(file.parent().unwrap_or(Path::new(".")))?.sync_all()
}

/// The file of a partition's place.
pub fn path(folder: &Path, partition: u32) -> PathBuf {
    folder.join(KAFKA_FOLDER).join(format!("{partition:04}.json"))
}

/// How far the mirror in `folder` has read a partition of the topic, as it noted last: behind what it holds, never ahead.
pub fn noted_place(folder: &Path, topic: &str, partition: u32) -> Option<Place> {
    Place::read(&path(folder, partition), topic, partition)
}

/// Notes it, for a mirror that was filled from elsewhere.
pub fn note_place(folder: &Path, topic: &str, place: &Place) -> io::Result<()> {
    std::fs::create_dir_all(folder.join(KAFKA_FOLDER))?;
    let file = path(folder, place.head.partition);
    place.write(&file, topic)?;
    sync_folder_of(&file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_round_trips_and_belongs_to_its_topic() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("0000.json");
        let head = Head { partition: 3, next_seq: 9, hash: CommitHash([5; 32]) };
        let place = Place { last: Some(Seen { offset: 12, hash: [4; 32] }), head };
        place.write(&file, "mirano").expect("written");
        assert_eq!(Place::read(&file, "mirano", 3), Some(place));
        assert_eq!(place.next_offset(), 13);
        assert_eq!(Place::read(&file, "another", 3), None);
        std::fs::write(&file, b"{").expect("written");
        assert_eq!(Place::read(&file, "mirano", 3), None);
    }
}
