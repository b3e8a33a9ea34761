//! An exported file as a log that can be read: [`Sequencer`] for whoever folds or proves, [`LogFile::walk`] for an audit.

use super::frame::{BLOCK_LEN, BadHeader, Block, END_MAGIC, FileError, FileHeader, HEADER_LEN, end_bytes, parse_end};
use crate::sequencer::{
    AnchorError, AppendError, Committed, Corruption, CorruptionKind, Outcome, ReadError, Record, Sequencer,
    compare_anchor, counting_records, head_or_genesis,
};
use bytes::Bytes;
use futures::future::BoxFuture;
use mirano_schemas::envelope::{Envelope, HEADER_LEN as ENVELOPE_LEN, Head, Verdict};
use mirano_schemas::{LogId, Position};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::watch;

/// An exported log, opened for reading.
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    file: File,
    header: FileHeader,
    /// By partition, in order: each block and where its packed part begins.
    blocks: Vec<Vec<(Block, u64)>>,
    heads: Vec<Head>,
    /// Where the end begins.
    end: u64,
}

impl LogFile {
    /// Opens a file and finds its blocks. What is in them is checked when it is read.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let io = |error: std::io::Error| FileError::Io { file: path.to_owned(), error: Arc::new(error) };
        let file = File::open(path).map_err(io)?;
        let len = file.metadata().map_err(io)?.len();
        let damaged = |offset, at, why| FileError::Damaged { file: path.to_owned(), offset, at, why };
        let start = Position { partition: 0, seq: 0 };
        let read = |offset: u64, want: usize| -> Result<Vec<u8>, FileError> {
            let mut bytes = vec![0; want.min(usize::try_from(len.saturating_sub(offset)).unwrap_or(want))];
            file.read_exact_at(&mut bytes, offset).map_err(io)?;
            Ok(bytes)
        };
        let header = FileHeader::parse(&read(0, HEADER_LEN)?).map_err(|bad| match bad {
            BadHeader::Foreign => FileError::Foreign(path.to_owned()),
            BadHeader::Newer(version) => FileError::Newer { file: path.to_owned(), version },
            BadHeader::Damaged => damaged(0, start, "its header is changed or cut"),
        })?;
        let mut blocks: Vec<Vec<(Block, u64)>> = vec![Vec::new(); header.partitions as usize];
        let mut next = start;
        let mut offset = HEADER_LEN as u64;
        loop {
            let bytes = read(offset, BLOCK_LEN)?;
            if bytes.starts_with(END_MAGIC) {
                break;
            }
            let block = Block::parse(&bytes).map_err(|why| damaged(offset, next, why))?;
            let at = Position { partition: block.partition, seq: block.first_seq };
            let follows = at == next || (at.partition > next.partition && at.seq == 0);
            let mine = blocks.get_mut(block.partition as usize).filter(|_| follows);
            let mine = mine.ok_or_else(|| damaged(offset, next, "a block is missing, doubled or moved"))?;
            let packed = offset + BLOCK_LEN as u64;
            mine.push((block, packed));
            offset = packed + u64::from(block.packed_len);
            next = Position { partition: at.partition, seq: at.seq + u64::from(block.commits) };
            if offset > len {
                return Err(damaged(packed, at, "the file is cut"));
            }
        }
        let end = end_bytes(&[]).len() + 40 * header.partitions as usize;
        let heads = parse_end(&read(offset, end)?, header.partitions);
        let heads = heads.filter(|_| len == offset + end as u64 + 32);
        let heads = heads.ok_or_else(|| damaged(offset, next, "its end is cut, or something follows it"))?;
        for (mine, head) in blocks.iter().zip(&heads) {
            let found = mine.last().map_or(0, |(block, _)| block.first_seq + u64::from(block.commits));
            if found != head.next_seq {
                let at = Position { partition: head.partition, seq: found.min(head.next_seq) };
                return Err(damaged(offset, at, "its end names other commits than it holds"));
            }
        }
        Ok(Self { path: path.to_owned(), file, header, blocks, heads, end: offset })
    }

    /// Bytes of the packed commits.
    pub fn bytes(&self) -> u64 {
        self.end
    }

    /// Whether the hash at the end is that of all bytes before it.
    pub fn whole(&self) -> Result<bool, FileError> {
        let io = |error: std::io::Error| FileError::Io { file: self.path.clone(), error: Arc::new(error) };
        let until = self.end + end_bytes(&self.heads).len() as u64;
        let mut hasher = blake3::Hasher::new();
        let (mut offset, mut buffer) = (0u64, vec![0u8; 4 * 1024 * 1024]);
        while offset < until {
            let want = buffer.len().min(usize::try_from(until - offset).unwrap_or(buffer.len()));
            let part = buffer.get_mut(..want).unwrap_or_default();
            self.file.read_exact_at(part, offset).map_err(io)?;
            hasher.update(part);
            offset += want as u64;
        }
        let mut sum = [0; 32];
        self.file.read_exact_at(&mut sum, until).map_err(io)?;
        Ok(hasher.finalize().as_bytes() == &sum)
    }

    /// Reads a partition from its first commit and follows the chain from the genesis; hands over all commits in order.
    /// The head that it reached, and the first damage.
    pub fn walk(&self, partition: u32, mut visit: impl FnMut(Vec<Committed>)) -> (Head, Option<ReadError>) {
        let mut head = Head::genesis(self.header.log_id, partition);
        for (block, offset) in self.blocks.get(partition as usize).into_iter().flatten() {
            match self.block(block, *offset, &mut head) {
                Ok(commits) => visit(commits),
                Err((commits, error)) => {
                    visit(commits);
                    return (head, Some(error));
                }
            }
        }
        let told = self.heads.get(partition as usize);
        let other = told.is_some_and(|told| *told != head);
        let why = CorruptionKind::Hole("the end of the file names another head".to_owned());
        (head, other.then(|| self.corruption(head.partition, head.next_seq, self.end, why)))
    }

    /// The commits of a block, judged upon `head`; with the error, those before it.
    fn block(
        &self,
        block: &Block,
        offset: u64,
        head: &mut Head,
    ) -> Result<Vec<Committed>, (Vec<Committed>, ReadError)> {
        let bad = |head: &Head, kind| self.corruption(block.partition, head.next_seq, offset, kind);
        let mut packed = vec![0; block.packed_len as usize];
        if let Err(error) = self.file.read_exact_at(&mut packed, offset) {
            return Err((Vec::new(), ReadError::Io { file: self.path.clone(), error: Arc::new(error) }));
        }
        let raw = match block.unpack(&packed) {
            Ok(raw) => Bytes::from(raw),
            Err(why) => return Err((Vec::new(), bad(head, CorruptionKind::Frame(why)))),
        };
        let (mut out, mut at) = (Vec::new(), 0);
        while at < raw.len() {
            let Ok(envelope) = Envelope::parse(raw.get(at..).unwrap_or_default()) else {
                return Err((out, bad(head, CorruptionKind::Frame("it holds no envelope"))));
            };
            let end = at + ENVELOPE_LEN + envelope.body_len as usize;
            if end > raw.len() {
                return Err((out, bad(head, CorruptionKind::Frame("a commit goes beyond its block"))));
            }
            let record = raw.slice(at..end);
            match head.judge(&record) {
                Verdict::Counts(envelope) => {
                    out.push(Committed { position: envelope.position, hash: head.hash, envelope, record });
                }
                Verdict::Void => return Err((out, bad(head, CorruptionKind::Chain))),
                Verdict::Corrupt(_) => return Err((out, bad(head, CorruptionKind::Body))),
            }
            at = end;
        }
        match out.len() == block.commits as usize {
            true => Ok(out),
            false => Err((out, bad(head, CorruptionKind::Frame("a block holds another number of commits")))),
        }
    }

    fn corruption(&self, partition: u32, seq: u64, offset: u64, kind: CorruptionKind) -> ReadError {
        Corruption { partition, seq, file: Some(self.path.clone()), offset, kind }.into()
    }

    fn known(&self, partition: u32) -> Result<(), ReadError> {
        let partitions = self.header.partitions;
        if partition < partitions { Ok(()) } else { Err(ReadError::UnknownPartition { partition, partitions }) }
    }
}

