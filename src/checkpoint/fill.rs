//! Filling a new folder from a checkpoint, and comparing it with what the log says of it.

use super::list::{HeadText, PlaceText};
use super::parts::records;
use super::{CheckpointError, CheckpointStore, List, LogPart, aside, rows};
use crate::sequencer::embedded::{EmbeddedLog, Options};
use crate::sequencer::kafka::{self, Place, Seen, Settings};
use crate::sequencer::{Outcome, Sequencer};
use crate::views::{FORM, Views};
use bytes::Bytes;
use futures::future::join_all;
use futures::stream::{self, StreamExt};
use mirano_replay::store::{Digest, Table};
use mirano_schemas::envelope::Head;
use mirano_schemas::{CheckpointTaken, CommitHash, LogId};
use std::path::Path;
use std::sync::Arc;

/// Parts that are fetched ahead.
const AHEAD: usize = 3;
/// Rows that are written at once.
const ROWS: usize = 4_096;

/// Fills the folder `new`; whether its rows were of use. An error says what does not fit; the folder is then of no use.
pub async fn fill(
    new: &Path,
    views: &str,
    settings: &Settings,
    store: &CheckpointStore,
    taken: &CheckpointTaken,
    born: Option<LogId>,
) -> Result<bool, CheckpointError> {
    let not_it = |why: String| CheckpointError::damaged(taken.place.clone(), why);
    let log_id: Option<LogId> = taken.place.split('/').next().and_then(|id| id.parse().ok());
    let log_id = log_id.or(born).ok_or_else(|| not_it("it names no log".to_owned()))?;
    if born.is_some_and(|born| born != log_id) {
        return Err(not_it("it is of another log".to_owned()));
    }
    let list = store.list(log_id, taken.list).await?;
    let heads = heads_of(&list).ok_or_else(|| not_it("its heads can't be read".to_owned()))?;
    if list.log_id != log_id.to_string() || list.heads().as_deref() != Some(&taken.heads) {
        return Err(not_it("its list says other heads than the log".to_owned()));
    }
    if heads.len() != settings.partitions as usize {
        let (have, want) = (heads.len(), settings.partitions);
        return Err(not_it(format!("it has {have} partitions, and --partitions says {want}")));
    }
    let places = list.places.iter().zip(&heads).map(|(place, head)| place_of(place, head));
    let places: Option<Vec<Place>> = places.collect();
    let places = places.filter(|places| places.len() == heads.len());
    let places = places.ok_or_else(|| not_it("its places in the topic can't be read".to_owned()))?;
    log(new, log_id, store, &list, &heads, &places).await?;
    for place in &places {
        kafka::note_place(new, &settings.topic, place).map_err(CheckpointError::io(new))?;
    }
    if list.form != FORM {
        tracing::info!(form = list.form, "the checkpoint's rows are of another version; they are folded from its log");
        return Ok(false);
    }
    let said = (taken.rows_digest, taken.rows);
    rows_in(&new.join(views), log_id, store, &list, &heads, said).await?;
    Ok(true)
}

fn heads_of(list: &List) -> Option<Vec<Head>> {
    (0u32..).zip(&list.heads).map(|(partition, head)| head.head(partition)).collect()
}

fn place_of(text: &PlaceText, head: &Head) -> Option<Place> {
    let last = match (text.offset, &text.record) {
        (Some(offset), Some(record)) if offset >= 0 => {
            Some(Seen { offset, hash: record.parse::<CommitHash>().ok()?.0 })
        }
        (None, None) => None,
        _ => return None,
    };
    let place = Place { last, head: text.head.head(head.partition)? };
    (place.head.next_seq <= head.next_seq).then_some(place)
}

