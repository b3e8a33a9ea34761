//! Taking a checkpoint.
//!
//! The order is what makes it true: first the places in the topic, then rows that show at least what was read up to there,
//! then the log up to the heads that those rows have; all of it durable before the log names it.

use super::list::{HeadText, LogPart, Part, PlaceText};
use super::parts::{PART_BYTES, part_of};
use super::store::CheckpointStore;
use super::{CheckpointError, List, aside, keep, rows};
use crate::core::command::Command;
use crate::engine::Engine;
use crate::sequencer::kafka::{self, Place};
use crate::views::{FORM, Views};
use metrics::{counter, gauge, histogram};
use mirano_replay::checkpoint;
use mirano_replay::rows::{AnchorRow, key};
use mirano_replay::store::{Digest, Table, decode_row};
use mirano_schemas::envelope::Head;
use mirano_schemas::{CheckpointTaken, CommitHash, LogId, Position};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};

/// So long the views may take to show what the mirror has read.
const CATCH_UP: Duration = Duration::from_secs(30);
/// How long the mirror's notes are waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// The topic that the data folder mirrors.
#[derive(Debug, Clone)]
pub struct Topic {
    /// The data folder.
    pub folder: PathBuf,
    /// The topic's name.
    pub name: String,
    /// Changes when the mirror has noted where it stands.
    pub noted: watch::Receiver<u64>,
}

/// Takes checkpoints of one node's log.
pub struct Taker {
    engine: Engine,
    store: CheckpointStore,
    node: String,
    /// None: the log is in no topic.
    topic: Option<Topic>,
    keep: usize,
    part_bytes: usize,
    turn: tokio::sync::Mutex<()>,
}

/// A checkpoint that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// As the log names it.
    pub taken: CheckpointTaken,
    /// The commit that names it.
    pub position: Position,
    /// Bytes of commits and rows in it, before they were packed.
    pub bytes: u64,
    /// Those of them that were not in the store yet.
    pub new_bytes: u64,
    /// How long it took.
    pub took: Duration,
}

/// What a walk through the rows came to.
struct Walked {
    heads: Vec<Head>,
    digest: [u8; 32],
    rows: u64,
}

impl Taker {
    /// Of this engine's log; `keep` checkpoints remain, at least one.
    pub fn new(engine: Engine, store: CheckpointStore, node: String, topic: Option<Topic>, keep: usize) -> Self {
        Self {
            engine,
            store,
            node,
            topic,
            keep: keep.max(1),
            part_bytes: PART_BYTES,
            turn: tokio::sync::Mutex::new(()),
        }
    }

