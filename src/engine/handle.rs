//! The engine as the rest of the program holds it.

mod begin;
mod forward;

use super::catch_up;
use super::runtime::{self, Request};
use super::sharing::{Shares, Sharing};
use super::{Clock, EngineError};
use crate::core::command::{Command, Reply};
use crate::core::partitioning;
use crate::core::policy::Policy;
use crate::core::vault::Vault;
use crate::sequencer::Sequencer;
use crate::views::Views;
use mirano_replay::apply::in_force;
use mirano_replay::rows::{PolicyRow, key};
use mirano_replay::store::ReadExt;
use mirano_schemas::codec::CommitBody;
use mirano_schemas::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

/// How long a caller is kept waiting for a log that does not answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often a start that waits for the log says so.
const STILL: Duration = Duration::from_secs(10);

/// What the engine stands on.
pub struct Options {
    /// The log.
    pub log: Arc<dyn Sequencer>,
    /// The read models.
    pub views: Arc<Views>,
    /// Keys of persons.
    pub vault: Arc<dyn Vault>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
}

/// A commit that counts and is visible in the views.
#[derive(Debug, Clone)]
pub struct Folded {
    /// Where it stands.
    pub position: Position,
    /// What it says.
    pub body: Arc<CommitBody>,
}

/// A reply, with the position from which on reads show what it says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The reply.
    pub reply: Reply,
    /// Its position.
    pub position: Position,
}

/// The engine. Clones are handles to the same one; with the last of them its partitions stop to decide.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    commands: Vec<mpsc::Sender<Request>>,
    threads: Vec<std::thread::JoinHandle<()>>,
    policy: Mutex<Arc<Policy>>,
}

/// The last handle waits for the threads: a process that ends while one of them is inside of RocksDB would abort.
impl Drop for Inner {
    fn drop(&mut self) {
        self.commands.clear();
        // One that waits for another, which may have ended already, is not to wait for ever.
        self.shared.ending.store(true, Ordering::Release);
        self.shared.folds.send_modify(|folds| *folds += 1);
        for thread in self.threads.drain(..) {
            // One that panicked has said so.
            let _ = thread.join();
        }
    }
}

/// What the partitions and the handles see of each other.
pub(super) struct Shared {
    pub(super) options: Options,
    /// For each partition, how many commits the views show.
    pub(super) folded: Vec<watch::Sender<u64>>,
    /// Grows with every batch that any partition folded.
    pub(super) folds: watch::Sender<u64>,
    pub(super) events: broadcast::Sender<Folded>,
    /// Partitions that decide no more, and why.
    pub(super) stopped: Mutex<BTreeMap<u32, String>>,
    /// The last handle is gone: the partitions are to end.
    pub(super) ending: AtomicBool,
    /// Why this node may decide nothing at all; none: it may.
    pub(super) unfit: Option<String>,
    /// None: nobody else has this log.
    pub(super) shares: Option<Shares>,
}

impl Shared {
    /// The views show so many commits of a partition.
    pub(super) fn announce(&self, partition: u32, shown: u64) {
        if let Some(folded) = self.folded.get(partition as usize) {
            folded.send_replace(shown);
        }
        self.folds.send_modify(|folds| *folds += 1);
    }

    /// What a commit of another node rests on and the views do not show.
    pub(super) fn lacks(&self, partition: u32, body: &CommitBody) -> Option<Position> {
        self.shares.as_ref()?;
        catch_up::rests_on(partition, body).find(|at| !self.shows(*at))
    }

    fn shows(&self, at: Position) -> bool {
        self.folded.get(at.partition as usize).is_some_and(|folded| *folded.borrow() > at.seq)
    }

    /// Waits until the views show a position of another partition.
    pub(super) async fn until_shown(&self, at: Position) -> Result<(), EngineError> {
        let Position { partition, .. } = at;
        let mut folds = self.folds.subscribe();
        while !self.shows(at) {
            if let Some(reason) = self.why_stopped(partition) {
                return Err(EngineError::Stopped { partition, reason });
            }
            if self.is_ending() || folds.changed().await.is_err() {
                return Err(EngineError::Stopped { partition, reason: "the engine has ended".to_owned() });
            }
        }
        Ok(())
    }

