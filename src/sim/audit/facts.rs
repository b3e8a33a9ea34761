//! What each query shows, from what its workers brought: each fact once, in intervals that do not overlap (I3).

use super::{Brought, Found, tree};
use crate::sim::policy::{NESTS, WHOLE};
use mirano_replay::rows::{FactRow, QueryRow};
use mirano_replay::store::{MemoryStore, Table, decode_row};
use mirano_schemas::*;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Default)]
struct Query {
    shown: BTreeSet<FactId>,
    last: Option<ObservationId>,
}

/// An observation as the auditor saw it become durable.
pub struct Seen {
    pub query: QueryKey,
    pub facts: BTreeSet<FactId>,
    pub root: Root,
    pub outcome: Outcome,
    pub complete: bool,
    pub at: Position,
    pub observed_at: Timestamp,
    pub first: Requester,
}

/// From which position to which.
type Interval = (Position, Option<Position>);

#[derive(Default)]
pub struct Facts {
    queries: BTreeMap<QueryKey, Query>,
    observations: BTreeMap<ObservationId, Seen>,
    intervals: BTreeMap<(FactId, QueryKey), Vec<Interval>>,
    chunks: BTreeMap<LeaseToken, (BTreeSet<FactId>, BTreeSet<FactId>)>,
    /// Facts that this commit still has to name: those that came, and those that went.
    due: (BTreeSet<FactId>, BTreeSet<FactId>),
    pub chunks_seen: usize,
    /// The role that each fact tells.
    roles: BTreeMap<FactId, String>,
    /// The next observation of this commit is a part of another.
    part: Option<AnswerNarrowed>,
    pub narrowed: usize,
    /// Facts that several shards of a source show.
    pub shared: usize,
}

fn take(set: &mut BTreeSet<FactId>, fact: FactId, what: &str) -> Result<(), Found> {
    if set.remove(&fact) { Ok(()) } else { Err(format!("I3: {fact} {what}, which its worker did not bring")) }
}

impl Facts {
    pub fn len(&self) -> usize {
        self.observations.len()
    }

    pub fn begin(&mut self) {
        self.due = Default::default();
        self.part = None;
    }

    pub fn end(&mut self) -> Result<(), Found> {
        let (came, went) = &self.due;
        if came.is_empty() && went.is_empty() {
            return Ok(());
        }
        Err(format!("I3: {} facts that came and {} that went are not told", came.len(), went.len()))
    }

    pub fn observation(&self, observation: ObservationId) -> Result<&Seen, Found> {
        self.observations.get(&observation).ok_or_else(|| format!("I4: observation {observation} is not in the log"))
    }

    fn note_role(&mut self, fact: &LoggedFact) {
        if let Sealable::Plain(body) = &fact.body
            && let Some(Value::Text(role)) = body.attrs.get(NESTS.1)
        {
            self.roles.insert(fact.fact_id, role.clone());
        }
    }

    /// What follows is a part of what a larger question showed last, and all of it.
    pub fn narrows(&mut self, event: &AnswerNarrowed) -> Result<(), Found> {
        let last = self.queries.get(&event.larger).and_then(|query| query.last);
        if event.source != NESTS.0 || last != Some(event.part_of) || !self.observation(event.part_of)?.complete {
            return Err(format!("I6: {} is said to be answered from {}", event.query, event.part_of));
        }
        self.part = Some(event.clone());
        Ok(())
    }

    /// What a worker would have brought, had it been asked for the part when the larger question was.
    pub fn part(&mut self, event: &ObservationRecorded) -> Result<Option<Brought>, Found> {
        let Some(part) = self.part.take() else { return Ok(None) };
        let seen = self.observation(part.part_of)?;
        if seen.first.tenant != event.first.tenant {
            return Err(format!("I9: {:?} is answered from what {:?} asked for", event.first, seen.first));
        }
        let Sealable::Plain(params) = &part.params else { return Err("I6: a part of what is sealed".to_owned()) };
        let asked = params.get(NESTS.1).cloned().unwrap_or_default();
        let role = |fact: &&FactId| asked == WHOLE || self.roles.get(*fact) == Some(&asked);
        let facts: BTreeSet<FactId> = seen.facts.iter().filter(role).copied().collect();
        let outcome = if facts.is_empty() { Outcome::NothingFound } else { Outcome::Found };
        let brought = Brought { facts, complete: true, outcome, asked_at: seen.observed_at };
        self.narrowed += 1;
        Ok(Some(brought))
    }

    pub fn chunk(&mut self, event: &ObservationChunk) {
        event.added.iter().for_each(|fact| self.note_role(fact));
        self.chunks_seen += 1;
        let (came, went) = self.chunks.entry(event.lease).or_default();
        came.extend(event.added.iter().map(|fact| fact.fact_id));
        went.extend(event.gone.iter().copied());
    }

