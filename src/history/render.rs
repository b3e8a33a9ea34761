//! A comparison, ready to be shown: page by page, or line by line.

use super::compare::{Comparison, Item, Thing};
use super::model::*;
use super::{Book, HistoryError};
use crate::core::policy::Policy;
use crate::explain::time::rfc3339;
use crate::explain::words::Lang;
use crate::explain::{self, Context, FactView, json_value, outcome_word};
use mirano_replay::history::Moment;
use mirano_replay::rows::ObservationRow;
use mirano_replay::store::{ReadExt, StoreError};
use mirano_schemas::*;
use std::collections::BTreeMap;
use std::sync::Arc;

/// So many answers of each side are kept at hand while differences are shown.
const AT_HAND: usize = 64;

/// Shows the differences of a comparison.
pub struct Renderer<'a> {
    comparison: &'a Comparison,
    from: Facts<'a>,
    to: Facts<'a>,
}

impl<'a> Renderer<'a> {
    /// Of a comparison.
    pub fn new(book: &'a Book<'a>, policy: &'a Policy, comparison: &'a Comparison) -> Self {
        let context = |moment: &Moment| Context {
            rows: book.rows,
            policy,
            // Only of tasks is it asked in which partition they stand, and differences show none.
            partitions: 1,
            vault: book.vault,
            now: moment.at,
            lang: Lang::default(),
            as_of: Some(moment.clone()),
        };
        let facts = |moment: &Moment| Facts { ctx: context(moment), seen: Recent::default() };
        Self { comparison, from: facts(&comparison.from.moment), to: facts(&comparison.to.moment) }
    }

    /// One difference.
    pub fn item(&mut self, item: &Item) -> Result<ItemView, StoreError> {
        let pairs = &self.comparison.pairs;
        let before = match (item.from, pairs.get(item.from_pair)) {
            (Some(id), Some(pair)) => self.from.view(id, pair.from.observation)?,
            _ => None,
        };
        let after = match (item.to, pairs.get(item.to_pair)) {
            (Some(id), Some(pair)) => self.to.view(id, pair.to.observation)?,
            _ => None,
        };
        Ok(view(item, before, after))
    }

    /// All that belongs to the whole, and no difference.
    pub fn head(&mut self) -> Result<DiffView, StoreError> {
        let comparison = self.comparison;
        let mut receipts = Vec::new();
        // Of the whole base these would be as many as its answers.
        if comparison.from.view.kind != SideKind::World {
            for pair in comparison.pairs.iter().filter(|pair| pair.from.observation != pair.to.observation) {
                let before = self.from.answer(pair.from.observation)?;
                let Some((before, after)) = before.zip(self.to.answer(pair.to.observation)?) else { continue };
                let (source, subject) = (pair.source.clone(), pair.subject.to_string());
                receipts.push(ReceiptMoved { source, subject, from: before, to: after });
            }
        }
        let skipped = comparison.skipped.iter().map(|skipped| NotCompared {
            source: skipped.source.clone(),
            subject: skipped.subject.to_string(),
            side: skipped.side.to_owned(),
            reason: skipped.reason.word().to_owned(),
        });
        Ok(DiffView {
            from: comparison.from.view.clone(),
            to: comparison.to.view.clone(),
            counts: comparison.counts,
            items: Vec::new(),
            next_cursor: None,
            not_compared: skipped.collect(),
            receipts,
            risk: comparison.risk.clone(),
        })
    }
}

/// The items of a comparison, with all that belongs to the whole. No cursor is set.
pub fn page(book: &Book<'_>, policy: &Policy, comparison: &Comparison) -> Result<DiffView, HistoryError> {
    let mut renderer = Renderer::new(book, policy, comparison);
    let mut view = renderer.head()?;
    for item in &comparison.items {
        view.items.push(renderer.item(item)?);
    }
    Ok(view)
}

/// A comparison of any size, line by line: the first is all that belongs to the whole, then one for each difference in the order
/// in which they are found, at last `{"end": true, "items": n}`, without which it was cut. `line` takes each; an error of it ends.
pub fn lines(
    book: &Book<'_>,
    policy: &Policy,
    survey: &Comparison,
    line: &mut dyn FnMut(String) -> Result<(), HistoryError>,
) -> Result<(), HistoryError> {
    let text = |error: serde_json::Error| HistoryError::Store(StoreError::Storage(error.to_string()));
    let mut renderer = Renderer::new(book, policy, survey);
    line(serde_json::to_string(&renderer.head()?).map_err(text)?)?;
    let mut items = 0u64;
    survey.each(book, &mut |item| {
        items += 1;
        line(serde_json::to_string(&renderer.item(&item)?).map_err(text)?)
    })?;
    line(serde_json::json!({ "end": true, "items": items }).to_string())
}

fn view(item: &Item, from: Option<FactView>, to: Option<FactView>) -> ItemView {
    let identity =
        |thing: &Thing| thing.identity.iter().map(|(name, value)| (name.clone(), json_value(value))).collect();
    let moved = |(before, after): &(Option<Value>, Option<Value>)| Moved {
        from: before.as_ref().map(json_value),
        to: after.as_ref().map(json_value),
    };
    ItemView {
        op: item.op,
        kind: item.thing.as_ref().map(|thing| thing.kind.clone()),
        identity: item.thing.as_ref().map(identity).unwrap_or_default(),
        attrs: item.attrs.iter().map(|(name, values)| (name.clone(), moved(values))).collect(),
        cause: if item.by_connector { "connector" } else { "world" }.to_owned(),
        from,
        to,
        erased: item.thing.is_none(),
    }
}

/// What was read of the answers that were looked at last.
pub(super) struct Recent<T>(BTreeMap<ObservationId, Arc<T>>);

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T> Recent<T> {
    /// Reads it, unless it is at hand.
    pub(super) fn get(
        &mut self,
        id: ObservationId,
        read: impl FnOnce() -> Result<T, StoreError>,
    ) -> Result<Arc<T>, StoreError> {
        if let Some(known) = self.0.get(&id) {
            return Ok(Arc::clone(known));
        }
        let new = Arc::new(read()?);
        if self.0.len() >= AT_HAND {
            self.0.clear();
        }
        self.0.insert(id, Arc::clone(&new));
        Ok(new)
    }
}

/// An observation and its volatile attributes; none if it is not there.
type Seen = Option<(ObservationRow, BTreeMap<FactId, Attrs>)>;

/// Facts of one side, with each observation read once.
struct Facts<'a> {
    ctx: Context<'a>,
    seen: Recent<Seen>,
}

impl Facts<'_> {
    fn view(&mut self, id: FactId, observation: ObservationId) -> Result<Option<FactView>, StoreError> {
        let ctx = &self.ctx;
        let seen = self.seen.get(observation, || {
            let row: Option<ObservationRow> = ctx.rows.row(observation.as_bytes())?;
            row.map(|row| Ok((row, explain::volatile_of(ctx, observation)?))).transpose()
        })?;
        match &*seen {
            Some((row, volatile)) => explain::fact_in(ctx, id, row, volatile),
            None => Ok(None),
        }
    }

    fn answer(&mut self, id: ObservationId) -> Result<Option<AnswerView>, StoreError> {
        let row: Option<ObservationRow> = self.ctx.rows.row(id.as_bytes())?;
        Ok(row.map(|row| AnswerView {
            observation_id: id.to_string(),
            observed_at: rfc3339(row.recorded.observed_at),
            outcome: outcome_word(row.recorded.outcome),
            facts: row.recorded.facts,
            connector: format!("{}@{}", row.recorded.source, row.recorded.connector),
        }))
    }
}
