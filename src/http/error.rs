//! Every error of the interface: its code and its status. The only place that knows them; its words are in the catalogue `errors`.
//!
//! Words are Russian where the caller asks for Russian (`?lang=`, else `Accept-Language`), else English: see [`in_language`].
//! An error goes out as a problem document (RFC 9457). What belongs to the inside (`private`) is logged under the
//! request's id and never sent. Each code has a page `docs/errors/<code>.md`.

mod history;

use crate::core::command::{InputFault, Rejection};
use crate::core::policy::duration::ParseDurationError;
use crate::engine::EngineError;
use crate::words::{Arg, Both, Lang, both, has, one};
use crate::work::evidence::EvidenceError;
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use mirano_replay::store::StoreError;
use serde::Serialize;
use utoipa::ToSchema;

/// What went wrong, as a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is documented under its code in docs/errors")]
pub enum Code {
    BadJson,
    BadCursor,
    BadTime,
    NoKey,
    RoleMissing,
    NotFound,
    MethodNotAllowed,
    IdempotencyMismatch,
    LeaseLost,
    Erased,
    VersionChanged,
    TooLarge,
    AddressEmpty,
    AddressUnusable,
    ProfileUnknown,
    InputInvalid,
    InputMissing,
    SourceUnknown,
    PolicyInvalid,
    NotComparable,
    IfMatchMissing,
    TooMany,
    Internal,
    NotReady,
    PositionTimeout,
    LogUnavailable,
}

impl Code {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::BadJson => "bad_json",
            Self::BadCursor => "bad_cursor",
            Self::BadTime => "bad_time",
            Self::NoKey => "no_key",
            Self::RoleMissing => "role_missing",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::IdempotencyMismatch => "idempotency_mismatch",
            Self::LeaseLost => "lease_lost",
            Self::Erased => "erased",
            Self::VersionChanged => "version_changed",
            Self::TooLarge => "too_large",
            Self::AddressEmpty => "address_empty",
            Self::AddressUnusable => "address_unusable",
            Self::ProfileUnknown => "profile_unknown",
            Self::InputInvalid => "input_invalid",
            Self::InputMissing => "input_missing",
            Self::SourceUnknown => "source_unknown",
            Self::PolicyInvalid => "policy_invalid",
            Self::NotComparable => "not_comparable",
            Self::IfMatchMissing => "if_match_missing",
            Self::TooMany => "too_many",
            Self::Internal => "internal",
            Self::NotReady => "not_ready",
            Self::PositionTimeout => "position_timeout",
            Self::LogUnavailable => "log_unavailable",
        }
    }

    /// The HTTP status.
    pub fn status(self) -> StatusCode {
        match self {
            Self::BadJson | Self::BadCursor | Self::BadTime => StatusCode::BAD_REQUEST,
            Self::NoKey => StatusCode::UNAUTHORIZED,
            Self::RoleMissing => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::IdempotencyMismatch | Self::LeaseLost => StatusCode::CONFLICT,
            Self::Erased => StatusCode::GONE,
            Self::VersionChanged => StatusCode::PRECONDITION_FAILED,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::AddressEmpty
            | Self::AddressUnusable
            | Self::ProfileUnknown
            | Self::InputInvalid
            | Self::InputMissing
            | Self::SourceUnknown
            | Self::PolicyInvalid
            | Self::NotComparable => StatusCode::UNPROCESSABLE_ENTITY,
            Self::IfMatchMissing => StatusCode::PRECONDITION_REQUIRED,
            Self::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::NotReady | Self::PositionTimeout | Self::LogUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn title(self, lang: Lang) -> String {
        one(lang, &format!("error_title-{}", self.code()), &[])
    }

    /// What to do when nothing more exact is known.
    fn fix(self, lang: Lang) -> String {
        one(lang, &format!("error_fix-{}", self.code()), &[])
    }

    fn retry_after_s(self) -> Option<u64> {
        match self {
            Self::TooMany => Some(2),
            Self::NotReady => Some(5),
            Self::PositionTimeout => Some(1),
            Self::LogUnavailable => Some(10),
            _ => None,
        }
    }
}

/// A problem document (RFC 9457).
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ProblemBody {
    /// What kind it is, for people.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What kind it is, for programs; never changes its meaning.
    pub code: String,
    /// What was wrong this time.
    pub detail: String,
    /// What to do.
    pub fix: String,
    /// Each place that is wrong.
    pub errors: Vec<At>,
}

/// One place that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct At {
    /// A JSON pointer, or the name of a parameter.
    pub at: String,
    /// What is wrong there.
    pub detail: String,
}

