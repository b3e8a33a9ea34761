//! Where a log ends that is written to: what was read of it holds together, and heads are compared whole.

use crate::history::{Besides, copy, export, folder, verify};
use crate::support;
use mirano::audit::heads::CommitTrees;
use mirano::audit::quote::quote;
use mirano::audit::replay::replay;
use mirano::audit::until::Until;
use mirano::audit::verify::Report;
use mirano::audit::{cut, file, source};
use mirano::sequencer::Sequencer;
use mirano_replay::proof::Anchor;
use mirano_replay::verify::NoKeys;
use mirano_schemas::JobId;
use mirano_schemas::envelope::Head;
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

fn kinds(report: &Report) -> BTreeSet<&str> {
    report.findings.iter().map(|finding| finding.kind.as_str()).collect()
}

fn mirano(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mirano")).args(arguments).output().expect("runs")
}

/// Writes a log up to so many commits of each partition.
fn written(log: &dyn Sequencer, heads: Vec<Head>, path: &Path) {
    let out = std::io::BufWriter::new(std::fs::File::create(path).expect("makes"));
    file::write_to(log, heads, out, |_, _| {}).expect("writes");
}

/// One partition as it was read, the other as it was earlier: what is left out by the cut is what rests on the missing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_is_cut_where_it_holds_together() {
    let aside = tempfile::tempdir().expect("temp");
    let log = source::open(folder()).expect("opens");
    let whole: Vec<u64> = (0..2).map(|partition| log.head(partition).next_seq).collect();
    assert_eq!(cut::open(folder()).expect("opens").ends, whole, "nobody writes to it: all of it");
    let mut cut_back = 0;
    for (early, late) in [(0usize, 1usize), (1, 0)] {
        let mut ends = whole.clone();
        ends[early] /= 2;
        let torn = aside.path().join(format!("torn-{early}.mrn"));
        written(&*log, cut::heads_at(&*log, &ends).expect("reads"), &torn);
        let report = verify(&torn, Besides::Nothing, &[], 1).await;
        assert!(kinds(&report).contains("reference"), "the canary: {:?}", report.findings);
        // Opened as a log whose partitions were read at different times.
        let read = source::open(&torn).expect("opens");
        let closed = cut::within(&*read, &[0, 0]).expect("reads");
        assert!(closed[early] <= ends[early] && closed[late] < whole[late], "{closed:?} of {ends:?}");
        cut_back += whole[late] - closed[late];
        let sound = aside.path().join(format!("sound-{early}.mrn"));
        written(&*read, cut::heads_at(&*read, &closed).expect("reads"), &sound);
        let report = verify(&sound, Besides::Nothing, &[], 1).await;
        assert_eq!(report.findings, [], "cut at {closed:?}");
        assert_eq!(report.commits(), closed.iter().sum::<u64>());
        // Nothing more is left out than has to be: one commit on, and it does not hold together.
        let mut more = closed.clone();
        more[late] += 1;
        written(&*read, cut::heads_at(&*read, &more).expect("reads"), &sound);
        assert!(!verify(&sound, Besides::Nothing, &[], 1).await.ok || cursor_only(&*read, &more, late), "{more:?}");
    }
    assert!(cut_back > 2, "{cut_back}");
}

/// Whether the last commit within `ends` of a partition is left out only because it has looked at what is missing, which an
/// audit does not ask about but a server that goes on with the log does.
fn cursor_only(log: &dyn Sequencer, ends: &[u64], partition: usize) -> bool {
    let number = u32::try_from(partition).expect("small");
    let commits = log.read(number, ends[partition] - 1, 0).expect("reads");
    let body = mirano_schemas::codec::CommitBody::decode(commits[0].body()).expect("decodes");
    body.head.cursors.iter().any(|next| next.seq > ends[next.partition as usize])
}

