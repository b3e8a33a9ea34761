//! `[limits]` of a source: how fast, how much, when it is left alone.

use super::{DayHours, DurationMs};
use serde::{Deserialize, Serialize};

/// `[limits]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsSpec {
    /// In how many queues its budget is divided, each in a partition of its own; never changes.
    #[serde(skip_serializing_if = "is_one")]
    pub shards: u32,
    /// HTTP requests in a period: at most `rate.requests` in any `rate.period`.
    pub rate: Rate,
    /// How many of them may start at once.
    pub burst: u32,
    /// How many tasks may run at once.
    pub concurrency: u32,
    /// After this a request is given up.
    pub timeout: DurationMs,
    /// The pool of proxies to go through; none: directly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxies: Option<String>,
    /// HTTP requests on one day, UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub daily: Option<u32>,
    /// Once this part of the day's requests is used, only what people wait for begins.
    #[serde(skip_serializing_if = "is_all")]
    pub background: f64,
    /// Hours in which the source is left alone, UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quiet: Option<DayHours>,
    /// Whether a source that says it is asked too fast (status 429 or 503) is asked more slowly for a while.
    #[serde(skip_serializing_if = "is_true")]
    pub slow_down: bool,
    /// When a source that does not answer is left alone.
    #[serde(skip_serializing_if = "BreakerSpec::is_default")]
    pub breaker: BreakerSpec,
}

impl Default for LimitsSpec {
    fn default() -> Self {
        Self {
            shards: 1,
            rate: Rate { requests: 60, period: DurationMs(60_000) },
            burst: 1,
            concurrency: 1,
            timeout: DurationMs(20_000),
            proxies: None,
            daily: None,
            background: 1.0,
            quiet: None,
            slow_down: true,
            breaker: BreakerSpec::default(),
        }
    }
}

fn is_one(number: &u32) -> bool {
    *number == 1
}

fn is_true(yes: &bool) -> bool {
    *yes
}

fn is_all(part: &f64) -> bool {
    *part >= 1.0
}

impl LimitsSpec {
    /// How many of the day's requests may be used before the rest is kept for what people wait for; none: nothing is kept.
    pub fn for_background(&self) -> Option<u32> {
        let daily = self.daily.filter(|_| !is_all(&self.background))?;
        Some((f64::from(daily) * self.background) as u32)
    }

    /// What is wrong, by key.
    pub(super) fn problems(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        let mut add = |key: &str, detail: &str| found.push((key.to_owned(), detail.to_owned()));
        if self.burst == 0 {
            add("burst", "at least 1");
        }
        if self.burst > self.rate.requests {
            add("burst", &format!("more than the rate allows in its period: {}", self.rate.requests));
        }
        if self.daily == Some(0) {
            add("daily", "at least 1; leave it out for no such limit");
        }
        if !(self.background > 0.0 && self.background <= 1.0) {
            add("background", "a part: more than 0, at most 1");
        } else if self.background < 1.0 && self.daily.is_none() {
            add("background", "a part of `daily`, which is not there");
        }
        if self.concurrency == 0 {
            add("concurrency", "at least 1");
        }
        for (key, detail) in self.breaker.problems() {
            add(&format!("breaker.{key}"), detail);
        }
        if self.timeout.0 == 0 {
            add("timeout", "must be longer than nothing");
        }
        found
    }
}

/// `breaker = { … }` of `[limits]`: attempts that come to nothing (*unavailable* or *blocked*) open it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BreakerSpec {
    /// So many in a row open it; 0: it never opens.
    pub failures: u32,
    /// This share of the last [`BreakerSpec::of`] opens it too; above 1: no share does.
    pub share: f64,
    /// See `share`; 64 at most.
    pub of: u32,
    /// The source is then left alone for so long, and asked once to see; twice as long after each time that it does not answer.
    pub rest: DurationMs,
    /// The longest rest.
    pub longest: DurationMs,
    /// A task that waited so long for a source that did not answer all the while is given up.
    pub give_up: DurationMs,
}

impl Default for BreakerSpec {
    fn default() -> Self {
        Self {
            failures: 10,
            share: 0.75,
            of: 20,
            rest: DurationMs(30_000),
            longest: DurationMs(600_000),
            give_up: DurationMs(900_000),
        }
    }
}

impl BreakerSpec {
    /// What is wrong, by key.
    pub(super) fn problems(&self) -> Vec<(&'static str, &'static str)> {
        let mut found = Vec::new();
        if self.failures > 64 {
            found.push(("failures", "at most 64; 0: it never opens"));
        }
        if self.share.is_nan() || self.share <= 0.0 {
            found.push(("share", "more than 0; above 1: no share opens it"));
        }
        if self.of == 0 || self.of > 64 {
            found.push(("of", "from 1 to 64"));
        }
        if self.rest.0 == 0 {
            found.push(("rest", "must be longer than nothing"));
        }
        if self.longest < self.rest {
            found.push(("longest", "shorter than the first rest"));
        }
        found
    }

    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// `"30/m"`: requests in a period of `s`, `m`, `h` or `d`, or a number of them, `"30/10s"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub requests: u32,
    /// In how long.
    pub period: DurationMs,
}

impl std::str::FromStr for Rate {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let error = || format!("not a rate like \"30/m\" or \"5/10s\": {text:?}");
        let (requests, period) = text.split_once('/').ok_or_else(error)?;
        let requests: u32 = requests.trim().parse().map_err(|_| error())?;
        let period = period.trim();
        let period =
            if period.starts_with(|c: char| c.is_ascii_digit()) { period.to_owned() } else { format!("1{period}") };
        let period: DurationMs = period.parse().map_err(|_| error())?;
        if requests == 0 || period.0 == 0 {
            return Err(error());
        }
        Ok(Self { requests, period })
    }
}

impl Serialize for Rate {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}/{}", self.requests, self.period))
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <std::borrow::Cow<'de, str>>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
