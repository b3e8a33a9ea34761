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

use crate::core::vault::PersonKeys;
use bytes::Bytes;
use frame::{Frame, FrameError};
use mirano_schemas::EvidenceId;
use moka::sync::Cache;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreExt, ObjectStoreScheme, PutPayload, RetryConfig};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// From this size on, compressing and checking leave the async threads.
const HEAVY_BYTES: usize = 256 * 1024;

/// How long a store of objects is tried again for one request.
const PATIENCE: Duration = Duration::from_secs(10);

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
    #[error("the evidence store {location:?} can't be opened: {cause}")]
    BadLocation {
        /// As it was given, without user and query.
        location: String,
        /// Why.
        cause: String,
    },
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
        let environment = std::env::vars().filter(|(name, _)| name.starts_with("AWS_"));
        Self::open_with(location, environment.map(|(name, value)| (name.to_ascii_lowercase(), value)))
    }

    /// As [`EvidenceStore::open`], with the store's options (`aws_endpoint`, `aws_access_key_id`, …) given.
    pub fn open_with(
        location: &str,
        options: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, EvidenceError> {
        let bad = |cause: String| EvidenceError::BadLocation { location: without_secrets(location), cause };
        if !location.contains("://") {
            return Self::open_folder(Path::new(location));
        }
        let url = Url::parse(location).map_err(|error| bad(error.to_string()))?;
        if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
            return Err(bad("credentials and options belong into the environment, not into the URL".to_owned()));
        }
        if url.scheme() == "file" {
            return Self::open_folder(&url.to_file_path().map_err(|()| bad("not a local path".to_owned()))?);
        }
        super::tls::install();
        let (store, prefix) = match ObjectStoreScheme::parse(&url) {
            Ok((ObjectStoreScheme::AmazonS3, prefix)) => s3(&url, options).map(|store| (store, prefix)),
            _ => object_store::parse_url_opts(&url, options).map(|(store, prefix)| (Arc::from(store), prefix)),
        }
        .map_err(|error| bad(error.to_string()))?;
        Ok(Self { store, prefix, local: None, synced: Cache::new(SYNCED) })
    }

    /// Opens a local folder, made where it is missing.
    pub fn open_folder(folder: &Path) -> Result<Self, EvidenceError> {
        let bad = |cause: String| EvidenceError::BadLocation { location: folder.display().to_string(), cause };
        fs::create_dir_all(folder).map_err(|error| bad(error.to_string()))?;
        // The folder itself must outlive a power loss, not only what is in it.
        let folder = folder.canonicalize().map_err(|error| bad(error.to_string()))?;
        for at in folder.ancestors().take(2) {
            File::open(at).and_then(|at| at.sync_all()).map_err(|error| bad(error.to_string()))?;
        }
        let store = LocalFileSystem::new_with_prefix(&folder).map_err(|error| bad(error.to_string()))?;
        Ok(Self {
            store: Arc::new(store.with_fsync(true)),
            prefix: ObjectPath::default(),
            local: Some(folder),
            synced: Cache::new(SYNCED),
        })
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

/// An S3-compatible store that says within seconds that it is not there: its tasks are tried again by their policy,
/// instead of holding their leases.
fn s3(
    url: &Url,
    options: impl IntoIterator<Item = (String, String)>,
) -> Result<Arc<dyn ObjectStore>, object_store::Error> {
    let retry = RetryConfig { max_retries: 3, retry_timeout: PATIENCE, ..RetryConfig::default() };
    let mut builder = AmazonS3Builder::new().with_url(url.as_str()).with_retry(retry);
    for (name, value) in options {
        if let Ok(key) = name.parse::<AmazonS3ConfigKey>() {
            builder = builder.with_config(key, value);
        }
    }
    Ok(Arc::new(builder.build()?))
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

fn without_secrets(location: &str) -> String {
    let Ok(mut url) = Url::parse(location) else { return "(not a URL)".to_owned() };
    url.set_query(None);
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.to_string()
}

#[cfg(test)]
mod tests;
