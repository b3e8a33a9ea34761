//! What an answer does to the row of a fact: a query shows it from then on, or no longer does.
//!
//! A fold changes the row each time. Who folds a whole log may gather what happens instead, [`Stretch`] by stretch, on any
//! thread, and put the stretches together afterwards: the row is the same.

use crate::rows::key::FactKey;
use crate::rows::{FactRow, GoneBound, IntervalRow};
use crate::store::{StoreError, Table, Write, WriteExt};
use mirano_schemas::{QueryKey, Sealable, SharedFact, codec};
use serde::Serialize;

/// A query shows a fact.
pub fn show(
    store: &mut impl Write,
    key: FactKey,
    body: &Sealable<SharedFact>,
    interval: IntervalRow,
) -> Result<(), StoreError> {
    let row = match store.row_to_change::<FactRow>(key.as_bytes())? {
        Some(mut row) => {
            row.intervals.push(interval);
            row
        }
        None => FactRow { body: body.clone(), intervals: vec![interval] },
    };
    store.put_last(key.as_bytes(), row)
}

/// A query shows a fact no longer; `false`: it did not show it.
pub fn hide(store: &mut impl Write, key: FactKey, query: QueryKey, end: GoneBound) -> Result<bool, StoreError> {
    let Some(mut row) = store.row_to_change::<FactRow>(key.as_bytes())? else { return Ok(false) };
    let ended = row.end(query, end).is_ok();
    store.put_last(key.as_bytes(), row)?;
    Ok(ended)
}

impl FactRow {
    /// Ends the interval of a query that lasts; gives the end back if there is none.
    fn end(&mut self, query: QueryKey, end: GoneBound) -> Result<(), GoneBound> {
        let lasts = |interval: &&mut IntervalRow| interval.query == query && interval.to.is_none();
        match self.intervals.iter_mut().rev().find(lasts) {
            Some(interval) => {
                interval.to = Some(end);
                Ok(())
            }
            None => Err(end),
        }
    }
}

/// One thing that an answer does to a fact.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// A query shows it.
    Shown(Sealable<SharedFact>, IntervalRow),
    /// A query shows it no longer.
    Hidden(QueryKey, GoneBound),
}

/// The row of a fact that was shown once: as [`FactRow`], lent.
#[derive(Serialize)]
struct Once<'c> {
    body: &'c Sealable<SharedFact>,
    intervals: &'c [IntervalRow],
}

impl Change {
    /// Appends the bytes of the row, where nothing else happened to the fact; `false`: something must have, before.
    pub fn append_alone(&self, out: &mut Vec<u8>) -> Result<bool, StoreError> {
        let Self::Shown(body, interval) = self else { return Ok(false) };
        append(&Once { body, intervals: std::slice::from_ref(interval) }, out)?;
        Ok(true)
    }
}

/// Appends the bytes of a row.
pub fn append_row(row: &FactRow, out: &mut Vec<u8>) -> Result<(), StoreError> {
    append(row, out)
}

fn append(row: &impl Serialize, out: &mut Vec<u8>) -> Result<(), StoreError> {
    codec::append(row, out).map_err(|error| StoreError::Row { table: Table::Fact, detail: error.to_string() })
}

/// What some commits, one after the other, do to a fact, whatever was before them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Stretch {
    row: Option<FactRow>,
    /// Ends of intervals that began before.
    ends: Vec<(QueryKey, GoneBound)>,
}

impl Stretch {
    /// A row as all commits before left it.
    pub fn of(row: FactRow) -> Self {
        Self { row: Some(row), ends: Vec::new() }
    }

    /// The next change.
    pub fn push(&mut self, change: Change) {
        match change {
            Change::Shown(body, interval) => match &mut self.row {
                Some(row) => row.intervals.push(interval),
                None => self.row = Some(FactRow { body, intervals: vec![interval] }),
            },
            Change::Hidden(query, end) => self.end(query, end),
        }
    }

