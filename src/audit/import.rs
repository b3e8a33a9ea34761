//! An exported file as a data folder or a topic again: the same commits at the same positions with the same hashes.

use super::file::{FileError, LogFile};
use crate::sequencer::embedded::{EmbeddedLog, OpenError, Options};
use crate::sequencer::kafka;
use crate::sequencer::{AppendError, Outcome, ReadError, Sequencer, pieces};
use futures::future::join_all;
use mirano_schemas::Position;
use mirano_schemas::envelope::Head;
use std::path::{Path, PathBuf};

/// Why nothing was imported. The folder was not made.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file.
    #[error(transparent)]
    File(#[from] FileError),
    /// What is in the file.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The folder.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The topic.
    #[error(transparent)]
    Topic(#[from] kafka::OpenError),
    /// The topic holds more than the file, or something else.
    #[error("partition {0} of the topic holds commits already that the file does not have")]
    Ahead(u32),
    /// Something is there already.
    #[error("{0} is there already and not empty; name a folder that is not there yet")]
    Occupied(PathBuf),
    /// The folder can't be written.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// A commit of the file does not count.
    #[error("commit {0} of the file does not count upon the one before it")]
    Void(Position),
    /// The file's hash is not that of its bytes.
    #[error("the hash at the end of the file is not that of its bytes")]
    NotWhole,
    /// The system refused.
    #[error("{path}: {error}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
}

/// Makes a data folder of an exported file. It appears whole, by a rename, or not at all. `progress` is told commits done
/// and commits in all.
pub async fn import(file: &Path, folder: &Path, mut progress: impl FnMut(u64, u64)) -> Result<Vec<Head>, ImportError> {
    let io = |path: &Path| {
        let path = path.to_owned();
        move |error| ImportError::Io { path, error }
    };
    let log = LogFile::open(file)?;
    if !log.whole()? {
        return Err(ImportError::NotWhole);
    }
    if folder.exists() && std::fs::read_dir(folder).map_err(io(folder))?.next().is_some() {
        return Err(ImportError::Occupied(folder.to_owned()));
    }
    let mut name = folder.file_name().unwrap_or_default().to_owned();
    name.push(".importing");
    let aside = folder.with_file_name(name);
    if aside.exists() {
        // Left by an import that was broken off: it never became a data folder.
        std::fs::remove_dir_all(&aside).map_err(io(&aside))?;
    }
    let options = Options { partitions: log.partitions(), ..Options::default() };
    let made = EmbeddedLog::create_as(&aside, options, log.log_id())?;
    let filled = fill(&log, &made, &mut progress).await;
    drop(made);
    let heads = match filled {
        Ok(heads) => heads,
        Err(error) => {
            std::fs::remove_dir_all(&aside).map_err(io(&aside))?;
            return Err(error);
        }
    };
    std::fs::rename(&aside, folder).map_err(io(folder))?;
    if let Some(above) = folder.parent().filter(|above| above.is_dir()) {
        std::fs::File::open(above).and_then(|above| above.sync_all()).map_err(io(above))?;
    }
    Ok(heads)
}

/// Fills a topic from an exported file, and reads it back into `mirror`, an empty folder. The topic is made if it is missing;
/// one that holds the beginning of this very log, as an import that was broken off leaves it, is filled up.
pub async fn import_into_topic(
    file: &Path,
    mirror: &Path,
    settings: kafka::Settings,
    mut progress: impl FnMut(u64, u64),
) -> Result<Vec<Head>, ImportError> {
    let log = LogFile::open(file)?;
    if !log.whole()? {
        return Err(ImportError::NotWhole);
    }
    let settings = kafka::Settings { partitions: log.partitions(), ..settings };
    let made = kafka::whole::born_as(mirror, settings, log.log_id()).await?;
    fill(&log, &made, &mut progress).await
}

async fn fill(
    from: &LogFile,
    to: &dyn Sequencer,
    progress: &mut impl FnMut(u64, u64),
) -> Result<Vec<Head>, ImportError> {
    let all = (0..from.partitions()).map(|partition| from.head(partition).next_seq).sum();
    let mut done = 0;
    for partition in 0..from.partitions() {
        let end = from.head(partition);
        // An empty folder has none; a topic may have the first of them.
        let next = to.head(partition).next_seq;
        if next > end.next_seq {
            return Err(ImportError::Ahead(partition));
        }
        done += next;
        for commits in pieces(from, partition, next, end.next_seq) {
            let commits = commits?;
            let handed = commits.iter().map(|commit| to.append(partition, commit.record.clone()));
            for (outcome, commit) in join_all(handed).await.into_iter().zip(&commits) {
                match outcome? {
                    Outcome::Counted { position, hash } if (position, hash) == (commit.position, commit.hash) => {}
                    _ => return Err(ImportError::Void(commit.position)),
                }
            }
            done += commits.len() as u64;
            progress(done, all);
        }
        if to.head(partition) != end {
            return Err(ImportError::Void(Position { partition, seq: to.head(partition).next_seq }));
        }
    }
    Ok((0..to.partitions()).map(|partition| to.head(partition)).collect())
}
