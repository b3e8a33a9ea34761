//! Mail through SMTP.
//!
//! Promises: a message carries the same `Message-ID` however often it is sent; without TLS no password is sent; no
//! address and no password comes into an error.

use super::courier::Parcel;
use super::told::Check;
use super::words;
use crate::core::notify::{Sent, secret};
use crate::core::policy::Policy;
use crate::engine::Engine;
use crate::explain::words::Lang;
use crate::sources::config::{MailSettings, MailTls};
use lettre::message::header::ContentType;
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::Credentials;
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use mirano_replay::rows::{JobRow, NotificationRow};
use mirano_replay::store::{ReadExt, StoreError};
use mirano_schemas::Language;
use std::time::Duration;

/// A server that sends mail, and as whom.
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    timeout: Duration,
}

/// Why no mail can be sent by these settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("notify.toml, [smtp]: {0}")]
pub struct MailError(String);

/// Whether a text is an address that mail can be sent to; gives its domain.
pub fn domain(address: &str) -> Option<&str> {
    let parsed: lettre::Address = address.parse().ok()?;
    let at = address.len().checked_sub(parsed.domain().len())?;
    address.get(at..)
}

impl Mailer {
    /// Connects to nothing yet. `password`: as the environment has it.
    pub fn new(settings: &MailSettings, password: Option<String>, timeout: Duration) -> Result<Self, MailError> {
        crate::work::tls::install();
        let refused = |error: &dyn std::fmt::Display| MailError(error.to_string());
        let builder = match settings.tls {
            MailTls::Tls => AsyncSmtpTransport::<Tokio1Executor>::relay(&settings.host),
            MailTls::Starttls => AsyncSmtpTransport::<Tokio1Executor>::starttls_relay(&settings.host),
            MailTls::None => Ok(AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&settings.host)),
        };
        let mut builder = builder.map_err(|error| refused(&error))?.timeout(Some(timeout));
        if let Some(port) = settings.port {
            builder = builder.port(port);
        }
        match (&settings.user, password) {
            (None, None) => {}
            (Some(_), Some(_)) if settings.tls == MailTls::None => {
                return Err(MailError("a password is not sent without TLS".to_owned()));
            }
            (Some(user), Some(password)) => builder = builder.credentials(Credentials::new(user.clone(), password)),
            _ => return Err(MailError("user and password come together".to_owned())),
        }
        let from = settings.from.parse().map_err(|_| MailError("from is no address".to_owned()))?;
        Ok(Self { transport: builder.build(), from, timeout })
    }

    pub(super) async fn send(&self, engine: &Engine, policy: &Policy, language: Language, parcel: &Parcel) -> Sent {
        let refused = |cause: &str, for_good| Sent::Refused {
            status: None,
            cause: cause.to_owned(),
            for_good,
            retry_after_ms: None,
        };
        let Some(address) = secret::open(&**engine.vault(), &parcel.claimed.channel.target) else {
            return refused("the key of the channel is gone", true);
        };
        let domains = &policy.document.notify.mail_domains;
        if !domains.is_empty() && !domain(&address).is_some_and(|of| domains.iter().any(|one| one == of)) {
            return refused("mail to this domain is not allowed", true);
        }
        let message = match self.message(engine, policy, language, parcel, &address) {
            Ok(message) => message,
            Err(cause) => return refused(&cause, true),
        };
        match tokio::time::timeout(self.timeout, self.transport.send(message)).await {
            Err(_) => refused("timeout: no reply in time", false),
            Ok(Ok(response)) => Sent::Taken { status: Some(response.code().into()) },
            Ok(Err(error)) => {
                // The server's own words may repeat the address.
                let status: Option<u16> = error.status().map(Into::into);
                let kind = match status {
                    Some(code) => format!("reply {code}"),
                    None if error.is_timeout() => "timeout".to_owned(),
                    None if error.is_tls() => "tls".to_owned(),
                    None => "connect: no conversation with the mail server".to_owned(),
                };
                Sent::Refused { status, cause: kind, for_good: error.is_permanent(), retry_after_ms: None }
            }
        }
    }

    fn message(
        &self,
        engine: &Engine,
        policy: &Policy,
        language: Language,
        parcel: &Parcel,
        address: &str,
    ) -> Result<Message, String> {
        let lang = match language {
            Language::Ru => Lang::Ru,
            Language::En => Lang::En,
        };
        let mut lines = Vec::new();
        for row in &parcel.notifications {
            lines.push((said(engine, policy, row, lang)?, link(policy, row)));
        }
        let subject = match lines.as_slice() {
            [(one, _)] => one.clone(),
            _ => words::several(lines.len(), lang),
        };
        let mut text = String::new();
        for (line, link) in &lines {
            text.push_str(line);
            text.push('\n');
            if let Some(link) = link {
                text.push_str(link);
                text.push('\n');
            }
            text.push('\n');
        }
        if parcel.row.left_out > 0 {
            text.push_str(&words::left_out(parcel.row.left_out, lang));
            text.push_str("\n\n");
        }
        text.push_str(&words::footer(lang));
        text.push('\n');
        let to = address.parse().map_err(|_| "the address can't be used".to_owned())?;
        let id = format!("<{}@{}>", super::webhook::message_id(parcel), self.from.email.domain());
        Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(subject)
            .message_id(Some(id))
            .header(ContentType::TEXT_PLAIN)
            .body(text)
            .map_err(|_| "the message can't be written".to_owned())
    }
}

fn said(engine: &Engine, policy: &Policy, row: &NotificationRow, lang: Lang) -> Result<String, String> {
    let wrong = |error: StoreError| error.to_string();
    let views = engine.views();
    let job: Option<JobRow> = match row.raised.job {
        Some(job) => views.row(job.as_bytes()).map_err(wrong)?,
        None => None,
    };
    let check = job.map(|job| Check::of(&**views, row, &job)).transpose().map_err(wrong)?;
    Ok(words::line(row, check.as_ref(), &policy.document, lang))
}

fn link(policy: &Policy, row: &NotificationRow) -> Option<String> {
    let page = policy.document.notify.page.as_deref()?.trim_end_matches('/');
    row.raised.job.map(|job| format!("{page}/jobs/{job}"))
}

impl std::fmt::Debug for Mailer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mailer").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_domain_and_rubbish_has_none() {
        assert_eq!(domain("ivanov@example.org"), Some("example.org"));
        for bad in ["", "ivanov", "@example.org", "a@b\r\nBcc: c@d", "a b@example.org"] {
            assert_eq!(domain(bad), None, "{bad:?}");
        }
    }

    #[tokio::test]
    async fn a_password_needs_tls_and_a_user() {
        let settings = |tls, user: Option<&str>| MailSettings {
            host: "mail.example.org".to_owned(),
            port: Some(2525),
            tls,
            user: user.map(str::to_owned),
            password: None,
            from: "Mirano <mirano@example.org>".to_owned(),
        };
        let made = |settings: MailSettings, password: Option<&str>| {
            Mailer::new(&settings, password.map(str::to_owned), Duration::from_secs(1)).is_ok()
        };
        assert!(made(settings(MailTls::None, None), None));
        assert!(made(settings(MailTls::Starttls, Some("u")), Some("p")));
        assert!(!made(settings(MailTls::None, Some("u")), Some("p")));
        assert!(!made(settings(MailTls::Tls, Some("u")), None));
        assert!(!made(MailSettings { from: "nobody".to_owned(), ..settings(MailTls::None, None) }, None));
    }
}
