//! Evidence: every piece that the log names is there, and is what was received.

use super::Progress;
use super::persons::Keys;
use super::report::EvidenceReport;
use crate::work::evidence::{EvidenceError, EvidenceStore};
use futures::StreamExt;
use mirano_replay::verify::{EvidenceUse, Finding, Kind};
use mirano_schemas::EvidenceId;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

/// Pieces that are read at once.
const AT_ONCE: usize = 8;
/// A checkpoint is made after so many.
const BETWEEN_CHECKPOINTS: u64 = 1_000;

/// Reads all of them in the order of their names, from after `after` on.
pub async fn check(
    store: &EvidenceStore,
    keys: &Keys,
    named: &BTreeMap<EvidenceId, EvidenceUse>,
    after: Option<EvidenceId>,
    progress: &Progress,
    mut save: impl FnMut(EvidenceId, &[Finding]),
) -> (EvidenceReport, Vec<Finding>) {
    let mut report = EvidenceReport { named: named.len() as u64, ..EvidenceReport::default() };
    let mut findings = Vec::new();
    let rest: Vec<_> = named.iter().filter(|(id, _)| after.is_none_or(|after| **id > after)).collect();
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
            Err(EvidenceError::Sealed(_)) => {
                report.sealed += 1;
                None
            }
            Err(EvidenceError::NotFound(_)) => Some(Kind::EvidenceMissing),
            Err(EvidenceError::Newer { .. }) => Some(Kind::Newer),
            Err(EvidenceError::Corrupt { .. } | EvidenceError::OtherKey(_)) => Some(Kind::EvidenceDamaged),
            Err(EvidenceError::Unavailable { .. } | EvidenceError::BadLocation { .. }) => Some(Kind::Unreadable),
        };
        if let (Some(kind), Err(error)) = (kind, &read) {
            findings.push(Finding::at(kind, used.at, error.to_string()).in_place(format!("evidence {id}")));
        }
        if done.is_multiple_of(BETWEEN_CHECKPOINTS) {
            save(*id, &findings);
        }
    }
    if let Some((last, _)) = named.last_key_value() {
        save(*last, &findings);
    }
    (report, findings)
}
