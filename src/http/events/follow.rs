//! What a commit means to one job's listeners. Pure: the same commits give the same items, live or read again.

use mirano_replay::rows::JobRow;
use mirano_schemas::codec::CommitBody;
use mirano_schemas::*;
use std::collections::BTreeMap;

/// One message to a listener, before it is filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// The whole job: its rows are other ones now.
    Job,
    /// One row.
    Source(NeedId),
    /// What an answer changed of the facts shown.
    Facts {
        /// The row.
        need: NeedId,
        /// The facts that it showed before.
        before: Option<Root>,
        /// The facts that it shows now.
        after: Root,
    },
    /// The risk.
    Risk,
    /// A snapshot was sealed.
    Snapshot(SnapshotId),
    /// The job became final.
    Done,
}

/// Follows one job through the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Follow {
    job: JobId,
    /// Tasks that needs of the job wait for.
    tasks: BTreeMap<TaskId, NeedId>,
    /// What each need shows.
    roots: BTreeMap<NeedId, Root>,
}

impl Follow {
    /// From before the job's first commit.
    pub fn new(job: JobId) -> Self {
        Self { job, tasks: BTreeMap::new(), roots: BTreeMap::new() }
    }

    /// From a job as its row says.
    pub fn of(row: &JobRow) -> Self {
        let mut follow = Self::new(row.created.job);
        for receipt in row.needs.iter().filter_map(|need| need.receipt.as_ref()) {
            follow.shows(receipt.need_id, receipt.facts_root);
        }
        follow
    }

    /// A need shows these facts.
    pub fn shows(&mut self, need: NeedId, root: Root) {
        self.roots.insert(need, root);
    }

    /// A need waits for a task.
    pub fn waits(&mut self, task: TaskId, need: NeedId) {
        self.tasks.insert(task, need);
    }

    /// What a commit says to the job's listeners: rows first, then facts, risk, snapshot, and that it is final.
    pub fn commit(&mut self, body: &CommitBody) -> Vec<Item> {
        let (mut whole, mut sources, mut facts, mut rest, mut done) =
            (false, Vec::new(), Vec::new(), Vec::new(), false);
        let mut touch = |need: NeedId| {
            if !sources.contains(&Item::Source(need)) {
                sources.push(Item::Source(need));
            }
        };
        for event in &body.events {
            match event {
                Event::JobCreated(event) if event.job == self.job => whole = true,
                Event::NeedDiscovered(event) if event.job == self.job => whole = true,
                Event::NeedNotApplicable(event) if event.job == self.job => touch(event.need_id),
                Event::TaskWanted(event) if event.job == self.job => touch(event.need_id),
                Event::NeedWithdrawn(event) if event.job == self.job => touch(event.need_id),
                Event::NeedFailed(event) if event.job == self.job => touch(event.need_id),
                Event::FactsReused(FactsReused { job, receipt })
                | Event::NeedAnswered(NeedAnswered { job, receipt })
                    if *job == self.job =>
                {
                    touch(receipt.need_id);
                    let before = self.roots.insert(receipt.need_id, receipt.facts_root);
                    facts.push(Item::Facts { need: receipt.need_id, before, after: receipt.facts_root });
                }
                Event::TaskScheduled(event) => self.asked(&event.requester, event.task, &mut touch),
                Event::TaskJoined(event) => self.asked(&event.requester, event.task, &mut touch),
                Event::TaskStarted(TaskStarted { task, .. })
                | Event::TaskAttemptFailed(TaskAttemptFailed { task, .. })
                | Event::TaskFailed(TaskFailed { task, .. })
                | Event::TaskCompleted(TaskCompleted { task, .. }) => {
                    if let Some(need) = self.tasks.get(task) {
                        touch(*need);
                    }
                }
                Event::RiskRecomputed(event) if event.job == self.job && !rest.contains(&Item::Risk) => {
                    rest.push(Item::Risk);
                }
                Event::SnapshotSealed(event) if event.body.job == self.job => {
                    rest.push(Item::Snapshot(event.snapshot));
                }
                Event::JobStatusChanged(event) if event.job == self.job => done = event.is_final,
                _ => {}
            }
        }
        let rows = if whole { vec![Item::Job] } else { sources };
        rows.into_iter().chain(facts).chain(rest).chain(done.then_some(Item::Done)).collect()
    }

    fn asked(&mut self, requester: &Requester, task: TaskId, touch: &mut impl FnMut(NeedId)) {
        if requester.job == self.job {
            self.tasks.insert(task, requester.need_id);
            touch(requester.need_id);
        }
    }
}
