//! One fact, and the raw answers behind it.

use super::answer;
use super::auth::{Caller, User};
use super::error::{Code, Problem, Result};
use super::jobs::read::AsOf;
use super::query::{At, Query};
use super::state::{AppState, log_access};
use super::subjects::asked_about;
use crate::core::persons;
use crate::explain::words::Lang;
use crate::explain::{self, FactView};
use crate::history::known::shown_by;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use mirano_replay::facts;
use mirano_replay::history::Moment;
use mirano_replay::rows::{FactRow, ObservationRow, QueryRow};
use mirano_replay::store::ReadExt;
use mirano_schemas::{EvidenceId, FactId, Level, Sealable, Subject};
use serde::Deserialize;

/// A fact's row and the observation that shows it last; of level person only for tenants that asked about the person.
fn find(
    state: &AppState,
    caller: &Caller,
    id: &str,
    moment: Option<&Moment>,
) -> Result<(FactId, FactRow, ObservationRow)> {
    let missing = || Problem::not_found("fact");
    let id: FactId = id.parse().map_err(|_| missing())?;
    let views = state.engine().views();
    let mut row: FactRow = facts::row(&**views, id)?.ok_or_else(missing)?;
    hide(state, caller, &mut row)?;
    let observation = shown_by(&**views, &row, moment)?.ok_or_else(missing)?;
    let observation: ObservationRow = views.row(observation.as_bytes())?.ok_or_else(missing)?;
    if let Some(person) = person_of(&row, &observation)
        && !asked_about(state, caller, &person)?
    {
        return Err(missing());
    }
    Ok((id, row, observation))
}

/// Takes away when queries of others showed it whose answers are not shared.
fn hide(state: &AppState, caller: &Caller, row: &mut FactRow) -> Result<()> {
    let (policy, views) = (state.policy()?, state.engine().views());
    if policy.shares_all() {
        return Ok(());
    }
    let mut kept = Vec::with_capacity(row.intervals.len());
    for interval in std::mem::take(&mut row.intervals) {
        let query: Option<QueryRow> = views.row(interval.query.as_bytes())?;
        if query.is_some_and(|query| policy.shows_query(&query, &caller.tenant)) {
            kept.push(interval);
        }
    }
    row.intervals = kept;
    Ok(())
}

fn person_of(row: &FactRow, observation: &ObservationRow) -> Option<Subject> {
    match &row.body {
        Sealable::Sealed(sealed) => Some(sealed.subject.clone()),
        Sealable::Plain(fact) if fact.subject.level() == Level::Person => Some(fact.subject.clone()),
        Sealable::Plain(_) => {
            Some(observation.recorded.subject.clone()).filter(|subject| subject.level() == Level::Person)
        }
    }
}

/// Read a fact
#[utoipa::path(get, path = "/v1/facts/{id}", tag = "facts",
    params(("id" = String, Path),
           ("as_of" = Option<String>, Query, description = "A time, a position or a cut: what the log knew then")),
    responses((status = 200, description = "The fact", body = FactView),
              (status = 404, description = "`not_found`", body = super::error::ProblemBody),
              (status = 410, description = "`erased`", body = super::error::ProblemBody)))]
pub async fn get(
    State(state): State<AppState>,
    User(caller): User,
    at: At,
    Query(query): Query<AsOf>,
    Path(id): Path<String>,
) -> Result<Response> {
    let moment = state.as_of(query.as_of.as_deref())?;
    let (fact_id, row, observation) = find(&state, &caller, &id, moment.as_ref())?;
    let policy = state.policy()?;
    let ctx = state.context_at(&policy, Lang::default(), moment);
    let volatile = explain::volatile_of(&ctx, observation.recorded.observation)?;
    let view = explain::fact_in(&ctx, fact_id, &observation, &volatile)?
        .ok_or_else(|| Problem::said(Code::Erased, "erased_person", &[]))?;
    log_access(&caller, "fact", &id, person_of(&row, &observation).as_slice());
    Ok(answer::json(&at, &view))
}

/// Which of several raw answers.
#[derive(Debug, Clone, Deserialize)]
pub struct EvidenceQuery {
    n: Option<usize>,
}

/// Download the evidence of a fact
///
/// The raw answer of the source, byte for byte; `n` counts pages from 0.
#[utoipa::path(get, path = "/v1/facts/{id}/evidence", tag = "facts",
    params(("id" = String, Path), ("n" = Option<usize>, Query, description = "Which page, from 0")),
    responses((status = 200, description = "The raw response", body = Vec<u8>, content_type = "application/octet-stream"),
              (status = 404, description = "`not_found`", body = super::error::ProblemBody),
              (status = 410, description = "`erased`", body = super::error::ProblemBody)))]
pub async fn evidence(
    State(state): State<AppState>,
    User(caller): User,
    Query(query): Query<EvidenceQuery>,
    Path(id): Path<String>,
) -> Result<Response> {
    let (_, row, observation) = find(&state, &caller, &id, None)?;
    let evidence: EvidenceId =
        *observation.recorded.evidence.get(query.n.unwrap_or(0)).ok_or_else(|| Problem::not_found("evidence"))?;
    // An answer is sealed for whom it was asked about, whomever a fact in it is about.
    let asked = Some(&observation.recorded.subject).filter(|subject| subject.level() == Level::Person);
    if let Some(asked) = asked
        && !asked_about(&state, &caller, asked)?
    {
        return Err(Problem::not_found("evidence"));
    }
    let keys = asked.and_then(|asked| state.engine().vault().by_subject(asked));
    if asked.is_some() && keys.is_none() {
        return Err(Problem::said(Code::Erased, "erased_person", &[]));
    }
    if matches!(row.body, Sealable::Sealed(_)) && persons::open(&**state.engine().vault(), &row.body).is_none() {
        return Err(Problem::said(Code::Erased, "erased_person", &[]));
    }
    let found = state.evidence().get(&evidence, keys.as_ref()).await?;
    let persons: Vec<Subject> = person_of(&row, &observation).into_iter().chain(asked.cloned()).collect();
    log_access(&caller, "evidence", &id, &persons);
    let mut response = Body::from(found.body).into_response();
    let headers = response.headers_mut();
    // A stranger's page is never shown as ours: it is a download, whatever it claims to be.
    let text = |text: &str| HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("application/octet-stream"));
    headers.insert(
        header::CONTENT_TYPE,
        text(if found.content_type.is_empty() { "application/octet-stream" } else { &found.content_type }),
    );
    headers.insert(header::CONTENT_DISPOSITION, text(&format!("attachment; filename=\"{evidence}\"")));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox; default-src 'none'"));
    headers.insert("mirano-evidence", text(&evidence.to_string()));
    Ok(response)
}
