//! Tasks and leases: at most one lease is valid for a query, and only its holder is heard (I8).

use super::Found;
use crate::sim::policy;
use mirano_schemas::*;
use std::collections::BTreeMap;

struct Task {
    query: QueryKey,
    ended: bool,
    attempts: u32,
    /// Attempts that came to nothing by the source's doing.
    refused: u32,
    /// Attempts that a proxy did not let through.
    by_proxy: u32,
    /// Attempts whose worker fell silent.
    lost: u32,
    /// Attempts whose source might not be asked on for long.
    put_off: u32,
}

struct Lease {
    task: TaskId,
    query: QueryKey,
    permits: Vec<Permit>,
    ended: bool,
}

#[derive(Default)]
pub struct Tasks {
    tasks: BTreeMap<TaskId, Task>,
    leases: BTreeMap<LeaseToken, Lease>,
    /// Which queue asks a query: one, for ever.
    queues: BTreeMap<QueryKey, String>,
    pub failed_attempts: usize,
    pub put_off: usize,
    pub by_proxy: usize,
    pub given_up: usize,
}

impl Tasks {
    pub fn len(&self) -> usize {
        self.leases.len()
    }

    pub fn known(&self, task: TaskId) -> Result<(), Found> {
        self.tasks.get(&task).map(|_| ()).ok_or_else(|| "I3: a task that nobody scheduled".to_owned())
    }

    /// Whether the lease is valid.
    pub fn held(&self, lease: LeaseToken) -> Result<(), Found> {
        match self.leases.get(&lease) {
            Some(lease) if !lease.ended => Ok(()),
            Some(_) => Err(format!("I8: lease {lease} had ended")),
            None => Err(format!("I8: lease {lease} was never granted")),
        }
    }

    pub fn leased(&self, lease: LeaseToken, task: TaskId, permit: Permit) -> bool {
        self.leases.get(&lease).is_some_and(|lease| lease.task == task && lease.permits.contains(&permit))
    }

    pub fn permitted(&self, lease: LeaseToken, permits: &[Permit]) -> bool {
        let granted = self.leases.get(&lease).map(|lease| lease.permits.as_slice()).unwrap_or_default();
        permits.iter().all(|permit| granted.contains(permit))
    }

    fn end(&mut self, lease: LeaseToken) -> Result<(), Found> {
        self.held(lease)?;
        if let Some(lease) = self.leases.get_mut(&lease) {
            lease.ended = true;
        }
        Ok(())
    }

    pub fn event(&mut self, event: &Event) -> Result<(), Found> {
        match event {
            Event::TaskScheduled(event) => {
                if self.tasks.values().any(|task| task.query == event.query && !task.ended) {
                    return Err("I8: the query has a task in flight already".to_owned());
                }
                let queue = self.queues.entry(event.query).or_insert_with(|| event.source.clone());
                if *queue != event.source {
                    return Err(format!("I8: a query of {queue} is asked by {}", event.source));
                }
                let task = Task {
                    query: event.query,
                    ended: false,
                    attempts: 0,
                    refused: 0,
                    by_proxy: 0,
                    lost: 0,
                    put_off: 0,
                };
                match self.tasks.insert(event.task, task) {
                    None => Ok(()),
                    Some(_) => Err("I3: the task was scheduled before".to_owned()),
                }
            }
            Event::TaskJoined(event) => {
                let task = self.tasks.get(&event.task).ok_or("I3: joined what is not there")?;
                if task.ended { Err("I8: joined a task that had ended".to_owned()) } else { Ok(()) }
            }
            Event::TaskStarted(event) => self.started(event),
            Event::PermitsGranted(event) => {
                self.held(event.lease)?;
                if let Some(lease) = self.leases.get_mut(&event.lease) {
                    lease.permits.extend(event.grants.iter().map(|grant| grant.permit));
                }
                Ok(())
            }
            Event::PermitsReturned(event) => self.held(event.lease),
            Event::LeaseExtended(event) => self.held(event.lease),
            Event::TaskAttemptFailed(event) => {
                self.failed_attempts += 1;
                self.end(event.lease)?;
                let task = self.tasks.get_mut(&event.task).ok_or("I3: an attempt at what was not scheduled")?;
                match event.cause.split(':').next() {
                    Some("lease_expired") => task.lost += 1,
                    Some("proxy") => {
                        task.by_proxy += 1;
                        self.by_proxy += 1;
                    }
                    Some("put_off") => {
                        task.put_off += 1;
                        self.put_off += 1;
                    }
                    _ => task.refused += 1,
                }
                Ok(())
            }
            Event::TaskFailed(event) => {
                self.given_up += 1;
                self.may_be_given_up(event)?;
                self.over(event.task)
            }
            Event::TaskCompleted(event) => {
                self.end(event.lease)?;
                self.over(event.task)
            }
            _ => Ok(()),
        }
    }

    fn started(&mut self, event: &TaskStarted) -> Result<(), Found> {
        let task = self.tasks.get_mut(&event.task).ok_or("I3: started what was not scheduled")?;
        if task.ended {
            return Err("I8: started a task that had ended".to_owned());
        }
        task.attempts += 1;
        if task.attempts != event.attempt {
            return Err(format!("I8: attempt {} is told as {}", task.attempts, event.attempt));
        }
        let query = task.query;
        if self.leases.values().any(|lease| lease.query == query && !lease.ended) {
            return Err("I8: a second valid lease for the query".to_owned());
        }
        let lease = Lease { task: event.task, query, permits: vec![event.grant.permit], ended: false };
        match self.leases.insert(event.lease, lease) {
            None => Ok(()),
            Some(_) => Err("I8: the lease was granted before".to_owned()),
        }
    }

    /// A task that somebody waits for is given up only when its source was asked as often as the policy says, when the
    /// source refused the question, or when it has no source any more. That workers died is no reason.
    fn may_be_given_up(&self, event: &TaskFailed) -> Result<(), Found> {
        let task = self.tasks.get(&event.task).ok_or("I3: gave up what was not scheduled")?;
        // Whether its source was left alone for long enough is asked elsewhere.
        let left_alone = ["breaker_open", "proxies_down"].iter().any(|code| event.cause.starts_with(code));
        let may = left_alone
            || event.cause.starts_with("proxy:") && task.by_proxy >= policy::ATTEMPTS
            || event.outcome == Outcome::Refused
            || task.refused >= policy::ATTEMPTS
            || task.lost >= policy::MOST_LOST
            || task.put_off >= policy::MOST_PUT_OFF;
        if may {
            Ok(())
        } else {
            Err(format!("I4: given up after {} refusals and {} lost workers", task.refused, task.lost))
        }
    }

    fn over(&mut self, task: TaskId) -> Result<(), Found> {
        if self.leases.values().any(|lease| lease.task == task && !lease.ended) {
            return Err("I8: a task ends under a valid lease".to_owned());
        }
        match self.tasks.get_mut(&task) {
            Some(task) if !task.ended => {
                task.ended = true;
                Ok(())
            }
            Some(_) => Err("I3: the task had ended".to_owned()),
            None => Err("I3: a task that nobody scheduled".to_owned()),
        }
    }
}
