//! One segment file, for reading.

use super::super::{Committed, Corruption, CorruptionKind, ReadError};
use super::frame::{FRAME_LEN, Frame, FrameError, SegmentHeader, mark};
use super::marks::Marks;
use super::scan::{Scan, scan};
use bytes::Bytes;
use mirano_schemas::Position;
use mirano_schemas::envelope::{HEADER_LEN, Head};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// How much is read from the file at once, at least, when a walk starts and when it goes on.
const FIRST_READ: usize = 32 * 1024;
const NEXT_READ: usize = 1024 * 1024;
/// The least that a frame with a record can have.
const LEAST_FRAME: usize = FRAME_LEN + HEADER_LEN;
const _: () = assert!(LEAST_FRAME < FIRST_READ);

/// A segment as readers see it.
#[derive(Debug)]
pub struct Segment {
    /// Its header, checked at open.
    pub header: SegmentHeader,
    /// The file.
    pub path: PathBuf,
    /// Bytes that readers may read, from the start of the file.
    len: AtomicUsize,
    /// Bytes that were synced. Of a log all that can be read; a mirror is synced behind.
    synced: AtomicUsize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Kept for the segment that is written to; made from the file beside it, or by a scan, for others.
    marks: Option<Marks>,
    /// Kept open while it is written to.
    file: Option<Arc<File>>,
}

/// `<first seq, 20 digits>.seg`, so that the order of names is the order of segments.
pub fn segment_name(first_seq: u64) -> String {
    format!("{first_seq:020}.seg")
}

impl Segment {
    /// A segment of `len` durable bytes.
    pub fn new(header: SegmentHeader, path: PathBuf, len: usize, marks: Option<Marks>) -> Self {
        let (len, synced) = (AtomicUsize::new(len), AtomicUsize::new(len));
        Self { header, path, len, synced, state: Mutex::new(State { marks, file: None }) }
    }

    /// Bytes that can be read.
    pub fn len(&self) -> usize {
        self.len.load(Ordering::Acquire)
    }

    /// Up to where the file was synced.
    pub fn synced(&self) -> usize {
        self.synced.load(Ordering::Acquire)
    }

    /// A sync that began when the file had `len` bytes succeeded.
    pub fn synced_to(&self, len: usize) {
        self.synced.fetch_max(len, Ordering::AcqRel);
    }

    /// The file grew to `len` bytes; `started` names the commits that start in the new part.
    pub fn grown(&self, len: usize, started: &[(u64, usize)]) {
        let mut state = self.lock();
        let marks = state.marks.get_or_insert_default();
        for (seq, offset) in started {
            marks.add(*seq, *offset);
        }
        self.len.store(len, Ordering::Release);
    }

    /// No more is written: gives the marks away to be stored, and closes the file.
    pub fn sealed(&self) -> Marks {
        let mut state = self.lock();
        state.file = None;
        state.marks.take().unwrap_or_default()
    }

    /// The head before the segment's first commit.
    pub fn start(&self) -> Head {
        Head { partition: self.header.partition, next_seq: self.header.first_seq, hash: self.header.upon }
    }

    /// Where the marks of a segment file are kept.
    pub fn marks_path(path: &Path) -> PathBuf {
        path.with_extension("idx")
    }

    /// Reads commits from `seq`, which must not be before this segment, to the segment's end, but none from `end` on
    /// and, after the first, none beyond `max_bytes`. Stops without a commit if the segment ends before `seq`.
    pub fn read(&self, seq: u64, end: u64, max_bytes: usize) -> Result<Vec<Committed>, ReadError> {
        let (from, trusted) = self.find(seq)?;
        match self.walk(from, seq, end, max_bytes) {
            // The marks may be at fault: make them again from the whole segment, which finds real damage.
            Err(ReadError::Corruption(_)) if !trusted => {
                let marks = self.scan()?.marks;
                let from = marks.before(seq, self.header.first_seq);
                self.lock().marks = Some(marks);
                self.walk(from, seq, end, max_bytes)
            }
            result => result,
        }
    }

    /// Reads and checks all that can be read.
    pub fn scan(&self) -> Result<Scan, ReadError> {
        let bytes = self.read_at(0, self.len())?;
        let header = SegmentHeader::parse(&bytes);
        if header != Ok(self.header) {
            let what = header.err().unwrap_or("it changed since the log was opened");
            return Err(self.corruption(self.header.first_seq, 0, CorruptionKind::SegmentHeader(what)).into());
        }
        let scan = scan(&self.path, &bytes, self.start())?;
        match &scan.torn {
            None => Ok(scan),
            // It was all written: nothing may be torn.
            Some(_) => {
                let kind = CorruptionKind::Frame("it is cut or changed");
                Err(self.corruption(scan.head.next_seq, scan.good_len, kind).into())
            }
        }
    }

