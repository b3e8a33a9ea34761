//! One attempt at a task: permits, requests, evidence, facts, and how it ended.
//!
//! A request starts only within the window of its permit; every page, redirect and further request takes a permit of
//! its own. What was received is kept before the answer that rests on it is told. (What remains: a worker that is frozen
//! between looking at the clock and sending may start late.)

use super::evidence::EvidenceStore;
use super::fetch::{FetchError, FetchErrorKind, Fetched, Outgoing, Proxy, SecretNames};
use super::pool::Tools;
use crate::core::command::{AnsweredFact, Command, Complete, FailAttempt, LeasedTask, Rejection, Reply};
use crate::core::persons;
use crate::core::vault::PersonKeys;
use crate::engine::EngineError;
use crate::sources::connector::{
    Answer, AskContext, Assembly, Connector, ExtractedFact, PageResult, PreparedRequest, RawPage,
};
use mirano_schemas::canonical::{fact_id, keyed_fact_id};
use mirano_schemas::*;
use std::sync::Arc;
use std::time::Duration;
use tracing::Instrument;

/// Redirects that are followed for one page.
const MOST_REDIRECTS: u32 = 5;

/// What an attempt gathers on its way.
#[derive(Default)]
struct Gathered {
    evidence: Vec<EvidenceId>,
    observed_at: Option<Timestamp>,
    http_status: Option<u16>,
    retry_after_ms: Option<u64>,
    /// The version of the connector that reads.
    connector: u32,
}

/// Why an attempt has nothing to tell: its lease is lost, or the engine is.
enum Silent {
    Lost,
}

/// Runs a leased task to its end and tells the engine.
pub(super) async fn run(tools: Arc<Tools>, task: LeasedTask) {
    let span = tracing::info_span!("attempt", source = %task.source, task = %task.task, n = task.attempt);
    async {
        let started = tools.engine.now();
        let outcome = attempt(&tools, &task).await.unwrap_or("lease_lost");
        let took = tools.engine.now().since_ms(started);
        tracing::info!(outcome, took_ms = took, "attempt ended");
        metrics::counter!("mirano_attempts_total", "source" => task.source.clone(), "outcome" => outcome).increment(1);
        metrics::histogram!("mirano_attempt_seconds", "source" => task.source.clone()).record(took as f64 / 1_000.0);
    }
    .instrument(span)
    .await;
}

async fn attempt(tools: &Tools, task: &LeasedTask) -> Result<&'static str, Silent> {
    let mut gathered = Gathered::default();
    let asked = async {
        let policy = tools.engine.policy().map_err(|error| refused(&error.to_string()))?;
        let connector = tools.connector(&policy, &task.source).map_err(|error| refused(&error))?;
        gathered.connector = policy.connectors.get(&task.source).copied().unwrap_or(0);
        let keys = person(tools, &task.subject)?;
        let params = persons::open(&**tools.engine.vault(), &task.params)
            .ok_or_else(|| refused("erased: the person's key is gone"))?;
        let asker = Asker { tools, task, connector, keys: keys.as_ref() };
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

struct Asker<'a> {
    tools: &'a Tools,
    task: &'a LeasedTask,
    connector: Arc<Connector>,
    keys: Option<&'a PersonKeys>,
}