impl Sequencer for LogFile {
    fn log_id(&self) -> LogId {
        self.header.log_id
    }

    fn partitions(&self) -> u32 {
        self.header.partitions
    }

    fn append(&self, _: u32, _: Bytes) -> BoxFuture<'static, Result<Outcome, AppendError>> {
        Box::pin(std::future::ready(Err(AppendError::ReadOnly)))
    }

    fn head(&self, partition: u32) -> Head {
        head_or_genesis(self.heads.get(partition as usize).copied(), self.header.log_id, partition)
    }

    fn watch(&self, partition: u32) -> watch::Receiver<Head> {
        watch::Sender::new(self.head(partition)).subscribe()
    }

    fn read(&self, partition: u32, from_seq: u64, max_bytes: usize) -> Result<Vec<Committed>, ReadError> {
        self.known(partition)?;
        let blocks = self.blocks.get(partition as usize).map_or(&[][..], Vec::as_slice);
        let after = blocks.partition_point(|(block, _)| block.first_seq <= from_seq);
        let (mut out, mut bytes): (Vec<Committed>, usize) = (Vec::new(), 0);
        for (block, offset) in blocks.iter().skip(after.saturating_sub(1)) {
            // The chain within the block is checked; that blocks join is for a walk to see.
            let mut head = Head { partition, next_seq: block.first_seq, hash: self.upon(block, *offset)? };
            for commit in self.block(block, *offset, &mut head).map_err(|(_, error)| error)? {
                if commit.position.seq < from_seq {
                    continue;
                }
                bytes = bytes.saturating_add(commit.record.len());
                if !out.is_empty() && bytes > max_bytes {
                    return Ok(out);
                }
                out.push(commit);
            }
        }
        Ok(out)
    }

    fn records(&self, partition: u32, from_seq: u64, max: usize) -> Result<Vec<Record>, ReadError> {
        counting_records(self, partition, from_seq, max)
    }

    fn check_anchor(&self, anchor: &Head) -> Result<(), AnchorError> {
        self.known(anchor.partition)?;
        let head = self.head(anchor.partition);
        compare_anchor(self.header.log_id, head, anchor, |seq| {
            let commits = self.read(anchor.partition, seq, 0)?;
            // Below the head there always is one.
            Ok(commits.first().map_or(head.hash, |commit| commit.hash))
        })
    }
}

impl LogFile {
    /// What the first commit of a block says it was decided upon.
    fn upon(&self, block: &Block, offset: u64) -> Result<mirano_schemas::CommitHash, ReadError> {
        let mut packed = vec![0; block.packed_len as usize];
        self.file
            .read_exact_at(&mut packed, offset)
            .map_err(|error| ReadError::Io { file: self.path.clone(), error: Arc::new(error) })?;
        let bad = |why| self.corruption(block.partition, block.first_seq, offset, CorruptionKind::Frame(why));
        let raw = block.unpack(&packed).map_err(bad)?;
        Envelope::parse(&raw).map(|envelope| envelope.prev).map_err(|_| bad("it holds no envelope"))
    }
}
