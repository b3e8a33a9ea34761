//! Reports and snapshots as resources.

use super::api::{Api, Who};
use super::calls::{part, refused};
use super::say::{list as items, text};
use crate::http::Ask;
use rmcp::ErrorData;
use rmcp::model::*;
use serde_json::Value;

const REPORT: &str = "mirano://jobs/";
const SNAPSHOT: &str = "mirano://snapshots/";
const JSON: &str = "application/json";

/// How resources are named.
pub(super) fn templates() -> Vec<ResourceTemplate> {
    vec![
        ResourceTemplate::new("mirano://jobs/{job_id}/report", "report")
            .with_title("Report of a check / Отчёт о проверке")
            .with_description("What the check shows now: rows by source with ages and origins, facts, risk, what was not checked. ?lang=ru|en, ?as_of=<moment>")
            .with_mime_type(JSON),
        ResourceTemplate::new("mirano://snapshots/{snapshot_id}", "snapshot")
            .with_title("Sealed snapshot / Запечатанный снимок")
            .with_description("Roots, cut of the log, receipts, status and what was missing at the seal; it never changes")
            .with_mime_type(JSON),
    ]
}

/// The reports of the latest checks, and their latest snapshots.
pub(super) async fn list(api: &dyn Api, who: &Who, cursor: Option<String>) -> Result<ListResourcesResult, ErrorData> {
    const PAGE: usize = 20;
    let cursor = cursor.map(|cursor| format!("&cursor={}", part(&cursor))).unwrap_or_default();
    let page = get(api, who, &format!("/v1/jobs?limit={PAGE}{cursor}")).await?;
    let mut resources = Vec::new();
    for job in items(&page, "items") {
        let (id, address) = (text(job, "job_id"), text(job, "address"));
        resources.push(
            Resource::new(format!("{REPORT}{id}/report"), format!("report {id}"))
                .with_title(address)
                .with_description(format!("{}, {}", text(job, "status"), text(job, "created_at")))
                .with_mime_type(JSON),
        );
        let snapshots = get(api, who, &format!("/v1/jobs/{}/snapshots", part(id))).await?;
        if let Some(last) = items(&snapshots, "items").last() {
            let id = text(last, "snapshot_id");
            resources.push(
                Resource::new(format!("{SNAPSHOT}{id}"), format!("snapshot {id}"))
                    .with_title(format!("{address}, {}", text(last, "sealed_at")))
                    .with_mime_type(JSON),
            );
        }
    }
    let mut result = ListResourcesResult::with_all_items(resources);
    result.next_cursor = page.get("next_cursor").and_then(Value::as_str).map(str::to_owned);
    Ok(result)
}

/// Reads one.
pub(super) async fn read(api: &dyn Api, who: &Who, uri: &str) -> Result<ReadResourceResult, ErrorData> {
    let (bare, query) = uri.split_once('?').map_or((uri, String::new()), |(bare, query)| (bare, format!("?{query}")));
    let report = bare.strip_prefix(REPORT).and_then(|rest| rest.strip_suffix("/report"));
    let path = match (report, bare.strip_prefix(SNAPSHOT)) {
        (Some(id), _) => format!("/v1/jobs/{}/report{query}", part(id)),
        (None, Some(id)) => format!("/v1/snapshots/{}", part(id)),
        (None, None) => return Err(ErrorData::resource_not_found(format!("there is no resource {uri}"), None)),
    };
    let value = get(api, who, &path).await?;
    let contents = ResourceContents::text(value.to_string(), uri).with_mime_type(JSON);
    Ok(ReadResourceResult::new(vec![contents]))
}

async fn get(api: &dyn Api, who: &Who, path: &str) -> Result<Value, ErrorData> {
    api.call(who, Ask { path, ..Ask::default() }).await.map_err(|problem| match text(&problem, "code") {
        "not_found" => ErrorData::resource_not_found(refused(&problem), None),
        "internal" | "log_unavailable" | "not_ready" => ErrorData::internal_error(refused(&problem), None),
        _ => ErrorData::invalid_params(refused(&problem), None),
    })
}
