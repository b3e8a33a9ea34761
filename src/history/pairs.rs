//! Which answers are compared with which, and what can't be.

use super::side::{Asked, Lacks, Shown, Side};
use mirano_schemas::{QueryKey, Subject};
use std::collections::{BTreeMap, BTreeSet};

/// Two complete answers to one query.
#[derive(Debug, Clone)]
pub struct Pair {
    /// The source.
    pub source: String,
    /// About whom it was asked.
    pub subject: Subject,
    /// The earlier side's.
    pub from: Shown,
    /// The later side's.
    pub to: Shown,
}

/// Something that is not compared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Skipped {
    /// The source.
    pub source: String,
    /// About whom.
    pub subject: Subject,
    /// `from`, `to` or `both`.
    pub side: &'static str,
    /// Why.
    pub reason: Lacks,
}

/// Pairs the answers of two sides: by query, else by source and subject.
pub fn pair(from: &Side, to: &Side) -> (Vec<Pair>, Vec<Skipped>) {
    let (mut pairs, mut skipped) = (Vec::new(), BTreeSet::new());
    let mut matched = BTreeSet::new();
    let by_query: BTreeMap<QueryKey, usize> =
        to.asked.iter().enumerate().filter_map(|(at, asked)| Some((asked.query?, at))).collect();
    let taken: BTreeSet<QueryKey> = from.asked.iter().filter_map(|asked| asked.query).collect();
    let mut later: Vec<(&Asked, Option<&Asked>)> = Vec::new();
    for asked in &from.asked {
        let other = asked.query.and_then(|query| by_query.get(&query).copied());
        // One that waits for its parameters, and so for whom it is about, knows them on the other side perhaps.
        let other = other.or_else(|| {
            to.asked.iter().enumerate().position(|(at, other)| {
                (asked.query.is_none() || other.query.is_none())
                    && !matched.contains(&at)
                    && other.query.is_none_or(|query| !taken.contains(&query))
                    && other.source == asked.source
            })
        });
        matched.extend(other);
        later.push((asked, other.and_then(|at| to.asked.get(at))));
    }
    for (asked, other) in later {
        match other {
            Some(other) => two(asked, other, &mut pairs, &mut skipped),
            None => {
                skipped.insert(one(asked, "to", to));
            }
        }
    }
    for (at, asked) in to.asked.iter().enumerate() {
        if !matched.contains(&at) {
            skipped.insert(one(asked, "from", from));
        }
    }
    (pairs, skipped.into_iter().collect())
}

fn one(asked: &Asked, side: &'static str, other: &Side) -> Skipped {
    let asks = other.asked.iter().any(|other| other.source == asked.source);
    let reason = if asks || other.only.is_some() { Lacks::Missing } else { Lacks::NotInProfile };
    Skipped { source: asked.source.clone(), subject: asked.subject.clone(), side, reason }
}

pub(super) fn two(from: &Asked, to: &Asked, pairs: &mut Vec<Pair>, skipped: &mut BTreeSet<Skipped>) {
    let lacks = |asked: &Asked| match &asked.shown {
        Ok(shown) if shown.complete => None,
        Ok(_) => Some(Lacks::Incomplete),
        Err(lacks) => Some(*lacks),
    };
    let why = match (lacks(from), lacks(to)) {
        (None, None) => None,
        (Some(reason), None) => Some(("from", reason)),
        (None, Some(reason)) => Some(("to", reason)),
        (Some(reason), Some(_)) => Some(("both", reason)),
    };
    match (why, &from.shown, &to.shown) {
        (None, Ok(before), Ok(after)) => pairs.push(Pair {
            source: to.source.clone(),
            subject: to.subject.clone(),
            from: before.clone(),
            to: after.clone(),
        }),
        (Some((side, reason)), ..) => {
            skipped.insert(Skipped { source: to.source.clone(), subject: to.subject.clone(), side, reason });
        }
        (None, ..) => {}
    }
}
