//! When the place of a mirror is written: from time to time, and once the disk has all that is before it.
//!
//! The mirror is synced behind what is read. A place ahead of it would point at commits that a power loss took, and what the
//! topic has no more could not be read again.

use super::place::Place;
use super::reader::Reader;
use metrics::gauge;
use std::time::{Duration, Instant};

/// How often a place is taken, and what waits for the disk is measured.
const KEEP_PLACE: Duration = Duration::from_secs(2);

/// The place that is written next.
pub struct Keeping {
    /// What was written last.
    kept: Place,
    /// What is written once the disk has all before it.
    next: Option<Place>,
    /// When one was taken last.
    since: Instant,
}

impl Keeping {
    /// After this place was read from its file.
    pub fn from(kept: Place) -> Self {
        Self { kept, next: None, since: Instant::now() }
    }
}

impl Reader {
    /// Notes from time to time where the mirror stands: the place is taken, and written once the disk has all before it.
    pub(super) fn keep_place_by_and_by(&self, keeping: &mut Keeping) {
        if let Some(place) = keeping.next
            && self.keep_place(&place)
        {
            (keeping.kept, keeping.next) = (place, None);
        }
        if keeping.since.elapsed() < KEEP_PLACE {
            return;
        }
        keeping.since = Instant::now();
        let waits = self.lane.mirror.unsynced_for(self.lane.partition);
        gauge!("mirano_mirror_unsynced_seconds", "partition" => self.lane.partition.to_string())
            .set(waits.as_secs_f64());
        if keeping.next.is_none() && keeping.kept != self.place {
            keeping.next = Some(self.place);
        }
    }

    /// The same when nothing more is read.
    pub(super) fn keep_place_at_the_end(&self) {
        // Of a mirror that failed nothing is noted: what was read last is not in it.
        if self.lane.mirror.sync(self.lane.partition).is_ok() {
            self.keep_place(&self.place);
        }
    }

    /// Writes a place, unless the mirror is not durable up to there: a place is behind what the disk has, never ahead. Whether
    /// that is settled, and another may be taken.
    pub(super) fn keep_place(&self, place: &Place) -> bool {
        let synced = self.lane.mirror.synced(self.lane.partition);
        if synced.is_none_or(|synced| synced.next_seq < place.head.next_seq) {
            return false;
        }
        let written = self.lane.voids().sync().and_then(|()| place.write(&self.lane.place_file, &self.lane.topic));
        match written {
            Ok(()) => self.lane.noted.send_modify(|times| *times += 1),
            Err(error) => {
                let file = self.lane.place_file.display();
                tracing::warn!(%file, %error, "the place of the mirror could not be kept");
            }
        }
        true
    }
}
