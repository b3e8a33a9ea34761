//! One partition: bytes and chain by whoever has them, then decoding and fact ids on several threads, then the commits in
//! order.

use super::behind::Behind;
use super::checkpoint::Checkpoint;
use super::persons::Keys;
use super::views::Rows;
use super::{Progress, kind_of, read_finding};
use crate::audit::file::LogFile;
use crate::audit::parts::in_parts;
use crate::audit::pool::Pool;
use crate::sequencer::embedded::{AuditedFolder, Damage};
use crate::sequencer::{Committed, ReadError, Sequencer};
use mirano_replay::apply;
use mirano_replay::proof::{Anchor, BLOCK, Subtrees, block_root, leaf};
use mirano_replay::store::MemoryStore;
use mirano_replay::verify::{Collected, Finding, Kind, Looked, PartitionAudit, RootCheck, Trust, facts};
use mirano_schemas::codec::{CommitBody, DecodeError};
use mirano_schemas::envelope::Head;
use mirano_schemas::{LogId, Position, base32};
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::ops::ControlFlow;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

/// About so many bytes of commits go through the pool at once.
const PART_BYTES: usize = 1024 * 1024;

/// What all partitions share.
pub struct Shared<'a> {
    /// Keys of persons.
    pub keys: &'a Keys,
    /// How far it is.
    pub progress: &'a Progress,
    /// Heads that the log must have.
    pub heads: &'a [Anchor],
    /// Where an earlier run stopped.
    pub resume: Option<&'a Checkpoint>,
    /// The views.
    pub views: Option<&'a Rows>,
    /// Where each partition stands, and what was found on the way: for checkpoints.
    pub stands: Mutex<(BTreeMap<u32, Head>, BTreeSet<Finding>)>,
}

/// What a partition came to.
pub struct Partition {
    /// Where it ends, as far as it could be read.
    pub head: Head,
    /// How many of its commits were there before any partition was read.
    pub first: u64,
    /// The head with the root of its commit tree.
    pub anchor: Anchor,
    /// Whether it could be read to its end.
    pub whole: bool,
    /// Bytes.
    pub bytes: u64,
    /// Commits and events.
    pub counts: (u64, u64),
    /// Facts looked at, and facts sealed with keys that are not here.
    pub facts: (u64, u64),
    /// Whether it is not what the earlier run saw.
    pub other_log: bool,
    /// What is wrong with bytes, chain, facts and anchors.
    pub findings: Vec<Finding>,
    /// For what all partitions together show.
    pub collected: Collected,
    /// The rows that the commits give, up to where the views stand.
    pub store: Option<MemoryStore>,
}

/// Follows the commits of a partition.
struct Follow<'p, 'a> {
    shared: &'a Shared<'a>,
    log_id: LogId,
    partition: u32,
    pool: &'p Pool<'a>,
    head: Head,
    audit: PartitionAudit,
    looked: Looked,
    findings: Vec<Finding>,
    /// A body that does not decode ends the judging, not the walk.
    stopped: bool,
    /// It is not what the earlier run saw.
    other_log: bool,
    blocks: Vec<[u8; 32]>,
    leaves: Vec<[u8; 32]>,
    fold: Option<(MemoryStore, Head)>,
    folding: bool,
    trusted_to: u64,
    /// Roots that the pool recomputes.
    behind: Behind,
}

pub fn of_folder<'a>(
    folder: &AuditedFolder,
    partition: u32,
    shared: &'a Shared<'a>,
    pool: &Pool<'a>,
    live: bool,
) -> Partition {
    let mut follow = Follow::new(folder.log_id(), partition, shared, pool);
    let walked = follow.all(|visit| folder.walk(partition, visit));
    let mut whole = true;
    if let Some(damage) = walked.damage {
        whole = false;
        let finding = match damage {
            Damage::Corruption(corruption) => {
                let at = Position { partition, seq: corruption.seq };
                let place = corruption.file.map(|file| format!("{} byte {}", file.display(), corruption.offset));
                let finding = Finding::at(kind_of(&corruption.kind), at, corruption.kind.to_string());
                place.into_iter().fold(finding, Finding::in_place)
            }
            Damage::Io(file, error) => {
                let at = Position { partition, seq: walked.head.next_seq };
                Finding::at(Kind::Unreadable, at, error.to_string()).in_place(file.display().to_string())
            }
        };
        follow.findings.push(finding);
    }
    if let Some((file, offset)) = walked.torn.filter(|_| !live) {
        let at = Position { partition, seq: walked.head.next_seq };
        let detail = "the end is not whole: an append that a crash cut short, or commits that were lost; the next start \
                      cuts it off, and heads that were kept tell the two apart";
        follow
            .findings
            .push(Finding::at(Kind::TailTorn, at, detail).in_place(format!("{} byte {offset}", file.display())));
    }
    for index in walked.bad_indexes {
        let at = Position { partition, seq: 0 };
        let finding = Finding::at(Kind::Index, at, "this hint does not fit its segment; it can be deleted");
        follow.findings.push(finding.in_place(index.display().to_string()));
    }
    follow.finish(walked.bytes, whole, Some(walked.first))
}

