//! The key store of several nodes: a board that all of them write to and read in one order, and a folder as its mirror.
//!
//! | key of a record | value | |
//! |---|---|---|
//! | `installation/<random>` | a key file | the first one holds: its secret finds persons, and lets nodes know each other |
//! | `person/<lookup>/<subject>` | a key file | the first one of a lookup holds; later ones were made at the same moment and never handed out |
//! | `erased/<subject>` | the lookup | what stands before it for this lookup is erased, for ever |
//! | `seen/<random>` | nothing | whoever reads it back has read all before it |
//!
//! Each record has a key of its own, so compaction removes none but those that an erasure deletes, and what is first stays
//! first. Promises are those of [`FileVault`], and this: what one node was handed out, every node finds.

use super::disk::{self, unavailable as cant, write_mirrored, write_new};
use super::format::{KeyFile, Kind};
use super::{FileVault, name_of, random_secret};
use crate::core::vault::{PERSON_PREFIX, PersonKeys, Vault, VaultError};
use mirano_schemas::{Subject, base32};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// Where all nodes write, and read in one order.
pub trait Board: Send + Sync {
    /// Writes a record. On return it is durable, and this node has read it back with all before it. After an error it may
    /// be there or not.
    fn post(&self, key: &[u8], value: Option<&[u8]>) -> Result<(), String>;
}

/// A record as it was read.
type Read = (Vec<u8>, Option<Vec<u8>>);

/// What was read of the board; its reader fills it.
#[derive(Default)]
pub struct Readings {
    state: Mutex<State>,
    files: OnceLock<FileVault>,
}

#[derive(Default)]
struct State {
    /// Read before the folder was open.
    early: Vec<Read>,
    /// For each lookup, the subject that holds.
    holding: BTreeMap<[u8; 32], String>,
    /// Keys of records that hold no more and were not deleted yet.
    void: BTreeSet<Vec<u8>>,
}

/// The vault that several nodes share.
pub struct SharedVault<B> {
    readings: Arc<Readings>,
    board: B,
    /// Held while a person is made.
    making: Mutex<()>,
    peers: [u8; 32],
}

