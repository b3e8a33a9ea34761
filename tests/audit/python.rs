//! Programs of others: that of `docs/verify` comes to the same, from the formats alone, as the code that wrote; the package of
//! the field reads what is exported for it.

use crate::history::{Besides, export, folder, heads, verify};
use mirano::audit::heads::CommitTrees;
use mirano::audit::proofs;
use mirano::audit::replay::{Replayed, replay};
use mirano::audit::text::{self, ProofText};
use mirano::audit::verify::Keys;
use mirano::audit::{facts, source};
use mirano_replay::history::WorldRow;
use mirano_replay::proof::{Anchor, Proof};
use mirano_replay::rows::SnapshotRow;
use mirano_replay::store::{ReadExt, Table};
use mirano_replay::verify::NoKeys;
use mirano_schemas::{FactId, base32};
use serde_json::Value as Json;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The Python that has their packages: made by `.ci/setup test`. Says loudly what is left out where it is not.
fn python() -> Option<PathBuf> {
    let beside = || {
        let target = std::env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target"), PathBuf::from);
        target.join("venv/bin/python")
    };
    let python = std::env::var_os("MIRANO_PYTHON").map_or_else(beside, PathBuf::from);
    if python.is_file() {
        return Some(python);
    }
    println!("LEFT OUT: the independent program: there is no {}; `.ci/setup test` makes it", python.display());
    None
}

fn replayed(log: &Path) -> Replayed {
    let log = source::open(log).expect("opens");
    replay(&*log, None, &NoKeys, |_| ControlFlow::Continue(())).expect("replays")
}

fn run(python: &Path, arguments: &[&str]) -> (Option<i32>, Json) {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/verify/verify.py");
    let output = Command::new(python).arg(program).args(arguments).output().expect("runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    (output.status.code(), serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}{errors}")))
}

/// The real package of the field reads what is exported, and takes every value as it stands.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn followthemoney_reads_the_entities() {
    let Some(python) = python() else { return };
    let data = folder();
    let state = replayed(data);
    let keys = Keys::in_folder(&data.join("keys")).expect("opens");
    let mut text = Vec::new();
    let counted = facts::follow_the_money(&state.store, &keys, &mut text).expect("writes");
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/audit/ftm.py");
    let read = |entities: &[u8]| -> (Option<i32>, Json) {
        let mut child = Command::new(&python)
            .arg(&program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("runs");
        child.stdin.take().expect("piped").write_all(entities).expect("takes them");
        let output = child.wait_with_output().expect("ends");
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        let told = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {errors}"));
        println!("{errors}");
        (output.status.code(), told)
    };
    let (code, told) = read(&text);
    assert_eq!((code, &told["wrong"]), (Some(0), &Json::from(0)), "{told}");
    assert!(told["entities"].as_u64().expect("a number") > counted.written);
    // And it can fail: an id as the log has it, a property that is none, an edge to nothing.
    let text = String::from_utf8(text).expect("text");
    for (from, to) in [("company-", "company:"), ("\"publisher\"", "\"publishers\""), ("\"case\":[\"", "\"case\":[\"x")]
    {
        assert!(text.contains(from), "{from}");
        assert_eq!(read(text.replace(from, to).as_bytes()).0, Some(1), "{from}");
    }
}