pub fn of_file<'a>(file: &LogFile, partition: u32, shared: &'a Shared<'a>, pool: &Pool<'a>) -> Partition {
    let mut follow = Follow::new(file.log_id(), partition, shared, pool);
    let (head, damage): (Head, Option<ReadError>) = follow.all(|visit| file.walk(partition, visit));
    let whole = damage.is_none();
    follow.findings.extend(damage.map(|error| read_finding(partition, head.next_seq, &error)));
    let bytes = if partition == 0 { file.bytes() } else { 0 };
    follow.finish(bytes, whole, None)
}

/// Commits that were decoded, and what their facts came to.
struct Batch {
    commits: Vec<(Committed, Result<CommitBody, DecodeError>)>,
    looked: Looked,
}

impl<'p, 'a> Follow<'p, 'a> {
    fn new(log_id: LogId, partition: u32, shared: &'a Shared<'a>, pool: &'p Pool<'a>) -> Self {
        let fold = shared.views.map(|views| {
            let anchor = views.anchors.get(&partition).copied();
            (MemoryStore::default(), anchor.unwrap_or(Head::genesis(log_id, partition)))
        });
        let mut follow = Self {
            shared,
            log_id,
            partition,
            pool,
            head: Head::genesis(log_id, partition),
            audit: PartitionAudit::new(),
            looked: Looked::default(),
            findings: Vec::new(),
            stopped: false,
            other_log: false,
            blocks: Vec::new(),
            leaves: Vec::new(),
            folding: fold.is_some(),
            fold,
            trusted_to: shared.resume.map_or(0, |resume| resume.trusted_to(partition)),
            behind: Behind::default(),
        };
        // A head over nothing is one as well.
        follow.compare(Position { partition, seq: 0 });
        follow
    }

    /// Reads on a thread of its own, decodes and hashes on those of the pool, and follows in order.
    fn all<T: Send>(&mut self, walk: impl FnOnce(&mut dyn FnMut(Vec<Committed>)) -> T + Send) -> T {
        let (keys, trusted_to) = (self.shared.keys, self.trusted_to);
        let look = move |commits: Vec<Committed>| {
            let mut looked = Looked::default();
            let decode = |commit: Committed| {
                let body = CommitBody::decode(commit.body());
                if let Ok(body) = &body
                    && commit.position.seq >= trusted_to
                {
                    facts(commit.position, body, keys, &mut looked);
                }
                (commit, body)
            };
            let commits = commits.into_iter().map(decode).collect();
            Batch { commits, looked }
        };
        let pool = self.pool;
        let walked = pool.in_order(
            move |hand| {
                walk(&mut |commits| {
                    in_parts(commits, PART_BYTES, hand);
                })
            },
            look,
            |batch| {
                self.batch(batch);
                ControlFlow::Continue(())
            },
        );
        for found in self.behind.rest() {
            self.checked(found);
        }
        walked
    }

    fn batch(&mut self, batch: Batch) {
        let Batch { commits, looked } = batch;
        self.shared.progress.facts.fetch_add(looked.facts, Ordering::Relaxed);
        self.looked.facts += looked.facts;
        self.looked.sealed += looked.sealed;
        self.findings.extend(looked.findings);
        for (commit, body) in &commits {
            self.commit(commit, body);
        }
        let bytes: usize = commits.iter().map(|(commit, _)| commit.record.len()).sum();
        self.shared.progress.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.shared.progress.commits.fetch_add(commits.len() as u64, Ordering::Relaxed);
        let stand = (!self.stopped && !self.other_log).then_some(self.head);
        let roots = self.audit.take_roots();
        self.behind.check(self.pool, stand, move || {
            drop(commits);
            roots.iter().filter_map(RootCheck::check).collect()
        });
        for found in self.behind.done() {
            self.checked(found);
        }
        let mut stands = self.shared.stands.lock().unwrap_or_else(PoisonError::into_inner);
        stands.1.extend(self.findings.iter().chain(self.audit.findings()).cloned());
    }

    /// The roots of a part of the log were recomputed, and of all parts before it: an earlier run came so far.
    fn checked(&mut self, (stand, found): (Option<Head>, Vec<Finding>)) {
        let mut stands = self.shared.stands.lock().unwrap_or_else(PoisonError::into_inner);
        stands.1.extend(found.iter().cloned());
        if let Some(head) = stand.filter(|_| !self.other_log) {
            stands.0.insert(self.partition, head);
        }
        self.findings.extend(found);
    }

