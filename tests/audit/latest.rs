//! `mirano diff` without a server: beside one, after a crash, of a copied folder and of an exported file, as of the log's last
//! commit and not as of what the views happen to show.

use crate::history::{copy, export, folder};
use crate::support;
use crate::views::behind;
use mirano::audit::latest::Latest;
use mirano::audit::source;
use mirano::audit::verify::Keys;
use mirano_replay::store::Read;
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

fn diff(data: &Path, from: &str, to: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mirano"));
    command.arg("diff").arg(from).arg(to).arg("--data").arg(data).arg("--json").output().expect("runs")
}

fn told(data: &Path, from: &str, to: &str) -> Value {
    let output = diff(data, from, to);
    assert!(output.status.success(), "{from} {to}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// What changed, without the words for the moments.
fn changes(mut diff: Value) -> Value {
    let parts = diff.as_object_mut().expect("an object");
    parts.remove("from");
    parts.remove("to");
    diff
}

/// The last commit of each partition as a cut.
fn end(data: &Path) -> String {
    let log = source::open(data).expect("opens");
    (0..log.partitions())
        .map(|partition| format!("{partition}:{}", log.head(partition).next_seq - 1))
        .collect::<Vec<_>>()
        .join(",")
}

#[test]
fn a_folder_is_told_up_to_its_last_commit_whatever_its_views_show() {
    let whole = folder();
    let end = end(whole);
    let (early, late) = ("world@0:20,1:10", format!("world@{end}"));
    let wanted = told(whole, early, &late);
    let counts = &wanted["counts"];
    assert!(counts["added"].as_u64() > Some(0), "the canary: something came between: {counts}");
    let work = copy(whole);
    assert!(behind(work.path(), 9) > 10);
    assert_eq!(told(work.path(), early, &late), wanted, "views that are behind");
    assert_eq!(changes(told(work.path(), early, "world@now")), changes(told(whole, early, "world@now")));
    let said = String::from_utf8_lossy(&diff(work.path(), early, &late).stderr).into_owned();
    assert!(said.contains(&format!("read up to {end}, recorded at ")), "{said}");
    // Views without a row, as a server has them that flushed nothing yet, and no views at all.
    std::fs::remove_dir_all(work.path().join("views")).expect("removes");
    drop(mirano::views::Views::open(&work.path().join("views")).expect("opens"));
    assert_eq!(told(work.path(), early, &late), wanted, "empty views");
    std::fs::remove_dir_all(work.path().join("views")).expect("removes");
    assert_eq!(told(work.path(), early, &late), wanted, "no views");
    assert!(!work.path().join("views").exists(), "nothing is made");
    // What the log does not have is refused.
    let beyond = diff(work.path(), early, "world@0:999999");
    assert_eq!(beyond.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&beyond.stderr).contains("there is no commit at 0:999999"));
}

#[test]
fn an_exported_file_is_compared_as_it_is() {
    let whole = folder();
    let (held, file) = export(whole);
    let (early, late) = ("world@0:20,1:10", format!("world@{}", end(whole)));
    // A file has no keys beside it.
    let bare = copy(whole);
    std::fs::remove_dir_all(bare.path().join("keys")).expect("removes");
    let wanted = told(bare.path(), early, &late);
    assert_eq!(told(&file, early, &late), wanted);
    // Its `now` is its end: the same file is told the same for ever.
    let now = told(&file, early, "world@now");
    assert_eq!(changes(now.clone()), changes(wanted));
    assert_eq!(now, told(&file, early, "world@now"));
    let said = String::from_utf8_lossy(&diff(&file, early, &late).stderr).into_owned();
    let ended = now["to"]["at"].as_str().expect("a time");
    assert!(said.contains(&ended[..19]), "{ended} in {said}");
    // Beside a file nothing is looked for.
    assert_eq!(std::fs::read_dir(held.path()).expect("there").count(), 1);
    let none = diff(&held.path().join("other.mrn"), early, &late);
    assert_eq!(none.status.code(), Some(2), "{}", String::from_utf8_lossy(&none.stderr));
}

/// Views that are ahead of the log: it lost its end, which is not to be told as the state of things.
#[test]
fn views_that_do_not_fit_the_log_are_refused() {
    let work = copy(folder());
    let segments = work.path().join("log/0000");
    let segment = std::fs::read_dir(&segments).expect("there").flatten().map(|entry| entry.path());
    let segment = segment.filter(|path| path.extension().is_some_and(|kind| kind == "seg")).max().expect("a segment");
    let bytes = std::fs::read(&segment).expect("reads");
    std::fs::write(&segment, &bytes[..bytes.len() * 2 / 3]).expect("writes");
    let output = diff(work.path(), "world@0:2", "world@now");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && said.contains("the views do not fit the log"), "{said}");
}

/// Beside a server: rows that it has not flushed are asked from the log, and are those that it shows itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_servers_folder_is_told_as_the_server_tells_it() {
    let speed = 400.0;
    let sources =
        mirano::demo::start(mirano::demo::Options { speed, faults: false, ..Default::default() }).await.expect("demo");
    let configuration = support::configuration(&sources, None, speed);
    let data = tempfile::tempdir().expect("temp");
    let (node, workers) = support::node_of(data.path(), &configuration, 2).await;
    let job = support::create(&node, 1, "г. Москва, ул. Арбат, д. 1", "standard").await;
    support::until_final(&node, job).await;
    workers.stop().await;
    // Reactions may still come: whatever is folded next, look again.
    let mut folded = node.engine.subscribe();
    let same = async {
        loop {
            let latest = Latest::open(data.path(), &data.path().join("views"), &Keys(None)).expect("opens");
            let rows = latest.ask(|rows| digest(rows)).expect("folds");
            if rows == node.engine.views().digest().expect("reads").0 {
                return latest;
            }
            folded.recv().await.ok();
        }
    };
    let latest = tokio::time::timeout(std::time::Duration::from_secs(60), same).await.expect("all rows are the same");
    assert_eq!(latest.last().len(), 2);
    // The same where some are flushed.
    node.flush().expect("durable");
    let job = support::create(&node, 2, "г. Москва, ул. Арбат, д. 2", "standard").await;
    let shown = node.engine.views().get(mirano_replay::store::Table::Job, job.as_bytes()).expect("reads");
    let latest = Latest::open(data.path(), &data.path().join("views"), &Keys(None)).expect("opens");
    let found = latest.ask(|rows| rows.get(mirano_replay::store::Table::Job, job.as_bytes())).expect("folds");
    assert_eq!(found.expect("reads").is_some(), shown.is_some());
    assert!(shown.is_some(), "the canary: the server shows what it acknowledged");
}

fn digest(rows: &dyn Read) -> [u8; 32] {
    use mirano_replay::store::{Digest, Table};
    let mut digest = Digest::default();
    for table in Table::ALL.iter().filter(|table| **table != Table::Form) {
        let take = &mut |key: &[u8], value: &[u8]| {
            digest.row(*table, key, value);
            true
        };
        rows.scan(*table, &[], &[], take).expect("reads");
    }
    digest.finish()
}
