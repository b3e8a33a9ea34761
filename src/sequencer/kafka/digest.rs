//! What a reader does with the records that it took.

use super::super::{AppendError, Corruption, CorruptionKind, Outcome, Sequencer};
use super::Problem;
use super::outbox::{Answer, now_ms};
use super::place::Seen;
use super::reader::{Reader, Taken, Trouble};
use bytes::Bytes;
use metrics::counter;
use mirano_schemas::envelope::{Head, Verdict};
use std::sync::Arc;
use tokio::sync::oneshot;

impl Reader {
    /// Judges records in order, mirrors those that count, and answers who waits for them.
    pub(super) fn digest(&mut self, records: Vec<Taken>) -> Result<(), Trouble> {
        let records = records.into_iter();
        if self.unsure {
            let Some(first) = records.as_slice().first() else { return Ok(()) };
            self.compare(first)?;
            self.unsure = false;
        }
        let mut answers: Vec<(oneshot::Sender<Answer>, Answer)> = Vec::new();
        let mut commits = Vec::new();
        let mut void = 0u64;
        let (mut next_offset, mut last) = (self.place.next_offset(), None);
        let mirrored = self.mirrored();
        let mut result = Ok(());
        for Taken { offset, appended_at, key, value } in records {
            if offset < next_offset {
                continue;
            }
            if offset > next_offset
                && let Err(trouble) = self.doubt.missed(self.lane.partition, next_offset, offset)
            {
                result = Err(trouble);
                break;
            }
            let reply = self.lane.outbox.settle(self.lane.partition, &key).map(|(reply, sent_at)| {
                if let Some(appended_at) = appended_at {
                    self.lane.clock.saw(sent_at, appended_at, now_ms());
                }
                reply
            });
            let before = self.place.head;
            let answer = match self.place.head.judge(&value) {
                Verdict::Counts(envelope) => {
                    // What was mirrored already before a crash is judged once more, and not written twice.
                    if before.next_seq >= mirrored.next_seq {
                        commits.push(value.clone());
                    }
                    Ok(Outcome::Counted { position: envelope.position, hash: self.place.head.hash })
                }
                Verdict::Void => {
                    void += 1;
                    // It is to be shown for ever, so what could not be kept is not passed.
                    if let Err(error) = self.lane.voids().add(before.next_seq, offset, &value) {
                        let why = format!("a void record could not be kept: {error}");
                        result = Err(Trouble::Stop(Problem::Mirror(why)));
                    }
                    Ok(Outcome::Void { head: before })
                }
                Verdict::Corrupt(_) => {
                    let (partition, seq) = (self.lane.partition, before.next_seq);
                    let offset = u64::try_from(offset).unwrap_or_default();
                    let kind = CorruptionKind::Body;
                    let corruption = Corruption { partition, seq, file: None, offset, kind };
                    result = Err(Trouble::Corrupt(corruption.clone()));
                    Err(corruption.into())
                }
            };
            answers.extend(reply.map(|reply| (reply, answer)));
            if result.is_err() {
                break;
            }
            (next_offset, last) = (offset + 1, Some(value));
            if self.place.head.next_seq == mirrored.next_seq && self.place.head.hash != mirrored.hash {
                result = Err(Trouble::Stop(self.disagrees(mirrored)));
                break;
            }
        }
        if let Some(value) = last {
            self.place.last = Some(Seen { offset: next_offset - 1, hash: *blake3::hash(&value).as_bytes() });
        }
        if let Err(problem) = self.mirror(&commits) {
            // They lie in the topic, and this node can't show them.
            let cause: Arc<str> = problem.to_string().into();
            for (reply, _) in answers {
                let _ = reply.send(Err(AppendError::Unsettled { cause: Arc::clone(&cause) }));
            }
            return Err(Trouble::Stop(problem));
        }
        if !matches!(result, Err(Trouble::Stop(_))) {
            self.lane.reach(self.place);
        }
        counter!("mirano_log_void_total", "partition" => self.lane.partition.to_string()).increment(void);
        self.lane
            .progress
            .send_if_modified(|progress| std::mem::replace(&mut progress.next_offset, next_offset) != next_offset);
        for (reply, answer) in answers {
            // The caller may have dropped its future; the record stays.
            let _ = reply.send(answer);
        }
        result
    }

    /// Writes what counts into the mirror, for readers to see. It is durable in the topic; this machine's disk has it later.
    fn mirror(&self, commits: &[Bytes]) -> Result<(), Problem> {
        if commits.is_empty() {
            return Ok(());
        }
        match self.lane.mirror.extend(self.lane.partition, commits) {
            Ok(head) if head == self.place.head => Ok(()),
            Ok(head) => Err(self.disagrees(head)),
            Err(error) => Err(Problem::Mirror(error.to_string())),
        }
    }

    /// The head of the mirror.
    pub(super) fn mirrored(&self) -> Head {
        self.lane.mirror.log().head(self.lane.partition)
    }

    fn disagrees(&self, mirrored: Head) -> Problem {
        Problem::Disagrees(format!(
            "commit {} of partition {} is {} in the topic and {} in the mirror",
            mirrored.next_seq.saturating_sub(1),
            self.lane.partition,
            self.place.head.hash,
            mirrored.hash
        ))
    }
}
