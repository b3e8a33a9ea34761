//! `notify.toml`: how notifications are delivered, as far as decisions depend on it. How mail is sent stays on the machine.

use super::DurationMs;
use serde::{Deserialize, Serialize};

/// The most waits between attempts.
const MOST_RETRIES: usize = 20;
/// The longest that a receiver is waited for; a claim in the log lasts a little longer.
pub const LONGEST_TIMEOUT_MS: u64 = 60_000;

/// How notifications are delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NotifySpec {
    /// The wait before each further attempt; behind the last a delivery is a dead letter.
    pub retry: Vec<DurationMs>,
    /// After this a receiver is given up for this attempt.
    pub timeout: DurationMs,
    /// Whether webhooks may lead to loopback and private addresses.
    pub allow_private: bool,
    /// Where people reach the page, for links in mail: `https://mirano.example`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
    /// Domains that mail may be sent to; none named: any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mail_domains: Vec<String>,
}

impl Default for NotifySpec {
    /// The schedule of Standard Webhooks: a little more than three days in all.
    fn default() -> Self {
        let (s, m, h) = (1_000, 60_000, 3_600_000);
        let retry = [5 * s, 5 * m, 30 * m, 2 * h, 5 * h, 10 * h, 14 * h, 20 * h, 24 * h];
        Self {
            retry: retry.into_iter().map(DurationMs).collect(),
            timeout: DurationMs(15_000),
            allow_private: false,
            page: None,
            mail_domains: Vec::new(),
        }
    }
}

impl NotifySpec {
    /// Whether it says nothing of its own; then a policy document leaves it out.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// What is wrong: where, and how.
    pub fn problems(&self) -> Vec<(&'static str, String)> {
        let mut problems = Vec::new();
        if self.retry.len() > MOST_RETRIES {
            problems.push(("notify.retry", format!("has more than {MOST_RETRIES} waits")));
        }
        if !(1_000..=LONGEST_TIMEOUT_MS).contains(&self.timeout.0) {
            problems.push(("notify.timeout", format!("is not 1s to {} s", LONGEST_TIMEOUT_MS / 1_000)));
        }
        if self.page.as_ref().is_some_and(|page| !page.starts_with("https://") && !page.starts_with("http://")) {
            problems.push(("notify.page", "is no http or https address".to_owned()));
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_the_default() {
        let spec: NotifySpec = serde_json::from_str("{}").expect("nothing is needed");
        assert!(spec.is_default() && spec.problems().is_empty());
        let odd: NotifySpec =
            serde_json::from_str(r#"{"timeout": "5m", "page": "mirano.example", "retry": []}"#).expect("readable");
        assert_eq!(odd.problems().len(), 2);
        assert!(serde_json::from_str::<NotifySpec>(r#"{"retries": []}"#).is_err());
    }
}
