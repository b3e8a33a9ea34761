//! A smaller question answered from the answer to a larger one, where the source declares that its parameters nest.
//!
//! The answer becomes an observation of the smaller question's own, made of the larger one's facts, evidence and time: what is
//! shown, compared, sealed and proved of it is as if the source had been asked. `AnswerNarrowed` says that it was not.

use super::complete::{About, Change, observed};
use crate::core::bugs::{self, Bug};
use crate::core::command::{AnsweredFact, Complete};
use crate::core::decision::{DecideError, Decision};
use crate::core::persons;
use crate::core::policy::{NestBy, SourceSpec};
use mirano_replay::facts;
use mirano_replay::rows::{KnownRow, ObservationRow, QueryRow, key};
use mirano_replay::store::{ReadExt, Table};
use mirano_schemas::*;
use std::sync::Arc;

/// Questions about the same subject that are looked at.
const MOST_LOOKED_AT: usize = 64;
/// An answer of more facts is not read for a part of it.
const MOST_FACTS: u32 = 10_000;

/// A larger question that was answered.
struct Larger {
    query: QueryKey,
    params: Params,
    last: KnownRow,
}

/// Answers a want from the youngest answer to a larger question that it accepts, if there is one whose every fact can be told
/// to belong to it or not.
pub(super) fn narrow(
    decision: &mut Decision<'_>,
    spec: &SourceSpec,
    wanted: &TaskWanted,
    known: Option<&QueryRow>,
) -> Result<Option<ObservationId>, DecideError> {
    let Sealable::Plain(asked) = &wanted.params else { return Ok(None) };
    let Some(larger) = find(decision, spec, wanted, asked)? else { return Ok(None) };
    let base = known.and_then(|known| known.last.as_ref());
    if base.is_some_and(|base| base.observed_at >= larger.last.observed_at) {
        return Ok(None);
    }
    let Some(facts) = select(decision, spec, &larger, asked)? else { return Ok(None) };
    let row: Option<Arc<ObservationRow>> = decision.rows.shared(larger.last.observation.as_bytes())?;
    let Some(whole) = row.as_ref().map(|row| &row.recorded) else { return Ok(None) };
    let command = Complete {
        source: wanted.source.clone(),
        task: whole.task,
        lease: whole.lease,
        outcome: if facts.is_empty() { Outcome::NothingFound } else { Outcome::Found },
        by_status_only: false,
        complete: true,
        as_of: whole.as_of.clone(),
        observed_at: whole.observed_at,
        evidence: whole.evidence.clone(),
        facts,
        http_status: None,
    };
    let change = Change::between(decision, base, &command)?;
    let chunks = change.chunks();
    // What does not fit one commit is asked for.
    let (Some(slice), true) = (chunks.first(), chunks.len() == 1) else { return Ok(None) };
    let observation = ObservationId::of(&[wanted.query.as_bytes(), whole.observation.as_bytes()]);
    decision.emit(AnswerNarrowed {
        source: wanted.source.clone(),
        query: wanted.query,
        subject: wanted.subject.clone(),
        params: wanted.params.clone(),
        larger: larger.query,
        part_of: whole.observation,
    })?;
    let about = About {
        observation,
        query: wanted.query,
        subject: wanted.subject.clone(),
        first: Requester { job: wanted.job, need_id: wanted.need_id, tenant: wanted.tenant.clone() },
        connector: whole.connector,
    };
    observed(decision, &command, about, base, &change, 0, slice)?;
    Ok(Some(observation))
}

/// The youngest complete answer to a larger question that is young enough.
fn find(
    decision: &Decision<'_>,
    spec: &SourceSpec,
    wanted: &TaskWanted,
    asked: &Params,
) -> Result<Option<Larger>, DecideError> {
    let mut best: Option<Larger> = None;
    for query in candidates(decision, spec, wanted, asked)? {
        let Some(row) = decision.rows.shared::<QueryRow>(query.as_bytes())? else { continue };
        let (Sealable::Plain(params), Some(last)) = (&row.params, &row.last) else { continue };
        // The key says whose question it is: one of another tenant is never looked into where tenants do not share.
        let own = spec.share.key(&wanted.tenant, persons::query_key(&spec.id, params)) == query;
        let age = decision.ctx.now().since_ms(last.observed_at);
        let young = age < wanted.max_age_ms || last.observed_at > wanted.asked_at;
        let better = best.as_ref().is_none_or(|best| (best.last.observed_at, best.query) < (last.observed_at, query));
        if own
            && young
            && better
            && query != wanted.query
            && row.queue == spec.id
            && last.complete
            && last.facts <= MOST_FACTS
            && spec.contains(params, asked)
        {
            best = Some(Larger { query, params: params.clone(), last: last.clone() });
        }
    }
    Ok(best)
}

/// Questions that may be larger: those that ask for the whole of one parameter or more, and where parameters are ordered, those
/// about the same subject.
fn candidates(
    decision: &Decision<'_>,
    spec: &SourceSpec,
    wanted: &TaskWanted,
    asked: &Params,
) -> Result<Vec<QueryKey>, DecideError> {
    let mut wider = vec![asked.clone()];
    for nest in &spec.nests {
        let Some(whole) = &nest.whole else { continue };
        let with = |params: &Params| {
            let mut params = params.clone();
            params.insert(nest.param.clone(), whole.clone());
            params
        };
        wider.extend(wider.iter().map(with).collect::<Vec<_>>());
    }
    let key_of = |params: &Params| spec.share.key(&wanted.tenant, persons::query_key(&spec.id, params));
    let mut found: Vec<QueryKey> = wider.iter().map(key_of).collect();
    if spec.nests.iter().any(|nest| nest.by != NestBy::Equal) {
        let prefix = key::subject_query(&wanted.subject, None);
        let about = decision.rows.keys(Table::SubjectQuery, &prefix, &[], MOST_LOOKED_AT)?;
        found.extend(about.iter().filter_map(|place| key::tail(place).map(QueryKey)));
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// The facts of the larger answer that belong to what is asked; none: of one of them that can't be told.
fn select(
    decision: &Decision<'_>,
    spec: &SourceSpec,
    larger: &Larger,
    asked: &Params,
) -> Result<Option<Vec<AnsweredFact>>, DecideError> {
    let volatile = facts::volatile(&decision.rows, larger.last.observation)?;
    let mut out = Vec::new();
    for fact_id in facts::set(&decision.rows, larger.last.facts_root)? {
        let Some(body) = facts::body(&decision.rows, fact_id)? else { return Ok(None) };
        let Some(fact) = persons::open(decision.ctx.vault, &body).map(Fact::from) else { return Ok(None) };
        let Some(selected) = spec.selects(&larger.params, asked, &fact) else { return Ok(None) };
        if selected || bugs::on(Bug::NarrowedShowsAll) {
            let volatile = volatile.get(&fact_id).cloned();
            out.push(AnsweredFact { kind: fact.kind, volatile, fact: LoggedFact { fact_id, body } });
        }
    }
    Ok(Some(out))
}
