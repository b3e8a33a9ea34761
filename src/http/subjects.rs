//! Subjects that the tenant has asked about, and what is known of one.
//!
//! A search looks through the tenant's own jobs only: what others asked about is nobody's business (I9).

use super::answer;
use super::auth::{Caller, User};
use super::error::{Code, Problem, Result};
use super::query::{At, Page, Query, cursor, fact_place, limit};
use super::state::{AppState, log_access};
use crate::explain::words::Lang;
use crate::explain::{self, FactView};
use crate::history::known::{self, FactHistory};
use axum::extract::{Path, State};
use axum::response::Response;
use mirano_replay::rows::JobRow;
use mirano_schemas::{FactId, Level, Subject};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
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
    limit: Option<usize>,
}

/// Search subjects
///
/// Among those that the tenant's latest jobs asked about; every word has to occur.
#[utoipa::path(get, path = "/v1/subjects", tag = "facts",
    params(("q" = Option<String>, Query, description = "Words of an address, or a number"), ("limit" = Option<usize>, Query)),
    responses((status = 200, description = "Subjects", body = Page<SubjectView>)))]
pub async fn search(
    State(state): State<AppState>,
    User(caller): User,
    at: At,
    Query(query): Query<SearchQuery>,
) -> Result<Response> {
    let limit = limit(query.limit)?;
    let wanted = words(query.q.as_deref().unwrap_or_default());
    let items = tokio::task::spawn_blocking(move || -> Result<Vec<SubjectView>> {
        let mut found: BTreeMap<String, SubjectView> = BTreeMap::new();
        let mut order: Vec<String> = Vec::new();
        explain::latest_jobs(&**state.engine().views(), &caller.tenant, |job| {
            for (subject, label) in subjects_of(job) {
                let have = words(&format!("{} {subject}", label.as_deref().unwrap_or_default()));
                let fits = wanted.iter().all(|wanted| have.iter().any(|word| word.starts_with(wanted.as_str())));
                if fits && !found.contains_key(&subject.0) && found.len() < limit {
                    let view = SubjectView {
                        subject: subject.0.clone(),
                        level: explain::level_word(subject.level()).to_owned(),
                        label,
                        job_id: job.created.job.to_string(),
                    };
                    order.push(subject.0.clone());
                    found.insert(subject.0, view);
                }
            }
            found.len() < limit
        })?;
        Ok(order.iter().filter_map(|subject| found.remove(subject)).collect())
    })
    .await
    .map_err(Problem::internal)??;
    Ok(answer::json(&at, &Page { items, next_cursor: None }))
}

/// The subjects of a job, with what people call them.
fn subjects_of(job: &JobRow) -> Vec<(Subject, Option<String>)> {
    let address = &job.created.address;
    let mut out = vec![
        (address.subject.clone(), Some(address.canonical.clone())),
        (address.building_subject.clone(), Some(address.building.clone())),
    ];
    for need in job.needs.iter().filter(|need| need.need.query.is_some()) {
        if need.need.level != Level::Source && !out.iter().any(|(subject, _)| *subject == need.need.subject) {
            out.push((need.need.subject.clone(), None));
        }
    }
    out
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
fn may_read(state: &AppState, caller: &Caller, subject: &Subject) -> Result<()> {
    if subject.level() != Level::Person {
        return Ok(());
    }
    if !asked_about(state, caller, subject)? {
        return Err(Problem::not_found("subject"));
    }
    if state.engine().vault().by_subject(subject).is_none() {
        return Err(Problem::new(Code::Erased, "the person's key was destroyed"));
    }
    log_access(caller, "subject_facts", &subject.0, std::slice::from_ref(subject));
    Ok(())
}

/// Facts about a subject
///
/// What its sources show now, or showed as of a moment, in the order of fact ids.
#[utoipa::path(get, path = "/v1/subjects/{subject}/facts", tag = "facts",
    params(("subject" = String, Path, description = "Percent-encoded"), ("kind" = Option<String>, Query),
           ("as_of" = Option<String>, Query, description = "A time, a position or a cut: what the log knew then"),
           ("valid_at" = Option<String>, Query, description = "A date: only what held in the world then"),
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
    if query.valid_at.as_deref().is_some_and(|date| chrono::NaiveDate::parse_from_str(date, "%Y-%m-%d").is_err()) {
        return Err(Problem::new(Code::BadTime, "`valid_at` is not a date YYYY-MM-DD").at("valid_at", "can't be read"));
    }
    let list = format!("facts about {subject}");
    let after = query.cursor.as_deref().map(|cursor| fact_place(&list, cursor)).transpose()?;
    let page = tokio::task::spawn_blocking(move || -> Result<Page<FactView>> {
        may_read(&state, &caller, &subject)?;
        let moment = state.as_of(query.as_of.as_deref())?;
        let policy = state.policy()?;
        let answers = known::answers_about(&**state.engine().views(), &caller.tenant, &subject, moment.as_ref())?;
        let ctx = state.context_at(&policy, Lang::default(), moment);
        let about = |fact: &FactView| fact.subject == subject.0 && wanted(fact, &query);
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
/// Every fact that was ever shown, with the intervals in which it was; the facts of one thing stand together, oldest first.
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
    Query(query): Query<FactsQuery>,
    Path(subject): Path<String>,
) -> Result<Response> {
    let limit = limit(query.limit)?;
    let subject = Subject(subject);
    let list = format!("history of {subject}");
    let after = query.cursor.as_deref().map(|cursor| fact_place(&list, cursor)).transpose()?;
    let page = tokio::task::spawn_blocking(move || -> Result<Page<FactHistory>> {
        may_read(&state, &caller, &subject)?;
        let moment = state.as_of(query.as_of.as_deref())?;
        let policy = state.policy()?;
        let ctx = state.context_at(&policy, Lang::default(), moment);
        let part = known::Part { tenant: &caller.tenant, kind: query.kind.as_deref(), after, limit };
        let (items, more) = known::history_of(&ctx, &subject, &part)?;
        let last = items.last().filter(|_| more);
        let last = last.and_then(|last| last.fact.fact_id.parse::<FactId>().ok());
        let next_cursor = last.map(|last| cursor(&list, &last.0));
        Ok(Page { items, next_cursor })
    })
    .await
    .map_err(Problem::internal)??;
    Ok(answer::json(&at, &page))
}

fn wanted(fact: &FactView, query: &FactsQuery) -> bool {
    let held = |date: &String| {
        fact.valid.from.as_ref().is_none_or(|from| from <= date) && fact.valid.to.as_ref().is_none_or(|to| date <= to)
    };
    query.kind.as_ref().is_none_or(|kind| *kind == fact.kind) && query.valid_at.as_ref().is_none_or(held)
}
