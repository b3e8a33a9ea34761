//! The real program under load is killed (`kill -9`) at random moments and started again: no acknowledged job is lost, no
//! fact stands twice, no source is asked above its rate, every job ends, and the log is whole.
//!
//! 20 kills by default; `MIRANO_KILLS=200` for more, `MIRANO_SEED` for other moments. The demo's sources are a process of
//! their own, which lives through all of it and counts. Every fourth time the program is also killed while it starts.

#![expect(clippy::indexing_slicing, reason = "a test may stop at a wrong index")]

#[path = "kill/books.rs"]
mod books;
#[path = "kill/load.rs"]
mod load;
mod support;

use books::{Books, Middle, whole};
use futures::{StreamExt, stream};
use load::{Gone, Load};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use support::program::Program;
use support::{client, patient};
use tokio::process::Command;
use tokio::sync::Notify;

/// How much faster than real sources the demo's are; their limits bind all the same.
const SPEED: &str = "20";
const CLIENTS: u64 = 4;
/// The latest moment of a kill after the first job of a round was acknowledged.
const LATEST_MS: u64 = 500;

fn serve<'a>(data: &'a str, config: &'a str) -> [&'a str; 10] {
    ["serve", "--data", data, "--config", config, "--listen", "127.0.0.1:0", "--partitions", "2", "--auth=off"]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_random_moments_it_loses_nothing_and_asks_nobody_too_often() {
    let number = |name: &str, default: u64| std::env::var(name).map_or(default, |text| text.parse().expect("a number"));
    let (kills, seed) = (number("MIRANO_KILLS", 20), number("MIRANO_SEED", 1));
    println!("{kills} kills, MIRANO_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let folder = tempfile::tempdir().expect("temp");
    let (data, config) = (folder.path().join("data"), folder.path().join("config"));
    let (data, config) = (data.to_str().expect("UTF-8"), config.to_str().expect("UTF-8"));
    let mut sources = Program::start(&[
        "demo-sources",
        "--listen",
        "127.0.0.1:0",
        "--no-faults",
        "--speed",
        SPEED,
        "--write-config",
        config,
    ]);
    let demo = sources.says("demo sources: ").await;
    sources.says("configuration: ").await;
    patient(Path::new(config));

    let load = Arc::new(Load {
        http: client(),
        known: Mutex::default(),
        next_key: AtomicU64::new(0),
        addresses: AtomicU64::new(0),
        repeats: AtomicU64::new(0),
        under_way: Notify::new(),
    });
    let began = Instant::now();
    let mut books = Books::default();
    let (mut middles, mut unanswered, mut while_starting) = (Vec::new(), 0, 0);
    for round in 0..kills {
        if round % 4 == 3 {
            let starting = Program::start(&serve(data, config));
            tokio::time::sleep(Duration::from_millis(random.random_range(0..200))).await;
            starting.kill().await;
            while_starting += 1;
            books.read_on(Path::new(data));
        }
        let mut server = Program::start(&serve(data, config));
        let address = server.says("Mirano is ready").await;
        let ready = load.http.get(format!("{address}/readyz")).send().await.expect("answers");
        assert!(ready.status().is_success(), "ready: {}", ready.status());
        load.look(&address).await;
        // What has no answer yet, and one that was acknowledged long ago: the key still names it.
        let again: Vec<u64> = load.known().unsure.iter().copied().collect();
        let again: Vec<u64> = again.into_iter().chain(load.known().acknowledged.keys().next().copied()).collect();
        load.repeats.store(0, Ordering::SeqCst);
        let clients: Vec<_> = (0..CLIENTS)
            .map(|n| {
                let again = again.iter().copied().filter(|key| key % CLIENTS == n).collect();
                tokio::spawn(Arc::clone(&load).run(address.clone(), again))
            })
            .collect();
        let first = tokio::time::timeout(Duration::from_secs(60), load.under_way.notified());
        first.await.expect("a job about a new address is acknowledged and not final");
        tokio::time::sleep(Duration::from_millis(random.random_range(0..LATEST_MS))).await;
        server.kill().await;
        for client in clients {
            let Gone = client.await.expect("a client ends when nobody answers");
        }
        unanswered += u64::from(!load.known().unsure.is_empty());
        let middle = books.read_on(Path::new(data));
        assert!(middle.jobs > 0, "kill {round} came in the middle of something: a job of its round had not ended");
        middles.push(middle);
        // Whoever says so from now on is of the next round.
        let _ = tokio::time::timeout(Duration::ZERO, load.under_way.notified()).await;
    }
    assert!(unanswered > 0, "some kill came between a request and its answer");
    let spread = |of: fn(&Middle) -> usize| {
        let all = || middles.iter().map(of);
        (all().min().expect("some"), all().sum::<usize>() as f64 / middles.len() as f64, all().max().expect("some"))
    };
    let (jobs, attempts) = (spread(|middle| middle.jobs), spread(|middle| middle.attempts));
    println!(
        "{kills} kills under load and {while_starting} more at the start, in {:?}; in the middle of {} to {} new jobs \
         ({:.1} on average) and {} to {} attempts ({:.1}); {unanswered} times requests were left without an answer",
        began.elapsed(),
        jobs.0,
        jobs.2,
        jobs.1,
        attempts.0,
        attempts.2,
        attempts.1,
    );
    assert!(attempts.2 > 0, "some kill came in the middle of an attempt");

    let mut server = Program::start(&serve(data, config));
    let address = server.says("Mirano is ready").await;
    load.look(&address).await;
    let again: Vec<u64> = load.known().unsure.iter().copied().collect();
    for key in again {
        assert!(load.ask(&address, key).await.is_ok(), "the server lives on");
    }
    assert!(load.known().unsure.is_empty(), "all have their answer");
    let open: Vec<String> = load.known().open.iter().cloned().collect();
    let ends = stream::iter(open).for_each_concurrent(32, |id| {
        let (load, address) = (Arc::clone(&load), address.clone());
        async move { load.until_final(&address, &id).await }
    });
    tokio::time::timeout(Duration::from_secs(1_200), ends).await.expect("every job ends");
    server.end().await;

    let counted = support::counted(&demo).await;
    println!(
        "{} requests at the sources, {} above a limit; ended after {:?}",
        counted.total,
        counted.over_limit,
        began.elapsed()
    );
    assert_eq!(counted.over_limit, 0, "no source was asked above its rate: {counted:?}");
    let verified =
        Command::new(env!("CARGO_BIN_EXE_mirano")).args(["verify", "--data", data]).output().await.expect("runs");
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
    let acknowledged: BTreeSet<String> = load.known().acknowledged.values().cloned().collect();
    assert_eq!(acknowledged.len() as u64, load.next_key.load(Ordering::SeqCst), "each key is one job");
    whole(Path::new(data), &acknowledged);
}
