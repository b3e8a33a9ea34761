//! `verify`: everything that can be recomputed is recomputed, and what does not fit is named.
//!
//! In this order: every byte of the log and the chain (each partition by itself, so that damage in one does not hide
//! another), every fact's id, every observation, every snapshot; then evidence; then the views against the fold of the
//! same commits. Reads only; takes no lock; works on a folder that a server writes to.

mod behind;
mod checkpoint;
mod evidence;
mod html;
mod partition;
mod persons;
mod report;
mod views;

pub use checkpoint::{Checkpoint, CheckpointError};
pub use html::html;
pub use persons::Keys;
pub use report::{EvidenceReport, FindingText, PartitionReport, Report, ViewsReport};

use super::file::{FileError, LogFile};
use super::pool::beside;
use super::source::SourceError;
use crate::sequencer::embedded::{AuditedFolder, OpenError};
use crate::sequencer::kafka::MirrorFolder;
use crate::sequencer::{Corruption, CorruptionKind, ReadError};
use crate::work::evidence::EvidenceStore;
use mirano_replay::proof::Anchor;
use mirano_replay::verify::{Collected, Finding, Heads, Judged, Kind};
use mirano_schemas::Position;
use mirano_schemas::envelope::Head;
use partition::{Partition, Shared};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

/// A checkpoint is made so often while the log is walked.
const BETWEEN_CHECKPOINTS: Duration = Duration::from_secs(5);

/// What to verify, and how.
pub struct Options<'a> {
    /// A data folder, or an exported file.
    pub log: &'a Path,
    /// Where evidence is; `None`: it is not looked at.
    pub evidence: Option<EvidenceStore>,
    /// Where evidence was to be, and is not: a finding, if the log names any.
    pub evidence_gone: Option<PathBuf>,
    /// How many commits of each partition were there before whoever brought the log here read it to its end; `None`: what lies
    /// here says so.
    pub first: Option<Vec<u64>>,
    /// The folder of the views; `None`: they are not compared.
    pub views: Option<PathBuf>,
    /// The folder of persons' keys; `None`: what is sealed is checked without being opened.
    pub keys: Option<PathBuf>,
    /// Heads that someone kept: the log must have them.
    pub heads: Vec<Anchor>,
    /// Go on from here.
    pub resume: Option<Checkpoint>,
    /// What whoever brought the log here found on the way.
    pub found: Vec<Finding>,
    /// Threads to use.
    pub threads: usize,
}

/// How far it is; read while it runs.
#[derive(Debug, Default)]
pub struct Progress {
    /// Commits looked at.
    pub commits: AtomicU64,
    /// Bytes of them.
    pub bytes: AtomicU64,
    /// Facts whose id was recomputed.
    pub facts: AtomicU64,
    /// Pieces of evidence looked at.
    pub evidence: AtomicU64,
    /// Findings so far.
    pub findings: AtomicU64,
}

/// The log as it lies.
enum Lies {
    Folder(AuditedFolder),
    File(LogFile),
}