/// Beside a server with several partitions under load. It ends when both were seen to grow while they were read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_of_several_partitions_is_verified_and_exported_while_it_is_written_to() {
    let speed = 400.0;
    let sources =
        mirano::demo::start(mirano::demo::Options { speed, faults: false, ..Default::default() }).await.expect("demo");
    let configuration = support::configuration(&sources, None, speed);
    let (data, aside) = (tempfile::tempdir().expect("temp"), tempfile::tempdir().expect("temp"));
    let (node, workers) = support::node_of(data.path(), &configuration, 3).await;
    let enough = AtomicBool::new(false);
    let load = async {
        for house in 1u32.. {
            let jobs = (0..3u8).map(|client| {
                let (node, mut id) = (&node, [client; 16]);
                id[..4].copy_from_slice(&house.to_be_bytes());
                async move {
                    let address = format!("г. Москва, ул. Арбат, д. {house}, кв. {}", client + 1);
                    let job = support::create_as(node, JobId(id), &address, "standard", &[]).await;
                    support::until_final(node, job).await;
                }
            });
            futures::future::join_all(jobs).await;
            if enough.load(Ordering::SeqCst) {
                return house;
            }
        }
        unreachable!("until it is enough")
    };
    let look = async {
        let (mut grown, mut runs) = (0, 0);
        while grown < 3 || runs < 12 {
            let report = verify(data.path(), Besides::Nothing, &[], 2).await;
            assert_eq!(report.findings, [], "{report:#?}");
            grown += u32::from(report.notes.iter().any(|note| note.contains("commits at the ends")));
            runs += 1;
            let path = aside.path().join("live.mrn");
            let (folder, to) = (data.path().to_owned(), path.clone());
            tokio::task::spawn_blocking(move || {
                let log = cut::open(&folder).expect("opens");
                written(&*log.log, cut::heads_at(&*log.log, &log.ends).expect("reads"), &to);
            })
            .await
            .expect("exports");
            let report = verify(&path, Besides::Nothing, &[], 2).await;
            assert_eq!(report.findings, [], "{report:#?}");
        }
        enough.store(true, Ordering::SeqCst);
        runs
    };
    let both = async { tokio::join!(load, look) };
    let (houses, runs) = tokio::time::timeout(Duration::from_secs(240), both).await.expect("it is seen to grow");
    println!("{runs} runs beside {houses} rounds of three checks");
    workers.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_is_compared_whole() {
    let (log, trees) = (source::open(folder()).expect("opens"), CommitTrees::new());
    let (_held, exported) = export(folder());
    let mut kept: Vec<Anchor> = Vec::new();
    for partition in 0..2 {
        for size in [0, 1, log.head(partition).next_seq / 2, log.head(partition).next_seq] {
            kept.push(trees.anchor(&*log, partition, Some(size)).expect("reads").expect("there"));
        }
    }
    assert_eq!(verify(folder(), Besides::Nothing, &kept, 1).await.findings, []);
    for good in kept {
        let mut root = good;
        root.root[7] ^= 1;
        let mut hash = good;
        hash.hash.0[7] ^= 1;
        for (bad, word) in [(root, "has the root"), (hash, "names the commit")] {
            for path in [folder(), exported.as_path()] {
                let report = verify(path, Besides::Nothing, &[good, bad], 1).await;
                assert_eq!(kinds(&report), ["other_history"].into(), "{bad}");
                assert_eq!(report.findings.len(), 1);
                assert!(report.findings[0].detail.contains(word), "{}", report.findings[0].detail);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn evidence_that_is_gone_as_a_whole_is_found() {
    let work = copy(folder());
    let data = work.path().to_str().expect("UTF-8");
    let verified = |more: &[&str]| {
        let output = mirano(&[&["verify", "--no-views", "--data", data], more].concat());
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    assert_eq!(verified(&[]).0, Some(0));
    std::fs::rename(work.path().join("evidence"), work.path().join("elsewhere")).expect("moves");
    let (code, said) = verified(&[]);
    assert!(code == Some(1) && said.contains("FOUND evidence_missing") && said.contains("evidence)"), "{said}");
    assert!(!work.path().join("evidence").exists(), "an audit makes nothing");
    assert_eq!(verified(&["--no-evidence"]).0, Some(0));
    let elsewhere = work.path().join("elsewhere");
    assert_eq!(verified(&["--evidence", elsewhere.to_str().expect("UTF-8")]).0, Some(0));
    // An exported file never had any.
    let (_held, exported) = export(folder());
    let output = mirano(&["verify", "--data", exported.to_str().expect("UTF-8")]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && said.contains("were not looked at"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_none_of_the_logs_is_named() {
    let work = copy(folder());
    std::fs::create_dir(work.path().join("log/0002")).expect("made");
    std::fs::write(work.path().join("log/notes.txt"), "x").expect("writes");
    std::fs::write(work.path().join("evidence/notes.txt"), "x").expect("writes");
    let report = verify(work.path(), Besides::Evidence, &[], 1).await;
    assert_eq!(kinds(&report), ["strange_file"].into(), "{:?}", report.findings);
    for place in ["log/0002", "log/notes.txt", "evidence/notes.txt"] {
        let named = |place: &str| {
            report.findings.iter().filter(|found| found.place.iter().any(|at| at.ends_with(place))).count()
        };
        assert_eq!(named(place), 1, "{place}: {:?}", report.findings);
    }
}

/// A moment has one way to be told: the last commit of each partition.
#[test]
fn a_quote_ends_where_the_replay_does() {
    let log = source::open(folder()).expect("opens");
    for until in [None, Some("0:20,1:10"), Some("1:7"), Some("0:3")] {
        let until: Option<Until> = until.map(|until| until.parse().expect("reads"));
        let quoted = quote(&*log, until.as_ref()).expect("quotes");
        let replayed = replay(&*log, until.as_ref(), &NoKeys, |_| ControlFlow::Continue(())).expect("replays");
        let cut: Vec<String> = replayed.cut().iter().map(ToString::to_string).collect();
        assert_eq!(quoted.until, cut, "{until:?}");
        if let Some(Until::Cut(named)) = &until {
            named.iter().for_each(|at| assert!(cut.contains(&at.to_string()), "{at} is not in {cut:?}"));
        }
    }
    let output = mirano(&["replay", "--data", folder().to_str().expect("UTF-8"), "--until", "0:20,1:10"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.contains("up to 0:20,1:10"), "{said}");
    // Which of two ends of one partition is meant?
    let output = mirano(&["replay", "--data", folder().to_str().expect("UTF-8"), "--until", "0:1,0:2"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && said.contains("names partition 0 twice"), "{said}");
}
