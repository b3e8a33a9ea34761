//! The log and the views, read without the program.

use mirano::engine::catch_up;
use mirano::sequencer::Sequencer;
use mirano::sequencer::embedded::EmbeddedLog;
use mirano::views::Views;
use mirano_replay::rows::JobRow;
use mirano_replay::store::ReadExt;
use mirano_schemas::codec::CommitBody;
use mirano_schemas::{Event, FactId, JobId, JobStatus, LeaseToken, QueryKey, TaskId};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What the log says is under way, read on while nobody writes.
#[derive(Default)]
pub struct Books {
    next: BTreeMap<u32, u64>,
    open: BTreeSet<JobId>,
    attempts: BTreeSet<LeaseToken>,
}

/// What a kill came in the middle of.
pub struct Middle {
    /// Unfinished jobs of this round.
    pub jobs: usize,
    /// Attempts of this round that had not ended.
    pub attempts: usize,
}

impl Books {
    pub fn read_on(&mut self, data: &Path) -> Middle {
        let log = EmbeddedLog::open_read_only(data).expect("the log opens");
        let (jobs_before, attempts_before) = (self.open.clone(), self.attempts.clone());
        for partition in 0..log.partitions() {
            let next = self.next.entry(partition).or_default();
            loop {
                let commits = log.read(partition, *next, 4 * 1024 * 1024).expect("readable");
                let Some(last) = commits.last() else { break };
                *next = last.position.seq + 1;
                for event in
                    commits.iter().flat_map(|commit| CommitBody::decode(commit.body()).expect("decodes").events)
                {
                    match event {
                        Event::JobCreated(event) => _ = self.open.insert(event.job),
                        Event::JobStatusChanged(event) if event.is_final => _ = self.open.remove(&event.job),
                        Event::TaskStarted(event) => _ = self.attempts.insert(event.lease),
                        Event::TaskAttemptFailed(event) => _ = self.attempts.remove(&event.lease),
                        Event::TaskCompleted(event) => _ = self.attempts.remove(&event.lease),
                        _ => {}
                    }
                }
            }
        }
        Middle {
            jobs: self.open.difference(&jobs_before).count(),
            attempts: self.attempts.difference(&attempts_before).count(),
        }
    }
}

/// Facts that came and went in one part of an observation.
type Part = (Vec<FactId>, Vec<FactId>);

/// Looks at the log and the views without the program: what was acknowledged is there, once, and has ended.
pub fn whole(data: &Path, acknowledged: &BTreeSet<String>) {
    let log = EmbeddedLog::open_read_only(data).expect("the log opens");
    let (mut jobs, mut tasks) = (BTreeSet::new(), BTreeSet::<TaskId>::new());
    let mut shown: BTreeSet<(QueryKey, FactId)> = BTreeSet::new();
    let mut parts: BTreeMap<LeaseToken, Vec<Part>> = BTreeMap::new();
    let mut observed = 0u64;
    let mut lost: BTreeMap<TaskId, u32> = BTreeMap::new();
    let mut change = |shown: &mut BTreeSet<_>, query: QueryKey, added: &[FactId], gone: &[FactId]| {
        for fact in added {
            assert!(shown.insert((query, *fact)), "{fact} is shown already: it stands twice");
            observed += 1;
        }
        for fact in gone {
            assert!(shown.remove(&(query, *fact)), "{fact} vanished without having been there");
        }
    };
    for partition in 0..log.partitions() {
        let mut next = 0;
        while let Some(commits) =
            Some(log.read(partition, next, 4 * 1024 * 1024).expect("readable")).filter(|c| !c.is_empty())
        {
            for commit in &commits {
                next = commit.position.seq + 1;
                for event in CommitBody::decode(commit.body()).expect("decodes").events {
                    match event {
                        Event::JobCreated(event) => assert!(jobs.insert(event.job.to_string()), "{} twice", event.job),
                        Event::TaskCompleted(event) => assert!(tasks.insert(event.task), "{} twice", event.task),
                        Event::TaskAttemptFailed(event) if event.cause.starts_with("lease_expired") => {
                            *lost.entry(event.task).or_default() += 1;
                        }
                        Event::TaskFailed(event) => panic!("given up: {event:?}"),
                        Event::ObservationChunk(event) => {
                            let added = event.added.iter().map(|fact| fact.fact_id).collect();
                            parts.entry(event.lease).or_default().push((added, event.gone));
                        }
                        Event::ObservationRecorded(event) => {
                            for (added, gone) in parts.remove(&event.lease).unwrap_or_default() {
                                change(&mut shown, event.query, &added, &gone);
                            }
                        }
                        Event::FactObserved(event) => change(&mut shown, event.query, &[event.fact.fact_id], &[]),
                        Event::FactVanished(event) => change(&mut shown, event.query, &[], &[event.fact_id]),
                        _ => {}
                    }
                }
            }
        }
    }
    assert_eq!(jobs, *acknowledged, "the jobs of the log are those that were asked for, no more, no fewer");

    let views = Views::open(&data.join(mirano::node::VIEWS)).expect("the views open");
    let rows: Vec<(Vec<u8>, JobRow)> = views.rows(&[], &[], usize::MAX).expect("readable");
    assert_eq!(rows.len(), acknowledged.len());
    for (_, row) in &rows {
        assert!(row.is_final, "not final: {row:#?}");
        assert_eq!(row.status, JobStatus::Completed, "{row:#?}");
    }
    // And views from the start of the log are those that went through all the kills.
    let again = tempfile::tempdir().expect("temp");
    let again = Views::open(again.path()).expect("opens");
    for partition in 0..log.partitions() {
        catch_up(&log, &again, partition, |_, _| ()).expect("folds");
    }
    assert_eq!(views.digest().expect("readable"), again.digest().expect("readable"));
    println!(
        "{} jobs, {} tasks, {observed} facts observed, each once; {} attempts ended with their worker, {} at most at one task; \
         views equal a rebuild",
        jobs.len(),
        tasks.len(),
        lost.values().sum::<u32>(),
        lost.values().max().unwrap_or(&0),
    );
}
