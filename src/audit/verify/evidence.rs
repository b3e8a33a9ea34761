//! Evidence: every piece that the log names is there, and is what was received.

use super::Progress;
use super::persons::Keys;
use super::report::EvidenceReport;
use crate::work::evidence::{EvidenceError, EvidenceStore};
use futures::StreamExt;
use mirano_replay::verify::{EvidenceUse, Finding, Kind};
use mirano_schemas::EvidenceId;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

/// How the place of a finding about a piece begins.
pub const PLACE: &str = "evidence ";
/// Pieces that are read at once.
const AT_ONCE: usize = 8;
/// A checkpoint is made after so many.
const BETWEEN_CHECKPOINTS: u64 = 1_000;

/// Which pieces earlier runs have read. They are read in the order of their names, and names say nothing of when a piece
/// came; so what was read is told by the commits that name it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Looked {
    /// Every piece that the first so many commits of each partition name first.
    all: Vec<u64>,
    /// A run that did not end: up to this name, of the first so many commits.
    part: Option<(String, Vec<u64>)>,
}

impl Looked {
    fn has(&self, id: &EvidenceId, used: &EvidenceUse) -> bool {
        let among = |commits: &[u64]| commits.get(used.at.partition as usize).is_some_and(|end| used.at.seq < *end);
        let part = self.part.as_ref().filter(|(_, commits)| among(commits));
        among(&self.all) || part.and_then(|(last, _)| last.parse().ok()).is_some_and(|last: EvidenceId| *id <= last)
    }
}

/// Which pieces are to be read.
pub struct Named<'a> {
    /// Those that the log names.
    pub all: &'a BTreeMap<EvidenceId, EvidenceUse>,
    /// Those that earlier runs have read are left out,
    pub earlier: Looked,
    /// but for those that one found wanting: their places in its findings.
    pub wanting: BTreeSet<String>,
    /// How many commits of each partition were judged by now.
    pub stands: Vec<u64>,
}

/// Reads them.
pub async fn check(
    store: &EvidenceStore,
    keys: &Keys,
    Named { all: named, earlier, wanting, stands }: Named<'_>,
    progress: &Progress,
    mut save: impl FnMut(Looked, bool, &[Finding]),
) -> (EvidenceReport, Vec<Finding>) {
    let mut report = EvidenceReport { named: named.len() as u64, ..EvidenceReport::default() };
    let mut findings = Vec::new();
    let place = |id: &EvidenceId| format!("{PLACE}{id}");
    let rest: Vec<_> =
        named.iter().filter(|(id, used)| !earlier.has(id, used) || wanting.contains(&place(id))).collect();
    report.earlier = report.named - rest.len() as u64;
    let reads = futures::stream::iter(rest).map(|(id, used)| async move {
        let keys = used.person.as_ref().and_then(|person| keys.of(person));
        (id, used, store.get(id, keys.as_ref()).await)
    });
    let mut reads = reads.buffered(AT_ONCE);
    let mut done = 0u64;
    while let Some((id, used, read)) = reads.next().await {
        done += 1;
        progress.evidence.store(done, Ordering::Relaxed);
        let kind = match &read {
            Ok(_) => {
                report.checked += 1;
                None
            }
            Err(EvidenceError::Sealed(_)) if used.person.is_some() => {
                report.sealed += 1;
                None
            }
            // What is about no person was never sealed.
            Err(EvidenceError::Sealed(_)) => Some(Kind::EvidenceDamaged),
            Err(EvidenceError::NotFound(_)) => Some(Kind::EvidenceMissing),
            Err(EvidenceError::Newer { .. }) => Some(Kind::Newer),
            Err(EvidenceError::Corrupt { .. } | EvidenceError::OtherKey(_)) => Some(Kind::EvidenceDamaged),
            Err(EvidenceError::Unavailable { .. } | EvidenceError::BadLocation { .. }) => Some(Kind::Unreadable),
        };
        if let (Some(kind), Err(error)) = (kind, &read) {
            findings.push(Finding::at(kind, used.at, error.to_string()).in_place(place(id)));
        }
        if done.is_multiple_of(BETWEEN_CHECKPOINTS) {
            let part = Some((id.to_string(), stands.clone()));
            save(Looked { all: earlier.all.clone(), part }, false, &findings);
        }
    }
    save(Looked { all: stands, part: None }, true, &findings);
    (report, findings)
}
