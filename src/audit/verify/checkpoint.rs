//! Where a run stands, so that the next one need not recompute what this one has. Its rows are read again, since later
//! commits build on them; hashes of facts and roots before it are believed, and evidence that was checked is left out.

use super::report::{FindingText, Report};
use mirano_replay::verify::{Finding, Kind};
use mirano_schemas::envelope::Head;
use mirano_schemas::{EvidenceId, LogId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const FORMAT: &str = "mirano audit checkpoint";
const VERSION: u32 = 1;

/// What an earlier run came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    format: String,
    version: u32,
    log_id: String,
    partitions: Vec<Stand>,
    evidence_after: Option<String>,
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

    pub(super) fn of(log_id: LogId, report: &Report, findings: &BTreeSet<Finding>) -> Self {
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            log_id: log_id.to_string(),
            partitions: report
                .partitions
                .iter()
                .map(|part| Stand { next_seq: part.commits, hash: part.hash.clone() })
                .collect(),
            evidence_after: None,
            findings: lasting(findings.iter().cloned()),
        }
    }

    /// While the log is walked: a partition that was not reached stands where the earlier run left it.
    pub(super) fn on_the_way(
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
            evidence_after: before.and_then(|before| before.evidence_after.clone()),
            findings: lasting(earlier.chain(findings.iter().cloned())),
        }
    }

    pub(super) fn after_evidence(&self, last: EvidenceId, findings: &BTreeSet<Finding>) -> Self {
        Self { evidence_after: Some(last.to_string()), findings: lasting(findings.iter().cloned()), ..self.clone() }
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

    pub(super) fn evidence_after(&self) -> Option<EvidenceId> {
        self.evidence_after.as_ref()?.parse().ok()
    }

    pub(super) fn findings(&self) -> impl Iterator<Item = Finding> {
        self.findings.iter().filter_map(FindingText::finding)
    }
}

/// Findings that the next run would not find again, because it believes this one.
fn lasting(findings: impl Iterator<Item = Finding>) -> Vec<FindingText> {
    use Kind::{EvidenceDamaged, EvidenceMissing, FactId, FactSeal, ObservationRoot};
    let kept = |kind| matches!(kind, EvidenceDamaged | EvidenceMissing | FactId | FactSeal | ObservationRoot);
    let sorted: BTreeSet<Finding> = findings.filter(|finding| kept(finding.kind)).collect();
    sorted.iter().map(FindingText::of).collect()
}
