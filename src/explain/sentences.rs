//! A job in sentences: what has to be said first, what each row says, and why it came fast or is still going on.
//!
//! Every sentence is made of a row and its receipt, and names them; nothing is said that no receipt shows.

use super::Context;
use super::model::*;
use super::row::{depends_on, origin_word, outcome_word, unrenewed};
use super::time::{rfc3339, seconds};
use super::why;
use super::words::{self, Arg, Both, ago, both, day, duration, moment, within};
use super::{grounds, risk};
use mirano_replay::rows::JobRow;
use mirano_replay::store::StoreError;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// What has to be said before anything else, and the receipts that it rests on.
pub(super) struct Honest {
    pub text: Both,
    args: Json,
    receipts: Vec<String>,
}

/// What has to be said before anything else.
pub(super) fn honesty(ctx: &Context<'_>, view: &JobView) -> Vec<Honest> {
    let mut out = Vec::new();
    let Progress { total, answered, reused, stale, failed, .. } = view.progress;
    // Words about some of the rows: what names them, and the receipts of those that have one.
    let rows = |wanted: &dyn Fn(&RowView) -> bool| -> Vec<&RowView> {
        view.sources.iter().filter(|row| wanted(row)).collect()
    };
    let receipts = |rows: &[&RowView]| rows.iter().filter_map(|row| row.receipt_id.clone()).collect::<Vec<_>>();
    let mut say = |id: &str, args: &[(&str, Arg)], json: Json, receipts: Vec<String>| {
        out.push(Honest { text: both(id, args), args: json, receipts });
    };
    if matches!(view.address.confidence.as_str(), "low" | "unknown") {
        let address = view.address.canonical.as_str();
        say("honesty-address", &[("address", address.into())], json!({"address": address}), Vec::new());
    }
    let of_earlier = rows(&|row| matches!(row.origin, OriginWord::Reused | OriginWord::ServedStale));
    if view.status == Status::Completed && reused > 0 {
        let id = if reused < total { "honesty-done_reused" } else { "honesty-done_all_reused" };
        say(id, &[], json!({"reused": reused}), receipts(&of_earlier));
    }
    // A low score would be read as good news; here it is no news at all.
    let shown = rows(&|row| row.receipt_id.is_some() && row.state != RowState::NotApplicable);
    if nobody_knows(&view.progress) {
        let id = if answered < total { "honesty-nothing_known_yet" } else { "honesty-nothing_known" };
        let args = [("answered", answered.into()), ("total", total.into())];
        say(id, &args, json!({"answered": answered, "total": total}), receipts(&shown));
    }
    if stale > 0 {
        // Of the stale ones only: that something else is being asked makes these no fresher.
        let past = rows(&|row| row.freshness == FreshnessWord::Stale && row.state != RowState::NotApplicable);
        let asked = u32::try_from(past.iter().filter(|row| row.updating).count()).unwrap_or(u32::MAX);
        let of = if stale < total { "honesty-stale_part" } else { "honesty-stale_all" };
        let of = both(of, &[("stale", stale.into()), ("total", total.into())]);
        let now = match asked {
            0 => both("honesty-stale_untouched", &[]),
            n if n >= stale => both("honesty-stale_updating", &[]),
            n => both("honesty-stale_some", &[("asked", n.into())]),
        };
        say(
            "honesty-stale",
            &[("of", of.into()), ("now", now.into())],
            json!({"stale": stale, "total": total, "updating": asked}),
            receipts(&past),
        );
    }
    let mut name = |id: &str, rows: &[&RowView]| {
        say(id, &[("sources", titles(ctx, rows).into())], json!({"sources": ids(rows)}), receipts(rows));
    };
    if !view.r#final {
        name("honesty-open", &rows(&|row| row.updating || row.state == RowState::WaitingForSubject));
    }
    if failed > 0 {
        let (unasked, silent): (Vec<_>, Vec<_>) =
            rows(&|row| row.state == RowState::Failed).into_iter().partition(|row| depends_on(row));
        for (id, rows) in [("honesty-silent", silent), ("honesty-unasked", unasked)] {
            if !rows.is_empty() {
                name(id, &rows);
            }
        }
    }
    // While another attempt goes on, nothing is lost yet.
    let before = rows(&|row| !row.updating && unrenewed(row).is_some());
    if !before.is_empty() {
        name("honesty-unrenewed", &before);
    }
    let cut = rows(&|row| row.receipt_id.is_some() && !row.complete);
    if !cut.is_empty() {
        name("honesty-cut", &cut);
    }
    if reused > 0 {
        say("honesty-reused", &[("n", reused.into())], json!({"reused": reused}), receipts(&of_earlier));
    }
    out
}

