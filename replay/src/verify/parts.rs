//! Answers that are told to be parts of larger ones: whether they are.

use super::finding::Kind;
use mirano_schemas::*;
use std::collections::BTreeMap;

/// What of an answer its parts must repeat.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Answer {
    source: String,
    observation: ObservationId,
    complete: bool,
    task: TaskId,
    lease: LeaseToken,
    evidence: Vec<EvidenceId>,
    observed_at: Timestamp,
    as_of: Option<String>,
    connector: u32,
}

impl Answer {
    fn of(event: &ObservationRecorded) -> Self {
        Self {
            source: event.source.clone(),
            observation: event.observation,
            complete: event.complete,
            task: event.task,
            lease: event.lease,
            evidence: event.evidence.clone(),
            observed_at: event.observed_at,
            as_of: event.as_of.clone(),
            connector: event.connector,
        }
    }
}

/// The last answers of a partition's queries, and the part that was announced and not recorded yet.
#[derive(Debug, Default)]
pub(super) struct Parts {
    last: BTreeMap<QueryKey, Answer>,
    announced: Option<AnswerNarrowed>,
}

impl Parts {
    /// Notes that the next observation is to be a part; what is wrong if another was announced before it.
    pub fn announce(&mut self, event: &AnswerNarrowed) -> Option<String> {
        self.announced.replace(event.clone()).map(|before| alone(&before))
    }

    /// Ends a commit, or all before an observation of another query: what is wrong if a part did not come.
    pub fn end(&mut self) -> Option<String> {
        self.announced.take().map(|before| alone(&before))
    }

    /// What the next observation was announced as.
    pub fn take(&mut self) -> Option<AnswerNarrowed> {
        self.announced.take()
    }

    /// Notes an answer, and says what is wrong with it as the part that it was announced as. `within` tells whether all of its
    /// facts are facts of what the query shows that it names.
    pub fn answered(
        &mut self,
        event: &ObservationRecorded,
        narrowed: Option<&AnswerNarrowed>,
        within: impl FnOnce(QueryKey) -> bool,
    ) -> Option<(Kind, String)> {
        let answer = Answer::of(event);
        let wrong = narrowed.and_then(|narrowed| self.wrong(&answer, event.query, narrowed, within));
        self.last.insert(event.query, answer);
        wrong
            .map(|wrong| (Kind::Part, format!("{} is told to be a part of another answer: {wrong}", event.observation)))
    }

    fn wrong(
        &self,
        part: &Answer,
        query: QueryKey,
        narrowed: &AnswerNarrowed,
        within: impl FnOnce(QueryKey) -> bool,
    ) -> Option<String> {
        if (narrowed.query, &narrowed.source) != (query, &part.source) || narrowed.larger == query {
            return Some("it answers another question than was announced".to_owned());
        }
        let Some(whole) = self.last.get(&narrowed.larger).filter(|last| last.observation == narrowed.part_of) else {
            return Some(format!("{} was not the last answer to that question", narrowed.part_of));
        };
        if !whole.complete {
            return Some("that one is not complete".to_owned());
        }
        if *part != (Answer { observation: part.observation, ..whole.clone() }) {
            return Some("it has another source, task, evidence, time or reader than that one".to_owned());
        }
        (!within(narrowed.larger)).then(|| "it has facts that the other does not have".to_owned())
    }
}

fn alone(narrowed: &AnswerNarrowed) -> String {
    format!("a part of {} was announced, and no answer followed", narrowed.part_of)
}

/// Whether all of `part`, sorted, are in `whole`, sorted.
pub(super) fn within(part: &[FactId], whole: &[FactId]) -> bool {
    part.iter().all(|fact| whole.binary_search(fact).is_ok())
}
