//! What somebody kept who saw more of a partition than its mirror has.
//!
//! The views may be such: after a power loss they can have rows of commits that the mirror had not synced. The topic has these
//! commits, so the mirror reads them again, and then the anchor is compared as always. Only where it can't be read so far is
//! something wrong, and then it is said what.

use super::super::{AnchorError, Head, Sequencer};
use super::{KafkaLog, Problem};

impl KafkaLog {
    /// Waits for what somebody saw who kept this anchor. At a start the mirror was read to where the topic ended then, and has
    /// more than anybody saw; but for a moment after a change of leaders the brokers may give out less than before. Ends once
    /// the partition was read so far, or is read no further, or the brokers' patience is over: then the anchor is checked.
    pub async fn reach(&self, anchor: &Head) {
        let Some(lane) = self.lanes.get(anchor.partition as usize) else { return };
        let (mut head, mut progress) = (self.watch(anchor.partition), lane.progress.subscribe());
        let reached = async {
            // Both live as long as this does.
            tokio::select! {
                _ = head.wait_for(|head| head.next_seq >= anchor.next_seq) => {}
                _ = progress.wait_for(|progress| progress.stopped.is_some()) => {}
            }
        };
        if tokio::time::timeout(self.patience, reached).await.is_err() {
            tracing::error!(
                partition = anchor.partition,
                seq = anchor.next_seq,
                "the topic does not come to what was seen of it"
            );
        }
    }

    /// Somebody saw this, and the topic does not come to it: it lost its end, and is followed no further.
    pub fn lost(&self, anchor: &Head) {
        let Some(lane) = self.lanes.get(anchor.partition as usize) else { return };
        lane.stop(&Problem::Truncated(format!(
            "partition {} of the topic ends at seq {}, and commits up to seq {} were seen",
            anchor.partition,
            self.head(anchor.partition).next_seq,
            anchor.next_seq
        )));
    }

    /// Compares an anchor with the mirror.
    pub(super) fn compare(&self, anchor: &Head) -> Result<(), AnchorError> {
        match self.mirror().check_anchor(anchor) {
            Err(AnchorError::TailCut { anchor, head }) => {
                match self.progress(anchor.partition).and_then(|progress| progress.stopped) {
                    // What stands behind is not known.
                    Some(why) => Err(AnchorError::Unread { anchor, head, why }),
                    None => Err(AnchorError::TailCut { anchor, head }),
                }
            }
            other => other,
        }
    }
}
