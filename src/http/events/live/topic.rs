//! What a commit says to whom. A function of the commit, so that who comes back gets the same messages.

use crate::explain::time::rfc3339;
use crate::http::state::AppState;
use crate::notify::data;
use mirano_replay::rows::{JobRow, NotificationRow, key};
use mirano_replay::store::{ReadExt, StoreError, Table};
use mirano_schemas::codec::CommitBody;
use mirano_schemas::*;
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

/// What can be listened to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Topic {
    /// All that a tenant may know of.
    Tenant(String),
    /// The same of all tenants.
    Everybody,
    /// Answers about a subject.
    Subject(String),
    /// Sources as they are; with numbers as they are for operators.
    Sources { exact: bool },
}

/// Tenants of jobs that are remembered.
const MOST_TENANTS: usize = 10_000;

/// One message to one topic.
pub(super) struct Said {
    pub(super) topic: Topic,
    pub(super) name: &'static str,
    pub(super) data: Json,
}

/// Makes messages of commits.
#[derive(Default)]
pub(super) struct Speaker {
    tenants: BTreeMap<JobId, String>,
}

/// The topics that somebody listens to.
pub(super) struct Asked<'a>(pub(super) &'a BTreeSet<&'a Topic>);

impl Asked<'_> {
    fn jobs(&self) -> bool {
        self.0.iter().any(|topic| matches!(topic, Topic::Tenant(_) | Topic::Everybody))
    }

    fn subjects(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|topic| match topic {
            Topic::Subject(subject) => Some(subject.as_str()),
            _ => None,
        })
    }
}

impl Speaker {
    /// What a commit says to the topics that are asked for, in order.
    pub(super) fn messages(
        &mut self,
        state: &AppState,
        at: Position,
        body: &CommitBody,
        asked: &Asked<'_>,
    ) -> Result<Vec<Said>, StoreError> {
        let mut said = Vec::new();
        if asked.jobs() {
            self.of_jobs(state, at, body, asked, &mut said)?;
        }
        if asked.subjects().next().is_some() {
            of_subjects(state, at, body, asked, &mut said)?;
        }
        Ok(said)
    }

    fn of_jobs(
        &mut self,
        state: &AppState,
        at: Position,
        body: &CommitBody,
        asked: &Asked<'_>,
        said: &mut Vec<Said>,
    ) -> Result<(), StoreError> {
        let position = at.to_string();
        // A check's status after the commit is one message.
        let mut status: BTreeMap<JobId, (JobStatus, bool)> = BTreeMap::new();
        for event in &body.events {
            match event {
                Event::JobCreated(event) => {
                    self.remember(event.job, &event.tenant);
                    status.insert(event.job, (JobStatus::Created, false));
                }
                Event::JobStatusChanged(event) => {
                    status.insert(event.job, (event.status, event.is_final));
                }
                Event::FactsReused(FactsReused { job, receipt })
                | Event::NeedAnswered(NeedAnswered { job, receipt }) => {
                    let data = json!({
                        "job_id": job.to_string(), "position": position, "need_id": receipt.need_id.to_string(),
                        "receipt_id": receipt.receipt_id.to_string(), "source": receipt.source,
                        "origin": receipt.origin, "outcome": receipt.outcome, "facts": receipt.facts,
                        "observed_at": rfc3339(receipt.observed_at),
                    });
                    self.tell_tenant(state, *job, "answer", data, asked, said)?;
                }
                Event::RiskRecomputed(event) => {
                    let data = json!({
                        "job_id": event.job.to_string(), "position": position, "score": event.assessment.score,
                        "score_is": event.assessment.score_is, "level": event.assessment.level,
                    });
                    self.tell_tenant(state, event.job, "risk", data, asked, said)?;
                }
                Event::SnapshotSealed(event) => {
                    let data = json!({
                        "job_id": event.body.job.to_string(), "position": position,
                        "snapshot_id": event.snapshot.to_string(), "status": event.body.status,
                    });
                    self.tell_tenant(state, event.body.job, "snapshot", data, asked, said)?;
                }
                Event::NotificationRaised(event) => {
                    let at_time = body.head.recorded_at;
                    let row = NotificationRow { raised: event.clone(), at: at_time, position: at, read: false };
                    let data = json!({"type": event.what.word(), "timestamp": rfc3339(at_time), "data": data(&row)});
                    tell(&event.tenant, "notification", data, asked, said);
                }
                // In the other partitions it is the same one, adopted there.
                Event::PolicyAdopted(event) if at.partition == 0 => {
                    let data = json!({"version": event.version, "position": position});
                    for topic in asked.0.iter().filter(|topic| matches!(topic, Topic::Tenant(_) | Topic::Everybody)) {
                        said.push(Said { topic: (*topic).clone(), name: "policy", data: data.clone() });
                    }
                }
                _ => {}
            }
        }
        for (job, (status, is_final)) in status {
            let data = json!({"job_id": job.to_string(), "position": position, "status": status, "final": is_final});
            self.tell_tenant(state, job, "job", data, asked, said)?;
        }
        Ok(())
    }

