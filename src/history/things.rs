//! Facts that came and went in a group of answers, as things: the same thing with other attributes is a change.
//!
//! Differences are handed over one by one. However many there are, only so many are held at once: more are gone through in
//! parts, each part all that became of some of the things, and for each part the trees are walked again.

use super::compare::{Item, Thing};
use super::model::Op;
use super::pairs::Pair;
use super::{Book, HistoryError, known};
use crate::core::persons;
use mirano_replay::facts;
use mirano_replay::history::{self, Moment};
use mirano_replay::rows::QueryRow;
use mirano_replay::store::{Read, ReadExt, StoreError};
use mirano_replay::tree::diff::{Change, Diff};
use mirano_replay::tree::union::{Found, UnionDiff};
use mirano_schemas::*;
use std::collections::BTreeMap;

/// So many differences are held at once.
pub const HELD: usize = 100_000;
/// Up to so many, what vanished is held with its content; of more it is read once more.
const HELD_WHOLE: usize = 5_000;

/// So many facts are fetched at once.
const AT_ONCE: usize = 64;

/// Takes differences as they come.
pub type Sink<'s> = &'s mut dyn FnMut(Item) -> Result<(), HistoryError>;

/// Answers whose facts are compared together, because one source gave them: a fact that two of them show came or went once.
pub struct Group<'b> {
    pub book: &'b Book<'b>,
    pub pairs: &'b [Pair],
    /// Which of the pairs.
    pub members: &'b [usize],
    /// Only facts about this subject.
    pub only: Option<&'b Subject>,
    /// Of the whole base, which is compared object by object: both moments. What came or went in one object's answers and is shown
    /// by another's is no difference.
    pub moments: Option<(&'b Moment, &'b Moment)>,
    /// So many differences are held at once.
    pub held: usize,
}

/// How many facts both sides of a group show, as far as that is known.
pub enum Same<'b> {
    /// So many.
    Counted(u64),
    /// Several answers may show the same fact, and who wants to know has to read them.
    Crossing(Box<UnionDiff<'b, dyn Read + 'b>>),
}

impl Same<'_> {
    /// How many, or at least how many.
    pub fn known(&self) -> u64 {
        match self {
            Self::Counted(count) => *count,
            Self::Crossing(diff) => diff.unchanged(),
        }
    }

    /// How many; reads what it has to.
    pub fn count(&mut self) -> Result<u64, StoreError> {
        if let Self::Crossing(diff) = self {
            diff.count_crossing()?;
        }
        Ok(self.known())
    }
}

/// The trees of a group, walked side by side.
pub enum Walk<'b> {
    /// They are the same.
    Same(u64),
    /// One a side.
    Pair(Diff<'b, dyn Read + 'b>),
    /// Several a side.
    Many(Box<UnionDiff<'b, dyn Read + 'b>>),
}

impl Iterator for Walk<'_> {
    type Item = Result<Found, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Same(_) => None,
            Self::Pair(diff) => diff.next().map(|change| change.map(|change| Found { change, set: 0 })),
            Self::Many(diff) => diff.next(),
        }
    }
}

/// A fact as it can be told.
enum Told {
    /// It is about somebody else.
    Other,
    /// Its person was erased.
    Erased,
    Fact(Box<Fact>),
}

/// A fact that went: which, the pair that showed it, and what it said, where that is held.
type Vanished = (FactId, usize, Option<Box<Fact>>);

