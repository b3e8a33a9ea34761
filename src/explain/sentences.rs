//! A job in sentences: what has to be said first, what each row says, and why it came fast or is still going on.
//!
//! Every sentence is made of a row and its receipt, and names them; nothing is said that no receipt shows.

use super::Context;
use super::model::*;
use super::row::{origin_word, outcome_word};
use super::time::{rfc3339, seconds};
use super::why;
use super::words::{Both, NOTHING_FOUND, ago, duration, plural};
use mirano_replay::rows::JobRow;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// What has to be said before anything else.
pub(super) fn honesty(ctx: &Context<'_>, view: &JobView) -> Vec<Both> {
    let mut out = Vec::new();
    let Progress { total, reused, stale, failed, .. } = view.progress;
    if matches!(view.address.confidence.as_str(), "low" | "unknown") {
        let understood = &view.address.canonical;
        out.push(Both::new(
            format!("Мы поняли адрес как «{understood}»; уверенности в этом мало, и оценка риска неполна."),
            format!("We understood the address as \"{understood}\"; that is not certain, and the risk is incomplete."),
        ));
    }
    if view.status == Status::Completed && reused > 0 {
        out.push(Both::new(
            "Готово; часть данных не запрашивалась заново.",
            "Done; a part of the data was not asked for again.",
        ));
    }
    if stale > 0 {
        // Of the stale ones only: that something else is being asked makes these no fresher.
        let past = |row: &&RowView| row.freshness == FreshnessWord::Stale && row.state != RowState::NotApplicable;
        let asked = view.sources.iter().filter(past).filter(|row| row.updating).count();
        let (ru, en) = match u32::try_from(asked).unwrap_or(u32::MAX) {
            0 => ("они сейчас не обновляются".to_owned(), "that data is not being updated now".to_owned()),
            n if n >= stale => ("они сейчас обновляются".to_owned(), "that data is being updated now".to_owned()),
            n => (format!("из них сейчас обновляются {n}"), format!("{n} of these are being updated now")),
        };
        out.push(Both::new(
            format!("Данные частично устарели: у {stale} из {total} срок годности вышел, {ru}."),
            format!("The data is partly stale: {stale} of {total} are past their TTL; {en}."),
        ));
    }
    let named = |wanted: &dyn Fn(&RowView) -> bool| titles(ctx, view.sources.iter().filter(|row| wanted(row)));
    if !view.r#final {
        let open = named(&|row| row.updating || row.state == RowState::WaitingForSubject);
        out.push(Both::new(
            format!("Ещё обрабатываются: {}.", open.ru),
            format!("Still being processed: {}.", open.en),
        ));
    }
    if failed > 0 {
        let silent = named(&|row| row.state == RowState::Failed);
        out.push(Both::new(
            format!("Ответа нет: {}. Это не значит, что там ничего нет.", silent.ru),
            format!("No answer: {}. That does not mean that there is nothing.", silent.en),
        ));
    }
    if view.sources.iter().any(|row| row.receipt_id.is_some() && !row.complete) {
        let cut = named(&|row| row.receipt_id.is_some() && !row.complete);
        out.push(Both::new(
            format!("Показано не всё, что есть у источника: {}.", cut.ru),
            format!("Not all that the source has is shown: {}.", cut.en),
        ));
    }
    if reused > 0 {
        out.push(Both::new(
            format!("Из предыдущих проверок взято ответов: {reused}. Взято — не значит проверено заново."),
            format!("{reused} answer(s) come from earlier checks. Reused does not mean asked again."),
        ));
    }
    out
}

