//! One attempt at a task: permits, requests, evidence, facts, and how it ended.
//!
//! A request starts only within the window of its permit; every page, redirect and further request takes a permit of
//! its own. What was received is kept before the answer that rests on it is told. (What remains: a worker that is frozen
//! between looking at the clock and sending may start late.)

use super::evidence::EvidenceStore;
use super::fetch::{FetchError, FetchErrorKind, Fetched, Proxy};
use super::held::Held;
use super::page::Page;
use super::pool::Tools;
use super::session::Session;
use super::tell::tell;
use super::tokens::{NoToken, Wanted};
use crate::core::command::{Command, LeasedTask, Reply};
use crate::core::persons;
use crate::core::policy::AuthKind;
use crate::core::source::rests_until;
use crate::core::vault::PersonKeys;
use crate::sources::connector::{Answer, AskContext, Assembly, Connector, PageResult, PreparedRequest, RawPage};
use mirano_replay::rows::{PROXY_NOT_HERE, SourceRow};
use mirano_replay::store::ReadExt;
use mirano_schemas::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tracing::Instrument;

/// Who waited longer than this for the window of a permit looks whether the source may still be asked.
const LONG_WAIT_MS: u64 = 1_000;

/// What an attempt gathers on its way.
#[derive(Default)]
pub(super) struct Gathered {
    pub(super) evidence: Vec<EvidenceId>,
    pub(super) observed_at: Option<Timestamp>,
    pub(super) http_status: Option<u16>,
    pub(super) retry_after_ms: Option<u64>,
    /// The version of the connector that reads.
    pub(super) connector: u32,
}

/// Why an attempt has nothing to tell: its lease is lost or was taken back, or the engine is.
pub(super) enum Silent {
    Lost,
    /// The source may not be asked on for long: the task was queued for then.
    PutOff,
}

impl Silent {
    fn word(&self) -> &'static str {
        match self {
            Self::Lost => "lease_lost",
            Self::PutOff => "put_off",
        }
    }
}

/// Runs a leased task to its end and tells the engine.
pub(super) async fn run(tools: Arc<Tools>, task: LeasedTask) {
    let span = tracing::info_span!("attempt", source = %task.source(), task = %task.task, n = task.attempt);
    async {
        let started = tools.engine.now();
        let held = Held::new(&task);
        let outcome = tokio::select! {
            outcome = attempt(&tools, &task, &held) => outcome.unwrap_or_else(|silent| silent.word()),
            never = held.keep(&tools) => match never {},
        };
        let took = tools.engine.now().since_ms(started);
        tracing::info!(outcome, took_ms = took, "attempt ended");
        metrics::counter!("mirano_attempts_total", "source" => task.source().to_owned(), "outcome" => outcome)
            .increment(1);
        metrics::histogram!("mirano_attempt_seconds", "source" => task.source().to_owned())
            .record(took as f64 / 1_000.0);
    }
    .instrument(span)
    .await;
}

async fn attempt(tools: &Tools, task: &LeasedTask, held: &Held) -> Result<&'static str, Silent> {
    let mut gathered = Gathered::default();
    let asked = async {
        let policy = tools.engine.policy().map_err(|error| refused(&error.to_string()))?;
        let connector = tools.connectors.of(&policy, task.source()).map_err(|error| refused(&error))?;
        gathered.connector = policy.connector_of(&task.queue);
        let keys = person(tools, &task.subject)?;
        let params = persons::open(&**tools.engine.vault(), &task.params)
            .ok_or_else(|| refused("erased: the person's key is gone"))?;
        let asker = Asker { tools, task, held, connector, keys: keys.as_ref() };
        asker.ask(&params, &mut gathered).await
    }
    .await;
    let answer = match asked {
        Ok(answer) => answer,
        Err(Ended::Failed(answer)) => *answer,
        Err(Ended::Silent(silent)) => return Err(silent),
    };
    tell(tools, task, answer, gathered).await
}

/// How asking ended early.
enum Ended {
    Failed(Box<Answer>),
    Silent(Silent),
}

fn refused(cause: &str) -> Ended {
    Ended::Failed(Box::new(Answer::failed(Outcome::Refused, cause.to_owned())))
}

