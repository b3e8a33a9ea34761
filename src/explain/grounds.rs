//! What the risk rests on, in sentences: the score, what stops, what adds to it, what could not be counted.
//!
//! Each names the receipts of the facts it rests on; what has no answer adds nothing to the score, and that is said.

use super::model::*;
use super::sentences::{Sentences, ids, nobody_knows, title, titles};
use super::words::{self, Arg, Both, both, code};
use super::{Context, risk};
use mirano_replay::rows::JobRow;
use mirano_replay::store::StoreError;
use mirano_replay::tree::stored;
use mirano_schemas::FactId;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// The sentences about the risk; none before anything was assessed.
pub(super) fn about_risk(sentences: &mut Sentences<'_>, job: &JobRow, view: &JobView) -> Result<(), StoreError> {
    let Some(risk) = &view.risk else { return Ok(()) };
    score(sentences, job, view, risk);
    let shown = Shown::of(sentences, job, view, risk)?;
    let stops = |rule: &str| risk.stops.iter().any(|stop| stop == rule);
    for rule in &risk.stops {
        let factor = risk.factors.iter().find(|factor| factor.rule == *rule);
        stop(sentences, rule, factor, &shown);
    }
    // The heaviest first, as they are read.
    let mut factors: Vec<&FactorView> = risk.factors.iter().filter(|factor| !stops(&factor.rule)).collect();
    factors.sort_by_key(|factor| std::cmp::Reverse(factor.points));
    for factor in factors {
        let text = told(sentences, "told_risk-factor", factor);
        sentences.say("risk.factor", "risk", &text, args(sentences, factor), shown.receipts(factor));
    }
    for rule in &risk.unevaluated {
        unevaluated(sentences, rule);
    }
    outdated(sentences, job, view);
    unanswered(sentences, job, view);
    Ok(())
}

fn score(sentences: &mut Sentences<'_>, job: &JobRow, view: &JobView, risk: &RiskView) {
    let level = risk::level_title(sentences.ctx, &risk.level);
    let unknown = nobody_knows(&view.progress);
    let text = words::risk(risk.score.into(), risk.score_is == "at_least", &level, unknown);
    let args = json!({"score": risk.score, "score_is": risk.score_is, "level": risk.level, "nothing_known": unknown});
    let shown = view.sources.iter().filter_map(|row| row.receipt_id.clone());
    let all = shown.chain(counted(sentences.ctx, job, view).map(|(_, receipt)| receipt)).collect();
    sentences.say("risk.score", "risk", &text, args, all);
}

fn stop(sentences: &mut Sentences<'_>, rule: &str, factor: Option<&FactorView>, shown: &Shown) {
    match factor {
        Some(factor) => {
            let text = told(sentences, "told_risk-stop", factor);
            sentences.say("risk.stop", "risk", &text, args(sentences, factor), shown.receipts(factor));
        }
        None => {
            let name = name(sentences, rule);
            let text = both("told_risk-stop_alone", &[("title", (&name).into())]);
            let args = json!({"rule": rule, "title": name.get(sentences.ctx.lang)});
            sentences.say("risk.stop", "risk", &text, args, Vec::new());
        }
    }
}

/// A factor in words, with how many records it rests on, and how many may be of somebody else.
fn told(sentences: &Sentences<'_>, id: &str, factor: &FactorView) -> Both {
    let args: [(&str, Arg); 3] = [
        ("title", name(sentences, &factor.rule).into()),
        ("points", factor.points.into()),
        ("n", factor.facts.len().into()),
    ];
    let told = both(id, &args);
    if factor.possible.is_empty() {
        return told;
    }
    let further = both("told_risk-possible", &[("n", factor.possible.len().into())]);
    Both::join(&[told, further], " ")
}

fn args(sentences: &Sentences<'_>, factor: &FactorView) -> serde_json::Value {
    json!({
        "rule": factor.rule, "title": name(sentences, &factor.rule).get(sentences.ctx.lang), "points": factor.points,
        "severity": factor.severity, "facts": factor.facts.len(), "possible": factor.possible.len(),
    })
}

fn name(sentences: &Sentences<'_>, rule: &str) -> Both {
    risk::rule_title(sentences.ctx, rule).unwrap_or_else(|| Both::from(rule))
}

