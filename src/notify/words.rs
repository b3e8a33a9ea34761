//! What a notification says to people, in Russian and English. Never rosier than what happened: a check that is final is
//! not called complete, and a source that answers is not called checked.

use super::told::Check;
use crate::core::policy::PolicyDocument;
use crate::words::{self, Both, Lang, one};
use mirano_replay::rows::NotificationRow;
use mirano_schemas::{JobStatus, NotificationDetail, NotificationType};

/// One line about a notification; `check` is the one that it is about.
pub fn line(row: &NotificationRow, check: Option<&Check>, policy: &PolicyDocument, lang: Lang) -> String {
    let raised = &row.raised;
    let said = match (raised.what, &raised.detail) {
        (NotificationType::FirstResult, _) => one(lang, "told-first_result", &[]),
        (NotificationType::Final, _) => {
            let said = one(lang, ended(raised.status), &[]);
            match check.map(|check| check.unrenewed.as_slice()) {
                None | Some([]) => said,
                Some(sources) => {
                    let sources: Vec<Both> = sources.iter().map(|source| title(policy, source)).collect();
                    let sources = Both::join(&sources, ", ");
                    one(lang, "told-unrenewed", &[("said", said.into()), ("sources", sources.into())])
                }
            }
        }
        (_, NotificationDetail::Level { from, to, score }) => {
            let [from, to] = [from, to].map(|id| level(policy, id));
            one(lang, "told-level", &[("from", from.into()), ("to", to.into()), ("score", (*score).into())])
        }
        (_, NotificationDetail::Facts { source, added, gone, changed, .. }) => {
            let counts = [("told-added", *added), ("told-gone", *gone), ("told-changed", *changed)];
            // What did not happen needs no word.
            let moved = counts.iter().filter(|(_, n)| *n > 0).map(|(id, n)| one(lang, id, &[("n", (*n).into())]));
            let moved = moved.collect::<Vec<_>>().join(", ");
            one(lang, "told-facts", &[("source", title(policy, source).into()), ("moved", moved.into())])
        }
        (_, NotificationDetail::Source { source, failures }) => {
            let source = title(policy, source);
            one(lang, "told-recovered", &[("source", source.into()), ("failures", (*failures).into())])
        }
        (_, NotificationDetail::Stale { source, .. }) => {
            one(lang, "told-stale", &[("source", title(policy, source).into())])
        }
        (what, NotificationDetail::Plain) => what.word().to_owned(),
    };
    match check {
        Some(check) => one(lang, "told-of", &[("address", check.address.as_str().into()), ("said", said.into())]),
        None => capital(&said),
    }
}

fn ended(status: Option<JobStatus>) -> &'static str {
    match status {
        Some(JobStatus::Completed) => "told-completed",
        Some(JobStatus::Failed) => "told-failed",
        _ => "told-ended",
    }
}

/// The subject of a message that tells several.
pub fn several(count: usize, lang: Lang) -> String {
    one(lang, "mail-several", &[("n", count.into())])
}

/// What is said of those that found no room.
pub fn left_out(count: u32, lang: Lang) -> String {
    one(lang, "mail-left_out", &[("n", count.into())])
}

/// What stands below every message.
pub fn footer(lang: Lang) -> String {
    one(lang, "mail-footer", &[])
}

fn title(policy: &PolicyDocument, source: &str) -> Both {
    policy.sources.get(source).map_or_else(|| Both::new(source, source), |spec| Both::from(&spec.title))
}

fn level(policy: &PolicyDocument, id: &str) -> Both {
    let title = policy.risk.levels.iter().find(|level| level.id == id).and_then(|level| level.title.as_ref());
    words::level(id, title.map(Both::from))
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use mirano_schemas::*;

    fn row(what: NotificationType, status: JobStatus, detail: NotificationDetail) -> NotificationRow {
        let raised = NotificationRaised {
            notification: NotificationId([1; 16]),
            tenant: "t".to_owned(),
            what,
            job: Some(JobId([2; 16])),
            status: Some(status),
            is_final: true,
            since: None,
            detail,
            deliveries: Vec::new(),
        };
        NotificationRow { raised, at: Timestamp(0), position: Position { partition: 0, seq: 1 }, read: false }
    }

    #[test]
    fn a_partial_end_is_not_called_complete() {
        let policy = PolicyDocument::default();
        let check = |unrenewed: &[&str]| Check {
            address: "Тверская 7".to_owned(),
            unrenewed: unrenewed.iter().map(|source| (*source).to_owned()).collect(),
        };
        let of = |status, lang, check: Check| {
            line(&row(NotificationType::Final, status, NotificationDetail::Plain), Some(&check), &policy, lang)
        };
        let said = |status, lang| of(status, lang, check(&[]));
        assert_eq!(
            said(JobStatus::Partial, Lang::En),
            "Тверская 7: the check has ended, but a part of the data is stale or missing"
        );
        assert!(said(JobStatus::Failed, Lang::Ru).ends_with("данных нет"));
        assert!(said(JobStatus::Completed, Lang::Ru).contains("в пределах срока годности"));
        // Fresh by its TTL, and all the same not what was asked for.
        let failed = |lang| of(JobStatus::Completed, lang, check(&["courts", "fssp"]));
        assert!(
            failed(Lang::En).ends_with("; the last attempt to renew the data failed: courts, fssp"),
            "{}",
            failed(Lang::En)
        );
        assert!(
            failed(Lang::Ru).ends_with("; последняя попытка обновить данные не удалась: courts, fssp"),
            "{}",
            failed(Lang::Ru)
        );
    }

    #[test]
    fn numbers_and_names_are_said() {
        let detail = NotificationDetail::Facts {
            need_id: NeedId([0; 16]),
            source: "courts".to_owned(),
            observation: ObservationId([0; 16]),
            added: 2,
            gone: 0,
            changed: 1,
        };
        let told = row(NotificationType::FactsChanged, JobStatus::Completed, detail);
        assert_eq!(line(&told, None, &PolicyDocument::default(), Lang::En), "Courts: 2 new, 1 changed");
    }
}
