//! Where a command reads a log: a data folder, an exported file, or a topic of Apache Kafka.

use super::kafka::{TopicArgs, wrong};
use super::verify::misused;
use super::{DataFolder, Misused, Wrong};
use crate::audit::cut::{self, CutError, CutLog};
use crate::audit::source;
use crate::audit::until::UntilError;
use crate::sequencer::kafka::whole::Stopped;
use crate::sequencer::{Sequencer, kafka};
use anyhow::Result;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// Where the log is.
#[derive(clap::Args, Clone)]
pub(super) struct PlaceArgs {
    #[command(flatten)]
    folder: DataFolder,
    #[command(flatten)]
    topic: TopicArgs,
}

/// A log for reading.
pub(super) struct Place {
    /// The folder or file: of a topic, the folder into which it was read.
    pub log: PathBuf,
    /// The folder in which evidence, keys and views of this log lie; there may be none.
    pub beside: PathBuf,
    /// Partitions of a topic that could not be read to their end.
    pub stopped: Vec<Stopped>,
    /// Of a topic: how many commits of each partition were there before it was read to its end once more.
    pub first: Option<Vec<u64>>,
    /// Goes when this does.
    _copy: Option<TempDir>,
}

impl PlaceArgs {
    /// Finds the log; a topic is read to its end.
    pub(super) async fn find(&self) -> Result<Place> {
        let data = self.folder.data.clone();
        let Some(settings) = self.topic.settings()? else {
            return Ok(Place { log: data.clone(), beside: data, stopped: Vec::new(), first: None, _copy: None });
        };
        let copy = tempfile::Builder::new().prefix("mirano-topic-").tempdir()?;
        let topic = settings.topic.clone();
        let (log, first, stopped) = kafka::whole::read(copy.path(), settings).await.map_err(wrong)?;
        let commits: u64 = (0..log.partitions()).map(|partition| log.head(partition).next_seq).sum();
        eprintln!("read {commits} commits of the log {} from the topic {topic}", log.log_id());
        // Another log's data folder has nothing that belongs to this one.
        let ours = source::open(&data).is_ok_and(|other| other.log_id() == log.log_id());
        let beside = if ours { data } else { copy.path().to_owned() };
        // Closing it waits for what it writes and reads.
        tokio::task::spawn_blocking(move || drop(log)).await?;
        Ok(Place { log: copy.path().to_owned(), beside, stopped, first: Some(first), _copy: Some(copy) })
    }
}

impl Place {
    /// Opens the log, all of it.
    pub(super) fn open(&self) -> Result<Arc<dyn Sequencer>> {
        self.followed()?;
        source::open(&self.log).map_err(|error| misused(&self.log, error))
    }

    /// Opens the log up to where it holds together, also while it is written to.
    pub(super) fn open_cut(&self) -> Result<CutLog> {
        self.followed()?;
        let Some(first) = &self.first else { return cut::open(&self.log).map_err(|error| no_cut(&self.log, error)) };
        let log = self.open()?;
        let ends = cut::within(&*log, first).map_err(|error| Wrong(error.to_string()))?;
        Ok(CutLog { log, ends })
    }

    /// Refuses a topic that could not be read to its end.
    fn followed(&self) -> Result<()> {
        if let Some(Stopped { at, why }) = self.stopped.first() {
            return Err(
                Wrong(format!("the topic can't be read beyond {at}: {why}; `mirano verify` judges the rest")).into()
            );
        }
        Ok(())
    }

    /// Whether evidence is expected beside the log: an exported file has none, and neither has a copy of a topic.
    pub(super) fn has_evidence(&self) -> bool {
        self.beside.is_dir() && self._copy.as_ref().is_none_or(|copy| copy.path() != self.beside)
    }

    /// A folder or file beside the log.
    pub(super) fn beside(&self, name: impl AsRef<Path>) -> PathBuf {
        self.beside.join(name)
    }
}

/// Why a folder or file can't be opened, as wrong use or as something that is wrong.
pub(super) fn no_cut(path: &Path, error: CutError) -> anyhow::Error {
    match error {
        CutError::Open(error) => misused(path, error),
        CutError::Read(error) => Wrong(error.to_string()).into(),
    }
}

/// A moment that can't be gone to, as wrong use or as something that is wrong.
pub(super) fn no_moment(error: UntilError) -> anyhow::Error {
    match &error {
        UntilError::NotThere(_) => Misused(format!("--until: {error}")).into(),
        UntilError::Read(_) => Wrong(error.to_string()).into(),
    }
}
