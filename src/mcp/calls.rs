//! What each tool does: calls of the interface, and the sentences that may be said of what they gave.

use super::api::{Api, Who};
use super::say::{self, list, text};
use crate::http::Ask;
use crate::words::{Lang, moment, one};
use axum::http::Method;
use futures::StreamExt;
use rmcp::ErrorData;
use rmcp::model::{CallToolResult, ContentBlock, JsonObject};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// The longest that a call waits for a check to end.
const MOST_WAIT_S: u64 = 60;
/// Facts of one answer.
const FACTS: usize = 50;
/// And at most.
const MOST_FACTS: usize = 200;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StartCheck {
    address: String,
    profile: Option<String>,
    inputs: Option<BTreeMap<String, String>>,
    max_age: Option<BTreeMap<String, String>>,
    idempotency_key: Option<String>,
    wait_s: Option<u64>,
    lang: Option<Lang>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfJob {
    job_id: String,
    as_of: Option<String>,
    wait_s: Option<u64>,
    lang: Option<Lang>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListFacts {
    job_id: String,
    source: Option<String>,
    as_of: Option<String>,
    offset: Option<usize>,
    limit: Option<usize>,
    lang: Option<Lang>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Compare {
    from: String,
    to: String,
    limit: Option<usize>,
    cursor: Option<String>,
    lang: Option<Lang>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Recheck {
    job_id: String,
    sources: Option<Vec<String>>,
    reason: Option<String>,
    idempotency_key: Option<String>,
    lang: Option<Lang>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReviewDraft {
    job_id: String,
    text: String,
    lang: Option<Lang>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {
    lang: Option<Lang>,
}

/// What a tool gives: its structured answer and the sentences that may be said, or a problem document.
type Told = Result<(Value, Vec<Value>), Value>;

/// Calls a tool by name.
///
/// # Errors
/// Of the protocol: there is no such tool. Wrong arguments, and what the interface refuses, are answers that say what to do: a model can then
/// correct itself.
pub(super) async fn call(
    api: &dyn Api,
    who: &Who,
    name: &str,
    arguments: JsonObject,
) -> Result<CallToolResult, ErrorData> {
    if !super::tools::all().iter().any(|tool| tool.name == name) {
        return Err(ErrorData::invalid_params(format!("there is no tool {name:?}"), None));
    }
    let told = Calls { api, who }.tool(name, Value::Object(arguments)).await;
    Ok(match told {
        Ok((mut answer, say)) => {
            let lines: Vec<&str> = say.iter().map(|said| text(said, "text")).filter(|line| !line.is_empty()).collect();
            let lines = lines.join("\n");
            if let Some(answer) = answer.as_object_mut() {
                answer.insert("say".to_owned(), Value::Array(say));
            }
            let mut result = CallToolResult::structured(answer);
            // Sentences first, for a client that reads only text.
            result.content.insert(0, ContentBlock::text(lines));
            result
        }
        Err(problem) => CallToolResult::error(vec![ContentBlock::text(refused(&problem))]),
    })
}

fn read<T: DeserializeOwned>(arguments: Value) -> Result<T, Value> {
    let lang = arguments.get("lang").and_then(Value::as_str).and_then(Lang::from_tag).unwrap_or(Lang::En);
    serde_json::from_value(arguments).map_err(|error| {
        let fix = one(lang, "assistant-arguments", &[]);
        json!({"code": "bad_json", "detail": error.to_string(), "errors": [], "fix": fix})
    })
}

/// A problem in words that tell what to do.
pub(super) fn refused(problem: &Value) -> String {
    let mut words = format!("{}: {}", text(problem, "code"), text(problem, "detail"));
    for error in list(problem, "errors") {
        words.push_str(&format!("\n{}: {}", text(error, "at"), text(error, "detail")));
    }
    format!("{words}\n{}", text(problem, "fix"))
}

/// A part of a path or query.
pub(super) fn part(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// `?lang=…`, with `&as_of=…` where it is given.
fn query(lang: Option<Lang>, as_of: Option<&str>) -> String {
    let lang = lang.unwrap_or_default().code();
    as_of.map_or_else(|| format!("?lang={lang}"), |as_of| format!("?lang={lang}&as_of={}", part(as_of)))
}

struct Calls<'a> {
    api: &'a dyn Api,
    who: &'a Who,
}

impl Calls<'_> {
    async fn tool(&self, name: &str, arguments: Value) -> Told {
        match name {
            "start_check" => self.start_check(read(arguments)?).await,
            "get_check" => self.get_check(read(arguments)?).await,
            "explain_check" => self.explain_check(read(arguments)?).await,
            "list_facts" => self.list_facts(read(arguments)?).await,
            "compare" => self.compare(read(arguments)?).await,
            "report_at" => self.report_at(read(arguments)?).await,
            "list_sources" => self.list_sources(read(arguments)?).await,
            "recheck" => self.recheck(read(arguments)?).await,
            _ => self.review_draft(read(arguments)?).await,
        }
    }

    async fn get(&self, path: &str) -> Result<Value, Value> {
        self.api.call(self.who, Ask { path, ..Ask::default() }).await
    }

    async fn post(&self, path: &str, body: Value, key: Option<String>) -> Result<Value, Value> {
        self.api.call(self.who, Ask { method: Method::POST, path, body: Some(body), key }).await
    }

    async fn explained(&self, id: &str, lang: Option<Lang>, as_of: Option<&str>) -> Result<Value, Value> {
        self.get(&format!("/v1/jobs/{}/explain{}", part(id), query(lang, as_of))).await
    }

    /// The job with what may be said of it.
    async fn told(&self, job: Value, lang: Option<Lang>, as_of: Option<&str>) -> Told {
        let explanation = self.explained(text(&job, "job_id"), lang, as_of).await?;
        let say = say::of_explanation(&explanation, |_| true);
        Ok((json!({"job": job}), say))
    }

    async fn start_check(&self, start: StartCheck) -> Told {
        let mut body =
            json!({"address": start.address, "profile": start.profile.unwrap_or_else(|| "standard".to_owned())});
        if let Some(body) = body.as_object_mut() {
            for (name, value) in [("inputs", start.inputs), ("max_age", start.max_age)] {
                if let Some(value) = value {
                    body.insert(name.to_owned(), json!(value));
                }
            }
        }
        let job = self.post(&format!("/v1/jobs{}", query(start.lang, None)), body, start.idempotency_key).await?;
        let job = self.ended(job, start.wait_s, start.lang).await?;
        self.told(job, start.lang, None).await
    }

    async fn get_check(&self, of: OfJob) -> Told {
        let path = format!("/v1/jobs/{}{}", part(&of.job_id), query(of.lang, of.as_of.as_deref()));
        let job = self.get(&path).await?;
        let job = if of.as_of.is_none() { self.ended(job, of.wait_s, of.lang).await? } else { job };
        self.told(job, of.lang, of.as_of.as_deref()).await
    }

    /// The job when it has ended, or as it stands after so many seconds.
    async fn ended(&self, job: Value, wait_s: Option<u64>, lang: Option<Lang>) -> Result<Value, Value> {
        let wait = Duration::from_secs(wait_s.unwrap_or(0).min(MOST_WAIT_S));
        if wait.is_zero() || is_final(&job) {
            return Ok(job);
        }
        let path = format!("/v1/jobs/{}", part(text(&job, "job_id")));
        let events = self.api.events(self.who, &format!("{path}/events{}", query(lang, None))).await?;
        // That the time is up is no failure: the check goes on, and is told as it stands.
        let _ = tokio::time::timeout(wait, until_done(events)).await;
        self.get(&format!("{path}{}", query(lang, None))).await
    }

    async fn explain_check(&self, of: OfJob) -> Told {
        let explanation = self.explained(&of.job_id, of.lang, of.as_of.as_deref()).await?;
        let say = say::of_explanation(&explanation, |_| true);
        Ok((json!({"explanation": explanation}), say))
    }

    async fn list_facts(&self, ask: ListFacts) -> Told {
        let as_of = ask.as_of.as_deref();
        let path = format!("/v1/jobs/{}/report{}", part(&ask.job_id), query(ask.lang, as_of));
        let mut report = self.get(&path).await?;
        let wanted = |item: &Value| ask.source.as_deref().is_none_or(|source| text(item, "source") == source);
        let by_need = report.get_mut("facts").map(Value::take).unwrap_or_default();
        // In the order of the report's rows.
        let rows = list(&report, "sources").filter(|row| wanted(row));
        let facts: Vec<&Value> = rows.flat_map(|row| list(&by_need, text(row, "need_id"))).collect();
        let (offset, limit) = (ask.offset.unwrap_or(0), ask.limit.unwrap_or(FACTS).clamp(1, MOST_FACTS));
        let shown: Vec<&&Value> = facts.iter().skip(offset).take(limit).collect();
        let next = (offset.saturating_add(limit) < facts.len()).then_some(offset + limit);
        let not_checked: Vec<&Value> = list(&report, "not_checked").filter(|item| wanted(item)).collect();
        let answer = json!({"facts": shown, "not_checked": not_checked, "total": facts.len(), "next_offset": next});
        let explanation = self.explained(&ask.job_id, ask.lang, as_of).await?;
        let about = |said: &Value| said.pointer("/args/source").is_none_or(|_| said.get("args").is_some_and(&wanted));
        Ok((answer, say::of_explanation(&explanation, about)))
    }

    async fn compare(&self, ask: Compare) -> Told {
        let limit = ask.limit.unwrap_or(FACTS).clamp(1, MOST_FACTS);
        let lang = query(ask.lang, None);
        let mut path = format!("/v1/diff{lang}&from={}&to={}&limit={limit}", part(&ask.from), part(&ask.to));
        if let Some(cursor) = &ask.cursor {
            path.push_str(&format!("&cursor={}", part(cursor)));
        }
        let diff = self.get(&path).await?;
        let say = say::of_diff(&diff, ask.lang.unwrap_or_default());
        Ok((json!({"diff": diff}), say))
    }

    async fn report_at(&self, of: OfJob) -> Told {
        let as_of = of.as_of.as_deref();
        let report = self.get(&format!("/v1/jobs/{}/report{}", part(&of.job_id), query(of.lang, as_of))).await?;
        let explanation = self.explained(&of.job_id, of.lang, as_of).await?;
        let mut say = vec![say::sentence(text(&report, "notice"), Value::Null)];
        if as_of.is_some() {
            let at = text(&report, "at");
            let then = one(of.lang.unwrap_or_default(), "assistant-then", &[("at", moment(at).into())]);
            say.push(say::sentence(then, Value::Null));
        }
        say.extend(say::of_explanation(&explanation, |_| true));
        Ok((json!({"report": report}), say))
    }

    async fn list_sources(&self, ask: Nothing) -> Told {
        let mut page = self.get(&format!("/v1/sources{}", query(ask.lang, None))).await?;
        let sources: Vec<Value> = match page.get_mut("items").map(Value::take) {
            Some(Value::Array(items)) => items,
            _ => Vec::new(),
        };
        let say = say::of_sources(&sources, ask.lang.unwrap_or_default());
        Ok((json!({"sources": sources}), say))
    }

    async fn recheck(&self, ask: Recheck) -> Told {
        let mut body = json!({"reason": ask.reason.unwrap_or_else(|| "asked by an assistant".to_owned())});
        if let (Some(body), Some(sources)) = (body.as_object_mut(), ask.sources) {
            body.insert("sources".to_owned(), json!(sources));
        }
        let path = format!("/v1/jobs/{}/recheck{}", part(&ask.job_id), query(ask.lang, None));
        let job = self.post(&path, body, ask.idempotency_key).await?;
        self.told(job, ask.lang, None).await
    }

    async fn review_draft(&self, ask: ReviewDraft) -> Told {
        let path = format!("/v1/jobs/{}/review{}", part(&ask.job_id), query(ask.lang, None));
        let review = self.post(&path, json!({"text": ask.text}), None).await?;
        let say = say::of_review(&review, ask.lang.unwrap_or_default());
        Ok((json!({"review": review}), say))
    }
}

fn is_final(job: &Value) -> bool {
    job.get("final").and_then(Value::as_bool).unwrap_or(false)
}

/// Listens until the job is told to be final.
async fn until_done(mut events: super::Events) {
    let mut pending = Vec::new();
    while let Some(chunk) = events.next().await {
        pending.extend_from_slice(&chunk);
        while let Some(end) = pending.windows(2).position(|pair| pair == b"\n\n") {
            let event: Vec<u8> = pending.drain(..end + 2).collect();
            let event = String::from_utf8_lossy(&event).into_owned();
            let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map_or("", str::trim);
            let job = || serde_json::from_str::<Value>(field("data:")).is_ok_and(|job| is_final(&job));
            if field("event:") == "done" || (field("event:") == "job" && job()) {
                return;
            }
        }
    }
}
