//! Every error of the interface: its code, its status, and what to do about it. The only place that knows them.
//!
//! An error goes out as a problem document (RFC 9457). What belongs to the inside (`private`) is logged under the
//! request's id and never sent. Each code has a page `docs/errors/<code>.md`.

use crate::core::command::Rejection;
use crate::engine::EngineError;
use crate::history::HistoryError;
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

    fn title(self) -> &'static str {
        match self {
            Self::BadJson => "The body is not the JSON that was expected",
            Self::BadCursor => "The cursor is not one of ours",
            Self::BadTime => "The time or position cannot be read",
            Self::NoKey => "No key, or an unknown one",
            Self::RoleMissing => "The key may not do this",
            Self::NotFound => "There is nothing under this name",
            Self::MethodNotAllowed => "This cannot be done here",
            Self::IdempotencyMismatch => "This Idempotency-Key was used for something else",
            Self::LeaseLost => "The lease is no longer yours",
            Self::Erased => "This was erased",
            Self::VersionChanged => "It changed since you read it",
            Self::TooLarge => "Too large",
            Self::AddressEmpty => "There is no address",
            Self::AddressUnusable => "This cannot be an address",
            Self::ProfileUnknown => "There is no such profile",
            Self::InputInvalid => "An input is not what it should be",
            Self::InputMissing => "An input is missing",
            Self::SourceUnknown => "There is no such source",
            Self::PolicyInvalid => "The policy cannot be used",
            Self::NotComparable => "These two cannot be compared",
            Self::IfMatchMissing => "If-Match is missing",
            Self::TooMany => "Too many requests",
            Self::Internal => "Something broke inside",
            Self::NotReady => "Not ready yet",
            Self::PositionTimeout => "The views did not get there in time",
            Self::LogUnavailable => "The log takes no commits now",
        }
    }

    /// What to do when nothing more exact is known.
    fn fix(self) -> &'static str {
        match self {
            Self::BadJson => "Send the body as documented, with `Content-Type: application/json`.",
            Self::BadCursor => "Begin again without `cursor`.",
            Self::BadTime => "Write a time like `2026-03-01T00:00:00Z` and a position like `0:1234`.",
            Self::NoKey => "Send `Authorization: Bearer <key>`.",
            Self::RoleMissing => "Use a key with the role that is named.",
            Self::NotFound => "Check the id; it may belong to another tenant's key.",
            Self::MethodNotAllowed => "Use a method of `Allow`.",
            Self::IdempotencyMismatch => "Use a new Idempotency-Key for a new request.",
            Self::LeaseLost => "Drop this work and lease again.",
            Self::Erased => "Start a new check if there is still a reason for one.",
            Self::VersionChanged => "Read the policy again and repeat the change.",
            Self::TooLarge => "Send at most 1048576 bytes.",
            Self::AddressEmpty => "Send the address as one line.",
            Self::AddressUnusable => "Send town, street and house, or a cadastral number.",
            Self::ProfileUnknown => "Use one of the profiles of `GET /v1/profiles`.",
            Self::InputInvalid => "Correct the input that is named.",
            Self::InputMissing => "Send the input that is named.",
            Self::SourceUnknown => "Use one of the sources of `GET /v1/sources`.",
            Self::PolicyInvalid => "Correct the places listed and send it again.",
            Self::NotComparable => "Compare two moments of one subject.",
            Self::IfMatchMissing => "Read the policy and send its ETag in `If-Match`.",
            Self::TooMany => "Wait as long as `Retry-After` says and repeat with the same Idempotency-Key.",
            Self::Internal => "Report it with the `x-request-id` of this answer.",
            Self::NotReady => "Wait as long as `Retry-After` says and repeat.",
            Self::PositionTimeout => "Wait 1 second and repeat.",
            Self::LogUnavailable => "Wait as long as `Retry-After` says and repeat with the same Idempotency-Key.",
        }
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
    detail: String,
    fix: Option<String>,
    errors: Vec<At>,
    private: Option<String>,
}

/// What handlers return.
pub type Result<T> = std::result::Result<T, Problem>;

