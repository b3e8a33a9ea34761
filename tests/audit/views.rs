//! Views on disk: behind the log after a crash, and damaged in RocksDB's own files.

use crate::damage::{Draw, flips};
use crate::history::{Besides, copy, folder, verify};
use mirano::audit::verify::FindingText;
use mirano::engine::catch_up_in;
use mirano::sequencer::Sequencer;
use mirano::sequencer::embedded::EmbeddedLog;
use mirano::views::Views;
use mirano_replay::store::{Read, Table};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// Views of the first commits of each partition, as a crash before a flush leaves them.
pub fn behind(work: &Path, commits: usize) -> u64 {
    let path = work.join("views");
    std::fs::remove_dir_all(&path).expect("removes");
    let log = EmbeddedLog::open_read_only(work).expect("opens");
    let views = Views::open(&path).expect("opens");
    let mut left = 0;
    for partition in 0..log.partitions() {
        let mut batches = 0;
        let done = catch_up_in(&log, &views, partition, 1, |_, _| {
            batches += 1;
            if batches == commits { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        left += log.head(partition).next_seq - done.expect("folds").commits;
    }
    views.flush().expect("durable");
    left
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn views_behind_the_log_are_compared_as_far_as_they_are_and_that_is_said() {
    let work = copy(folder());
    let report = verify(work.path(), Besides::Views, &[], 1).await;
    let whole = report.views.expect("compared");
    assert_eq!((whole.behind, &whole.positions), (0, &whole.log));
    assert!(!whole.words().contains("next start"));
    let left = behind(work.path(), 9);
    assert!(left > 10, "{left}");
    let report = verify(work.path(), Besides::Views, &[], 2).await;
    assert_eq!(report.findings, [], "being behind is no damage");
    let views = report.views.expect("compared");
    assert_eq!((views.behind, &views.log), (left, &whole.log));
    assert_eq!(views.positions, ["0:9", "1:9"]);
    assert!(views.rows > 10 && views.rows < whole.rows, "{views:?}");
    assert!(views.words().contains(&format!("{left} commits on")), "{}", views.words());
    // What was folded is compared all the same.
    let open = Views::open(&work.path().join("views")).expect("opens");
    let (key, value) = first(&open, Table::Policy);
    let mut changes = mirano_replay::overlay::Changes::new();
    changes.insert(Table::Policy, &key, Some([&value[..], b"x"].concat().into()));
    open.write(&changes, 1).expect("writes");
    open.flush().expect("durable");
    drop(open);
    let report = verify(work.path(), Besides::Views, &[], 1).await;
    assert_eq!(report.findings.len(), 1, "{:?}", report.findings);
    assert_eq!(report.findings[0].kind, "view_differs");
    // Nothing was ever flushed: nothing can be compared, and that is said as well.
    std::fs::remove_dir_all(work.path().join("views")).expect("removes");
    drop(Views::open(&work.path().join("views")).expect("opens"));
    let report = verify(work.path(), Besides::Views, &[], 1).await;
    let views = report.views.expect("looked at");
    assert_eq!((report.findings.len(), views.rows), (0, 0));
    assert_eq!(views.positions, ["0:0", "1:0"]);
    assert!(views.behind > left && views.words().contains("the next start folds them"), "{}", views.words());
}

fn first(views: &Views, table: Table) -> (Vec<u8>, Vec<u8>) {
    let mut found = None;
    let scanned = views.scan(table, &[], &[], &mut |key, value| {
        found = Some((key.to_vec(), value.to_vec()));
        false
    });
    scanned.expect("scans");
    found.expect("a row")
}

/// Files that RocksDB keeps, and the list of their hashes; not its diary and its lock.
fn kept(views: &Path) -> Vec<PathBuf> {
    let name = |path: &Path| path.file_name().expect("a name").to_string_lossy().into_owned();
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(views).expect("reads").flatten().map(|entry| entry.path()).collect();
    files.retain(|path| !name(path).starts_with("LO") && std::fs::metadata(path).expect("there").len() > 0);
    files.sort();
    files
}

/// One bit of a file that was another for a while, and what was found.
#[derive(Debug)]
struct Flipped {
    path: PathBuf,
    bit: usize,
    bits: usize,
    findings: Vec<FindingText>,
}

/// Flips a bit that is drawn, looks, and puts it back.
async fn flipped(work: &Path, path: &Path, draw: &mut Draw) -> Flipped {
    let good = std::fs::read(path).expect("reads");
    let (bits, mut bad) = (good.len() * 8, good.clone());
    let bit = draw.below(bits);
    bad[bit / 8] ^= 1 << (bit % 8);
    std::fs::write(path, &bad).expect("writes");
    let report = verify(work, Besides::Views, &[], 1).await;
    std::fs::write(path, &good).expect("writes");
    Flipped { path: path.to_owned(), bit, bits, findings: report.findings }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_flipped_bit_in_the_files_of_the_views_is_named_at_its_file() {
    let work = copy(folder());
    let files = kept(&work.path().join("views"));
    assert!(files.len() >= 6, "{files:?}");
    let mut draw = Draw(5);
    for n in 0..flips() {
        let Flipped { path, bit, bits, findings } = flipped(work.path(), &files[n % files.len()], &mut draw).await;
        let found: Vec<_> = findings.iter().map(|found| (found.kind.as_str(), found.place.as_deref())).collect();
        assert_eq!(found, [("views_unreadable", path.to_str())], "{} bit {bit} of {bits}", path.display());
    }
    let report = verify(work.path(), Besides::Views, &[], 1).await;
    assert_eq!(report.findings, [], "all is as it was");
    assert_eq!(report.views.expect("compared").files as usize, files.len() - 1, "all but the list itself");
}

/// Of views that a crash left, or that are open, RocksDB's own checks find what any row rests on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_list_flipped_bits_that_rows_rest_on_are_found() {
    let work = copy(folder());
    std::fs::remove_file(work.path().join("views/DIGESTS")).expect("removes");
    let rows = |path: &Path| {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        name.ends_with(".sst") || name == "CURRENT" || name.starts_with("MANIFEST")
    };
    let mut files = kept(&work.path().join("views"));
    files.retain(|path| rows(path));
    let (mut draw, mut missed) = (Draw(6), Vec::new());
    let mut by_kind: BTreeMap<String, usize> = BTreeMap::new();
    for n in 0..flips() / 100 {
        let one = flipped(work.path(), &files[n % files.len()], &mut draw).await;
        match one.findings.first() {
            Some(first) if one.findings.iter().all(|found| found.kind.starts_with("view")) => {
                *by_kind.entry(first.kind.clone()).or_default() += 1;
            }
            _ => missed.push(one),
        }
    }
    println!("{} bits flipped in {} files: {by_kind:?}", flips() / 100, files.len());
    // What RocksDB notes about a file at its end (properties, footer) bears no row, and it drops a last note that is not whole:
    // then every row is there all the same, or it would be named.
    let at_an_end = |one: &Flipped| one.findings.is_empty() && one.bits - one.bit < 8 * 4_096;
    assert!(missed.iter().all(at_an_end), "{} missed: {:#?}", missed.len(), &missed[..missed.len().min(5)]);
    assert!(missed.len() * 20 < flips() / 100, "{} missed", missed.len());
}
