//! One webhook, sent once.

use super::courier::Parcel;
use super::message::{Body, body};
use super::sign;
use crate::core::notify::{Sent, secret};
use crate::core::policy::NotifySpec;
use crate::core::vault::Vault;
use crate::explain::time::rfc3339;
use crate::work::fetch::{Fetched, Fetcher, Outgoing, SecretNames, escape};
use mirano_schemas::Timestamp;
use serde_json::json;
use std::time::Duration;

/// What is read of an answer; nothing of it is kept.
const MOST_ANSWER: u64 = 1024 * 1024;
/// The longest rest that a receiver may ask for.
const LONGEST_REST_MS: u64 = 24 * 3_600_000;

/// The id under which a receiver gets a delivery, however often.
pub(super) fn message_id(parcel: &Parcel) -> String {
    match parcel.notifications.as_slice() {
        [one] if !parcel.row.digest => format!("msg_{}", one.raised.notification),
        _ => format!("msg_{}", parcel.claimed.delivery),
    }
}

/// Sends it; an answer of 2xx means that it was taken.
pub(super) async fn send(
    fetcher: &Fetcher,
    vault: &dyn Vault,
    spec: &NotifySpec,
    parcel: &Parcel,
    now: Timestamp,
) -> Sent {
    let broken =
        |cause: &str| Sent::Refused { status: None, cause: cause.to_owned(), for_good: true, retry_after_ms: None };
    let channel = &parcel.claimed.channel;
    let Some(url) = secret::open(vault, &channel.target) else { return broken("the key of the channel is gone") };
    let in_use = channel.secrets.iter().filter(|secret| secret.until.is_none_or(|until| now < until));
    let secrets: Vec<String> = in_use.filter_map(|one| secret::open(vault, &one.sealed)).collect();
    if secrets.is_empty() {
        return broken("the key of the channel is gone");
    }
    let Ok(text) = text(parcel) else { return broken("the body can't be written") };
    let (id, timestamp) = (message_id(parcel), now.0.div_euclid(1_000));
    let headers = [
        ("content-type", "application/json".to_owned()),
        ("webhook-signature", sign::signatures(&secrets, &id, timestamp, &text)),
        ("webhook-timestamp", timestamp.to_string()),
        ("webhook-id", id),
    ];
    let request = Outgoing {
        method: "POST".to_owned(),
        // What a tenant wrote names no variable of this machine.
        url: escape(&url).into_owned(),
        headers: headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        body: Some(escape(&text).into_owned()),
        form: false,
        credentials: None,
        cookie: None,
        secrets: SecretNames::default(),
        allow_private: spec.allow_private,
        timeout: Duration::from_millis(spec.timeout.0),
        max_bytes: MOST_ANSWER,
        proxy: None,
    };
    match fetcher.send(&request).await {
        Ok(answer) => judge(&answer),
        Err(error) => Sent::Refused { status: None, cause: error.to_string(), for_good: false, retry_after_ms: None },
    }
}

fn judge(answer: &Fetched) -> Sent {
    let status = Some(answer.status);
    if (200..300).contains(&answer.status) {
        return Sent::Taken { status };
    }
    // Gone: the receiver wants no more of it, and of nothing else either.
    if answer.status == 410 {
        return Sent::Gone { status: answer.status };
    }
    let rest = answer.header("retry-after").and_then(|text| text.trim().parse::<u64>().ok());
    Sent::Refused {
        status,
        cause: format!("status {}", answer.status),
        for_good: false,
        retry_after_ms: rest.map(|seconds| seconds.saturating_mul(1_000).min(LONGEST_REST_MS)),
    }
}

fn text(parcel: &Parcel) -> Result<String, serde_json::Error> {
    let mut items = parcel.notifications.iter().map(body).collect::<Result<Vec<Body>, _>>()?;
    let whole = match items.len() {
        1 if !parcel.row.digest => items.remove(0),
        _ => Body {
            r#type: "digest".to_owned(),
            timestamp: rfc3339(parcel.row.made_at),
            data: json!({"items": items, "left_out": parcel.row.left_out}),
        },
    };
    serde_json::to_string(&whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn answered(status: u16, headers: &[(&str, &str)]) -> Sent {
        let headers: BTreeMap<String, String> =
            headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let url = url::Url::parse("http://receiver.example/").expect("a URL");
        judge(&Fetched::of(status, headers, bytes::Bytes::new(), url))
    }

    #[test]
    fn only_2xx_is_taken_and_only_410_is_gone() {
        for (status, wanted) in [(200, "taken"), (204, "taken"), (301, "again"), (410, "gone"), (500, "again")] {
            let is = match answered(status, &[]) {
                Sent::Taken { .. } => "taken",
                Sent::Gone { status: 410 } => "gone",
                Sent::Refused { for_good: false, .. } => "again",
                other => panic!("{status}: {other:?}"),
            };
            assert_eq!(is, wanted, "{status}");
        }
    }

    #[test]
    fn a_receiver_may_ask_for_a_rest_of_a_day_at_most() {
        let rest = |text| match answered(429, &[("retry-after", text)]) {
            Sent::Refused { retry_after_ms, .. } => retry_after_ms,
            other => panic!("{other:?}"),
        };
        assert_eq!(rest("7"), Some(7_000));
        assert_eq!(rest("999999999"), Some(LONGEST_REST_MS));
        assert_eq!(rest("Wed, 21 Oct 2026 07:28:00 GMT"), None);
    }
}