    /// Why a partition decides no more, if it does not.
    pub(super) fn why_stopped(&self, partition: u32) -> Option<String> {
        self.stopped.lock().unwrap_or_else(std::sync::PoisonError::into_inner).get(&partition).cloned()
    }

    /// Whether the partitions are to end.
    pub(super) fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Acquire)
    }
}

impl Engine {
    /// Catches the views up with the log and starts to decide. Must run inside a tokio runtime.
    pub async fn open(options: Options) -> Result<Self, EngineError> {
        Self::open_on(options, None).await
    }

    /// The same on a log that other nodes have as well: it follows what they decide, decides where it is told to, and
    /// gives the rest to those that do.
    pub async fn open_shared(options: Options, sharing: Sharing) -> Result<Self, EngineError> {
        Self::open_on(options, Some(sharing)).await
    }

    async fn open_on(options: Options, sharing: Option<Sharing>) -> Result<Self, EngineError> {
        let partitions = options.log.partitions();
        let unfit = begin::catch_up_all(&options, sharing.is_some()).await?;
        let (mut commands, mut receivers, mut folded) = (Vec::new(), Vec::new(), Vec::new());
        for partition in 0..partitions {
            let (sender, receiver) = mpsc::channel(4_096);
            commands.push(sender);
            receivers.push(receiver);
            // Where the views stand, not where the log is: others may have gone on since.
            folded.push(watch::Sender::new(catch_up::shown(&*options.log, &options.views, partition)?.next_seq));
        }
        let policy = Policy::empty().map_err(|reason| EngineError::Stopped { partition: 0, reason })?;
        let shared = Arc::new(Shared {
            options,
            folded,
            folds: watch::Sender::new(0),
            events: broadcast::Sender::new(4_096),
            stopped: Mutex::default(),
            ending: AtomicBool::new(false),
            unfit,
            shares: sharing.map(|sharing| Shares::new(sharing, partitions)),
        });
        let mut inner = Inner { shared, commands, threads: Vec::new(), policy: Mutex::new(Arc::new(policy)) };
        for (partition, receiver) in (0..partitions).zip(receivers) {
            inner.threads.push(runtime::start(Arc::clone(&inner.shared), partition, receiver)?);
        }
        Ok(Self(Arc::new(inner)))
    }

    /// Has a command decided. The reply comes when its commit counts and the views show it.
    pub async fn submit(&self, command: Command) -> Result<Answer, EngineError> {
        let command = Arc::new(command);
        loop {
            let answer = self.submit_once(Arc::clone(&command)).await?;
            // A large observation goes in parts; each is the same command again.
            if answer.reply != Reply::More {
                return Ok(answer);
            }
        }
    }

    async fn submit_once(&self, command: Arc<Command>) -> Result<Answer, EngineError> {
        match &self.0.shared.shares {
            None => self.submit_here(command).await,
            Some(shares) => self.submit_shared(shares, command).await,
        }
    }

    /// Has it decided by this node, whoever else may decide there.
    async fn submit_here(&self, command: Arc<Command>) -> Result<Answer, EngineError> {
        let partition = self.partition_of(&command);
        let stopped = || EngineError::Stopped { partition, reason: "it takes no commands any more".to_owned() };
        let sender = self.0.commands.get(partition as usize).ok_or_else(stopped)?;
        let (answer, waits) = oneshot::channel();
        let request = Request { command, answer, span: tracing::Span::current() };
        let answered = async {
            sender.send(request).await.map_err(|_| stopped())?;
            waits.await.map_err(|_| stopped())?
        };
        // Whether it counts is settled when the log answers again; asked once more, it is the same command.
        let late = |_| Err(EngineError::LogUnavailable(format!("it did not answer within {PATIENCE:?}")));
        tokio::time::timeout(PATIENCE, answered).await.unwrap_or_else(late)
    }