    /// The stretch of the commits that follow.
    pub fn then(&mut self, later: Self) {
        for (query, end) in later.ends {
            self.end(query, end);
        }
        match (&mut self.row, later.row) {
            (Some(row), Some(later)) => row.intervals.extend(later.intervals),
            (None, Some(later)) => self.row = Some(later),
            (_, None) => {}
        }
    }

    fn end(&mut self, query: QueryKey, end: GoneBound) {
        let left = match &mut self.row {
            Some(row) => row.end(query, end),
            None => Err(end),
        };
        self.ends.extend(left.err().map(|end| (query, end)));
    }

    /// The row, if the stretch has all that happened; gives the stretch back if it ends what began before.
    pub fn whole(self) -> Result<FactRow, Self> {
        match self.row {
            Some(row) if self.ends.is_empty() => Ok(row),
            row => Err(Self { row, ..self }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::Bound;
    use crate::store::{MemoryStore, ReadExt};
    use mirano_schemas::{Fact, FactId, Match, ObservationId, Position, Subject, Timestamp, Validity};
    use proptest::prelude::*;

    const ID: FactId = FactId([7; 32]);

    fn bound(at: u64) -> Bound {
        let position = Position { partition: 0, seq: at };
        Bound { observation: ObservationId([1; 16]), at: position, observed_at: Timestamp(1) }
    }

    fn change(at: u64, query: u8, shown: bool) -> Change {
        let query = QueryKey([query; 16]);
        if !shown {
            return Change::Hidden(query, GoneBound { bound: bound(at), last_seen: Timestamp(0) });
        }
        let body = Fact {
            source: "s".to_owned(),
            kind: "k".to_owned(),
            subject: Subject("property:x".to_owned()),
            matched: Match::Id,
            identity: Default::default(),
            attrs: Default::default(),
            valid: Validity::default(),
            connector: u32::try_from(at).expect("small"),
        };
        Change::Shown(Sealable::Plain(body.into()), IntervalRow { query, from: bound(at), to: None })
    }

    /// The row as a fold leaves it; none if it ended what was not shown.
    fn folded(changes: &[Change]) -> Option<FactRow> {
        let mut store = MemoryStore::default();
        for change in changes.iter().cloned() {
            match change {
                Change::Shown(body, interval) => {
                    show(&mut store, FactKey::of(ID, 0), &body, interval).expect("writes");
                }
                Change::Hidden(query, end) => {
                    if !hide(&mut store, FactKey::of(ID, 0), query, end).expect("writes") {
                        return None;
                    }
                }
            }
        }
        store.row(ID.as_bytes()).expect("reads")
    }

    proptest! {
        /// Whatever happens and wherever it is cut, stretches come to the row of the fold, and to none where it has none.
        #[test]
        fn stretches_come_to_the_same_row(
            steps in proptest::collection::vec((0u8..3, any::<bool>()), 1..12),
            cuts in proptest::collection::vec(any::<bool>(), 12),
        ) {
            let changes: Vec<Change> =
                (0u64..).zip(&steps).map(|(at, (query, shown))| change(at, *query, *shown)).collect();
            let (mut all, mut part) = (Stretch::default(), Stretch::default());
            for (change, cut) in changes.iter().zip(&cuts) {
                if *cut {
                    all.then(std::mem::take(&mut part));
                }
                part.push(change.clone());
            }
            all.then(part);
            let (whole, folded) = (all.whole().ok(), folded(&changes));
            if let ([one], Some(row)) = (changes.as_slice(), &folded) {
                let mut bytes = b"before".to_vec();
                prop_assert_eq!(one.append_alone(&mut bytes), Ok(true));
                prop_assert_eq!(&bytes, &[b"before", codec::encode(row).expect("encodes").as_slice()].concat());
            }
            prop_assert_eq!(whole, folded);
        }
    }
}
