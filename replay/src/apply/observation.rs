//! Observations: what each query shows, and the intervals in which it showed each fact.

use super::{ApplyError, At, dangling};
use crate::history;
use crate::rows::key::FactKey;
use crate::rows::*;
use crate::store::{ReadExt, Table, Write, WriteExt};
use mirano_schemas::*;

/// An observation whose facts are being folded.
pub struct Open {
    query: QueryKey,
    /// The shard of its source that asks it.
    shard: u8,
    bound: Bound,
    base: Option<KnownRow>,
    facts_root: Root,
    added: Vec<FactId>,
    gone: Vec<FactId>,
    subjects: Vec<Subject>,
}

pub(super) fn chunk(store: &mut impl Write, event: &ObservationChunk) -> Result<(), ApplyError> {
    let bytes = codec::encode(event)
        .map_err(|error| crate::store::StoreError::Row { table: Table::Chunk, detail: error.to_string() })?;
    store.put(Table::Chunk, &key::chunk(event.lease, event.index), bytes);
    Ok(())
}

/// A query that nobody has to ask becomes known.
pub(super) fn narrowed(store: &mut impl Write, event: &AnswerNarrowed) -> Result<(), ApplyError> {
    if store.row::<QueryRow>(event.query.as_bytes())?.is_none() {
        let row = QueryRow::new(event.source.clone(), event.subject.clone(), event.params.clone());
        store.put_last(event.query.as_bytes(), row)?;
        store.put(Table::SubjectQuery, &key::subject_query(&event.subject, Some(event.query)), Vec::new());
    }
    Ok(())
}

pub(super) fn recorded(
    store: &mut impl Write,
    at: At,
    event: &ObservationRecorded,
    part_of: Option<ObservationId>,
) -> Result<Open, ApplyError> {
    let mut query: QueryRow =
        store.row_to_change(event.query.as_bytes())?.ok_or_else(|| dangling(at, "ObservationRecorded", event.query))?;
    let base = query.last.take();
    let bound = Bound { observation: event.observation, at: at.position, observed_at: event.observed_at };
    let mut open = Open {
        query: event.query,
        shard: u8::try_from(shard_of(&query.queue)).unwrap_or(u8::MAX),
        bound,
        base: base.clone(),
        facts_root: event.facts_root,
        added: Vec::new(),
        gone: Vec::new(),
        subjects: Vec::new(),
    };
    let mut volatile = match &event.volatile {
        VolatileBlock::Same => None,
        VolatileBlock::These(block) => Some(block.clone()),
    };
    for index in 0..event.chunks {
        let place = key::chunk(event.lease, index);
        let bytes = store.get(Table::Chunk, &place)?.ok_or_else(|| dangling(at, "ObservationRecorded", "a chunk"))?;
        let chunk: ObservationChunk = crate::store::decode_row(Table::Chunk, &bytes)?;
        for fact in &chunk.added {
            open.show(store, fact)?;
        }
        for fact_id in chunk.gone {
            open.hide(store, at, fact_id)?;
        }
        if !chunk.volatile.is_empty() {
            volatile.get_or_insert_default().extend(chunk.volatile);
        }
        store.delete(Table::Chunk, &place);
    }
    let volatile_of = match volatile {
        Some(block) if block.is_empty() => None,
        Some(block) => {
            let bytes = codec::encode(&block)
                .map_err(|error| crate::store::StoreError::Row { table: Table::Volatile, detail: error.to_string() })?;
            store.put(Table::Volatile, event.observation.as_bytes(), bytes);
            Some(event.observation)
        }
        None => match &base {
            Some(base) => store.row::<ObservationRow>(base.observation.as_bytes())?.and_then(|row| row.volatile_of),
            None => None,
        },
    };
    let lean = ObservationRecorded { volatile: VolatileBlock::Same, ..event.clone() };
    let row = ObservationRow { recorded: lean, at: at.position, recorded_at: at.recorded_at, volatile_of, part_of };
    store.put_last(event.observation.as_bytes(), row)?;
    store.put(
        Table::QueryObservation,
        &history::observation_key(event.query, at.recorded_at, at.position.seq),
        event.observation.as_bytes().to_vec(),
    );
    query.last = Some(KnownRow {
        observation: event.observation,
        at: at.position,
        outcome: event.outcome,
        complete: event.complete,
        facts_root: event.facts_root,
        facts: event.facts,
        kinds: event.kinds.clone(),
        observed_at: event.observed_at,
        as_of: event.as_of.clone(),
        connector: event.connector,
        first: event.first.clone(),
        task: event.task,
    });
    store.put_last(event.query.as_bytes(), query)?;
    Ok(open)
}

impl Open {
    fn show(&mut self, store: &mut impl Write, fact: &LoggedFact) -> Result<(), ApplyError> {
        let id = fact.fact_id;
        let subject = match &fact.body {
            Sealable::Plain(fact) => &fact.subject,
            Sealable::Sealed(sealed) => &sealed.subject,
        };
        if !self.subjects.contains(subject) {
            self.subjects.push(subject.clone());
        }
        let interval = IntervalRow { query: self.query, from: self.bound.clone(), to: None };
        store.show(FactKey::of(id, self.shard), &fact.body, interval)?;
        self.added.push(id);
        Ok(())
    }

    fn hide(&mut self, store: &mut impl Write, at: At, id: FactId) -> Result<(), ApplyError> {
        let last_seen = self.base.as_ref().map_or(self.bound.observed_at, |base| base.observed_at);
        let end = GoneBound { bound: self.bound.clone(), last_seen };
        if !store.hide(FactKey::of(id, self.shard), self.query, end)? {
            return Err(dangling(at, "FactVanished", id));
        }
        self.gone.push(id);
        Ok(())
    }
}

pub(super) fn observed(
    store: &mut impl Write,
    at: At,
    open: Option<&mut Open>,
    event: &FactObserved,
) -> Result<(), ApplyError> {
    let open = open.ok_or_else(|| dangling(at, "FactObserved", "an observation"))?;
    open.show(store, &event.fact)
}

pub(super) fn vanished(
    store: &mut impl Write,
    at: At,
    open: Option<&mut Open>,
    event: &FactVanished,
) -> Result<(), ApplyError> {
    let open = open.ok_or_else(|| dangling(at, "FactVanished", "an observation"))?;
    open.hide(store, at, event.fact_id)
}

pub(super) fn close(store: &mut impl Write, open: Open) -> Result<(), ApplyError> {
    for subject in &open.subjects {
        store.put(Table::SubjectQuery, &key::subject_query(subject, Some(open.query)), Vec::new());
    }
    let base = open.base.as_ref().map(|base| base.facts_root);
    Ok(store.keep_set(open.facts_root, base, &open.added, &open.gone)?)
}
