//! A thousand lives, the same life twice, and the canaries.

use super::live;
use crate::core::bugs::{self, Bug};

/// The seeds of a normal run; `MIRANO_SIM_SEEDS` says another number.
const SEEDS: u64 = 1_000;

fn seeds() -> u64 {
    std::env::var("MIRANO_SIM_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(SEEDS)
}

fn panics_are_findings(seed: u64) -> Result<super::Left, String> {
    std::panic::catch_unwind(|| live(seed, false)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        Err(format!("panic: {}", text.unwrap_or_else(|| "without words".to_owned())))
    })
}

#[test]
fn a_thousand_lives_keep_every_promise() {
    let threads = std::thread::available_parallelism().map_or(2, |n| n.get() as u64);
    let many = seeds();
    let run = |first: u64| {
        let mut all = Vec::new();
        for seed in (first..many).step_by(threads as usize) {
            all.push((seed, panics_are_findings(seed)));
        }
        all
    };
    let lives: Vec<_> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads).map(|first| scope.spawn(move || run(first))).collect();
        handles.into_iter().flat_map(|handle| handle.join().expect("findings are caught")).collect()
    });
    let found: Vec<String> = lives
        .iter()
        .filter_map(|(seed, life)| Some(format!("{}\n    cargo sim -- {seed}", life.as_ref().err()?)))
        .collect();
    assert!(
        found.is_empty(),
        "{} of {many} lives failed:\n  {}",
        found.len(),
        found[..found.len().min(12)].join("\n  ")
    );
    let sum = |of: fn(&super::Left) -> usize| -> usize {
        lives.iter().filter_map(|(_, life)| life.as_ref().ok()).map(of).sum()
    };
    // What did not happen was not tested.
    for (what, times) in [
        ("crash", sum(|left| left.crashes as usize)),
        ("void record", sum(|left| left.void)),
        ("commit", sum(|left| left.commits)),
        ("request", sum(|left| left.requests)),
        ("job", sum(|left| left.counts.jobs)),
        ("observation", sum(|left| left.counts.observations)),
        ("snapshot", sum(|left| left.counts.snapshots)),
        ("reaction", sum(|left| left.counts.reactions)),
        ("failed attempt", sum(|left| left.counts.failed_attempts)),
        ("attempt lost to its proxy", sum(|left| left.counts.by_proxy)),
        ("reused answer", sum(|left| left.counts.reused)),
        ("coalesced answer", sum(|left| left.counts.coalesced)),
        ("chunk", sum(|left| left.counts.chunks)),
        ("part of a larger answer", sum(|left| left.counts.narrowed)),
        ("opened breaker", sum(|left| left.counts.opened)),
        ("closed breaker", sum(|left| left.counts.closed)),
        ("query asked ahead", sum(|left| left.counts.prefetched)),
        ("slowed source", sum(|left| left.counts.slowed)),
        ("notification", sum(|left| left.counts.notices)),
        ("shard that was told", sum(|left| left.counts.told)),
        ("fact of several shards", sum(|left| left.counts.shared_facts)),
    ] {
        println!("{times} times: {what}");
        assert!(times as u64 * SEEDS >= 100 * many, "only {times} times: {what}");
    }
}

/// Zero requests over any limit, one fetch in flight for each query, every job ends: the auditor says so of each commit and each
/// request of an hour, and of what is left when all has come to rest.
#[test]
fn an_hour_of_twenty_bad_sources() {
    let hours = 3;
    let lives: Vec<super::Left> = (0..hours)
        .map(|seed| super::live_on_the_farm(seed, false).unwrap_or_else(|found| panic!("seed {seed}: {found}")))
        .collect();
    let sum = |of: fn(&super::Left) -> usize| -> usize { lives.iter().map(of).sum() };
    for (what, times, least) in [
        ("crash", sum(|left| left.crashes as usize), 3),
        ("void record", sum(|left| left.void), 3),
        ("request", sum(|left| left.requests), 2_000),
        ("source asked at its whole rate", sum(|left| left.pressed), 12),
        ("job", sum(|left| left.counts.jobs), 126),
        ("failed attempt", sum(|left| left.counts.failed_attempts), 150),
        ("dead letter", sum(|left| left.counts.dead_letters), 5),
        ("task put off", sum(|left| left.counts.put_off), 1),
        ("opened breaker", sum(|left| left.counts.opened), 1),
        ("slowed source", sum(|left| left.counts.slowed), 3),
        ("coalesced or reused answer", sum(|left| left.counts.coalesced + left.counts.reused), 80),
    ] {
        println!("{times} times in {hours} hours: {what}");
        assert!(times >= least, "only {times} times: {what}");
    }
}