/// The names of the rows' sources, each once.
fn titles<'r>(ctx: &Context<'_>, rows: impl Iterator<Item = &'r RowView>) -> Both {
    let mut names: Vec<Both> = Vec::new();
    for row in rows {
        let title = title(ctx, &row.source);
        if !names.contains(&title) {
            names.push(title);
        }
    }
    let join = |pick: fn(&Both) -> &str| names.iter().map(pick).collect::<Vec<_>>().join(", ");
    Both::new(join(|both| &both.ru), join(|both| &both.en))
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
    fn say(&mut self, code: &str, topic: &str, text: &Both, args: Json, receipts: Vec<String>) {
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
pub fn explain(ctx: &Context<'_>, job: &JobRow, view: &JobView) -> Explanation {
    let mut sentences = Sentences { ctx, out: Vec::new() };
    let Progress { total, answered, reused, .. } = view.progress;
    let all = view.sources.iter().filter_map(|row| row.receipt_id.clone()).collect();
    sentences.say(
        "job.answered",
        "checked",
        &Both::new(
            format!("Есть ответ: {answered} из {total}, из них {reused} из предыдущих проверок."),
            format!("Answered: {answered} of {total}, {reused} of them from earlier checks."),
        ),
        json!({"answered": answered, "total": total, "reused": reused}),
        all,
    );
    for text in honesty(ctx, view) {
        sentences.say("honesty", "freshness", &text, json!({}), Vec::new());
    }
    for row in &view.sources {
        about_row(&mut sentences, row);
    }
    about_risk(&mut sentences, view);
    let why_fast = why::fast(&sentences, view);
    let why_updating = why::updating(&sentences, view);
    let receipts = job.needs.iter().zip(&view.sources).filter(|(_, row)| row.receipt_id.is_some());
    let receipts =
        receipts.filter_map(|(need, row)| Some(receipt_view(need.receipt.as_ref()?, &row.subject))).collect();
    Explanation {
        lang: ctx.lang.code().to_owned(),
        at: rfc3339(ctx.now),
        sentences: sentences.out,
        why_fast,
        why_updating,
        receipts,
    }
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
        let (code, topic, how) = origin_of(row.origin, row.reuse.as_ref().is_some_and(|reuse| reuse.narrowed));
        let (age_words, ttl_words, what) = (ago(age), duration(ttl), answer_of(row));
        let own = row.as_of.as_ref().map_or(
            Both::new("своей даты источник не указал", "the source names no date of its own"),
            |date| Both::new(format!("по данным источника на {date}"), format!("as of {date}, says the source")),
        );
        let until = row.fresh_until.clone().unwrap_or_default();
        let text = Both::new(
            format!(
                "{}: {}; {}. Источник спрошен {}, {}; срок годности {}, до {until}.",
                name.ru, what.ru, how.ru, age_words.ru, own.ru, ttl_words.ru
            ),
            format!(
                "{}: {}; {}. The source was asked {}, {}; its TTL is {}, until {until}.",
                name.en, what.en, how.en, age_words.en, own.en, ttl_words.en
            ),
        );
        let args = json!({"source": row.source, "facts": row.facts, "age_s": age, "ttl_s": ttl, "as_of": row.as_of});
        sentences.say(code, topic, &text, args, receipts.clone());
    }
    let noted = Both::new(format!("{}: {}.", name.ru, row.note.ru), format!("{}: {}.", name.en, row.note.en));
    let args = json!({"source": row.source, "blocked_on": row.blocked_on, "cause": row.cause});
    match row.state {
        RowState::Running | RowState::Retrying | RowState::Queued => {
            let text = match row.blocked_on.as_ref().and_then(|blocked| blocked.eta_s) {
                Some(eta) => {
                    let eta = duration(eta);
                    Both::new(
                        format!("{} Примерно через {}.", noted.ru, eta.ru),
                        format!("{} In about {}.", noted.en, eta.en),
                    )
                }
                None => noted,
            };
            sentences.say("source.updating", "updating", &text, args, receipts);
        }
        RowState::WaitingForSubject => sentences.say("source.waiting", "updating", &noted, args, receipts),
        RowState::Failed => sentences.say("source.failed", "missing", &noted, args, receipts),
        RowState::NotApplicable => sentences.say("source.not_applicable", "missing", &noted, args, receipts),
        RowState::Stale => sentences.say("source.stale", "freshness", &noted, args, receipts),
        RowState::Fresh => {}
    }
}

fn origin_of(origin: OriginWord, narrowed: bool) -> (&'static str, &'static str, Both) {
    match origin {
        OriginWord::Reused if narrowed => {
            ("source.reused", "reused", Both::new(super::words::NARROWED.0, super::words::NARROWED.1))
        }
        OriginWord::Reused => ("source.reused", "reused", Both::new(super::words::REUSED.0, super::words::REUSED.1)),
        OriginWord::ServedStale => (
            "source.served_stale",
            "reused",
            Both::new(
                "данные предыдущей проверки, уже просроченные, когда их взяли",
                "data of an earlier check, past its TTL when taken",
            ),
        ),
        OriginWord::Coalesced => (
            "source.coalesced",
            "checked",
            Both::new("запрос объединён с тем, что уже шёл", "joined a request that was under way"),
        ),
        OriginWord::Fetched | OriginWord::None => (
            "source.fetched",
            "checked",
            Both::new("источник опрошен для этой проверки", "the source was asked for this check"),
        ),
    }
}

fn answer_of(row: &RowView) -> Both {
    if row.outcome == Some(OutcomeWord::NothingFound) {
        return Both::new(NOTHING_FOUND.0, NOTHING_FOUND.1);
    }
    let n = u64::from(row.facts);
    let records = plural(n, "запись", "записи", "записей");
    let ending = if n == 1 { "" } else { "s" };
    Both::new(format!("источник ответил: {n} {records}"), format!("the source answered: {n} record{ending}"))
}

fn about_risk(sentences: &mut Sentences<'_>, view: &JobView) {
    let Some(risk) = &view.risk else { return };
    let at_least = risk.score_is == "at_least";
    let (ru, en) = if at_least { ("не меньше ", "at least ") } else { ("", "") };
    let text = Both::new(
        format!("Риск: {ru}{} из 100, уровень «{}».", risk.score, risk.level),
        format!("Risk: {en}{} of 100, level \"{}\".", risk.score, risk.level),
    );
    let args = json!({"score": risk.score, "score_is": risk.score_is, "level": risk.level});
    let all = view.sources.iter().filter_map(|row| row.receipt_id.clone()).collect();
    sentences.say("risk.score", "risk", &text, args, all);
}
