//! The source's book against its limits (I7): requests in any period, at once, and open together.
//!
//! Rates are counted by the clock that the permits were given by: a clock that jumps ahead by an hour makes an hour pass,
//! and no program on that machine can tell. Where no clock jumped ahead they are counted in truth as well.

use super::Found;
use crate::sim::policy::{self, Limits, PROXY_RATE, PROXY_TASKS, PROXY_TOTAL};
use crate::sim::source::Request;
use std::collections::BTreeMap;

pub fn check(book: &[Request], forward_jumps: bool) -> Result<(), Found> {
    let mut by_source: BTreeMap<&str, Vec<&Request>> = BTreeMap::new();
    let mut by_proxy: BTreeMap<&str, Vec<&Request>> = BTreeMap::new();
    let mut by_both: BTreeMap<(&str, &str), Vec<&Request>> = BTreeMap::new();
    for request in book {
        by_source.entry(&request.source).or_default().push(request);
        if let Some(proxy) = &request.proxy {
            by_proxy.entry(proxy).or_default().push(request);
            by_both.entry((proxy, &request.source)).or_default().push(request);
        }
    }
    for (source, requests) in &by_source {
        let limits = policy::limits(source);
        for (clock, times) in clocks(requests, forward_jumps) {
            period(source, clock, &times, limits.requests, limits.period_ms)?;
            burst(source, clock, &times, limits.burst, limits.period_ms / i64::from(limits.requests))?;
        }
        if !forward_jumps {
            open(source, requests, limits.concurrency as usize)?;
        }
        day(source, requests, &limits)?;
    }
    for (proxy, requests) in &by_proxy {
        for (clock, times) in clocks(requests, forward_jumps) {
            period(proxy, clock, &times, PROXY_TOTAL.0, PROXY_TOTAL.1)?;
        }
        if !forward_jumps {
            open(proxy, requests, PROXY_TASKS)?;
        }
    }
    for ((proxy, source), requests) in &by_both {
        let both = format!("{proxy} for {source}");
        for (clock, times) in clocks(requests, forward_jumps) {
            period(&both, clock, &times, PROXY_RATE.0, PROXY_RATE.1)?;
        }
        if !forward_jumps {
            open(&both, requests, 1)?;
        }
    }
    Ok(())
}

/// Sources that were asked as fast as they allow for so many periods on end, by the clock that the permits were given by: what is
/// never pressed is not shown to hold.
pub fn pressed(book: &[Request], periods: u32) -> usize {
    let mut by_source: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for request in book {
        by_source.entry(&request.source).or_default().push(request.wall);
    }
    let at_its_rate = |(source, times): (&str, Vec<i64>)| {
        let Limits { requests, period_ms, .. } = policy::limits(source);
        let mut times = times;
        times.sort_unstable();
        // A permit is good for a while, so requests are not quite as regular as what was granted.
        let within = period_ms * i64::from(periods) * 11 / 10;
        times.windows((requests * periods) as usize).any(|run| run[run.len() - 1] - run[0] <= within)
    };
    by_source.into_iter().map(at_its_rate).filter(|pressed| *pressed).count()
}

/// The moments of the requests by each clock that counts, sorted.
fn clocks(requests: &[&Request], forward_jumps: bool) -> Vec<(&'static str, Vec<i64>)> {
    let sorted = |of: fn(&Request) -> i64| {
        let mut times: Vec<i64> = requests.iter().map(|request| of(request)).collect();
        times.sort_unstable();
        times
    };
    let mut clocks = vec![("by the node's clock", sorted(|request| request.wall))];
    if !forward_jumps {
        clocks.push(("in truth", sorted(|request| request.from)));
    }
    clocks
}

fn period(of: &str, clock: &str, times: &[i64], requests: u32, period: i64) -> Result<(), Found> {
    for pair in times.windows(requests as usize + 1) {
        let (first, last) = (pair[0], pair[requests as usize]);
        if last - first < period {
            return Err(format!("I7: {of} saw {} requests in {} ms of {period}, {clock}", pair.len(), last - first));
        }
    }
    Ok(())
}

/// A day's quota, and hours of quiet, by the clock that says which day it is.
fn day(of: &str, requests: &[&Request], limits: &Limits) -> Result<(), Found> {
    const DAY_MS: i64 = 86_400_000;
    let mut days: BTreeMap<i64, usize> = BTreeMap::new();
    for request in requests {
        *days.entry(request.wall.div_euclid(DAY_MS)).or_default() += 1;
        let minute = request.wall.rem_euclid(DAY_MS) / 60_000;
        if limits.quiet.is_some_and(|(from, to)| minute >= from || minute < to) {
            return Err(format!("I7: {of} was asked in its quiet hours, in minute {minute}"));
        }
    }
    match limits.daily.and_then(|daily| days.iter().find(|(_, count)| **count > daily)) {
        None => Ok(()),
        Some((day, count)) => Err(format!("I7: {of} saw {count} requests on day {day}")),
    }
}

fn burst(of: &str, clock: &str, times: &[i64], burst: u32, interval: i64) -> Result<(), Found> {
    for (i, first) in times.iter().enumerate() {
        for (k, later) in times[i..].iter().enumerate().take(40) {
            if k as i64 + 1 > i64::from(burst) + (later - first) / interval {
                return Err(format!("I7: {of} saw {} requests in {} ms, burst {burst}, {clock}", k + 1, later - first));
            }
        }
    }
    Ok(())
}

fn open(of: &str, requests: &[&Request], most: usize) -> Result<(), Found> {
    let mut edges: Vec<(i64, i32)> =
        requests.iter().flat_map(|request| [(request.from, 1), (request.to, -1)]).collect();
    edges.sort_unstable();
    let mut open = 0i32;
    for (at, edge) in edges {
        open += edge;
        if open > most as i32 {
            return Err(format!("I7: {of} had {open} requests open at {at}, {most} at most"));
        }
    }
    Ok(())
}
