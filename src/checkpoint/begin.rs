//! Beginning with a checkpoint: an empty data folder is filled from the newest one that the topic names.
//!
//! ```text
//! DATA/checkpoint.new/              what is being filled: becomes log/, kafka/, views/ and, last, mirano.json
//! DATA/kafka/checkpoint.json        which one it was, until the log was seen to name it
//! ```

use super::confirm::Mark;
use super::fill::fill;
use super::named::Named;
use super::{CheckpointError, CheckpointStore};
use crate::sequencer::embedded::{self, FORMAT_FILE, LOG_FOLDER};
use crate::sequencer::kafka::{KAFKA_FOLDER, Settings, whole};
use metrics::counter;
use mirano_schemas::CheckpointTaken;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// Where a folder is filled.
const NEW: &str = "checkpoint.new";

/// How a node with an empty folder began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begun {
    /// The checkpoint.
    pub taken: CheckpointTaken,
    /// Whether its rows are of use to this version; else they are folded from its log.
    pub rows: bool,
    /// How long it took.
    pub took: Duration,
}

/// Fills an empty data folder from the newest checkpoint that the topic names and that is what it should be; none when the
/// folder has a log already, or when there is no such checkpoint: then the log is read from its start. `views` is the name of
/// the views' folder in the data folder. What was begun with is to be [confirmed](super::confirm()) when the log was read;
/// `without` names the lists of those that were not.
pub async fn begin(
    data: &Path,
    views: &str,
    settings: &Settings,
    store: &CheckpointStore,
    without: &BTreeSet<[u8; 32]>,
) -> Result<Option<Begun>, CheckpointError> {
    let new = data.join(NEW);
    fs::create_dir_all(data).map_err(CheckpointError::io(data))?;
    let _lock = embedded::hold(data)?;
    if data.join(FORMAT_FILE).exists() {
        // Left by a node that was stopped right behind the last move.
        return remove(&new).map(|()| None);
    }
    // Nothing else of ours leaves either of the two in a folder that is no data folder.
    if new.exists() || Mark::path(data).exists() {
        tracing::warn!("a checkpoint was not brought in to its end; it is begun anew");
        for name in [LOG_FOLDER, KAFKA_FOLDER, views, NEW] {
            remove(&data.join(name))?;
        }
    }
    let born = whole::birth(settings).await?;
    let mut named = Named::open(settings, without).await?;
    while let Some(taken) = named.next().await? {
        let began = Instant::now();
        tracing::info!(place = %taken.place, by = %taken.node, rows = taken.rows, "beginning with a checkpoint");
        match fill(&new, views, settings, store, &taken, born).await {
            Ok(rows) => {
                move_in(data, &new, views, &taken)?;
                let took = began.elapsed();
                tracing::info!(
                    ?took,
                    rows,
                    "the checkpoint is what the log says of it; what came since is read from the topic"
                );
                return Ok(Some(Begun { taken, rows, took }));
            }
            Err(error) => {
                counter!("mirano_checkpoint_refused_total", "why" => error.word()).increment(1);
                tracing::error!(place = %taken.place, by = %taken.node, %error, "a checkpoint can't be used; an older one is looked for, else the log is read from its start");
                remove(&new)?;
            }
        }
    }
    tracing::info!("no checkpoint to begin with; the log is read from its start");
    Ok(None)
}

/// Moves what was filled to where it belongs; the format file comes last, so that the folder is a data folder or none.
fn move_in(data: &Path, new: &Path, views: &str, taken: &CheckpointTaken) -> Result<(), CheckpointError> {
    Mark::of(taken).write(new)?;
    for name in [LOG_FOLDER, KAFKA_FOLDER, views, FORMAT_FILE] {
        let from = new.join(name);
        if !from.exists() {
            continue;
        }
        remove(&data.join(name))?;
        fs::rename(&from, data.join(name)).map_err(CheckpointError::io(&from))?;
        fs::File::open(data).and_then(|folder| folder.sync_all()).map_err(CheckpointError::io(data))?;
    }
    remove(new)
}

/// Removes a file or folder; what is not there is gone.
pub(super) fn remove(path: &Path) -> Result<(), CheckpointError> {
    let gone = match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match gone {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(CheckpointError::io(path)(error)),
        _ => Ok(()),
    }
}
