//! Tasks that were leased for a worker who has not been told of them yet.
//!
//! Who waits for work may go away at any moment: its connection ends, and with it the future that answers it. What was leased by
//! then, or is leased a moment later, is given back at once, instead of standing until its lease ends.

use crate::core::command::{Command, FailAttempt, LeaseTasks, LeasedTask, Reply};
use crate::engine::{Engine, EngineError};
use mirano_schemas::{Outcome, Timestamp};
use tokio::sync::oneshot;
use tracing::Instrument;

/// Leased tasks; those that are still in it when it is dropped are given back.
pub(super) struct Untold {
    engine: Engine,
    tasks: Vec<LeasedTask>,
}

impl Untold {
    /// None yet.
    pub fn new(engine: &Engine) -> Self {
        Self { engine: engine.clone(), tasks: Vec::new() }
    }

    /// Leases tasks; and when it makes sense to ask again. Goes on without whoever asked, and gives back what he is not there for.
    pub async fn lease(engine: &Engine, lease: LeaseTasks) -> Result<(Self, Option<Timestamp>), EngineError> {
        let (mut taken, engine) = (Self::new(engine), engine.clone());
        let (tell, told) = oneshot::channel();
        let leasing = async move {
            let answer = engine.submit(Command::Lease(lease)).await.map(|answer| match answer.reply {
                Reply::Leased(leased) => {
                    taken.tasks = leased.tasks;
                    (taken, leased.next_at)
                }
                _ => (taken, None),
            });
            // Nobody there: it is dropped.
            let _ = tell.send(answer);
        };
        tokio::spawn(leasing.in_current_span());
        match told.await {
            Ok(answer) => answer,
            Err(_) => Err(EngineError::Stopped { partition: 0, reason: "the process ends".to_owned() }),
        }
    }

    pub fn add(&mut self, task: LeasedTask) {
        self.tasks.push(task);
    }

    /// The first of them, which stays here.
    pub fn first(&self) -> Option<LeasedTask> {
        self.tasks.first().cloned()
    }

    /// Takes the first out.
    pub fn take_first(&mut self) -> Option<LeasedTask> {
        (!self.tasks.is_empty()).then(|| self.tasks.remove(0))
    }

    /// The worker is told of them.
    pub fn told(mut self) {
        self.tasks.clear();
    }
}

impl Drop for Untold {
    fn drop(&mut self) {
        let tasks = std::mem::take(&mut self.tasks);
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if !tasks.is_empty() {
            runtime.spawn(give_back(self.engine.clone(), tasks));
        }
    }
}

/// Ends the leases, with the permits that came with them. Whatever fails here ends at its deadline.
async fn give_back(engine: Engine, tasks: Vec<LeasedTask>) {
    for LeasedTask { task, lease, queue: source, permit, .. } in tasks {
        let unused = Command::ReturnPermits { source: source.clone(), lease, permits: vec![permit] };
        let failed = Command::Fail(FailAttempt {
            source,
            task,
            lease,
            outcome: Outcome::Unavailable,
            cause: "lease_expired: the worker was gone before it was told of the task".to_owned(),
            http_status: None,
            evidence: Vec::new(),
            retry_after_ms: None,
        });
        // Without it no more is lost than a request that the source would have allowed.
        if let Err(error) = engine.submit(unused).await {
            tracing::info!(%task, %error, "its permit is not given back");
        }
        match engine.submit(failed).await {
            Ok(_) => tracing::info!(%task, "given back: its worker had gone"),
            Err(error) => tracing::info!(%task, %error, "its worker had gone; it is taken back when its lease ends"),
        }
    }
}
