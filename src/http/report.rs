//! `GET /v1/jobs/{id}/report`: the job, its facts, and what it does not cover; as JSON or as a page.

use super::answer;
use super::auth::User;
use super::error::{Problem, Result};
use super::jobs::read::{AsOf, Covers};
use super::query::{At, Query};
use super::state::{AppState, log_access};
use crate::core::policy::PolicyDocument;
use crate::explain::model::{JobView, NotChecked};
use crate::explain::{self, FactView};
use crate::ui;
use crate::words::{self, Lang};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{Html, IntoResponse, Response};
use mirano_schemas::Level;
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A report.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ReportView {
    /// What it is not.
    pub notice: String,
    /// The time of the read, or the moment that was asked for.
    pub at: String,
    /// The latest snapshot, if it holds just what is shown here; null where that is not sealed, or not any more.
    pub snapshot_id: Option<String>,
    /// The job.
    #[serde(flatten)]
    pub job: JobView,
    /// The facts shown, by need.
    pub facts: BTreeMap<String, Vec<FactView>>,
    /// What it does not cover, and why.
    pub not_checked: Vec<NotChecked>,
}

/// Read the report
///
/// JSON, or a page when `Accept` prefers `text/html`.
#[utoipa::path(get, path = "/v1/jobs/{id}/report", tag = "jobs",
    params(("id" = String, Path), ("as_of" = Option<String>, Query, description = "A time, a position or a cut: what was known then"),
           ("lang" = Option<String>, Query, description = "`ru` or `en`")),
    responses((status = 200, description = "The job, facts by need, and what was not checked",
               content((ReportView = "application/json"), (String = "text/html"))),
              (status = 304, description = "The caller has it already")))]
pub async fn get(
    State(state): State<AppState>,
    User(caller): User,
    lang: Lang,
    at: At,
    Query(query): Query<AsOf>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response> {
    let job = state.job(&caller, &id)?;
    let moment = state.as_of(query.as_of.as_deref())?;
    let html = wants_html(&headers);
    let response = tokio::task::spawn_blocking(move || -> Result<Response> {
        let (job, policy) = match &moment {
            Some(moment) => (state.job_at(&job, moment)?, state.policy_at(moment)?),
            None => (job, state.policy()?),
        };
        let ctx = state.context_at(&policy, lang, moment);
        let shown = explain::job(&ctx, &job)?;
        let mut persons = shown.opened;
        let mut facts = BTreeMap::new();
        for need in job.needs.iter().filter(|need| need.need.level == Level::Person && need.receipt.is_some()) {
            persons.push(need.need.subject.clone());
        }
        for (need, row) in job.needs.iter().zip(&shown.view.sources) {
            if let (Some(receipt), Some(_)) = (&need.receipt, &row.receipt_id) {
                facts.insert(row.need_id.clone(), explain::facts_of_receipt(&ctx, receipt)?);
            }
        }
        log_access(&caller, "report", &id, &persons);
        let report = ReportView {
            notice: words::one(lang, "job-notice", &[]),
            at: explain::time::rfc3339(ctx.now),
            snapshot_id: explain::sealed(&ctx, &job, &shown.view)?.map(|sealed| sealed.snapshot_id.clone()),
            facts,
            not_checked: explain::not_checked(&ctx, &job, &shown.view),
            job: shown.view,
        };
        // A fact is seen again, and a person's key destroyed, without a change of the job.
        let job = Covers::of(&report.job, lang, policy.version, query.as_of);
        let origin = ui::origin(&headers).filter(|_| html);
        let covers = (job, html, &origin, &report.facts, &report.not_checked);
        if html {
            let page = page(&report, &policy.document, lang, origin.as_deref())?;
            return Ok(answer::tagged_as(&at, &headers, &covers, || Html(page).into_response()));
        }
        Ok(answer::tagged(&at, &headers, &covers, &report))
    })
    .await
    .map_err(Problem::internal)??;
    Ok(response)
}

/// The same page as the browser's own, as one file that can be kept.
fn page(report: &ReportView, document: &PolicyDocument, lang: Lang, origin: Option<&str>) -> Result<String> {
    let report = serde_json::to_value(report).map_err(Problem::internal)?;
    let profiles = json!({"items": super::sources::profile_views(document)});
    ui::report_page(lang, &report, &profiles, &super::page::titles(document), origin).map_err(Problem::internal)
}

/// Whether `Accept` names a page before JSON.
fn wants_html(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let place = |kind: &str| accept.split(',').position(|part| part.trim().starts_with(kind));
    match (place("text/html"), place("application/json")) {
        (Some(html), Some(json)) => html < json,
        (html, _) => html.is_some(),
    }
}
