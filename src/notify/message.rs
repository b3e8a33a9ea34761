//! What a notification says to programs: the body of a webhook, and an item of the list.

use crate::explain::time::rfc3339;
use mirano_replay::rows::NotificationRow;
use mirano_schemas::{JobStatus, NotificationDetail};
use serde::Serialize;
use utoipa::ToSchema;

/// The body of a webhook.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Body {
    /// `job.first_result` `job.final` `risk.level_changed` `facts.changed` `source.recovered` `report.stale`, or `digest`.
    pub r#type: String,
    /// When it happened; of a digest, when it was made.
    pub timestamp: String,
    /// What happened; of a digest `{"items": [{type, timestamp, data}], "left_out": 0}`.
    pub data: serde_json::Value,
}

/// What a notification is about. What its type does not speak of is absent.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Data {
    /// The notification.
    pub notification_id: String,
    /// The check.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_id: Option<String>,
    /// Its status, as it then was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Whether it then was final.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub r#final: Option<bool>,
    /// The commit that is its cause.
    pub position: String,
    /// Where the difference can be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diff_url: Option<String>,
    /// The source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The row of the check.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub need_id: Option<String>,
    /// `facts.changed`: things that were not there before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub added: Option<u32>,
    /// `facts.changed`: things that are there no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gone: Option<u32>,
    /// `facts.changed`: things whose attributes are others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed: Option<u32>,
    /// `risk.level_changed`: the level before and now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// `report.stale`: when the TTL ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stale_since: Option<String>,
}

/// A level of risk that is another now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Level {
    /// In the last report that had one.
    pub from: String,
    /// Now.
    pub to: String,
    /// The score now.
    pub score: u8,
}

/// What a notification is about.
pub fn data(row: &NotificationRow) -> Data {
    let raised = &row.raised;
    let (position, job) = (row.position, raised.job);
    let diff_url = raised.since.zip(job).map(|(since, job)| {
        let side = |at: mirano_schemas::Position| {
            percent_encoding::utf8_percent_encode(&format!("job:{job}@{at}"), percent_encoding::NON_ALPHANUMERIC)
                .to_string()
        };
        format!("/v1/diff?from={}&to={}", side(since), side(position))
    });
    let mut data = Data {
        notification_id: raised.notification.to_string(),
        job_id: job.map(|job| job.to_string()),
        status: raised.status.map(|status| status_word(status).to_owned()),
        r#final: job.map(|_| raised.is_final),
        position: position.to_string(),
        diff_url,
        source: None,
        need_id: None,
        added: None,
        gone: None,
        changed: None,
        level: None,
        stale_since: None,
    };
    match &raised.detail {
        NotificationDetail::Plain => {}
        NotificationDetail::Level { from, to, score } => {
            data.level = Some(Level { from: from.clone(), to: to.clone(), score: *score });
        }
        NotificationDetail::Facts { need_id, source, added, gone, changed, .. } => {
            (data.need_id, data.source) = (Some(need_id.to_string()), Some(source.clone()));
            (data.added, data.gone, data.changed) = (Some(*added), Some(*gone), Some(*changed));
        }
        NotificationDetail::Source { source, .. } => data.source = Some(source.clone()),
        NotificationDetail::Stale { need_id, source, since } => {
            (data.need_id, data.source) = (Some(need_id.to_string()), Some(source.clone()));
            data.stale_since = Some(rfc3339(*since));
        }
    }
    data
}

/// The body that tells one notification.
pub(super) fn body(row: &NotificationRow) -> Result<Body, serde_json::Error> {
    Ok(Body {
        r#type: row.raised.what.word().to_owned(),
        timestamp: rfc3339(row.at),
        data: serde_json::to_value(data(row))?,
    })
}

fn status_word(status: JobStatus) -> &'static str {
    match status {
        JobStatus::Created => "CREATED",
        JobStatus::InProgress => "IN_PROGRESS",
        JobStatus::Partial => "PARTIAL",
        JobStatus::Completed => "COMPLETED",
        JobStatus::Failed => "FAILED",
    }
}