pub(super) fn ids(rows: &[&RowView]) -> Vec<String> {
    let mut ids: Vec<String> = rows.iter().map(|row| row.source.clone()).collect();
    ids.dedup();
    ids
}

/// The names of the rows' sources, each once.
pub(super) fn titles(ctx: &Context<'_>, rows: &[&RowView]) -> Both {
    let mut names: Vec<Both> = Vec::new();
    for row in rows {
        let title = title(ctx, &row.source);
        if !names.contains(&title) {
            names.push(title);
        }
    }
    Both::join(&names, ", ")
}

pub(super) fn title(ctx: &Context<'_>, source: &str) -> Both {
    match ctx.policy.document.sources.get(source) {
        Some(spec) => Both::from(&spec.title),
        None => Both::new(source, source),
    }
}

/// Collects sentences and names them.
pub(super) struct Sentences<'a> {
    pub ctx: &'a Context<'a>,
    out: Vec<Sentence>,
}

impl Sentences<'_> {
    pub fn say(&mut self, code: &str, topic: &str, text: &Both, args: Json, receipts: Vec<String>) {
        let args: BTreeMap<String, Json> = match args {
            Json::Object(map) => map.into_iter().collect(),
            _ => BTreeMap::new(),
        };
        self.out.push(Sentence {
            id: format!("s{}", self.out.len() + 1),
            code: code.to_owned(),
            topic: topic.to_owned(),
            text: text.get(self.ctx.lang).to_owned(),
            args,
            receipts,
        });
    }

    pub fn ids(&self, wanted: impl Fn(&Sentence) -> bool) -> Vec<String> {
        self.out.iter().filter(|sentence| wanted(sentence)).map(|sentence| sentence.id.clone()).collect()
    }
}

/// The job in sentences.
pub fn explain(ctx: &Context<'_>, job: &JobRow, view: &JobView) -> Result<Explanation, StoreError> {
    let mut sentences = Sentences { ctx, out: Vec::new() };
    let Progress { total, answered, reused, .. } = view.progress;
    let all = view.sources.iter().filter_map(|row| row.receipt_id.clone()).collect();
    let counts = [("answered", answered.into()), ("total", total.into()), ("reused", reused.into())];
    let args = json!({"answered": answered, "total": total, "reused": reused});
    sentences.say("job.answered", "checked", &both("job-answered", &counts), args, all);
    for honest in honesty(ctx, view) {
        sentences.say("honesty", "freshness", &honest.text, honest.args, honest.receipts);
    }
    for row in &view.sources {
        about_row(&mut sentences, row);
    }
    grounds::about_risk(&mut sentences, job, view)?;
    let why_fast = why::fast(&sentences, view);
    let why_updating = why::updating(&sentences, view);
    let receipts = job.needs.iter().zip(&view.sources);
    let receipts = receipts.filter(|(need, row)| row.receipt_id.is_some() || risk::counts_outdated(ctx, job, need));
    let receipts =
        receipts.filter_map(|(need, row)| Some(receipt_view(need.receipt.as_ref()?, &row.subject))).collect();
    Ok(Explanation {
        lang: ctx.lang.code().to_owned(),
        at: rfc3339(ctx.now),
        sentences: sentences.out,
        why_fast,
        why_updating,
        receipts,
    })
}

/// A receipt as it is shown.
pub fn receipt_view(receipt: &mirano_schemas::Receipt, subject: &str) -> ReceiptView {
    ReceiptView {
        receipt_id: receipt.receipt_id.to_string(),
        need_id: receipt.need_id.to_string(),
        source: receipt.source.clone(),
        subject: subject.to_owned(),
        origin: origin_word(receipt.origin),
        outcome: outcome_word(receipt.outcome),
        complete: receipt.complete,
        observation_id: receipt.observation.to_string(),
        observed_at: rfc3339(receipt.observed_at),
        as_of: receipt.as_of.clone(),
        ttl_s: seconds(receipt.ttl_ms),
        taken_at: rfc3339(receipt.taken_at),
        policy_version: receipt.policy_version,
        reason: receipt.reason.clone(),
    }
}

