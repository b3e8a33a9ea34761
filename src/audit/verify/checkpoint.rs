//! Where a run stands, so that the next one need not recompute what this one has. Its rows are read again, since later
//! commits build on them; hashes of facts and roots before it are believed, and evidence that was checked is left out.
//!
//! It vouches only for what was judged: it stands before the first commit that does not decode, and nowhere new in a log that
//! is not the one it saw.

use super::evidence::Looked;
use super::report::FindingText;
use mirano_replay::verify::{Finding, Kind};
use mirano_schemas::LogId;
use mirano_schemas::envelope::Head;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const FORMAT: &str = "mirano audit checkpoint";
const VERSION: u32 = 2;

/// What an earlier run came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    format: String,
    version: u32,
    log_id: String,
    partitions: Vec<Stand>,
    evidence: Looked,
    findings: Vec<FindingText>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Stand {
    next_seq: u64,
    hash: String,
}

/// A checkpoint that can't be used.
#[derive(Debug, thiserror::Error)]
#[error("{file} is not a checkpoint of an audit: {why}")]
pub struct CheckpointError {
    file: String,
    why: String,
}

impl Checkpoint {
    /// Reads one; `None` if there is no file.
    pub fn read(path: &Path) -> Result<Option<Self>, CheckpointError> {
        let bad = |why: String| CheckpointError { file: path.display().to_string(), why };
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(bad(error.to_string())),
        };
        let read: Self = serde_json::from_slice(&bytes).map_err(|error| bad(error.to_string()))?;
        if read.format != FORMAT || read.version != VERSION {
            return Err(bad(format!("it is {:?} of version {}", read.format, read.version)));
        }
        Ok(Some(read))
    }

    /// Writes it, whole or not at all.
    pub fn write(&self, path: &Path) -> std::io::Result<()> {
        let unfinished = path.with_extension("tmp");
        std::fs::write(&unfinished, serde_json::to_vec_pretty(self)?)?;
        std::fs::rename(unfinished, path)
    }

    /// A partition that was not judged further stands where the earlier run left it.
    pub(super) fn at(
        log_id: LogId,
        partitions: u32,
        before: Option<&Self>,
        stands: &BTreeMap<u32, Head>,
        findings: &BTreeSet<Finding>,
    ) -> Self {
        let stand = |partition: u32| {
            let here = stands.get(&partition).copied();
            let head = here.into_iter().chain(before.and_then(|before| before.head(partition)));
            let head = head.max_by_key(|head| head.next_seq).unwrap_or_else(|| Head::genesis(log_id, partition));
            Stand { next_seq: head.next_seq, hash: head.hash.to_string() }
        };
        let earlier = before.into_iter().flat_map(|before| before.findings());
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            log_id: log_id.to_string(),
            partitions: (0..partitions).map(stand).collect(),
            evidence: before.map(|before| before.evidence.clone()).unwrap_or_default(),
            findings: lasting(earlier.chain(findings.iter().cloned())),
        }
    }

    /// The same after so much evidence. What an earlier run found of evidence is looked at again, so it ends with `done`.
    pub(super) fn with_evidence(&self, evidence: Looked, done: bool, findings: &BTreeSet<Finding>) -> Self {
        let earlier = self.findings().filter(|finding| !done || !of_evidence(finding));
        Self { evidence, findings: lasting(earlier.chain(findings.iter().cloned())), ..self.clone() }
    }

    /// How many commits of each partition were judged.
    pub(super) fn stands(&self) -> Vec<u64> {
        self.partitions.iter().map(|stand| stand.next_seq).collect()
    }

    pub(super) fn fits(&self, log_id: LogId, partitions: u32) -> bool {
        self.log_id == log_id.to_string() && self.partitions.len() == partitions as usize
    }

    pub(super) fn trusted_to(&self, partition: u32) -> u64 {
        self.partitions.get(partition as usize).map_or(0, |stand| stand.next_seq)
    }

    pub(super) fn head(&self, partition: u32) -> Option<Head> {
        let stand = self.partitions.get(partition as usize)?;
        Some(Head { partition, next_seq: stand.next_seq, hash: stand.hash.parse().ok()? })
    }

    pub(super) fn evidence(&self) -> &Looked {
        &self.evidence
    }

    pub(super) fn findings(&self) -> impl Iterator<Item = Finding> {
        self.findings.iter().filter_map(FindingText::finding)
    }
}

/// Whether a finding is about a piece of evidence.
pub(super) fn of_evidence(finding: &Finding) -> bool {
    finding.place.as_ref().is_some_and(|place| place.starts_with(super::evidence::PLACE))
}

/// Findings that the next run would not find again, because it believes this one; and evidence that it is to read again.
fn lasting(findings: impl Iterator<Item = Finding>) -> Vec<FindingText> {
    let believed = |kind| matches!(kind, Kind::FactId | Kind::FactSeal | Kind::ObservationRoot);
    let sorted: BTreeSet<Finding> = findings.filter(|finding| believed(finding.kind) || of_evidence(finding)).collect();
    sorted.iter().map(FindingText::of).collect()
}
