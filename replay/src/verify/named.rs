//! Places that commits name in other partitions, and a cut that holds together: no commit of it names one outside.

use mirano_schemas::codec::CommitBody;
use mirano_schemas::{Event, FactsReused, NeedAnswered, Position};
use std::collections::BTreeMap;

/// Hands over every place that a commit rests on: its cause, what its receipts tell of, and the cut of a sealed base.
pub fn names(body: &CommitBody, mut name: impl FnMut(Position)) {
    body.head.cause.into_iter().for_each(&mut name);
    for event in &body.events {
        match event {
            Event::FactsReused(FactsReused { receipt, .. }) | Event::NeedAnswered(NeedAnswered { receipt, .. }) => {
                name(receipt.at);
            }
            Event::WorldSealed(event) => event.body.cut.iter().copied().for_each(&mut name),
            _ => {}
        }
    }
}

/// By foreign partition: from which commit of one partition on the latest place is named there. Both grow.
#[derive(Debug, Clone, Default)]
pub struct Named(BTreeMap<u32, Vec<(u64, u64)>>);

impl Named {
    /// The commit `by`, not before those of earlier calls, names a place of another partition.
    pub fn note(&mut self, by: u64, place: Position) {
        let known = self.0.entry(place.partition).or_default();
        if known.last().is_none_or(|(_, latest)| *latest < place.seq) {
            known.push((by, place.seq));
        }
    }

    /// The latest place of each foreign partition that the first `size` commits name, after the commit that names it first.
    pub(super) fn within(&self, size: u64) -> impl Iterator<Item = (u64, Position)> {
        self.0.iter().filter_map(move |(partition, known)| {
            let (by, seq) = known.get(known.partition_point(|(by, _)| *by < size).checked_sub(1)?)?;
            Some((*by, Position { partition: *partition, seq: *seq }))
        })
    }

    /// The first commit that names a place of `partition` at `end` or behind it.
    fn beyond(&self, partition: u32, end: u64) -> Option<u64> {
        let known = self.0.get(&partition)?;
        known.get(known.partition_point(|(_, seq)| *seq < end)).map(|(by, _)| *by)
    }
}

/// The largest cut within `ends` (how many commits of each partition) that holds together. What commits name in a partition
/// that has no end here is not looked at.
pub fn closed(named: &BTreeMap<u32, Named>, mut ends: BTreeMap<u32, u64>) -> BTreeMap<u32, u64> {
    loop {
        let first_beyond = |by: u32| -> Option<u64> {
            let named = named.get(&by)?;
            ends.iter().filter_map(|(partition, end)| named.beyond(*partition, *end)).min()
        };
        let shorter: Vec<(u32, u64)> = ends
            .iter()
            .filter_map(|(partition, end)| Some((*partition, first_beyond(*partition).filter(|by| by < end)?)))
            .collect();
        if shorter.is_empty() {
            return ends;
        }
        ends.extend(shorter);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_is_cut_back_until_it_holds_together() {
        let at = |partition, seq| Position { partition, seq };
        let mut named: BTreeMap<u32, Named> = BTreeMap::new();
        // 0:5 rests on 1:7, 1:3 on 2:9, 2:1 on 0:2; and 1:6 on 0:4, an early place again.
        named.entry(0).or_default().note(5, at(1, 7));
        named.entry(1).or_default().note(3, at(2, 9));
        named.entry(1).or_default().note(6, at(0, 4));
        named.entry(2).or_default().note(1, at(0, 2));
        let cut = |ends: [u64; 3]| {
            let ends = (0u32..).zip(ends).collect();
            closed(&named, ends).into_values().collect::<Vec<_>>()
        };
        assert_eq!(cut([9, 9, 10]), [9, 9, 10], "all that is named is there");
        assert_eq!(
            cut([9, 9, 9]),
            [5, 3, 9],
            "2:9 is not, so neither 1:3 nor what rests on its partition's later commits"
        );
        assert_eq!(cut([9, 7, 10]), [5, 7, 10]);
        assert_eq!(cut([2, 9, 10]), [2, 3, 1], "one thing leads to the next");
        assert_eq!(cut([0, 0, 0]), [0, 0, 0]);
    }
}
