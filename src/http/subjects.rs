//! Subjects that the tenant has asked about, and what is known of one.
//!
//! A search looks through the tenant's own jobs only: what others asked about is nobody's business (I9).

use super::auth::{Caller, User};
use super::error::{Code, Problem, Result, refused};
use super::query::{At, Page, Query, cursor, fact_place, limit, place};
use super::state::{AppState, log_access};
use super::{answer, lines};
use crate::explain::words::Lang;
use crate::explain::{self, Asked, FactView, time};
use crate::history::course::{Course, FactHistory};
use crate::history::{HistoryError, known};
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use mirano_replay::rows::LabelRow;
use mirano_replay::store::{Read, ReadExt};
use mirano_schemas::{FactId, Level, Subject};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SubjectView {
    /// Its name in paths; percent-encode it.
    pub subject: String,
    /// `property`, `developer`, `person` or `source`.
    pub level: String,
    /// What people call it.
    pub label: Option<String>,
    /// The tenant's latest job that asked about it.
    pub job_id: String,
}

/// Whether a job of the tenant asked about the subject.
pub fn asked_about(state: &AppState, caller: &Caller, subject: &Subject) -> Result<bool> {
    Ok(explain::asked_about(&**state.engine().views(), &caller.tenant, subject)?)
}

/// The words of a text: lower case, letters and digits, ё as е.
fn words(text: &str) -> Vec<String> {
    let lower = text.to_lowercase().replace('ё', "е");
    lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// What is searched for.
#[derive(Debug, Clone, Deserialize)]
pub struct SearchQuery {
    q: Option<String>,
    cursor: Option<String>,
    limit: Option<usize>,
}

/// The list of a search, as cursors know it.
const LIST: &str = "subjects";
/// So many subjects are looked at for one page; what is behind them is behind its cursor.
const MOST_LOOKED_AT: usize = 10_000;

/// Search subjects
///
/// Among those that the tenant's jobs asked about, in the order of their names; every word has to occur. A page may have fewer
/// than `limit`, or none, and yet a next one.
#[utoipa::path(get, path = "/v1/subjects", tag = "facts",
    params(("q" = Option<String>, Query, description = "Words of an address, or a number"), ("cursor" = Option<String>, Query),
           ("limit" = Option<usize>, Query, description = "50; 500 at most")),
    responses((status = 200, description = "Subjects", body = Page<SubjectView>),
              (status = 400, description = "`bad_cursor`", body = super::error::ProblemBody)))]
pub async fn search(
    State(state): State<AppState>,
    User(caller): User,
    at: At,
    Query(query): Query<SearchQuery>,
) -> Result<Response> {
    let limit = limit(query.limit)?;
    let wanted = words(query.q.as_deref().unwrap_or_default());
    let list = format!("{LIST} of {}", caller.tenant);
    let after = query.cursor.as_deref().map(|cursor| place(&list, cursor)).transpose()?;
    let after = after.map(|place| String::from_utf8(place).map(Subject)).transpose();
    let after = after.map_err(|_| super::query::no_cursor())?;
    let page = tokio::task::spawn_blocking(move || -> Result<Page<SubjectView>> {
        let views = &**state.engine().views();
        let (mut items, mut last) = (Vec::new(), after);
        for _ in 0..MOST_LOOKED_AT {
            let Some(asked) = explain::next_asked(views, &caller.tenant, last.as_ref())? else {
                return Ok(Page { items, next_cursor: None });
            };
            // One more than the page holds says that there is a next one.
            let full = items.len() == limit;
            let fits = found(views, &asked, &wanted)?;
            if full && fits.is_some() {
                break;
            }
            items.extend(fits);
            last = Some(asked.subject);
        }
        let next_cursor = last.map(|last| cursor(&list, last.0.as_bytes()));
        Ok(Page { items, next_cursor })
    })
    .await
    .map_err(Problem::internal)??;
    Ok(answer::json(&at, &page))
}