    fn commit(&mut self, commit: &Committed, body: &Result<CommitBody, DecodeError>) {
        let at = commit.position;
        self.head = commit.head();
        self.leaves.push(leaf(&commit.hash));
        if self.leaves.len() as u64 == BLOCK {
            self.blocks.push(block_root(&self.leaves));
            self.leaves.clear();
        }
        let body = match body {
            Ok(body) => body,
            Err(error) => {
                if !self.stopped {
                    let kind =
                        if matches!(error, DecodeError::NeedsVersion(..)) { Kind::Newer } else { Kind::Malformed };
                    self.findings.push(Finding::at(kind, at, error.to_string()));
                }
                (self.stopped, self.folding) = (true, false);
                return;
            }
        };
        if self.stopped {
            return;
        }
        if at.seq + 1 == self.trusted_to
            && let Some(kept) = self.shared.resume.and_then(|resume| resume.head(self.partition))
            && kept.hash != commit.hash
        {
            let detail = format!("an earlier run saw the commit {} here", kept.hash);
            self.findings.push(Finding::at(Kind::OtherHistory, at, detail));
            self.other_log = true;
        }
        let trust = if at.seq < self.trusted_to { Trust::EarlierRun } else { Trust::Nothing };
        self.audit.commit(at, body, trust);
        if let Some((store, until)) = self.fold.as_mut().filter(|(_, until)| self.folding && at.seq < until.next_seq) {
            if at.seq + 1 == until.next_seq && commit.hash != until.hash {
                let detail = format!("the views were folded from another commit, {}", until.hash);
                self.findings.push(Finding::at(Kind::ViewsOther, at, detail));
                self.folding = false;
            } else if let Err(error) = apply::commit(store, at, commit.hash, body) {
                self.findings.push(Finding::at(Kind::Fold, at, error.to_string()));
                self.folding = false;
            }
        }
        self.compare(at);
    }

    /// Compares the heads that were kept here with the log: the last commit's hash, and the root over all commits so far.
    fn compare(&mut self, at: Position) {
        let size = self.head.next_seq;
        let mine = (self.log_id, self.partition, size);
        let kept = self.shared.heads.iter().filter(|kept| (kept.log_id, kept.partition, kept.size) == mine);
        let kept: Vec<Anchor> = kept.copied().collect();
        let Some(first) = kept.first() else { return };
        let here = Anchor { hash: self.head.hash, root: self.root(), ..*first };
        for kept in kept {
            let detail = if kept.hash != here.hash {
                format!("a head that was kept names the commit {}, and here is {}", kept.hash, here.hash)
            } else if kept.root != here.root {
                let [told, root] = [kept.root, here.root].map(|root| base32(&root));
                format!("a head that was kept has the root {told} over {size} commits, and here it is {root}")
            } else {
                continue;
            };
            self.findings.push(Finding::at(Kind::OtherHistory, at, detail));
        }
    }

    /// The root of the commit tree over all commits so far.
    fn root(&self) -> [u8; 32] {
        let mut give = |_: u64| -> Result<Vec<[u8; 32]>, Infallible> { Ok(self.leaves.clone()) };
        match Subtrees::new(&self.blocks, &mut give).root(self.head.next_seq) {
            Ok(root) => root,
            Err(never) => match never {},
        }
    }

    fn finish(mut self, bytes: u64, whole: bool, first: Option<u64>) -> Partition {
        let next = Position { partition: self.partition, seq: self.head.next_seq };
        let resume = self.shared.resume.and_then(|resume| resume.head(self.partition));
        let views = self.fold.as_ref().map(|(_, until)| *until);
        let kept =
            self.shared.heads.iter().filter(|kept| (kept.log_id, kept.partition) == (self.log_id, self.partition));
        let kept = kept
            .map(|kept| (kept.size, "a head that was kept"))
            .chain(views.map(|until| (until.next_seq, "the views")));
        let kept = kept.chain(resume.map(|head| (head.next_seq, "an earlier run")));
        for (size, who) in kept.filter(|(size, _)| whole && *size > next.seq) {
            let detail = format!("the log ends here; {who} saw {size} commits");
            self.findings.push(Finding::at(Kind::TailCut, next, detail));
        }
        self.other_log |= whole && resume.is_some_and(|head| head.next_seq > next.seq);
        if next.seq < views.map_or(0, |until| until.next_seq) {
            self.folding = false;
        }
        let root = self.root();
        let anchor =
            Anchor { log_id: self.log_id, partition: self.partition, size: next.seq, hash: self.head.hash, root };
        let collected = self.audit.finish();
        Partition {
            head: self.head,
            first: first.unwrap_or(self.head.next_seq),
            anchor,
            whole: whole && !self.stopped,
            other_log: self.other_log,
            bytes,
            counts: (collected.commits, collected.events),
            facts: (self.looked.facts, self.looked.sealed),
            findings: self.findings,
            collected,
            store: self.fold.filter(|_| self.folding).map(|(store, _)| store),
        }
    }
}