impl Readings {
    /// Takes the next record of the board.
    pub fn take(&self, key: &[u8], value: Option<&[u8]>) {
        let mut state = self.state();
        match self.files.get() {
            Some(files) => state.apply(files, key, value),
            None => state.early.push((key.to_vec(), value.map(<[u8]>::to_vec))),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The secret of the installation: the first that was written.
    fn installation(&self) -> Result<Option<[u8; 32]>, VaultError> {
        let state = self.state();
        let mut all = state.early.iter().filter(|(key, _)| key.starts_with(INSTALLATION));
        let Some(bytes) = all.find_map(|(_, value)| value.as_deref()) else { return Ok(None) };
        let file = KeyFile::decode(Kind::Installation, bytes);
        Ok(Some(file.map_err(|error| error.at("the installation's record".to_owned()))?.secret))
    }

    /// From now on, what is read takes effect in the folder.
    fn begin(&self, files: FileVault) {
        let mut state = self.state();
        for (key, value) in std::mem::take(&mut state.early) {
            state.apply(&files, &key, value.as_deref());
        }
        // Nobody else sets it.
        let _ = self.files.set(files);
    }

    fn files(&self) -> Result<&FileVault, VaultError> {
        let closed = || VaultError::Unavailable { doing: "be read", cause: "it is not open yet".to_owned() };
        self.files.get().ok_or_else(closed)
    }
}

impl State {
    /// A record takes effect. One that can't is told and passed over: who needs it finds nothing, and says so.
    fn apply(&mut self, files: &FileVault, key: &[u8], value: Option<&[u8]>) {
        let done = if key.starts_with(PERSON) {
            match value {
                Some(value) => self.person(files, key, value),
                None => {
                    self.void.remove(key);
                    Ok(())
                }
            }
        } else if let Some(name) = key.strip_prefix(ERASED) {
            self.erased(files, std::str::from_utf8(name).unwrap_or_default(), value)
        } else {
            Ok(())
        };
        if let Err(error) = done {
            tracing::error!(%error, "a record of the shared key store could not be taken");
        }
    }

    fn person(&mut self, files: &FileVault, key: &[u8], value: &[u8]) -> Result<(), VaultError> {
        let file = KeyFile::decode(Kind::Person, value).map_err(|error| error.at("a person's record".to_owned()))?;
        let keys = PersonKeys::from_secret(&file.secret);
        let name = name_of(keys.subject()).unwrap_or_default();
        if self.holding.contains_key(&file.lookup) {
            self.void.insert(key.to_vec());
            return Ok(());
        }
        self.holding.insert(file.lookup, name.to_owned());
        if files.is_erased(name)? {
            self.void.insert(key.to_vec());
            return Ok(());
        }
        files.adopt(&file, name)
    }

    fn erased(&mut self, files: &FileVault, name: &str, lookup: Option<&[u8]>) -> Result<(), VaultError> {
        let lookup = lookup.and_then(|lookup| <[u8; 32]>::try_from(lookup).ok());
        let held = lookup.and_then(|lookup| self.holding.remove(&lookup));
        if let (Some(lookup), Some(held)) = (&lookup, &held) {
            self.void.insert(person_key(lookup, held));
        }
        for name in held.as_deref().into_iter().chain([name]) {
            files.erase(&Subject(format!("{PERSON_PREFIX}{name}")))?;
        }
        Ok(())
    }
}

const INSTALLATION: &[u8] = b"installation/";
const PERSON: &[u8] = b"person/";
const ERASED: &[u8] = b"erased/";

fn unavailable(cause: String) -> VaultError {
    VaultError::Unavailable { doing: "reach the other nodes' keys", cause }
}

impl<B: Board> SharedVault<B> {
    /// Opens the folder as a mirror of the board, which `readings` hold whole. Persons that only the folder knows, from
    /// before it was shared, are written to the board.
    pub fn open(root: &Path, readings: Arc<Readings>, board: B) -> Result<Self, VaultError> {
        let own = FileVault::installation(root)?;
        let secret = match readings.installation()? {
            Some(secret) => secret,
            None => {
                let file = KeyFile { secret: own.map_or_else(random_secret, Ok)?, lookup: [0; 32] };
                let key = [INSTALLATION, base32(&rand::random::<[u8; 16]>()).as_bytes()].concat();
                board.post(&key, Some(&file.encode(Kind::Installation))).map_err(unavailable)?;
                let first = readings.installation()?;
                first.ok_or_else(|| unavailable("what was written was not read back".to_owned()))?
            }
        };
        match own {
            Some(own) if own != secret => {
                let why = "it is another installation's than the one that the nodes share; move the folder away";
                return Err(VaultError::Damaged { file: "installation.key".to_owned(), why });
            }
            Some(_) => {}
            None => FileVault::place_installation(root, secret)?,
        }
        readings.begin(FileVault::open(root)?);
        let this = Self {
            readings,
            board,
            making: Mutex::default(),
            peers: blake3::derive_key("mirano 2026 node to node v1", &secret),
        };
        this.publish()?;
        // What an erasure, or a person made twice at once, left behind.
        let void = this.readings.state().void.clone();
        for key in void {
            this.board.post(&key, None).map_err(unavailable)?;
        }
        Ok(this)
    }

    /// Writes persons to the board that only the folder has.
    fn publish(&self) -> Result<(), VaultError> {
        let files = self.readings.files()?;
        let on_board: BTreeSet<String> = self.readings.state().holding.values().cloned().collect();
        for name in files.names()?.into_iter().filter(|name| !on_board.contains(name)) {
            let Some(file) = files.read_key(&name)? else { continue };
            if self.readings.state().holding.contains_key(&file.lookup) {
                tracing::warn!(
                    subject = name,
                    "this folder names a person otherwise than the other nodes do; theirs holds"
                );
                continue;
            }
            self.post(&file, &name)?;
        }
        Ok(())
    }

    fn post(&self, file: &KeyFile, name: &str) -> Result<(), VaultError> {
        let key = person_key(&file.lookup, name);
        self.board.post(&key, Some(&file.encode(Kind::Person))).map_err(unavailable)
    }

    /// A key that only nodes of this installation have: they know each other by it.
    pub fn peers(&self) -> [u8; 32] {
        self.peers
    }

    /// Destroys a person's keys on all nodes: they are gone here on return, elsewhere as soon as it is read there, and from
    /// the board's disks when it was compacted.
    pub fn erase(&self, subject: &Subject) -> Result<(), VaultError> {
        let Some(name) = name_of(subject) else { return Ok(()) };
        let file = self.readings.files()?.read_key(name)?;
        let lookup = file.as_ref().map(|file| file.lookup).unwrap_or_default();
        self.board.post(&[ERASED, name.as_bytes()].concat(), Some(&lookup)).map_err(unavailable)?;
        if let Some(file) = file {
            self.board.post(&person_key(&file.lookup, name), None).map_err(unavailable)?;
        }
        Ok(())
    }
}

fn person_key(lookup: &[u8; 32], name: &str) -> Vec<u8> {
    [PERSON, base32(lookup).as_bytes(), b"/", name.as_bytes()].concat()
}

impl<B: Board> Vault for SharedVault<B> {
    fn person(&self, identity: &str) -> Result<PersonKeys, VaultError> {
        if identity.is_empty() {
            return Err(VaultError::EmptyIdentity);
        }
        let files = self.readings.files()?;
        let lookup = files.lookup(identity)?;
        if let Some(keys) = files.known(&lookup)? {
            return Ok(keys);
        }
        let _making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(keys) = files.known(&lookup)? {
            return Ok(keys);
        }
        let file = KeyFile { secret: random_secret()?, lookup };
        let keys = PersonKeys::from_secret(&file.secret);
        self.post(&file, name_of(keys.subject()).unwrap_or_default())?;
        // Another node's may have come first: then that one holds.
        files.known(&lookup)?.ok_or_else(|| unavailable("what was written could not be kept here".to_owned()))
    }

    fn find(&self, subject: &Subject) -> Result<Option<PersonKeys>, VaultError> {
        let files = self.readings.files()?;
        if let Some(keys) = files.find(subject)? {
            return Ok(Some(keys));
        }
        let Some(name) = name_of(subject) else { return Ok(None) };
        if files.is_erased(name)? {
            return Ok(None);
        }
        // A commit may name whom another node made a moment ago: what was written before it is read first.
        let key = [b"seen/", base32(&rand::random::<[u8; 8]>()).as_bytes()].concat();
        self.board.post(&key, None).map_err(unavailable)?;
        files.find(subject)
    }
}

impl FileVault {
    /// The secret of the installation, where the folder has one.
    fn installation(root: &Path) -> Result<Option<[u8; 32]>, VaultError> {
        let Some(bytes) = disk::read(&root.join("installation.key"))? else { return Ok(None) };
        let file = KeyFile::decode(Kind::Installation, &bytes);
        Ok(Some(file.map_err(|error| error.at("installation.key".to_owned()))?.secret))
    }

    /// Writes the secret of the installation into a folder that has none.
    fn place_installation(root: &Path, secret: [u8; 32]) -> Result<(), VaultError> {
        disk::make_folder(&root.join("tmp"))?;
        let file = KeyFile { secret, lookup: [0; 32] };
        write_new(root, &root.join("installation.key"), &file.encode(Kind::Installation))
    }

    /// Keeps a person that holds on the board; it stands in place of another that this folder may have found so far. The
    /// board is what lasts: it is read whole at each start, so no disk is waited for.
    fn adopt(&self, file: &KeyFile, name: &str) -> Result<(), VaultError> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        write_mirrored(&self.root, &self.key_path(name), &file.encode(Kind::Person))?;
        write_mirrored(&self.root, &self.index_path(&file.lookup), name.as_bytes())?;
        self.by_lookup.invalidate(&file.lookup);
        Ok(())
    }

    /// The person of a lookup, if there is one.
    fn known(&self, lookup: &[u8; 32]) -> Result<Option<PersonKeys>, VaultError> {
        if let Some(keys) = self.by_lookup.get(lookup) {
            return Ok(Some(keys));
        }
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = self.indexed(lookup)?;
        if let Some(keys) = &keys {
            self.by_lookup.insert(*lookup, keys.clone());
            self.by_subject.insert(keys.subject().clone(), keys.clone());
        }
        Ok(keys)
    }

    /// The names of all persons that the folder has keys of.
    fn names(&self) -> Result<Vec<String>, VaultError> {
        let mut names = Vec::new();
        for shard in fs::read_dir(self.root.join("persons")).map_err(cant("list persons"))? {
            let shard = shard.map_err(cant("list persons"))?.path();
            for file in fs::read_dir(shard).map_err(cant("list persons"))? {
                let file = file.map_err(cant("list persons"))?.path();
                let name = file.file_stem().and_then(|name| name.to_str());
                names.extend(name.map(str::to_owned));
            }
        }
        Ok(names)
    }
}

#[cfg(test)]
mod tests;
