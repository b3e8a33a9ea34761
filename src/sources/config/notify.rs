//! `notify.toml`: how notifications are delivered. What decisions need goes into the document; the mail server stays here.

use super::ConfigProblem;
use super::toml_text::TomlText;
use crate::core::policy::{DurationMs, NotifySpec};
use serde::Deserialize;

/// The mail server that messages go through.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailSettings {
    /// Its name.
    pub host: String,
    /// Its port; left out: 465, 587 or 25, by `tls`.
    pub port: Option<u16>,
    /// How the conversation is protected.
    #[serde(default)]
    pub tls: MailTls,
    /// Who logs in; left out: nobody.
    pub user: Option<String>,
    /// `env:NAME`: the variable of the environment that holds the password.
    pub password: Option<String>,
    /// Whom messages come from: `Mirano <mirano@example.org>`.
    pub from: String,
}

/// How a conversation with a mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailTls {
    /// TLS from the first byte.
    #[default]
    Tls,
    /// Begun in the clear and refused unless it turns to TLS.
    Starttls,
    /// Not at all: for a server on the same machine.
    None,
}

/// The file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    retry: Option<Vec<DurationMs>>,
    timeout: Option<DurationMs>,
    allow_private: Option<bool>,
    page: Option<String>,
    mail_domains: Option<Vec<String>>,
    smtp: Option<MailSettings>,
}

/// Reads the file; what is wrong goes to `problems`.
pub(super) fn read(text: &TomlText<'_>, problems: &mut Vec<ConfigProblem>) -> (NotifySpec, Option<MailSettings>) {
    let file: File = text.read().unwrap_or_else(|found| {
        problems.extend(found);
        File::default()
    });
    let or = NotifySpec::default();
    let spec = NotifySpec {
        retry: file.retry.unwrap_or(or.retry),
        timeout: file.timeout.unwrap_or(or.timeout),
        allow_private: file.allow_private.unwrap_or(or.allow_private),
        page: file.page,
        mail_domains: file.mail_domains.unwrap_or_default(),
    };
    let written =
        |settings: &&MailSettings| settings.password.as_ref().is_some_and(|password| !password.starts_with("env:"));
    if file.smtp.as_ref().is_some_and(|settings| written(&settings)) {
        let detail = "is env:NAME of a variable of the environment, never written out".to_owned();
        problems.push(text.problem_at("smtp.password", detail, None));
    }
    (spec, file.smtp)
}