impl Asker<'_> {
    async fn ask(&self, params: &Params, gathered: &mut Gathered) -> Result<Answer, Ended> {
        let context = AskContext { params: params.clone(), subject: self.task.subject.0.clone() };
        let mut request = self.connector.first(params).map_err(|error| refused(&error.to_string()))?;
        let mut assembly = Assembly::new(&self.connector);
        let mut permit = Some(self.task.permit);
        loop {
            let number = assembly.pages();
            let page = self.page(&request, &mut permit, gathered).await?;
            let read = self.read(&context, number, &request, page).await?;
            match assembly.add(read) {
                Some(next) => request = next,
                None => return Ok(assembly.finish()),
            }
        }
    }

    /// Reads a page, on a thread that may take its time: the worst page costs seconds.
    async fn read(
        &self,
        context: &AskContext,
        number: u32,
        request: &PreparedRequest,
        page: RawPage,
    ) -> Result<PageResult, Ended> {
        let (connector, context, request) = (Arc::clone(&self.connector), context.clone(), request.clone());
        tokio::task::spawn_blocking(move || connector.read(&context, number, &request, &page)).await.map_err(|error| {
            tracing::error!(%error, "reading a page panicked");
            let cause = "reader_failed: the page could not be read".to_owned();
            Ended::Failed(Box::new(Answer::failed(Outcome::Unparsable, cause)))
        })
    }

    /// Sends the request for one page, its redirects included, and keeps what came.
    async fn page(
        &self,
        request: &PreparedRequest,
        permit: &mut Option<Permit>,
        gathered: &mut Gathered,
    ) -> Result<RawPage, Ended> {
        let mut outgoing = self.outgoing(request)?;
        let mut redirects = 0;
        loop {
            self.wait_for(permit.take()).await?;
            let asked_at = self.tools.engine.now();
            gathered.observed_at.get_or_insert(asked_at);
            let fetched = match self.tools.fetcher.send(&outgoing).await {
                Ok(fetched) => fetched,
                Err(error) => return Err(Ended::Failed(Box::new(unavailable(&error)))),
            };
            gathered.http_status = Some(fetched.status);
            if let Some(ms) = retry_after_ms(&fetched, asked_at) {
                gathered.retry_after_ms = Some(ms);
            }
            if let Some(next) = outgoing.follow(&fetched) {
                redirects += 1;
                if redirects > MOST_REDIRECTS {
                    let cause = format!("too_many_redirects: more than {MOST_REDIRECTS}");
                    return Err(Ended::Failed(Box::new(Answer::failed(Outcome::Unavailable, cause))));
                }
                outgoing = next;
                continue;
            }
            gathered.evidence.push(self.keep(&fetched).await?);
            return Ok(RawPage {
                status: fetched.status,
                headers: fetched.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
                body: fetched.body.clone(),
                final_url: fetched.url.to_string(),
            });
        }
    }

    fn outgoing(&self, request: &PreparedRequest) -> Result<Outgoing, Ended> {
        let spec = self.connector.spec();
        let limits = &spec.limits;
        let templates = spec.request.headers.values().chain(&spec.request.body).chain([&spec.request.url]);
        let proxy = match &self.task.proxy {
            None => None,
            Some(name) => {
                let url = name.split_once('/').and_then(|(pool, proxy)| self.tools.proxies.url(pool, proxy));
                // Never directly: that would show an address that the operator hides.
                let unknown = || {
                    let cause = format!("proxy_unknown: this node's proxies.toml has no {name}");
                    Ended::Failed(Box::new(Answer::failed(Outcome::Unavailable, cause)))
                };
                Some(Proxy { name: name.clone(), url: url.ok_or_else(unknown)?.to_owned() })
            }
        };
        Ok(Outgoing {
            method: request.method.clone(),
            url: request.url.to_string(),
            headers: request.headers.clone(),
            body: request.body.clone(),
            secrets: SecretNames::in_templates(templates.map(String::as_str)),
            allow_private: spec.request.allow_private,
            timeout: Duration::from_millis(limits.timeout.0),
            max_bytes: spec.request.max_bytes,
            proxy,
        })
    }

    /// Waits until a request may start: within the window of a permit. A window that was missed is given back.
    async fn wait_for(&self, permit: Option<Permit>) -> Result<(), Ended> {
        let mut permit = permit;
        loop {
            let current = match permit.take() {
                Some(permit) => permit,
                None => self.permit().await?,
            };
            let wait = current.not_before.since_ms(self.tools.engine.now());
            if wait > 0 {
                tokio::time::sleep(Duration::from_millis(wait)).await;
            }
            let now = self.tools.engine.now();
            if now >= current.not_before && now <= current.not_after {
                return Ok(());
            }
            metrics::counter!("mirano_permits_missed_total", "source" => self.task.source.clone()).increment(1);
        }
    }

    async fn permit(&self) -> Result<Permit, Ended> {
        let command = Command::Permit { source: self.task.source.clone(), lease: self.task.lease, n: 1 };
        match self.tools.engine.submit(command).await {
            Ok(answer) => match answer.reply {
                Reply::Permits { permits, .. } => permits.first().copied().ok_or(Ended::Silent(Silent::Lost)),
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
    let value = fetched.header("retry-after")?.trim();
    match value.parse::<u64>() {
        Ok(seconds) => Some(seconds.saturating_mul(1_000)),
        Err(_) => {
            let date = chrono::DateTime::parse_from_rfc2822(value).ok()?;
            Some(Timestamp(date.timestamp_millis()).since_ms(now))
        }
    }
    .map(|ms| ms.min(86_400_000))
}

/// Tells the engine how the attempt ended. The answer is a repeat-safe command.
async fn tell(tools: &Tools, task: &LeasedTask, answer: Answer, gathered: Gathered) -> Result<&'static str, Silent> {
    let word = word(answer.outcome);
    let command = if answer.outcome.is_answer() {
        match answered(tools, task, answer.facts, gathered.connector).await {
            Ok(facts) => Command::Complete(Complete {
                source: task.source.clone(),
                task: task.task,
                lease: task.lease,
                outcome: answer.outcome,
                by_status_only: answer.by_status_only,
                complete: answer.complete,
                as_of: answer.as_of,
                observed_at: gathered.observed_at.unwrap_or_else(|| tools.engine.now()),
                evidence: gathered.evidence,
                facts,
                http_status: gathered.http_status,
            }),
            Err(cause) => failed(task, Outcome::Unavailable, cause, gathered),
        }
    } else {
        failed(task, answer.outcome, answer.cause.unwrap_or_default(), gathered)
    };
    match tools.engine.submit(command).await {
        Ok(answer) if matches!(answer.reply, Reply::Noted(_)) && word == "nothing_found" => Ok("suspicious"),
        Ok(_) => Ok(word),
        Err(EngineError::Rejected(Rejection::TooLarge(why))) => {
            let cause = format!("too_large: {why}");
            let told = tools.engine.submit(failed(task, Outcome::Unparsable, cause, Gathered::default())).await;
            told.map(|_| "unparsable").map_err(|_| Silent::Lost)
        }
        Err(EngineError::Rejected(rejection)) => {
            tracing::info!(%rejection, "the answer came too late");
            Err(Silent::Lost)
        }
        Err(error) => {
            tracing::warn!(%error, "the answer could not be told; its lease will end");
            Err(Silent::Lost)
        }
    }
}

fn failed(task: &LeasedTask, outcome: Outcome, cause: String, gathered: Gathered) -> Command {
    tracing::info!(outcome = word(outcome), %cause, "attempt failed");
    Command::Fail(FailAttempt {
        source: task.source.clone(),
        task: task.task,
        lease: task.lease,
        outcome,
        cause,
        http_status: gathered.http_status,
        evidence: gathered.evidence,
        retry_after_ms: gathered.retry_after_ms,
    })
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Found => "found",
        Outcome::NothingFound => "nothing_found",
        Outcome::Unavailable => "unavailable",
        Outcome::Blocked => "blocked",
        Outcome::Unparsable => "unparsable",
        Outcome::Refused => "refused",
        Outcome::Suspicious => "suspicious",
    }
}

