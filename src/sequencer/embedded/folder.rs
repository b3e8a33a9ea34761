//! The data folder: its format file, its lock, and what else may lie in it.
//!
//! `mirano.json` names the format's version, the log's id and the number of partitions. It appears last, by a rename,
//! when all else is in place and durable; so a folder has it or the folder was never used.

use super::super::Corruption;
use super::disk::Disk;
use mirano_schemas::LogId;
use serde::{Deserialize, Serialize};
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// The one version of the data folder that is written and read.
pub const FOLDER_VERSION: u32 = 1;
/// The format file's name in the data folder.
pub const FORMAT_FILE: &str = "mirano.json";
const FORMAT_NAME: &str = "mirano data folder";
const LOCK_FILE: &str = "lock";
/// The folder of the log in the data folder; in it one folder a partition.
pub const LOG_FOLDER: &str = "log";

/// Why a data folder can't be opened. Nothing in it was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It is not there, and opening for reading makes nothing.
    #[error("there is no Mirano data folder at {0}")]
    Missing(PathBuf),
    /// It holds things but no format file: not Mirano's, or damaged.
    #[error("{folder} is not empty and not a Mirano data folder: it has {found:?} but no {FORMAT_FILE}")]
    Foreign {
        /// The folder.
        folder: PathBuf,
        /// One of the things found in it.
        found: String,
    },
    /// The format file can't be understood.
    #[error("{file} is not the format file of a Mirano data folder: {why}")]
    BadFormat {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// Written by a newer version.
    #[error(
        "{folder} has format version {version}, and this program reads version {FOLDER_VERSION}: use a newer program"
    )]
    Newer {
        /// The folder.
        folder: PathBuf,
        /// Its version.
        version: u64,
    },
    /// It holds a log already, and a new one was to be made.
    #[error("{0} holds a log already")]
    Occupied(PathBuf),
    /// Another process has it open.
    #[error("{0} is in use by another process")]
    Locked(PathBuf),
    /// The number of partitions is fixed when the folder is made.
    #[error("{folder} has {have} partitions, not {want}; their number can't change")]
    OtherPartitions {
        /// The folder.
        folder: PathBuf,
        /// What it has.
        have: u32,
        /// What was asked for.
        want: u32,
    },
    /// Not between 1 and 1024.
    #[error("{0} partitions: there must be 1 to 1024")]
    BadPartitions(u32),
    /// The log is damaged.
    #[error(transparent)]
    Corruption(#[from] Corruption),
    /// The system refused.
    #[error("{path}: {error}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

impl OpenError {
    /// Whether a person named or set something wrongly; else something is wrong with the log.
    pub fn misused(&self) -> bool {
        !matches!(self, Self::Corruption(_) | Self::BadFormat { .. })
    }
}

/// Names the file an IO error is about.
pub fn at(path: &Path) -> impl FnOnce(io::Error) -> OpenError {
    let path = path.to_owned();
    move |error| OpenError::Io { path, error }
}

/// What the format file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// The log's id, random at creation.
    pub log_id: LogId,
    /// How many partitions it has.
    pub partitions: u32,
}

#[derive(Serialize, Deserialize)]
struct FormatText {
    format: String,
    version: u64,
    log_id: String,
    partitions: u32,
}

impl Format {
    /// Reads the format file; `None` if there is none.
    pub fn read(folder: &Path) -> Result<Option<Self>, OpenError> {
        let file = folder.join(FORMAT_FILE);
        let text = match std::fs::read(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(at(&file)(error)),
        };
        let bad = |why: String| OpenError::BadFormat { file: file.clone(), why };
        // The version is looked at first: a newer file may have any other fields.
        let value: serde_json::Value = serde_json::from_slice(&text).map_err(|error| bad(error.to_string()))?;
        if value.get("format").and_then(|format| format.as_str()) != Some(FORMAT_NAME) {
            return Err(bad(format!("its \"format\" is not {FORMAT_NAME:?}")));
        }
        match value.get("version").and_then(|version| version.as_u64()) {
            Some(version) if version == u64::from(FOLDER_VERSION) => {}
            Some(version) if version > u64::from(FOLDER_VERSION) => {
                return Err(OpenError::Newer { folder: folder.to_owned(), version });
            }
            _ => return Err(bad("it has no version that there ever was".into())),
        }
        let text: FormatText = serde_json::from_value(value).map_err(|error| bad(error.to_string()))?;
        let log_id = text.log_id.parse().map_err(|error| bad(format!("log_id: {error}")))?;
        check_partitions(text.partitions).map_err(|error| bad(error.to_string()))?;
        Ok(Some(Self { log_id, partitions: text.partitions }))
    }

    /// Writes the format file, durably, by a rename.
    pub fn write(&self, disk: &dyn Disk, folder: &Path) -> Result<(), OpenError> {
        let file = folder.join(FORMAT_FILE);
        let bytes = self.to_bytes().map_err(|error| at(&file)(error.into()))?;
        write_whole(disk, &file, &bytes).map_err(at(&file))
    }

    /// The bytes of the format file.
    pub fn to_bytes(self) -> Result<Vec<u8>, serde_json::Error> {
        let text = FormatText {
            format: FORMAT_NAME.to_owned(),
            version: u64::from(FOLDER_VERSION),
            log_id: self.log_id.to_string(),
            partitions: self.partitions,
        };
        let mut bytes = serde_json::to_vec_pretty(&text)?;
        bytes.push(b'\n');
        Ok(bytes)
    }
}

/// Refuses a number of partitions that no log has.
pub fn check_partitions(partitions: u32) -> Result<(), OpenError> {
    if (1..=1024).contains(&partitions) { Ok(()) } else { Err(OpenError::BadPartitions(partitions)) }
}

/// Makes a file with this content, durable, so that it is there whole or not at all.
pub fn write_whole(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".tmp");
    let unfinished = path.with_file_name(name);
    if unfinished.exists() {
        disk.remove(&unfinished)?;
    }
    let mut file = disk.create(&unfinished)?;
    file.append(bytes)?;
    file.sync()?;
    disk.rename(&unfinished, path)?;
    match path.parent() {
        Some(folder) => disk.sync_folder(folder),
        None => Ok(()),
    }
}

/// Refuses a folder that has no format file and holds anything but what an interrupted creation leaves, and what may lie
/// `beside` the log already.
pub fn check_unused(folder: &Path, beside: &[&str]) -> Result<(), OpenError> {
    for entry in std::fs::read_dir(folder).map_err(at(folder))? {
        let name = entry.map_err(at(folder))?.file_name();
        let name = name.to_string_lossy();
        let ours = [LOCK_FILE, LOG_FOLDER, "mirano.json.tmp", "lost+found"].contains(&name.as_ref());
        if !ours && !beside.contains(&name.as_ref()) {
            return Err(OpenError::Foreign { folder: folder.to_owned(), found: name.into_owned() });
        }
    }
    Ok(())
}

/// The exclusive lock on a data folder. Dropped, it is let go at once, even where the open file lives on for a moment: in a
/// child process that has not begun its own program yet, or while somebody looks at the process's open files.
pub struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // If it fails, closing the file lets it go.
        let _ = self.0.unlock();
    }
}

/// Takes the exclusive lock on the data folder, held until it is dropped.
pub fn lock(folder: &Path) -> Result<Lock, OpenError> {
    let path = folder.join(LOCK_FILE);
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(at(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(Lock(file)),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked(folder.to_owned())),
        Err(TryLockError::Error(error)) => Err(at(&path)(error)),
    }
}
