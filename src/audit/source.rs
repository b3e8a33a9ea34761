//! A log wherever an auditor has it: a data folder (stopped, live or copied) or an exported file.

use super::file::{FileError, LogFile};
use crate::sequencer::Sequencer;
use crate::sequencer::embedded::OpenError;
use crate::sequencer::kafka;
use std::path::Path;
use std::sync::Arc;

/// Why a log can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The folder.
    #[error(transparent)]
    Folder(#[from] OpenError),
    /// The file.
    #[error(transparent)]
    File(#[from] FileError),
}

impl SourceError {
    /// Whether what was given is no log at all, or one of a newer version: a matter of how the program was called.
    pub fn misused(&self) -> bool {
        match self {
            Self::Folder(error) => error.misused(),
            Self::File(error) => !matches!(error, FileError::Damaged { .. }),
        }
    }
}

/// Opens a log for reading: a folder without a lock, or an exported file.
pub fn open(path: &Path) -> Result<Arc<dyn Sequencer>, SourceError> {
    if path.is_file() {
        return Ok(Arc::new(LogFile::open(path)?));
    }
    Ok(kafka::open_read_only(path)?)
}
