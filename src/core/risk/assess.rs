//! From what the rules have found, and what the sources have answered, to score, level and factors.

use super::INCOMPLETE;
use super::compile::{Rule, Rules};
use mirano_schemas::{
    Assessment, FactId, Factor, RiskBasis, RiskState, RuleState, ScoreIs, Unevaluated, UnevaluatedReason,
};
use std::collections::{BTreeMap, BTreeSet};

/// How a job's needs stand: by source, and what else limits the assessment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Coverage {
    /// By source id; every source of the job, also one whose needs are all not applicable.
    pub sources: BTreeMap<String, SourceCoverage>,
    /// The address was understood with less than medium confidence: the facts may be about another object.
    pub address_unsure: bool,
    /// Facts of the job that can't be read: their person's key is destroyed, or not at hand.
    pub unreadable_facts: u32,
}

/// How the needs of one source stand. `fresh`, `stale`, `missing` and `failed` part the applicable needs; `incomplete` and
/// `suspicious` are about those that show something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SourceCoverage {
    /// Shown, within the TTL; also while a re-check is under way or has failed.
    pub fresh: u32,
    /// Shown, past the TTL.
    pub stale: u32,
    /// Nothing shown yet: queued, running, retrying, waiting for its subject.
    pub missing: u32,
    /// Nothing shown, and nothing pending.
    pub failed: u32,
    /// Shown, but the source did not give everything.
    pub incomplete: u32,
    /// The last answer is not believed yet.
    pub suspicious: u32,
    /// There is nothing to ask about.
    pub not_applicable: u32,
}

impl SourceCoverage {
    fn applicable(&self) -> u32 {
        self.fresh + self.stale + self.missing + self.failed
    }

    /// Why a rule that needs this source has no say.
    fn blocks(&self) -> Option<UnevaluatedReason> {
        if self.failed > 0 {
            Some(UnevaluatedReason::SourceFailed)
        } else if self.missing > 0 {
            Some(UnevaluatedReason::SourceMissing)
        } else if self.suspicious > 0 {
            Some(UnevaluatedReason::SourceSuspicious)
        } else if self.incomplete > 0 {
            Some(UnevaluatedReason::SourceIncomplete)
        } else {
            None
        }
    }
}

impl Coverage {
    fn basis(&self) -> RiskBasis {
        let sum = |of: fn(&SourceCoverage) -> u32| self.sources.values().map(of).sum();
        RiskBasis { fresh: sum(|s| s.fresh), stale: sum(|s| s.stale), missing: sum(|s| s.missing + s.failed) }
    }

    /// Everything asked has answered, freshly, completely and believably, and something was asked.
    fn whole(&self) -> bool {
        let sound = |source: &SourceCoverage| source.fresh == source.applicable() && source.blocks().is_none();
        self.sources.values().all(sound)
            && self.sources.values().any(|source| source.fresh > 0)
            && !self.address_unsure
            && self.unreadable_facts == 0
    }
}

impl Rules {
    /// Assesses what `state` holds. A state that is of other rules holds nothing for these, and what it would have held is
    /// not known: [`Rules::update`] it first, be it with nothing.
    pub fn assess(&self, state: &RiskState, coverage: &Coverage) -> Assessment {
        let of_these_rules = state.rules_digest == self.digest;
        let nothing = RuleState::default();
        let mut factors = Vec::new();
        let mut unevaluated = Vec::new();
        for rule in &self.rules {
            let found = state.rules.get(&rule.id).filter(|_| of_these_rules).unwrap_or(&nothing);
            if let Some(blocked) = blocked(rule, coverage) {
                unevaluated.push(blocked);
                continue;
            }
            unevaluated.extend(failure(rule, found));
            factors.extend(factor(rule, found));
        }
        unevaluated.sort();
        let sum: i64 = factors.iter().map(|factor: &Factor| factor.points).fold(0, i64::saturating_add);
        let score = u8::try_from(sum.clamp(0, 100)).unwrap_or(100);
        let exact = of_these_rules && coverage.whole() && unevaluated.is_empty();
        let stops: BTreeSet<String> =
            factors.iter().filter(|factor| factor.stop).map(|factor| factor.rule.clone()).collect();
        Assessment {
            score,
            score_is: if exact { ScoreIs::Exact } else { ScoreIs::AtLeast },
            level: self.level(score, exact, coverage.address_unsure),
            stops: stops.into_iter().collect(),
            unevaluated,
            basis: coverage.basis(),
            ruleset: self.ruleset.clone(),
            as_of: state.as_of.clone(),
            factors,
        }
    }

    fn level(&self, score: u8, exact: bool, address_unsure: bool) -> String {
        let reached = self.levels.iter().rposition(|level| level.from <= i64::from(score)).unwrap_or(0);
        if address_unsure || (reached == 0 && !exact) {
            return INCOMPLETE.to_owned();
        }
        self.levels.get(reached).map_or_else(|| INCOMPLETE.to_owned(), |level| level.id.clone())
    }
}

fn blocked(rule: &Rule, coverage: &Coverage) -> Option<Unevaluated> {
    rule.needs.iter().find_map(|source| {
        let reason = match coverage.sources.get(source) {
            None => Some(UnevaluatedReason::SourceNotAsked),
            Some(source) => source.blocks(),
        };
        reason.map(|reason| Unevaluated { rule: rule.id.clone(), reason, detail: source.clone() })
    })
}

fn failure(rule: &Rule, found: &RuleState) -> Option<Unevaluated> {
    let of_fact = found.errors.first_key_value().map(|(_, error)| match found.errors.len() {
        1 => format!("on one fact: {error}"),
        n => format!("on {n} facts, the first of them: {error}"),
    });
    let detail = found.whole_error.clone().or(of_fact)?;
    Some(Unevaluated { rule: rule.id.clone(), reason: UnevaluatedReason::Error, detail })
}

/// The most facts that a factor names: the points count all, and a commit has an end.
const MOST_NAMED: usize = 100;

fn factor(rule: &Rule, found: &RuleState) -> Option<Factor> {
    let holds = found.whole.is_some() || !found.matched.is_empty();
    if !holds && found.possible.is_empty() {
        return None;
    }
    let sum = found.matched.values().copied().fold(found.whole.unwrap_or(0), i64::saturating_add);
    let facts: Vec<FactId> = found.matched.keys().copied().take(MOST_NAMED).collect();
    Some(Factor {
        rule: rule.id.clone(),
        points: rule.cap.map_or(sum, |cap| sum.min(cap)),
        severity: rule.severity,
        stop: rule.stop && holds,
        facts,
        possible: found.possible.iter().copied().take(MOST_NAMED).collect(),
    })
}
