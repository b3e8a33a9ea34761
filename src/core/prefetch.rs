//! Smart prefetch: a popular query is asked again shortly before its answer becomes stale, while its source has nothing else
//! to do, so that whoever asks next does not wait.
//!
//! Demand is learnt from the needs of jobs and decays (`mirano_replay::rows::demand`). Of what is due, that goes first which
//! is expected to save the most waiting; each decision is an event with its reason. A part of the source's budget is the most
//! that this may cost, counted in the log's order. What is asked is a re-check of the job that asked last: the job stays
//! the same job, and is seen to be renewed.

use super::command::Reply;
use super::decision::{DecideError, Decision};
use super::freshness::shortest_ttl_ms;
use super::job;
use super::policy::{PrefetchSpec, SourceSpec};
use super::source::all_rest_since;
use super::source::breaker::{self, State};
use super::source::limits;
use mirano_replay::apply::be_u64;
use mirano_replay::rows::demand::{DemandRow, HALF_LIFE_MS, HOUR_MS, ONE_ASK, PrefetchedRow, lead_ms};
use mirano_replay::rows::{KnownRow, QueryRow, SourceRow, key};
use mirano_replay::store::{ReadExt, Table};
use mirano_schemas::*;
use std::collections::BTreeMap;

/// Queries that one commit looks at.
const PAGE: usize = 32;
/// What can't be asked now is looked at again after this part of the time that is left, but not sooner than [`SOONEST_MS`].
const AGAIN: u64 = 8;
const SOONEST_MS: u64 = 30_000;
/// What a decaying score adds up to under steady demand, for each ask within a half-life: 1 / ln 2, in thousandths.
const LN2_PERMILLE: u128 = 693;

/// How often a query will be asked for within a TTL, in thousandths: its decayed score says how often it is now. The jobs of
/// one partition show a part of the demand only, and about the same as the others'.
pub fn asks_permille(score: u64, ttl_ms: u64, partitions: u32) -> u64 {
    let asks = u128::from(score) * u128::from(partitions);
    let asks = asks.saturating_mul(u128::from(ttl_ms)).saturating_mul(LN2_PERMILLE);
    u64::try_from(asks / u128::from(HALF_LIFE_MS) / u128::from(ONE_ASK)).unwrap_or(u64::MAX)
}

/// Whether anybody asked for what a job asks for, lately and in this partition: less than one ask in two half-lives is not.
pub fn is_asked_for(decision: &Decision<'_>, job: JobId) -> Result<bool, DecideError> {
    let Some(row) = decision.job(job)? else { return Ok(false) };
    for query in row.needs.iter().filter_map(|need| need.need.query) {
        let demand: Option<DemandRow> = decision.rows.row(&key::demand(decision.ctx.partition(), query))?;
        if demand.is_some_and(|demand| demand.score_at(decision.ctx.now()) >= ONE_ASK / 4) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// One query whose time has come.
struct Candidate<'s> {
    query: QueryKey,
    due: u64,
    row: DemandRow,
    asks_permille: u64,
    /// What asking it is expected to save: asks that need not wait, times the wait.
    saving: u128,
    /// Whether it may be asked at all, by which queue, and until when.
    may: Result<(&'s SourceSpec, PrefetchSpec, KnownRow), (PrefetchVerdict, Option<Timestamp>)>,
}

/// Decides `Prefetch`.
pub fn look_ahead(decision: &mut Decision<'_>) -> Result<Reply, DecideError> {
    if !decision.ctx.policy.prefetches() {
        return Ok(Reply::Done);
    }
    let now = decision.ctx.now();
    let partition = decision.ctx.partition();
    let mut found = Vec::new();
    for place in decision.rows.keys(Table::DemandDue, &partition.to_be_bytes(), &[], PAGE)? {
        let due = place.get(4..12).map_or(u64::MAX, be_u64);
        let (Some(query), true) = (key::tail(&place).map(QueryKey), due <= u64::try_from(now.0).unwrap_or(0)) else {
            break;
        };
        let Some(row) = decision.rows.row::<DemandRow>(&key::demand(partition, query))? else { continue };
        found.push(candidate(decision, query, due, row)?);
    }
    found.sort_by_key(|one| (std::cmp::Reverse(one.saving), one.query));
    let mut asked = BTreeMap::<String, usize>::new();
    for one in found {
        let source = one.row.source.clone();
        let before = one.may.as_ref().map_or(0, |(spec, ..)| asked.get(&spec.id).copied().unwrap_or(0));
        let (verdict, next_at) = match &one.may {
            Err((verdict, next_at)) => (*verdict, *next_at),
            Ok((spec, prefetch, known)) => affordable(decision, spec, prefetch, known, before)?,
        };
        let (job, need_id) = (one.row.job, one.row.need_id);
        let (verdict, next_at) = match verdict {
            PrefetchVerdict::Asked if !job::may_ask(decision, job, need_id)? => (PrefetchVerdict::Left, None),
            other => (other, next_at),
        };
        let asks_permille = one.asks_permille;
        decision.emit(PrefetchDecided { source, query: one.query, job, need_id, verdict, asks_permille, next_at })?;
        if let (PrefetchVerdict::Asked, Ok((spec, ..))) = (verdict, &one.may) {
            *asked.entry(spec.id.clone()).or_default() += 1;
            let command = CommandId::of(&[b"prefetch", one.query.as_bytes(), job.as_bytes(), &one.due.to_le_bytes()]);
            // Whoever asked meanwhile has the answer already.
            let ttl_ms = shortest_ttl_ms(spec);
            job::ask_ahead(decision, job, need_id, command, ttl_ms - lead_ms(ttl_ms))?;
        }
    }
    Ok(Reply::Done)
}

fn candidate<'a>(
    decision: &Decision<'a>,
    query: QueryKey,
    due: u64,
    row: DemandRow,
) -> Result<Candidate<'a>, DecideError> {
    let (ctx, now) = (decision.ctx, decision.ctx.now());
    let queue = ctx.policy.queue_of(&row.source, query);
    let spec = ctx.policy.queue(&queue);
    let known = decision.rows.row::<QueryRow>(query.as_bytes())?.unwrap_or_else(|| nothing(&row));
    let ttl_ms = spec.map_or(0, shortest_ttl_ms);
    let asks_permille = asks_permille(row.score_at(now), ttl_ms, ctx.partitions);
    let source: SourceRow = decision.rows.row(queue.as_bytes())?.unwrap_or_default();
    let saving = u128::from(asks_permille) * u128::from(source.attempt_ms.max(1));
    let may = match (spec.and_then(|spec| Some((spec, spec.prefetch?))), known.last) {
        (None, _) | (_, None) => Err((PrefetchVerdict::Left, None)),
        (Some((spec, prefetch)), Some(last)) => {
            let (look_at, stale_at) =
                (last.observed_at.plus_ms(ttl_ms - lead_ms(ttl_ms)), last.observed_at.plus_ms(ttl_ms));
            if look_at > now {
                Err((PrefetchVerdict::Fresh, Some(look_at)))
            } else if now >= stale_at {
                Err((PrefetchVerdict::Left, None))
            } else if known.in_flight.is_some() {
                Err((PrefetchVerdict::Fresh, later(now, stale_at)))
            } else if asks_permille < prefetch.asks_permille() {
                Err((PrefetchVerdict::Unpopular, None))
            } else {
                Ok((spec, prefetch, last))
            }
        }
    };
    Ok(Candidate { query, due, row, asks_permille, saving, may })
}

