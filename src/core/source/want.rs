//! A want arrives at its source: answered in between, joined to a task in flight, answered from a larger question's answer, or
//! queued.

use super::narrow::narrow;
use crate::core::bugs::{self, Bug};
use crate::core::decision::{DecideError, Decision};
use mirano_replay::rows::{NeedTaskRow, QueryRow, key};
use mirano_replay::store::ReadExt;
use mirano_schemas::*;
use std::sync::Arc;

/// Decides one `TaskWanted`. A repeat changes nothing.
pub fn want(decision: &mut Decision<'_>, wanted: &TaskWanted) -> Result<(), DecideError> {
    let requester = Requester { job: wanted.job, need_id: wanted.need_id, tenant: wanted.tenant.clone() };
    let policy = decision.ctx.policy;
    let refused = |cause: &str| WantRefused {
        source: wanted.source.clone(),
        query: wanted.query,
        requester: requester.clone(),
        cause: cause.to_owned(),
    };
    let Some(spec) = policy.queue(&wanted.source) else {
        return decision.emit(refused("the source is not in the policy any more"));
    };
    // Whoever wants it went by a policy without this source; what is known of a query is kept by its own queue alone.
    if policy.queue_of(source_of(&wanted.source), wanted.query) != wanted.source {
        return decision.emit(refused("the source was divided meanwhile; it is to be asked again"));
    }
    let known: Option<Arc<QueryRow>> = decision.rows.shared(wanted.query.as_bytes())?;
    let in_flight = known.as_ref().and_then(|known| known.in_flight);
    if let Some(task) = in_flight.filter(|_| !bugs::on(Bug::FlightNotJoined)) {
        let mine: Option<NeedTaskRow> = decision.rows.row(&key::need_task(wanted.job, wanted.need_id))?;
        if mine.is_some_and(|mine| mine.task == task) {
            return Ok(());
        }
        let priority = decision.task(task)?.map_or(wanted.priority, |row| row.priority.min(wanted.priority));
        return decision.emit(TaskJoined { task, source: wanted.source.clone(), requester, priority });
    }
    if let Some(last) = known.as_ref().and_then(|known| known.last.as_ref()) {
        let age = decision.ctx.now().since_ms(last.observed_at);
        if age < wanted.max_age_ms || last.observed_at > wanted.asked_at {
            return decision.emit(WantSatisfied {
                source: wanted.source.clone(),
                query: wanted.query,
                requester,
                observation: last.observation,
            });
        }
    }
    if !spec.nests.is_empty()
        && let Some(observation) = narrow(decision, spec, wanted, known.as_deref())?
    {
        let (source, query) = (wanted.source.clone(), wanted.query);
        return decision.emit(WantSatisfied { source, query, requester, observation });
    }
    let place = decision.ctx.at.position;
    let task = TaskId::of(&[wanted.query.as_bytes(), &place.partition.to_le_bytes(), &place.seq.to_le_bytes()]);
    decision.emit(TaskScheduled {
        task,
        source: wanted.source.clone(),
        query: wanted.query,
        subject: wanted.subject.clone(),
        params: wanted.params.clone(),
        priority: wanted.priority,
        requester,
    })
}