    /// The same with parts of another size.
    #[cfg(test)]
    pub(super) fn in_parts_of(self, part_bytes: usize) -> Self {
        Self { part_bytes, ..self }
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// What this node is called.
    pub fn node(&self) -> &str {
        &self.node
    }

    /// Takes one; it is named in the log when this returns. Then older ones are removed.
    pub async fn take(&self) -> Result<Taken, CheckpointError> {
        let _turn = self.turn.try_lock().map_err(|_| CheckpointError::UnderWay)?;
        let taken = self.take_one().await;
        let outcome = if taken.is_ok() { "taken" } else { "failed" };
        counter!("mirano_checkpoints_total", "outcome" => outcome).increment(1);
        let taken = taken?;
        gauge!("mirano_checkpoint_bytes").set(taken.bytes as f64);
        histogram!("mirano_checkpoint_seconds").record(taken.took.as_secs_f64());
        if let Err(error) = keep::keep_newest(&self.store, &self.engine, self.keep).await {
            tracing::warn!(%error, "older checkpoints were not removed; the next one removes them");
        }
        Ok(taken)
    }

    async fn take_one(&self) -> Result<Taken, CheckpointError> {
        let began = Instant::now();
        let log = self.engine.log().log_id();
        let taken_at_ms = self.engine.now().0;
        let places = self.places().await?;
        let (walked, row_parts) = self.rows(log).await?;
        let mut list = List::new(log, &walked.heads, FORM, taken_at_ms);
        list.places = places.iter().map(text_of).collect();
        list.rows.digest = CommitHash(walked.digest).to_string();
        list.rows.rows = walked.rows;
        list.rows.parts = row_parts;
        let mut new_bytes: u64 = list.rows.parts.iter().map(|part| part.bytes).sum();
        let known = self.known_parts(log).await;
        for head in &walked.heads {
            new_bytes += self.archive(log, head, &known, &mut list.log).await?;
        }
        let bytes = list.parts().map(|part| part.bytes).sum();
        let (place, hash) = self.store.put_list(log, &list).await?;
        let heads = list.heads().ok_or_else(|| CheckpointError::damaged(place.clone(), "its heads can't be read"))?;
        let taken = CheckpointTaken {
            heads,
            form: FORM,
            rows_digest: walked.digest,
            rows: walked.rows,
            place,
            list: hash,
            node: self.node.clone(),
        };
        let answer = self.engine.submit(Command::NoteCheckpoint(taken.clone())).await?;
        Ok(Taken { taken, position: answer.position, bytes, new_bytes, took: began.elapsed() })
    }

    /// Where the mirror stands in the topic, and the views show no less. Empty where there is no topic.
    async fn places(&self) -> Result<Vec<Place>, CheckpointError> {
        let Some(topic) = &self.topic else { return Ok(Vec::new()) };
        let log = self.engine.log();
        let (mut changes, until) = (topic.noted.clone(), tokio::time::Instant::now() + PATIENCE);
        let places = loop {
            changes.borrow_and_update();
            let noted = (0..log.partitions()).map(|partition| {
                let genesis = Head::genesis(log.log_id(), partition);
                match kafka::noted_place(&topic.folder, &topic.name, partition) {
                    Some(place) => Some(place),
                    // Of a partition without commits nothing is lost.
                    None => (log.head(partition) == genesis).then(|| Place::start(genesis)),
                }
            });
            match noted.collect::<Option<Vec<Place>>>() {
                Some(places) => break places,
                None => match tokio::time::timeout_at(until, changes.changed()).await {
                    Ok(Ok(())) => {}
                    // Too late, or the log is closed and notes nothing any more.
                    Ok(Err(_)) | Err(_) => return Err(CheckpointError::TooEarly),
                },
            }
        };
        for place in &places {
            log.check_anchor(&place.head)?;
            let Some(last) = place.head.next_seq.checked_sub(1) else { continue };
            if !self.engine.wait_for(Position { partition: place.head.partition, seq: last }, CATCH_UP).await {
                return Err(CheckpointError::TooEarly);
            }
        }
        Ok(places)
    }

    /// Keeps all rows as they stand at one moment.
    async fn rows(&self, log: LogId) -> Result<(Walked, Vec<Part>), CheckpointError> {
        let (views, partitions, size) = (Arc::clone(self.engine.views()), self.engine.partitions(), self.part_bytes);
        let (send, mut packed) = mpsc::channel::<Vec<u8>>(1);
        let walking =
            tokio::spawn(aside(move || walk(&views, log, partitions, size, |part| send.blocking_send(part).is_ok())));
        let mut parts = Vec::new();
        while let Some(raw) = packed.recv().await {
            parts.push(self.store.put_part(log, raw).await?);
        }
        let walked = walking.await.map_err(|error| CheckpointError::BrokenOff(error.to_string()))??;
        Ok((walked, parts))
    }

    /// The whole parts of the newest checkpoint that are in the store: by partition and first seq.
    async fn known_parts(&self, log: LogId) -> BTreeMap<(u32, u64), LogPart> {
        let known = async {
            let Some(row) = checkpoint::all(&**self.engine.views())?.pop() else { return Ok(BTreeMap::new()) };
            let list = self.store.list(log, row.taken.list).await?;
            let lying = self.store.parts(log).await?;
            // A shorter one is cut anew: it ends where an earlier checkpoint did.
            let whole =
                |part: &LogPart| part.part.bytes >= self.part_bytes as u64 && lying.contains_key(&part.part.hash);
            let whole = list.log.into_iter().filter(whole);
            Ok::<_, CheckpointError>(whole.map(|part| ((part.partition, part.first_seq), part)).collect())
        };
        known.await.unwrap_or_else(|error| {
            tracing::warn!(%error, "the last checkpoint can't be read; the whole log is kept once more");
            BTreeMap::new()
        })
    }

    /// Adds a partition up to `end` to the list; how many bytes were new.
    async fn archive(
        &self,
        log: LogId,
        end: &Head,
        known: &BTreeMap<(u32, u64), LogPart>,
        parts: &mut Vec<LogPart>,
    ) -> Result<u64, CheckpointError> {
        let mut from = Head::genesis(log, end.partition);
        let mut new = 0;
        while from.next_seq < end.next_seq {
            if let Some(part) = known.get(&(from.partition, from.next_seq))
                && let Some(head) = part.head.head(from.partition)
                && head.next_seq <= end.next_seq
                && self.engine.log().check_anchor(&head).is_ok()
            {
                parts.push(part.clone());
                from = head;
                continue;
            }
            let (reader, until, size) = (Arc::clone(self.engine.log()), *end, self.part_bytes);
            let (raw, head) = aside(move || part_of(&*reader, from, &until, size)).await?;
            if head.next_seq == from.next_seq {
                let (partition, seq) = (from.partition, from.next_seq);
                return Err(CheckpointError::BrokenOff(format!("the log has no commit {partition}:{seq}")));
            }
            new += raw.len() as u64;
            let part = self.store.put_part(log, raw).await?;
            parts.push(LogPart {
                partition: from.partition,
                first_seq: from.next_seq,
                head: HeadText::of(&head),
                part,
            });
            from = head;
        }
        if from != *end {
            let why = format!("the log has {} behind commit {}, and the rows {}", from.hash, end.next_seq, end.hash);
            return Err(CheckpointError::damaged(format!("partition {}", end.partition), why));
        }
        Ok(new)
    }
}

fn text_of(place: &Place) -> PlaceText {
    PlaceText {
        offset: place.last.map(|last| last.offset),
        record: place.last.map(|last| CommitHash(last.hash).to_string()),
        head: HeadText::of(&place.head),
    }
}

/// Walks all rows at one moment and hands them over in parts, while somebody takes them.
fn walk(
    views: &Views,
    log: LogId,
    partitions: u32,
    size: usize,
    mut hand_over: impl FnMut(Vec<u8>) -> bool,
) -> Result<Walked, CheckpointError> {
    let mut heads: Vec<Head> = (0..partitions).map(|partition| Head::genesis(log, partition)).collect();
    let (mut digest, mut rows, mut part) = (Digest::default(), 0, Vec::new());
    let mut trouble = None;
    views.at_once(|table, row_key, row| {
        if table == Table::Anchor {
            let head = heads.iter_mut().find(|head| *key::anchor(head.partition) == *row_key);
            match (head, decode_row::<AnchorRow>(table, row)) {
                (Some(head), Ok(anchor)) => (head.next_seq, head.hash) = (anchor.next_seq, anchor.hash),
                (_, Err(error)) => trouble = Some(error.into()),
                (None, Ok(_)) => {}
            }
        }
        digest.row(table, row_key, row);
        rows += 1;
        if !rows::push(&mut part, table, row_key, row) {
            trouble = Some(CheckpointError::BrokenOff("a row has four gigabytes or more".to_owned()));
        }
        if part.len() >= size && !hand_over(std::mem::take(&mut part)) {
            trouble = Some(CheckpointError::BrokenOff("nobody keeps the rows any more".to_owned()));
        }
        trouble.is_none()
    })?;
    if trouble.is_none() && !part.is_empty() && !hand_over(part) {
        trouble = Some(CheckpointError::BrokenOff("nobody keeps the rows any more".to_owned()));
    }
    match trouble {
        Some(trouble) => Err(trouble),
        None => Ok(Walked { heads, digest: digest.finish(), rows }),
    }
}
