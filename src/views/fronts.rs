//! Where queues begin.
//!
//! Queues and lists of what is due lie in order and are taken from the front. What was taken leaves tombstones, and a scan from the
//! front would pass over all of them each time, until RocksDB has merged them away. So the place of the first row is remembered for
//! each queue that was looked at, as a bound: no row lies before it. Only a row that is put before it moves it back.

use mirano_replay::overlay::Changes;
use mirano_replay::store::Table;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

/// Tables whose rows are taken from the front. They have few prefixes: one for each source, or one for each partition.
const QUEUES: [Table; 6] =
    [Table::Ready, Table::Delayed, Table::LeaseEnd, Table::WatchDue, Table::DemandDue, Table::StaleDue];

/// The first row of a queue, or of what is left of it; none: it has none.
type Front = Option<Vec<u8>>;

/// The fronts of all queues that were looked at.
#[derive(Debug, Default)]
pub struct Fronts(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// By prefix, table first.
    fronts: BTreeMap<Vec<u8>, Front>,
    /// How long prefixes are.
    lengths: BTreeSet<usize>,
    /// How often rows were put into queues. A scan that began before the last time saw less than there is.
    puts: u64,
}

/// A look at a queue from its front, which tells what it found.
#[derive(Debug)]
pub struct Look {
    prefix: Vec<u8>,
    puts: u64,
    /// What is known of the front; none: nothing.
    pub known: Option<Front>,
}

impl Fronts {
    /// Begins a look at the rows of a table under a prefix; none where the table is no queue. `prefix` has the table first.
    pub fn look(&self, table: Table, prefix: &[u8]) -> Option<Look> {
        if !QUEUES.contains(&table) {
            return None;
        }
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Some(Look { prefix: prefix.to_owned(), puts: state.puts, known: state.fronts.get(prefix).cloned() })
    }

    /// The first row that a look found, as of a view of the database not older than the look.
    pub fn found(&self, look: Look, first: Front) {
        if look.known.as_ref() == Some(&first) {
            return;
        }
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.puts == look.puts {
            state.lengths.insert(look.prefix.len());
            state.fronts.insert(look.prefix, first);
        }
    }

    /// Forgets all: rows were put that nobody told of.
    pub fn forget(&self) {
        let state = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *state = State { puts: state.puts + 1, ..State::default() };
    }

    /// Rows were put: to be told after they can be seen, and before anybody is told that they can.
    pub fn wrote(&self, changes: &Changes) {
        let queued = changes.iter().filter(|(place, row)| row.is_some() && QUEUES.contains(&place.table));
        let mut places = queued.map(|(place, _)| super::rocks::place(place.table, &place.key)).peekable();
        if places.peek().is_none() {
            return;
        }
        let state = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.puts += 1;
        for place in places {
            for prefix in state.lengths.iter().filter_map(|len| place.get(..*len)) {
                if let Some(front) = state.fronts.get_mut(prefix)
                    && front.as_ref().is_none_or(|front| place < *front)
                {
                    *front = Some(place.clone());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::views::Views;
    use mirano_replay::store::{MemoryStore, Put, Read, ReadExt, Write};
    use proptest::collection::vec;
    use proptest::prelude::*;

    const PREFIX: &[u8] = &[Table::Ready as u8, 7];

    fn put(keys: &[&[u8]]) -> Changes {
        let mut changes = Changes::new();
        for key in keys {
            changes.insert(Table::Ready, key, Some(Put::Empty));
        }
        changes
    }

    fn place(key: &[u8]) -> Vec<u8> {
        [&[Table::Ready as u8], key].concat()
    }

    #[test]
    fn a_row_put_before_the_front_moves_it_back() {
        let fronts = Fronts::default();
        let look = || fronts.look(Table::Ready, PREFIX).expect("a queue");
        assert_eq!(look().known, None);
        fronts.found(look(), Some(place(&[7, 5])));
        fronts.wrote(&put(&[&[7, 9], &[8, 0]]));
        assert_eq!(look().known, Some(Some(place(&[7, 5]))));
        fronts.wrote(&put(&[&[7, 3]]));
        assert_eq!(look().known, Some(Some(place(&[7, 3]))));
        fronts.found(look(), None);
        assert_eq!(look().known, Some(None), "nothing is left");
        fronts.wrote(&put(&[&[7, 8]]));
        assert_eq!(look().known, Some(Some(place(&[7, 8]))));
        assert!(fronts.look(Table::Job, PREFIX).is_none(), "no queue");
    }

    proptest! {
        /// Whatever is put and taken, in whatever order it is looked at.
        #[test]
        fn views_show_what_a_store_without_fronts_shows(steps in vec((vec((0u8..2, 0u8..6, any::<bool>()), 0..5), 0u8..3), 1..30)) {
            let folder = tempfile::tempdir().expect("a folder");
            let views = Views::open(folder.path()).expect("opens");
            let mut plain = MemoryStore::default();
            for (rows, source) in steps {
                let mut changes = Changes::new();
                for (source, key, there) in rows {
                    changes.insert(Table::Ready, &[source, key], there.then(|| vec![key].into()));
                    match there {
                        true => plain.put(Table::Ready, &[source, key], vec![key]),
                        false => plain.delete(Table::Ready, &[source, key]),
                    }
                }
                views.write(&changes, 1).expect("written");
                let prefix: &[u8] = if source == 2 { &[] } else { &[source] };
                let seen = |store: &dyn Read, most| store.keys(Table::Ready, prefix, &[], most).expect("read");
                prop_assert_eq!(seen(&views, 1), seen(&plain, 1));
                prop_assert_eq!(seen(&views, 9), seen(&plain, 9));
            }
        }
    }

    /// It may not have seen what was put meanwhile.
    #[test]
    fn a_look_that_was_overtaken_says_nothing() {
        let fronts = Fronts::default();
        let look = fronts.look(Table::Ready, PREFIX).expect("a queue");
        fronts.wrote(&put(&[&[7, 1]]));
        fronts.found(look, Some(place(&[7, 5])));
        assert_eq!(fronts.look(Table::Ready, PREFIX).expect("a queue").known, None);
    }
}