fn unevaluated(sentences: &mut Sentences<'_>, rule: &UnevaluatedView) {
    let why: Both = words::Lang::ALL.map(|lang| code(lang, "unevaluated", &rule.reason)).into();
    let (name, source) = (name(sentences, &rule.rule), title(sentences.ctx, &rule.detail));
    let args: [(&str, Arg); 3] = [("title", (&name).into()), ("why", why.into()), ("source", source.into())];
    let text = match rule.reason.as_str() {
        "error" => both("told_risk-unevaluated_error", &args),
        _ => both("told_risk-unevaluated", &args),
    };
    let args =
        json!({"rule": rule.rule, "title": name.get(sentences.ctx.lang), "reason": rule.reason, "detail": rule.detail});
    sentences.say("risk.unevaluated", "risk", &text, args, Vec::new());
}

/// What was assessed stays until the check moves again: a score may rest on answers that age has taken from the page since.
fn outdated(sentences: &mut Sentences<'_>, job: &JobRow, view: &JobView) {
    let (rows, receipts): (Vec<&RowView>, Vec<String>) = counted(sentences.ctx, job, view).unzip();
    if rows.is_empty() {
        return;
    }
    let text = both("told_risk-outdated", &[("sources", titles(sentences.ctx, &rows).into())]);
    sentences.say("risk.outdated", "risk", &text, json!({"sources": ids(&rows)}), receipts);
}

/// Rows that show nothing, whose old answers the score counts, and those answers' receipts.
fn counted<'a>(ctx: &Context<'_>, job: &'a JobRow, view: &'a JobView) -> impl Iterator<Item = (&'a RowView, String)> {
    let rows = job.needs.iter().zip(&view.sources).filter(|(need, _)| risk::counts_outdated(ctx, job, need));
    rows.filter_map(|(need, row)| Some((row, need.receipt.as_ref()?.receipt_id.to_string())))
}

/// Most rules count the records that there are, so they are evaluated without a source that has none to give; what it would have added is open.
fn unanswered(sentences: &mut Sentences<'_>, job: &JobRow, view: &JobView) {
    let ctx = sentences.ctx;
    let silent = |row: &RowView| row.receipt_id.is_none() && row.state != RowState::NotApplicable;
    let rows = job.needs.iter().zip(&view.sources);
    let left_out = rows.filter(|(need, row)| silent(row) && !risk::counts_outdated(ctx, job, need));
    let silent: Vec<&RowView> = left_out.map(|(_, row)| row).collect();
    if silent.is_empty() {
        return;
    }
    let text = both("told_risk-unanswered", &[("sources", titles(sentences.ctx, &silent).into())]);
    sentences.say("risk.unevaluated", "risk", &text, json!({"sources": ids(&silent)}), Vec::new());
}

/// Which receipts show the facts that the risk rests on.
struct Shown(BTreeMap<String, BTreeSet<String>>);

impl Shown {
    fn of(sentences: &Sentences<'_>, job: &JobRow, view: &JobView, risk: &RiskView) -> Result<Self, StoreError> {
        let named: BTreeSet<&String> = risk.factors.iter().flat_map(|it| it.facts.iter().chain(&it.possible)).collect();
        let wanted: Vec<FactId> = named.into_iter().filter_map(|id| id.parse().ok()).collect();
        let mut shown: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (need, row) in job.needs.iter().zip(&view.sources) {
            let counted = row.receipt_id.is_some() || risk::counts_outdated(sentences.ctx, job, need);
            let Some(receipt) = need.receipt.as_ref().filter(|_| counted) else { continue };
            for fact in &wanted {
                if stored::contains(sentences.ctx.rows, receipt.facts_root, fact)? {
                    shown.entry(fact.to_string()).or_default().insert(receipt.receipt_id.to_string());
                }
            }
        }
        Ok(Self(shown))
    }

    fn receipts(&self, factor: &FactorView) -> Vec<String> {
        let facts = factor.facts.iter().chain(&factor.possible);
        let receipts: BTreeSet<&String> = facts.filter_map(|fact| self.0.get(fact)).flatten().collect();
        receipts.into_iter().cloned().collect()
    }
}
