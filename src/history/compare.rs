//! Added, gone, changed: the trees of each pair side by side, then what is the same thing with other attributes.

use super::model::{Counts, Op};
use super::pairs::{Pair, Skipped, pair};
use super::side::{Side, erased};
use super::{Book, HistoryError, model::RiskMoved, model::SideKind, risk, world};
use crate::core::persons;
use mirano_replay::facts;
use mirano_replay::rows::{FactRow, ObservationRow};
use mirano_replay::store::{ReadExt, StoreError};
use mirano_replay::tree::diff::{Change, Diff};
use mirano_schemas::*;
use std::collections::{BTreeMap, BTreeSet};

/// So large a share of a source's things changes one attribute at once only when its form changed.
const BY_FORM: f64 = 0.9;
/// Fewer things than this say nothing about the form.
const BY_FORM_LEAST: usize = 20;

/// What two sides differ in.
pub struct Comparison {
    /// The earlier side.
    pub from: Side,
    /// The later one.
    pub to: Side,
    /// How many of each.
    pub counts: Counts,
    /// Differences: changed, added, gone; each by source, kind, subject and identity.
    pub items: Vec<Item>,
    /// The answers that were compared.
    pub pairs: Vec<Pair>,
    /// What is not compared.
    pub skipped: Vec<Skipped>,
    /// How the risk moved, where both sides have one.
    pub risk: Option<RiskMoved>,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What became of it.
    pub op: Op,
    /// Which thing; none when its person was erased.
    pub thing: Option<Thing>,
    /// The fact on the earlier side.
    pub from: Option<FactId>,
    /// The fact on the later side.
    pub to: Option<FactId>,
    /// Attributes that changed: before and after.
    pub attrs: BTreeMap<String, (Option<Value>, Option<Value>)>,
    /// Whether the way of reading changed, and not the world.
    pub by_connector: bool,
    /// The pair of answers.
    pub pair: usize,
}

/// What makes a thing the same thing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Thing {
    /// The source.
    pub source: String,
    /// The kind.
    pub kind: String,
    /// About whom.
    pub subject: Subject,
    /// How sure the source is of the subject.
    pub matched: Match,
    /// Its identity.
    pub identity: Attrs,
}

/// Compares two sides.
pub fn compare(book: &Book<'_>, from: Side, to: Side) -> Result<Comparison, HistoryError> {
    fits(&from, &to)?;
    let (pairs, skipped, mut unchanged) = match from.view.kind {
        SideKind::World => world::pairs(book, &from, &to)?,
        _ => {
            let (pairs, skipped) = pair(&from, &to);
            (pairs, skipped, 0)
        }
    };
    let mut items = Vec::new();
    for (pair, same) in grouped(book, &pairs, from.only.as_ref(), &mut items)? {
        unchanged += same;
        by_form(&mut items, pair, same);
    }
    items.sort_by(|a, b| (a.op, &a.thing, a.from, a.to).cmp(&(b.op, &b.thing, b.from, b.to)));
    let count = |op: Op| items.iter().filter(|item| item.op == op).count() as u64;
    let counts = Counts { added: count(Op::Added), gone: count(Op::Gone), changed: count(Op::Changed), unchanged };
    let risk = match (&from.risk, &to.risk) {
        (None, None) => None,
        (before, after) => Some(risk::moved(book, before.as_ref(), after.as_ref(), &items)?),
    };
    Ok(Comparison { from, to, counts, items, pairs, skipped, risk })
}

