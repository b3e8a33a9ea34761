//! The evidence store: raw answers of sources, named by their bytes.
//!
//! Promises: on return of [`EvidenceStore::put`] the bytes are durable (a commit that names them may follow); the same
//! bytes are one object, written once; what is read was verified against its name, or is a named error; of level
//! person it is sealed, and named by a hash under the person's key, so that destroying the key erases it and a
//! guessed page can't be confirmed. It takes a body and its content type only: request headers and credentials
//! never come here.
//!
//! A local folder by default, any S3-compatible store by URL. The bytes of an object are in [`frame`].

pub mod frame;

use super::objects::{BadLocation, Objects};
use crate::core::vault::PersonKeys;
use bytes::Bytes;
use frame::{Frame, FrameError};
use mirano_schemas::EvidenceId;
use moka::sync::Cache;
use object_store::memory::InMemory;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// From this size on, compressing and checking leave the async threads.
const HEAVY_BYTES: usize = 256 * 1024;

/// How many names are remembered as being on disk.
const SYNCED: u64 = 100_000;

/// Evidence as it was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The content type that the source named; empty when it named none.
    pub content_type: String,
    /// The raw body.
    pub body: Bytes,
}

/// What went wrong with evidence.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// The location is not a folder and not a URL of a store that we know.
    #[error("the evidence store {0}")]
    BadLocation(#[from] BadLocation),
    /// There is no such evidence.
    #[error("no evidence {0}")]
    NotFound(EvidenceId),
    /// It is sealed, and no key was given: the person's keys are destroyed or not known here.
    #[error("evidence {0} is sealed with the key of a person, which is not there")]
    Sealed(EvidenceId),
    /// It is sealed with the key of another person.
    #[error("evidence {0} is sealed with another key")]
    OtherKey(EvidenceId),
    /// The bytes in the store are not what was put there.
    #[error("evidence {id} is corrupt: {why}")]
    Corrupt {
        /// Its name.
        id: EvidenceId,
        /// What does not fit.
        why: &'static str,
    },
    /// Written by a newer version of the program.
    #[error("evidence {id} has format version {version}; this program reads up to {newest}", newest = frame::VERSION)]
    Newer {
        /// Its name.
        id: EvidenceId,
        /// What it says.
        version: u8,
    },
    /// The store can't be reached, or can't write; trying again may help.
    #[error("the evidence store can't {doing}: {cause}")]
    Unavailable {
        /// What was being done.
        doing: &'static str,
        /// The system's words.
        cause: String,
    },
}

impl EvidenceError {
    /// Whether the same call may succeed later.
    pub fn retryable(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}

/// Keeps raw answers. Cheap to clone.
#[derive(Debug, Clone)]
pub struct EvidenceStore {
    store: Arc<dyn ObjectStore>,
    prefix: ObjectPath,
    /// The folder, when it is a local one.
    local: Option<PathBuf>,
    /// What this process itself has seen reach the disk.
    synced: Cache<EvidenceId, ()>,
}

impl EvidenceStore {
    /// Opens a folder (made where it is missing), or a URL: `s3://bucket/prefix`, `file:///folder`, `memory:///`.
    /// Credentials and endpoint of S3 come from the usual `AWS_…` environment variables.
    pub fn open(location: &str) -> Result<Self, EvidenceError> {
        Ok(Self::on(Objects::open(location)?))
    }