/// Another number of commits, hash, and log.
fn told_wrongly(head: Anchor) -> [Anchor; 4] {
    let (mut hash, mut log) = (head, head);
    hash.hash.0[3] ^= 1;
    log.log_id.0[3] ^= 1;
    [Anchor { size: head.size + 1, ..head }, Anchor { size: head.size - 1, ..head }, hash, log]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_language_comes_to_the_same() {
    let Some(python) = python() else { return };
    let data = folder();
    let report = verify(data, Besides::Nothing, &[], 1).await;
    let (held, file) = export(data);
    let path = file.to_str().expect("text");
    let kept: Vec<String> = heads(&report).iter().map(ToString::to_string).collect();
    let arguments: Vec<&str> = ["log", path].into_iter().chain(kept.iter().map(String::as_str)).collect();
    let (code, told) = run(&python, &arguments);
    assert_eq!(code, Some(0), "{told}");
    assert_eq!(told["heads"], Json::from(kept.clone()));
    let sealed = told["sealed"].as_u64().expect("a number");
    assert!(sealed > 0, "a person is among them");
    assert_eq!(told["facts"].as_u64().expect("a number") + sealed, report.facts);
    assert_eq!(
        (told["observations"].as_u64(), told["snapshots"].as_u64()),
        (Some(report.observations), Some(report.snapshots))
    );

    let log = source::open(&file).expect("opens");
    let state = replayed(&file);
    let keys = |table| state.store.iter().filter(move |(found, ..)| *found == table).map(|(_, key, _)| key.to_vec());
    let snapshots: Vec<Vec<u8>> = keys(Table::Snapshot).collect();
    let told_ids: Vec<&str> =
        told["snapshot_ids"].as_array().expect("ids").iter().map(|id| id.as_str().expect("text")).collect();
    assert!(snapshots.iter().all(|key| told_ids.contains(&base32(key).as_str())));
    let row: SnapshotRow = state.store.row(&snapshots[0]).expect("reads").expect("there");
    for (n, fact) in keys(Table::Fact).chain([vec![9; 32]]).enumerate().filter(|(n, _)| n % 20 == 0) {
        let mut proof = proofs::fact(&state.store, &row, FactId(fact.try_into().expect("an id"))).expect("proves");
        proof.log = Some(proofs::log_part(&*log, &CommitTrees::new(), row.position, None).expect("in the log"));
        let text = ProofText::of(&Proof::Fact(proof.into())).expect("holds");
        let written = held.path().join(format!("proof{n}.json"));
        let json = serde_json::to_string(&text).expect("json");
        std::fs::write(&written, &json).expect("writes");
        let place = written.to_str().expect("text");
        let (code, told) = run(&python, &["proof", place]);
        assert_eq!(
            (code, told["ok"].as_bool(), told["heads_bound"].as_bool()),
            (Some(0), Some(true), Some(true)),
            "{told}"
        );
        let wrong = json.replacen("\"present\":true", "\"present\":false", 1).replacen("\"bit\":", "\"bit\":1", 1);
        std::fs::write(&written, wrong).expect("writes");
        assert_eq!(run(&python, &["proof", place]).0, Some(1));
    }
    let world = keys(Table::World).next().expect("the base was sealed");
    assert!(told_ids.contains(&base32(&world).as_str()));
    let world: WorldRow = state.store.row(&world).expect("reads").expect("there");
    let mut proven = std::collections::BTreeSet::new();
    for (n, fact) in keys(Table::Fact).chain([vec![9; 32]]).enumerate().filter(|(n, _)| n % 20 == 0) {
        let made = proofs::world_fact(&state.store, &*log, &world, FactId(fact.try_into().expect("an id")));
        let mut proof = made.expect("proves");
        proof.log = Some(proofs::log_part(&*log, &CommitTrees::new(), world.position, None).expect("in the log"));
        let json = serde_json::to_string(&ProofText::of(&Proof::Fact(proof.into())).expect("holds")).expect("json");
        let written = held.path().join(format!("world{n}.json"));
        let place = written.to_str().expect("text");
        std::fs::write(&written, &json).expect("writes");
        let (code, told) = run(&python, &["proof", place]);
        assert_eq!((code, told["kind"].as_str()), (Some(0), Some("world_fact")), "{told}");
        proven.insert(told["present"].as_bool());
        std::fs::write(&written, json.replacen("\"world_fact\"", "\"fact\"", 1)).expect("writes");
        assert_eq!(run(&python, &["proof", place]).0, Some(1), "it is no snapshot of a job");
    }
    assert!(proven.contains(&Some(true)), "{proven:?}");
    let grown = {
        let trees = CommitTrees::new();
        let early = trees.anchor(&*log, 0, Some(7)).expect("reads").expect("there");
        trees.extension(&*log, &early).expect("reads").expect("extends")
    };
    let written = held.path().join("grown.json");
    let to = grown.to;
    let text = serde_json::to_string(&ProofText::of(&Proof::Extension(grown.into())).expect("holds")).expect("json");
    let proven = |text: &str| {
        std::fs::write(&written, text).expect("writes");
        run(&python, &["proof", written.to_str().expect("text")])
    };
    let (code, told) = proven(&text);
    assert_eq!((code, told["heads_bound"].as_bool()), (Some(0), Some(true)), "{told}");
    // A head's words are those of its root; where nothing shows it, as in proofs of older versions, that is said.
    for bad in told_wrongly(to) {
        let forged = text.replacen(&to.to_string(), &bad.to_string(), 1);
        assert_ne!(forged, text);
        assert_eq!(proven(&forged).0, Some(1), "{bad}");
        assert!(text::read(forged.as_bytes()).is_err(), "{bad}");
    }
    let mut old: Json = serde_json::from_str(&text).expect("json");
    old.as_object_mut().expect("an object").remove("bounds").expect("there");
    let (code, told) = proven(&old.to_string());
    assert_eq!((code, told["heads_bound"].as_bool()), (Some(0), Some(false)), "{told}");
    assert!(text::read(old.to_string().as_bytes()).is_ok_and(|proof| !proof.is_bound()));
    // And it can fail: a bit flipped in the file.
    let mut bytes = std::fs::read(&file).expect("reads");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).expect("writes");
    assert_eq!(run(&python, &["log", path]).0, Some(1));
}