/// A subject, if all that is wanted occurs in what it is called.
fn found(rows: &dyn Read, asked: &Asked, wanted: &[String]) -> Result<Option<SubjectView>> {
    let Asked { subject, job } = asked;
    if subject.level() == Level::Source {
        return Ok(None);
    }
    let label: Option<LabelRow> = rows.row(subject.0.as_bytes())?;
    let label = label.map(|row| row.label);
    let have = words(&format!("{} {subject}", label.as_deref().unwrap_or_default()));
    let fits = wanted.iter().all(|wanted| have.iter().any(|word| word.starts_with(wanted.as_str())));
    Ok(fits.then(|| SubjectView {
        subject: subject.0.clone(),
        level: explain::level_word(subject.level()).to_owned(),
        label,
        job_id: job.to_string(),
    }))
}

/// Which facts.
#[derive(Debug, Clone, Deserialize)]
pub struct FactsQuery {
    kind: Option<String>,
    as_of: Option<String>,
    valid_at: Option<String>,
    cursor: Option<String>,
    limit: Option<usize>,
}

/// A person is shown to who asked about them, while their key is there.
pub(super) fn may_read(state: &AppState, caller: &Caller, subject: &Subject) -> Result<()> {
    if subject.level() != Level::Person {
        return Ok(());
    }
    if !asked_about(state, caller, subject)? {
        return Err(Problem::not_found("subject"));
    }
    if state.engine().vault().by_subject(subject).is_none() {
        return Err(Problem::said(Code::Erased, "erased_person", &[]));
    }
    log_access(caller, "subject_facts", &subject.0, std::slice::from_ref(subject));
    Ok(())
}

/// The same, of what must have been heard of: they asked about it, or an answer that they may read speaks of it. Of a name that
/// nobody ever gave, an empty list would say that nothing is known against it.
fn heard_of(state: &AppState, caller: &Caller, subject: &Subject) -> Result<()> {
    may_read(state, caller, subject)?;
    let (views, policy) = (state.engine().views(), state.policy()?);
    let heard = asked_about(state, caller, subject)?
        || !known::queries_about(&**views, &policy, &caller.tenant, subject)?.is_empty();
    if heard { Ok(()) } else { Err(Problem::not_found("subject")) }
}

/// Facts about a subject
///
/// What its sources show now, or showed as of a moment, in the order of fact ids.
#[utoipa::path(get, path = "/v1/subjects/{subject}/facts", tag = "facts",
    params(("subject" = String, Path, description = "Percent-encoded"), ("kind" = Option<String>, Query),
           ("as_of" = Option<String>, Query, description = "A time, a position or a cut: what the log knew then"),
           ("valid_at" = Option<String>, Query, description = "A date, or a time on it: only what held in the world then"),
           ("cursor" = Option<String>, Query), ("limit" = Option<usize>, Query)),
    responses((status = 200, description = "A page", body = Page<FactView>),
              (status = 400, description = "`bad_time`, `bad_cursor`", body = super::error::ProblemBody),
              (status = 404, description = "`not_found`", body = super::error::ProblemBody),
              (status = 410, description = "`erased`", body = super::error::ProblemBody)))]
pub async fn facts_of(
    State(state): State<AppState>,
    User(caller): User,
    at: At,
    Query(query): Query<FactsQuery>,
    Path(subject): Path<String>,
) -> Result<Response> {
    let limit = limit(query.limit)?;
    let subject = Subject(subject);
    let valid_at = query.valid_at.as_deref().map(day).transpose()?;
    let list = format!("facts about {subject}");
    let after = query.cursor.as_deref().map(|cursor| fact_place(&list, cursor)).transpose()?;
    let page = tokio::task::spawn_blocking(move || -> Result<Page<FactView>> {
        heard_of(&state, &caller, &subject)?;
        let moment = state.as_of(query.as_of.as_deref())?;
        let policy = state.policy()?;
        let answers =
            known::answers_about(&**state.engine().views(), &policy, &caller.tenant, &subject, moment.as_ref())?;
        let ctx = state.context_at(&policy, Lang::default(), moment);
        let about =
            |fact: &FactView| fact.subject == subject.0 && wanted(fact, query.kind.as_deref(), valid_at.as_deref());
        let page = known::facts_page(&ctx, &answers, after, limit, about)?;
        let shown = page.shown_by.iter().filter_map(|at| answers.get(*at)).map(|answer| &answer.recorded.subject);
        let persons: Vec<Subject> = shown.filter(|asked| asked.level() == Level::Person).cloned().collect();
        log_access(&caller, "subject_facts", &subject.0, &persons);
        let (items, next_cursor) = (page.items, page.next.map(|last| cursor(&list, &last.0)));
        Ok(Page { items, next_cursor })
    })
    .await
    .map_err(Problem::internal)??;
    Ok(answer::json(&at, &page))
}

