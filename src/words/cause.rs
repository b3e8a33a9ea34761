//! Why a source gave no answer, in words.
//!
//! The log keeps a cause as text: a stable code, a colon, and details for who looks after the source (`http_status: the source answered 503`).
//! People read the words of its code, in their language; of the details only what is a number. The text itself goes on to programs.

use super::{Both, both, has, within};

/// The words of a cause, a clause of its own: "the source answered with an error (status 503)". `outcome` is the code of what came of the attempt
/// (`unavailable`, …): it speaks for a cause whose code has no words, such as a worker's of its own.
pub fn cause(text: &str, outcome: Option<&str>) -> Both {
    let (code, details) = text.split_once(':').unwrap_or((text, ""));
    let code = kind(code.trim());
    let told = match number(details) {
        Some(seconds) if code == "breaker_open" => return both("cause-given_up", &[("time", within(seconds).into())]),
        Some(seconds) if code == "proxies_down" => {
            return both("cause-through_none", &[("time", within(seconds).into())]);
        }
        Some(status) if matches!(code, "http_status" | "unexpected_status") => {
            return both(&format!("cause-{code}"), &[("status", status.to_string().into())]);
        }
        _ => format!("cause-{code}"),
    };
    let by_outcome = outcome.map(|outcome| format!("cause-{outcome}")).filter(|id| is_plain(id));
    match by_outcome {
        _ if is_plain(&told) => both(&told, &[]),
        Some(outcome) => both(&outcome, &[]),
        None => both("cause-unknown", &[]),
    }
}

/// The words of a source that was not asked, because the one that was to name whom to ask about has no answer; `parent` is its title.
pub fn not_asked(parent: Option<&Both>) -> Both {
    match parent {
        Some(parent) => both("cause-depends_on", &[("source", parent.into())]),
        None => both("cause-depends_on_another", &[]),
    }
}

/// Whether there is such a message, and it can be said without details.
fn is_plain(id: &str) -> bool {
    let with_details = ["http_status", "unexpected_status", "given_up", "through_none", "depends_on"];
    has(id) && !with_details.iter().any(|of| id.strip_prefix("cause-") == Some(of))
}

/// Codes that say the same to who only wants to know what the source did.
fn kind(code: &str) -> &str {
    match code {
        "as_of_misfit" | "attribute_misfit" | "attribute_missing" | "auth_unparsable" | "bad_csv" | "bad_json"
        | "bad_next_page" | "bad_step" | "bad_subject" | "bad_xml" | "conflicting_facts" | "no_facts" | "no_items"
        | "not_valid" | "reader_failed" | "too_deep" | "wrong_charset" => "unparsable",
        "unexpected_items" => "markup_moved",
        "bad_request" | "bad_url" => "not_sent",
        "proxy_not_here" => "proxy_unknown",
        // Texts of older logs and of requests that could not be made, which have no code.
        other if other.starts_with("nothing by status alone") => "nothing_by_status",
        other if other.ends_with("is not in the policy any more") => "source_removed",
        other
            if ["the parameter `", "the template `", "the header `", "the address that comes out"]
                .iter()
                .any(|begin| other.starts_with(begin)) =>
        {
            "not_sent"
        }
        other => other,
    }
}

