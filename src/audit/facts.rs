//! Facts of a replayed state, for other programs: as CSV, and as FollowTheMoney entities (JSON Lines), the interchange
//! format of investigators' tools.
//!
//! Facts about persons are left out unless their keys are at hand: what is sealed says nothing.

use super::replay::State;
use super::verify::Keys;
use mirano_replay::facts;
use mirano_replay::rows::key::FactKey;
use mirano_replay::rows::{FactRow, IntervalRow, LabelRow};
use mirano_replay::store::{ReadExt, Table, decode_row};
use mirano_schemas::{Attrs, Fact, FactId, Level, Match, Sealable, Subject, Timestamp, Value, base32, codec};
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
    store: &State,
    keys: &Keys,
    mut visit: impl FnMut(FactId, &Fact, &[IntervalRow]) -> io::Result<()>,
) -> io::Result<Counted> {
    let mut counted = Counted::default();
    let rows = store.iter().filter(|(table, ..)| *table == Table::Fact).map(|(_, key, bytes)| {
        let row: FactRow = decode_row(Table::Fact, bytes).map_err(io::Error::other)?;
        let key = FactKey::read(key).ok_or_else(|| io::Error::other("a fact without an id"))?;
        Ok::<_, io::Error>((key.fact(), row))
    });
    let mut rows = rows.peekable();
    while let Some(read) = rows.next() {
        let (id, row) = read?;
        let mut whole = Some(row);
        // Of a source with shards each has its row, one behind the other.
        while let Some(further) = rows.next_if(|next| next.as_ref().is_ok_and(|(next, _)| *next == id)) {
            facts::join(&mut whole, Some(further?.1));
        }
        let Some(row) = whole else { continue };
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
pub fn csv(store: &State, keys: &Keys, out: impl Write) -> io::Result<Counted> {
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

/// The name of a subject as an entity's id: the model takes letters, digits, dots and hyphens.
fn entity_id(subject: &Subject) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
    let id: String = subject.0.chars().map(plain).collect();
    // What was replaced may have told two apart, and an id begins and ends with a letter or digit.
    match id.replacen('-', ":", 1) == subject.0 && !id.ends_with(['-', '.']) {
        true => id,
        false => format!(
            "subject-{}",
            base32(blake3::hash(subject.0.as_bytes()).as_bytes().first_chunk::<16>().unwrap_or(&[0; 16]))
        ),
    }
}

/// A time as the model has it: without a zone, UTC.
fn moment(text: &str) -> String {
    text.trim_end_matches('Z').to_owned()
}

/// Entities of FollowTheMoney: each subject once, then each fact as a `Note` about it, court cases as `CourtCase` with the
/// subject as a party. Attributes that the model has no place for stand in `summary`, as JSON.
pub fn follow_the_money(store: &State, keys: &Keys, mut out: impl Write) -> io::Result<Counted> {
    let mut told: BTreeSet<Subject> = BTreeSet::new();
    each(store, keys, |id, fact, intervals| {
        if told.insert(fact.subject.clone()) {
            writeln!(out, "{}", subject(store, &fact.subject))?;
        }
        let (first, gone) = span(intervals);
        let mut properties = json!({
            "name": [fact.kind], "publisher": [fact.source], "retrievedAt": [moment(&first)],
            "summary": [object(&fact.attrs).to_string()],
        });
        let attr = |name: &str| fact.identity.get(name).or(fact.attrs.get(name)).map(plain);
        let mut put = |name: &str, value: Option<String>| {
            if let (Some(value), Some(map)) = (value.filter(|value| !value.is_empty()), properties.as_object_mut()) {
                map.insert(name.to_owned(), json!([value]));
            }
        };
        put("modifiedAt", Some(moment(&gone)));
        let about = entity_id(&fact.subject);
        if fact.kind == "court.case" {
            put("caseNumber", attr("number"));
            put("fileDate", attr("filed").filter(|date| date.parse::<chrono::NaiveDate>().is_ok()));
            put("court", attr("court"));
            put("status", attr("status"));
            put("category", attr("category"));
            writeln!(out, "{}", json!({"id": id.to_string(), "schema": "CourtCase", "properties": properties}))?;
            let mut party = json!({ "party": [about], "case": [id.to_string()] });
            if let (Some(role), Some(map)) = (attr("role").filter(|role| !role.is_empty()), party.as_object_mut()) {
                map.insert("role".to_owned(), json!([role]));
            }
            return writeln!(
                out,
                "{}",
                json!({"id": format!("{id}-party"), "schema": "CourtCaseParty", "properties": party})
            );
        }
        put("entity", Some(about));
        put("description", Some(object(&fact.identity).to_string()));
        writeln!(out, "{}", json!({"id": id.to_string(), "schema": "Note", "properties": properties}))
    })
}

fn subject(store: &State, subject: &Subject) -> Json {
    let (_, name) = subject.0.split_once(':').unwrap_or(("", &subject.0));
    let label: Option<LabelRow> = store.row(subject.0.as_bytes()).ok().flatten();
    let label = label.map_or_else(|| name.to_owned(), |row| row.label);
    let (schema, properties) = match subject.level() {
        Level::Property => ("RealEstate", json!({"name": [label], "address": [label]})),
        Level::Developer if name.len() == 13 => ("Company", json!({"name": [label], "ogrnCode": [name]})),
        Level::Developer => ("Company", json!({"name": [label], "innCode": [name]})),
        Level::Person => ("Person", json!({"name": [label]})),
        // A register or list that a source keeps stands for who keeps it.
        Level::Source => ("Organization", json!({"name": [label]})),
    };
    json!({"id": entity_id(subject), "schema": schema, "properties": properties})
}