    /// A place at or before `seq`, and whether it is sure.
    fn find(&self, seq: u64) -> Result<((u64, usize), bool), ReadError> {
        let first_seq = self.header.first_seq;
        if let Some(marks) = &self.lock().marks {
            return Ok((marks.before(seq, first_seq), true));
        }
        let stored = std::fs::read(Self::marks_path(&self.path)).ok().and_then(|bytes| Marks::parse(&bytes));
        if let Some(marks) = stored {
            return Ok((marks.before(seq, first_seq), false));
        }
        let marks = self.scan()?.marks;
        let from = marks.before(seq, first_seq);
        self.lock().marks = Some(marks);
        Ok((from, true))
    }

    fn walk(
        &self,
        (mut at, mut offset): (u64, usize),
        seq: u64,
        end: u64,
        max_bytes: usize,
    ) -> Result<Vec<Committed>, ReadError> {
        let len = self.len();
        let mut out: Vec<Committed> = Vec::new();
        let mut taken = 0usize;
        let mut buffer = Bytes::new();
        let mut want = FIRST_READ.saturating_add(max_bytes).min(NEXT_READ);
        let mut upon = (at == self.header.first_seq).then_some(self.header.upon);
        while at < end && offset < len {
            if buffer.len() < LEAST_FRAME.min(len - offset) {
                buffer = self.read_at(offset, want.min(len - offset))?;
            }
            if buffer.starts_with(&mark(offset)) {
                offset += FRAME_LEN;
                buffer = buffer.slice(FRAME_LEN..);
                continue;
            }
            let parsed = if at < seq { Frame::skip(&buffer) } else { Frame::parse(&buffer) };
            let frame = match parsed {
                Ok(frame) => frame,
                Err(FrameError::Short { need }) if need > buffer.len() && offset + need <= len => {
                    buffer = self.read_at(offset, want.max(need).min(len - offset))?;
                    want = NEXT_READ;
                    continue;
                }
                Err(error) => {
                    let kind = match error {
                        FrameError::Body => CorruptionKind::Body,
                        FrameError::Damaged(what) => CorruptionKind::Frame(what),
                        FrameError::Short { .. } => CorruptionKind::Frame("it has a wrong length"),
                    };
                    return Err(self.corruption(at, offset, kind).into());
                }
            };
            let envelope = frame.envelope;
            let position = Position { partition: self.header.partition, seq: at };
            if envelope.position != position || upon.is_some_and(|upon| envelope.prev != upon) {
                return Err(self.corruption(at, offset, CorruptionKind::Chain).into());
            }
            let hash = envelope.hash();
            let frame_len = frame.len();
            if at >= seq {
                taken = taken.saturating_add(frame_len - FRAME_LEN);
                if !out.is_empty() && taken > max_bytes {
                    break;
                }
                out.push(Committed { position, hash, envelope, record: buffer.slice(FRAME_LEN..frame_len) });
            }
            upon = Some(hash);
            at += 1;
            offset += frame_len;
            buffer = buffer.slice(frame_len..);
        }
        Ok(out)
    }

    fn read_at(&self, offset: usize, len: usize) -> Result<Bytes, ReadError> {
        let read = || -> io::Result<Vec<u8>> {
            let mut bytes = vec![0; len];
            self.file()?.read_exact_at(&mut bytes, offset as u64)?;
            Ok(bytes)
        };
        match read() {
            Ok(bytes) => Ok(bytes.into()),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                let kind = CorruptionKind::Hole("the file is shorter than it was".into());
                Err(self.corruption(self.header.first_seq, offset, kind).into())
            }
            Err(error) => Err(ReadError::Io { file: self.path.clone(), error: Arc::new(error) }),
        }
    }

    /// The segment that is written to (it has marks) keeps its file open for readers.
    fn file(&self) -> io::Result<Arc<File>> {
        let mut state = self.lock();
        if let Some(file) = &state.file {
            return Ok(file.clone());
        }
        let file = Arc::new(File::open(&self.path)?);
        if state.marks.is_some() {
            state.file = Some(file.clone());
        }
        Ok(file)
    }

    fn corruption(&self, seq: u64, offset: usize, kind: CorruptionKind) -> Corruption {
        Corruption { partition: self.header.partition, seq, file: Some(self.path.clone()), offset: offset as u64, kind }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // Marks are hints and the file is immutable: whatever a panic left is sound.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
