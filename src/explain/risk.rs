//! The risk of a job at the time of the read: what was assessed, on what is still fresh now.

use super::Context;
use super::model::{Basis, FactorView, RiskView, RowState, UnevaluatedView};
use super::row::Joined;
use super::time::rfc3339;
use super::words::Both;
use crate::core::freshness::Freshness;
use mirano_replay::rows::{JobRow, NeedRow};
use mirano_schemas::{ScoreIs, Severity, UnevaluatedReason};

/// What the level is called when something is missing and nothing grave was found.
const INCOMPLETE: &str = "incomplete";

/// The word of the API.
pub fn score_is_word(score_is: ScoreIs) -> String {
    match score_is {
        ScoreIs::Exact => "exact".to_owned(),
        ScoreIs::AtLeast => "at_least".to_owned(),
    }
}

/// The risk, or none before anything was assessed.
pub(super) fn view(ctx: &Context<'_>, job: &JobRow, rows: &[Joined<'_>]) -> Option<RiskView> {
    let risk = job.risk.as_ref()?;
    let assessment = &risk.assessment;
    let basis = basis(rows);
    let lowest = ctx.policy.document.risk.levels.iter().min_by_key(|level| level.from);
    // A TTL that ended since the assessment makes it as incomplete as a missing answer does.
    let aged = basis.stale + basis.missing > 0 && assessment.score_is == ScoreIs::Exact;
    let level = match lowest {
        Some(lowest) if aged && lowest.id == assessment.level => INCOMPLETE.to_owned(),
        _ => assessment.level.clone(),
    };
    let score_is = if aged { ScoreIs::AtLeast } else { assessment.score_is };
    Some(RiskView {
        score: assessment.score,
        score_is: score_is_word(score_is),
        level,
        stops: assessment.stops.clone(),
        unevaluated: assessment
            .unevaluated
            .iter()
            .map(|rule| UnevaluatedView {
                rule: rule.rule.clone(),
                reason: reason(rule.reason).to_owned(),
                detail: rule.detail.clone(),
            })
            .collect(),
        basis,
        outdated: outdated(ctx, job),
        ruleset: assessment.ruleset.clone(),
        at: rfc3339(risk.at),
        factors: assessment
            .factors
            .iter()
            .map(|factor| FactorView {
                rule: factor.rule.clone(),
                title: rule_title(ctx, &factor.rule),
                points: factor.points,
                severity: severity(factor.severity).to_owned(),
                stop: factor.stop,
                facts: factor.facts.iter().map(ToString::to_string).collect(),
                possible: factor.possible.iter().map(ToString::to_string).collect(),
            })
            .collect(),
    })
}

fn basis(rows: &[Joined<'_>]) -> Basis {
    let mut basis = Basis::default();
    for row in rows.iter().filter(|row| row.state != RowState::NotApplicable) {
        match row.freshness {
            Freshness::Fresh => basis.fresh += 1,
            Freshness::Stale => basis.stale += 1,
            Freshness::Expired | Freshness::None => basis.missing += 1,
        }
    }
    basis
}

/// Whether what was assessed counts an answer that is too old to be shown by now.
pub(super) fn counts_outdated(ctx: &Context<'_>, job: &JobRow, need: &NeedRow) -> bool {
    let shown = |at| Freshness::of_receipt(need.receipt.as_ref(), at).shown();
    need.applicable() && !shown(ctx.now) && job.risk.as_ref().is_some_and(|risk| shown(risk.at))
}

/// The sources of such answers, each once.
fn outdated(ctx: &Context<'_>, job: &JobRow) -> Vec<String> {
    let needs = job.needs.iter().filter(|need| counts_outdated(ctx, job, need));
    let mut sources: Vec<String> = needs.map(|need| need.need.source.clone()).collect();
    sources.dedup();
    sources
}

/// The name of a level for people.
pub(super) fn level_title(ctx: &Context<'_>, level: &str) -> Both {
    let spec = ctx.policy.document.risk.levels.iter().find(|spec| spec.id == level);
    super::words::level(level, spec.and_then(|spec| spec.title.as_ref()).map(Both::from))
}

/// The name of a rule for people.
pub(super) fn rule_title(ctx: &Context<'_>, rule: &str) -> Option<Both> {
    ctx.policy.document.risk.rules.iter().find(|spec| spec.id == rule).map(|spec| Both::from(&spec.title))
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Low => "low",
        Severity::Medium => "medium",
        Severity::High => "high",
        Severity::Critical => "critical",
    }
}

fn reason(reason: UnevaluatedReason) -> &'static str {
    match reason {
        UnevaluatedReason::SourceNotAsked => "source_not_asked",
        UnevaluatedReason::SourceMissing => "source_missing",
        UnevaluatedReason::SourceFailed => "source_failed",
        UnevaluatedReason::SourceIncomplete => "source_incomplete",
        UnevaluatedReason::SourceSuspicious => "source_suspicious",
        UnevaluatedReason::Error => "error",
    }
}
