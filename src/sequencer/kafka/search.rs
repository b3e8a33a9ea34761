//! Where a mirror stands in a topic, where no place says so and the topic is trimmed: found by a commit that both have.
//!
//! As after a restore: the copy of the mirror may be of another moment than the copy of its place. A record of the topic whose
//! hash is that of the mirror's commit at its position is that commit, so it counts, and the head before it is known. That a
//! record merely names the mirror's head proves nothing: one that came before it, and is trimmed, may have counted.

use super::super::Sequencer;
use super::place::{Place, Seen};
use super::reader::{Reader, Taken};
use mirano_schemas::Position;
use mirano_schemas::envelope::{Envelope, Head, Verdict};

impl Reader {
    /// Passes over records up to one that the mirror has; those from there on.
    pub(super) fn search(&mut self, mut records: Vec<Taken>) -> Vec<Taken> {
        let found = records.iter().enumerate().find_map(|(at, taken)| Some((at, self.head_before(&taken.value)?)));
        let Some((at, head)) = found else { return Vec::new() };
        let records = records.split_off(at);
        let offset = records.first().map_or(0, |first| first.offset);
        tracing::info!(
            partition = self.lane.partition,
            offset,
            seq = head.next_seq,
            "the place of the mirror was found in the topic"
        );
        // What stands before it is not looked at again, so its bytes need not be known.
        self.place = Place { last: Some(Seen { offset: offset - 1, hash: [0; 32] }), head };
        (self.searching, self.unsure) = (false, false);
        records
    }

    /// The head before a record, if it is a commit that the mirror has.
    fn head_before(&self, value: &[u8]) -> Option<Head> {
        let envelope = Envelope::parse(value).ok()?;
        let Position { partition, seq } = envelope.position;
        if partition != self.lane.partition || seq >= self.mirrored().next_seq {
            return None;
        }
        let before = Head { partition, next_seq: seq, hash: envelope.prev };
        let mut after = before;
        let counts = matches!(after.judge(value), Verdict::Counts(_));
        (counts && self.lane.mirror.log().check_anchor(&after).is_ok()).then_some(before)
    }
}
