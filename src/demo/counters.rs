//! What each source was asked, and whether it was asked too quickly.
//!
//! Counted where it counts: at the source. Everything here is public through `GET /control/requests`.

use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// A source's own limit: at most `requests` in any `period`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// How many requests.
    pub requests: u32,
    /// In how long.
    pub period: Duration,
}

/// The counters of all sources.
#[derive(Debug, Default)]
pub struct Counters {
    sources: BTreeMap<String, Source>,
}

#[derive(Debug, Default)]
struct Source {
    shown: SourceCount,
    arrivals: VecDeque<Instant>,
    accepted: VecDeque<Instant>,
    /// Requests that are being answered, by key.
    answering: BTreeMap<String, u64>,
}

/// The counters of one source.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SourceCount {
    /// Requests in all, refused ones included.
    pub total: u64,
    /// Requests refused with 429 because they came too quickly.
    pub over_limit: u64,
    /// Requests spoilt by a fault, ordered or seeded.
    pub faults: u64,
    /// First pages asked for; what the seeded faults are counted by.
    pub first_pages: u64,
    /// Requests being answered now.
    pub in_flight: u64,
    /// The most of them that ever were at once.
    pub max_in_flight: u64,
    /// The most requests with one key that ever were at once.
    pub max_in_flight_of_key: u64,
    /// The limit: so many requests …
    pub limit_requests: u32,
    /// … in so many milliseconds.
    pub limit_period_ms: u64,
    /// The most requests that came in any such period.
    pub max_in_period: u64,
    /// Requests by path and query, the query's pairs decoded and in order.
    pub by_key: BTreeMap<String, u64>,
}

/// What `GET /control/requests` shows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RequestCount {
    /// Requests to all sources.
    pub total: u64,
    /// Of these, refused because they came too quickly.
    pub over_limit: u64,
    /// By source.
    pub by_source: BTreeMap<String, SourceCount>,
    /// By source and key: `courts /courts/api/cases?inn=…`.
    pub by_key: BTreeMap<String, u64>,
    /// For each source, the most requests in any period of its limit.
    pub max_in_any_period: BTreeMap<String, u64>,
}

/// What became of an arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// It may be answered: the how many-th request of its key and first page of its source it is, from 1.
    Accepted {
        /// Requests with this key so far.
        of_key: u64,
        /// First pages of this source so far.
        first_pages: u64,
    },
    /// It came too quickly; after so long there is room again.
    TooMany {
        /// How long to wait.
        retry_after: Duration,
    },
}

impl Counters {
    /// Takes note of a request. Every arrival counts in the figures; for the limit only accepted ones do, over nine
    /// tenths of the period: a client that keeps the limit by its own clock is not punished for the network's jitter.
    pub fn arrive(&mut self, source: &str, key: &str, first_page: bool, limit: Limit, now: Instant) -> Arrival {
        let source = self.sources.entry(source.to_owned()).or_default();
        let shown = &mut source.shown;
        shown.total += 1;
        shown.limit_requests = limit.requests;
        shown.limit_period_ms = limit.period.as_millis() as u64;
        let of_key = shown.by_key.entry(key.to_owned()).or_default();
        *of_key += 1;
        let of_key = *of_key;
        forget(&mut source.arrivals, now, limit.period);
        source.arrivals.push_back(now);
        shown.max_in_period = shown.max_in_period.max(source.arrivals.len() as u64);
        let window = limit.period * 9 / 10;
        forget(&mut source.accepted, now, window);
        if source.accepted.len() >= limit.requests as usize {
            shown.over_limit += 1;
            let oldest = source.accepted.front().copied().unwrap_or(now);
            return Arrival::TooMany { retry_after: (oldest + limit.period).saturating_duration_since(now) };
        }
        source.accepted.push_back(now);
        shown.first_pages += u64::from(first_page);
        shown.in_flight += 1;
        shown.max_in_flight = shown.max_in_flight.max(shown.in_flight);
        let answering = source.answering.entry(key.to_owned()).or_default();
        *answering += 1;
        shown.max_in_flight_of_key = shown.max_in_flight_of_key.max(*answering);
        Arrival::Accepted { of_key, first_pages: shown.first_pages }
    }

    /// Takes note that an accepted request was answered or given up.
    pub fn leave(&mut self, source: &str, key: &str) {
        if let Some(source) = self.sources.get_mut(source) {
            source.shown.in_flight = source.shown.in_flight.saturating_sub(1);
            if let Some(answering) = source.answering.get_mut(key) {
                *answering = answering.saturating_sub(1);
                if *answering == 0 {
                    source.answering.remove(key);
                }
            }
        }
    }

    /// Takes note that a request was spoilt.
    pub fn spoil(&mut self, source: &str) {
        if let Some(source) = self.sources.get_mut(source) {
            source.shown.faults += 1;
        }
    }

    /// Begins to count anew. What came before still counts for the limits: a reset is not a way around them.
    pub fn reset(&mut self) {
        for source in self.sources.values_mut() {
            let in_flight = source.shown.in_flight;
            source.shown = SourceCount { in_flight, ..SourceCount::default() };
            source.arrivals.clear();
        }
    }

    /// The figures.
    pub fn shown(&self) -> RequestCount {
        let mut all = RequestCount::default();
        for (id, source) in &self.sources {
            all.total += source.shown.total;
            all.over_limit += source.shown.over_limit;
            all.max_in_any_period.insert(id.clone(), source.shown.max_in_period);
            all.by_key.extend(source.shown.by_key.iter().map(|(key, count)| (format!("{id} {key}"), *count)));
            all.by_source.insert(id.clone(), source.shown.clone());
        }
        all
    }
}

/// Drops what is `period` old or older.
fn forget(times: &mut VecDeque<Instant>, now: Instant, period: Duration) {
    while times.front().is_some_and(|first| now.saturating_duration_since(*first) >= period) {
        times.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Limit = Limit { requests: 3, period: Duration::from_secs(10) };

    #[test]
    fn who_keeps_the_limit_is_never_refused_and_who_does_not_is_told_when() {
        let start = Instant::now();
        let mut counters = Counters::default();
        // Three at once every ten seconds: the limit exactly.
        for round in 0..5 {
            for _ in 0..3 {
                let at = start + LIMIT.period * round;
                assert!(matches!(counters.arrive("s", "k", true, LIMIT, at), Arrival::Accepted { .. }));
            }
        }
        assert_eq!(counters.shown().by_source.get("s").map(|count| count.max_in_period), Some(3));
        let late = start + LIMIT.period * 4 + Duration::from_secs(4);
        let arrival = counters.arrive("s", "k", true, LIMIT, late);
        assert_eq!(arrival, Arrival::TooMany { retry_after: Duration::from_secs(6) });
        let shown = counters.shown();
        assert_eq!((shown.total, shown.over_limit), (16, 1));
        assert_eq!(shown.max_in_any_period.get("s"), Some(&4));
        assert_eq!(shown.by_key.get("s k"), Some(&16));
    }

    #[test]
    fn a_reset_clears_the_figures_but_not_the_limit() {
        let now = Instant::now();
        let mut counters = Counters::default();
        for _ in 0..3 {
            counters.arrive("s", "k", true, LIMIT, now);
        }
        counters.reset();
        assert_eq!(counters.shown().total, 0);
        assert!(matches!(counters.arrive("s", "k", true, LIMIT, now), Arrival::TooMany { .. }));
    }
}
