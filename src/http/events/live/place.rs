//! Where a listener is: a cut of the log, and how many messages of the next commit it had.

use crate::http::error::{Code, Problem, Result};
use std::fmt;

/// For each partition the next commit; and of one of them, how many of its messages were had.
///
/// As text `0:12,1:44`, or `0:12,1:44;1.2` within a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) next: Vec<u64>,
    pub(super) within: Option<(u32, usize)>,
}

impl Place {
    /// Before the first commit of each partition.
    pub(super) fn start(partitions: u32) -> Self {
        Self { next: vec![0; partitions as usize], within: None }
    }

    /// Reads an id.
    pub(super) fn parse(text: &str, partitions: u32) -> Result<Self> {
        let bad = || {
            Problem::new(Code::BadCursor, format!("`Last-Event-ID` {text:?} is not an id of this stream"))
                .at("Last-Event-ID", "is not one of ours")
                .fix("Connect without `Last-Event-ID`.")
        };
        let (cut, within) = text.split_once(';').map_or((text, None), |(cut, within)| (cut, Some(within)));
        let mut next = Vec::new();
        for (partition, part) in (0u32..).zip(cut.split(',')) {
            let (of, seq) = part.split_once(':').ok_or_else(bad)?;
            if of.parse() != Ok(partition) {
                return Err(bad());
            }
            next.push(seq.parse().map_err(|_| bad())?);
        }
        if next.len() != partitions as usize {
            return Err(bad());
        }
        let within = within.map(|within| {
            let (partition, n) = within.split_once('.').ok_or_else(bad)?;
            let partition: u32 = partition.parse().map_err(|_| bad())?;
            if partition >= partitions {
                return Err(bad());
            }
            Ok((partition, n.parse().map_err(|_| bad())?))
        });
        Ok(Self { next, within: within.transpose()? })
    }

    /// The next commit of a partition.
    pub(super) fn of(&self, partition: u32) -> u64 {
        self.next.get(partition as usize).copied().unwrap_or(0)
    }

    /// The commits before this one of a partition are behind.
    pub(super) fn set(&mut self, partition: u32, seq: u64) {
        if let Some(next) = self.next.get_mut(partition as usize) {
            *next = seq;
        }
    }

    /// The last positions that are behind, as the interface writes a cut.
    pub(super) fn cut(&self) -> String {
        let last = |(partition, next): (u32, &u64)| Some(format!("{partition}:{}", next.checked_sub(1)?));
        (0u32..).zip(&self.next).filter_map(last).collect::<Vec<_>>().join(",")
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (partition, next) in self.next.iter().enumerate() {
            let comma = if partition > 0 { "," } else { "" };
            write!(f, "{comma}{partition}:{next}")?;
        }
        self.within.map_or(Ok(()), |(partition, n)| write!(f, ";{partition}.{n}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_round_trip_and_rubbish_is_refused() {
        for text in ["0:0", "0:12", "0:12;0.3"] {
            assert_eq!(Place::parse(text, 1).expect(text).to_string(), text);
        }
        assert_eq!(Place::parse("0:1,1:2;1.7", 2).expect("two").within, Some((1, 7)));
        for bad in ["", "0", "1:0", "0:x", "0:1,1:2", "0:1;", "0:1;1.0", "0:1;0", "0:1;0.x", "0:-1"] {
            assert!(Place::parse(bad, 1).is_err(), "{bad}");
        }
        assert_eq!(Place::parse("0:12,1:0", 2).expect("two").cut(), "0:11");
    }
}
