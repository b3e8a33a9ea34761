//! What two sides differ in: trees are walked pair by pair, what is equal is skipped, and facts that came and went are put
//! together as things.
//!
//! [`compare`] holds all differences, in the order in which people read them; [`part`] holds so many of them, and goes on behind
//! any. [`survey`] holds none, whatever their number: it counts, and [`Comparison::each`] hands them over as they are found.

use super::form::Form;
use super::pairs::{Pair, Skipped, pair};
use super::side::Side;
use super::things::{Group, HELD, Same, Sink};
use super::{
    About, Book, HistoryError, model::Counts, model::Op, model::RiskMoved, model::SideKind, risk, things, world,
};
use mirano_replay::history::Moment;
use mirano_schemas::*;
use std::collections::{BTreeMap, BTreeSet};

/// What two sides differ in.
pub struct Comparison {
    /// The earlier side.
    pub from: Side,
    /// The later one.
    pub to: Side,
    /// How many of each.
    pub counts: Counts,
    /// Differences: changed, added, gone; each by source, kind, subject and identity. None in a survey.
    pub items: Vec<Item>,
    /// Whether there are more behind the last of them.
    pub more: bool,
    /// The answers that were compared.
    pub pairs: Vec<Pair>,
    /// What is not compared.
    pub skipped: Vec<Skipped>,
    /// How the risk moved, where both sides have one.
    pub risk: Option<RiskMoved>,
    /// The persons of whom there are differences.
    pub persons: BTreeSet<Subject>,
    /// Pairs that are compared together, and what they say of their source's form.
    groups: Vec<(Vec<usize>, Form)>,
    held: usize,
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
    /// The pair whose earlier answer shows `from`.
    pub from_pair: usize,
    /// The pair whose later answer shows `to`.
    pub to_pair: usize,
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

/// Compares two sides, all differences at once.
pub fn compare(book: &Book<'_>, from: Side, to: Side) -> Result<Comparison, HistoryError> {
    part(book, from, to, None, usize::MAX)
}

/// Compares two sides and holds so many differences at most: the first ones, or those behind one, which is named by its facts.
/// Finds all of them, to count them and to put them in order.
pub fn part(
    book: &Book<'_>,
    from: Side,
    to: Side,
    behind: Option<Ids>,
    most: usize,
) -> Result<Comparison, HistoryError> {
    let behind = behind.map(|ids| place_of(book, ids)).transpose()?;
    let mut kept = Kept { behind, most, items: Vec::new() };
    let mut comparison = walked(book, from, to, HELD, Some(&mut kept))?;
    kept.order(most);
    comparison.more = kept.items.len() > most;
    for (mut item, group) in kept.items.into_iter().take(most) {
        if let Some((_, form)) = comparison.groups.get(group) {
            form.mark(&mut item);
        }
        comparison.items.push(item);
    }
    Ok(comparison)
}

/// The facts of a difference on both sides, which name it.
pub type Ids = (Option<FactId>, Option<FactId>);

/// Where a difference stands among all.
type Place = (Op, Option<Thing>, Option<FactId>, Option<FactId>);

fn place_of(book: &Book<'_>, (from, to): Ids) -> Result<Place, HistoryError> {
    let op = match (from, to) {
        (Some(_), Some(_)) => Op::Changed,
        (None, _) => Op::Added,
        (_, None) => Op::Gone,
    };
    let thing = to.or(from).map(|id| things::thing_of(book, &id)).transpose()?.flatten();
    Ok((op, thing, from, to))
}

/// The first differences behind a place, in order; with the number of their group.
struct Kept {
    behind: Option<Place>,
    most: usize,
    items: Vec<(Item, usize)>,
}

impl Kept {
    fn take(&mut self, item: Item, group: usize) {
        let behind =
            |(op, thing, from, to): &Place| (item.op, &item.thing, item.from, item.to) > (*op, thing, *from, *to);
        if !self.behind.as_ref().is_none_or(behind) {
            return;
        }
        self.items.push((item, group));
        // So each is compared a few times, however many there are.
        if self.items.len() / 2 > self.most.saturating_add(32) {
            self.order(self.most);
        }
    }

