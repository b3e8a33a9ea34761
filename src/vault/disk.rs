//! Files that are durable when the call returns: written aside, synced, put in place, the folder synced.

use crate::core::vault::VaultError;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// For `map_err`: keeps the system's words.
pub(super) fn unavailable(doing: &'static str) -> impl Fn(io::Error) -> VaultError {
    move |error| VaultError::Unavailable { doing, cause: error.to_string() }
}

/// Makes a folder and those above it, each durable.
pub(super) fn make_folder(path: &Path) -> Result<(), VaultError> {
    let mut missing = Vec::new();
    let mut at = path;
    while !at.as_os_str().is_empty() && !at.exists() {
        missing.push(at);
        match at.parent() {
            Some(parent) => at = parent,
            None => break,
        }
    }
    for folder in missing.into_iter().rev() {
        match fs::create_dir(folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(unavailable("make a folder")(error));
            }
            _ => {}
        }
        sync_parent(folder)?;
    }
    Ok(())
}

/// Takes group and others the right to look into the folder.
pub(super) fn close_to_others(folder: &Path) -> Result<(), VaultError> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
            .map_err(unavailable("close the key folder to others"))?;
    }
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

/// Removes what a crash left on its way.
pub(super) fn empty_folder(folder: &Path) -> Result<(), VaultError> {
    for entry in fs::read_dir(folder).map_err(unavailable("list a folder"))? {
        let entry = entry.map_err(unavailable("list a folder"))?;
        overwrite_and_remove(&entry.path())?;
    }
    Ok(())
}

/// A whole small file; `None` when there is none.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, VaultError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unavailable("read a key file")(error)),
    }
}

/// Writes a file that is not there yet; one that is stays as it is.
pub(super) fn write_new(root: &Path, path: &Path, bytes: &[u8]) -> Result<(), VaultError> {
    let staged = stage(root, path, bytes)?;
    // A hard link fails where the name is taken: of two processes one wins, and nothing is overwritten.
    let linked = fs::hard_link(&staged, path);
    fs::remove_file(&staged).map_err(unavailable("remove a staged file"))?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(unavailable("put a file in place")(error)),
        _ => sync_parent(path),
    }
}

/// Writes a file, in place of one that may be there.
pub(super) fn write_over(root: &Path, path: &Path, bytes: &[u8]) -> Result<(), VaultError> {
    let staged = stage(root, path, bytes)?;
    fs::rename(&staged, path).map_err(unavailable("put a file in place"))?;
    sync_parent(path)
}

/// Writes a file that can be had again from elsewhere, in place of another. Whoever reads finds it whole; after a power
/// loss it may be missing or torn.
pub(super) fn write_mirrored(root: &Path, path: &Path, bytes: &[u8]) -> Result<(), VaultError> {
    if read(path)?.as_deref() == Some(bytes) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(unavailable("make a folder"))?;
    }
    let (staged, _) = write_staged(root, bytes)?;
    fs::rename(&staged, path).map_err(unavailable("put a file in place"))
}

/// Writes the bytes into `tmp`, synced, and makes the folder they will go to.
fn stage(root: &Path, path: &Path, bytes: &[u8]) -> Result<PathBuf, VaultError> {
    if let Some(folder) = path.parent() {
        make_folder(folder)?;
    }
    let (staged, file) = write_staged(root, bytes)?;
    file.sync_all().map_err(unavailable("write a file"))?;
    Ok(staged)
}

/// Writes the bytes into `tmp`.
fn write_staged(root: &Path, bytes: &[u8]) -> Result<(PathBuf, File), VaultError> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let staged = root.join("tmp").join(format!("{}-{count}", std::process::id()));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut file = options.open(&staged).map_err(unavailable("create a file"))?;
    file.write_all(bytes).map_err(unavailable("write a file"))?;
    Ok((staged, file))
}

/// Overwrites a file with zeros, syncs it, removes it, syncs its folder. Nothing to do when it is not there.
///
/// What a copying file system or the flash controller keeps is beyond a program's reach; `docs/operations/keys.md`
/// says so.
pub(super) fn overwrite_and_remove(path: &Path) -> Result<(), VaultError> {
    let doing = "destroy a key file";
    let mut file = match OpenOptions::new().write(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(unavailable(doing)(error)),
    };
    let len = file.metadata().map_err(unavailable(doing))?.len();
    io::copy(&mut io::Read::take(io::repeat(0), len), &mut file)
        .and_then(|_| file.sync_all())
        .map_err(unavailable(doing))?;
    remove(path)
}

/// Removes a file, durable.
pub(super) fn remove(path: &Path) -> Result<(), VaultError> {
    fs::remove_file(path).map_err(unavailable("remove a file"))?;
    sync_parent(path)
}

fn sync_parent(path: &Path) -> Result<(), VaultError> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(unavailable("sync a folder"))
}