/// Facts as commands hold them: about a person sealed and named under that person's key.
async fn answered(
    tools: &Tools,
    task: &LeasedTask,
    facts: Vec<ExtractedFact>,
    connector: u32,
) -> Result<Vec<AnsweredFact>, String> {
    let (vault, source, own) = (Arc::clone(tools.engine.vault()), task.source.clone(), task.subject.clone());
    // The first sight of a person waits for the disk.
    tokio::task::spawn_blocking(move || {
        facts.into_iter().map(|fact| one(&*vault, &source, &own, fact, connector)).collect()
    })
    .await
    .map_err(|error| error.to_string())?
}

fn one(
    vault: &dyn crate::core::vault::Vault,
    source: &str,
    own: &Subject,
    extracted: ExtractedFact,
    connector: u32,
) -> Result<AnsweredFact, String> {
    let keys = if extracted.subject == own.0 && own.level() == Level::Person {
        Some(vault.by_subject(own).ok_or("erased: the person's key is gone")?)
    } else {
        let identity = match extracted.subject.split_once(':') {
            Some(("person", identity)) if !identity.is_empty() => Some(person_identity(identity)),
            Some(("company", number)) if persons::is_personal_inn(number) => Some(format!("inn={number}")),
            _ => None,
        };
        identity.map(|identity| vault.person(&identity).map_err(|error| error.to_string())).transpose()?
    };
    let subject = keys.as_ref().map_or(Subject(extracted.subject), |keys| keys.subject().clone());
    let fact = Fact {
        source: source.to_owned(),
        kind: extracted.kind,
        subject,
        matched: extracted.matched,
        identity: extracted.identity,
        attrs: extracted.attrs,
        valid: extracted.valid,
        connector,
    };
    let kind = fact.kind.clone();
    let volatile = (!extracted.volatile.is_empty()).then_some(extracted.volatile);
    Ok(match keys {
        None => AnsweredFact {
            kind,
            volatile: volatile.map(Sealable::Plain),
            fact: LoggedFact { fact_id: fact_id(&fact), body: Sealable::Plain(fact) },
        },
        Some(keys) => AnsweredFact {
            kind,
            volatile: volatile
                .map(|volatile| persons::seal(&keys, &volatile))
                .transpose()
                .map_err(|e| e.to_string())?,
            fact: LoggedFact {
                fact_id: keyed_fact_id(&fact, keys.fact_key()),
                body: persons::seal(&keys, &fact).map_err(|error| error.to_string())?,
            },
        },
    })
}

/// `person:500100732259` names somebody by a taxpayer's number, any other text by what it says.
fn person_identity(text: &str) -> String {
    if persons::is_personal_inn(text) { format!("inn={text}") } else { text.to_lowercase() }
}