/// How facts about a subject came and went
///
/// Every fact that was ever shown, with the intervals in which it was; the facts of one thing stand together, oldest first. With
/// `Accept: application/x-ndjson` all of them come as they are found, one JSON object a line, query by query in the order in which
/// they came; at last `{"end": true, "items": n}`.
#[utoipa::path(get, path = "/v1/subjects/{subject}/history", tag = "facts",
    params(("subject" = String, Path, description = "Percent-encoded"), ("kind" = Option<String>, Query),
           ("as_of" = Option<String>, Query, description = "A time, a position or a cut: what the log knew then"),
           ("cursor" = Option<String>, Query), ("limit" = Option<usize>, Query)),
    responses((status = 200, description = "A page", body = Page<FactHistory>),
              (status = 404, description = "`not_found`", body = super::error::ProblemBody),
              (status = 410, description = "`erased`", body = super::error::ProblemBody)))]
pub async fn history_of(
    State(state): State<AppState>,
    User(caller): User,
    at: At,
    headers: HeaderMap,
    Query(query): Query<FactsQuery>,
    Path(subject): Path<String>,
) -> Result<Response> {
    let limit = limit(query.limit)?;
    let subject = Subject(subject);
    if lines::wanted(&headers) {
        return history_in_lines(state, caller, at, query, subject).await;
    }
    let list = format!("history of {subject}");
    let after = query.cursor.as_deref().map(|cursor| fact_place(&list, cursor)).transpose()?;
    let page = tokio::task::spawn_blocking(move || -> Result<Page<FactHistory>> {
        heard_of(&state, &caller, &subject)?;
        let moment = state.as_of(query.as_of.as_deref())?;
        let policy = state.policy()?;
        let ctx = state.context_at(&policy, Lang::default(), moment);
        let course = Course::of(&ctx, &caller.tenant, &subject, query.kind.as_deref())?;
        let (items, more) = course.page(after, limit)?;
        let last = items.last().filter(|_| more);
        let last = last.and_then(|last| last.fact.fact_id.parse::<FactId>().ok());
        let next_cursor = last.map(|last| cursor(&list, &last.0));
        Ok(Page { items, next_cursor })
    })
    .await
    .map_err(Problem::internal)??;
    Ok(answer::json(&at, &page))
}

async fn history_in_lines(
    state: AppState,
    caller: Caller,
    at: At,
    query: FactsQuery,
    subject: Subject,
) -> Result<Response> {
    let asked = state.clone();
    lines::stream(&asked, &at, move |lines| {
        heard_of(&state, &caller, &subject)?;
        let moment = state.as_of(query.as_of.as_deref())?;
        let policy = state.policy()?;
        let ctx = state.context_at(&policy, Lang::default(), moment);
        let course = Course::of(&ctx, &caller.tenant, &subject, query.kind.as_deref())?;
        lines.begin();
        let mut items = 0u64;
        course.each(&mut |one| {
            items += 1;
            let line = serde_json::to_string(&one).map_err(|error| HistoryError::Log(error.to_string()))?;
            lines.line(&line)
        })?;
        Ok(lines.line(&serde_json::json!({ "end": true, "items": items }).to_string())?)
    })
    .await
}

fn wanted(fact: &FactView, kind: Option<&str>, valid_at: Option<&str>) -> bool {
    let held = |date: &str| {
        let (from, to) = (fact.valid.from.as_deref(), fact.valid.to.as_deref());
        from.is_none_or(|from| from <= date) && to.is_none_or(|to| date <= to)
    };
    kind.is_none_or(|kind| *kind == fact.kind) && valid_at.is_none_or(held)
}

/// The day that `valid_at` names: a date, or a time on it in UTC. Sources state days.
fn day(text: &str) -> Result<String> {
    let at = time::parse_or_day(text).ok_or_else(|| {
        Problem::said(Code::BadTime, "valid_at", &[("given", text.into())]).at("valid_at", refused("valid_at_at", &[]))
    })?;
    Ok(time::rfc3339(at).chars().take(10).collect())
}
