//! The bytes of an exported file. Integers are little-endian. Pure.
//!
//! | header | bytes | field |
//! |-------:|------:|-------|
//! | 0 | 8 | `MRNEXP01`: magic and version |
//! | 8 | 16 | log id |
//! | 24 | 4 | number of partitions |
//! | 28 | 4 | 0 |
//! | 32 | 8 | check: first 8 bytes of BLAKE3 of the 32 before |
//!
//! | block | bytes | field |
//! |------:|------:|-------|
//! | 0 | 4 | `MRNB` |
//! | 4 | 4 | partition |
//! | 8 | 8 | `seq` of its first commit |
//! | 16 | 4 | how many commits |
//! | 20 | 4 | bytes of them |
//! | 24 | 4 | bytes of the packed part |
//! | 28 | 16 | first 16 bytes of BLAKE3 of the packed part |
//! | 44 | 8 | check: first 8 bytes of BLAKE3 of the 44 before |
//! | 52 | n | the records, one after the other, as one zstd frame |
//!
//! | end | bytes | field |
//! |----:|------:|-------|
//! | 0 | 4 | `MRNE` |
//! | 4 | 40 each | for each partition: next `seq` (8), hash of the last commit or genesis (32) |
//! | … | 32 | BLAKE3 of all bytes of the file before these |

use mirano_schemas::envelope::{Head, MAX_COMMIT_LEN};
use mirano_schemas::{CommitHash, LogId, Position};
use std::path::PathBuf;
use std::sync::Arc;

const MAGIC: &[u8; 6] = b"MRNEXP";
const VERSION: &[u8; 2] = b"01";
/// Bytes of the header.
pub const HEADER_LEN: usize = 40;
/// Bytes of a block before its packed part.
pub const BLOCK_LEN: usize = 52;
const BLOCK_MAGIC: &[u8; 4] = b"MRNB";
/// What the end begins with.
pub const END_MAGIC: &[u8; 4] = b"MRNE";
/// A block is closed when it holds so many bytes.
pub const BLOCK_BYTES: usize = 1024 * 1024;
/// So a block is never longer than this, whatever a length says.
const MOST_BLOCK_BYTES: usize = BLOCK_BYTES + MAX_COMMIT_LEN;

/// Why a file can't be used.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FileError {
    /// Not an exported log.
    #[error("{0} is not an exported log: it does not begin as one")]
    Foreign(PathBuf),
    /// Written by a newer version.
    #[error("{file} is an exported log of format {version}, and this program reads 01: use a newer program")]
    Newer {
        /// The file.
        file: PathBuf,
        /// Its version.
        version: String,
    },
    /// Not as it was written.
    #[error("{file} is damaged at byte {offset}, where commit {at} should be: {why}")]
    Damaged {
        /// The file.
        file: PathBuf,
        /// Where.
        offset: u64,
        /// The first commit that can't be had.
        at: Position,
        /// What is wrong.
        why: &'static str,
    },
    /// The system refused.
    #[error("{file}: {error}")]
    Io {
        /// The file.
        file: PathBuf,
        /// Why.
        error: Arc<std::io::Error>,
    },
}

/// What the header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileHeader {
    /// The log.
    pub log_id: LogId,
    /// How many partitions it has.
    pub partitions: u32,
}

/// What stands before the packed commits of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    /// The partition.
    pub partition: u32,
    /// The first commit's `seq`.
    pub first_seq: u64,
    /// How many commits.
    pub commits: u32,
    /// Bytes of the commits.
    pub raw_len: u32,
    /// Bytes of the packed part.
    pub packed_len: u32,
    /// Of the packed part.
    pub hash: [u8; 16],
}

fn check<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    blake3::Hasher::new().update(bytes).finalize_xof().fill(&mut out);
    out
}

fn take<'a, const N: usize>(bytes: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (head, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(head)
}

/// Why a header is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BadHeader {
    /// Another magic.
    Foreign,
    /// A version that is not known.
    Newer(String),
    /// Its check does not match.
    Damaged,
}

impl FileHeader {
    /// Its bytes.
    pub fn to_bytes(self) -> Vec<u8> {
        let mut out =
            [MAGIC.as_slice(), VERSION, self.log_id.as_bytes(), &self.partitions.to_le_bytes(), &[0; 4]].concat();
        let sum: [u8; 8] = check(&out);
        out.extend_from_slice(&sum);
        out
    }

