//! The checkpoints that the end of a topic names, the newest first, before anybody knows whether the commits that name them
//! count.

use super::{CheckpointError, aside};
use crate::sequencer::kafka::{Settings, Tail};
use bytes::Bytes;
use mirano_schemas::codec::CommitBody;
use mirano_schemas::envelope::{Envelope, HEADER_LEN};
use mirano_schemas::{CheckpointTaken, Event};
use std::collections::{BTreeSet, VecDeque};

/// Records of the first look; each further look takes four times as many.
const FIRST: u32 = 2_000;
const MOST: u32 = 200_000;

/// Checkpoints that a topic names, looked for as far back as somebody asks.
pub struct Named {
    tail: Option<Tail>,
    window: u32,
    found: VecDeque<CheckpointTaken>,
    given: BTreeSet<[u8; 32]>,
}

impl Named {
    /// Of this topic, without those whose lists have these hashes.
    pub async fn open(settings: &Settings, without: &BTreeSet<[u8; 32]>) -> Result<Self, CheckpointError> {
        let tail = Tail::open(settings).await?;
        Ok(Self { tail, window: FIRST, found: VecDeque::new(), given: without.clone() })
    }

    /// The next one, older than all before it.
    pub async fn next(&mut self) -> Result<Option<CheckpointTaken>, CheckpointError> {
        loop {
            while let Some(found) = self.found.pop_front() {
                // A record may stand there twice.
                if self.given.insert(found.list) {
                    return Ok(Some(found));
                }
            }
            let Some(mut tail) = self.tail.take() else { return Ok(None) };
            let window = self.window;
            self.window = MOST.min(window.saturating_mul(4));
            let (tail, records) = aside(move || {
                let records = tail.back(window)?;
                Ok((tail, records))
            })
            .await?;
            let Some(records) = records else { return Ok(None) };
            self.tail = Some(tail);
            self.found.extend(records.iter().rev().flat_map(named));
        }
    }
}

/// The checkpoints that a record names; of one that is no whole commit, or of a later version, none.
fn named(record: &Bytes) -> Vec<CheckpointTaken> {
    let whole = Envelope::parse(record).is_ok_and(|envelope| envelope.position.partition == 0);
    let body = record.get(HEADER_LEN..).filter(|_| whole).and_then(|body| CommitBody::decode(body).ok());
    let events = body.into_iter().flat_map(|body| body.events);
    let taken = events.filter_map(|event| match event {
        Event::CheckpointTaken(taken) => Some(taken),
        _ => None,
    });
    taken.collect()
}