    /// As [`EvidenceStore::open`], with the store's options (`aws_endpoint`, `aws_access_key_id`, …) given.
    pub fn open_with(
        location: &str,
        options: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, EvidenceError> {
        Ok(Self::on(Objects::open_with(location, options)?))
    }

    /// Opens a local folder, made where it is missing.
    pub fn open_folder(folder: &Path) -> Result<Self, EvidenceError> {
        Ok(Self::on(Objects::open_folder(folder)?))
    }

    fn on(Objects { store, prefix, local }: Objects) -> Self {
        Self { store, prefix, local, synced: Cache::new(SYNCED) }
    }

    /// A store that is gone with the process: for tests and the simulation.
    pub fn memory() -> Self {
        Self {
            store: Arc::new(InMemory::new()),
            prefix: ObjectPath::default(),
            local: None,
            synced: Cache::new(SYNCED),
        }
    }

    /// Keeps a raw body. When this returns it is durable. May be repeated: the same bytes are not written again.
    pub async fn put(
        &self,
        raw: Bytes,
        content_type: &str,
        seal: Option<&PersonKeys>,
    ) -> Result<EvidenceId, EvidenceError> {
        let (content_type, keys) = (content_type.to_owned(), seal.cloned());
        let (id, bytes) = compute(raw.len(), move || {
            let id = id_of(&raw, keys.as_ref());
            (id, Frame { content_type: &content_type, raw: &raw }.encode(keys.as_ref()))
        })
        .await?;
        let path = self.path(&id);
        if !self.is_kept(&id, &path, &bytes).await? {
            let put = self.store.put(&path, PutPayload::from(bytes)).await;
            put.map_err(|error| unavailable("write", &error))?;
        }
        self.synced.insert(id, ());
        Ok(id)
    }

    /// Reads evidence and verifies it. `open`: the keys of the person it is about, where it is of level person.
    pub async fn get(&self, id: &EvidenceId, open: Option<&PersonKeys>) -> Result<Evidence, EvidenceError> {
        let bytes = match self.store.get(&self.path(id)).await {
            Ok(found) => found.bytes().await.map_err(|error| unavailable("read", &error))?,
            Err(object_store::Error::NotFound { .. }) => return Err(EvidenceError::NotFound(*id)),
            Err(error) => return Err(unavailable("read", &error)),
        };
        let (id, keys) = (*id, open.cloned());
        compute(bytes.len(), move || verify(id, &bytes, keys.as_ref())).await?
    }

    /// Files of a local folder that are none of the store's, sorted; none of a store elsewhere. What a crash left of a write is
    /// the store's.
    pub fn strange(&self) -> Vec<PathBuf> {
        let entries = |folder: &Path| -> Vec<PathBuf> {
            // A folder that can't be listed shows when its pieces are read.
            let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
            entries.map(|entry| entry.path()).collect()
        };
        let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut strange = Vec::new();
        for shard in self.local.iter().flat_map(|folder| entries(folder)) {
            let inside = entries(&shard);
            if inside.is_empty() && shard.is_dir() {
                continue;
            }
            let of_shard = name(&shard);
            let mine = |path: &PathBuf| {
                let name = name(path);
                let id = name.split_once('#').map_or(&*name, |(id, _)| id);
                id.get(..2) == Some(&*of_shard) && id.parse::<EvidenceId>().is_ok()
            };
            match of_shard.len() == 2 && shard.is_dir() {
                true => strange.extend(inside.into_iter().filter(|path| !mine(path))),
                false => strange.push(shard),
            }
        }
        strange.sort();
        strange
    }

    /// Whether evidence is there; does not read it.
    pub async fn contains(&self, id: &EvidenceId) -> Result<bool, EvidenceError> {
        match self.store.head(&self.path(id)).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(unavailable("look for an object", &error)),
        }
    }

    /// Whether the object is there already, whole and durable.
    async fn is_kept(&self, id: &EvidenceId, path: &ObjectPath, bytes: &[u8]) -> Result<bool, EvidenceError> {
        let size = match self.store.head(path).await {
            Ok(meta) => meta.size,
            Err(object_store::Error::NotFound { .. }) => return Ok(false),
            Err(error) => return Err(unavailable("look for an object", &error)),
        };
        let Some(folder) = &self.local else { return Ok(size == bytes.len() as u64) };
        // An earlier process may have crashed after the rename and before the folder's sync: what is seen here need not
        // be on disk yet. And a damaged object is mended, since its bytes are at hand.
        let synced = self.synced.contains_key(id);
        let file = folder.join(path.as_ref());
        let want = blake3::hash(bytes);
        let kept = tokio::task::spawn_blocking(move || -> std::io::Result<bool> {
            if blake3::hash(&fs::read(&file)?) != want {
                return Ok(false);
            }
            if synced {
                return Ok(true);
            }
            File::open(&file)?.sync_all()?;
            for above in file.ancestors().skip(1).take(2) {
                File::open(above)?.sync_all()?;
            }
            Ok(true)
        });
        let kept = kept.await.map_err(|error| unavailable("check an object", &error))?;
        kept.map_err(|error| unavailable("check an object", &error))
    }

    /// `<first two characters>/<id>`: folders stay small.
    fn path(&self, id: &EvidenceId) -> ObjectPath {
        let name = id.to_string();
        self.prefix.clone().join(name.get(..2).unwrap_or_default()).join(name)
    }
}

/// The name of a body: of level person a hash under the person's key.
pub fn id_of(raw: &[u8], keys: Option<&PersonKeys>) -> EvidenceId {
    match keys {
        None => EvidenceId::of(&[raw]),
        Some(keys) => EvidenceId(*blake3::keyed_hash(keys.evidence_key(), raw).as_bytes()),
    }
}

fn verify(id: EvidenceId, bytes: &[u8], keys: Option<&PersonKeys>) -> Result<Evidence, EvidenceError> {
    let (content_type, body, keyed) = match frame::decode(bytes, keys) {
        Ok(opened) => opened,
        Err(FrameError::Sealed) => return Err(EvidenceError::Sealed(id)),
        Err(FrameError::OtherKey) => return Err(EvidenceError::OtherKey(id)),
        Err(FrameError::Newer(version)) => return Err(EvidenceError::Newer { id, version }),
        Err(FrameError::Damaged(why)) => return Err(EvidenceError::Corrupt { id, why }),
    };
    if id_of(&body, keys.filter(|_| keyed)) != id {
        return Err(EvidenceError::Corrupt { id, why: "it holds other evidence than its name says" });
    }
    Ok(Evidence { content_type, body: Bytes::from(body) })
}

/// Runs heavy work beside the async threads, light work in place.
async fn compute<T: Send + 'static>(
    size: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, EvidenceError> {
    if size < HEAVY_BYTES {
        return Ok(work());
    }
    tokio::task::spawn_blocking(work).await.map_err(|error| unavailable("work on an object", &error))
}

fn unavailable(doing: &'static str, error: &dyn std::fmt::Display) -> EvidenceError {
    EvidenceError::Unavailable { doing, cause: error.to_string() }
}

#[cfg(test)]
mod tests;
