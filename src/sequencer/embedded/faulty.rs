//! A disk for tests that fails, fills up, holds its syncs, and forgets at a crash what was not synced.
//!
//! It writes real files, so readers work, and keeps beside them what would survive: for each file its durable length,
//! for each rename whether its folder was synced. As on Linux, a failed sync leaves the pages clean: a later sync of the
//! same bytes succeeds and makes nothing durable unless they are written again.

use super::disk::{Disk, DiskFile, RealDisk};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

/// The disk; clones are the same one.
#[derive(Clone, Default)]
pub struct FaultyDisk(Arc<(Mutex<Faults>, Condvar)>);

#[derive(Default)]
struct Faults {
    files: BTreeMap<PathBuf, FileState>,
    /// Renames whose folder was not synced yet: from, to.
    renames: Vec<(PathBuf, PathBuf)>,
    /// Syncs beyond this many fail.
    good_syncs: Option<usize>,
    hold_syncs: bool,
    /// Syncs that were begun.
    syncs: usize,
    /// Bytes that still fit, if the disk is small.
    space: Option<usize>,
}

#[derive(Default, Clone, Copy)]
struct FileState {
    len: u64,
    durable: u64,
    /// From here on pages are clean without being on the disk.
    lost_from: Option<u64>,
}

struct FaultyFile {
    path: PathBuf,
    inner: Box<dyn DiskFile>,
    disk: FaultyDisk,
}

impl FaultyDisk {
    fn lock(&self) -> MutexGuard<'_, Faults> {
        self.0.0.lock().expect("no test panics while it holds this")
    }

    /// From now on every sync fails, or none.
    pub fn fail_syncs(&self, fail: bool) {
        let mut faults = self.lock();
        faults.good_syncs = fail.then_some(faults.syncs);
    }

    /// Once `count` syncs were begun in all, every later one fails.
    pub fn fail_syncs_beyond(&self, count: usize) {
        self.lock().good_syncs = Some(count);
    }

    /// From now on every sync waits, until this is called with `false`.
    pub fn hold_syncs(&self, hold: bool) {
        self.lock().hold_syncs = hold;
        self.0.1.notify_all();
    }

    /// Waits until `count` syncs were begun in all.
    pub fn wait_for_syncs(&self, count: usize) {
        let mut faults = self.lock();
        while faults.syncs < count {
            faults = self.0.1.wait(faults).expect("no test panics while it holds this");
        }
    }

    /// Syncs that were begun.
    pub fn syncs(&self) -> usize {
        self.lock().syncs
    }

    /// Only so many more bytes fit.
    pub fn space(&self, bytes: Option<usize>) {
        self.lock().space = bytes;
    }

    /// The power fails. Of each file the bytes behind its durable length are handed to `fate`, which may shorten and
    /// change them; renames in folders that were not synced did not happen.
    pub fn crash(&self, mut fate: impl FnMut(&mut Vec<u8>)) {
        let mut faults = self.lock();
        for (from, to) in std::mem::take(&mut faults.renames).into_iter().rev() {
            std::fs::rename(&to, &from).expect("undo a rename");
            if let Some(state) = faults.files.remove(&to) {
                faults.files.insert(from, state);
            }
        }
        for (path, state) in &mut faults.files {
            let Ok(mut bytes) = std::fs::read(path) else { continue };
            let mut tail = bytes.split_off(usize::try_from(state.durable).expect("small").min(bytes.len()));
            if !tail.is_empty() {
                fate(&mut tail);
            }
            bytes.extend(tail);
            std::fs::write(path, &bytes).expect("write back");
            *state = FileState { len: bytes.len() as u64, durable: bytes.len() as u64, lost_from: None };
        }
        faults.good_syncs = None;
    }
}

impl Disk for FaultyDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let inner = RealDisk.create(path)?;
        self.lock().files.insert(path.to_owned(), FileState::default());
        Ok(Box::new(FaultyFile { path: path.to_owned(), inner, disk: self.clone() }))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let inner = RealDisk.open(path)?;
        let len = std::fs::metadata(path)?.len();
        self.lock().files.entry(path.to_owned()).or_insert(FileState { len, durable: len, lost_from: None });
        Ok(Box::new(FaultyFile { path: path.to_owned(), inner, disk: self.clone() }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)?;
        let mut faults = self.lock();
        if let Some(state) = faults.files.remove(from) {
            faults.files.insert(to.to_owned(), state);
        }
        faults.renames.push((from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.lock().files.remove(path);
        RealDisk.remove(path)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.lock().renames.retain(|(_, to)| to.parent() != Some(folder));
        Ok(())
    }
}

impl FaultyFile {
    fn state(&self, change: impl FnOnce(&mut FileState)) {
        if let Some(state) = self.disk.lock().files.get_mut(&self.path) {
            change(state);
        }
    }
}

impl DiskFile for FaultyFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let fits = match &mut self.disk.lock().space {
            None => bytes.len(),
            Some(space) => {
                let fits = bytes.len().min(*space);
                *space -= fits;
                fits
            }
        };
        self.inner.append(bytes.get(..fits).expect("not more than there is"))?;
        self.state(|state| state.len += fits as u64);
        if fits < bytes.len() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    fn rewrite(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.inner.rewrite(offset, bytes)?;
        self.state(|state| {
            // Dirty again: the next sync reaches the disk.
            if state.lost_from.is_some_and(|from| offset <= from && offset + bytes.len() as u64 == state.len) {
                state.lost_from = None;
            }
        });
        Ok(())
    }

    fn cut(&mut self, len: u64) -> io::Result<()> {
        self.inner.cut(len)?;
        self.state(|state| {
            state.len = len;
            state.durable = state.durable.min(len);
            state.lost_from = state.lost_from.filter(|from| *from < len);
        });
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut faults = self.disk.lock();
        faults.syncs += 1;
        let own = faults.syncs;
        // What is written while it runs is not in it.
        let written = faults.files.get(&self.path).map_or(0, |state| state.len);
        self.disk.0.1.notify_all();
        while faults.hold_syncs {
            faults = self.disk.0.1.wait(faults).expect("no test panics while it holds this");
        }
        let fail = faults.good_syncs.is_some_and(|good| own > good);
        drop(faults);
        self.state(|state| match fail {
            true => state.lost_from = Some(state.lost_from.unwrap_or(state.durable).min(state.durable)),
            false => state.durable = state.durable.max(state.lost_from.unwrap_or(written)),
        });
        if fail { Err(io::Error::other("the disk says no")) } else { Ok(()) }
    }
}
