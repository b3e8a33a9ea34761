//! The two questions that people ask of a check: why it came so fast, and why it is still going on.
//!
//! Both always have an answer, and it rests on rows alone: that nothing was asked is said only where nothing was tried.

use super::model::*;
use super::sentences::{Sentences, title};
use super::words::{Both, duration, plural};

/// Why the result came fast, or that it did not.
pub(super) fn fast(sentences: &Sentences<'_>, view: &JobView) -> Why {
    let Progress { answered, reused, total, .. } = view.progress;
    let tried = |row: &RowView| row.attempts > 0 || row.last_failure.is_some() || row.updating;
    let asked = view.sources.iter().any(|row| tried(row) || row.state == RowState::WaitingForSubject);
    let joined = view.sources.iter().filter(|row| row.origin == OriginWord::Coalesced).count();
    let of_reused = || sentences.ids(|sentence| sentence.topic == "reused");
    let (text, ids) = if total == 0 {
        let text = Both::new(
            "Спрашивать было некого: ни один источник к этой проверке не относится.",
            "There was nobody to ask: no source applies to this check.",
        );
        (text, Vec::new())
    } else if answered == 0 {
        let text = Both::new("Быстро не было: ответов пока нет.", "It was not fast: there is no answer yet.");
        (text, Vec::new())
    } else if reused > 0 && reused == answered && !asked {
        let text = Both::new(
            "Быстро, потому что все показанные ответы взяты из предыдущих проверок; источники заново не опрашивались.",
            "It was fast because every answer shown comes from earlier checks; no source was asked again.",
        );
        (text, of_reused())
    } else if reused > 0 {
        let text = Both::new(
            format!(
                "Часть пришла быстро: {reused} из {total} взяты из предыдущих проверок, остальное опрашивается или опрошено."
            ),
            format!("A part came fast: {reused} of {total} come from earlier checks; the rest was or is being asked."),
        );
        (text, of_reused())
    } else if joined > 0 {
        let text = Both::new(
            format!(
                "Из предыдущих проверок ничего не взято, но запросы, которые уже шли, не повторялись: {joined} из {total} получены по ним."
            ),
            format!(
                "Nothing comes from earlier checks, but requests that were under way were not repeated: {joined} of {total} came by them."
            ),
        );
        (text, sentences.ids(|sentence| sentence.code == "source.coalesced"))
    } else {
        let text = Both::new(
            "Быстро не было: из предыдущих проверок ничего не взято, источники опрашиваются или опрошены для этой проверки.",
            "It was not fast: nothing comes from earlier checks, the sources are or were asked for this one.",
        );
        (text, sentences.ids(|sentence| sentence.code == "source.fetched"))
    };
    Why { text: text.get(sentences.ctx.lang).to_owned(), sentences: ids }
}

/// What is still awaited, of whom, and what holds it up; or that nothing is.
pub(super) fn updating(sentences: &Sentences<'_>, view: &JobView) -> Why {
    let ids = sentences.ids(|sentence| sentence.topic == "updating");
    let open = |row: &&RowView| row.updating || row.state == RowState::WaitingForSubject;
    let rows: Vec<&RowView> = view.sources.iter().filter(open).collect();
    let text = if rows.is_empty() {
        Both::new("Сейчас ничего не обновляется.", "Nothing is being updated now.")
    } else {
        let each: Vec<Both> = rows
            .iter()
            .map(|row| {
                let (name, why) = (title(sentences.ctx, &row.source), holds_up(row));
                Both::new(format!("{} — {}", name.ru, why.ru), format!("{}: {}", name.en, why.en))
            })
            .collect();
        let join = |pick: fn(&Both) -> &str| each.iter().map(pick).collect::<Vec<_>>().join("; ");
        let n = rows.len() as u64;
        let sources = plural(n, "источника", "источников", "источников");
        let ending = if n == 1 { "" } else { "s" };
        Both::new(
            format!("Обновление идёт: ждём ответа {n} {sources}. {}.", join(|both| &both.ru)),
            format!("It is being updated: {n} source{ending} yet to answer. {}.", join(|both| &both.en)),
        )
    };
    Why { text: text.get(sentences.ctx.lang).to_owned(), sentences: ids }
}

/// What a row waits for, and about how long: what is not known is said to be so.
fn holds_up(row: &RowView) -> Both {
    let blocked = row.blocked_on.as_ref();
    let cause = blocked.and_then(|blocked| blocked.cause.as_deref());
    let reason = match (row.state, blocked.map(|blocked| blocked.reason.as_str())) {
        (RowState::Queued | RowState::Retrying, Some("backoff" | "rate")) if cause.is_some() => because(cause),
        (RowState::Running, _) => Both::new("источник опрашивается", "the source is being asked"),
        (RowState::WaitingForSubject, _) => {
            return Both::new(
                "ждёт, пока другой источник назовёт, о ком спрашивать",
                "waits for another source to name whom to ask about",
            );
        }
        (_, Some("rate")) => {
            Both::new("исчерпан допустимый темп запросов", "the permitted rate of requests is used up")
        }
        (_, Some("concurrency")) => {
            Both::new("источник занят другими нашими запросами", "the source is busy with other requests of ours")
        }
        (_, Some("proxy")) => Both::new("нет свободного прокси", "no proxy is free"),
        (_, Some("backoff")) => Both::new("пауза перед следующей попыткой", "a pause before the next attempt"),
        (RowState::Retrying, _) => {
            Both::new("попытка не удалась, будет следующая", "an attempt failed, another follows")
        }
        _ => Both::new("очередь к источнику", "queued for the source"),
    };
    match (row.state, blocked.and_then(|blocked| blocked.eta_s)) {
        (RowState::Running, None) => reason,
        (_, Some(eta)) => {
            let eta = duration(eta);
            Both::new(format!("{}, примерно {}", reason.ru, eta.ru), format!("{}, about {}", reason.en, eta.en))
        }
        (_, None) => Both::new(
            format!("{}, сколько ещё — неизвестно", reason.ru),
            format!("{}, how long is not known", reason.en),
        ),
    }
}

/// Why a source is not asked now, or more slowly.
fn because(cause: Option<&str>) -> Both {
    match cause {
        Some("breaker_open") => Both::new(
            "источник не отвечает, поэтому его пока не опрашивают и пробуют снова изредка",
            "the source does not answer, so it is left alone and tried again once in a while",
        ),
        Some("slowed_down") => Both::new(
            "источник сообщил о слишком частых запросах и опрашивается медленнее",
            "the source said it was asked too fast, and is asked more slowly",
        ),
        Some("quiet_hours") => {
            Both::new("сейчас часы, когда источник не опрашивают", "these are hours in which the source is left alone")
        }
        Some("daily_quota") => Both::new(
            "дневной лимит запросов к источнику исчерпан",
            "the day's quota of requests to the source is used up",
        ),
        _ => Both::new("источник просил подождать", "the source asked to be left alone"),
    }
}
