//! The whole base at a cut, and at two: every query is looked at, and only those that were answered in between are compared.

use super::pairs::{Pair, Skipped, two};
use super::side::{Asked, Lacks, Side, shown};
use super::{Book, HistoryError, LogTimes, Times};
use crate::sequencer::Sequencer;
use mirano_replay::history::{self, Moment};
use mirano_replay::rows::{ObservationRow, QueryRow};
use mirano_replay::store::{Read, ReadExt, StoreError, Table, decode_row};
use mirano_replay::tree;
use mirano_schemas::{Position, QueryKey, Timestamp, WorldBody, codec};
use std::collections::{BTreeMap, BTreeSet};

/// What was answered in between, what can't be compared, and how many facts stand under answers that are the same.
pub fn pairs(book: &Book<'_>, from: &Side, to: &Side) -> Result<(Vec<Pair>, Vec<Skipped>, u64), HistoryError> {
    let (mut pairs, mut skipped, mut same) = (Vec::new(), BTreeSet::new(), 0u64);
    let mut failed: Option<StoreError> = None;
    let mut look = |key: &[u8], row: &[u8]| -> Result<(), StoreError> {
        let Some(query) = key.first_chunk::<16>().map(|id| QueryKey(*id)) else { return Ok(()) };
        let row: QueryRow = decode_row(Table::Query, row)?;
        let Some(last) = &row.last else { return Ok(()) };
        let latest: Option<ObservationRow> = book.rows.row(last.observation.as_bytes())?;
        let known = |moment: &Moment| latest.as_ref().is_some_and(|row| moment.knows(row.at, row.recorded_at));
        if known(&from.moment) && known(&to.moment) {
            if last.complete {
                same += u64::from(last.facts);
            } else {
                let skip = |side| Skipped {
                    source: row.source().to_owned(),
                    subject: row.subject.clone(),
                    side,
                    reason: Lacks::Incomplete,
                };
                skipped.insert(skip("both"));
            }
            return Ok(());
        }
        let asked = |found: Option<ObservationRow>| Asked {
            source: row.source().to_owned(),
            subject: row.subject.clone(),
            query: Some(query),
            shown: found.map(|found| shown(&found.recorded)).ok_or(Lacks::Missing),
        };
        let before = history::observation_at(book.rows, query, Some(&from.moment))?;
        let after = history::observation_at(book.rows, query, Some(&to.moment))?;
        if before.is_some() || after.is_some() {
            two(&asked(before), &asked(after), &mut pairs, &mut skipped);
        }
        Ok(())
    };
    book.rows.scan(Table::Query, &[], &[], &mut |key, row| {
        failed = look(key, row).err();
        failed.is_none()
    })?;
    match failed {
        Some(error) => Err(error.into()),
        None => Ok((pairs, skipped.into_iter().collect(), same)),
    }
}

/// So many of a partition's last commits are asked for their causes: older ones have theirs long behind them.
const WINDOW: u64 = 4_096;

/// A cut with every cause that a commit in it names. `cut` is what views show, read partition by partition.
pub fn closed(log: &dyn Sequencer, cut: &[Position]) -> Result<Vec<Position>, HistoryError> {
    let mut closed: BTreeMap<u32, u64> = cut.iter().map(|position| (position.partition, position.seq)).collect();
    let mut looked: BTreeMap<u32, u64> = BTreeMap::new();
    let refused = |error: &dyn std::fmt::Display| HistoryError::Log(error.to_string());
    loop {
        let before = closed.clone();
        for (partition, last) in &before {
            let mut next = looked.get(partition).map_or(last.saturating_sub(WINDOW), |seen| seen + 1);
            while next <= *last {
                let commits = log.read(*partition, next, 1024 * 1024).map_err(|error| refused(&error))?;
                for commit in commits.iter().take_while(|commit| commit.position.seq <= *last) {
                    let body = codec::CommitBody::decode(commit.body()).map_err(|error| refused(&error))?;
                    if let Some(cause) = body.head.cause {
                        let place = closed.entry(cause.partition).or_insert(cause.seq);
                        *place = (*place).max(cause.seq);
                    }
                    next = commit.position.seq + 1;
                }
                if commits.is_empty() {
                    break;
                }
            }
            looked.insert(*partition, *last);
        }
        if closed == before {
            return Ok(closed.into_iter().map(|(partition, seq)| Position { partition, seq }).collect());
        }
    }
}

/// What the whole base shows now, at a cut that is closed under causes. `cut` is what the views show. Reads all of it.
pub fn now(log: &dyn Sequencer, rows: &dyn Read, cut: &[Position]) -> Result<WorldBody, HistoryError> {
    let (cut, times) = (closed(log, cut)?, LogTimes(log));
    let mut places = Vec::new();
    for place in &cut {
        let recorded = times.recorded_at(*place)?;
        let missing = || HistoryError::Log(format!("the commit {place} of the cut is not there"));
        places.push((*place, recorded.ok_or_else(missing)?));
    }
    let (ids, queries) = history::facts_at(rows, &Moment::cut(places))?;
    let set = tree::Tree::of_set(ids);
    Ok(WorldBody {
        cut,
        facts_root: set.root(),
        facts: set.len() as u64,
        queries,
        policy_version: 0,
        schema_version: codec::SCHEMA_VERSION,
        sealed_at: Timestamp::default(),
    })
}
