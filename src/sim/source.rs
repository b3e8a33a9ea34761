//! Sources of the model world: what is true changes with time, and what they answer is not always the truth.
//!
//! A source writes down every request that reaches it, when and under which lease: that book is the auditor's.

use super::farm;
use super::policy::{self, CADASTRE, COURTS, DEBTS};
use super::rng::{self, Rng};
use mirano_schemas::{Attrs, Fact, Match, Outcome, Params, Subject, Validity, Value};
use std::collections::BTreeMap;

/// A request as the source saw it.
#[derive(Debug, Clone)]
pub struct Request {
    pub source: String,
    pub proxy: Option<String>,
    /// By the clock of the one who asked.
    pub wall: i64,
    /// In truth.
    pub from: i64,
    pub to: i64,
}

/// What a source would show.
#[derive(Debug, Clone)]
pub struct Shown {
    pub facts: Vec<(Fact, Attrs)>,
    pub complete: bool,
    pub by_status_only: bool,
}

/// What comes of asking.
#[derive(Debug, Clone)]
pub enum Said {
    Shows(Shown),
    Fails { outcome: Outcome, cause: &'static str, retry_after_ms: Option<u64>, http_status: Option<u16> },
}

/// How often sources misbehave: one answer in so many; 0 is never.
#[derive(Debug, Clone, Copy, Default)]
pub struct Moods {
    pub fails: u64,
    pub cuts: u64,
    pub lies: u64,
    pub slow: u64,
    /// Facts are so large that an answer takes several commits.
    pub bulky: bool,
}

pub struct Sources {
    seed: u64,
    pub moods: Moods,
    pub book: Vec<Request>,
}

fn one_in(rng: &mut Rng, n: u64) -> bool {
    n > 0 && rng.chance(1, n)
}

pub const COMPANIES: [&str; 3] = ["7707083893", "7704407589", "7810001110"];

impl Sources {
    pub fn new(seed: u64, moods: Moods) -> Self {
        Self { seed, moods, book: Vec::new() }
    }

    /// A request reaches the source; returns how long it takes. Never longer than the timeout of the one who asks.
    pub fn reached(&mut self, request: Request, rng: &mut Rng) -> i64 {
        let most = policy::limits(&request.source).timeout_ms;
        let took = if one_in(rng, self.moods.slow) { rng.range(most / 2, most) } else { rng.range(20, 900) };
        let to = request.from + took;
        self.book.push(Request { to, ..request });
        took
    }

    /// Whether a proxy is down for these five minutes: then nothing reaches the source through it.
    pub fn is_down(&self, proxy: &str, now: i64) -> bool {
        let name: Vec<u64> = proxy.bytes().map(u64::from).collect();
        let when = [self.seed, now as u64 / 300_000];
        self.moods.fails > 0 && rng::of(&[&when[..], &name[..]].concat()).is_multiple_of(4)
    }

    /// What the source says when asked at `now`, for all pages together.
    pub fn say(&self, source: &str, subject: &Subject, params: &Params, now: i64, rng: &mut Rng) -> Said {
        if one_in(rng, self.moods.fails) {
            return match farm::number(source) {
                Some(n) => farm::fails(n, rng),
                None => fails(rng),
            };
        }
        let mut facts = self.truth(source, subject, params, now);
        let mut shown = Shown { facts: Vec::new(), complete: true, by_status_only: false };
        if one_in(rng, self.moods.lies) {
            // "Nothing", by the status alone.
            return Said::Shows(Shown { by_status_only: true, ..shown });
        }
        if one_in(rng, self.moods.cuts) {
            facts.truncate(rng.below(facts.len() as u64 + 1) as usize);
            shown.complete = rng.chance(1, 4);
        }
        Said::Shows(Shown { facts, ..shown })
    }

    fn truth(&self, source: &str, subject: &Subject, params: &Params, now: i64) -> Vec<(Fact, Attrs)> {
        let (nests, whole) = (policy::NESTS.1, policy::WHOLE);
        let of: Vec<u64> = params
            .iter()
            .filter(|(name, _)| *name != nests)
            .flat_map(|(_, value)| value.bytes())
            .map(u64::from)
            .chain(source.bytes().map(u64::from))
            .collect();
        let query = rng::of(&[&[self.seed], &of[..]].concat());
        let most = if source == CADASTRE {
            3
        } else if self.moods.bulky {
            40
        } else {
            6
        };
        let mut facts = BTreeMap::new();
        for number in 0..most {
            // Things come, go and come back; each keeps its own time.
            let period = 5 + rng::of(&[query, number, 1]) % 60;
            let epoch = now as u64 / (period * 60_000);
            if rng::of(&[query, number, epoch, 2]).is_multiple_of(3) {
                continue;
            }
            let asked = params.get(nests).map_or(whole, String::as_str);
            let role = if rng::of(&[query, number, epoch / 2, 3]).is_multiple_of(2) {
                "Ответчик"
            } else {
                "Истец"
            };
            // A part of the list shows those who have the role.
            if asked != whole && asked != role {
                continue;
            }
            let (kind, identity, name) = match (source, number) {
                (CADASTRE, 0 | 1) => {
                    let company = COMPANIES[(rng::of(&[query, number, epoch / 4, 4]) % 3) as usize];
                    ("cadastre.developer", "inn", company.to_owned())
                }
                (CADASTRE, _) => ("cadastre.area", "part", number.to_string()),
                (COURTS, _) => ("court.case", "number", number.to_string()),
                (DEBTS, _) => ("debt.order", "number", number.to_string()),
                _ if farm::number(source).is_some() => ("farm.entry", "number", number.to_string()),
                _ => ("list.entry", "number", number.to_string()),
            };
            let mut attrs: Attrs =
                [(identity.to_owned(), Value::text(&name)), ("role".to_owned(), Value::text(role))].into();
            let share = if self.moods.bulky { "x".repeat(12_000) } else { "part".to_owned() };
            attrs.insert("share".to_owned(), Value::text(&share));
            let fact = Fact {
                source: source.to_owned(),
                kind: kind.to_owned(),
                subject: subject.clone(),
                matched: Match::Id,
                identity: [(identity.to_owned(), Value::text(&name))].into(),
                attrs,
                valid: Validity::default(),
                connector: 1,
            };
            let views = Value::Integer((now / 240_000) * i64::from(number == 1));
            facts.insert((kind, name), (fact, Attrs::from([("views".to_owned(), views)])));
        }
        facts.into_values().collect()
    }
}

fn fails(rng: &mut Rng) -> Said {
    let (outcome, cause, retry_after_ms, http_status) = match rng.below(6) {
        0 => (Outcome::Unavailable, "timeout", None, None),
        1 => (Outcome::Unavailable, "status 503", None, Some(503)),
        2 => (Outcome::Blocked, "captcha", None, Some(200)),
        3 => (Outcome::Blocked, "status 429", Some(1_000 * (1 + rng.below(90))), Some(429)),
        4 => (Outcome::Unparsable, "another page", None, Some(200)),
        _ => (Outcome::Refused, "refused", None, Some(400)),
    };
    Said::Fails { outcome, cause, retry_after_ms, http_status }
}
