//! A fact as it is shown, with when and by which observation it was seen.

use super::Context;
use super::time::rfc3339;
use crate::core::persons;
use mirano_replay::rows::{IntervalRow, ObservationRow};
use mirano_replay::store::{ReadExt, StoreError};
use mirano_replay::{facts, history};
use mirano_schemas::*;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A statement of a source about a subject.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FactView {
    /// Its name: a hash of what it says.
    pub fact_id: String,
    /// `court.case`, `listing.offer`, …
    pub kind: String,
    /// About whom.
    pub subject: String,
    /// The source.
    pub source: String,
    /// `id`: by a unique identifier. `name`: a possible match, same name only.
    pub r#match: String,
    /// Which thing.
    pub identity: BTreeMap<String, Json>,
    /// What is said of it.
    pub attrs: BTreeMap<String, Json>,
    /// What changes without being news.
    pub volatile: BTreeMap<String, Json>,
    /// The source's own date.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub as_of: Option<String>,
    /// When a query first showed it.
    pub first_seen: String,
    /// When it was last shown.
    pub last_seen: String,
    /// When a complete answer no longer showed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gone_at: Option<String>,
    /// When it holds in the world, as the source says.
    pub valid: ValidView,
    /// The observation behind it.
    pub observation_id: String,
    /// The raw answers behind that.
    pub evidence: Vec<String>,
    /// `courts@3`: the connector's version that read it.
    pub connector: String,
}

/// Dates between which a fact holds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct ValidView {
    /// First day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Last day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// A value as JSON: decimals and dates stay text, so that nothing is lost.
pub fn json_value(value: &Value) -> Json {
    match value {
        Value::Text(text) | Value::Decimal(text) | Value::Date(text) => Json::String(text.clone()),
        Value::Integer(number) => Json::from(*number),
        Value::Bool(yes) => Json::Bool(*yes),
        Value::List(values) => Json::Array(values.iter().map(json_value).collect()),
    }
}

fn json_attrs(attrs: &Attrs) -> BTreeMap<String, Json> {
    attrs.iter().map(|(name, value)| (name.clone(), json_value(value))).collect()
}

/// The volatile attributes of an observation, opened.
pub fn volatile_of(ctx: &Context<'_>, observation: ObservationId) -> Result<BTreeMap<FactId, Attrs>, StoreError> {
    let block = facts::volatile(ctx.rows, observation)?;
    Ok(block.into_iter().filter_map(|(id, attrs)| Some((id, persons::open(ctx.vault, &attrs)?))).collect())
}

/// A fact as an observation shows it; none when its person was erased.
pub fn fact_in(
    ctx: &Context<'_>,
    id: FactId,
    observation: &ObservationRow,
    volatile: &BTreeMap<FactId, Attrs>,
) -> Result<Option<FactView>, StoreError> {
    let Some(row) = facts::row(ctx.rows, id)? else { return Ok(None) };
    let Some(fact) = persons::open(ctx.vault, &row.body).map(Fact::from) else { return Ok(None) };
    let recorded = &observation.recorded;
    let of_query = |interval: &&IntervalRow| interval.query == recorded.query;
    let intervals = || row.intervals.iter().filter(of_query);
    // The query's last answer that is known: an interval's end after it is not known yet.
    let newest = history::observation_at(ctx.rows, recorded.query, ctx.as_of.as_ref())?;
    let known = |at: Position| ctx.as_of.is_none() || newest.as_ref().is_some_and(|newest| at <= newest.at);
    let first = intervals().map(|interval| interval.from.observed_at).min().unwrap_or(recorded.observed_at);
    // The interval that holds at this observation, else the last one before it.
    let held = intervals().rev().find(|interval| interval.from.at <= observation.at);
    let gone = held.and_then(|interval| interval.to.as_ref()).filter(|gone| known(gone.bound.at));
    let last_seen = match (gone, &newest) {
        (Some(gone), _) => gone.last_seen,
        (None, Some(last)) => last.recorded.observed_at,
        (None, None) => recorded.observed_at,
    };
    Ok(Some(FactView {
        fact_id: id.to_string(),
        kind: fact.kind,
        subject: fact.subject.to_string(),
        r#match: match fact.matched {
            Match::Id => "id".to_owned(),
            Match::Name => "name".to_owned(),
        },
        identity: json_attrs(&fact.identity),
        attrs: json_attrs(&fact.attrs),
        volatile: volatile.get(&id).map(json_attrs).unwrap_or_default(),
        as_of: recorded.as_of.clone(),
        first_seen: rfc3339(first),
        last_seen: rfc3339(last_seen),
        gone_at: gone.map(|gone| rfc3339(gone.bound.observed_at)),
        valid: ValidView { from: fact.valid.from, to: fact.valid.to },
        observation_id: recorded.observation.to_string(),
        evidence: recorded.evidence.iter().map(ToString::to_string).collect(),
        connector: format!("{}@{}", fact.source, fact.connector),
        source: fact.source,
    }))
}

/// The facts that a receipt names, in the order of their ids.
pub fn facts_of_receipt(ctx: &Context<'_>, receipt: &Receipt) -> Result<Vec<FactView>, StoreError> {
    let Some(observation) = ctx.rows.row::<ObservationRow>(receipt.observation.as_bytes())? else {
        return Ok(Vec::new());
    };
    let volatile = volatile_of(ctx, receipt.observation)?;
    let mut out = Vec::new();
    for id in facts::set(ctx.rows, receipt.facts_root)? {
        out.extend(fact_in(ctx, id, &observation, &volatile)?);
    }
    Ok(out)
}