impl<'b> Group<'b> {
    /// Hands over what the two sides differ in, and tells what they have in common.
    pub fn each(&self, sink: Sink<'_>) -> Result<Same<'b>, HistoryError> {
        let (walk, came) = self.differences(sink)?;
        Ok(match (self.only, walk) {
            (Some(only), _) => Same::Counted(self.shown_about(only)?.saturating_sub(came)),
            (None, Walk::Same(count)) => Same::Counted(count),
            (None, Walk::Pair(diff)) => Same::Counted(diff.unchanged()),
            (None, Walk::Many(diff)) if diff.crosses() => Same::Crossing(diff),
            (None, Walk::Many(diff)) => Same::Counted(diff.unchanged()),
        })
    }

    /// Hands over what the two sides differ in; gives how many facts came, and the trees, walked to their end.
    pub fn differences(&self, sink: Sink<'_>) -> Result<(Walk<'b>, u64), HistoryError> {
        let mut walk = self.walk()?;
        let (mut found, mut differences) = (Vec::new(), 0usize);
        for change in walk.by_ref() {
            let change = change?;
            if self.elsewhere(&change.change)? {
                continue;
            }
            differences += 1;
            if differences <= self.held {
                found.push(change);
            }
        }
        let parts = differences.div_ceil(self.held).max(1);
        let mut came = 0;
        if parts == 1 {
            came += self.part(&found, sink)?;
        } else {
            drop(found);
            for part in 0..parts {
                let mut found = Vec::new();
                for change in self.walk()? {
                    let change = change?;
                    if self.elsewhere(&change.change)? {
                        continue;
                    }
                    if self.part_of(change.change.id(), parts)? == part {
                        found.push(change);
                    }
                }
                came += self.part(&found, sink)?;
            }
        }
        Ok((walk, came))
    }

    /// Whether a change is none, or is told elsewhere: the side that lacks the fact in these answers shows it in others, or several
    /// objects' answers changed alike, of which the first tells it.
    fn elsewhere(&self, change: &Change) -> Result<bool, StoreError> {
        let (Some((from, to)), rows) = (self.moments, self.book.rows) else { return Ok(false) };
        let (id, own, other) = match change {
            Change::Added(id) => (id, to, from),
            Change::Gone(id) => (id, from, to),
        };
        let Some(row) = facts::row(rows, *id)? else { return Ok(false) };
        if !known::showing(rows, &row, other)?.is_empty() {
            return Ok(true);
        }
        for query in known::showing(rows, &row, own)? {
            let complete = |moment| -> Result<bool, StoreError> {
                Ok(history::observation_at(rows, query, Some(moment))?.is_some_and(|found| found.recorded.complete))
            };
            if complete(from)? && complete(to)? {
                let first: Option<QueryRow> = rows.row(query.as_bytes())?;
                let here = self.pairs().next().map(|pair| &pair.subject);
                return Ok(first.is_some_and(|first| Some(&first.subject) != here));
            }
        }
        Ok(false)
    }

    /// The pairs.
    pub fn pairs(&self) -> impl Iterator<Item = &'b Pair> + use<'b> {
        let (members, pairs) = (self.members, self.pairs);
        members.iter().filter_map(|at| pairs.get(*at))
    }

    fn walk(&self) -> Result<Walk<'b>, StoreError> {
        let (from, to): (Vec<Root>, Vec<Root>) = self.pairs().map(|pair| (pair.from.root, pair.to.root)).unzip();
        match (from.as_slice(), to.as_slice()) {
            ([before], [after]) if before == after => {
                Ok(Walk::Same(self.pairs().map(|pair| u64::from(pair.to.facts)).sum()))
            }
            ([before], [after]) => Ok(Walk::Pair(Diff::new(self.book.rows, *before, *after)?)),
            _ => Ok(Walk::Many(Box::new(UnionDiff::new(self.book.rows, &from, &to)?))),
        }
    }

    fn told(&self, id: &FactId) -> Result<Told, StoreError> {
        Ok(self.tell(facts::body(self.book.rows, *id)?))
    }

    fn tell(&self, body: Option<Sealable<SharedFact>>) -> Told {
        if self.only.is_some_and(|only| body.as_ref().is_none_or(|body| subject_of(body) != only)) {
            return Told::Other;
        }
        let Some(body) = body else { return Told::Erased };
        let fact = persons::open(self.book.vault, &body);
        // Nobody else has it then, so that it need not be copied.
        drop(body);
        fact.map_or(Told::Erased, |fact| Told::Fact(Box::new(fact.into())))
    }

    /// Hands over facts as they can be told; fetches many at once.
    fn each_told<'f>(
        &self,
        found: impl Iterator<Item = &'f Found>,
        sink: &mut dyn FnMut(&'f Found, FactId, Told) -> Result<(), HistoryError>,
    ) -> Result<(), HistoryError> {
        let found: Vec<_> = found.collect();
        for some in found.chunks(AT_ONCE) {
            let ids: Vec<FactId> = some.iter().map(|one| one.change.id()).collect();
            for (one, body) in some.iter().zip(facts::bodies(self.book.rows, &ids)?) {
                sink(one, one.change.id(), self.tell(body))?;
            }
        }
        Ok(())
    }

    /// In which part a fact is looked at: facts of one thing in the same one.
    fn part_of(&self, id: FactId, parts: usize) -> Result<usize, HistoryError> {
        let digest = match self.told(&id)? {
            Told::Fact(fact) => digest(&fact)?,
            Told::Erased | Told::Other => id.0,
        };
        let (start, _) = digest.split_first_chunk::<8>().ok_or_else(|| HistoryError::Log("a short hash".to_owned()))?;
        Ok(usize::try_from(u64::from_le_bytes(*start) % parts as u64).unwrap_or_default())
    }

