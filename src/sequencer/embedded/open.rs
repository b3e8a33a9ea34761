//! Opening a partition: finding its segments, checking that they join, reading the last one whole, cutting its torn tail.

use super::super::{Corruption, CorruptionKind};
use super::disk::{Disk, DiskFile};
use super::folder::{FORMAT_FILE, OpenError, at, write_whole};
use super::frame::{FRAME_LEN, SEGMENT_HEADER_LEN, SegmentHeader};
use super::partition::Partition;
use super::scan::{Scan, scan};
use super::segment::{Segment, segment_name};
use mirano_schemas::LogId;
use mirano_schemas::envelope::Head;
use std::fs::File;
use std::io::{self, Read};
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// A torn tail that was cut at open: an append that a crash interrupted and nobody was told of. Of a mirror also what was not
/// synced yet when the power failed: that lies elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CutTail {
    /// The partition.
    pub partition: u32,
    /// The segment file.
    pub file: PathBuf,
    /// Its length now (where only reading: the length that is read).
    pub kept: u64,
    /// How many bytes were behind that.
    pub cut: u64,
}

/// A partition opened for reading, with what the writer needs to go on.
pub struct Opened {
    /// The partition.
    pub partition: Arc<Partition>,
    /// Its last segment.
    pub last: Arc<Segment>,
    /// The last segment's file; `None` when only reading.
    pub file: Option<Box<dyn DiskFile>>,
    /// Whether the last segment ends with a mark or is empty.
    pub marked: bool,
    /// What was cut.
    pub cut: Option<CutTail>,
}

/// The name of a partition's folder.
pub fn partition_folder(log: &Path, partition: u32) -> PathBuf {
    log.join(format!("{partition:04}"))
}

/// Makes the folder of a new partition with an empty first segment. Whatever an interrupted creation left there is
/// replaced: without the format file nothing was ever acknowledged.
pub fn create(disk: &dyn Disk, folder: &Path, log_id: LogId, partition: u32) -> Result<(), OpenError> {
    std::fs::create_dir_all(folder).map_err(at(folder))?;
    let header = SegmentHeader {
        log_id,
        partition,
        previous_len: 0,
        first_seq: 0,
        previous_first_seq: 0,
        upon: Head::genesis(log_id, partition).hash,
    };
    let path = folder.join(segment_name(0));
    for found in list(Some(disk), folder, partition)? {
        let empty = std::fs::metadata(&found).map_err(at(&found))?.len() <= SEGMENT_HEADER_LEN as u64;
        if !empty || found != path {
            let kind = CorruptionKind::Hole(format!("commits are there, but not {FORMAT_FILE}"));
            return Err(Corruption { partition, seq: 0, file: Some(found), offset: 0, kind }.into());
        }
    }
    write_whole(disk, &path, &header.to_bytes()).map_err(at(&path))
}

/// Opens a partition; without a disk, for reading only.
pub fn open(disk: Option<&dyn Disk>, folder: &Path, log_id: LogId, partition: u32) -> Result<Opened, OpenError> {
    let paths = list(disk, folder, partition)?;
    let mut segments: Vec<Arc<Segment>> = Vec::new();
    for path in paths {
        let segment = open_segment(path, log_id, partition, segments.last().map(Arc::as_ref))?;
        segments.push(Arc::new(segment));
    }
    let Some(last) = segments.pop() else {
        let kind = CorruptionKind::Hole("there is no segment".into());
        return Err(Corruption { partition, seq: 0, file: Some(folder.to_owned()), offset: 0, kind }.into());
    };
    let bytes = std::fs::read(&last.path).map_err(at(&last.path))?;
    let Scan { head, marks, good_len, last_batch, torn } = scan(&last.path, &bytes, last.start())?;
    let cut = torn.map(|reason| {
        let cut = (bytes.len() - good_len) as u64;
        tracing::warn!(partition, file = %last.path.display(), kept = good_len, cut, %reason, "the log has a torn tail");
        CutTail { partition, file: last.path.clone(), kept: good_len as u64, cut }
    });
    let file = match disk {
        None => None,
        Some(disk) => {
            let batch = bytes.get(last_batch..good_len).unwrap_or_default();
            Some(settle_tail(disk, &last.path, cut.is_some(), good_len, last_batch, batch).map_err(at(&last.path))?)
        }
    };
    let last = Arc::new(Segment::new(last.header, last.path.clone(), good_len, Some(marks)));
    segments.push(last.clone());
    tracing::info!(partition, next_seq = head.next_seq, segments = segments.len(), "opened a partition of the log");
    let partition = Arc::new(Partition::new(folder.to_owned(), head, segments));
    let marked = good_len == SEGMENT_HEADER_LEN || good_len == last_batch + FRAME_LEN;
    Ok(Opened { partition, last, file, marked, cut })
}