/// Both are jobs or snapshots about one object, or one subject, or the whole base.
fn fits(from: &Side, to: &Side) -> Result<(), HistoryError> {
    let job = |side: &Side| matches!(side.view.kind, SideKind::Snapshot | SideKind::Job);
    let (a, b) = (&from.view, &to.view);
    let fits = (job(from) && job(to) || a.kind == b.kind) && a.subject == b.subject;
    if fits {
        return Ok(());
    }
    let told = |side: &super::model::SideView| match &side.subject {
        Some(subject) => format!("{} is about {subject}", side.r#ref),
        None => format!("{} is the whole base", side.r#ref),
    };
    Err(HistoryError::NotComparable(format!("{}, {}", told(a), told(b))))
}

/// Adds the differences of all pairs to `items`; gives for each pair how many facts are on both sides.
fn grouped(
    book: &Book<'_>,
    pairs: &[Pair],
    only: Option<&Subject>,
    items: &mut Vec<Item>,
) -> Result<Vec<(usize, u64)>, HistoryError> {
    // Two queries of one source about one subject may show the same fact: then what came in one of them may be no news.
    let mut together: BTreeMap<(&str, &Subject), Vec<usize>> = BTreeMap::new();
    for (at, pair) in pairs.iter().enumerate() {
        together.entry((&pair.source, &pair.subject)).or_default().push(at);
    }
    let mut out = Vec::new();
    for (_, members) in together {
        let Some(first) = members.first().copied() else { continue };
        let (added, gone, same) = match (members.as_slice(), only) {
            ([_], None) => differences(book, pairs.get(first))?,
            _ => plainly(book, members.iter().filter_map(|at| pairs.get(*at)), only)?,
        };
        let before = items.len();
        things(book, first, pairs.get(first), &added, &gone, items)?;
        let changed = items.iter().skip(before).filter(|item| item.op == Op::Changed).count();
        debug_assert!(changed <= added.len());
        out.push((first, same));
    }
    Ok(out)
}

type Found = (Vec<FactId>, Vec<FactId>, u64);

/// By the trees: reads only what differs.
fn differences(book: &Book<'_>, pair: Option<&Pair>) -> Result<Found, StoreError> {
    let Some(pair) = pair else { return Ok((Vec::new(), Vec::new(), 0)) };
    if pair.from.root == pair.to.root {
        return Ok((Vec::new(), Vec::new(), u64::from(pair.to.facts)));
    }
    let mut diff = Diff::new(book.rows, pair.from.root, pair.to.root)?;
    let (mut added, mut gone) = (Vec::new(), Vec::new());
    for change in diff.by_ref() {
        match change? {
            Change::Added(id) => added.push(id),
            Change::Gone(id) => gone.push(id),
        }
    }
    Ok((added, gone, diff.unchanged()))
}

/// By whole sets, for those of several queries together, or of one subject only.
fn plainly<'p>(
    book: &Book<'_>,
    pairs: impl Iterator<Item = &'p Pair>,
    only: Option<&Subject>,
) -> Result<Found, StoreError> {
    let (mut from, mut to) = (BTreeSet::new(), BTreeSet::new());
    for pair in pairs {
        from.extend(facts::set(book.rows, pair.from.root)?);
        to.extend(facts::set(book.rows, pair.to.root)?);
    }
    if let Some(only) = only {
        let about = |id: &FactId| -> Result<bool, StoreError> {
            let row: Option<FactRow> = book.rows.row(id.as_bytes())?;
            Ok(row.is_some_and(|row| subject_of(&row) == only))
        };
        for set in [&mut from, &mut to] {
            let mut failed = None;
            set.retain(|id| about(id).map_err(|error| failed = Some(error)).unwrap_or(false));
            failed.map_or(Ok(()), Err)?;
        }
    }
    let (added, gone) = (to.difference(&from).copied().collect(), from.difference(&to).copied().collect());
    Ok((added, gone, from.intersection(&to).count() as u64))
}

/// Whom a fact is about.
pub fn subject_of(row: &FactRow) -> &Subject {
    match &row.body {
        Sealable::Plain(fact) => &fact.subject,
        Sealable::Sealed(sealed) => &sealed.subject,
    }
}

/// Facts that came and went as things: the same thing with other attributes is a change.
fn things(
    book: &Book<'_>,
    place: usize,
    pair: Option<&Pair>,
    added: &[FactId],
    gone: &[FactId],
    items: &mut Vec<Item>,
) -> Result<(), StoreError> {
    let Some(pair) = pair else { return Ok(()) };
    let read = |id: &FactId| -> Result<Option<Fact>, StoreError> {
        let row: Option<FactRow> = book.rows.row(id.as_bytes())?;
        Ok(row.and_then(|row| persons::open(book.vault, &row.body)).map(Fact::from))
    };
    let item =
        |op, thing, from, to| Item { op, thing, from, to, attrs: BTreeMap::new(), by_connector: false, pair: place };
    let mut before: BTreeMap<Thing, Vec<(FactId, Fact)>> = BTreeMap::new();
    for id in gone {
        match read(id)? {
            Some(fact) => before.entry(thing(&fact)).or_default().push((*id, fact)),
            None => items.push(item(Op::Gone, None, Some(*id), None)),
        }
    }
    for id in added {
        let Some(fact) = read(id)? else {
            items.push(item(Op::Added, None, None, Some(*id)));
            continue;
        };
        let thing = thing(&fact);
        match before.get_mut(&thing).and_then(Vec::pop) {
            Some((old, was)) => items.push(Item {
                attrs: changed(&was.attrs, &fact.attrs),
                by_connector: was.connector != fact.connector,
                ..item(Op::Changed, Some(thing), Some(old), Some(*id))
            }),
            None => items.push(item(Op::Added, Some(thing), None, Some(*id))),
        }
    }
    let left = before.into_iter().flat_map(|(thing, facts)| facts.into_iter().map(move |(id, _)| (thing.clone(), id)));
    let left: Vec<Item> = left.map(|(thing, id)| item(Op::Gone, Some(thing), Some(id), None)).collect();
    // Under another version of the connector most of what was there is named anew: that is no news of the world.
    let renamed = left.len() >= BY_FORM_LEAST && left.len() * 2 >= pair.from.facts as usize;
    items.extend(left);
    if renamed && connector(book, &pair.from.observation)? != connector(book, &pair.to.observation)? {
        for item in items.iter_mut().filter(|item| item.pair == place) {
            item.by_connector = true;
        }
    }
    Ok(())
}

fn connector(book: &Book<'_>, observation: &ObservationId) -> Result<Option<u32>, StoreError> {
    Ok(book.rows.row::<ObservationRow>(observation.as_bytes())?.map(|row| row.recorded.connector))
}

fn thing(fact: &Fact) -> Thing {
    Thing {
        source: fact.source.clone(),
        kind: fact.kind.clone(),
        subject: fact.subject.clone(),
        matched: fact.matched,
        identity: fact.identity.clone(),
    }
}

fn changed(before: &Attrs, after: &Attrs) -> BTreeMap<String, (Option<Value>, Option<Value>)> {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let both = names.into_iter().map(|name| (name.clone(), (before.get(name).cloned(), after.get(name).cloned())));
    both.filter(|(_, (before, after))| before != after).collect()
}

/// Changes in which nearly all things of a source changed the same attributes come from its form.
fn by_form(items: &mut [Item], pair: usize, unchanged: u64) {
    let mut counted: BTreeMap<String, usize> = BTreeMap::new();
    let mut changed = 0;
    for item in items.iter().filter(|item| item.pair == pair && item.op == Op::Changed) {
        changed += 1;
        for name in item.attrs.keys() {
            *counted.entry(name.clone()).or_default() += 1;
        }
    }
    let common = changed + usize::try_from(unchanged).unwrap_or(usize::MAX);
    if common < BY_FORM_LEAST {
        return;
    }
    counted.retain(|_, count| *count as f64 >= common as f64 * BY_FORM);
    for item in items.iter_mut().filter(|item| item.pair == pair && item.op == Op::Changed) {
        item.by_connector |= item.attrs.keys().all(|name| counted.contains_key(name));
    }
}

/// Whether a fact can't be told any more.
pub fn is_erased(book: &Book<'_>, row: &FactRow) -> bool {
    matches!(row.body, Sealable::Sealed(_)) && erased(book, subject_of(row))
}