/// The log: each part is what its name says, each commit counts upon the one before it, and the ends are those that are named.
async fn log(
    new: &Path,
    log_id: LogId,
    store: &CheckpointStore,
    list: &List,
    heads: &[Head],
    places: &[Place],
) -> Result<(), CheckpointError> {
    let folder = new.to_owned();
    let options = Options { partitions: list.partitions, ..Options::default() };
    let made = Arc::new(aside(move || Ok(EmbeddedLog::create_as(&folder, options, log_id)?)).await?);
    let fetch = |part: &LogPart| {
        let (store, part) = (store.clone(), part.clone());
        async move { store.part(log_id, &part.part).await.map(|raw| (part, raw)) }
    };
    let mut parts = stream::iter(list.log.iter().map(fetch)).buffered(AHEAD);
    while let Some(fetched) = parts.next().await {
        let (part, raw) = fetched?;
        let not_it = |why: &str| CheckpointError::damaged(part.part.hash.clone(), why);
        let before = made.head(part.partition);
        if part.partition >= list.partitions || part.first_seq != before.next_seq {
            return Err(not_it("it does not follow the part before it"));
        }
        let records = records(&raw).ok_or_else(|| not_it("it does not hold commits"))?;
        let handed: Vec<_> = records.into_iter().map(|record| made.append(part.partition, record)).collect();
        for outcome in join_all(handed).await {
            if !matches!(outcome?, Outcome::Counted { .. }) {
                return Err(not_it("a commit in it does not count upon the one before it"));
            }
        }
        if HeadText::of(&made.head(part.partition)) != part.head {
            return Err(not_it("it ends elsewhere than its list says"));
        }
    }
    for (head, place) in heads.iter().zip(places) {
        let end = made.head(head.partition);
        if end != *head {
            let why =
                format!("partition {} ends at {} and is to end at {}", head.partition, end.next_seq, head.next_seq);
            return Err(CheckpointError::damaged("the archive", why));
        }
        made.check_anchor(&place.head)?;
    }
    // Closing it writes what was handed over.
    aside(move || {
        drop(made);
        Ok(())
    })
    .await
}

/// The rows: in order, with the digest that the log names, and standing where the log ends.
async fn rows_in(
    folder: &Path,
    log_id: LogId,
    store: &CheckpointStore,
    list: &List,
    heads: &[Head],
    said: ([u8; 32], u64),
) -> Result<(), CheckpointError> {
    let path = folder.to_owned();
    let mut loading = aside(move || Ok(Loading::new(Views::open(&path)?))).await?;
    let fetch = |part: &super::Part| {
        let (store, part) = (store.clone(), part.clone());
        async move { store.part(log_id, &part).await }
    };
    let mut parts = stream::iter(list.rows.parts.iter().map(fetch)).buffered(AHEAD);
    while let Some(raw) = parts.next().await {
        let raw = raw?;
        loading = aside(move || loading.part(&raw)).await?;
    }
    let heads = heads.to_vec();
    aside(move || loading.end(said, &heads)).await
}

/// Rows on their way into new views.
struct Loading {
    views: Views,
    digest: Digest,
    rows: u64,
    last: Option<(Table, Vec<u8>)>,
}

impl Loading {
    fn new(views: Views) -> Self {
        Self { views, digest: Digest::default(), rows: 0, last: None }
    }

    fn part(mut self, raw: &Bytes) -> Result<Self, CheckpointError> {
        let bad = |why: &str| CheckpointError::damaged("a part of the rows", why);
        let rows = rows::parse(raw).ok_or_else(|| bad("it does not hold rows"))?;
        for some in rows.chunks(ROWS) {
            for (table, key, row) in some {
                let ordered = self.last.as_ref().is_none_or(|(t, k)| (*t as u8, k.as_slice()) < (*table as u8, *key));
                if !ordered {
                    return Err(bad("its rows are not in order"));
                }
                self.digest.row(*table, key, row);
                self.rows += 1;
                self.last = Some((*table, key.to_vec()));
            }
            self.views.load(some)?;
        }
        Ok(self)
    }

    fn end(self, said: ([u8; 32], u64), heads: &[Head]) -> Result<(), CheckpointError> {
        let bad = |why: String| CheckpointError::damaged("the rows", why);
        let found = (self.digest.finish(), self.rows);
        if found != said {
            let text = |(digest, rows): ([u8; 32], u64)| format!("{rows} rows of the digest {}", CommitHash(digest));
            return Err(bad(format!("they are {}, and the log names {}", text(found), text(said))));
        }
        for head in heads {
            let stands = self.views.anchor(head.partition)?;
            if stands.unwrap_or(Head { next_seq: 0, ..*head }) != *head {
                return Err(bad(format!("those of partition {} stand elsewhere than its log ends", head.partition)));
            }
        }
        Ok(self.views.flush()?)
    }
}