/// The keys of the person whom the task is about. Without them nothing is asked: it could not be sealed.
fn person(tools: &Tools, subject: &Subject) -> Result<Option<PersonKeys>, Ended> {
    if subject.level() != Level::Person {
        return Ok(None);
    }
    match tools.engine.vault().find(subject) {
        Ok(Some(keys)) => Ok(Some(keys)),
        Ok(None) => Err(refused("erased: the person's key is gone")),
        Err(error) => {
            let cause = format!("key_store: {error}");
            Err(Ended::Failed(Box::new(Answer::failed(Outcome::Unavailable, cause))))
        }
    }
}

/// What an attempt carries from request to request.
struct Way {
    /// One that came with the lease and is not used yet.
    permit: Option<Permit>,
    session: Session,
    /// A token that the source did not take.
    refused: Option<String>,
}

struct Asker<'a> {
    tools: &'a Tools,
    task: &'a LeasedTask,
    held: &'a Held,
    connector: Arc<Connector>,
    keys: Option<&'a PersonKeys>,
}

impl Asker<'_> {
    async fn ask(&self, params: &Params, gathered: &mut Gathered) -> Result<Answer, Ended> {
        let context = AskContext { params: params.clone(), subject: self.task.subject.0.clone() };
        let mut request = self.connector.first(params).map_err(|error| refused(&error.to_string()))?;
        let mut assembly = Assembly::new(&self.connector);
        let mut way = Way { permit: Some(self.task.permit), session: Session::default(), refused: None };
        loop {
            let page = self.page(&request, &mut way, gathered).await?;
            let read = self.read(&context, &request, page).await?;
            match assembly.add(read) {
                Some(next) => request = next,
                None => return Ok(assembly.finish()),
            }
        }
    }

    /// Reads a page, on a thread that may take its time: the worst page costs seconds.
    async fn read(&self, context: &AskContext, request: &PreparedRequest, page: RawPage) -> Result<PageResult, Ended> {
        let (connector, context, request) = (Arc::clone(&self.connector), context.clone(), request.clone());
        tokio::task::spawn_blocking(move || connector.read(&context, &request, &page)).await.map_err(|error| {
            tracing::error!(%error, "reading a page panicked");
            let cause = "reader_failed: the page could not be read".to_owned();
            Ended::Failed(Box::new(Answer::failed(Outcome::Unparsable, cause)))
        })
    }

    /// Sends the request for one page, its redirects included, and keeps what came.
    async fn page(&self, request: &PreparedRequest, way: &mut Way, gathered: &mut Gathered) -> Result<RawPage, Ended> {
        let conditional = self.connector.request_spec(request.step).conditional;
        let kept = if conditional { self.unchanged(request).await } else { None };
        loop {
            let mut page = Page::new(&self.connector, request, self.proxy()?);
            if let Some((marks, _)) = &kept {
                page = page.with_marks(marks);
            }
            let token = self.token(request, way, gathered).await?;
            if let Some(token) = &token {
                page = page.with_token(token.clone());
            }
            let fetched = self.whole(page, way, gathered).await?;
            // A token may end before its time, once in an attempt.
            if fetched.status == 401 && token.is_some() && way.refused.is_none() {
                way.refused = token;
                continue;
            }
            if let (304, Some((_, (id, same)))) = (fetched.status, &kept) {
                metrics::counter!("mirano_pages_unchanged_total", "source" => self.task.source().to_owned())
                    .increment(1);
                gathered.evidence.push(*id);
                return Ok(RawPage { final_url: fetched.url.to_string(), ..same.clone() });
            }
            let id = self.keep(&fetched).await?;
            gathered.evidence.push(id);
            if conditional {
                self.tools.validators.keep(self.task.source(), request, &fetched, id);
            }
            return Ok(fetched.into());
        }
    }

    /// Sends a page's requests until one is no redirect.
    async fn whole(&self, mut page: Page, way: &mut Way, gathered: &mut Gathered) -> Result<Fetched, Ended> {
        loop {
            self.wait_for(way.permit.take()).await?;
            let asked_at = self.tools.engine.now();
            gathered.observed_at.get_or_insert(asked_at);
            let sent = page.send(&self.tools.fetcher, &mut way.session).await;
            let sent = sent.map_err(|error| Ended::Failed(Box::new(unavailable(&error))))?;
            gathered.http_status = Some(sent.fetched.status);
            if let Some(ms) = retry_after_ms(&sent.fetched, asked_at) {
                gathered.retry_after_ms = Some(ms);
            }
            if sent.whole {
                return Ok(sent.fetched);
            }
        }
    }

    /// The marks of a page that was read before, and the page, if it is still kept.
    async fn unchanged(&self, request: &PreparedRequest) -> Option<(BTreeMap<String, String>, (EvidenceId, RawPage))> {
        let marks = self.tools.validators.find(self.task.source(), request)?;
        match self.tools.evidence.get(&marks.evidence, self.keys).await {
            Ok(kept) => {
                let headers = vec![("content-type".to_owned(), kept.content_type)];
                let page = RawPage { status: 200, headers, body: kept.body, final_url: String::new() };
                Some((marks.headers, (marks.evidence, page)))
            }
            Err(error) => {
                tracing::info!(%error, "the page is asked for in full");
                self.tools.validators.forget(self.task.source(), request);
                None
            }
        }
    }

    /// A token for a source that wants one, and only where the source itself is asked. Asking for it takes a permit too.
    async fn token(
        &self,
        request: &PreparedRequest,
        way: &mut Way,
        gathered: &mut Gathered,
    ) -> Result<Option<String>, Ended> {
        let spec = self.connector.spec();
        let Some(auth) = spec.auth.as_ref().filter(|auth| auth.kind == AuthKind::Oauth2 && request.own) else {
            return Ok(None);
        };
        let Way { permit, refused, .. } = way;
        let wanted = Wanted { fetcher: &self.tools.fetcher, spec, auth, proxy: self.proxy()?, bad: refused.as_deref() };
        let permit = async { self.wait_for(permit.take()).await };
        let place = self.tools.tokens.of(self.task.source());
        let failed = |outcome, cause| Ended::Failed(Box::new(Answer::failed(outcome, cause)));
        match place.token(wanted, || self.tools.engine.now(), permit).await {
            Ok(token) => Ok(Some(token)),
            Err(NoToken::Before(ended)) => Err(ended),
            Err(NoToken::Fetch(error)) => {
                let answer = unavailable(&error);
                let cause = answer.cause.unwrap_or_default();
                Err(failed(answer.outcome, format!("{cause} (asking for a token)")))
            }
            Err(NoToken::Answer { status, code, fetched }) => {
                gathered.http_status = Some(status);
                gathered.retry_after_ms = retry_after_ms(&fetched, self.tools.engine.now());
                let (outcome, word) = match status {
                    429 => (Outcome::Blocked, "too_many_requests"),
                    500.. => (Outcome::Unavailable, "http_status"),
                    400 | 401 | 403 => (Outcome::Refused, "auth_refused"),
                    _ => (Outcome::Unparsable, "auth_unparsable"),
                };
                let code = code.map(|code| format!(", {code}")).unwrap_or_default();
                Err(failed(outcome, format!("{word}: no token was given out: status {status}{code}")))
            }
        }
    }

    /// The proxy that the lease names, with its address.
    fn proxy(&self) -> Result<Option<Proxy>, Ended> {
        let Some(name) = &self.task.proxy else { return Ok(None) };
        let url = name.split_once('/').and_then(|(pool, proxy)| self.tools.proxies.url(pool, proxy));
        // Never directly: that would show an address that the operator hides.
        let unknown = || {
            let cause = format!("{PROXY_NOT_HERE}: this node's proxies.toml has no {name}");
            Ended::Failed(Box::new(Answer::failed(Outcome::Unavailable, cause)))
        };
        Ok(Some(Proxy { name: name.clone(), url: url.ok_or_else(unknown)?.to_owned() }))
    }

    /// Waits until a request may start: within the window of a permit. A window that was missed is given back.
    async fn wait_for(&self, permit: Option<Permit>) -> Result<(), Ended> {
        let mut permit = permit;
        loop {
            let current = match permit.take() {
                Some(permit) => permit,
                None => match self.permit().await? {
                    Some(permit) => permit,
                    None => {
                        tokio::time::sleep(Duration::from_millis(LONG_WAIT_MS)).await;
                        continue;
                    }
                },
            };
            let wait = current.not_before.since_ms(self.tools.engine.now());
            if wait > 0 {
                tokio::time::sleep(Duration::from_millis(wait)).await;
            }
            let now = self.tools.engine.now();
            // What was said to another task meanwhile holds for this one too; the next permit is for when it is over.
            let rests = wait > LONG_WAIT_MS && self.rests(now);
            if now >= current.not_before && now <= current.not_after && !rests {
                return Ok(());
            }
            metrics::counter!("mirano_permits_missed_total", "source" => self.task.source().to_owned()).increment(1);
        }
    }

    /// Whether the source is left alone now.
    fn rests(&self, now: Timestamp) -> bool {
        let (engine, queue) = (&self.tools.engine, &self.task.queue);
        let row: Option<SourceRow> = engine.views().row(queue.as_bytes()).unwrap_or_default();
        let policy = engine.policy();
        let spec = policy.as_ref().ok().and_then(|policy| policy.queue(queue));
        spec.zip(row).is_some_and(|(spec, row)| rests_until(spec, &row, now).is_some())
    }

    /// The next permit; none while the lease has one that is far ahead of the engine's clock.
    async fn permit(&self) -> Result<Option<Permit>, Ended> {
        let command = Command::Permit { source: self.task.queue.clone(), lease: self.task.lease, n: 1 };
        match self.tools.engine.submit(command).await {
            Ok(answer) => match answer.reply {
                Reply::Permits { permits, deadline } => {
                    self.held.until(deadline);
                    Ok(permits.first().copied())
                }
                Reply::Noted(_) => Err(Ended::Silent(Silent::PutOff)),
                _ => Err(Ended::Silent(Silent::Lost)),
            },
            Err(error) => {
                tracing::info!(%error, "no further permit");
                Err(Ended::Silent(Silent::Lost))
            }
        }
    }

    async fn keep(&self, fetched: &Fetched) -> Result<EvidenceId, Ended> {
        let content_type = fetched.header("content-type").unwrap_or("application/octet-stream");
        let store: &EvidenceStore = &self.tools.evidence;
        store.put(fetched.body.clone(), content_type, self.keys).await.map_err(|error| {
            tracing::error!(%error, "evidence can't be kept");
            let cause = format!("evidence_store: {error}");
            Ended::Failed(Box::new(Answer::failed(Outcome::Unavailable, cause)))
        })
    }
}

