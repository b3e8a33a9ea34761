//! Void records of a topic, kept beside the mirror so that they can be shown: the segments hold only what counts.
//!
//! | frame | bytes | field                                                |
//! |------:|------:|------------------------------------------------------|
//! |     0 |     8 | upon: the head's `next_seq` when it was judged       |
//! |     8 |     8 | offset in the Kafka partition                        |
//! |    16 |     4 | length                                               |
//! |    20 |     8 | check: first 8 bytes of BLAKE3 of the 20 before and the record |
//! |    28 |     n | the record, cut to the longest that a commit may be  |
//!
//! For people only: nothing is decided by it. It is synced before the place of the mirror is written; a torn end is cut when
//! it is opened, and what was cut is read from the topic once more.

use mirano_schemas::envelope::MAX_COMMIT_LEN;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const FRAME: usize = 28;

/// The void records of one partition.
pub struct Voids {
    file: Option<Arc<File>>,
    path: PathBuf,
    index: Vec<Entry>,
    end: u64,
    synced: u64,
}

#[derive(Clone, Copy)]
struct Entry {
    upon: u64,
    offset: i64,
    at: u64,
    len: u32,
}

/// A void record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VoidRecord {
    /// The head's `next_seq` when it was judged.
    pub upon: u64,
    /// Where it stands in the Kafka partition.
    pub offset: i64,
    /// Its bytes.
    pub record: Vec<u8>,
}

/// The file of a partition's void records.
pub fn path(folder: &Path, partition: u32) -> PathBuf {
    folder.join(super::place::KAFKA_FOLDER).join(format!("{partition:04}.void"))
}

fn frame(upon: u64, offset: i64, record: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(FRAME + record.len());
    out.extend_from_slice(&upon.to_le_bytes());
    out.extend_from_slice(&offset.to_le_bytes());
    out.extend_from_slice(&u32::try_from(record.len()).unwrap_or(u32::MAX).to_le_bytes());
    let mut hasher = blake3::Hasher::new();
    hasher.update(&out);
    hasher.update(record);
    out.extend(hasher.finalize().as_bytes().iter().take(8));
    out.extend_from_slice(record);
    out
}

impl Voids {
    /// Opens the file to read and, with `write`, to add to it; a missing one is empty.
    pub fn open(path: &Path, write: bool) -> io::Result<Self> {
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        let mut index = Vec::new();
        let mut at = 0usize;
        while let Some((entry, len)) = parse(&bytes, at) {
            index.push(entry);
            at += FRAME + len;
        }
        let end = at as u64;
        let file = match write {
            true => {
                let file = File::options().create(true).truncate(false).read(true).write(true).open(path)?;
                file.set_len(end)?;
                Some(Arc::new(file))
            }
            false => File::open(path).ok().map(Arc::new),
        };
        Ok(Self { file, path: path.to_owned(), index, end, synced: 0 })
    }

    /// Adds one, unless it is there already.
    pub fn add(&mut self, upon: u64, offset: i64, record: &[u8]) -> io::Result<()> {
        if self.index.last().is_some_and(|last| last.offset >= offset) {
            return Ok(());
        }
        let record = record.get(..MAX_COMMIT_LEN).unwrap_or(record);
        let bytes = frame(upon, offset, record);
        if let Some(file) = &self.file {
            file.write_all_at(&bytes, self.end)?;
        }
        let len = u32::try_from(record.len()).unwrap_or(u32::MAX);
        self.index.push(Entry { upon, offset, at: self.end, len });
        self.end += bytes.len() as u64;
        Ok(())
    }

    /// The file and how long it is, where not all of it is durable: to be synced while others read and add.
    pub fn unsynced(&self) -> Option<(Arc<File>, u64)> {
        Some((Arc::clone(self.file.as_ref().filter(|_| self.synced < self.end)?), self.end))
    }

    /// So much of it is durable.
    pub fn synced_to(&mut self, end: u64) {
        self.synced = end.max(self.synced);
    }

    /// Its file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Those judged when the head's `next_seq` was in `from..to`, in the order of the topic.
    pub fn between(&self, from: u64, to: u64) -> io::Result<Vec<VoidRecord>> {
        let start = self.index.partition_point(|entry| entry.upon < from);
        let within = self.index.iter().skip(start).take_while(|entry| entry.upon < to);
        within.map(|entry| self.get(entry)).collect()
    }

    fn get(&self, entry: &Entry) -> io::Result<VoidRecord> {
        let mut record = vec![0; entry.len as usize];
        match &self.file {
            Some(file) => file.read_exact_at(&mut record, entry.at + FRAME as u64)?,
            None => return Err(io::Error::other(format!("{} is gone", self.path.display()))),
        }
        Ok(VoidRecord { upon: entry.upon, offset: entry.offset, record })
    }
}

fn parse(bytes: &[u8], at: usize) -> Option<(Entry, usize)> {
    let rest = bytes.get(at..)?;
    let (upon, after) = rest.split_first_chunk::<8>()?;
    let (offset, after) = after.split_first_chunk::<8>()?;
    let (len, _) = after.split_first_chunk::<4>()?;
    let (upon, offset, len) = (u64::from_le_bytes(*upon), i64::from_le_bytes(*offset), u32::from_le_bytes(*len));
    let record = rest.get(FRAME..FRAME + len as usize)?;
    let whole = rest.get(..FRAME + len as usize)?;
    (frame(upon, offset, record) == whole).then_some((Entry { upon, offset, at: at as u64, len }, len as usize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn void_records_are_kept_once_and_a_torn_end_is_cut() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("0000.void");
        let mut voids = Voids::open(&file, true).expect("opens");
        for (upon, offset, record) in [(0, 3, "a"), (0, 4, ""), (7, 9, "ccc")] {
            voids.add(upon, offset, record.as_bytes()).expect("added");
            voids.add(upon, offset, record.as_bytes()).expect("known");
        }
        assert_eq!(voids.len(), 3);
        drop(voids);
        let mut bytes = std::fs::read(&file).expect("there");
        bytes.pop();
        std::fs::write(&file, &bytes).expect("torn");
        let mut voids = Voids::open(&file, true).expect("opens");
        assert_eq!(voids.len(), 2);
        voids.add(7, 9, b"ccc").expect("again");
        let all = Voids::open(&file, false).expect("opens").between(0, 8).expect("readable");
        let all: Vec<_> = all.iter().map(|void| (void.upon, void.offset, void.record.as_slice())).collect();
        assert_eq!(all, [(0, 3, b"a".as_slice()), (0, 4, b""), (7, 9, b"ccc")]);
        assert!(voids.between(1, 7).expect("readable").is_empty());
    }
}
