//! What a notification says to people, in Russian and English. Never rosier than what happened: a check that is final is
//! not called complete, and a source that answers is not called checked.

use crate::core::policy::PolicyDocument;
use crate::explain::words::{Both, Lang};
use mirano_replay::rows::NotificationRow;
use mirano_schemas::{JobStatus, NotificationDetail, NotificationType};

/// One line about a notification. `address` is the check's.
pub fn line(row: &NotificationRow, address: Option<&str>, policy: &PolicyDocument, lang: Lang) -> String {
    let raised = &row.raised;
    let said = match (raised.what, &raised.detail) {
        (NotificationType::FirstResult, _) => {
            pick(lang, "пришёл первый ответ".to_owned(), "the first answer has come".to_owned())
        }
        (NotificationType::Final, _) => ended(raised.status, lang),
        (_, NotificationDetail::Level { from, to, score }) => {
            let (from, to) = (level(policy, from, lang), level(policy, to, lang));
            pick(
                lang,
                format!("уровень риска был «{from}», теперь «{to}» (баллов: {score})"),
                format!("the risk level was “{from}”, now it is “{to}” (score: {score})"),
            )
        }
        (_, NotificationDetail::Facts { source, added, gone, changed, .. }) => {
            let source = title(policy, source, lang);
            pick(
                lang,
                format!("{source}: появилось {added}, исчезло {gone}, изменилось {changed}"),
                format!("{source}: {added} new, {gone} gone, {changed} changed"),
            )
        }
        (_, NotificationDetail::Source { source, failures }) => {
            let source = title(policy, source, lang);
            pick(
                lang,
                format!("источник «{source}» снова отвечает (неудачных попыток подряд было: {failures})"),
                format!("the source “{source}” answers again (failed attempts in a row: {failures})"),
            )
        }
        (_, NotificationDetail::Stale { source, .. }) => {
            let source = title(policy, source, lang);
            pick(
                lang,
                format!("часть данных устарела: {source}"),
                format!("a part of the data is past its time to live: {source}"),
            )
        }
        (what, NotificationDetail::Plain) => what.word().to_owned(),
    };
    match address {
        Some(address) => format!("{address}: {said}"),
        None => capital(&said),
    }
}

fn ended(status: Option<JobStatus>, lang: Lang) -> String {
    let (ru, en) = match status {
        Some(JobStatus::Completed) => (
            "проверка завершена, все данные в пределах срока годности",
            "the check has ended; all data are within their time to live",
        ),
        Some(JobStatus::Failed) => ("проверка завершена, данных нет", "the check has ended without any data"),
        _ => (
            "проверка завершена, но часть данных устарела или не получена",
            "the check has ended, but a part of the data is stale or missing",
        ),
    };
    pick(lang, ru.to_owned(), en.to_owned())
}

/// The subject of a message that tells several.
pub fn several(count: usize, lang: Lang) -> String {
    pick(lang, format!("Уведомлений: {count}"), format!("Notifications: {count}"))
}

/// What is said of those that found no room.
pub fn left_out(count: u32, lang: Lang) -> String {
    pick(lang, format!("И ещё: {count}."), format!("And more: {count}."))
}

/// What stands below every message.
pub fn footer(lang: Lang) -> &'static str {
    match lang {
        Lang::Ru => "Уведомления касаются только запрошенных источников; это не юридическая консультация.",
        Lang::En => "Notifications cover only the sources that were asked; they are not legal advice.",
    }
}

fn title(policy: &PolicyDocument, source: &str, lang: Lang) -> String {
    match policy.sources.get(source) {
        Some(spec) => Both::from(&spec.title).get(lang).to_owned(),
        None => source.to_owned(),
    }
}

fn level(policy: &PolicyDocument, id: &str, lang: Lang) -> String {
    let title = policy.risk.levels.iter().find(|level| level.id == id).and_then(|level| level.title.as_ref());
    title.map_or_else(|| id.to_owned(), |title| Both::from(title).get(lang).to_owned())
}

fn pick(lang: Lang, ru: String, en: String) -> String {
    match lang {
        Lang::Ru => ru,
        Lang::En => en,
    }
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
        let said = |status, lang| {
            line(&row(NotificationType::Final, status, NotificationDetail::Plain), Some("Тверская 7"), &policy, lang)
        };
        assert_eq!(
            said(JobStatus::Partial, Lang::En),
            "Тверская 7: the check has ended, but a part of the data is stale or missing"
        );
        assert!(said(JobStatus::Failed, Lang::Ru).ends_with("данных нет"));
        assert!(said(JobStatus::Completed, Lang::Ru).contains("в пределах срока годности"));
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
        assert_eq!(line(&told, None, &PolicyDocument::default(), Lang::En), "Courts: 2 new, 0 gone, 1 changed");
    }
}