fn unavailable(error: &FetchError) -> Answer {
    // What we ourselves refuse to send is not cured by another attempt.
    let ours = error.is_ours() || error.kind == FetchErrorKind::PrivateAddress;
    let outcome = if ours { Outcome::Refused } else { Outcome::Unavailable };
    Answer::failed(outcome, format!("{}: {}", error.code(), error.cause))
}

/// `Retry-After` (RFC 9110, 10.2.3): seconds, or a date.
fn retry_after_ms(fetched: &Fetched, now: Timestamp) -> Option<u64> {
    if fetched.status != 429 && fetched.status != 503 {
        return None;
    }
    wait_of(fetched.header("retry-after")?.trim(), now)
}

/// The value of such a header, in milliseconds; a day at most.
fn wait_of(value: &str, now: Timestamp) -> Option<u64> {
    const DAY_MS: u64 = 86_400_000;
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // Digits that no number holds are more than a day as well.
        return Some(value.parse::<u64>().map_or(DAY_MS, |seconds| seconds.saturating_mul(1_000).min(DAY_MS)));
    }
    let date = chrono::DateTime::parse_from_rfc2822(value).ok()?;
    Some(Timestamp(date.timestamp_millis()).since_ms(now).min(DAY_MS))
}

#[cfg(test)]
mod tests {
    use super::wait_of;
    use mirano_schemas::Timestamp;

    #[test]
    fn a_wait_is_seconds_or_a_date_and_a_day_at_most() {
        let now = Timestamp(1_800_000_000_000);
        for (value, ms) in [
            ("20", Some(20_000)),
            ("0", Some(0)),
            ("86401", Some(86_400_000)),
            ("99999999999999999999", Some(86_400_000)),
            ("Fri, 15 Jan 2027 08:00:30 GMT", Some(30_000)),
            ("Fri, 15 Jan 2027 07:59:30 GMT", Some(0)),
            ("", None),
            ("-5", None),
            ("soon", None),
        ] {
            assert_eq!(wait_of(value, now), ms, "{value}");
        }
    }
}
