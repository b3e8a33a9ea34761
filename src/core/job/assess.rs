//! The risk of a job, recomputed where its facts or its coverage changed.

use super::discover::facts_under;
use crate::core::decision::{DecideError, Decision};
use crate::core::freshness::Freshness;
use crate::core::risk::{Coverage, FactInput, Gone};
use mirano_replay::rows::{JobRow, NeedRow};
use mirano_schemas::*;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Facts with their names, opened.
pub type Opened = Vec<(FactId, SharedFact)>;

/// What risk was computed of lately, by job, and the facts under roots seen lately: a root names its facts for ever.
/// Losing it costs time and changes nothing.
#[derive(Default)]
pub struct RiskMemo {
    jobs: RefCell<Latest<JobId, Remembered>>,
    roots: RefCell<Latest<Root, Arc<Opened>>>,
    facts: Cell<usize>,
}

/// Values by key, and the keys in the order in which they came.
struct Latest<K, V> {
    values: BTreeMap<K, V>,
    order: VecDeque<K>,
}

impl<K, V> Default for Latest<K, V> {
    fn default() -> Self {
        Self { values: BTreeMap::new(), order: VecDeque::new() }
    }
}

impl<K: Ord + Copy, V> Latest<K, V> {
    fn insert(&mut self, key: K, value: V) {
        if self.values.insert(key, value).is_none() {
            self.order.push_back(key);
        }
    }

    /// Takes out what came first.
    fn pop(&mut self) -> Option<V> {
        self.values.remove(&self.order.pop_front()?)
    }
}

impl RiskMemo {
    pub(super) fn facts(&self, root: Root) -> Option<Arc<Opened>> {
        self.roots.borrow().values.get(&root).cloned()
    }

    /// Notes the facts under a root, none of them of level person.
    pub fn remember(&self, root: Root, facts: Arc<Opened>) {
        let (count, mut roots) = (facts.len(), self.roots.borrow_mut());
        if count > REMEMBERED_FACTS / 8 || roots.values.contains_key(&root) {
            return;
        }
        self.facts.set(self.facts.get() + count);
        while self.facts.get() > REMEMBERED_FACTS
            && let Some(forgotten) = roots.pop()
        {
            self.facts.set(self.facts.get().saturating_sub(forgotten.len()));
        }
        roots.insert(root, facts);
    }
}

#[derive(Default)]
struct Remembered {
    state: RiskState,
    kinds: BTreeMap<FactId, String>,
}

/// Jobs remembered at once.
const REMEMBERED: usize = 1_024;
/// Facts remembered at once, about 1 KB each.
const REMEMBERED_FACTS: usize = 32_768;

/// How a job's needs stand, by source.
pub fn coverage(job: &JobRow, now: Timestamp) -> Coverage {
    let mut coverage = Coverage {
        address_unsure: matches!(job.created.address.confidence.as_str(), "low" | "unknown"),
        ..Coverage::default()
    };
    for need in &job.needs {
        let source = coverage.sources.entry(need.need.source.clone()).or_default();
        if !need.applicable() {
            // What was left out for number is not known, whatever the rest says.
            match need.not_applicable {
                Some(NotApplicable::OverMax(left_out)) => source.missing += left_out,
                _ => source.not_applicable += 1,
            }
            continue;
        }
        match Freshness::of_receipt(need.receipt.as_ref(), now) {
            Freshness::Fresh => source.fresh += 1,
            Freshness::Stale => source.stale += 1,
            Freshness::Expired | Freshness::None if need.open() => source.missing += 1,
            Freshness::Expired | Freshness::None => source.failed += 1,
        }
        if need.receipt.as_ref().is_some_and(|receipt| !receipt.complete) {
            source.incomplete += 1;
        }
        if is_suspicious(need) {
            source.suspicious += 1;
        }
    }
    coverage
}

fn is_suspicious(need: &NeedRow) -> bool {
    need.last_failure.as_ref().is_some_and(|failure| failure.outcome == Some(Outcome::Suspicious))
}

/// Recomputes the risk; what is to be said when it differs.
pub(super) fn assess(
    decision: &Decision<'_>,
    job: &JobRow,
    touched: &[NeedId],
) -> Result<Option<RiskRecomputed>, DecideError> {
    let ctx = decision.ctx;
    let rules = &ctx.policy.rules;
    let mut shown_facts = Vec::new();
    let mut stated = 0usize;
    let now = ctx.now();
    let shown = |need: &&NeedRow| need.applicable() && Freshness::of_receipt(need.receipt.as_ref(), now).shown();
    for receipt in job.needs.iter().filter(shown).filter_map(|need| need.receipt.as_ref()) {
        let opened = facts_under(decision, receipt.facts_root)?;
        stated += (receipt.facts as usize).saturating_sub(opened.len());
        shown_facts.push(opened);
    }
    let facts: BTreeMap<FactId, &Fact> =
        shown_facts.iter().flat_map(|facts| facts.iter()).map(|(id, fact)| (*id, &**fact)).collect();
    let mut coverage = coverage(job, now);
    coverage.unreadable_facts = u32::try_from(stated).unwrap_or(u32::MAX);
    let mut memo = ctx.memo.jobs.borrow_mut();
    let remembered = memo.values.get_mut(&job.created.job).map(std::mem::take);
    let Remembered { mut state, kinds } = remembered.unwrap_or_default();
    let input = |(id, fact): (&FactId, &&Fact)| (*id, fact.kind.clone());
    let added: Vec<FactInput<'_>> = facts
        .iter()
        .filter(|(id, _)| !kinds.contains_key(*id))
        .map(|(id, fact)| FactInput { fact_id: *id, fact })
        .collect();
    let gone: Vec<Gone<'_>> = kinds
        .iter()
        .filter(|(id, _)| !facts.contains_key(*id))
        .map(|(id, kind)| Gone { fact_id: *id, kind: Some(kind.as_str()) })
        .collect();
    let all = || facts.iter().map(|(id, fact)| FactInput { fact_id: *id, fact }).collect();
    rules.update(&mut state, &date(now), &gone, &added, &all);
    let assessment = rules.assess(&state, &coverage);
    while memo.order.len() >= REMEMBERED {
        memo.pop();
    }
    memo.insert(job.created.job, Remembered { state, kinds: facts.iter().map(input).collect() });
    drop(memo);
    if job.risk.as_ref().is_some_and(|risk| same(&risk.assessment, &assessment)) {
        return Ok(None);
    }
    Ok(Some(RiskRecomputed {
        job: job.created.job,
        from: job.risk.as_ref().map_or(0, |risk| risk.assessment.score),
        assessment,
        policy_version: ctx.policy.version,
        because: touched.to_vec(),
    }))
}

/// Another day alone is no news.
fn same(before: &Assessment, now: &Assessment) -> bool {
    Assessment { as_of: now.as_of.clone(), ..before.clone() } == *now
}

/// The UTC date of a moment.
pub fn date(at: Timestamp) -> String {
    chrono::DateTime::from_timestamp_millis(at.0).unwrap_or_default().format("%Y-%m-%d").to_string()
}
