//! What surrounds a node: what a step needs of the world, and what comes out of it.

use super::log::Log;
use super::rng::Rng;
use crate::core::command::{Command, Reply};
use crate::core::decision::DecideError;
use crate::core::partitioning;
use crate::core::vault::MemoryVault;
use mirano_schemas::{Position, Timestamp};

/// Which call of the outside world waits for an answer; none: the node's own timer.
pub type CallId = Option<u64>;

/// Why a node stops.
#[derive(Debug)]
pub enum Stop {
    /// Chance wanted it.
    Crash(&'static str),
    /// The engine would stop here and name the cause: the simulation has found something.
    Broken(String),
}

/// What a step needs of the world.
pub struct Around<'a> {
    pub log: &'a mut Log,
    pub vault: &'a MemoryVault,
    pub rng: &'a mut Rng,
    /// The node's clock.
    pub wall: Timestamp,
    /// One step in so many ends in a crash; none while the weather is fine.
    pub crash_one_in: Option<u64>,
    /// The most commits in flight in one partition.
    pub most_in_flight: usize,
    /// Writes between two flushes of the views.
    pub flush_every: usize,
    /// What comes out.
    pub out: &'a mut Vec<Out>,
}

/// What comes out of a node.
pub enum Out {
    Answer {
        call: u64,
        answer: Result<Reply, DecideError>,
        at: Position,
    },
    /// Records wait in this partition.
    Appended(u32),
    /// What a worker leases by has changed.
    Work,
    /// A lease of this partition ends then.
    Expiry(u32, Timestamp),
}

impl Around<'_> {
    pub fn point(&mut self, name: &'static str) -> Result<(), Stop> {
        match self.crash_one_in {
            Some(n) if self.rng.chance(1, n) => Err(Stop::Crash(name)),
            _ => Ok(()),
        }
    }
}

/// The partition that decides a command, as `engine::handle` routes it.
pub fn partition_of(command: &Command, partitions: u32) -> u32 {
    match command {
        Command::CreateJob(command) => partitioning::of_job(command.job, partitions),
        Command::Recheck(command) => partitioning::of_job(command.job, partitions),
        Command::Seal { job, .. } => partitioning::of_job(*job, partitions),
        Command::SetWatch(command) => partitioning::of_job(command.job, partitions),
        Command::EndWatch { job, .. } => partitioning::of_job(*job, partitions),
        Command::AdoptPolicy(_) | Command::SealWorld(_) | Command::NoteCheckpoint(_) => 0,
        // What a partition gives to itself.
        Command::ExpireLeases | Command::RingWatches | Command::LookAhead | Command::TakeOver(_) => 0,
        Command::Lease(command) => partitioning::of_source(&command.source, partitions),
        Command::Permit { source, .. } | Command::ReturnPermits { source, .. } | Command::Heartbeat { source, .. } => {
            partitioning::of_source(source, partitions)
        }
        Command::Revive { source, .. } | Command::DropDead { source, .. } => {
            partitioning::of_source(source, partitions)
        }
        Command::Complete(command) => partitioning::of_source(&command.source, partitions),
        Command::Notify(command) => command.partition(partitions),
        Command::Fail(command) => partitioning::of_source(&command.source, partitions),
    }
}
