//! The two questions that people ask of a check: why it came so fast, and why it is still going on.
//!
//! Both always have an answer, and it rests on rows alone: that nothing was asked is said only where nothing was tried.

use super::model::*;
use super::sentences::{Sentences, title};
use super::words::{Arg, Both, both, duration};

/// Why the result came fast, or that it did not.
pub(super) fn fast(sentences: &Sentences<'_>, view: &JobView) -> Why {
    let Progress { answered, reused, total, .. } = view.progress;
    let tried = |row: &RowView| row.attempts > 0 || row.last_failure.is_some() || row.updating;
    let asked = view.sources.iter().any(|row| tried(row) || row.state == RowState::WaitingForSubject);
    let joined = view.sources.iter().filter(|row| row.origin == OriginWord::Coalesced).count();
    let joined = u32::try_from(joined).unwrap_or(u32::MAX);
    let of_reused = || sentences.ids(|sentence| sentence.topic == "reused");
    let counts = |of: &'static str, n: u32| -> [(&str, Arg); 2] { [(of, n.into()), ("total", total.into())] };
    let (text, ids) = if total == 0 {
        (both("why_fast-nobody", &[]), Vec::new())
    } else if answered == 0 {
        (both("why_fast-no_answer", &[]), Vec::new())
    } else if reused > 0 && reused == answered && !asked {
        (both("why_fast-all_reused", &[]), of_reused())
    } else if reused > 0 {
        (both("why_fast-part_reused", &counts("reused", reused)), of_reused())
    } else if joined > 0 {
        let ids = sentences.ids(|sentence| sentence.code == "source.coalesced");
        (both("why_fast-joined", &counts("joined", joined)), ids)
    } else {
        (both("why_fast-asked", &[]), sentences.ids(|sentence| sentence.code == "source.fetched"))
    };
    Why { text: text.get(sentences.ctx.lang).to_owned(), sentences: ids }
}

/// What is still awaited, of whom, and what holds it up; or that nothing is.
pub(super) fn updating(sentences: &Sentences<'_>, view: &JobView) -> Why {
    let ids = sentences.ids(|sentence| sentence.topic == "updating");
    let open = |row: &&RowView| row.updating || row.state == RowState::WaitingForSubject;
    let rows: Vec<&RowView> = view.sources.iter().filter(open).collect();
    let text = if rows.is_empty() {
        both("why_updating-nothing", &[])
    } else {
        let each = |row: &&RowView| {
            let (source, why) = (title(sentences.ctx, &row.source), holds_up(row));
            both("why_updating-one", &[("source", source.into()), ("why", why.into())])
        };
        let each: Vec<Both> = rows.iter().map(each).collect();
        both("why_updating-open", &[("n", rows.len().into()), ("each", Both::join(&each, "; ").into())])
    };
    Why { text: text.get(sentences.ctx.lang).to_owned(), sentences: ids }
}

/// What a row waits for, and about how long: what is not known is said to be so.
fn holds_up(row: &RowView) -> Both {
    let blocked = row.blocked_on.as_ref();
    let cause = blocked.and_then(|blocked| blocked.cause.as_deref());
    let why = match (row.state, blocked.map(|blocked| blocked.reason.as_str())) {
        (RowState::Queued | RowState::Retrying, Some("backoff" | "rate")) if cause.is_some() => because(cause),
        (RowState::Queued | RowState::Retrying, Some("proxy")) if cause == Some("proxy_total") => because(cause),
        (RowState::Running, _) => "note-running",
        (RowState::WaitingForSubject, _) => return both("note-waiting", &[]),
        (_, Some("rate")) => "held-rate",
        (_, Some("concurrency")) => "held-concurrency",
        (_, Some("proxy")) => "held-proxy",
        (_, Some("backoff")) => "held-backoff",
        (RowState::Retrying, _) => "note-retrying",
        _ => "held-queue",
    };
    let why = both(why, &[]);
    match (row.state, blocked.and_then(|blocked| blocked.eta_s)) {
        (RowState::Running, None) => why,
        (_, Some(eta)) => both("held-eta", &[("why", why.into()), ("eta", duration(eta).into())]),
        (_, None) => both("held-eta_unknown", &[("why", why.into())]),
    }
}

/// Why a source is not asked now, or more slowly.
fn because(cause: Option<&str>) -> &'static str {
    match cause {
        Some("breaker_open") => "held-breaker_open",
        Some("slowed_down") => "held-slowed_down",
        Some("overloaded") => "held-overloaded",
        Some("quiet_hours") => "held-quiet_hours",
        Some("daily_quota") => "held-daily_quota",
        Some("proxy_total") => "held-proxy_total",
        _ => "held-asked_to_wait",
    }
}
