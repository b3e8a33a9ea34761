//! Views against the fold: what lies in RocksDB is, row for row, what the commits give up to where it stands.

use super::report::ViewsReport;
use crate::views::Views;
use crate::views::digests::{self, Damaged};
use mirano_replay::rows::{AnchorRow, key};
use mirano_replay::store::{MemoryStore, Read, ReadExt, Table};
use mirano_replay::verify::{Finding, Heads, Kind};
use mirano_schemas::Position;
use mirano_schemas::base32;
use mirano_schemas::envelope::Head;
use std::collections::BTreeMap;
use std::path::Path;

/// So many rows are named; the rest is counted.
const MOST_NAMED: usize = 100;

/// The views as they lie on disk at one moment.
pub struct Rows {
    views: Views,
    path: String,
    /// Where the fold of each partition stands in them.
    pub anchors: BTreeMap<u32, Head>,
    /// Files that are, byte for byte, what was written.
    files: u64,
}

/// Opens views for reading, also those of a running server (then: what it has flushed). First their files are compared with
/// what they were when the views were closed; if they are not, no row of them is looked at.
pub fn open(path: &Path) -> Result<Rows, Vec<Finding>> {
    let place = path.display().to_string();
    let bad = |error: mirano_replay::store::StoreError| {
        vec![Finding::beside(Kind::ViewsUnreadable, place.clone(), error.to_string())]
    };
    let looked = digests::look(path).map_err(bad)?;
    if !looked.damaged.is_empty() {
        let damaged = looked.damaged.into_iter().map(|Damaged { file, why }| {
            let detail = format!("{why}; `mirano rebuild` makes the views anew");
            Finding::beside(Kind::ViewsUnreadable, file.display().to_string(), detail)
        });
        return Err(damaged.collect());
    }
    let views = Views::open_to_read(path).map_err(bad)?;
    let mut anchors = BTreeMap::new();
    for (key, row) in views.rows::<AnchorRow>(&[], &[], usize::MAX).map_err(bad)? {
        if let Some(partition) = key.first_chunk::<4>().map(|bytes| u32::from_be_bytes(*bytes)) {
            anchors.insert(partition, Head { partition, next_seq: row.next_seq, hash: row.hash });
        }
    }
    Ok(Rows { views, path: place, anchors, files: looked.whole })
}

/// Compares the views with what the commits gave. `stores`: of each partition that could be folded; if one is missing,
/// nothing can be said, and what hindered it is found already.
pub fn compare(rows: &Rows, stores: &[MemoryStore], heads: &Heads) -> (ViewsReport, Vec<Finding>) {
    let mut report = ViewsReport { files: rows.files, ..ViewsReport::default() };
    let mut findings = Findings { place: rows.path.clone(), list: Vec::new(), more: 0 };
    for (partition, log) in heads {
        let partition = *partition;
        let stand = rows.anchors.get(&partition).map_or(0, |head| head.next_seq);
        report.positions.push(Position { partition, seq: stand }.to_string());
        // Of a log that can't be read to its end it is not known how far it goes.
        if let Some(seq) = *log {
            report.log.push(Position { partition, seq }.to_string());
            report.behind += seq.saturating_sub(stand);
        }
    }
    // Where nothing was flushed yet there is no mark either.
    if !rows.anchors.is_empty() && !rows.views.of_this_form().unwrap_or(false) {
        let detail = "their mark is not that of this version: they are of another one, or it is damaged; `mirano rebuild` makes \
                      the views anew";
        findings.list.push(Finding::beside(Kind::ViewsOther, rows.path.clone(), detail));
        return (report, findings.done());
    }
    for partition in rows.anchors.keys().filter(|partition| !heads.contains_key(partition)) {
        findings.add(Kind::ViewsOther, Table::Anchor, &key::anchor(*partition), "the log has no such partition");
    }
    if stores.len() < heads.len() {
        return (report, findings.done());
    }
    for (table, key, want) in stores.iter().flat_map(MemoryStore::iter) {
        report.rows += 1;
        match rows.views.get(table, key) {
            Ok(Some(found)) if found == want => {}
            Ok(Some(_)) => findings.add(Kind::ViewDiffers, table, key, "the log gives another row"),
            Ok(None) => findings.add(Kind::ViewMissing, table, key, "the log gives this row, and it is not there"),
            Err(error) => {
                findings.list.push(Finding::beside(Kind::ViewsUnreadable, rows.path.clone(), error.to_string()));
                return (report, findings.done());
            }
        }
    }
    // The form is a mark of whoever keeps the rows; the log says nothing of it.
    for table in Table::ALL.iter().filter(|table| **table != Table::Form) {
        let scanned = rows.views.scan(*table, &[], &[], &mut |key, _| {
            let there = stores.iter().any(|store| matches!(store.get(*table, key), Ok(Some(_))));
            if !there {
                findings.add(Kind::ViewExtra, *table, key, "the log does not give this row");
            }
            true
        });
        if let Err(error) = scanned {
            findings.list.push(Finding::beside(Kind::ViewsUnreadable, rows.path.clone(), error.to_string()));
            break;
        }
    }
    (report, findings.done())
}

struct Findings {
    place: String,
    list: Vec<Finding>,
    more: usize,
}

impl Findings {
    fn add(&mut self, kind: Kind, table: Table, key: &[u8], detail: &str) {
        if self.list.len() < MOST_NAMED {
            self.list.push(Finding::beside(kind, format!("row {table:?} {}", base32(key)), detail));
        } else {
            self.more += 1;
        }
    }

    fn done(mut self) -> Vec<Finding> {
        if self.more > 0 {
            let detail = format!("{} more rows differ; `mirano rebuild` makes the views anew", self.more);
            self.list.push(Finding::beside(Kind::ViewDiffers, self.place, detail));
        }
        self.list
    }
}
