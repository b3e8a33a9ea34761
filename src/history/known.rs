//! What was known of a subject at a moment, and how each fact about it came and went.

use super::things::subject_of;
use crate::core::policy::Policy;
use crate::explain::time::rfc3339;
use crate::explain::{self, Context, FactView};
use mirano_replay::history::{self, Moment};
use mirano_replay::rows::{FactRow, GoneBound, IntervalRow, ObservationRow, QueryRow};
use mirano_replay::store::{Read, ReadExt, StoreError, Table, decode_row};
use mirano_replay::tree;
use mirano_replay::tree::diff::{Change, Diff};
use mirano_replay::tree::union::{Found, UnionDiff};
use mirano_schemas::*;
use serde::{Deserialize, Serialize};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use utoipa::ToSchema;

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
struct Begun<'a> {
    interval: &'a IntervalRow,
    /// The newest answer of its query.
    newest: ObservationRow,
    /// How it had ended.
    gone: Option<&'a GoneBound>,
}

/// The intervals of a fact that had begun at a moment, or have now.
fn begun<'a>(rows: &dyn Read, fact: &'a FactRow, moment: Option<&Moment>) -> Result<Vec<Begun<'a>>, StoreError> {
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

/// A fact, and when it was shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FactHistory {
    /// The fact, as the last observation before the moment that showed it says.
    pub fact: FactView,
    /// When it came and went, oldest first.
    pub intervals: Vec<IntervalView>,
}

/// From which to which answer of one query a fact was shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IntervalView {
    /// When the source was asked that first showed it.
    pub from: String,
    /// That answer.
    pub observation_id: String,
    /// Its place in the log.
    pub position: String,
    /// When it was last shown.
    pub last_seen: String,
    /// When a complete answer no longer showed it; `null`: it is shown.
    pub gone_at: Option<String>,
    /// That answer.
    pub gone_observation_id: Option<String>,
    /// Its place in the log.
    pub gone_position: Option<String>,
}

/// Which part of a history.
pub struct Part<'a> {
    /// For whom.
    pub tenant: &'a str,
    /// Facts of this kind only.
    pub kind: Option<&'a str>,
    /// Behind this fact.
    pub after: Option<FactId>,
    /// So many at most.
    pub limit: usize,
}

/// Facts about a subject that were ever shown before a moment, each thing's facts together, oldest first; and whether there
/// are more behind them. Costs as much as its queries were answered and changed.
pub fn history_of(
    ctx: &Context<'_>,
    subject: &Subject,
    part: &Part<'_>,
) -> Result<(Vec<FactHistory>, bool), StoreError> {
    let mut ids: BTreeSet<FactId> = BTreeSet::new();
    let queries = queries_about(ctx.rows, ctx.policy, part.tenant, subject)?;
    for query in queries.iter().copied() {
        let mut before = tree::root([]);
        for observation in observations(ctx, query)? {
            let after = observation.recorded.facts_root;
            if after != before {
                for change in Diff::new(ctx.rows, before, after)? {
                    if let Change::Added(id) = change? {
                        ids.insert(id);
                    }
                }
            }
            before = after;
        }
    }
    let mut out = Vec::new();
    for id in ids {
        let Some(mut row) = ctx.rows.row::<FactRow>(id.as_bytes())? else { continue };
        if subject_of(&row) != subject {
            continue;
        }
        row.intervals.retain(|interval| queries.contains(&interval.query));
        let Some(observation) = shown_by(ctx.rows, &row, ctx.as_of.as_ref())? else { continue };
        let Some(answer) = ctx.rows.row::<ObservationRow>(observation.as_bytes())? else { continue };
        // What is volatile does not move its place.
        let Some(fact) = explain::fact_in(ctx, id, &answer, &BTreeMap::new())? else { continue };
        if part.kind.is_none_or(|kind| kind == fact.kind) {
            let thing = serde_json::to_string(&fact.identity).unwrap_or_default();
            out.push(((fact.kind, fact.source, thing, fact.first_seen, id), observation));
        }
    }
    out.sort();
    // The list only grows, and keeps its order.
    let skip = match part.after {
        Some(after) => out.iter().position(|((.., id), _)| *id == after).map_or(out.len(), |at| at + 1),
        None => 0,
    };
    let more = out.len() > skip.saturating_add(part.limit);
    let mut volatile: BTreeMap<ObservationId, BTreeMap<FactId, Attrs>> = BTreeMap::new();
    let mut shown = Vec::new();
    for ((.., id), observation) in out.into_iter().skip(skip).take(part.limit) {
        let volatile = match volatile.entry(observation) {
            Entry::Occupied(read) => read.into_mut(),
            Entry::Vacant(unread) => unread.insert(explain::volatile_of(ctx, observation)?),
        };
        let row: Option<FactRow> = ctx.rows.row(id.as_bytes())?;
        let row = row.map(|mut row| {
            row.intervals.retain(|interval| queries.contains(&interval.query));
            row
        });
        let answer: Option<ObservationRow> = ctx.rows.row(observation.as_bytes())?;
        let Some((row, answer)) = row.zip(answer) else { continue };
        if let Some(fact) = explain::fact_in(ctx, id, &answer, volatile)? {
            shown.push(FactHistory { fact, intervals: intervals(ctx, &row)? });
        }
    }
    Ok((shown, more))
}

/// The observations of a query that were known, oldest first.
fn observations(ctx: &Context<'_>, query: QueryKey) -> Result<Vec<ObservationRow>, StoreError> {
    let mut ids = Vec::new();
    ctx.rows.scan(Table::QueryObservation, query.as_bytes(), &[], &mut |_, id| {
        ids.push(id.to_vec());
        true
    })?;
    let mut out = Vec::new();
    for id in ids {
        let bytes = ctx.rows.get(Table::Observation, &id)?;
        let row: Option<ObservationRow> = bytes.map(|bytes| decode_row(Table::Observation, &bytes)).transpose()?;
        let known =
            |row: &ObservationRow| ctx.as_of.as_ref().is_none_or(|moment| moment.knows(row.at, row.recorded_at));
        match row.filter(known) {
            Some(row) => out.push(row),
            None => break,
        }
    }
    Ok(out)
}

fn intervals(ctx: &Context<'_>, row: &FactRow) -> Result<Vec<IntervalView>, StoreError> {
    let mut begun = begun(ctx.rows, row, ctx.as_of.as_ref())?;
    begun.sort_by_key(|one| one.interval.from.observed_at);
    let view = |Begun { interval, newest, gone }| IntervalView {
        from: rfc3339(interval.from.observed_at),
        observation_id: interval.from.observation.to_string(),
        position: interval.from.at.to_string(),
        last_seen: rfc3339(gone.map_or(newest.recorded.observed_at, |gone: &GoneBound| gone.last_seen)),
        gone_at: gone.map(|gone| rfc3339(gone.bound.observed_at)),
        gone_observation_id: gone.map(|gone| gone.bound.observation.to_string()),
        gone_position: gone.map(|gone| gone.bound.at.to_string()),
    };
    Ok(begun.into_iter().map(view).collect())
}
