//! What the page asks of the rest of the server. Values are the JSON of `/v1`, in the shapes promised there.

use super::Lang;
use async_trait::async_trait;
use futures::stream::BoxStream;
use serde_json::Value;
use std::collections::BTreeMap;

/// Who looks at the page. Made only by [`PageData::access`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visitor {
    /// The tenant whose checks are shown.
    pub tenant: String,
    /// The key's id, where keys are asked for; none with auth off.
    pub key_id: Option<String>,
    /// May read the log.
    pub auditor: bool,
    /// Sees exact numbers of sources.
    pub operator: bool,
}

/// Whether a key opens the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// Yes, as this visitor.
    Granted(Visitor),
    /// A key is needed, and this is none.
    KeyNeeded,
}

/// A new check, as the form gave it. Nothing is judged yet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NewCheck {
    /// The address, as typed.
    pub address: String,
    /// The profile's name.
    pub profile: String,
    /// Inputs of that profile that were filled in, by name.
    pub inputs: BTreeMap<String, String>,
    /// Ask every source even where earlier data are fresh: `max_age: {"*": "0s"}`.
    pub ask_anew: bool,
    /// The same for every sending of one form, so that a double click makes one check.
    pub idempotency_key: Option<String>,
}

/// A channel by which the visitor is to be told, as the form gave it. Nothing is judged yet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NewChannel {
    /// `webhooks` or `emails`.
    pub kind: String,
    /// The URL or the address.
    pub target: String,
    /// Over how long is collected; none: each is told at once.
    pub digest: Option<String>,
    /// The same for every sending of one form.
    pub idempotency_key: Option<String>,
}

/// Which channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChannelAt<'a> {
    /// `webhooks` or `emails`.
    pub kind: &'a str,
    /// Its id.
    pub id: &'a str,
}

/// A problem as `/v1` gives it (RFC 9457): `status`, `code`, `title`, `detail`, `fix`, `errors: [{at, detail}]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem(pub Value);

impl Problem {
    /// The HTTP status, 500 where the problem names none.
    pub fn status(&self) -> u16 {
        self.0.get("status").and_then(Value::as_u64).and_then(|status| u16::try_from(status).ok()).unwrap_or(500)
    }
}

/// An address with a story, offered on the start page of a demo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Showcase {
    /// The address.
    pub address: String,
    /// What to see there, in Russian.
    pub ru: String,
    /// What to see there, in English.
    pub en: String,
}

