//! Notifications: one cause has exactly one, in the commit that is the cause, through crashes and voids (I3).

use super::Found;
use mirano_schemas::*;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Default)]
pub struct Notices {
    /// Of which checks somebody is to be told.
    wanted: BTreeSet<JobId>,
    seen: BTreeSet<NotificationId>,
    is_final: BTreeMap<JobId, bool>,
    answered: BTreeSet<JobId>,
    /// The TTL ends that were told.
    stale: BTreeSet<(JobId, Timestamp)>,
    /// Of the commit at hand: what gives cause, and what is told.
    causes: BTreeSet<(JobId, NotificationType)>,
    told: BTreeMap<(JobId, NotificationType), usize>,
}

impl Notices {
    /// How many were told.
    pub fn told(&self) -> usize {
        self.seen.len()
    }

    pub fn event(&mut self, event: &Event) -> Result<(), Found> {
        match event {
            Event::NotifySet(event) if !event.types.is_empty() => {
                self.wanted.insert(event.job);
            }
            Event::TaskWanted(event) => {
                self.is_final.insert(event.job, false);
            }
            Event::JobStatusChanged(event) => {
                let before = self.is_final.insert(event.job, event.is_final);
                if event.is_final && before != Some(true) {
                    self.causes.insert((event.job, NotificationType::Final));
                }
            }
            Event::FactsReused(FactsReused { job, .. }) | Event::NeedAnswered(NeedAnswered { job, .. })
                if self.answered.insert(*job) =>
            {
                self.causes.insert((*job, NotificationType::FirstResult));
            }
            Event::NotificationRaised(event) => {
                if !self.seen.insert(event.notification) {
                    return Err("I3: this cause was told before".to_owned());
                }
                let job = event.job.ok_or("I3: nobody has a channel for sources")?;
                if !self.wanted.contains(&job) {
                    return Err(format!("I3: nobody wants to be told of {job}"));
                }
                if let NotificationDetail::Stale { since, .. } = event.detail
                    && !self.stale.insert((job, since))
                {
                    return Err(format!("I3: that {job} is stale since {since:?} was told before"));
                }
                *self.told.entry((job, event.what)).or_default() += 1;
            }
            _ => {}
        }
        Ok(())
    }

    /// The commit has ended.
    pub fn end(&mut self) -> Result<(), Found> {
        let (causes, told) = (std::mem::take(&mut self.causes), std::mem::take(&mut self.told));
        for what in [NotificationType::Final, NotificationType::FirstResult] {
            let of = |(job, one): &(JobId, NotificationType)| (*one == what).then_some(*job);
            let wanted = causes.iter().filter_map(of).filter(|job| self.wanted.contains(job));
            let wanted: Vec<(JobId, usize)> = wanted.map(|job| (job, 1)).collect();
            let found: Vec<(JobId, usize)> =
                told.iter().filter_map(|(place, count)| Some((of(place)?, *count))).collect();
            if wanted != found {
                return Err(format!("I3: {} has cause {wanted:?} and is told {found:?}", what.word()));
            }
        }
        Ok(())
    }
}