/// Verifies. `save` is given a checkpoint from time to time. An error only where nothing could be looked at.
pub async fn run(
    options: Options<'_>,
    progress: Arc<Progress>,
    mut save: impl FnMut(&Checkpoint) + Send,
) -> Result<Report, SourceError> {
    let started = Instant::now();
    let mut notes = Vec::new();
    let mut found: BTreeSet<Finding> = options.found.iter().cloned().collect();
    let lies = match open(options.log) {
        Ok(lies) => lies,
        Err(error) => match finding_of(&error) {
            Some(finding) => return Ok(Report::unopened(options.log, finding)),
            None => return Err(error),
        },
    };
    let (log_id, partitions, live) = match &lies {
        Lies::Folder(folder) => {
            if !folder.format_is_original() {
                let place = options.log.join(crate::sequencer::embedded::FORMAT_FILE).display().to_string();
                found.insert(Finding::beside(Kind::Folder, place, "it is not byte for byte what was written"));
            }
            for strange in folder.strange() {
                let why = format!("the log has {} partitions, and this is none of them", folder.partitions());
                found.insert(Finding::beside(Kind::StrangeFile, strange.display().to_string(), why));
            }
            (folder.log_id(), folder.partitions(), folder.in_use())
        }
        Lies::File(file) => {
            use crate::sequencer::Sequencer;
            (file.log_id(), file.partitions(), false)
        }
    };
    if live {
        notes.push("a server has this folder open: what it wrote after the beginning may be left out".to_owned());
    }
    let resume = match &options.resume {
        Some(resume) if !resume.fits(log_id, partitions) => {
            notes.push("the checkpoint is of another log: it was not used".to_owned());
            None
        }
        other => other.as_ref(),
    };
    let (of_evidence, others): (BTreeSet<Finding>, BTreeSet<Finding>) =
        resume.iter().flat_map(|resume| resume.findings()).partition(checkpoint::of_evidence);
    let keys = options.keys.as_deref().map_or(Ok(Keys(None)), Keys::in_folder).unwrap_or_else(|error| {
        notes.push(format!("the keys of persons can't be read, so what is sealed was not opened: {error}"));
        Keys(None)
    });
    let opened = options.views.as_deref().filter(|views| views.is_dir()).map(views::open);
    let rows = match opened {
        None => None,
        Some(Ok(rows)) => Some(rows),
        Some(Err(findings)) => {
            found.extend(findings);
            None
        }
    };
    let share = |resume| Shared {
        keys: &keys,
        progress: &progress,
        heads: &options.heads,
        resume,
        views: rows.as_ref(),
        stands: Default::default(),
    };
    let threads = options.threads.max(1);
    let mut shared = share(resume);
    let mut parts = walk(&lies, partitions, &shared, threads, live, |stands, so_far| {
        save(&Checkpoint::at(log_id, partitions, resume, stands, so_far));
    });
    // Of a log that is not the one that the earlier run saw nothing is believed, and its checkpoint stays as it is: the
    // next run says so again.
    let other = parts.iter().any(|part| part.other_log);
    if other {
        notes.push("the log is not the one that the checkpoint saw: everything was recomputed, and the checkpoint is left as it was".to_owned());
        let seen = parts.into_iter().flat_map(|part| part.findings);
        found.extend(seen.filter(|finding| matches!(finding.kind, Kind::OtherHistory | Kind::TailCut)));
        shared = share(None);
        parts = walk(&lies, partitions, &shared, threads, live, |_, _| {});
    } else {
        found.extend(others);
    }
    let resume = resume.filter(|_| !other);
    let mut save = |checkpoint: &Checkpoint| {
        if !other {
            save(checkpoint);
        }
    };
    if let Lies::File(file) = &lies
        && parts.iter().all(|part| part.findings.is_empty())
        && !file.whole()?
    {
        let place = options.log.display().to_string();
        found.insert(Finding::beside(Kind::Frame, place, "the hash at its end is not that of the file"));
    }
    let judged = match (&options.first, &lies) {
        (Some(first), _) => Judged::Before((0u32..).zip(first.iter().copied()).collect()),
        // A mirror of a topic has of each partition what came so far, whatever others rest on.
        (None, Lies::Folder(_)) if MirrorFolder::is_one(options.log) => Judged::Closed,
        (None, Lies::Folder(_)) => Judged::Before(parts.iter().map(|part| (part.head.partition, part.first)).collect()),
        (None, Lies::File(_)) => Judged::All,
    };
    let heads: Heads =
        parts.iter().map(|part| (part.head.partition, part.whole.then_some(part.head.next_seq))).collect();
    let mut report = Report::new(options.log, log_id, &parts);
    let (mut collected, mut stores) = (Vec::new(), Vec::new());
    for part in parts {
        found.extend(part.findings);
        collected.push(part.collected);
        stores.extend(part.store);
    }
    for anchor in &options.heads {
        if anchor.log_id != log_id || anchor.partition >= partitions {
            let at = Position { partition: anchor.partition, seq: anchor.size };
            found.insert(Finding::at(Kind::OtherHistory, at, format!("the head {anchor} is of another log")));
        }
    }
    let across = Collected::across(collected, &heads, &judged);
    if across.unjudged > 0 {
        let n = across.unjudged;
        notes.push(format!(
            "{n} commits at the ends were not compared with what they name in other partitions: that may have come later than those were read"
        ));
    }
    found.extend(across.findings.iter().cloned());
    found.extend(snapshots(&across, threads));
    found.extend(across.worlds());
    report.count(&across.totals, &progress);
    let judged = shared.stands.lock().unwrap_or_else(PoisonError::into_inner).0.clone();
    let checkpoint = Checkpoint::at(log_id, partitions, resume, &judged, &found);
    save(&checkpoint);
    progress.findings.store(found.len() as u64, Ordering::Relaxed);
    match &options.evidence {
        None if across.evidence.is_empty() => {}
        None => {
            let pieces = across.evidence.len();
            if let Some(gone) = &options.evidence_gone {
                let detail = format!(
                    "the folder is not there, and the log names {pieces} pieces of evidence; say where it is, or leave it out"
                );
                found.insert(Finding::beside(Kind::EvidenceMissing, gone.display().to_string(), detail));
            }
            notes.push(format!("{pieces} pieces of evidence were not looked at: they are not beside the log"));
            found.extend(of_evidence);
        }
        Some(store) => {
            for strange in store.strange() {
                let place = strange.display().to_string();
                found.insert(Finding::beside(Kind::StrangeFile, place, "it is no piece of evidence"));
            }
            let named = evidence::Named {
                all: &across.evidence,
                earlier: resume.map(|resume| resume.evidence().clone()).unwrap_or_default(),
                wanting: of_evidence.into_iter().filter_map(|finding| finding.place).collect(),
                stands: checkpoint.stands(),
            };
            let (counts, findings) = evidence::check(store, &keys, named, &progress, |looked, done, findings| {
                let so_far: BTreeSet<Finding> = found.iter().chain(findings).cloned().collect();
                save(&checkpoint.with_evidence(looked, done, &so_far));
            })
            .await;
            report.evidence = Some(counts);
            found.extend(findings);
        }
    }
    if let Some(rows) = &rows {
        let (counts, findings) = views::compare(rows, &stores, &heads);
        report.views = Some(counts);
        found.extend(findings);
    }
    report.notes = notes;
    report.set_findings(found.into_iter().collect());
    report.seconds = started.elapsed().as_secs_f64();
    Ok(report)
}

