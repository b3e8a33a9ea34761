//! The key store: a folder beside the data, outside the log, readable by its owner only.
//!
//! ```text
//! keys/installation.key            finds persons by what identifies them
//! keys/persons/<xx>/<subject>.key  one person's secret; <xx> = the first two characters
//! keys/index/<xx>/<lookup>.ref     the subject of the person with this lookup hash
//! keys/erased/<subject>            a tombstone: this subject's key must never come back
//! keys/tmp/                        files on their way; emptied at open
//! ```
//!
//! Promises: keys are on disk, folders included, before they are handed out; a person gets one secret however many
//! ask at once; a crash at any point leaves either no person or a whole one. Nothing here is encrypted: the folder's
//! owner and the backup's keeper can read it. How to back it up: `docs/operations/keys.md`.
//!
//! One process at a time uses the folder; the lock on the data folder sees to that. Where several nodes share a log, each
//! has such a folder, and all have the same persons in it: [`SharedVault`].

mod disk;
mod format;
mod shared;

pub use shared::{Board, Readings, SharedVault};

use crate::core::vault::{PERSON_PREFIX, PersonKeys, Vault, VaultError};
use disk::{unavailable, write_new, write_over};
use format::{KeyFile, Kind};
use mirano_schemas::{Subject, base32, from_base32};
use moka::sync::Cache;
use rand::TryRngCore;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// How many persons' keys stay in memory.
const CACHED: u64 = 50_000;

/// The vault in a folder.
pub struct FileVault {
    root: PathBuf,
    /// `None`: opened for reading only.
    lookup_secret: Option<[u8; 32]>,
    /// Held while a person is made or erased.
    writing: Mutex<()>,
    by_lookup: Cache<[u8; 32], PersonKeys>,
    by_subject: Cache<Subject, PersonKeys>,
}

impl FileVault {
    /// Opens the folder, making it where it is missing; finishes erasures that a crash cut short.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, VaultError> {
        let root = root.into();
        for folder in ["persons", "index", "erased", "tmp"] {
            disk::make_folder(&root.join(folder))?;
        }
        disk::close_to_others(&root)?;
        disk::empty_folder(&root.join("tmp"))?;
        let lookup_secret = Some(installation_secret(&root)?);
        let vault = Self {
            root,
            lookup_secret,
            writing: Mutex::default(),
            by_lookup: Cache::new(CACHED),
            by_subject: Cache::new(CACHED),
        };
        for subject in vault.erased()? {
            if let Some(name) = name_of(&subject) {
                vault.remove(name)?;
            }
        }
        Ok(vault)
    }

    /// Opens a folder of keys to find persons already named, and changes nothing in it: for an audit, also beside a
    /// running server. It makes no person.
    pub fn open_to_read(root: &Path) -> Result<Self, VaultError> {
        fs::read_dir(root).map_err(unavailable("list the folder of keys"))?;
        Ok(Self {
            root: root.to_owned(),
            lookup_secret: None,
            writing: Mutex::default(),
            by_lookup: Cache::new(CACHED),
            by_subject: Cache::new(CACHED),
        })
    }

    /// Destroys a person's keys: a tombstone, then the file overwritten and removed, all on disk before this returns.
    /// May be repeated, and may name a subject that is not here (erasures of a newer log applied to an old backup).
    pub fn erase(&self, subject: &Subject) -> Result<(), VaultError> {
        let Some(name) = name_of(subject) else { return Ok(()) };
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        write_new(&self.root, &self.root.join("erased").join(name), b"")?;
        self.remove(name)?;
        self.by_subject.invalidate(subject);
        self.by_lookup.invalidate_all();
        Ok(())
    }

    /// All subjects whose keys were destroyed, sorted.
    pub fn erased(&self) -> Result<Vec<Subject>, VaultError> {
        let mut subjects = Vec::new();
        for entry in fs::read_dir(self.root.join("erased")).map_err(unavailable("list erased persons"))? {
            let entry = entry.map_err(unavailable("list erased persons"))?;
            if let Some(name) = entry.file_name().to_str() {
                subjects.push(Subject(format!("{PERSON_PREFIX}{name}")));
            }
        }
        subjects.sort();
        Ok(subjects)
    }

    fn lookup(&self, identity: &str) -> Result<[u8; 32], VaultError> {
        let cause = || "it was opened for reading only".to_owned();
        let secret = self.lookup_secret.as_ref();
        let secret = secret.ok_or_else(|| VaultError::Unavailable { doing: "look for an identity", cause: cause() })?;
        Ok(*blake3::keyed_hash(secret, identity.as_bytes()).as_bytes())
    }

    fn key_path(&self, name: &str) -> PathBuf {
        self.root.join("persons").join(shard(name)).join(format!("{name}.key"))
    }

    fn index_path(&self, lookup: &[u8; 32]) -> PathBuf {
        let name = base32(lookup.first_chunk::<16>().map_or(lookup, |short| short));
        self.root.join("index").join(shard(&name)).join(format!("{name}.ref"))
    }

    fn is_erased(&self, name: &str) -> Result<bool, VaultError> {
        self.root.join("erased").join(name).try_exists().map_err(unavailable("look for a tombstone"))
    }

    /// The person that the index names, if it was not erased.
    fn indexed(&self, lookup: &[u8; 32]) -> Result<Option<PersonKeys>, VaultError> {
        let path = self.index_path(lookup);
        let Some(bytes) = disk::read(&path)? else { return Ok(None) };
        let damaged = |why| VaultError::Damaged { file: self.short(&path), why };
        let subject = std::str::from_utf8(&bytes).map(|text| Subject(format!("{PERSON_PREFIX}{text}")));
        let subject = subject.map_err(|_| damaged("not a subject"))?;
        let name = name_of(&subject).ok_or_else(|| damaged("not a subject"))?;
        if self.is_erased(name)? {
            return Ok(None);
        }
        // A new secret here would split one person in two, and nobody would notice: this is for an operator to mend.
        let file = self.read_key(name)?.ok_or_else(|| damaged("the key file that it names is missing"))?;
        if &file.lookup != lookup {
            return Err(damaged("it names the key file of another person"));
        }
        Ok(Some(PersonKeys::from_secret(&file.secret)))
    }

    fn read_key(&self, name: &str) -> Result<Option<KeyFile>, VaultError> {
        let path = self.key_path(name);
        let Some(bytes) = disk::read(&path)? else { return Ok(None) };
        let file = KeyFile::decode(Kind::Person, &bytes).map_err(|error| error.at(self.short(&path)))?;
        if name_of(PersonKeys::from_secret(&file.secret).subject()) != Some(name) {
            return Err(VaultError::Damaged { file: self.short(&path), why: "it holds the key of another subject" });
        }
        Ok(Some(file))
    }

    /// Makes a person: first the key, then the index entry that makes it found. A crash in between leaves a key that
    /// was never handed out.
    fn make(&self, lookup: &[u8; 32]) -> Result<PersonKeys, VaultError> {
        let secret = random_secret()?;
        let keys = PersonKeys::from_secret(&secret);
        let name = keys.subject().0.strip_prefix(PERSON_PREFIX).unwrap_or_default();
        let file = KeyFile { secret, lookup: *lookup };
        write_new(&self.root, &self.key_path(name), &file.encode(Kind::Person))?;
        // Over: the entry may still name an erased subject.
        write_over(&self.root, &self.index_path(lookup), name.as_bytes())?;
        Ok(keys)
    }

    /// Removes a person's files; the tombstone is there already.
    fn remove(&self, name: &str) -> Result<(), VaultError> {
        let path = self.key_path(name);
        if let Ok(Some(file)) = self.read_key(name) {
            let index = self.index_path(&file.lookup);
            if disk::read(&index)?.as_deref() == Some(name.as_bytes()) {
                disk::remove(&index)?;
            }
        }
        disk::overwrite_and_remove(&path)
    }

    fn short(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).display().to_string()
    }
}

