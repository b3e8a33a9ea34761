//! What an audit came to, as JSON and in words.

use super::Progress;
use super::partition::Partition;
use mirano_replay::verify::{Finding, Kind, Totals};
use mirano_schemas::LogId;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::atomic::Ordering;

/// What an audit came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// `mirano audit report`.
    pub format: &'static str,
    /// 1.
    pub version: u32,
    /// The version of the program.
    pub program: &'static str,
    /// What was looked at.
    pub source: String,
    /// The log's id; none if it could not be opened.
    pub log_id: Option<String>,
    /// Whether nothing wrong was found.
    pub ok: bool,
    /// By partition.
    pub partitions: Vec<PartitionReport>,
    /// Facts whose id was recomputed.
    pub facts: u64,
    /// Facts that are sealed with keys that are not here: their place was checked, their content was not.
    pub facts_sealed: u64,
    /// Observations whose facts and roots were recomputed.
    pub observations: u64,
    /// Snapshots that were recomputed.
    pub snapshots: u64,
    /// Evidence; none: it was not looked at.
    pub evidence: Option<EvidenceReport>,
    /// Views; none: they were not compared.
    pub views: Option<ViewsReport>,
    /// What is wrong, in order of place.
    pub findings: Vec<FindingText>,
    /// What a reader should know besides.
    pub notes: Vec<String>,
    /// How long it took.
    pub seconds: f64,
}

/// One partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PartitionReport {
    /// Which.
    pub partition: u32,
    /// Commits that count.
    pub commits: u64,
    /// Events in those that were judged.
    pub events: u64,
    /// Bytes that were read.
    pub bytes: u64,
    /// The hash of the last commit.
    pub hash: String,
    /// The head in one line: keep it, to see later that nothing before it was changed.
    pub head: String,
    /// Whether it could be read to its end.
    pub whole: bool,
}

/// Evidence.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct EvidenceReport {
    /// Pieces that the log names.
    pub named: u64,
    /// Of these, read and compared with their name.
    pub checked: u64,
    /// Sealed with keys that are not here: their checksum was compared, their content was not.
    pub sealed: u64,
    /// Left out because an earlier run has checked them.
    pub earlier: u64,
}

/// Views.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ViewsReport {
    /// Rows that were compared.
    pub rows: u64,
    /// For each partition the next commit to be folded into them: they are compared with the log up to there.
    pub positions: Vec<String>,
    /// For each partition the next commit of the log.
    pub log: Vec<String>,
    /// Commits that the log has and the views on disk do not show yet: a server folds them when it starts.
    pub behind: u64,
    /// Files that are, byte for byte, what they were when they were last closed.
    pub files: u64,
}

impl ViewsReport {
    /// In one line.
    pub fn words(&self) -> String {
        let files = match self.files {
            0 => String::new(),
            files => format!("; {files} files are as they were closed"),
        };
        let rows = format!("{} rows compared, as of {}{files}", self.rows, self.positions.join(", "));
        match self.behind {
            0 => rows,
            behind => format!(
                "{rows}; the log stands at {}, {behind} commits on: the views on disk do not show these yet, the next start folds them",
                self.log.join(", ")
            ),
        }
    }
}

/// A finding in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingText {
    /// Its code; see `docs/verify/README.md`.
    pub kind: String,
    /// The commit, or the first one that can't be had.
    pub position: Option<String>,
    /// File and byte, row, or piece of evidence.
    pub place: Option<String>,
    /// In words.
    pub detail: String,
}

impl FindingText {
    /// Of a finding.
    pub fn of(finding: &Finding) -> Self {
        Self {
            kind: finding.kind.code().to_owned(),
            position: finding.at.map(|at| at.to_string()),
            place: finding.place.clone(),
            detail: finding.detail.clone(),
        }
    }

    /// The finding that it tells of, if this version knows its kind.
    pub fn finding(&self) -> Option<Finding> {
        let kind = *Kind::ALL.iter().find(|kind| kind.code() == self.kind)?;
        let at = self.position.as_ref().and_then(|at| at.parse().ok());
        let partition = at.map(|at: mirano_schemas::Position| at.partition);
        Some(Finding { partition, at, place: self.place.clone(), kind, detail: self.detail.clone() })
    }
}

impl Report {
    pub(super) fn new(source: &Path, log_id: LogId, parts: &[Partition]) -> Self {
        let partitions = parts.iter().map(|part| PartitionReport {
            partition: part.head.partition,
            commits: part.head.next_seq,
            events: part.counts.1,
            bytes: part.bytes,
            hash: part.head.hash.to_string(),
            head: part.anchor.to_string(),
            whole: part.whole,
        });
        Self {
            log_id: Some(log_id.to_string()),
            partitions: partitions.collect(),
            facts: parts.iter().map(|part| part.facts.0).sum(),
            facts_sealed: parts.iter().map(|part| part.facts.1).sum(),
            ..Self::empty(source)
        }
    }

    fn empty(source: &Path) -> Self {
        Self {
            format: "mirano audit report",
            version: 1,
            program: env!("CARGO_PKG_VERSION"),
            source: source.display().to_string(),
            log_id: None,
            ok: true,
            partitions: Vec::new(),
            facts: 0,
            facts_sealed: 0,
            observations: 0,
            snapshots: 0,
            evidence: None,
            views: None,
            findings: Vec::new(),
            notes: Vec::new(),
            seconds: 0.0,
        }
    }

    /// Of a log that could not be opened at all.
    pub(super) fn unopened(source: &Path, finding: Finding) -> Self {
        let mut report = Self::empty(source);
        report.notes.push("the log could not be opened, so nothing else was looked at".to_owned());
        report.set_findings(vec![finding]);
        report
    }

    pub(super) fn count(&mut self, totals: &Totals, progress: &Progress) {
        self.observations = totals.observations;
        self.snapshots = totals.snapshots;
        self.facts = self.facts.max(progress.facts.load(Ordering::Relaxed));
    }

    pub(super) fn set_findings(&mut self, findings: Vec<Finding>) {
        self.ok = findings.is_empty();
        self.findings = findings.iter().map(FindingText::of).collect();
    }

    /// Commits in all partitions.
    pub fn commits(&self) -> u64 {
        self.partitions.iter().map(|part| part.commits).sum()
    }

    /// Bytes in all partitions.
    pub fn bytes(&self) -> u64 {
        self.partitions.iter().map(|part| part.bytes).sum()
    }
}