    /// Pairs what came with what went; gives how many came.
    fn part(&self, found: &[Found], sink: Sink<'_>) -> Result<u64, HistoryError> {
        let pair = |found: &Found| self.members.get(found.set).copied().unwrap_or_default();
        let item = |op, thing, from, to, pair| Item {
            op,
            thing,
            from,
            to,
            attrs: BTreeMap::new(),
            by_connector: false,
            from_pair: pair,
            to_pair: pair,
        };
        let whole = found.len() <= HELD_WHOLE;
        let mut before: BTreeMap<[u8; 32], Vec<Vanished>> = BTreeMap::new();
        let gone = found.iter().filter(|one| matches!(one.change, Change::Gone(_)));
        self.each_told(gone, &mut |one, id, told| {
            match told {
                Told::Other => {}
                Told::Erased => sink(item(Op::Gone, None, Some(id), None, pair(one)))?,
                Told::Fact(fact) => {
                    let same = digest(&fact)?;
                    before.entry(same).or_default().push((id, pair(one), whole.then_some(fact)));
                }
            }
            Ok(())
        })?;
        let again = |id: &FactId, held: Option<Box<Fact>>| -> Result<Option<Box<Fact>>, StoreError> {
            match held {
                Some(fact) => Ok(Some(fact)),
                None => Ok(match self.told(id)? {
                    Told::Fact(fact) => Some(fact),
                    Told::Erased | Told::Other => None,
                }),
            }
        };
        let mut came = 0;
        let added = found.iter().filter(|one| matches!(one.change, Change::Added(_)));
        self.each_told(added, &mut |one, id, told| {
            let fact = match told {
                Told::Other => return Ok(()),
                Told::Erased => {
                    came += 1;
                    return sink(item(Op::Added, None, None, Some(id), pair(one)));
                }
                Told::Fact(fact) => fact,
            };
            came += 1;
            match before.get_mut(&digest(&fact)?).and_then(Vec::pop) {
                Some((old, from_pair, held)) => {
                    let was = again(&old, held)?;
                    sink(Item {
                        attrs: was.as_ref().map(|was| changed(&was.attrs, &fact.attrs)).unwrap_or_default(),
                        by_connector: was.is_some_and(|was| was.connector != fact.connector),
                        from_pair,
                        ..item(Op::Changed, Some(thing(*fact)), Some(old), Some(id), pair(one))
                    })
                }
                None => sink(item(Op::Added, Some(thing(*fact)), None, Some(id), pair(one))),
            }
        })?;
        for (id, pair, held) in before.into_values().flatten() {
            let thing = again(&id, held)?.map(|fact| thing(*fact));
            sink(item(Op::Gone, thing, Some(id), None, pair))?;
        }
        Ok(came)
    }

    /// How many facts about a subject the later side shows. Reads all that it shows.
    fn shown_about(&self, only: &Subject) -> Result<u64, StoreError> {
        let roots: Vec<Root> = self.pairs().map(|pair| pair.to.root).collect();
        let mut count = 0;
        for found in UnionDiff::new(self.book.rows, &[], &roots)? {
            let body = facts::body(self.book.rows, found?.change.id())?;
            count += u64::from(body.is_some_and(|body| subject_of(&body) == only));
        }
        Ok(count)
    }
}

/// Whom a fact is about.
pub fn subject_of(body: &Sealable<SharedFact>) -> &Subject {
    match body {
        Sealable::Plain(fact) => &fact.subject,
        Sealable::Sealed(sealed) => &sealed.subject,
    }
}

/// Which thing a fact is about; none when it is not there, or its person was erased.
pub fn thing_of(book: &Book<'_>, id: &FactId) -> Result<Option<Thing>, StoreError> {
    let body = facts::body(book.rows, *id)?;
    Ok(body.and_then(|body| persons::open(book.vault, &body)).map(|fact| thing(fact.into())))
}

fn thing(fact: Fact) -> Thing {
    let Fact { source, kind, subject, matched, identity, .. } = fact;
    Thing { source, kind, subject, matched, identity }
}

/// What stands for the thing that a fact is about while many are held.
fn digest(fact: &Fact) -> Result<[u8; 32], StoreError> {
    let parts = (&fact.source, &fact.kind, &fact.subject, &fact.matched, &fact.identity);
    let bytes = codec::encode(&parts).map_err(|error| StoreError::Storage(error.to_string()))?;
    Ok(*blake3::hash(&bytes).as_bytes())
}

fn changed(before: &Attrs, after: &Attrs) -> BTreeMap<String, (Option<Value>, Option<Value>)> {
    let gone = before.iter().filter(|(name, _)| !after.contains_key(*name)).map(|(name, was)| (name, Some(was), None));
    let others = after.iter().map(|(name, is)| (name, before.get(name), Some(is)));
    let unlike = gone.chain(others).filter(|(_, was, is)| was != is);
    unlike.map(|(name, was, is)| (name.clone(), (was.cloned(), is.cloned()))).collect()
}
