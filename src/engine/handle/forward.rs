//! Commands whose partition another node decides for.
//!
//! They go to that node. When it can't be reached, or gives no answer, this one decides itself: the one rule voids what
//! comes too late, so that costs at most a void commit. A lease alone is not given twice: it could lease twice, and the
//! second time to nobody. Its caller is told to try again.

use super::super::EngineError;
use super::super::sharing::{Shares, Undelivered};
use super::{Answer, Engine, PATIENCE};
use crate::core::command::Command;
use mirano_replay::decider::{self, DeciderRow};
use mirano_replay::store::ReadExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a node that decides no more may take to be replaced, before this one decides itself.
const HANDOVER: Duration = Duration::from_secs(1);

impl Engine {
    /// Whether this node decides for a partition; none: nobody else has the log.
    pub fn decides(&self, partition: u32) -> Option<bool> {
        Some(self.0.shared.shares.as_ref()?.decides(partition))
    }

    /// Decides a command that another node gives to this one, if it decides there; it is not handed on.
    pub async fn submit_as_decider(&self, partition: u32, command: Command) -> Result<Answer, EngineError> {
        if self.decides(partition) == Some(false) || self.partition_of(&command) != partition {
            return Err(EngineError::Moved { partition });
        }
        self.submit_here(Arc::new(command)).await
    }

    pub(super) async fn submit_shared(&self, shares: &Shares, command: Arc<Command>) -> Result<Answer, EngineError> {
        let partition = self.partition_of(&command);
        let until = Instant::now() + PATIENCE;
        // What another node decides there would not be seen here: a lease would be granted to nobody.
        if let Some(reason) = self.0.shared.why_stopped(partition) {
            return Err(EngineError::Stopped { partition, reason });
        }
        loop {
            let answer = match self.other_decider(shares, partition)? {
                None => self.submit_here(Arc::clone(&command)).await,
                Some(row) => self.give_to(shares, partition, &row, &command).await,
            };
            match answer {
                // Nothing was decided, and the views show by now who decides.
                Err(EngineError::Moved { .. }) if Instant::now() < until => {}
                answer => return answer,
            }
        }
    }

    /// The node that the log names, unless it is this one or was not reached just now.
    fn other_decider(&self, shares: &Shares, partition: u32) -> Result<Option<DeciderRow>, EngineError> {
        if shares.decides(partition) {
            return Ok(None);
        }
        let row: Option<DeciderRow> = self.views().row(&decider::key(partition))?;
        let reachable = |row: &DeciderRow| row.changed.url.as_deref().is_some_and(|url| !shares.is_left_alone(url));
        Ok(row.filter(|row| row.changed != shares.own() && reachable(row)))
    }

    async fn give_to(
        &self,
        shares: &Shares,
        partition: u32,
        row: &DeciderRow,
        command: &Arc<Command>,
    ) -> Result<Answer, EngineError> {
        let url = row.changed.url.as_deref().unwrap_or_default();
        let carried = tokio::select! {
            carried = shares.sharing.courier.carry(url, partition, Arc::clone(command)) => carried,
            () = self.replaced(partition, row) => Err(Undelivered::Unsure("another node took over".to_owned())),
        };
        count(&carried);
        match carried {
            // Whoever asks here reads here.
            Ok(answer) if self.wait_for(answer.position, PATIENCE).await => Ok(answer),
            Ok(answer) => Err(match self.0.shared.why_stopped(partition) {
                Some(reason) => EngineError::Stopped { partition, reason },
                None => EngineError::LogUnavailable(format!("this node did not come to {} in time", answer.position)),
            }),
            Err(Undelivered::Answered(error)) => Err(error),
            Err(Undelivered::Elsewhere) => {
                if tokio::time::timeout(HANDOVER, self.replaced(partition, row)).await.is_ok() {
                    return Err(EngineError::Moved { partition });
                }
                self.submit_here(Arc::clone(command)).await
            }
            Err(Undelivered::Unreachable(why)) => {
                tracing::info!(partition, url, why, "the deciding node was not reached; this one decides itself");
                shares.leave_alone(url);
                self.submit_here(Arc::clone(command)).await
            }
            Err(Undelivered::Unsure(why)) => {
                tracing::info!(partition, url, why, "the deciding node gave no answer");
                shares.leave_alone(url);
                if may_be_given_again(command) {
                    return self.submit_here(Arc::clone(command)).await;
                }
                Err(EngineError::LogUnavailable(format!("node {} gave no answer: {why}", row.changed.node)))
            }
        }
    }

    /// Waits until the log names another decider than `row` does.
    async fn replaced(&self, partition: u32, row: &DeciderRow) {
        let Some(folded) = self.0.shared.folded.get(partition as usize) else { return std::future::pending().await };
        let mut folded = folded.subscribe();
        loop {
            let now: Option<DeciderRow> = self.views().row(&decider::key(partition)).ok().flatten();
            if now.is_some_and(|now| now.at != row.at) {
                return;
            }
            if folded.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }
}

fn count(carried: &Result<Answer, Undelivered>) {
    let outcome = match carried {
        Ok(_) => "answered",
        Err(Undelivered::Answered(_)) => "refused",
        Err(Undelivered::Elsewhere) => "elsewhere",
        Err(Undelivered::Unreachable(_)) => "unreachable",
        Err(Undelivered::Unsure(_)) => "unsure",
    };
    metrics::counter!("mirano_forwarded_total", "outcome" => outcome).increment(1);
}

/// Whether a command that may have been decided already does no harm when it is decided once more: it is known again by
/// its id, or says what is so anyway, or (a permit) only wastes what it is given.
fn may_be_given_again(command: &Command) -> bool {
    !matches!(command, Command::Lease(_))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::command::LeaseTasks;
    use mirano_schemas::LeaseToken;

    #[test]
    fn a_lease_alone_is_not_given_twice() {
        let lease = LeaseTasks { source: "s".to_owned(), worker: "w".to_owned(), tokens: Vec::new() };
        assert!(!may_be_given_again(&Command::Lease(lease)));
        assert!(may_be_given_again(&Command::Heartbeat { source: "s".to_owned(), lease: LeaseToken([1; 16]) }));
    }
}
