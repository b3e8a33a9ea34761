//! A log that several nodes have: what a node knows of the others, and how it gives commands to them.
//!
//! Nothing here is needed for what is true: the one rule arbitrates whoever decides. It only keeps nodes from deciding
//! side by side, which would cost void commits.

use super::{Answer, EngineError};
use crate::core::command::Command;
use futures::future::BoxFuture;
use mirano_schemas::DeciderChanged;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// A node that could not be reached is left alone for so long; until then this one decides itself.
const LEFT_ALONE: Duration = Duration::from_secs(2);

/// How a node takes part.
pub struct Sharing {
    /// What it is called.
    pub node: String,
    /// Where the others reach it.
    pub url: String,
    /// The partitions that it is to decide for, as it is told.
    pub assigned: watch::Receiver<BTreeSet<u32>>,
    /// Called when a partition of this node has stopped: it is to be told no partitions any more.
    pub resign: Box<dyn Fn() + Send + Sync>,
    /// Gives commands to other nodes.
    pub courier: Arc<dyn Courier>,
}

/// Gives commands to other nodes.
pub trait Courier: Send + Sync + 'static {
    /// Has a command decided by the node at `url`.
    fn carry(
        &self,
        url: &str,
        partition: u32,
        command: Arc<Command>,
    ) -> BoxFuture<'static, Result<Answer, Undelivered>>;
}

/// Why no answer came from another node.
#[derive(Debug, thiserror::Error)]
pub enum Undelivered {
    /// It could not be given the command.
    #[error("not reached: {0}")]
    Unreachable(String),
    /// It may have been given the command, and may decide it yet.
    #[error("no answer: {0}")]
    Unsure(String),
    /// It does not decide there.
    #[error("it does not decide there")]
    Elsewhere,
    /// Its answer is that there is none.
    #[error(transparent)]
    Answered(#[from] EngineError),
}

/// The same, as the partitions and the handles of this node see it.
pub(super) struct Shares {
    pub(super) sharing: Sharing,
    /// For each partition, whether this node decides there.
    deciding: Vec<AtomicBool>,
    /// Who could not be reached, and until when that is believed.
    left_alone: Mutex<BTreeMap<String, Instant>>,
}

impl Shares {
    pub(super) fn new(sharing: Sharing, partitions: u32) -> Self {
        let deciding = (0..partitions).map(|_| AtomicBool::new(false)).collect();
        Self { sharing, deciding, left_alone: Mutex::default() }
    }

    /// What this node says when it begins to decide.
    pub(super) fn own(&self) -> DeciderChanged {
        DeciderChanged { node: self.sharing.node.clone(), url: Some(self.sharing.url.clone()) }
    }

    pub(super) fn decides(&self, partition: u32) -> bool {
        self.deciding.get(partition as usize).is_some_and(|deciding| deciding.load(Ordering::Acquire))
    }

    pub(super) fn set_decides(&self, partition: u32, decides: bool) {
        if let Some(deciding) = self.deciding.get(partition as usize) {
            deciding.store(decides, Ordering::Release);
        }
        metrics::gauge!("mirano_decides", "partition" => partition.to_string()).set(f64::from(u8::from(decides)));
    }

    /// Notes that nobody was reached at an address.
    pub(super) fn leave_alone(&self, url: &str) {
        let mut left_alone = self.left_alone.lock().unwrap_or_else(PoisonError::into_inner);
        left_alone.insert(url.to_owned(), Instant::now() + LEFT_ALONE);
    }

    pub(super) fn is_left_alone(&self, url: &str) -> bool {
        let mut left_alone = self.left_alone.lock().unwrap_or_else(PoisonError::into_inner);
        left_alone.retain(|_, until| *until > Instant::now());
        left_alone.contains_key(url)
    }
}

#[cfg(test)]
mod tests;
