//! A log whose records wait for their sync, may be lost with the process that wrote them, may come twice, and may have
//! to make room for those of another writer. Which of them count is the one rule's to say, and nobody else's.

use super::rng::Rng;
use mirano_schemas::codec::CommitBody;
use mirano_schemas::envelope::{Envelope, HEADER_LEN, Head, Verdict};
use mirano_schemas::{CommitHash, LogId, Position};
use std::collections::VecDeque;

/// Who appended a record: a node, and how often that node had begun anew with this partition.
pub type Owner = (usize, u64);

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Counts,
    Void,
}

/// A commit that counts.
#[derive(Debug, Clone)]
pub struct Commit {
    pub position: Position,
    pub hash: CommitHash,
    pub body: CommitBody,
}

struct Waiting {
    record: Vec<u8>,
    owner: Option<Owner>,
}

struct Part {
    head: Head,
    counting: Vec<Commit>,
    records: Vec<Vec<u8>>,
    waiting: VecDeque<Waiting>,
}

pub struct Log {
    parts: Vec<Part>,
}

impl Log {
    pub fn new(id: LogId, partitions: u32) -> Self {
        let part = |partition| Part {
            head: Head::genesis(id, partition),
            counting: Vec::new(),
            records: Vec::new(),
            waiting: VecDeque::new(),
        };
        Self { parts: (0..partitions).map(part).collect() }
    }

    pub fn partitions(&self) -> u32 {
        self.parts.len() as u32
    }

    /// The durable head.
    pub fn head(&self, partition: u32) -> Head {
        self.parts[partition as usize].head
    }

    /// The commits that count, durable.
    pub fn commits(&self, partition: u32) -> &[Commit] {
        &self.parts[partition as usize].counting
    }

    /// Whether this is where the log stood once.
    pub fn has(&self, head: &Head) -> bool {
        let last = head.next_seq.checked_sub(1).and_then(|last| self.commits(head.partition).get(last as usize));
        last.is_some_and(|last| last.hash == head.hash)
    }

    /// How many records were void.
    pub fn void(&self) -> usize {
        self.parts.iter().map(|part| part.records.len() - part.counting.len()).sum()
    }

    pub fn append(&mut self, partition: u32, owner: Owner, record: Vec<u8>) {
        self.parts[partition as usize].waiting.push_back(Waiting { record, owner: Some(owner) });
    }

    /// How many records wait for their sync.
    pub fn waiting(&self, partition: u32) -> usize {
        self.parts[partition as usize].waiting.len()
    }

    /// Makes up to `count` records durable. Returns what became of those that still have an owner.
    pub fn sync(&mut self, partition: u32, count: usize) -> Result<Vec<(Owner, Fate)>, String> {
        let part = &mut self.parts[partition as usize];
        let mut fates = Vec::new();
        for _ in 0..count {
            let Some(Waiting { record, owner }) = part.waiting.pop_front() else { break };
            let fate = match part.head.judge(&record) {
                Verdict::Counts(envelope) => {
                    let body = CommitBody::decode(&record[HEADER_LEN..])
                        .map_err(|error| format!("{} counts and does not decode: {error}", envelope.position))?;
                    part.counting.push(Commit { position: envelope.position, hash: envelope.hash(), body });
                    Fate::Counts
                }
                Verdict::Void => Fate::Void,
                Verdict::Corrupt(envelope) => return Err(format!("{} counts and is corrupt", envelope.position)),
            };
            part.records.push(record);
            fates.extend(owner.map(|owner| (owner, fate)));
        }
        Ok(fates)
    }

    /// A node is no more. Of what it appended, the first few of each partition are on their way all the same.
    pub fn lose(&mut self, node: usize, rng: &mut Rng) -> usize {
        let mut lost = 0;
        for part in &mut self.parts {
            let own = |waiting: &Waiting| waiting.owner.is_some_and(|(owner, _)| owner == node);
            let all = part.waiting.iter().filter(|waiting| own(waiting)).count();
            let mut keep = rng.below(all as u64 + 1) as usize;
            lost += all - keep;
            part.waiting.retain_mut(|waiting| {
                if !own(waiting) {
                    return true;
                }
                waiting.owner = None;
                let kept = keep > 0;
                keep = keep.saturating_sub(1);
                kept
            });
        }
        lost
    }

    /// Some earlier record comes once more.
    pub fn duplicate(&mut self, partition: u32, rng: &mut Rng) {
        let part = &mut self.parts[partition as usize];
        let latest = rng.below((part.records.len() as u64).min(4));
        if let Some(record) = part.records.len().checked_sub(1 + latest as usize).and_then(|at| part.records.get(at)) {
            part.waiting.push_back(Waiting { record: record.clone(), owner: None });
        }
    }

    /// Another writer takes the next place with a commit that says nothing.
    pub fn intrude(&mut self, partition: u32) -> Result<(), String> {
        let part = &mut self.parts[partition as usize];
        let mut body = CommitBody::default();
        body.head.recorded_at = part.counting.last().map(|last| last.body.head.recorded_at).unwrap_or_default();
        let body = body.encode().map_err(|error| error.to_string())?;
        let position = Position { partition, seq: part.head.next_seq };
        let envelope = Envelope::seal(position, part.head.hash, &body).map_err(|error| error.to_string())?;
        part.waiting.push_front(Waiting { record: [&envelope.to_bytes()[..], &body].concat(), owner: None });
        Ok(())
    }
}
