//! A source that has several queues, shown as the one that it is.

use super::{BreakerView, ProxyView, SourceView, word};
use crate::core::policy::SourceSpec;
use serde::Serialize;
use utoipa::ToSchema;

/// One of several queues of a source, with its part of the limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ShardView {
    /// Counted from 0.
    pub shard: usize,
    /// As of a source.
    pub health: String,
    /// Whether it leaves the source alone because it did not answer.
    pub breaker: BreakerView,
    /// Tasks that wait; about, unless the caller is an operator.
    pub queue: u64,
    /// Tasks that wait for their next attempt; about, unless the caller is an operator.
    pub delayed: u64,
    /// Tasks that run; about, unless the caller is an operator.
    pub running: u64,
    /// HTTP requests that may start now; about, unless the caller is an operator.
    pub permits_left: u32,
    /// The source asked it to be left alone until then; to the minute, unless the caller is an operator.
    pub rest_until: Option<String>,
}

/// The view of a source from those of its queues, the first one first: what is counted is added up, of what is wrong the worst is
/// told, of times the latest.
pub(super) fn together(spec: &SourceSpec, queues: Vec<SourceView>) -> Option<SourceView> {
    let several = queues.len() > 1;
    let mut queues = queues.into_iter().enumerate();
    let (_, mut whole) = queues.next()?;
    if !several {
        return Some(whole);
    }
    whole.shards.push(shard(0, &whole));
    for (number, queue) in queues {
        whole.shards.push(shard(number, &queue));
        add(&mut whole, queue);
    }
    (whole.concurrency, whole.rate) = (spec.limits.concurrency, word(&spec.limits.rate));
    Some(whole)
}

fn shard(shard: usize, view: &SourceView) -> ShardView {
    ShardView {
        shard,
        health: view.health.clone(),
        breaker: view.breaker.clone(),
        queue: view.queue,
        delayed: view.delayed,
        running: view.running,
        permits_left: view.permits_left,
        rest_until: view.rest_until.clone(),
    }
}

fn add(whole: &mut SourceView, queue: SourceView) {
    whole.queue += queue.queue;
    whole.delayed += queue.delayed;
    whole.running += queue.running;
    whole.permits_left = whole.permits_left.saturating_add(queue.permits_left);
    whole.failures = whole.failures.max(queue.failures);
    if rank(&HEALTH, &queue.health) > rank(&HEALTH, &whole.health) {
        whole.health = queue.health;
    }
    worse(&mut whole.breaker, queue.breaker);
    let slower =
        whole.slowed.as_ref().is_none_or(|whole| queue.slowed.as_ref().is_some_and(|own| own.percent < whole.percent));
    if slower {
        whole.slowed = queue.slowed;
    }
    // Times are written alike, and so the later one is the larger text.
    later(&mut whole.rest_until, queue.rest_until);
    later(&mut whole.last_answer_at, queue.last_answer_at);
    let ended = |of: &Option<super::LastOutcome>| of.as_ref().map(|last| last.at.clone());
    if ended(&queue.last_outcome) > ended(&whole.last_outcome) {
        whole.last_outcome = queue.last_outcome;
    }
    for own in queue.proxies {
        if let Some(proxy) = whole.proxies.iter_mut().find(|proxy| proxy.proxy == own.proxy) {
            let ProxyView { failures, in_use, rest_until, breaker, .. } = own;
            proxy.failures = proxy.failures.max(failures);
            proxy.in_use = proxy.in_use.saturating_add(in_use);
            later(&mut proxy.rest_until, rest_until);
            worse(&mut proxy.breaker, breaker);
        }
    }
}

/// From best to worst; of a shard that nobody asked nothing is known.
const HEALTH: [&str; 5] = ["unknown", "ok", "failing", "resting", "down"];
const BREAKER: [&str; 3] = ["closed", "half_open", "open"];

fn rank(words: &[&str], word: &str) -> Option<usize> {
    words.iter().position(|known| *known == word)
}

fn worse(whole: &mut BreakerView, own: BreakerView) {
    let of = |view: &BreakerView| (rank(&BREAKER, &view.state), view.until.clone());
    if of(&own) > of(whole) {
        *whole = own;
    }
}

fn later(whole: &mut Option<String>, own: Option<String>) {
    if own > *whole {
        *whole = own;
    }
}