    fn remember(&mut self, job: JobId, tenant: &str) {
        if self.tenants.len() >= MOST_TENANTS {
            self.tenants.clear();
        }
        self.tenants.insert(job, tenant.to_owned());
    }

    fn tell_tenant(
        &mut self,
        state: &AppState,
        job: JobId,
        name: &'static str,
        data: Json,
        asked: &Asked<'_>,
        said: &mut Vec<Said>,
    ) -> Result<(), StoreError> {
        if !self.tenants.contains_key(&job)
            && let Some(row) = state.engine().views().row::<JobRow>(job.as_bytes())?
        {
            self.remember(job, &row.created.tenant);
        }
        if let Some(tenant) = self.tenants.get(&job) {
            tell(tenant, name, data, asked, said);
        }
        Ok(())
    }
}

fn tell(tenant: &str, name: &'static str, data: Json, asked: &Asked<'_>, said: &mut Vec<Said>) {
    let own = Topic::Tenant(tenant.to_owned());
    if asked.0.contains(&Topic::Everybody) {
        said.push(Said { topic: Topic::Everybody, name, data: data.clone() });
    }
    if asked.0.contains(&own) {
        said.push(Said { topic: own, name, data });
    }
}

fn of_subjects(
    state: &AppState,
    at: Position,
    body: &CommitBody,
    asked: &Asked<'_>,
    said: &mut Vec<Said>,
) -> Result<(), StoreError> {
    for event in &body.events {
        let Event::ObservationRecorded(event) = event else { continue };
        let mut about: BTreeSet<&str> = [event.subject.0.as_str()].into();
        for subject in asked.subjects() {
            // Which subjects an answer ever had facts about is kept: also what came in parts, and what is gone.
            if subject != event.subject.0
                && state
                    .engine()
                    .views()
                    .has(Table::SubjectQuery, &key::subject_query(&Subject(subject.to_owned()), Some(event.query)))?
            {
                about.insert(subject);
            }
        }
        for subject in about {
            let topic = Topic::Subject(subject.to_owned());
            if asked.0.contains(&topic) {
                let data = json!({
                    "observation_id": event.observation.to_string(), "source": event.source, "subject": subject,
                    "outcome": event.outcome, "complete": event.complete, "facts": event.facts, "added": event.added,
                    "gone": event.gone, "observed_at": rfc3339(event.observed_at), "as_of": event.as_of,
                    "position": at.to_string(),
                });
                said.push(Said { topic, name: "observation", data });
            }
        }
    }
    Ok(())
}

/// The sources that a commit touches.
pub(super) fn sources(body: &CommitBody) -> impl Iterator<Item = &str> {
    body.events.iter().filter_map(|event| match event {
        Event::TaskScheduled(event) => Some(source_of(&event.source)),
        Event::TaskJoined(event) => Some(source_of(&event.source)),
        Event::TaskStarted(event) => Some(source_of(&event.source)),
        Event::PermitsGranted(event) => Some(source_of(&event.source)),
        Event::PermitsReturned(event) => Some(source_of(&event.source)),
        Event::TaskAttemptFailed(event) => Some(source_of(&event.source)),
        Event::TaskFailed(event) => Some(source_of(&event.source)),
        Event::TaskCompleted(event) => Some(source_of(&event.source)),
        Event::SourceRested(event) => Some(source_of(&event.source)),
        _ => None,
    })
}
