//! What a notification about a check needs to be told truly: its address, and what was known of its rows when it was raised.

use mirano_replay::history::{self, Moment};
use mirano_replay::rows::{JobRow, NotificationRow};
use mirano_replay::store::{Read, StoreError};
use mirano_schemas::NotificationType;

/// A check, as a notification tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Its canonical address.
    pub address: String,
    /// Sources whose last attempt to renew what is shown had failed by then, each once. Known of an end only: nothing else speaks of the whole.
    pub unrenewed: Vec<String>,
}

impl Check {
    /// The check `job` of a notification, as the log knew it at its commit.
    pub fn of(rows: &dyn Read, row: &NotificationRow, job: &JobRow) -> Result<Self, StoreError> {
        let mut unrenewed: Vec<String> = Vec::new();
        if row.raised.what == NotificationType::Final {
            let then = history::job_at(rows, job, &Moment::cut([(row.position, row.at)]))?;
            let needs = then.iter().flat_map(|job| &job.needs).filter(|need| need.unrenewed().is_some());
            for source in needs.map(|need| &need.need.source) {
                if !unrenewed.contains(source) {
                    unrenewed.push(source.clone());
                }
            }
        }
        Ok(Self { address: job.created.address.canonical.clone(), unrenewed })
    }
}
