//! The configuration folder: TOML, one file a source, read into one policy document.
//!
//! Promises all problems at once, each with file, line and what to do. What is secret (addresses and credentials of
//! proxies) never enters the document: it is returned beside it. [`load`] is pure, [`load_folder`] reads files.

mod files;
mod notify;
mod proxies;
mod toml_text;

pub use files::{ReadSource, load, read_source};
pub use notify::{MailSettings, MailTls};
pub use proxies::ProxySecrets;

use super::connector::Connector;
use crate::core::policy::PolicyDocument;
use crate::core::policy::validate::{PolicyProblem, validate};
use std::collections::BTreeMap;
use std::path::Path;

/// The JSON Schema of a source's file, for editors: `mirano sources schema`.
pub const SCHEMA: &str = include_str!("source.schema.json");
/// That of `queue.toml`: `mirano sources schema queue`.
pub const QUEUE_SCHEMA: &str = include_str!("queue.schema.json");

/// A configuration that holds together.
#[derive(Debug, Clone)]
pub struct LoadedConfig {
    /// What is adopted into the log.
    pub document: PolicyDocument,
    /// Its digest: BLAKE3 of its canonical JSON, in hex.
    pub digest: String,
    /// What stays on this machine.
    pub proxies: ProxySecrets,
    /// The mail server, which stays on this machine as well.
    pub mail: Option<MailSettings>,
}

/// Something wrong in a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConfigProblem {
    /// The file, as seen from the folder: `sources/courts.toml`.
    pub file: String,
    /// The line, from 1; 0 when it is about the file as a whole.
    pub line: usize,
    /// The column in characters, from 1; 0 when unknown.
    pub column: usize,
    /// What is wrong.
    pub detail: String,
    /// What to do about it, where that is known.
    pub fix: Option<String>,
}

impl std::fmt::Display for ConfigProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        write!(f, ": {}", self.detail)?;
        self.fix.as_ref().map_or(Ok(()), |fix| write!(f, " ({fix})"))
    }
}

impl std::error::Error for ConfigProblem {}

/// Reads a configuration folder.
pub fn load_folder(folder: &Path) -> Result<LoadedConfig, Vec<ConfigProblem>> {
    let mut texts = BTreeMap::new();
    let mut problems = Vec::new();
    for (below, prefix) in [(folder.to_owned(), ""), (folder.join("sources"), "sources/")] {
        let mut problem = |file: String, detail: String| {
            problems.push(ConfigProblem { file, line: 0, column: 0, detail, fix: None });
        };
        let entries = match std::fs::read_dir(&below) {
            Ok(entries) => entries,
            Err(error) => {
                problem(below.display().to_string(), format!("can't read the folder: {error}"));
                continue;
            }
        };
        for entry in entries {
            let path = match entry {
                Ok(entry) => entry.path(),
                Err(error) => {
                    problem(below.display().to_string(), format!("can't read the folder: {error}"));
                    continue;
                }
            };
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            if !name.ends_with(".toml") || name.starts_with('.') || !path.is_file() {
                continue;
            }
            match std::fs::read_to_string(&path) {
                Ok(text) => {
                    texts.insert(format!("{prefix}{name}"), text);
                }
                Err(error) => problem(format!("{prefix}{name}"), format!("can't read the file: {error}")),
            }
        }
    }
    if problems.is_empty() { load(&texts) } else { Err(problems) }
}

/// All that is wrong in a document, whether it comes from files or from `PUT /policy`; nothing: it may be adopted.
pub fn check(document: &PolicyDocument) -> Vec<PolicyProblem> {
    let mut problems = validate(document);
    for (id, source) in &document.sources {
        let found = Connector::compile(source).err().unwrap_or_default();
        problems.extend(found.into_iter().map(|problem| PolicyProblem {
            at: format!("sources.{id}.{}", problem.at),
            detail: problem.detail,
            fix: None,
        }));
    }
    problems
}

#[cfg(test)]
mod tests;