    pub fn recorded(
        &mut self,
        at: Position,
        now: Timestamp,
        event: &ObservationRecorded,
        brought: &Brought,
    ) -> Result<(), Found> {
        self.end()?;
        let query = self.queries.entry(event.query).or_default();
        let shown: BTreeSet<FactId> = match brought.complete {
            true => brought.facts.clone(),
            false => brought.facts.union(&query.shown).copied().collect(),
        };
        let mut came: BTreeSet<FactId> = shown.difference(&query.shown).copied().collect();
        let mut went: BTreeSet<FactId> = query.shown.difference(&shown).copied().collect();
        let leaves: Vec<([u8; 32], [u8; 32])> = shown.iter().map(|fact| (fact.0, [0; 32])).collect();
        let root = tree::root(&leaves);
        let counts = (event.facts as usize, event.added as usize, event.gone as usize);
        if counts != (shown.len(), came.len(), went.len()) || event.facts_root != root {
            return Err(format!(
                "I3: says {counts:?} facts, new and gone; brought were {:?}",
                (shown.len(), came.len(), went.len())
            ));
        }
        if event.kinds.values().sum::<u32>() != event.facts {
            return Err(format!("I3: kinds {:?} do not make {} facts", event.kinds, event.facts));
        }
        let told = (event.outcome, event.complete, event.observed_at, event.base);
        if told != (brought.outcome, brought.complete, brought.asked_at.min(now), query.last) {
            return Err(format!("I6: told {told:?}, brought {brought:?} upon {:?}", query.last));
        }
        for fact in &came {
            self.intervals.entry((*fact, event.query)).or_default().push((at, None));
        }
        for fact in &went {
            if let Some(open) = self.intervals.get_mut(&(*fact, event.query)).and_then(|all| all.last_mut()) {
                open.1 = Some(at);
            }
        }
        query.shown = shown.clone();
        query.last = Some(event.observation);
        if let Some((early, left)) = self.chunks.remove(&event.lease) {
            for fact in early {
                take(&mut came, fact, "came in a chunk")?;
            }
            for fact in left {
                take(&mut went, fact, "went in a chunk")?;
            }
        }
        self.due = (came, went);
        let seen = Seen {
            query: event.query,
            facts: shown,
            root,
            outcome: event.outcome,
            complete: event.complete,
            at,
            observed_at: event.observed_at,
            first: event.first.clone(),
        };
        match self.observations.insert(event.observation, seen) {
            None => Ok(()),
            Some(_) => Err("I3: the observation was recorded before".to_owned()),
        }
    }

    pub fn observed(&mut self, event: &FactObserved) -> Result<(), Found> {
        self.note_role(&event.fact);
        take(&mut self.due.0, event.fact.fact_id, "came")
    }

    pub fn vanished(&mut self, event: &FactVanished) -> Result<(), Found> {
        take(&mut self.due.1, event.fact_id, "went")
    }

    /// The views show the same facts in the same intervals.
    pub fn views(&mut self, views: &MemoryStore) -> Result<(), Found> {
        let mut intervals = self.intervals.clone();
        let mut rows_of: BTreeMap<FactId, Vec<Vec<u8>>> = BTreeMap::new();
        for (table, key, bytes) in views.iter() {
            let bad = |error: mirano_replay::store::StoreError| error.to_string();
            match table {
                Table::Fact => {
                    let row: FactRow = decode_row(table, bytes).map_err(bad)?;
                    // Behind the id stands the shard, if it is not the first.
                    let (id, shard) = key.split_at_checked(32).ok_or("I3: a fact without an id")?;
                    let fact = FactId(id.try_into().map_err(|_| "I3: a fact without an id".to_owned())?);
                    rows_of.entry(fact).or_default().push(shard.to_vec());
                    let mut have: BTreeMap<QueryKey, Vec<Interval>> = BTreeMap::new();
                    for interval in &row.intervals {
                        let to = interval.to.as_ref().map(|to| to.bound.at);
                        have.entry(interval.query).or_default().push((interval.from.at, to));
                    }
                    for (query, have) in have {
                        if intervals.remove(&(fact, query)).as_ref() != Some(&have) {
                            return Err(format!("I3: {fact} of {query} is shown in {have:?}"));
                        }
                    }
                }
                Table::Query => {
                    let row: QueryRow = decode_row(table, bytes).map_err(bad)?;
                    let query = QueryKey(key.try_into().map_err(|_| "I3: a query without a key".to_owned())?);
                    let last = self.queries.get(&query).and_then(|query| query.last);
                    if row.last.as_ref().map(|last| last.observation) != last {
                        return Err(format!("I3: query {query} shows {:?}, not {last:?}", row.last));
                    }
                }
                _ => {}
            }
        }
        self.shared = rows_of.values().filter(|rows| rows.len() > 1).count();
        match intervals.len() {
            0 => Ok(()),
            lost => Err(format!("I4: {lost} facts are not in the views")),
        }
    }
}
