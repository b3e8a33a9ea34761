//! Where objects are kept: a local folder, or any S3-compatible store by URL.

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::local::LocalFileSystem;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreScheme, RetryConfig};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// How long a store of objects is tried again for one request.
const PATIENCE: Duration = Duration::from_secs(10);

/// A location that is not a folder and not a URL of a store that we know.
#[derive(Debug, thiserror::Error)]
#[error("{location:?} can't be opened: {cause}")]
pub struct BadLocation {
    /// As it was given, without user and query.
    pub location: String,
    /// Why.
    pub cause: String,
}

/// A place for objects, opened.
#[derive(Debug, Clone)]
pub struct Objects {
    /// What keeps them.
    pub store: Arc<dyn ObjectStore>,
    /// What stands before each name.
    pub prefix: ObjectPath,
    /// The folder, when it is a local one.
    pub local: Option<PathBuf>,
}

impl Objects {
    /// Opens a folder (made where it is missing), or a URL: `s3://bucket/prefix`, `file:///folder`, `memory:///`.
    /// Credentials and endpoint of S3 come from the usual `AWS_…` environment variables.
    pub fn open(location: &str) -> Result<Self, BadLocation> {
        let environment = std::env::vars().filter(|(name, _)| name.starts_with("AWS_"));
        Self::open_with(location, environment.map(|(name, value)| (name.to_ascii_lowercase(), value)))
    }

    /// As [`Objects::open`], with the store's options (`aws_endpoint`, `aws_access_key_id`, …) given.
    pub fn open_with(location: &str, options: impl IntoIterator<Item = (String, String)>) -> Result<Self, BadLocation> {
        let bad = |cause: String| BadLocation { location: without_secrets(location), cause };
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
        Ok(Self { store, prefix, local: None })
    }

    /// Opens a local folder, made where it is missing.
    pub fn open_folder(folder: &Path) -> Result<Self, BadLocation> {
        let bad = |cause: String| BadLocation { location: folder.display().to_string(), cause };
        fs::create_dir_all(folder).map_err(|error| bad(error.to_string()))?;
        // The folder itself must outlive a power loss, not only what is in it.
        let folder = folder.canonicalize().map_err(|error| bad(error.to_string()))?;
        for at in folder.ancestors().take(2) {
            File::open(at).and_then(|at| at.sync_all()).map_err(|error| bad(error.to_string()))?;
        }
        let store = LocalFileSystem::new_with_prefix(&folder).map_err(|error| bad(error.to_string()))?;
        Ok(Self { store: Arc::new(store.with_fsync(true)), prefix: ObjectPath::default(), local: Some(folder) })
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

fn without_secrets(location: &str) -> String {
    let Ok(mut url) = Url::parse(location) else { return "(not a URL)".to_owned() };
    url.set_query(None);
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.to_string()
}
