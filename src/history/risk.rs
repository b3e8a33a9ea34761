//! How the risk moved, rule by rule: by which facts, by which rules, by what was not answered.

use super::compare::Item;
use super::model::{Because, Op, RiskMoved};
use super::pairs::Skipped;
use super::{Book, HistoryError};
use crate::core::persons;
use crate::core::policy::{Policy, RuleSpec};
use crate::core::risk::FactInput;
use crate::explain::{self, words::Both};
use mirano_replay::facts;
use mirano_replay::store::StoreError;
use mirano_schemas::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

type Rated = (Assessment, u64);

/// What became of the facts that an assessment names: gathered while differences go by.
pub struct Moves {
    named: BTreeSet<FactId>,
    ops: BTreeMap<FactId, Op>,
}

impl Moves {
    /// Between two assessments.
    pub fn between(from: Option<&Rated>, to: Option<&Rated>) -> Self {
        let factors = from.into_iter().chain(to).flat_map(|(assessment, _)| &assessment.factors);
        Self { named: factors.flat_map(|factor| factor.facts.iter().copied()).collect(), ops: BTreeMap::new() }
    }

    /// Takes a difference in.
    pub fn take(&mut self, item: &Item) {
        for id in [item.from, item.to].into_iter().flatten().filter(|id| self.named.contains(id)) {
            self.ops.insert(id, item.op);
        }
    }

    /// What moved the risk from one assessment to another.
    pub fn told(
        &self,
        book: &Book<'_>,
        from: Option<&Rated>,
        to: Option<&Rated>,
        skipped: &[Skipped],
    ) -> Result<RiskMoved, HistoryError> {
        let (before, after) = (Half::of(book, from, skipped)?, Half::of(book, to, skipped)?);
        let rules: BTreeSet<&str> =
            before.factors().chain(after.factors()).map(|factor| factor.rule.as_str()).collect();
        let mut because = Vec::new();
        for rule in rules {
            because.extend(of_rule(rule, &before, &after, &self.ops));
        }
        because.sort_by_key(|one| (-one.points.abs(), one.rule.clone()));
        let score_is = |rated: Option<&Rated>| rated.map(|(assessment, _)| explain::score_is_word(assessment.score_is));
        let level = |rated: Option<&Rated>| rated.map(|(assessment, _)| assessment.level.clone());
        Ok(RiskMoved {
            from: from.map(|(assessment, _)| assessment.score),
            to: to.map(|(assessment, _)| assessment.score),
            from_score_is: score_is(from),
            to_score_is: score_is(to),
            from_level: level(from),
            to_level: level(to),
            because,
        })
    }
}

/// One assessment, its rules, and what each fact earned by itself.
struct Half<'a> {
    assessment: Option<&'a Assessment>,
    policy: Option<Arc<Policy>>,
    earned: BTreeMap<String, BTreeMap<FactId, i64>>,
    /// Facts that were not compared: of a source that is left out on one side, or that can't be read.
    apart: BTreeSet<FactId>,
}

impl<'a> Half<'a> {
    fn of(book: &Book<'_>, rated: Option<&'a Rated>, skipped: &[Skipped]) -> Result<Self, StoreError> {
        let Some((assessment, version)) = rated else {
            return Ok(Self { assessment: None, policy: None, earned: BTreeMap::new(), apart: BTreeSet::new() });
        };
        let policy = (book.policy)(*version)?;
        let (mut facts, mut apart) = (BTreeMap::new(), BTreeSet::new());
        for id in assessment.factors.iter().flat_map(|factor| &factor.facts) {
            let body = facts::body(book.rows, *id)?;
            let fact = body.and_then(|body| persons::open(book.vault, &body));
            if fact.as_ref().is_none_or(|fact| skipped.iter().any(|one| one.source == fact.source)) {
                apart.insert(*id);
            }
            facts.extend(fact.map(|fact| (*id, fact)));
        }
        let input: Vec<FactInput<'_>> = facts.iter().map(|(id, fact)| FactInput { fact_id: *id, fact }).collect();
        let mut state = RiskState::default();
        policy.rules.update(&mut state, &assessment.as_of, &[], &input, &|| input.clone());
        let earned = state.rules.into_iter().map(|(rule, found)| (rule, found.matched)).collect();
        Ok(Self { assessment: Some(assessment), policy: Some(policy), earned, apart })
    }

    fn factors(&self) -> impl Iterator<Item = &'a Factor> + use<'a> {
        self.assessment.into_iter().flat_map(|assessment| &assessment.factors)
    }

