//! A check in a terminal: one line a source, what has to be said first, the risk and what adds to it.

use crate::cli::table::Table;
use crate::cli::titles::Titles;
use crate::cli::{list, text};
use crate::words::{self, Arg, Lang, ago, code, level, one};
use console::Style;
use serde_json::Value;

/// How a check is shown.
pub(super) struct Look {
    pub(super) lang: Lang,
    pub(super) titles: Titles,
}

impl Look {
    pub(super) fn say(&self, id: &str, args: &[(&str, Arg)]) -> String {
        one(self.lang, id, args)
    }

    /// The name of a row's source.
    pub(super) fn title<'a>(&'a self, source: &'a str) -> &'a str {
        self.titles.get(self.lang, source)
    }

    /// The state of a row, in its colour.
    pub(super) fn state(&self, row: &Value) -> String {
        let state = text(row, "state");
        let word = code(self.lang, "state", state);
        let style = match state {
            "fresh" => Style::new().green(),
            "failed" => Style::new().red(),
            "stale" => Style::new().yellow(),
            "not_applicable" => Style::new().dim(),
            _ => Style::new().cyan(),
        };
        style.apply_to(word).to_string()
    }

    /// What a row says beside its state: where the data come from, or what it waits for.
    pub(super) fn note<'a>(&self, row: &'a Value) -> &'a str {
        row.get("note").map(|note| text(note, self.lang.code())).unwrap_or_default()
    }

    /// Why an attempt failed: the server's words, else those of its cause.
    fn cause(&self, failure: &Value) -> String {
        let told = failure.get("text").map(|words| text(words, self.lang.code())).filter(|words| !words.is_empty());
        let of_cause = || words::cause(text(failure, "cause"), failure.get("outcome").and_then(Value::as_str));
        told.map_or_else(|| of_cause().get(self.lang).to_owned(), str::to_owned)
    }

    /// How many records a row shows; empty where it has no answer.
    fn answer(&self, row: &Value) -> String {
        match row.get("facts").and_then(Value::as_u64) {
            Some(n) if !text(row, "receipt_id").is_empty() => self.say("cli-record_count", &[("n", n.into())]),
            _ => String::new(),
        }
    }

    /// About whom, where a source is asked about several.
    fn about(&self, row: &Value, job: &Value) -> String {
        let same = list(job, "sources").filter(|other| text(other, "source") == text(row, "source")).count();
        let name = text(row, "subject").split_once(':').map_or("", |(_, name)| name);
        if same > 1 && !name.is_empty() {
            format!("{} {name}", self.title(text(row, "source")))
        } else {
            self.title(text(row, "source")).to_owned()
        }
    }

    /// The whole check. `report` is as of `GET /v1/jobs/{id}/report`.
    pub(super) fn check(&self, job: &Value, report: &Value) -> String {
        let (bold, dim) = (Style::new().bold(), Style::new().dim());
        let mut out: Vec<String> = Vec::new();
        let address = job.get("address").unwrap_or(&Value::Null);
        out.push(bold.apply_to(text(address, "canonical")).to_string());
        out.push(format!("{}  {}", status(self.lang, text(job, "status")), dim.apply_to(text(job, "job_id"))));
        // Of a whole result the lines below say all.
        if !matches!(text(job, "status"), "COMPLETED" | "CREATED" | "IN_PROGRESS") {
            out.push(format!("  {}", words::status(self.lang, job).unwrap_or_else(|error| error.to_string())));
        }
        for sentence in list(job, "honesty").filter_map(Value::as_str) {
            out.push(format!("  {sentence}"));
        }
        out.push(String::new());
        let mut table = Table::default();
        let head = ["source", "state", "answer", "age", "note"].map(|name| self.say(&format!("cli-col_{name}"), &[]));
        table.row(head.map(|word| dim.apply_to(word).to_string()));
        for row in list(job, "sources") {
            let age = row.get("age_s").and_then(Value::as_u64).filter(|_| !text(row, "receipt_id").is_empty());
            let age = age.map(|age| ago(age).get(self.lang).to_owned()).unwrap_or_default();
            let note = dim.apply_to(self.note(row)).to_string();
            table.row([self.about(row, job), self.state(row), self.answer(row), age, note]);
            // Of a row without an answer the note has said why.
            let failure = row.get("last_failure").filter(|it| it.is_object() && text(row, "state") != "failed");
            if let Some(failure) = failure {
                let why = one(self.lang, "cli-renewal_failed", &[("cause", self.cause(failure).into())]);
                table.row(["", "", "", "", why.as_str()].map(|cell| dim.apply_to(cell).to_string()));
            }
        }
        out.extend(table.lines("  "));
        out.extend(self.risk(job));
        let missing = self.missing(report);
        if !missing.is_empty() {
            out.push(String::new());
            out.push(bold.apply_to(self.say("cli-not_checked", &[])).to_string());
            out.extend(missing);
        }
        out.push(String::new());
        if let Some(snapshot) = list(job, "snapshots").last() {
            let id = text(snapshot, "snapshot_id");
            out.push(dim.apply_to(self.say("cli-snapshot", &[("id", id.into())])).to_string());
        }
        out.push(dim.apply_to(self.say("cli-more", &[("id", text(job, "job_id").into())])).to_string());
        out.push(String::new());
        out.join("\n")
    }

    fn risk(&self, job: &Value) -> Vec<String> {
        let risk = job.get("risk").unwrap_or(&Value::Null);
        let Some(score) = risk.get("score").and_then(Value::as_u64) else { return Vec::new() };
        let (at_least, level) = (text(risk, "score_is") == "at_least", level(text(risk, "level"), None));
        let said = words::risk(score, at_least, &level, words::nobody_knows(job)).get(self.lang).to_owned();
        let mut out = vec![String::new(), Style::new().bold().apply_to(said).to_string()];
        let mut table = Table::default();
        for factor in list(risk, "factors") {
            let points = factor.get("points").and_then(Value::as_i64).unwrap_or(0);
            let title = factor.get("title").map(|title| text(title, self.lang.code())).unwrap_or_default();
            let title = if title.is_empty() { text(factor, "rule") } else { title };
            let facts = self.say("cli-fact_count", &[("n", list(factor, "facts").count().into())]);
            table.row([format!("{points:+}"), title.to_owned(), Style::new().dim().apply_to(facts).to_string()]);
        }
        out.extend(table.lines("  "));
        out
    }

    /// What the report does not cover, each with its source; last and in one line those that its profile does not ask.
    fn missing(&self, report: &Value) -> Vec<String> {
        let (outside, within): (Vec<&Value>, Vec<&Value>) =
            list(report, "not_checked").partition(|one| text(one, "reason") == "not_in_profile");
        let line = |one: &Value| {
            let why = one.get("text").map(|words| text(words, self.lang.code())).unwrap_or_default();
            format!("  {}: {why}", self.title(text(one, "source")))
        };
        let mut lines: Vec<String> = within.into_iter().map(line).collect();
        if !outside.is_empty() {
            let sources = outside.iter().map(|one| self.title(text(one, "source"))).collect::<Vec<_>>().join(", ");
            lines.push(format!("  {}", self.say("unasked-outside", &[("sources", sources.into())])));
        }
        lines
    }
}