impl Vault for FileVault {
    fn person(&self, identity: &str) -> Result<PersonKeys, VaultError> {
        if identity.is_empty() {
            return Err(VaultError::EmptyIdentity);
        }
        let lookup = self.lookup(identity)?;
        if let Some(keys) = self.by_lookup.get(&lookup) {
            return Ok(keys);
        }
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = match self.indexed(&lookup)? {
            Some(keys) => keys,
            None => self.make(&lookup)?,
        };
        self.by_lookup.insert(lookup, keys.clone());
        self.by_subject.insert(keys.subject().clone(), keys.clone());
        Ok(keys)
    }

    fn find(&self, subject: &Subject) -> Result<Option<PersonKeys>, VaultError> {
        if let Some(keys) = self.by_subject.get(subject) {
            return Ok(Some(keys));
        }
        let Some(name) = name_of(subject) else { return Ok(None) };
        // Under the lock, so that a key read before an erasure is not cached after it.
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_erased(name)? {
            return Ok(None);
        }
        let Some(file) = self.read_key(name)? else { return Ok(None) };
        let keys = PersonKeys::from_secret(&file.secret);
        self.by_subject.insert(subject.clone(), keys.clone());
        Ok(Some(keys))
    }
}

impl std::fmt::Debug for FileVault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileVault").field("root", &self.root).finish_non_exhaustive()
    }
}

/// The part of a person's subject that names its file; `None` for anything else, above all for a path.
fn name_of(subject: &Subject) -> Option<&str> {
    let name = subject.0.strip_prefix(PERSON_PREFIX)?;
    (from_base32(name)?.len() == 16 && base32(&from_base32(name)?) == name).then_some(name)
}

/// Folders stay small.
fn shard(name: &str) -> &str {
    name.get(..2).unwrap_or("__")
}

fn random_secret() -> Result<[u8; 32], VaultError> {
    let mut secret = [0u8; 32];
    rand::rngs::OsRng
        .try_fill_bytes(&mut secret)
        .map_err(|error| VaultError::Unavailable { doing: "draw random bytes", cause: error.to_string() })?;
    Ok(secret)
}

fn installation_secret(root: &Path) -> Result<[u8; 32], VaultError> {
    let path = root.join("installation.key");
    if let Some(bytes) = disk::read(&path)? {
        let file = KeyFile::decode(Kind::Installation, &bytes);
        return Ok(file.map_err(|error| error.at("installation.key".to_owned()))?.secret);
    }
    let mut persons = fs::read_dir(root.join("persons")).map_err(unavailable("list persons"))?;
    if persons.next().is_some() {
        return Err(VaultError::InstallationLost);
    }
    let file = KeyFile { secret: random_secret()?, lookup: [0; 32] };
    write_new(root, &path, &file.encode(Kind::Installation))?;
    Ok(file.secret)
}

#[cfg(test)]
mod tests;
