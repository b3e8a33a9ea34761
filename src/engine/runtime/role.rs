//! What a partition's loop does where several nodes share the log: it follows what the others decide, and begins or ceases
//! to decide as it is told.
//!
//! A node begins by saying so in the log, and decides from when it has read that back as counting. It ceases when it is
//! told so, or when it reads that another began.

use super::{Answer, Arc, Command, EngineError, Loop, Request, Shared};
use mirano_replay::decider::{self, DeciderRow};
use mirano_replay::store::ReadExt;
use mirano_schemas::envelope::Head;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

/// After another node began to decide where this one is still told to: whichever was told so last remains.
const RETAKE: Duration = Duration::from_secs(2);

/// Whether this node decides.
pub(super) struct Role {
    assigned: watch::Receiver<BTreeSet<u32>>,
    log: watch::Receiver<Head>,
    deciding: bool,
    /// The answer to its own saying that it decides.
    becoming: Option<oneshot::Receiver<Result<Answer, EngineError>>>,
    /// When it says so once more.
    retake: Option<Instant>,
}

/// What came.
pub(super) enum Turn {
    /// The node may have been told otherwise.
    Assigned,
    /// The log went on.
    Log,
    /// It said that it decides, and that counts or not.
    Became(bool),
}

impl Role {
    pub(super) fn begin(shared: &Shared, partition: u32) -> Option<Self> {
        let shares = shared.shares.as_ref()?;
        shares.set_decides(partition, false);
        Some(Self {
            assigned: shares.sharing.assigned.clone(),
            log: shared.options.log.watch(partition),
            deciding: false,
            becoming: None,
            retake: None,
        })
    }

    /// What comes next; nothing where nobody else decides. The log is only looked at while it is `quiet`: while something
    /// is in flight, its fate says whether another was first. Cancel safe.
    pub(super) async fn next(role: &mut Option<Self>, quiet: bool) -> Turn {
        let Some(Self { assigned, log, becoming, retake, .. }) = role else { return std::future::pending().await };
        let became = async {
            match becoming {
                Some(answer) => matches!(answer.await, Ok(Ok(_))),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            Ok(()) = assigned.changed() => Turn::Assigned,
            Ok(()) = log.changed(), if quiet => Turn::Log,
            became = became => Turn::Became(became),
            () = tokio::time::sleep_until(retake.unwrap_or_else(Instant::now)), if retake.is_some() => Turn::Assigned,
        }
    }
}

impl Loop {
    /// Whether this node decides here.
    pub(super) fn deciding(&self) -> bool {
        self.role.as_ref().is_none_or(|role| role.deciding)
    }

    /// Reacts to what all partitions did, where this node decides.
    pub(super) fn react(&mut self) -> Result<(), EngineError> {
        if self.deciding() { self.look_around() } else { Ok(()) }
    }

    /// Looks whether the node was told to decide before the loop began, and what others decided meanwhile.
    pub(super) fn begin_role(&mut self) {
        if let Some(role) = &mut self.role {
            role.log.mark_changed();
            self.told();
        }
    }

    pub(super) async fn turn(&mut self, turn: Turn) -> Result<(), EngineError> {
        match turn {
            Turn::Assigned => {
                self.told();
                Ok(())
            }
            Turn::Log => self.follow().await,
            Turn::Became(counts) => self.became(counts),
        }
    }

    /// Folds what others decided.
    async fn follow(&mut self) -> Result<(), EngineError> {
        let head = self.shared.options.log.head(self.partition);
        if head.next_seq <= self.state.head().next_seq {
            return Ok(());
        }
        // Nothing is in flight, so nobody waits for an answer.
        self.begin_anew().await?;
        self.note_expiry()
    }

    /// The node may have been told to decide here, or to cease.
    fn told(&mut self) {
        let Some(role) = &mut self.role else { return };
        role.retake = None;
        if !role.assigned.borrow_and_update().contains(&self.partition) {
            role.becoming = None;
            self.set_deciding(false);
            return;
        }
        if role.deciding || role.becoming.is_some() {
            return;
        }
        let shared = Arc::clone(&self.shared);
        let Some(shares) = &shared.shares else { return };
        let (answer, becoming) = oneshot::channel();
        role.becoming = Some(becoming);
        let command = Arc::new(Command::TakeOver(shares.own()));
        self.take(Request { command, answer, span: tracing::info_span!("take over") });
    }

    fn became(&mut self, counts: bool) -> Result<(), EngineError> {
        let Some(role) = &mut self.role else { return Ok(()) };
        role.becoming = None;
        if !role.assigned.borrow().contains(&self.partition) {
            return Ok(());
        }
        if !counts {
            role.retake = Some(Instant::now() + RETAKE);
            return Ok(());
        }
        self.set_deciding(true);
        // Another may have begun since.
        self.note_decider()?;
        self.note_expiry()
    }

    fn set_deciding(&mut self, deciding: bool) {
        let (Some(role), Some(shares)) = (&mut self.role, &self.shared.shares) else { return };
        if std::mem::replace(&mut role.deciding, deciding) != deciding {
            let partition = self.partition;
            match deciding {
                true => tracing::info!(partition, "this node decides from now on"),
                false => tracing::info!(partition, "this node decides no more"),
            }
        }
        shares.set_decides(self.partition, deciding);
    }

    /// Ceases to decide when the log says that another node does.
    pub(super) fn note_decider(&mut self) -> Result<(), EngineError> {
        if self.role.is_none() || !self.deciding() {
            return Ok(());
        }
        let shared = Arc::clone(&self.shared);
        let row: Option<DeciderRow> = shared.options.views.row(&decider::key(self.partition))?;
        let own = shared.shares.as_ref().map(|shares| shares.own());
        if let Some(row) = row
            && own.is_some_and(|own| row.changed != own)
        {
            tracing::warn!(partition = self.partition, node = row.changed.node, at = %row.at, "another node decides now");
            self.set_deciding(false);
            if let Some(role) = &mut self.role {
                role.retake = Some(Instant::now() + RETAKE);
            }
        }
        Ok(())
    }

    /// Whether a command whose commit turned out void is another node's to decide.
    pub(super) fn is_anothers(&self, request: &Request) -> bool {
        !self.deciding() && !matches!(*request.command, Command::TakeOver(_))
    }

    /// Tells who gave it that nothing was decided, and that another node decides.
    pub(super) fn send_on(&self, request: Request) {
        let _ = request.answer.send(Err(EngineError::Moved { partition: self.partition }));
    }

    /// Nothing is decided here any more: others are to.
    pub(super) fn resign(&mut self) {
        self.set_deciding(false);
        if let Some(shares) = &self.shared.shares {
            (shares.sharing.resign)();
        }
    }
}