    fn partition_of(&self, command: &Command) -> u32 {
        let partitions = self.partitions();
        let of_source = |source: &str| partitioning::of_source(source, partitions);
        match command {
            Command::CreateJob(command) => partitioning::of_job(command.job, partitions),
            Command::Recheck(command) => partitioning::of_job(command.job, partitions),
            Command::Seal { job, .. } => partitioning::of_job(*job, partitions),
            Command::SetWatch(command) => partitioning::of_job(command.job, partitions),
            Command::EndWatch { job, .. } => partitioning::of_job(*job, partitions),
            Command::AdoptPolicy(_) | Command::SealWorld(_) | Command::NoteCheckpoint(_) => 0,
            // What a partition gives to itself.
            Command::ExpireLeases | Command::RingWatches | Command::LookAhead | Command::TakeOver(_) => 0,
            Command::Lease(command) => of_source(&command.source),
            Command::Permit { source, .. }
            | Command::ReturnPermits { source, .. }
            | Command::Heartbeat { source, .. } => of_source(source),
            Command::Revive { source, .. } | Command::DropDead { source, .. } => of_source(source),
            Command::Complete(command) => of_source(&command.source),
            Command::Notify(command) => command.partition(partitions),
            Command::Fail(command) => of_source(&command.source),
        }
    }

    /// How many partitions the log has.
    pub fn partitions(&self) -> u32 {
        self.0.shared.options.log.partitions()
    }

    /// The read models.
    pub fn views(&self) -> &Arc<Views> {
        &self.0.shared.options.views
    }

    /// The log.
    pub fn log(&self) -> &Arc<dyn Sequencer> {
        &self.0.shared.options.log
    }

    /// Keys of persons.
    pub fn vault(&self) -> &Arc<dyn Vault> {
        &self.0.shared.options.vault
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.0.shared.options.clock.now()
    }

    /// The policy in force in partition 0, compiled once for each version.
    pub fn policy(&self) -> Result<Arc<Policy>, EngineError> {
        let views = self.views();
        let version = in_force(&**views, 0)?;
        let mut known = self.0.policy.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(version) = version
            && (known.version != version || known.document.sources.is_empty())
            && let Some(row) = views.row::<PolicyRow>(&key::policy(version))?
        {
            let compiled = Policy::adopted(&row.adopted);
            *known = Arc::new(compiled.map_err(|reason| EngineError::Stopped { partition: 0, reason })?);
        }
        Ok(Arc::clone(&known))
    }

    /// A partition that decides no more, and why; reads go on.
    pub fn stopped(&self) -> Option<(u32, String)> {
        let stopped = self.0.shared.stopped.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        stopped.first_key_value().map(|(partition, reason)| (*partition, reason.clone()))
    }

    /// Waits until every partition decides by a policy: until then a job there would not find its profile.
    pub async fn policy_everywhere(&self, version: u64) -> Result<(), EngineError> {
        let mut folds = self.0.shared.folds.subscribe();
        for partition in 0..self.partitions() {
            // A later policy will do as well.
            while in_force(&**self.views(), partition)?.is_none_or(|there| there < version) {
                if let Some((partition, reason)) = self.stopped() {
                    return Err(EngineError::Stopped { partition, reason });
                }
                if folds.changed().await.is_err() {
                    return Err(EngineError::Stopped { partition, reason: "the engine has ended".to_owned() });
                }
            }
        }
        Ok(())
    }

    /// Commits as they become visible. A slow receiver is told how many it missed, and holds nobody up.
    pub fn subscribe(&self) -> broadcast::Receiver<Folded> {
        self.0.shared.events.subscribe()
    }

    /// For each partition, the last position that the views show.
    pub fn cut(&self) -> Vec<Position> {
        let shown = |(partition, folded): (u32, &watch::Sender<u64>)| {
            Some(Position { partition, seq: folded.borrow().checked_sub(1)? })
        };
        (0u32..).zip(&self.0.shared.folded).filter_map(shown).collect()
    }

    /// Waits until the views show a position; `false` when that takes longer than `patience`, or its partition has stopped.
    pub async fn wait_for(&self, position: Position, patience: Duration) -> bool {
        let shared = &self.0.shared;
        let Some(folded) = shared.folded.get(position.partition as usize) else { return false };
        let mut folded = folded.subscribe();
        let settled = |shown: &u64| *shown > position.seq || shared.why_stopped(position.partition).is_some();
        let seen = tokio::time::timeout(patience, folded.wait_for(settled)).await;
        seen.is_ok_and(|seen| seen.is_ok_and(|shown| *shown > position.seq))
    }
}