/// The first whole number in a text.
fn number(text: &str) -> Option<u64> {
    text.split(|c: char| !c.is_ascii_digit()).find(|part| !part.is_empty())?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::Lang;

    #[test]
    fn a_cause_is_told_by_its_code() {
        for (text, ru, en) in [
            (
                "http_status: the source answered 503",
                "источник ответил ошибкой (код 503)",
                "the source answered with an error (status 503)",
            ),
            (
                "unexpected_status: the source answered 404 (step search)",
                "источник ответил кодом 404, которого не ждали",
                "the source answered with status 404, which was not expected",
            ),
            (
                "blocked: blocked by {\"contains\":\"captcha\"}",
                "источник ограничил доступ",
                "the source restricted access",
            ),
            ("timeout: no answer within 20s", "источник не ответил вовремя", "the source did not answer in time"),
            (
                "bad_json: line 3 is no JSON (page 2)",
                "ответ источника не удалось разобрать",
                "the source's answer could not be read",
            ),
            (
                "breaker_open: it has not answered for 1260 s; timeout: no answer within 20s",
                "источник уже 21 минуту не даёт годного ответа, запрос снят с очереди",
                "the source has given no usable answer for 21 minutes, and the request was given up",
            ),
            (
                "proxies_down: for 960 s no proxy of `ru2` has let anything through; proxy: by proxy ru2/a1: Connection refused",
                "уже 16 минут ни через один прокси не удаётся спросить источник, запрос снят с очереди",
                "for 16 minutes no proxy has let a request through to the source, and the request was given up",
            ),
            (
                "the parameter `inn` is missing",
                "запрос не отправлен: его не удалось составить",
                "the request was not sent: it could not be put together",
            ),
        ] {
            assert_eq!(cause(text, Some("unavailable")), Both::new(ru, en), "{text}");
        }
    }

    #[test]
    fn what_has_no_words_is_told_by_its_outcome_and_never_shown_raw() {
        for outcome in ["unavailable", "blocked", "unparsable", "refused", "suspicious"] {
            let told = cause("МойКод: что-то", Some(outcome));
            assert!(Lang::ALL.iter().all(|lang| told.get(*lang).contains(['и', 'e'])), "{told:?}");
            assert!(!told.ru.contains("МойКод") && !told.en.contains("cause-"), "{told:?}");
        }
        for text in ["", "http_status: without a number", "???", "depends_on", "given_up", "http_status"] {
            let told = cause(text, None);
            assert_eq!(told, both("cause-unknown", &[]), "{text}");
        }
    }

    /// Every code that the program writes into the log has words: the codes are read from the program itself.
    #[test]
    fn every_code_has_words() {
        let patterns = [
            r#"Trouble::new\(\s*"(?P<code>[a-z_]+)""#,
            r#""(?P<code>[a-z_]+): [^"]"#,
            r#"Outcome::[A-Z][a-z]+, "(?P<code>[a-z_]+)"\)"#,
            r#"const (?:LEASE_EXPIRED|PROXY_NOT_HERE|PUT_OFF): &str = "(?P<code>[a-z_]+)""#,
            r#"Self::[A-Z][A-Za-z]+ => "(?P<code>[a-z_]+)","#,
        ];
        let patterns = patterns.map(|pattern| regex::Regex::new(pattern).expect("a pattern"));
        let mut codes = std::collections::BTreeSet::new();
        let mut folders = vec![std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                let shown = path.display().to_string();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let ours = [
                    "/sources/connector/",
                    "/work/attempt.rs",
                    "/work/tell.rs",
                    "/work/remote",
                    "/work/fetch/error.rs",
                    "/core/source/",
                ];
                if shown.contains("/tests") || !ours.iter().any(|of| shown.contains(of)) {
                    continue;
                }
                let text = std::fs::read_to_string(&path).expect("readable");
                let text = text.split("#[cfg(test)]").next().unwrap_or_default();
                for pattern in &patterns {
                    codes.extend(pattern.captures_iter(text).map(|found| found["code"].to_owned()));
                }
            }
        }
        // What only looks like one: a note, the states of a breaker, a message of the program's own log.
        for other in ["as_of", "closed", "half_open", "lease_lost"] {
            codes.remove(other);
        }
        assert!(codes.len() > 40, "the pattern no longer fits the code: {codes:?}");
        let unknown = both("cause-unknown", &[]);
        let without: Vec<&String> =
            codes.iter().filter(|code| cause(&format!("{code}: after 503 seconds"), None) == unknown).collect();
        assert!(without.is_empty(), "{without:?}");
    }
}