/// The server behind the page.
///
/// Reads give what the views hold now. A job of another tenant is none at all. Problems carry words in `lang`.
#[async_trait]
pub trait PageData: Send + Sync + 'static {
    /// Who looks, by the key in the cookie. Without keys (auth off on loopback) everyone is granted.
    async fn access(&self, key: Option<&str>) -> Access;

    /// A job in the shape of `GET /v1/jobs/{id}`.
    async fn job(&self, visitor: &Visitor, id: &str, lang: Lang) -> Result<Option<Value>, Problem>;

    /// A report in the shape of `GET /v1/jobs/{id}/report`: the job, and `facts` by need.
    async fn report(&self, visitor: &Visitor, id: &str, lang: Lang) -> Result<Option<Value>, Problem>;

    /// The report as it was known at a moment: a time or a position.
    async fn report_at(&self, visitor: &Visitor, id: &str, as_of: &str, lang: Lang) -> Result<Option<Value>, Problem>;

    /// A job as it was known at a moment, in the shape of `GET /v1/jobs/{id}`.
    async fn job_at(&self, visitor: &Visitor, id: &str, as_of: &str, lang: Lang) -> Result<Option<Value>, Problem>;

    /// The job in sentences with their receipts, in the shape of `GET /v1/jobs/{id}/explain`: as it is, or as it was known.
    async fn explain(&self, visitor: &Visitor, id: &str, as_of: Option<&str>, lang: Lang) -> Result<Value, Problem>;

    /// A sealed snapshot in the shape of `GET /v1/snapshots/{id}`.
    async fn snapshot(&self, visitor: &Visitor, id: &str, lang: Lang) -> Result<Option<Value>, Problem>;

    /// The latest changes of a job in the shape of `GET /v1/jobs/{id}/changes`.
    async fn changes(&self, visitor: &Visitor, id: &str, limit: usize, lang: Lang) -> Result<Value, Problem>;

    /// A page of what two sides differ in, in the shape of `GET /v1/diff`.
    async fn diff(
        &self,
        visitor: &Visitor,
        from: &str,
        to: &str,
        cursor: Option<&str>,
        lang: Lang,
    ) -> Result<Value, Problem>;

    /// The visitor's last jobs, newest first, each in the shape of a job.
    async fn recent(&self, visitor: &Visitor, lang: Lang, limit: usize) -> Result<Vec<Value>, Problem>;

    /// `{"items": [{"profile", "title": {ru, en}, "inputs": {name: {"type", "required", "title"}}, "sources": [id]}]}`,
    /// as of `GET /v1/profiles`.
    async fn profiles(&self) -> Result<Value, Problem>;

    /// Names for people from the policy: `{"sources": {id: {ru, en}}, "rules": {id: {ru, en}}, "levels": {id: {ru, en}}}`.
    async fn titles(&self) -> Result<Value, Problem>;

    /// Makes a job; gives its id. Durable on return. The same idempotency key gives the same job.
    async fn create(&self, visitor: &Visitor, check: NewCheck, lang: Lang) -> Result<String, Problem>;

    /// Asks again for every need of a job, even for what is fresh. Durable on return.
    async fn recheck(&self, visitor: &Visitor, id: &str, lang: Lang) -> Result<(), Problem>;

    /// Sources and their health, in the shape of `GET /v1/sources`.
    async fn sources(&self, visitor: &Visitor, lang: Lang) -> Result<Value, Problem>;

    /// What came of the latest attempts of each source, in the shape of `GET /v1/sources/outcomes`; for operators.
    async fn outcomes(&self, visitor: &Visitor, lang: Lang) -> Result<Value, Problem>;

    /// Tasks that were given up, in the shape of `GET /v1/dead-letters`; for operators.
    async fn dead_letters(&self, visitor: &Visitor, lang: Lang) -> Result<Value, Problem>;

    /// Tries such a task again, or drops it. Durable on return.
    async fn see_to(&self, visitor: &Visitor, id: &str, retry: bool, lang: Lang) -> Result<(), Problem>;

    /// The visitor's watches, in the shape of `GET /v1/watches`.
    async fn watches(&self, visitor: &Visitor, lang: Lang) -> Result<Value, Problem>;

    /// Has a job checked again by itself, so often, and what comes of it told to the visitor. Durable on return.
    async fn watch(&self, visitor: &Visitor, id: &str, every: &str, lang: Lang) -> Result<(), Problem>;

    /// Who is told of a job, in the shape of `GET /v1/jobs/{id}/notify`.
    async fn told_of(&self, visitor: &Visitor, id: &str, lang: Lang) -> Result<Value, Problem>;

    /// Ends a watch. Durable on return.
    async fn end_watch(&self, visitor: &Visitor, id: &str, lang: Lang) -> Result<(), Problem>;

    /// What the visitor was told, in the shape of `GET /v1/notifications`.
    async fn notifications(&self, visitor: &Visitor, lang: Lang) -> Result<Value, Problem>;

    /// Marks all of it as read. Durable on return.
    async fn mark_read(&self, visitor: &Visitor, lang: Lang) -> Result<(), Problem>;

    /// `{"webhooks": …, "emails": …}`, each in the shape of its list.
    async fn channels(&self, visitor: &Visitor, lang: Lang) -> Result<Value, Problem>;

    /// Adds a channel; as the interface answers, with the secret of a webhook. Durable on return.
    async fn add_channel(&self, visitor: &Visitor, new: NewChannel, lang: Lang) -> Result<Value, Problem>;

    /// Sends a channel nothing new for so long; `0s` ends that. Durable on return.
    async fn mute_channel(
        &self,
        visitor: &Visitor,
        channel: ChannelAt<'_>,
        time: &str,
        lang: Lang,
    ) -> Result<(), Problem>;

    /// Removes a channel. Durable on return.
    async fn end_channel(&self, visitor: &Visitor, channel: ChannelAt<'_>, lang: Lang) -> Result<(), Problem>;

    /// A channel in the shape of `GET /v1/webhooks/{id}`, and what it was sent in that of `GET /v1/webhooks/{id}/deliveries`.
    async fn deliveries(
        &self,
        visitor: &Visitor,
        channel: ChannelAt<'_>,
        lang: Lang,
    ) -> Result<(Value, Value), Problem>;

    /// Sends one of these again. Durable on return.
    async fn send_again(
        &self,
        visitor: &Visitor,
        channel: ChannelAt<'_>,
        delivery: &str,
        lang: Lang,
    ) -> Result<(), Problem>;

    /// Commits from a position on, in the shape of `GET /v1/log`.
    async fn log(&self, visitor: &Visitor, from: &str, limit: usize, lang: Lang) -> Result<Value, Problem>;

    /// The heads of the log, in the shape of `GET /v1/log/heads`.
    async fn heads(&self, visitor: &Visitor, lang: Lang) -> Result<Value, Problem>;

    /// Replays the log and verifies it on the way: the events of `POST /v1/audit/replay`; for auditors.
    async fn verify(&self, visitor: &Visitor, lang: Lang) -> Result<BoxStream<'static, Vec<u8>>, Problem>;

    /// Addresses that the visitor asked about, as suggestions: those in which every word of `text` begins a word.
    async fn known(&self, visitor: &Visitor, text: &str, lang: Lang) -> Result<Vec<String>, Problem>;

    /// The description of the interface (OpenAPI), as of `GET /openapi.json`.
    fn interface(&self) -> &Value;

    /// With demo sources: addresses worth a look; the page then says that everything is invented. None without a demo.
    fn demo(&self) -> Option<Vec<Showcase>> {
        None
    }
}