/// A status in its colour; in English as the interface calls it.
fn status(lang: Lang, status: &str) -> String {
    let style = match status {
        "COMPLETED" => Style::new().green(),
        "FAILED" => Style::new().red(),
        "PARTIAL" => Style::new().yellow(),
        _ => Style::new().cyan(),
    };
    let known = status.to_lowercase();
    let word = code(lang, "status_word", &known);
    style.apply_to(if word == known { status.to_owned() } else { word }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;
    use serde_json::json;

    fn job() -> Value {
        json!({"job_id": "j1", "status": "PARTIAL", "final": false, "progress": {"total": 3, "answered": 1, "stale": 0}, "address": {"canonical": "г Москва, ул Тверская, д 7"},
            "honesty": ["No answer: Reviews. That does not mean that there is nothing."],
            "sources": [
                {"source": "courts", "state": "fresh", "facts": 12, "receipt_id": "r1", "age_s": 86400, "subject": "company:7707083893",
                 "note": {"ru": "данные использованы из предыдущей проверки", "en": "data reused from an earlier check"}},
                {"source": "courts", "state": "running", "facts": 0, "receipt_id": null, "age_s": null, "subject": "company:7736050003",
                 "note": {"ru": "источник опрашивается", "en": "the source is being asked"},
                 "last_failure": {"cause": "http_status: the source answered 503", "outcome": "unavailable"}},
                {"source": "reviews", "state": "failed", "facts": 0, "receipt_id": null, "subject": "property:a",
                 "note": {"ru": "источник не ответил", "en": "the source gave no answer"},
                 "last_failure": {"cause": "timeout: no answer within 20s", "outcome": "unavailable"}}],
            "risk": {"score": 20, "score_is": "at_least", "level": "incomplete",
                "factors": [{"rule": "court.defendant", "title": {"ru": "Ответчик в суде", "en": "Defendant in court"}, "points": 20, "facts": ["a", "b"]}]},
            "snapshots": [{"snapshot_id": "s1"}]})
    }

    fn shown(lang: Lang) -> String {
        console::set_colors_enabled(false);
        let titles = [
            ("courts", "Суды", "Court cases"),
            ("reviews", "Отзывы", "Reviews"),
            ("permits", "Разрешения", "Permits"),
            ("tax", "Налоги", "Tax"),
        ];
        let titles = titles.into_iter().map(|(id, ru, en)| (id, json!({"ru": ru, "en": en}))).collect();
        let mut report = json!({"not_checked": [{"source": "reviews", "reason": "failed", "text": {"ru": "источник не ответил", "en": "the source gave no answer"}}]});
        for source in ["permits", "tax"] {
            // Before the others, as an interface may give them: they are told last all the same.
            let outside = json!({"source": source, "reason": "not_in_profile", "text": {"ru": "профиль не спрашивает", "en": "the profile does not ask"}});
            report["not_checked"].as_array_mut().expect("a list").insert(0, outside);
        }
        Look { lang, titles }.check(&job(), &report)
    }

    #[test]
    fn a_check_is_a_table_in_the_readers_language() {
        expect![[r#"
            г Москва, ул Тверская, д 7
            PARTIAL  j1
              Part of the result is here, the rest is being updated
              No answer: Reviews. That does not mean that there is nothing.

              Source                  State           Answer      Asked      From where
              Court cases 7707083893  within its TTL  12 records  1 day ago  data reused from an earlier check
              Court cases 7736050003  being asked                            the source is being asked
                                                                             the last attempt failed: the source answered with an error (status 503)
              Reviews                 no answer                              the source gave no answer

            Risk: at least 20 of 100, level "not enough data".
              +20  Defendant in court  2 facts

            Not checked
              Reviews: the source gave no answer
              Outside the profile, so not asked: Tax, Permits

            Snapshot s1
            Why so: mirano explain j1
        "#]]
        .assert_eq(&shown(Lang::En));
        expect![[r#"
            г Москва, ул Тверская, д 7
            НЕПОЛНО ИЛИ УСТАРЕЛО  j1
              Есть часть результата, остальное обновляется
              No answer: Reviews. That does not mean that there is nothing.

              Источник         Состояние         Ответ       Спрошен       Откуда
              Суды 7707083893  в пределах срока  12 записей  1 день назад  данные использованы из предыдущей проверки
              Суды 7736050003  запрашивается                               источник опрашивается
                                                                           последняя попытка не удалась: источник ответил ошибкой (код 503)
              Отзывы           нет ответа                                  источник не ответил

            Риск: не меньше 20 из 100, уровень «данных недостаточно».
              +20  Ответчик в суде  2 факта

            Не проверено
              Отзывы: источник не ответил
              Вне профиля, поэтому не спрашивали: Налоги, Разрешения

            Снимок s1
            Почему так: mirano explain j1
        "#]]
        .assert_eq(&shown(Lang::Ru));
    }
}
