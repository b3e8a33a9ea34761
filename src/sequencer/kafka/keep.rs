//! When the place of a mirror is written: by a thread of its own, from time to time, and once the disk has all that is before it.
//!
//! The mirror is synced behind what is read. A place ahead of it would point at commits that a power loss took, and what the
//! topic has no more could not be read again. Whoever reads and answers waits for none of this.

use super::lane::Lane;
use super::place::{self, Place};
use crate::sequencer::Sequencer;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// How often a place is taken.
pub const KEEP_PLACE: Duration = Duration::from_secs(2);
/// How often it is looked whether the disk has what is before it.
const LOOK: Duration = Duration::from_millis(100);

/// Writes the places of all partitions.
pub struct Keeper {
    /// How often a place is taken; also the pause after one that could not be written.
    every: Duration,
    lanes: Vec<Keeping>,
}

/// What is known of one partition.
struct Keeping {
    lane: Arc<Lane>,
    /// What was written last.
    kept: Place,
    /// What is written once the disk has all before it.
    next: Option<Place>,
    /// Nothing is taken or tried before then.
    due: Instant,
}

impl Keeper {
    /// Of lanes that stand at what was read from their files.
    pub fn of(lanes: &[Arc<Lane>], every: Duration) -> Self {
        let due = Instant::now() + every;
        let keeping = |lane: &Arc<Lane>| Keeping { lane: Arc::clone(lane), kept: lane.reached(), next: None, due };
        Self { every, lanes: lanes.iter().map(keeping).collect() }
    }

    /// Runs until the other end of `ended` is dropped, when nothing more is read; and notes then where it came to.
    pub fn run(mut self, ended: &Receiver<()>) {
        while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(LOOK) {
            self.round();
        }
        for keeping in &mut self.lanes {
            // Of a mirror that failed nothing is noted: what was read last may not be in it.
            if keeping.lane.mirror.sync(keeping.lane.partition).is_ok() {
                keeping.take();
            }
        }
        self.round();
    }

    /// Takes the places that it is time for, and writes those that the disk has all before of.
    pub(super) fn round(&mut self) {
        let every = self.every;
        let written: u64 = self.lanes.iter_mut().map(|keeping| u64::from(keeping.round(every))).sum();
        let Some(first) = self.lanes.first().filter(|_| written > 0) else { return };
        if let Err(error) = place::sync_folder_of(&first.lane.place_file) {
            tracing::warn!(%error, "the places of the mirror may be older after a power loss");
        }
        first.lane.noted.send_modify(|times| *times += written);
    }
}

impl Keeping {
    fn take(&mut self) {
        self.next = Some(self.lane.reached()).filter(|reached| *reached != self.kept);
        self.due = Instant::now();
    }

    /// Whether one was written.
    fn round(&mut self, every: Duration) -> bool {
        if Instant::now() < self.due {
            return false;
        }
        if self.next.is_none() {
            self.take();
        }
        let (done, written) = match self.next {
            None => (true, false),
            Some(place) => match self.lane.keep_place(&place) {
                Ok(Kept::Yes) => {
                    self.kept = place;
                    (true, true)
                }
                Ok(Kept::NotYet) => return false,
                Ok(Kept::Never) => (true, false),
                Err(error) => {
                    let file = self.lane.place_file.display();
                    tracing::warn!(%file, %error, "the place of the mirror could not be kept; it is tried again");
                    (false, false)
                }
            },
        };
        if done {
            self.next = None;
        }
        self.due = Instant::now() + every;
        written
    }
}

/// What became of a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It is written.
    Yes,
    /// The disk does not have all that is before it.
    NotYet,
    /// The mirror has another history there, or its disk is not to be trusted any more.
    Never,
}

impl Lane {
    /// Writes a place, unless the mirror is not durable up to there: a place is behind what the disk has, never ahead.
    pub(super) fn keep_place(&self, place: &Place) -> io::Result<Kept> {
        let synced = self.mirror.synced(self.partition);
        if synced.is_none_or(|synced| synced.next_seq < place.head.next_seq) {
            return Ok(Kept::NotYet);
        }
        if self.mirror.log().check_anchor(&place.head).is_err() {
            return Ok(Kept::Never);
        }
        let unsynced = self.voids().unsynced();
        if let Some((file, end)) = unsynced {
            // Once more would say that all is well: after a failure the system takes the pages for written.
            if let Err(error) = file.sync_data() {
                self.mirror.give_up(self.voids().path(), "syncing", &error);
                return Ok(Kept::Never);
            }
            self.voids().synced_to(end);
        }
        place.write(&self.place_file, &self.topic)?;
        Ok(Kept::Yes)
    }
}