/// An error on its way out.
#[derive(Debug)]
pub struct Problem {
    code: Code,
    detail: Both,
    // On the heap, as few have one: every result of a handler is as large as this.
    fix: Option<Box<Both>>,
    errors: Vec<(String, Both)>,
    private: Option<String>,
}

/// What handlers return.
pub type Result<T> = std::result::Result<T, Problem>;

impl Problem {
    /// An error with its own words.
    pub fn new(code: Code, detail: impl Into<Both>) -> Self {
        Self { code, detail: detail.into(), fix: None, errors: Vec::new(), private: None }
    }

    /// An error in the words of the catalogue: `refused-<word>`.
    pub fn said(code: Code, word: &str, args: &[(&str, Arg)]) -> Self {
        Self::new(code, refused(word, args))
    }

    /// Names a place that is wrong.
    #[must_use]
    pub fn at(mut self, at: impl Into<String>, detail: impl Into<Both>) -> Self {
        self.errors.push((at.into(), detail.into()));
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn fix(mut self, fix: impl Into<Both>) -> Self {
        self.fix = Some(Box::new(fix.into()));
        self
    }

    /// Notes what only the log may know.
    #[must_use]
    pub fn private(mut self, detail: impl std::fmt::Display) -> Self {
        self.private = Some(detail.to_string());
        self
    }

    /// One place of the body that is not what it should be; `at`: its JSON pointer.
    pub fn invalid(at: &str, detail: impl Into<Both>) -> Self {
        let detail = detail.into();
        let said = Both::new(format!("{at}: {}", detail.ru), format!("{at}: {}", detail.en));
        Self::new(Code::InputInvalid, said).at(at, detail)
    }

    /// There is nothing under this name, or it is another tenant's: the two can't be told apart.
    pub fn not_found(what: &str) -> Self {
        let id = format!("no_such-{}", what.replace(' ', "_"));
        let plain = || Both::new(format!("такого нет: {what}"), format!("there is no such {what}"));
        Self::new(Code::NotFound, if has(&id) { both(&id, &[]) } else { plain() })
    }

    /// A fault of ours.
    pub fn internal(detail: impl std::fmt::Display) -> Self {
        Self::said(Code::Internal, "internal", &[]).private(detail)
    }

    /// Its kind.
    pub fn code(&self) -> Code {
        self.code
    }
}

/// Words of the catalogue: `refused-<word>`.
pub fn refused(word: &str, args: &[(&str, Arg)]) -> Both {
    both(&format!("refused-{word}"), args)
}

/// What is said of a text that is no duration.
pub fn no_duration(error: ParseDurationError) -> Both {
    refused("duration", &[("given", error.0.into())])
}

tokio::task_local! {
    /// The language of the request that is being answered.
    static ASKED_IN: Lang;
}

/// Answers a request with its problems in a language. Outside of it they are English, as they are for programs that ask for none.
pub async fn in_language<T>(lang: Lang, answer: impl Future<Output = T>) -> T {
    ASKED_IN.scope(lang, answer).await
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, code) = (self.code.status(), self.code.code());
        match &self.private {
            Some(private) if status.is_server_error() => tracing::error!(code, private, "request failed"),
            _ if status.is_server_error() => tracing::info!(code, detail = self.detail.en, "request refused"),
            // The words may quote what was sent, and that may be about a person: only places are noted.
            _ => {
                let places: Vec<&str> = self.errors.iter().map(|(at, _)| at.as_str()).collect();
                tracing::info!(code, at = places.join(" "), "request refused");
            }
        }
        let lang = ASKED_IN.try_with(|lang| *lang).unwrap_or(Lang::En);
        let place = |(at, detail): (String, Both)| At { at, detail: detail.get(lang).to_owned() };
        let body = ProblemBody {
            title: self.code.title(lang),
            status: status.as_u16(),
            code: code.to_owned(),
            detail: self.detail.get(lang).to_owned(),
            fix: self.fix.map_or_else(|| self.code.fix(lang), |fix| fix.get(lang).to_owned()),
            errors: self.errors.into_iter().map(place).collect(),
        };
        let mut response = (status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.code.retry_after_s() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.code == Code::NoKey {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Self {
        let named = |name: &str| [("name", Arg::from(name))];
        match rejection {
            Rejection::ProfileUnknown(name) => Self::said(Code::ProfileUnknown, "profile", &[("given", name.into())])
                .at("/profile", refused("profile_at", &[])),
            Rejection::InputMissing(name) => Self::said(Code::InputMissing, "input_missing", &named(&name))
                .at(format!("/inputs/{name}"), refused("required", &[]))
                .fix(refused("input_missing_fix", &named(&name))),
            Rejection::InputInvalid(name, fault) => {
                let why = fault_of(fault);
                Self::said(Code::InputInvalid, "input", &[("name", name.as_str().into()), ("why", (&why).into())])
                    .at(format!("/inputs/{name}"), why)
                    .fix(refused("input_fix", &named(&name)))
            }
            Rejection::FieldInvalid(name, fault) => {
                let problem = Self::invalid(&format!("/{name}"), fault_of(fault));
                if fault == InputFault::TooOften { problem.fix(refused("every_fix", &[])) } else { problem }
            }
            Rejection::SourceUnknown(name) => {
                let said = refused("source_of_job", &[("given", name.into())]);
                Self::new(Code::SourceUnknown, said.clone()).at("/sources", said)
            }
            Rejection::JobNotFound => Self::not_found("job"),
            Rejection::NothingToSeal => {
                Self::said(Code::NotFound, "nothing_to_seal", &[]).fix(refused("nothing_to_seal_fix", &[]))
            }
            Rejection::IdempotencyMismatch => Self::said(Code::IdempotencyMismatch, "other_request", &[]),
            Rejection::NoDeadLetter => Self::not_found("dead letter"),
            Rejection::ChannelUnknown(_) => Self::not_found("channel"),
            Rejection::ChannelStopped => {
                Self::said(Code::NotFound, "channel_stopped", &[]).fix(refused("channel_stopped_fix", &[]))
            }
            Rejection::NoDelivery => Self::not_found("delivery that could be sent again"),
            Rejection::LeaseLost => Self::said(Code::LeaseLost, "lease_lost", &[]),
            Rejection::VersionChanged(version) => {
                Self::said(Code::VersionChanged, "version", &[("version", version.to_string().into())])
            }
            Rejection::PolicyInvalid(why) => Self::new(Code::PolicyInvalid, format!("policy: {why}")).at("", why),
            Rejection::NoPolicy => Self::said(Code::NotReady, "no_policy", &[]),
            Rejection::NotAnAnswer => Self::invalid("/outcome", rejection.to_string()),
            Rejection::TooLarge(_) => {
                Self::new(Code::TooLarge, rejection.to_string()).fix(refused("too_large_fix", &[]))
            }
        }
    }
}

fn fault_of(fault: InputFault) -> Both {
    let said = |word: &str| refused(word, &[]);
    match fault {
        InputFault::Unknown => said("input_unknown"),
        InputFault::Empty => said("input_empty"),
        InputFault::Inn => said("input_inn"),
        InputFault::Date => said("input_date"),
        InputFault::Cadastral => said("input_cadastral"),
        InputFault::TooOften => said("every"),
        InputFault::NotGranted => said("not_granted"),
        InputFault::Digest => said("digest"),
    }
}

impl From<EngineError> for Problem {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Rejected(rejection) => rejection.into(),
            EngineError::LogUnavailable(_) | EngineError::Stopped { .. } | EngineError::Moved { .. } => {
                Self::said(Code::LogUnavailable, "log", &[]).private(error)
            }
            other => Self::internal(other),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::internal(error)
    }
}

impl From<EvidenceError> for Problem {
    fn from(error: EvidenceError) -> Self {
        match &error {
            EvidenceError::NotFound(_) => Self::not_found("evidence"),
            EvidenceError::Sealed(_) => Self::said(Code::Erased, "erased_person", &[]),
            other if other.retryable() => Self::said(Code::NotReady, "evidence_store", &[]).private(error),
            _ => Self::internal(error),
        }
    }
}
