//! How each fact about a subject came and went.
//!
//! The trees of a query's answers are walked one after the other; a fact is met where it came first. Whatever their number, few
//! are held at once: a page, or none where they are handed over as they are met.

use super::HistoryError;
use super::known::{Begun, begun, queries_about, shown_by};
use super::render::Recent;
use super::things::subject_of;
use crate::explain::time::rfc3339;
use crate::explain::{self, Context, FactView};
use mirano_replay::rows::{FactRow, GoneBound, ObservationRow};
use mirano_replay::store::{ReadExt, StoreError, Table};
use mirano_replay::tree::diff::{Change, Diff};
use mirano_replay::{facts, tree};
use mirano_schemas::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

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

/// A history of a subject.
pub struct Course<'c> {
    ctx: &'c Context<'c>,
    subject: &'c Subject,
    /// Facts of this kind only.
    kind: Option<&'c str>,
    /// Those that may be known of.
    queries: Vec<QueryKey>,
}

/// By what the facts of a page are in order: each thing's together, oldest first.
type Place = (String, String, String, String, FactId);

impl<'c> Course<'c> {
    /// For a tenant.
    pub fn of(
        ctx: &'c Context<'c>,
        tenant: &str,
        subject: &'c Subject,
        kind: Option<&'c str>,
    ) -> Result<Self, StoreError> {
        Ok(Self { ctx, subject, kind, queries: queries_about(ctx.rows, ctx.policy, tenant, subject)? })
    }

    /// So many facts behind one, in order, and whether there are more. Looks at all of them, and holds a page.
    pub fn page(&self, after: Option<FactId>, limit: usize) -> Result<(Vec<FactHistory>, bool), HistoryError> {
        let behind = match after {
            Some(id) => match self.row(id)?.map(|row| self.place(id, &row)).transpose()?.flatten() {
                Some((place, _)) => Some(place),
                // What it named is not shown any more to this caller, and so nothing behind it.
                None => return Ok((Vec::new(), false)),
            },
            None => None,
        };
        let mut kept: Vec<(Place, ObservationId)> = Vec::new();
        self.each_row(&mut |id, row| {
            if let Some(found) = self.place(id, row)?.filter(|(place, _)| Some(place) > behind.as_ref()) {
                kept.push(found);
                // So each is compared a few times, however many there are.
                if kept.len() / 2 > limit + 32 {
                    kept.sort();
                    kept.truncate(limit + 1);
                }
            }
            Ok(())
        })?;
        kept.sort();
        let more = kept.len() > limit;
        let (mut shown, mut volatile) = (Vec::new(), Recent::default());
        for ((.., id), observation) in kept.into_iter().take(limit) {
            if let Some(row) = self.row(id)? {
                shown.extend(self.told(id, &row, observation, &mut volatile)?);
            }
        }
        Ok((shown, more))
    }

    /// Hands over all facts, query by query, as they came. Holds none.
    pub fn each(&self, sink: &mut dyn FnMut(FactHistory) -> Result<(), HistoryError>) -> Result<(), HistoryError> {
        let mut volatile = Recent::default();
        self.each_row(&mut |id, row| {
            let Some(observation) = shown_by(self.ctx.rows, row, self.ctx.as_of.as_ref())? else { return Ok(()) };
            match self.told(id, row, observation, &mut volatile)? {
                Some(told) if self.kind.is_none_or(|kind| kind == told.fact.kind) => sink(told),
                _ => Ok(()),
            }
        })
    }

    /// The row of a fact about the subject, with the intervals that may be known of.
    fn row(&self, id: FactId) -> Result<Option<FactRow>, StoreError> {
        let row = facts::row(self.ctx.rows, id)?.filter(|row| subject_of(&row.body) == self.subject);
        Ok(row.map(|mut row| {
            row.intervals.retain(|interval| self.queries.contains(&interval.query));
            row
        }))
    }

    /// Visits each fact about the subject once, where it came first.
    fn each_row(
        &self,
        visit: &mut dyn FnMut(FactId, &FactRow) -> Result<(), HistoryError>,
    ) -> Result<(), HistoryError> {
        for query in &self.queries {
            let mut before = tree::root([]);
            for id in self.answers(*query)? {
                let Some(answer) = self.ctx.rows.row::<ObservationRow>(id.as_bytes())? else { continue };
                if !self.ctx.as_of.as_ref().is_none_or(|moment| moment.knows(answer.at, answer.recorded_at)) {
                    break;
                }
                let after = answer.recorded.facts_root;
                if after == before {
                    continue;
                }
                for change in Diff::new(self.ctx.rows, before, after)? {
                    let Change::Added(fact) = change? else { continue };
                    let Some(row) = self.row(fact)? else { continue };
                    if self.first_known(&row)? == Some(id) {
                        visit(fact, &row)?;
                    }
                }
                before = after;
            }
        }
        Ok(())
    }

    /// The answer that showed a fact first, of those that are known of: whichever queue of its source asked, and however long after it
    /// another one did.
    fn first_known(&self, row: &FactRow) -> Result<Option<ObservationId>, StoreError> {
        if let [only] = row.intervals.as_slice() {
            return Ok(Some(only.from.observation));
        }
        let begun = begun(self.ctx.rows, row, self.ctx.as_of.as_ref())?;
        let from = |one: &Begun<'_>| {
            let from = &one.interval.from;
            (from.observed_at, from.at.partition, from.at.seq, from.observation)
        };
        Ok(begun.iter().map(from).min().map(|(.., observation)| observation))
    }

    /// The answers to a query, oldest first.
    fn answers(&self, query: QueryKey) -> Result<Vec<ObservationId>, StoreError> {
        let mut ids = Vec::new();
        self.ctx.rows.scan(Table::QueryObservation, query.as_bytes(), &[], &mut |_, id| {
            ids.extend(id.try_into().map(ObservationId));
            true
        })?;
        Ok(ids)
    }

    /// Where a fact stands, and the last answer that showed it; none when it was not known yet, or is of another kind.
    fn place(&self, id: FactId, row: &FactRow) -> Result<Option<(Place, ObservationId)>, StoreError> {
        let Some(observation) = shown_by(self.ctx.rows, row, self.ctx.as_of.as_ref())? else { return Ok(None) };
        // What is volatile does not move its place.
        let fact = match self.ctx.rows.row::<ObservationRow>(observation.as_bytes())? {
            Some(answer) => explain::fact_in(self.ctx, id, &answer, &BTreeMap::new())?,
            None => None,
        };
        let place = |fact: FactView| {
            let thing = serde_json::to_string(&fact.identity).unwrap_or_default();
            ((fact.kind, fact.source, thing, fact.first_seen, id), observation)
        };
        Ok(fact.filter(|fact| self.kind.is_none_or(|kind| kind == fact.kind)).map(place))
    }

    fn told(
        &self,
        id: FactId,
        row: &FactRow,
        observation: ObservationId,
        volatile: &mut Recent<BTreeMap<FactId, Attrs>>,
    ) -> Result<Option<FactHistory>, StoreError> {
        let Some(answer) = self.ctx.rows.row::<ObservationRow>(observation.as_bytes())? else { return Ok(None) };
        let volatile = volatile.get(observation, || explain::volatile_of(self.ctx, observation))?;
        let fact = explain::fact_in(self.ctx, id, &answer, &volatile)?;
        fact.map(|fact| Ok(FactHistory { fact, intervals: intervals(self.ctx, row)? })).transpose()
    }
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