fn open(path: &Path) -> Result<Lies, SourceError> {
    if path.is_file() {
        return Ok(Lies::File(LogFile::open(path)?));
    }
    Ok(Lies::Folder(AuditedFolder::open(path)?))
}

/// What an error of opening found, if it is about damage and not about how the program was called.
fn finding_of(error: &SourceError) -> Option<Finding> {
    match error {
        SourceError::Folder(OpenError::BadFormat { file, why }) => {
            Some(Finding::beside(Kind::Folder, file.display().to_string(), why.clone()))
        }
        SourceError::File(FileError::Damaged { file, offset, at, why }) => {
            let place = format!("{} byte {offset}", file.display());
            let kind = if *offset == 0 { Kind::Folder } else { Kind::Frame };
            Some(Finding::at(kind, *at, *why).in_place(place))
        }
        _ => None,
    }
}

/// The kind of a log's damage.
pub(super) fn kind_of(kind: &CorruptionKind) -> Kind {
    match kind {
        CorruptionKind::Frame(_) => Kind::Frame,
        CorruptionKind::Body => Kind::Body,
        CorruptionKind::Chain => Kind::Chain,
        CorruptionKind::SegmentHeader(_) => Kind::SegmentHeader,
        CorruptionKind::Hole(_) => Kind::Hole,
        CorruptionKind::StrangeFile => Kind::StrangeFile,
    }
}

/// What an error of reading found.
pub fn read_finding(partition: u32, seq: u64, error: &ReadError) -> Finding {
    let here = Position { partition, seq };
    match error {
        ReadError::Corruption(Corruption { partition, seq, file, offset, kind }) => {
            let at = Position { partition: *partition, seq: *seq };
            let finding = Finding::at(kind_of(kind), at, kind.to_string());
            match file {
                Some(file) => finding.in_place(format!("{} byte {offset}", file.display())),
                None => finding,
            }
        }
        other => Finding::at(Kind::Unreadable, here, other.to_string()),
    }
}

/// Walks all partitions, several at once where there are several.
fn walk(
    lies: &Lies,
    partitions: u32,
    shared: &Shared<'_>,
    threads: usize,
    live: bool,
    mut save: impl FnMut(&BTreeMap<u32, Head>, &BTreeSet<Finding>) + Send,
) -> Vec<Partition> {
    let at_once = threads.min(partitions as usize).max(1);
    let next = AtomicU64::new(0);
    let mut parts: Vec<Partition> = beside(threads, |pool| {
        std::thread::scope(|scope| {
            let work = || {
                let mut done = Vec::new();
                while let Ok(partition) = u32::try_from(next.fetch_add(1, Ordering::Relaxed)) {
                    if partition >= partitions {
                        break;
                    }
                    done.push(match lies {
                        Lies::Folder(folder) => partition::of_folder(folder, partition, shared, pool, live),
                        Lies::File(file) => partition::of_file(file, partition, shared, pool),
                    });
                }
                done
            };
            let (end, ended) = std::sync::mpsc::channel::<()>();
            scope.spawn(move || {
                // Ends when the other side is dropped.
                while ended.recv_timeout(BETWEEN_CHECKPOINTS) == Err(RecvTimeoutError::Timeout) {
                    let stands = shared.stands.lock().unwrap_or_else(PoisonError::into_inner).clone();
                    save(&stands.0, &stands.1);
                }
            });
            let workers: Vec<_> = (0..at_once).map(|_| scope.spawn(work)).collect();
            let parts = workers.into_iter().flat_map(joined).collect();
            drop(end);
            parts
        })
    });
    parts.sort_by_key(|part| part.head.partition);
    parts
}

fn snapshots(across: &mirano_replay::verify::Across, threads: usize) -> Vec<Finding> {
    let all = across.seals();
    let each = all.div_ceil(threads).max(1);
    std::thread::scope(|scope| {
        let starts = (0..all).step_by(each);
        let workers: Vec<_> =
            starts.map(|from| scope.spawn(move || across.snapshots(from..(from + each).min(all)))).collect();
        workers.into_iter().flat_map(joined).collect()
    })
}

/// What a thread came to; its panic goes on in this one.
fn joined<T>(worker: std::thread::ScopedJoinHandle<'_, T>) -> T {
    worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
