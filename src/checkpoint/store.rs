//! Where checkpoints lie: a folder that all nodes mount, or any S3-compatible store.
//!
//! ```text
//! <log id>/parts/<hash>     zstd of the bytes that the hash is of: commits or rows
//! <log id>/lists/<hash>     a list of contents
//! ```

use super::list::{List, Part};
use super::{CheckpointError, aside};
use crate::work::objects::Objects;
use bytes::Bytes;
use futures::TryStreamExt;
use mirano_schemas::{CommitHash, LogId};
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStoreExt, PutPayload};
use std::collections::BTreeMap;

const LEVEL: i32 = 3;
/// No part is larger: a row may be large, but not so large.
const LARGEST: u64 = 256 * 1024 * 1024;
const PARTS: &str = "parts";
const LISTS: &str = "lists";

/// A store of checkpoints. Cheap to clone.
#[derive(Debug, Clone)]
pub struct CheckpointStore {
    objects: Objects,
}

/// An object that lies in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lying {
    /// Its name: a hash.
    pub name: String,
    /// Bytes, as it lies.
    pub bytes: u64,
    /// When it was written, in milliseconds since 1970.
    pub written_ms: i64,
}

fn store(doing: &'static str) -> impl FnOnce(object_store::Error) -> CheckpointError {
    move |error| CheckpointError::Store { doing, cause: error.to_string() }
}

/// The text of a hash.
pub fn name_of(bytes: &[u8]) -> String {
    CommitHash(*blake3::hash(bytes).as_bytes()).to_string()
}

impl CheckpointStore {
    /// Opens a folder (made where it is missing) or a URL, as [`Objects::open`] does.
    pub fn open(location: &str) -> Result<Self, CheckpointError> {
        Ok(Self { objects: Objects::open(location)? })
    }

    fn path(&self, log: LogId, kind: &str, name: &str) -> ObjectPath {
        self.objects.prefix.clone().join(log.to_string()).join(kind).join(name)
    }

    /// Keeps the bytes of a part. When this returns they are durable.
    pub async fn put_part(&self, log: LogId, raw: Vec<u8>) -> Result<Part, CheckpointError> {
        let (part, packed) = aside(move || {
            let part = Part { hash: name_of(&raw), bytes: raw.len() as u64 };
            let packed = zstd::bulk::compress(&raw, LEVEL);
            let packed = packed.map_err(|error| CheckpointError::BrokenOff(error.to_string()))?;
            Ok((part, packed))
        })
        .await?;
        let path = self.path(log, PARTS, &part.hash);
        self.objects.store.put(&path, PutPayload::from(packed)).await.map_err(store("write"))?;
        Ok(part)
    }

    /// Reads a part and compares it with its name.
    pub async fn part(&self, log: LogId, part: &Part) -> Result<Bytes, CheckpointError> {
        let path = self.path(log, PARTS, &part.hash);
        let packed = self.get(&path).await?;
        let (part, name) = (part.clone(), path.to_string());
        aside(move || {
            let bad = |why: String| CheckpointError::damaged(name.clone(), why);
            if part.bytes > LARGEST {
                return Err(bad(format!("it is to have {} bytes, and none has so many", part.bytes)));
            }
            let raw = zstd::bulk::decompress(&packed, usize::try_from(part.bytes).unwrap_or(usize::MAX));
            let raw = raw.map_err(|error| bad(error.to_string()))?;
            if name_of(&raw) != part.hash {
                return Err(bad("its bytes do not have the hash that names it".to_owned()));
            }
            Ok(Bytes::from(raw))
        })
        .await
    }

    /// Keeps a list; its place in the store, and its hash.
    pub async fn put_list(&self, log: LogId, list: &List) -> Result<(String, [u8; 32]), CheckpointError> {
        let bytes = list.to_bytes()?;
        let hash = *blake3::hash(&bytes).as_bytes();
        let name = name_of(&bytes);
        let path = self.path(log, LISTS, &name);
        self.objects.store.put(&path, PutPayload::from(bytes)).await.map_err(store("write"))?;
        Ok((format!("{log}/{LISTS}/{name}"), hash))
    }

    /// Reads the list with this hash; where it lies follows from the hash, so that the log can't point anywhere else.
    pub async fn list(&self, log: LogId, hash: [u8; 32]) -> Result<List, CheckpointError> {
        let name = CommitHash(hash).to_string();
        let path = self.path(log, LISTS, &name);
        let bytes = self.get(&path).await?;
        if *blake3::hash(&bytes).as_bytes() != hash {
            return Err(CheckpointError::damaged(
                path.to_string(),
                "its bytes do not have the hash that the log names",
            ));
        }
        List::parse(path.as_ref(), &bytes)
    }

    async fn get(&self, path: &ObjectPath) -> Result<Bytes, CheckpointError> {
        match self.objects.store.get(path).await {
            Ok(found) => found.bytes().await.map_err(store("read")),
            Err(object_store::Error::NotFound { .. }) => Err(CheckpointError::Missing(path.to_string())),
            Err(error) => Err(store("read")(error)),
        }
    }

    /// All parts that lie in the store, by name.
    pub async fn parts(&self, log: LogId) -> Result<BTreeMap<String, Lying>, CheckpointError> {
        self.lying(log, PARTS).await
    }

    /// All lists.
    pub async fn lists(&self, log: LogId) -> Result<BTreeMap<String, Lying>, CheckpointError> {
        self.lying(log, LISTS).await
    }

    async fn lying(&self, log: LogId, kind: &str) -> Result<BTreeMap<String, Lying>, CheckpointError> {
        let folder = self.objects.prefix.clone().join(log.to_string()).join(kind);
        let found: Vec<_> = self.objects.store.list(Some(&folder)).try_collect().await.map_err(store("list"))?;
        let lying = found.into_iter().filter_map(|meta| {
            let name = meta.location.filename()?.to_owned();
            let written_ms = meta.last_modified.timestamp_millis();
            Some((name.clone(), Lying { name, bytes: meta.size, written_ms }))
        });
        Ok(lying.collect())
    }

    /// Removes a part.
    pub async fn remove_part(&self, log: LogId, name: &str) -> Result<(), CheckpointError> {
        self.remove(&self.path(log, PARTS, name)).await
    }

    /// Removes a list.
    pub async fn remove_list(&self, log: LogId, name: &str) -> Result<(), CheckpointError> {
        self.remove(&self.path(log, LISTS, name)).await
    }

    async fn remove(&self, path: &ObjectPath) -> Result<(), CheckpointError> {
        match self.objects.store.delete(path).await {
            // Another node was first.
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(store("remove")(error)),
        }
    }
}