/// Opens all partitions, in order; where only reading, which is most of it, on all cores. Gives the error of the first that can't
/// be opened.
pub fn each(
    disk: Option<&dyn Disk>,
    partitions: u32,
    open: impl Fn(u32) -> Result<Opened, OpenError> + Sync,
) -> Result<Vec<Opened>, OpenError> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from).min(partitions as usize);
    let threads = if disk.is_some() { 1 } else { cores };
    let next = AtomicU32::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let partition = next.fetch_add(1, Ordering::Relaxed);
            if partition >= partitions || done.last().is_some_and(|(_, opened): &(_, Result<_, _>)| opened.is_err()) {
                return done;
            }
            done.push((partition, open(partition)));
        }
    };
    let mut all = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut all = work();
        all.extend(others.into_iter().flat_map(|other| other.join().unwrap_or_else(|panic| resume_unwind(panic))));
        all
    });
    all.sort_by_key(|(partition, _)| *partition);
    all.into_iter().map(|(_, opened)| opened).collect()
}

/// Makes what was read durable. The last batch is written again before the sync: if its own sync failed and the process
/// went on to be restarted, the system may hold its pages as clean though they never reached the disk, and a sync alone
/// would say nothing.
fn settle_tail(
    disk: &dyn Disk,
    path: &Path,
    torn: bool,
    good_len: usize,
    last_batch: usize,
    batch: &[u8],
) -> io::Result<Box<dyn DiskFile>> {
    let mut file = disk.open(path)?;
    if torn {
        file.cut(good_len as u64)?;
    }
    file.rewrite(last_batch as u64, batch)?;
    file.sync()?;
    if let Some(folder) = path.parent() {
        disk.sync_folder(folder)?;
    }
    Ok(file)
}

/// The segment files in order. Unfinished files of a crash are removed; a file that is none of ours is refused.
pub(super) fn list(disk: Option<&dyn Disk>, folder: &Path, partition: u32) -> Result<Vec<PathBuf>, OpenError> {
    let mut paths = Vec::new();
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(paths),
        Err(error) => return Err(at(folder)(error)),
    };
    for entry in entries {
        let path = entry.map_err(at(folder))?.path();
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("seg") => paths.push(path),
            Some("idx") => {}
            Some("tmp") => {
                if let Some(disk) = disk {
                    disk.remove(&path).map_err(at(&path))?;
                }
            }
            _ => {
                let kind = CorruptionKind::StrangeFile;
                return Err(Corruption { partition, seq: 0, file: Some(path), offset: 0, kind }.into());
            }
        }
    }
    paths.sort();
    Ok(paths)
}

/// Opens a segment after the one before it, comparing its header with the log, the name, and that one.
pub(super) fn open_segment(
    path: PathBuf,
    log_id: LogId,
    partition: u32,
    previous: Option<&Segment>,
) -> Result<Segment, OpenError> {
    let mut file = File::open(&path).map_err(at(&path))?;
    let len = file.metadata().map_err(at(&path))?.len();
    let mut bytes = Vec::with_capacity(SEGMENT_HEADER_LEN);
    file.by_ref().take(SEGMENT_HEADER_LEN as u64).read_to_end(&mut bytes).map_err(at(&path))?;
    let corruption = |seq, kind| Corruption { partition, seq, file: Some(path.clone()), offset: 0, kind };
    let seq = previous.map_or(0, |previous| previous.header.first_seq);
    let header = SegmentHeader::parse(&bytes).map_err(|what| corruption(seq, CorruptionKind::SegmentHeader(what)))?;
    if (header.log_id, header.partition) != (log_id, partition) {
        return Err(corruption(seq, CorruptionKind::SegmentHeader("of another log or partition")).into());
    }
    if path.file_name().and_then(|name| name.to_str()) != Some(&segment_name(header.first_seq)) {
        return Err(corruption(seq, CorruptionKind::SegmentHeader("not what the file's name says")).into());
    }
    let hole = |what: String| corruption(seq, CorruptionKind::Hole(what));
    match previous {
        None if header.first_seq != 0 => return Err(hole("the first segment is missing".into()).into()),
        None if header.upon != Head::genesis(log_id, partition).hash => {
            return Err(corruption(0, CorruptionKind::Chain).into());
        }
        Some(previous) if previous.header.first_seq != header.previous_first_seq => {
            return Err(hole(format!("the segment from seq {} is missing", header.previous_first_seq)).into());
        }
        Some(previous) if previous.len() != header.previous_len as usize => {
            let (is, was) = (previous.len(), header.previous_len);
            return Err(hole(format!("the segment before has {is} bytes and had {was} when it was sealed")).into());
        }
        _ => {}
    }
    let len = usize::try_from(len).map_err(|_| hole("a segment too long for this machine".into()))?;
    Ok(Segment::new(header, path, len, None))
}