#[test]
fn the_same_seed_is_the_same_life() {
    let mut digests = std::collections::BTreeSet::new();
    for seed in 0..30 {
        let (first, second) = (live(seed, false), live(seed, false));
        assert_eq!(first, second, "seed {seed}");
        digests.insert(first.expect("the thousand lives say what is wrong").digest);
    }
    assert_eq!(digests.len(), 30, "other seeds are other lives");
}

/// Each bug is found by the invariant that it breaks, within so many seeds.
#[test]
fn known_bugs_are_found() {
    let found = |bug: Bug, invariants: &[&str], within: u64| {
        let mut others = Vec::new();
        for seed in 0..within {
            match bugs::with(Some(bug), || panics_are_findings(seed)) {
                Err(finding) if invariants.iter().any(|invariant| finding.starts_with(invariant)) => {
                    println!("{bug:?}: seed {seed}: {finding:.160}");
                    return;
                }
                Err(finding) => others.push(finding),
                Ok(_) => {}
            }
        }
        panic!("{bug:?} was not found in {within} lives; found instead: {others:?}");
    };
    // Decisions on what never happened break whatever they touch first.
    found(Bug::OverlayKeptAfterVoid, &["I", "the engine stops"], 50);
    found(Bug::SealForgetsReceipt, &["I2"], 50);
    found(Bug::CursorNotInCommit, &["I3"], 50);
    found(Bug::IncompleteVanishes, &["I3"], 100);
    found(Bug::NarrowedShowsAll, &["I3"], 200);
    found(Bug::EndToldAgain, &["I3"], 50);
    found(Bug::IdempotencyForgotten, &["I4"], 50);
    found(Bug::DigestOfNothing, &["I4"], 50);
    found(Bug::NothingIsAhead, &["I4"], 50);
    found(Bug::DeadWorkersCount, &["I4"], 200);
    found(Bug::ReusedToldAsFetched, &["I6"], 50);
    found(Bug::PermitReturnedTwice, &["I7"], 1_000);
    found(Bug::PermitsForgottenByCrash, &["I7"], 200);
    found(Bug::OpenBreakerLeased, &["I7"], 50);
    found(Bug::BudgetNotDivided, &["I7"], 100);
    found(Bug::ShardsNotTold, &["I7"], 400);
    found(Bug::LateAnswerAccepted, &["I8"], 50);
    found(Bug::FlightNotJoined, &["I8"], 50);
    found(Bug::TenantsShare, &["I9"], 50);
    found(Bug::RemovedSourceWaits, &["liveness"], 200);
}

/// I5 has its canary in the comparison of two lives.
#[test]
fn a_decision_that_counts_is_found() {
    let differs = (0..30).any(|seed| {
        let life = || bugs::with(Some(Bug::DecisionCounts), || live(seed, false));
        life() != life()
    });
    assert!(differs);
}

/// `cargo sim -- <seed>`: lives one seed again and tells it.
#[test]
#[ignore = "a tool: `cargo sim -- <seed>`"]
fn one_life_again() {
    let seed: u64 = std::env::args().rev().find_map(|word| word.parse().ok()).expect("cargo sim -- <seed>");
    match live(seed, true) {
        Ok(left) => println!("seed {seed}: {left:?}"),
        Err(finding) => panic!("seed {seed}: {finding}"),
    }
}