fn about_row(sentences: &mut Sentences<'_>, row: &RowView) {
    let name = title(sentences.ctx, &row.source);
    let receipts: Vec<String> = row.receipt_id.iter().cloned().collect();
    if let (Some(age), Some(ttl)) = (row.age_s.filter(|_| row.receipt_id.is_some()), row.ttl_s) {
        let (code, topic, from) = origin_of(row.origin, row.reuse.as_ref().is_some_and(|reuse| reuse.narrowed));
        let own = match &row.as_of {
            Some(date) => both("row-own", &[("date", day(date).into())]),
            None => both("row-own_none", &[]),
        };
        let text = both(
            "row-told",
            &[
                ("source", (&name).into()),
                ("answer", answer_of(row).into()),
                ("from", both(from, &[]).into()),
                ("age", ago(age).into()),
                ("own", own.into()),
                ("ttl", duration(ttl).into()),
                ("until", moment(row.fresh_until.as_deref().unwrap_or_default()).into()),
            ],
        );
        let args = json!({"source": row.source, "facts": row.facts, "age_s": age, "ttl_s": ttl, "as_of": row.as_of});
        sentences.say(code, topic, &text, args, receipts.clone());
    }
    let noted: [(&str, Arg); 2] = [("source", (&name).into()), ("note", (&row.note).into())];
    let args = json!({"source": row.source, "blocked_on": row.blocked_on, "cause": row.cause});
    let plain = || both("row-note", &noted);
    match row.state {
        RowState::Running | RowState::Retrying | RowState::Queued => {
            let text = match row.blocked_on.as_ref().and_then(|blocked| blocked.eta_s) {
                Some(eta) => {
                    let [source, note] = noted;
                    both("row-note_eta", &[source, note, ("eta", within(eta).into())])
                }
                None => plain(),
            };
            sentences.say("source.updating", "updating", &text, args, receipts);
        }
        RowState::WaitingForSubject => sentences.say("source.waiting", "updating", &plain(), args, receipts),
        RowState::Failed => sentences.say("source.failed", "missing", &plain(), args, receipts),
        RowState::NotApplicable => sentences.say("source.not_applicable", "missing", &plain(), args, receipts),
        RowState::Stale => sentences.say("source.stale", "freshness", &plain(), args, receipts),
        RowState::Fresh => {}
    }
    about_renewal(sentences, row, &name);
}

/// That the last attempt to renew what is shown failed, while no other goes on.
fn about_renewal(sentences: &mut Sentences<'_>, row: &RowView, name: &Both) {
    let Some(failure) = unrenewed(row).filter(|_| !row.updating) else { return };
    let text = both(
        "row-unrenewed",
        &[
            ("source", name.into()),
            ("at", moment(&failure.at).into()),
            ("cause", (&failure.text).into()),
            ("age", ago(row.age_s.unwrap_or(0)).into()),
        ],
    );
    let args = json!({
        "source": row.source, "failed_at": failure.at, "outcome": failure.outcome, "cause": failure.cause,
    });
    sentences.say("source.not_renewed", "freshness", &text, args, row.receipt_id.iter().cloned().collect());
}

/// The code of a sentence about an origin, its topic, and the words for it.
fn origin_of(origin: OriginWord, narrowed: bool) -> (&'static str, &'static str, &'static str) {
    match origin {
        OriginWord::Reused if narrowed => ("source.reused", "reused", "from-narrowed"),
        OriginWord::Reused => ("source.reused", "reused", "from-reused"),
        OriginWord::ServedStale => ("source.served_stale", "reused", "from-served_stale"),
        OriginWord::Coalesced => ("source.coalesced", "checked", "from-coalesced"),
        OriginWord::Fetched | OriginWord::None => ("source.fetched", "checked", "from-fetched"),
    }
}

fn answer_of(row: &RowView) -> Both {
    match row.outcome {
        Some(OutcomeWord::NothingFound) => both("answer-nothing_found", &[]),
        _ => both("answer-found", &[("n", row.facts.into())]),
    }
}

pub(super) fn nobody_knows(progress: &Progress) -> bool {
    words::nothing_known(progress.answered.into(), progress.nothing_found.into())
}