    fn factor(&self, rule: &str) -> Option<&'a Factor> {
        self.factors().find(|factor| factor.rule == rule)
    }

    fn spec(&self, rule: &str) -> Option<&RuleSpec> {
        self.policy.as_ref()?.document.risk.rules.iter().find(|spec| spec.id == rule)
    }

    /// Whether a source kept the rule from having its say.
    fn uncovered(&self, rule: &str) -> bool {
        let silent = |other: &Unevaluated| other.rule == rule && other.reason != UnevaluatedReason::Error;
        self.assessment.is_none_or(|assessment| assessment.unevaluated.iter().any(silent))
    }

    fn points(&self, rule: &str, id: &FactId) -> i64 {
        self.earned.get(rule).and_then(|earned| earned.get(id)).copied().unwrap_or(0)
    }
}

fn of_rule(rule: &str, from: &Half<'_>, to: &Half<'_>, ops: &BTreeMap<FactId, Op>) -> Vec<Because> {
    let facts = |half: &Half<'_>| -> BTreeSet<FactId> {
        half.factor(rule).map(|factor| factor.facts.iter().copied().collect()).unwrap_or_default()
    };
    let points = |half: &Half<'_>| half.factor(rule).map_or(0, |factor| factor.points);
    let (before, after) = (facts(from), facts(to));
    let (start, end) = (points(from), points(to));
    let title = to.spec(rule).or(from.spec(rule)).map(|spec| Both::from(&spec.title));
    let told = |by: &str, points: i64, facts: Vec<FactId>| Because {
        rule: rule.to_owned(),
        title: title.clone(),
        points,
        by: by.to_owned(),
        facts: facts.iter().map(ToString::to_string).collect(),
    };
    let all = || before.symmetric_difference(&after).copied().collect::<Vec<_>>();
    // Points that came and went by different facts are told, also where they are as many.
    if start == end && before == after {
        return Vec::new();
    }
    if from.policy.is_some() && to.policy.is_some() && from.spec(rule) != to.spec(rule) {
        let facts = before.union(&after).copied().collect();
        return if start == end { Vec::new() } else { vec![told("ruleset", end - start, facts)] };
    }
    if start != end && from.uncovered(rule) != to.uncovered(rule) {
        return vec![told("coverage", end - start, all())];
    }
    // Facts that left or joined the rule, by what became of them. What was compared and stayed as it was did so by the day alone.
    let gone: Vec<FactId> = before.difference(&after).copied().collect();
    let came: Vec<FactId> = after.difference(&before).copied().collect();
    let of = |ids: &[FactId], op: Op| ids.iter().filter(|id| ops.get(id) == Some(&op)).copied().collect();
    let apart = |half: &Half<'_>, ids: &[FactId]| {
        ids.iter().filter(|id| !ops.contains_key(id) && half.apart.contains(id)).copied().collect()
    };
    let steps: [(&str, Vec<FactId>, Vec<FactId>); 4] = [
        ("gone", of(&gone, Op::Gone), Vec::new()),
        ("changed", of(&gone, Op::Changed), of(&came, Op::Changed)),
        ("coverage", apart(from, &gone), apart(to, &came)),
        ("added", Vec::new(), of(&came, Op::Added)),
    ];
    let cap = to.spec(rule).or(from.spec(rule)).and_then(|spec| spec.cap).unwrap_or(i64::MAX);
    let earned = |half: &Half<'_>, ids: &BTreeSet<FactId>| -> i64 { ids.iter().map(|id| half.points(rule, id)).sum() };
    let mut raw = earned(from, &before);
    let mut out = Vec::new();
    if raw.min(cap) != start || earned(to, &after).min(cap) != end {
        // Over all facts at once, or of an erased person: what it earned can't be shared out.
        let any =
            |by: &&str| steps.iter().find(|(step, left, came)| step == by && !(left.is_empty() && came.is_empty()));
        let (by, facts) = match ["gone", "changed", "added", "coverage"].iter().find_map(any) {
            Some((by, left, came)) => (*by, left.iter().chain(came).copied().collect()),
            None => ("date", before.union(&after).copied().collect()),
        };
        return if start == end { Vec::new() } else { vec![told(by, end - start, facts)] };
    }
    let mut at = start;
    for (by, left, joined) in steps {
        raw -= left.iter().map(|id| from.points(rule, id)).sum::<i64>();
        raw += joined.iter().map(|id| to.points(rule, id)).sum::<i64>();
        let next = raw.min(cap);
        if next != at {
            out.push(told(by, next - at, left.into_iter().chain(joined).collect()));
        }
        at = next;
    }
    if at != end {
        let stayed = |id: &&FactId| !ops.contains_key(id) && !from.apart.contains(id) && !to.apart.contains(id);
        let moved: Vec<FactId> = before.symmetric_difference(&after).filter(stayed).copied().collect();
        let facts = if moved.is_empty() { before.intersection(&after).copied().collect() } else { moved };
        out.push(told("date", end - at, facts));
    }
    out
}