    /// Reads it.
    pub fn parse(bytes: &[u8]) -> Result<Self, BadHeader> {
        let mut rest = bytes;
        if take::<6>(&mut rest) != Some(MAGIC) {
            return Err(BadHeader::Foreign);
        }
        let version = take::<2>(&mut rest).ok_or(BadHeader::Damaged)?;
        let fields = bytes.get(..32).ok_or(BadHeader::Damaged)?;
        if bytes.get(32..HEADER_LEN) != Some(check::<8>(fields).as_slice()) {
            // A newer version may have any other shape; digits are what a version looks like.
            let newer = version != VERSION && version.iter().all(u8::is_ascii_digit);
            return Err(match newer {
                true => BadHeader::Newer(String::from_utf8_lossy(version).into_owned()),
                false => BadHeader::Damaged,
            });
        }
        let log_id = LogId(*take(&mut rest).ok_or(BadHeader::Damaged)?);
        let partitions = u32::from_le_bytes(*take(&mut rest).ok_or(BadHeader::Damaged)?);
        if version != VERSION || !(1..=1024).contains(&partitions) {
            return Err(BadHeader::Newer(String::from_utf8_lossy(version).into_owned()));
        }
        Ok(Self { log_id, partitions })
    }
}

impl Block {
    /// The block of `packed`, which holds `commits` of `raw_len` bytes.
    pub fn of(partition: u32, first_seq: u64, commits: u32, raw_len: usize, packed: &[u8]) -> Self {
        let len = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
        let (raw_len, packed_len) = (len(raw_len), len(packed.len()));
        Self { partition, first_seq, commits, raw_len, packed_len, hash: check(packed) }
    }

    /// Its bytes, without the packed part.
    pub fn to_bytes(self) -> Vec<u8> {
        let mut out = BLOCK_MAGIC.to_vec();
        out.extend_from_slice(&self.partition.to_le_bytes());
        out.extend_from_slice(&self.first_seq.to_le_bytes());
        for number in [self.commits, self.raw_len, self.packed_len] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&self.hash);
        let sum: [u8; 8] = check(&out);
        out.extend_from_slice(&sum);
        out
    }

    /// Reads it; the error says what is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self, &'static str> {
        const SHORT: &str = "the file is cut";
        let (fields, sum) = bytes.get(..BLOCK_LEN).and_then(|all| all.split_last_chunk::<8>()).ok_or(SHORT)?;
        if *sum != check::<8>(fields) {
            return Err("a block's check does not match");
        }
        let mut rest = fields;
        if take::<4>(&mut rest) != Some(BLOCK_MAGIC) {
            return Err("neither a block nor the end");
        }
        let partition = u32::from_le_bytes(*take(&mut rest).ok_or(SHORT)?);
        let first_seq = u64::from_le_bytes(*take(&mut rest).ok_or(SHORT)?);
        let commits = u32::from_le_bytes(*take(&mut rest).ok_or(SHORT)?);
        let raw_len = u32::from_le_bytes(*take(&mut rest).ok_or(SHORT)?);
        let packed_len = u32::from_le_bytes(*take(&mut rest).ok_or(SHORT)?);
        let hash = *take(&mut rest).ok_or(SHORT)?;
        let most = u32::try_from(MOST_BLOCK_BYTES).unwrap_or(u32::MAX);
        if commits == 0 || raw_len > most || packed_len > most * 2 {
            return Err("a block longer than blocks are");
        }
        Ok(Self { partition, first_seq, commits, raw_len, packed_len, hash })
    }

    /// The records, checked and unpacked, as one piece.
    pub fn unpack(&self, packed: &[u8]) -> Result<Vec<u8>, &'static str> {
        if packed.len() != self.packed_len as usize || check::<16>(packed) != self.hash {
            return Err("a block does not match its hash");
        }
        let raw = zstd::bulk::decompress(packed, self.raw_len as usize).map_err(|_| "a block does not unpack")?;
        if raw.len() == self.raw_len as usize { Ok(raw) } else { Err("a block has another length than it says") }
    }
}

/// The end of a file: its heads, without the hash of the whole.
pub fn end_bytes(heads: &[Head]) -> Vec<u8> {
    let mut out = END_MAGIC.to_vec();
    for head in heads {
        out.extend_from_slice(&head.next_seq.to_le_bytes());
        out.extend_from_slice(&head.hash.0);
    }
    out
}

/// Reads the heads at the end.
pub fn parse_end(bytes: &[u8], partitions: u32) -> Option<Vec<Head>> {
    let mut rest = bytes;
    if take::<4>(&mut rest)? != END_MAGIC {
        return None;
    }
    (0..partitions)
        .map(|partition| {
            let next_seq = u64::from_le_bytes(*take(&mut rest)?);
            Some(Head { partition, next_seq, hash: CommitHash(*take(&mut rest)?) })
        })
        .collect()
}
