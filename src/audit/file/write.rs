//! Writing a log into a file.

use super::frame::{BLOCK_BYTES, Block, FileHeader, end_bytes};
use crate::sequencer::{Committed, ReadError, Sequencer, pieces};
use mirano_schemas::envelope::Head;
use std::io::{self, Write};

const LEVEL: i32 = 3;

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Commits.
    pub commits: u64,
    /// Bytes of the commits.
    pub raw_bytes: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// Where each partition ends in it.
    pub heads: Vec<Head>,
}

/// Why nothing whole was written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The log can't be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The file can't be written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Counts and hashes what goes through.
struct Out<W> {
    inner: W,
    hasher: blake3::Hasher,
    bytes: u64,
}

impl<W: Write> Out<W> {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
        self.inner.write_all(bytes)
    }
}

/// Writes a log that nobody writes to, all of it. `progress` is told commits done and commits in all.
pub fn write(log: &dyn Sequencer, out: impl Write, progress: impl FnMut(u64, u64)) -> Result<Written, WriteError> {
    write_to(log, (0..log.partitions()).map(|partition| log.head(partition)).collect(), out, progress)
}

/// Writes a log up to a head of each partition, in their order.
pub fn write_to(
    log: &dyn Sequencer,
    heads: Vec<Head>,
    out: impl Write,
    mut progress: impl FnMut(u64, u64),
) -> Result<Written, WriteError> {
    let mut out = Out { inner: out, hasher: blake3::Hasher::new(), bytes: 0 };
    out.put(&FileHeader { log_id: log.log_id(), partitions: log.partitions() }.to_bytes())?;
    let all = heads.iter().map(|head| head.next_seq).sum();
    let mut written = Written { commits: 0, raw_bytes: 0, bytes: 0, heads };
    for head in written.heads.clone() {
        let (mut raw, mut first, mut count) = (Vec::with_capacity(BLOCK_BYTES), 0u64, 0u32);
        for commits in pieces(log, head.partition, 0, head.next_seq) {
            for Committed { position, record, .. } in &commits? {
                if count == 0 {
                    first = position.seq;
                }
                raw.extend_from_slice(record);
                count += 1;
                written.commits += 1;
                written.raw_bytes += record.len() as u64;
                if raw.len() >= BLOCK_BYTES {
                    block(&mut out, head.partition, first, count, &raw)?;
                    raw.clear();
                    count = 0;
                }
            }
            progress(written.commits, all);
        }
        if count > 0 {
            block(&mut out, head.partition, first, count, &raw)?;
        }
    }
    out.put(&end_bytes(&written.heads))?;
    let whole = out.hasher.finalize();
    out.put(whole.as_bytes())?;
    out.inner.flush()?;
    written.bytes = out.bytes;
    Ok(written)
}

fn block<W: Write>(out: &mut Out<W>, partition: u32, first: u64, count: u32, raw: &[u8]) -> io::Result<()> {
    let packed = zstd::bulk::compress(raw, LEVEL)?;
    out.put(&Block::of(partition, first, count, raw.len(), &packed).to_bytes())?;
    out.put(&packed)
}