    /// In order, and one more than `most` at most.
    fn order(&mut self, most: usize) {
        self.items.sort_by(|(a, _), (b, _)| (a.op, &a.thing, a.from, a.to).cmp(&(b.op, &b.thing, b.from, b.to)));
        self.items.truncate(most.saturating_add(1));
    }
}

/// Compares two sides and holds no difference: [`Comparison::each`] goes through them, `held` at once (about 200 bytes each).
pub fn survey(book: &Book<'_>, from: Side, to: Side, held: usize) -> Result<Comparison, HistoryError> {
    walked(book, from, to, held.max(1), None)
}

impl Comparison {
    /// Hands over all differences, source by source: as many as `counts` says. Walks the trees again.
    pub fn each(&self, book: &Book<'_>, sink: Sink<'_>) -> Result<(), HistoryError> {
        for (members, form) in &self.groups {
            let moments = moments(&self.from, &self.to);
            let (pairs, only, held) = (&self.pairs, self.from.only.as_ref(), self.held);
            let group = Group { book, pairs, members, only, moments, held };
            group.differences(&mut |mut item| {
                form.mark(&mut item);
                sink(item)
            })?;
        }
        Ok(())
    }
}

fn walked(
    book: &Book<'_>,
    from: Side,
    to: Side,
    held: usize,
    mut keep: Option<&mut Kept>,
) -> Result<Comparison, HistoryError> {
    fits(&from, &to)?;
    let (pairs, skipped, mut unchanged) = match from.view.kind {
        SideKind::World => world::pairs(book, &from, &to)?,
        _ => {
            let (pairs, skipped) = pair(&from, &to);
            (pairs, skipped, 0)
        }
    };
    let person = |subject: &&Subject| subject.level() == Level::Person;
    // Whose answers are shown side by side, also where nothing in them differs.
    let asked = pairs.iter().map(|pair| &pair.subject).filter(|_| from.view.kind != SideKind::World);
    let mut persons: BTreeSet<Subject> = asked.filter(person).cloned().collect();
    let mut counts = Counts::default();
    let mut moves = risk::Moves::between(from.risk.as_ref(), to.risk.as_ref());
    let sealed = sealed(&from, &to, &pairs, &skipped);
    let moments = moments(&from, &to);
    let (mut came, mut crossing) = (0, false);
    let mut groups: Vec<(Vec<usize>, Form)> = Vec::new();
    for members in together(&pairs, from.view.kind) {
        let group = Group { book, pairs: &pairs, members: &members, only: from.only.as_ref(), moments, held };
        let mut form = Form::default();
        let mut same = group.each(&mut |item| {
            match item.op {
                Op::Added => counts.added += 1,
                Op::Gone => counts.gone += 1,
                Op::Changed => counts.changed += 1,
            }
            came += u64::from(item.to.is_some());
            let about = item.thing.as_ref().map(|thing| &thing.subject).filter(person);
            if let Some(person) = about.filter(|person| !persons.contains(*person)) {
                persons.insert(person.clone());
            }
            form.take(&item);
            moves.take(&item);
            if let Some(kept) = &mut keep {
                kept.take(item, groups.len());
            }
            Ok(())
        })?;
        // What several answers have in common need not be counted where the seal says how many facts there are in all.
        let whole = matches!(same, Same::Counted(_));
        let count = if whole || sealed.is_none() || form.asks(same.known()) { same.count()? } else { same.known() };
        crossing |= matches!(same, Same::Crossing(_));
        unchanged += count;
        form.settle(&group, count)?;
        groups.push((members, form));
    }
    // A fact of the whole base that several objects' answers show is one fact.
    counts.unchanged = match sealed.filter(|_| crossing || moments.is_some()) {
        Some(facts) => facts.saturating_sub(came),
        None => unchanged,
    };
    let risk = match (&from.risk, &to.risk) {
        (None, None) => None,
        (before, after) => Some(moves.told(book, before.as_ref(), after.as_ref(), &skipped)?),
    };
    let (items, more) = (Vec::new(), false);
    Ok(Comparison { from, to, counts, items, more, pairs, skipped, risk, persons, groups, held })
}

/// The moments of both sides, where they are the whole base.
fn moments<'a>(from: &'a Side, to: &'a Side) -> Option<(&'a Moment, &'a Moment)> {
    (from.view.kind == SideKind::World).then_some((&from.moment, &to.moment))
}

/// How many facts the later side has in all, where it is sealed and all of them are compared.
fn sealed(from: &Side, to: &Side, pairs: &[Pair], skipped: &[Skipped]) -> Option<u64> {
    let shown = to.asked.iter().filter(|asked| asked.shown.is_ok()).count();
    let whole = match (from.view.kind, to.view.kind) {
        (SideKind::Snapshot, SideKind::Snapshot) => shown == pairs.len(),
        (SideKind::World, SideKind::World) => from.view.facts.is_some() && skipped.is_empty(),
        _ => false,
    };
    to.view.facts.map(u64::from).filter(|_| whole)
}

/// Both are jobs or snapshots about one object, or one subject, or the whole base.
fn fits(from: &Side, to: &Side) -> Result<(), HistoryError> {
    let job = |side: &Side| matches!(side.view.kind, SideKind::Snapshot | SideKind::Job);
    let (a, b) = (&from.view, &to.view);
    let fits = (job(from) && job(to) || a.kind == b.kind) && a.subject == b.subject;
    if fits {
        return Ok(());
    }
    let told = |side: &super::model::SideView| About { side: side.r#ref.clone(), subject: side.subject.clone() };
    Err(HistoryError::NotComparable([told(a), told(b)]))
}

/// Which pairs are compared together. A fact belongs to one source, so that the answers of a source are all that may show
/// it. Of the whole base, where a source has as many answers as there are objects, those about one of them.
fn together(pairs: &[Pair], kind: SideKind) -> Vec<Vec<usize>> {
    let mut together: BTreeMap<(&str, Option<&Subject>), Vec<usize>> = BTreeMap::new();
    for (at, pair) in pairs.iter().enumerate() {
        let about = (kind == SideKind::World).then_some(&pair.subject);
        together.entry((&pair.source, about)).or_default().push(at);
    }
    together.into_values().collect()
}
