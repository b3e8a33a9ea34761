//! What was known of a subject at a moment.

use crate::core::policy::Policy;
use crate::explain::{self, Context, FactView};
use mirano_replay::history::{self, Moment};
use mirano_replay::rows::{FactRow, GoneBound, IntervalRow, ObservationRow, QueryRow};
use mirano_replay::store::{Read, ReadExt, StoreError};
use mirano_replay::tree::union::{Found, UnionDiff};
use mirano_schemas::*;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

/// The queries that a subject's facts come from, as far as a tenant may know of them: what was asked about a person is for who
/// asked about that person, also where the answer speaks of a company; and some sources' answers are not shared between tenants.
pub fn queries_about(
    rows: &dyn Read,
    policy: &Policy,
    tenant: &str,
    subject: &Subject,
) -> Result<Vec<QueryKey>, StoreError> {
    let mut may: BTreeMap<Subject, bool> = [(subject.clone(), true)].into();
    let mut out = Vec::new();
    for query in history::queries_about(rows, subject)? {
        let row: Option<QueryRow> = rows.row(query.as_bytes())?;
        let Some(row) = row.filter(|row| policy.shows_query(row, tenant)) else { continue };
        let person = row.subject;
        if person.level() != Level::Person {
            out.push(query);
            continue;
        }
        let may = match may.entry(person) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(unknown) => {
                let asked = explain::asked_about(rows, tenant, unknown.key())?;
                *unknown.insert(asked)
            }
        };
        if may {
            out.push(query);
        }
    }
    Ok(out)
}

/// The queries whose answers show a fact at a moment.
pub fn showing(rows: &dyn Read, fact: &FactRow, moment: &Moment) -> Result<BTreeSet<QueryKey>, StoreError> {
    let begun = begun(rows, fact, Some(moment))?;
    Ok(begun.into_iter().filter(|one| one.gone.is_none()).map(|one| one.interval.query).collect())
}

/// An interval of a fact that had begun, as it was known.
pub(super) struct Begun<'a> {
    pub(super) interval: &'a IntervalRow,
    /// The newest answer of its query.
    pub(super) newest: ObservationRow,
    /// How it had ended.
    pub(super) gone: Option<&'a GoneBound>,
}

/// The intervals of a fact that had begun at a moment, or have now.
pub(super) fn begun<'a>(
    rows: &dyn Read,
    fact: &'a FactRow,
    moment: Option<&Moment>,
) -> Result<Vec<Begun<'a>>, StoreError> {
    let mut begun = Vec::new();
    for interval in &fact.intervals {
        let Some(newest) = history::observation_at(rows, interval.query, moment)? else { continue };
        if interval.from.at <= newest.at {
            let gone = interval.to.as_ref().filter(|to| to.bound.at <= newest.at);
            begun.push(Begun { interval, newest, gone });
        }
    }
    Ok(begun)
}

/// What answered the queries about a subject at a moment, or answers them now; their facts may be about others too.
pub fn answers_about(
    rows: &dyn Read,
    policy: &Policy,
    tenant: &str,
    subject: &Subject,
    moment: Option<&Moment>,
) -> Result<Vec<ObservationRow>, StoreError> {
    let queries = queries_about(rows, policy, tenant, subject)?;
    let answers = queries.into_iter().map(|query| history::observation_at(rows, query, moment));
    answers.filter_map(Result::transpose).collect()
}

/// A part of the facts that some answers show.
#[derive(Debug, Default)]
pub struct FactsPage {
    /// The facts, in the order of their ids.
    pub items: Vec<FactView>,
    /// Which of the answers shows each.
    pub shown_by: Vec<usize>,
    /// There are more after this one.
    pub next: Option<FactId>,
}

/// Facts that some answers show and that are wanted, after one, in the order of ids, so many at most; of several answers that
/// show a fact the first speaks for it. Reads no more of the answers than it gives.
pub fn facts_page(
    ctx: &Context<'_>,
    answers: &[ObservationRow],
    after: Option<FactId>,
    limit: usize,
    wanted: impl Fn(&FactView) -> bool,
) -> Result<FactsPage, StoreError> {
    let roots: Vec<Root> = answers.iter().map(|answer| answer.recorded.facts_root).collect();
    let mut union = UnionDiff::new(ctx.rows, &[], &roots)?;
    if let Some(after) = &after {
        union.pass(after)?;
    }
    let mut volatile: BTreeMap<usize, BTreeMap<FactId, Attrs>> = BTreeMap::new();
    let (mut page, mut last) = (FactsPage::default(), None);
    for found in union {
        let Found { change, set } = found?;
        let Some(answer) = answers.get(set) else { continue };
        let volatile = match volatile.entry(set) {
            Entry::Occupied(read) => read.into_mut(),
            Entry::Vacant(unread) => unread.insert(explain::volatile_of(ctx, answer.recorded.observation)?),
        };
        let fact = explain::fact_in(ctx, change.id(), answer, volatile)?;
        let Some(fact) = fact.filter(&wanted) else { continue };
        if page.items.len() == limit {
            page.next = last;
            break;
        }
        last = Some(change.id());
        page.items.push(fact);
        page.shown_by.push(set);
    }
    Ok(page)
}

/// The last observation that showed a fact, as known at a moment; none when it was not known yet.
pub fn shown_by(rows: &dyn Read, fact: &FactRow, moment: Option<&Moment>) -> Result<Option<ObservationId>, StoreError> {
    let shown = begun(rows, fact, moment)?.into_iter().map(|one| match one.gone {
        Some(_) => (one.interval.from.observed_at, one.interval.from.observation),
        None => (one.newest.recorded.observed_at, one.newest.recorded.observation),
    });
    Ok(shown.max().map(|(_, observation)| observation))
}