fn nothing(row: &DemandRow) -> QueryRow {
    QueryRow::new(row.source.clone(), Subject(String::new()), Sealable::Plain(Params::new()))
}

/// When to look again at what can't be asked now; none: it will be stale by then.
fn later(now: Timestamp, stale_at: Timestamp) -> Option<Timestamp> {
    let again = now.plus_ms((stale_at.since_ms(now) / AGAIN).max(SOONEST_MS));
    (again < stale_at).then_some(again)
}

/// Whether its source has nothing else to do, and the part of its budget that is for this is not used up.
fn affordable(
    decision: &Decision<'_>,
    spec: &SourceSpec,
    prefetch: &PrefetchSpec,
    known: &KnownRow,
    asked_now: usize,
) -> Result<(PrefetchVerdict, Option<Timestamp>), DecideError> {
    let now = decision.ctx.now();
    let stale_at = known.observed_at.plus_ms(shortest_ttl_ms(spec));
    let row: SourceRow = decision.rows.row(spec.id.as_bytes())?.unwrap_or_default();
    let free = (spec.limits.concurrency as usize).saturating_sub(row.leases.len() + asked_now);
    let rests = row.rest_until.is_some_and(|until| until > now);
    let open = breaker::of_source(spec, &row, now) != State::Closed;
    let open = open || all_rest_since(&decision.ctx.policy.document, spec, &row).is_some();
    if row.queued > 0 || free == 0 || rests || open {
        return Ok((PrefetchVerdict::Busy, later(now, stale_at)));
    }
    if let Some(next) = limits::kept(&spec.limits, row.day, now) {
        return Ok((PrefetchVerdict::OverShare, Some(next).filter(|next| *next < stale_at)));
    }
    let source = source_of(&spec.id);
    let whole = decision.ctx.policy.document.sources.get(source).unwrap_or(spec);
    let spent: Option<PrefetchedRow> = decision.rows.row(&key::prefetched(decision.ctx.partition(), source))?;
    let hour = now.0.div_euclid(HOUR_MS);
    let spent = spent.filter(|row| row.hour == hour).map_or(0, |row| row.asked);
    if spent >= prefetch.hourly(&whole.limits, decision.ctx.partitions) {
        let next = Timestamp((hour + 1) * HOUR_MS);
        return Ok((PrefetchVerdict::OverShare, Some(next).filter(|next| *next < stale_at)));
    }
    Ok((PrefetchVerdict::Asked, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_tells_how_often_it_will_be_asked() {
        // Under one ask a day for long, the score is about 7 / ln 2; within a TTL of two days there will be two.
        let mut score = 0;
        for _ in 0..300 {
            score = mirano_replay::rows::demand::decayed(score, 86_400_000) + ONE_ASK;
        }
        let asks = asks_permille(score, 2 * 86_400_000, 1);
        assert!((1_950..2_200).contains(&asks), "{asks}");
        assert_eq!(asks_permille(score, 2 * 86_400_000, 4) / 4, asks, "each of four partitions sees a quarter");
        assert_eq!(asks_permille(u64::MAX, u64::MAX, u32::MAX), u64::MAX);
    }

    #[test]
    fn what_is_busy_is_looked_at_again_while_there_is_time() {
        let at = Timestamp;
        assert_eq!(later(at(0), at(8_000_000)), Some(at(1_000_000)));
        assert_eq!(later(at(0), at(100_000)), Some(at(30_000)));
        assert_eq!(later(at(0), at(30_000)), None);
    }
}