impl Problem {
    /// An error with its own words.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), fix: None, errors: Vec::new(), private: None }
    }

    /// Names a place that is wrong.
    #[must_use]
    pub fn at(mut self, at: impl Into<String>, detail: impl Into<String>) -> Self {
        self.errors.push(At { at: at.into(), detail: detail.into() });
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }

    /// Notes what only the log may know.
    #[must_use]
    pub fn private(mut self, detail: impl std::fmt::Display) -> Self {
        self.private = Some(detail.to_string());
        self
    }

    /// One place of the body that is not what it should be; `at`: its JSON pointer.
    pub fn invalid(at: &str, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self::new(Code::InputInvalid, format!("{at}: {detail}")).at(at, detail)
    }

    /// There is nothing under this name, or it is another tenant's: the two can't be told apart.
    pub fn not_found(what: &str) -> Self {
        Self::new(Code::NotFound, format!("there is no such {what}"))
    }

    /// A fault of ours.
    pub fn internal(detail: impl std::fmt::Display) -> Self {
        Self::new(Code::Internal, "the request could not be answered").private(detail)
    }

    /// Its kind.
    pub fn code(&self) -> Code {
        self.code
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, code) = (self.code.status(), self.code.code());
        match &self.private {
            Some(private) if status.is_server_error() => tracing::error!(code, private, "request failed"),
            _ if status.is_server_error() => tracing::info!(code, detail = self.detail, "request refused"),
            // The words may quote what was sent, and that may be about a person: only places are noted.
            _ => {
                let places: Vec<&str> = self.errors.iter().map(|error| error.at.as_str()).collect();
                tracing::info!(code, at = places.join(" "), "request refused");
            }
        }
        let body = ProblemBody {
            title: self.code.title().to_owned(),
            status: status.as_u16(),
            code: code.to_owned(),
            detail: self.detail,
            fix: self.fix.unwrap_or_else(|| self.code.fix().to_owned()),
            errors: self.errors,
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
        let said = rejection.to_string();
        let new = |code| Self::new(code, said.clone());
        match rejection {
            Rejection::ProfileUnknown(_) => new(Code::ProfileUnknown).at("/profile", said.clone()),
            Rejection::InputMissing(name) => new(Code::InputMissing)
                .at(format!("/inputs/{name}"), "is required")
                .fix(format!("Send `inputs.{name}`.")),
            Rejection::InputInvalid(name, why) => {
                new(Code::InputInvalid).at(format!("/inputs/{name}"), why).fix(format!("Correct `inputs.{name}`."))
            }
            Rejection::SourceUnknown(name) => {
                new(Code::SourceUnknown).at("/sources", format!("{name:?} is neither a source nor a need of this job"))
            }
            Rejection::JobNotFound => Self::not_found("job"),
            Rejection::NothingToSeal => Self::new(Code::NotFound, "nothing is known yet that could be sealed")
                .fix("Wait for the first answer and repeat."),
            Rejection::IdempotencyMismatch => new(Code::IdempotencyMismatch),
            Rejection::NoDeadLetter => Self::not_found("dead letter"),
            Rejection::ChannelUnknown(_) => Self::not_found("channel"),
            Rejection::NoDelivery => Self::not_found("delivery that could be sent again"),
            Rejection::LeaseLost => new(Code::LeaseLost),
            Rejection::VersionChanged(version) => {
                Self::new(Code::VersionChanged, format!("the version in force is {version}"))
            }
            Rejection::PolicyInvalid(why) => new(Code::PolicyInvalid).at("", why),
            Rejection::NoPolicy => new(Code::NotReady),
            Rejection::NotAnAnswer => new(Code::InputInvalid).at("/outcome", said.clone()),
            Rejection::TooLarge(_) => new(Code::TooLarge).fix("Send less at once."),
        }
    }
}

impl From<EngineError> for Problem {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Rejected(rejection) => rejection.into(),
            EngineError::LogUnavailable(_) | EngineError::Stopped { .. } | EngineError::Moved { .. } => {
                Self::new(Code::LogUnavailable, "the log takes no commits now; what was read stays readable")
                    .private(error)
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

impl From<HistoryError> for Problem {
    fn from(error: HistoryError) -> Self {
        let said = error.to_string();
        match error {
            HistoryError::Store(error) => error.into(),
            HistoryError::Log(_) | HistoryError::NobodyReads => Self::internal(said),
            HistoryError::NotFound(what) => Self::not_found(&what),
            HistoryError::BadMoment(_) => Self::new(Code::BadTime, said),
            HistoryError::NotComparable(_) => Self::new(Code::NotComparable, said)
                .fix("Compare two snapshots or moments of checks of one address, two moments of one subject, or two cuts of the whole base."),
            HistoryError::Erased => Self::new(Code::Erased, said),
            HistoryError::AuditorsOnly => Self::new(Code::RoleMissing, said).fix("Use a key with the role `auditor`."),
        }
    }
}

impl From<EvidenceError> for Problem {
    fn from(error: EvidenceError) -> Self {
        match &error {
            EvidenceError::NotFound(_) => Self::not_found("evidence"),
            EvidenceError::Sealed(_) => Self::new(Code::Erased, "the person's key was destroyed"),
            other if other.retryable() => {
                Self::new(Code::NotReady, "the evidence store does not answer").private(error)
            }
            _ => Self::internal(error),
        }
    }
}
