//! Facts of a replayed state, for other programs: as CSV, and as FollowTheMoney entities (JSON Lines), the interchange
//! format of investigators' tools.
//!
//! Facts about persons are left out unless their keys are at hand: what is sealed says nothing.

use super::verify::Keys;
use mirano_replay::rows::{FactRow, IntervalRow, LabelRow};
use mirano_replay::store::{MemoryStore, ReadExt, Table, decode_row};
use mirano_schemas::{Attrs, Fact, FactId, Level, Match, Sealable, Subject, Timestamp, Value, codec};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeSet;
use std::io::{self, Write};

/// How many were written, and how many were left out because they are sealed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    /// Written.
    pub written: u64,
    /// Sealed with keys that are not here.
    pub sealed: u64,
}

/// An attribute's value as JSON; decimals and dates are text.
pub fn json_value(value: &Value) -> Json {
    match value {
        Value::Text(text) | Value::Decimal(text) | Value::Date(text) => Json::from(text.clone()),
        Value::Integer(number) => Json::from(*number),
        Value::Bool(yes) => Json::from(*yes),
        Value::List(values) => values.iter().map(json_value).collect(),
    }
}

fn object(attrs: &Attrs) -> Json {
    Json::Object(attrs.iter().map(|(name, value)| (name.clone(), json_value(value))).collect::<Map<_, _>>())
}

fn plain(value: &Value) -> String {
    match json_value(value) {
        Json::String(text) => text,
        other => other.to_string(),
    }
}

/// Visits every fact that can be read, in the order of ids.
fn each(
    store: &MemoryStore,
    keys: &Keys,
    mut visit: impl FnMut(FactId, &Fact, &[IntervalRow]) -> io::Result<()>,
) -> io::Result<Counted> {
    let mut counted = Counted::default();
    for (_, key, bytes) in store.iter().filter(|(table, ..)| *table == Table::Fact) {
        let row: FactRow = decode_row(Table::Fact, bytes).map_err(io::Error::other)?;
        let id = FactId(key.try_into().map_err(|_| io::Error::other("a fact without an id"))?);
        let fact = match row.body {
            Sealable::Plain(fact) => Some(fact),
            Sealable::Sealed(sealed) => keys
                .of(&sealed.subject)
                .and_then(|keys| keys.open(&sealed).ok())
                .and_then(|plain| codec::decode_exact(&plain).ok()),
        };
        match fact {
            Some(fact) => {
                visit(id, &fact, &row.intervals)?;
                counted.written += 1;
            }
            None => counted.sealed += 1,
        }
    }
    Ok(counted)
}

fn time(at: Timestamp) -> String {
    let at = chrono::DateTime::from_timestamp_millis(at.0).unwrap_or_default();
    at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

/// First seen, and gone if no query shows it any more.
fn span(intervals: &[IntervalRow]) -> (String, String) {
    let first = intervals.iter().map(|interval| interval.from.observed_at).min();
    let open = intervals.iter().any(|interval| interval.to.is_none());
    let gone = intervals.iter().filter_map(|interval| interval.to.as_ref()).map(|to| to.bound.observed_at).max();
    (first.map(time).unwrap_or_default(), gone.filter(|_| !open).map(time).unwrap_or_default())
}

/// One row a fact.
pub fn csv(store: &MemoryStore, keys: &Keys, out: impl Write) -> io::Result<Counted> {
    let mut out = csv::Writer::from_writer(out);
    out.write_record([
        "fact_id",
        "source",
        "kind",
        "subject",
        "match",
        "identity",
        "attrs",
        "valid_from",
        "valid_to",
        "first_seen",
        "gone_at",
        "connector",
    ])?;
    let counted = each(store, keys, |id, fact, intervals| {
        let matched = if fact.matched == Match::Id { "id" } else { "name" };
        let (first, gone) = span(intervals);
        out.write_record([
            &id.to_string(),
            &fact.source,
            &fact.kind,
            &fact.subject.0,
            matched,
            &object(&fact.identity).to_string(),
            &object(&fact.attrs).to_string(),
            fact.valid.from.as_deref().unwrap_or_default(),
            fact.valid.to.as_deref().unwrap_or_default(),
            &first,
            &gone,
            &fact.connector.to_string(),
        ])?;
        Ok(())
    })?;
    out.flush()?;
    Ok(counted)
}

/// Entities of FollowTheMoney: each subject once, then each fact as a `Note` about it, court cases as `CourtCase` with the
/// subject as a party. Attributes that the model has no place for stand in `summary`, as JSON.
pub fn follow_the_money(store: &MemoryStore, keys: &Keys, mut out: impl Write) -> io::Result<Counted> {
    let mut told: BTreeSet<Subject> = BTreeSet::new();
    each(store, keys, |id, fact, intervals| {
        if told.insert(fact.subject.clone()) {
            writeln!(out, "{}", subject(store, &fact.subject))?;
        }
        let (first, gone) = span(intervals);
        let mut properties = json!({
            "name": [fact.kind], "publisher": [fact.source], "retrievedAt": [first],
            "summary": [object(&fact.attrs).to_string()],
        });
        let attr = |name: &str| fact.identity.get(name).or(fact.attrs.get(name)).map(plain);
        let mut put = |name: &str, value: Option<String>| {
            if let (Some(value), Some(map)) = (value.filter(|value| !value.is_empty()), properties.as_object_mut()) {
                map.insert(name.to_owned(), json!([value]));
            }
        };
        put("modifiedAt", Some(gone));
        if fact.kind == "court.case" {
            put("caseNumber", attr("number"));
            put("fileDate", attr("filed"));
            put("court", attr("court"));
            put("status", attr("status"));
            put("category", attr("category"));
            writeln!(out, "{}", json!({"id": id.to_string(), "schema": "CourtCase", "properties": properties}))?;
            let party = json!({
                "party": [fact.subject.0], "case": [id.to_string()], "role": [attr("role").unwrap_or_default()],
            });
            return writeln!(
                out,
                "{}",
                json!({"id": format!("{id}-party"), "schema": "CourtCaseParty", "properties": party})
            );
        }
        put("entity", Some(fact.subject.0.clone()));
        put("description", Some(object(&fact.identity).to_string()));
        writeln!(out, "{}", json!({"id": id.to_string(), "schema": "Note", "properties": properties}))
    })
}

fn subject(store: &MemoryStore, subject: &Subject) -> Json {
    let (_, name) = subject.0.split_once(':').unwrap_or(("", &subject.0));
    let label: Option<LabelRow> = store.row(subject.0.as_bytes()).ok().flatten();
    let label = label.map_or_else(|| name.to_owned(), |row| row.label);
    let (schema, properties) = match subject.level() {
        Level::Property => ("RealEstate", json!({"name": [label], "address": [label]})),
        Level::Developer if name.len() == 13 => ("Company", json!({"name": [label], "ogrnCode": [name]})),
        Level::Developer => ("Company", json!({"name": [label], "innCode": [name]})),
        Level::Person => ("Person", json!({"name": [label]})),
        Level::Source => ("Thing", json!({"name": [label]})),
    };
    json!({"id": subject.0, "schema": schema, "properties": properties})
}
