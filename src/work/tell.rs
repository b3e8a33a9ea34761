//! How an attempt ended, told to the engine: facts sealed and named where they are about a person, or a failure's cause.

use super::attempt::{Gathered, Silent};
use super::pool::Tools;
use crate::core::command::{AnsweredFact, Command, Complete, FailAttempt, LeasedTask, Rejection, Reply};
use crate::core::persons;
use crate::core::vault::Vault;
use crate::engine::EngineError;
use crate::sources::connector::{Answer, ExtractedFact};
use mirano_schemas::canonical::{fact_id, keyed_fact_id};
use mirano_schemas::*;
use std::sync::Arc;

/// Tells the engine how the attempt ended. The answer is a repeat-safe command.
pub(super) async fn tell(
    tools: &Tools,
    task: &LeasedTask,
    answer: Answer,
    gathered: Gathered,
) -> Result<&'static str, Silent> {
    let (word, is_answer) = (answer.outcome.code(), answer.outcome.is_answer());
    let command = if answer.outcome.is_answer() {
        match answered(tools.engine.vault(), task.source(), &task.subject, answer.facts, gathered.connector).await {
            Ok(facts) => Command::Complete(Complete {
                source: task.queue.clone(),
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
        Ok(told) if matches!(told.reply, Reply::Noted(_)) && is_answer => Ok("suspicious"),
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
    tracing::info!(outcome = outcome.code(), %cause, "attempt failed");
    Command::Fail(FailAttempt {
        source: task.queue.clone(),
        task: task.task,
        lease: task.lease,
        outcome,
        cause,
        http_status: gathered.http_status,
        evidence: gathered.evidence,
        retry_after_ms: gathered.retry_after_ms,
    })
}

/// Facts as commands hold them: about a person sealed and named under that person's key.
pub(super) async fn answered(
    vault: &Arc<dyn Vault>,
    source: &str,
    own: &Subject,
    facts: Vec<ExtractedFact>,
    connector: u32,
) -> Result<Vec<AnsweredFact>, String> {
    let (vault, source, own) = (Arc::clone(vault), source.to_owned(), own.clone());
    // The first sight of a person waits for the disk.
    tokio::task::spawn_blocking(move || {
        facts.into_iter().map(|fact| one(&*vault, &source, &own, fact, connector)).collect()
    })
    .await
    .map_err(|error| error.to_string())?
}

fn one(
    vault: &dyn Vault,
    source: &str,
    own: &Subject,
    extracted: ExtractedFact,
    connector: u32,
) -> Result<AnsweredFact, String> {
    let keys = if extracted.subject == own.0 && own.level() == Level::Person {
        Some(vault.by_subject(own).ok_or("erased: the person's key is gone")?)
    } else {
        let identity = persons::identity_of_subject(&extracted.subject);
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
            fact: LoggedFact { fact_id: fact_id(&fact), body: Sealable::Plain(fact.into()) },
        },
        Some(keys) => AnsweredFact {
            kind,
            volatile: volatile
                .map(|volatile| persons::seal(&keys, &volatile))
                .transpose()
                .map_err(|e| e.to_string())?,
            fact: LoggedFact {
                fact_id: keyed_fact_id(&fact, keys.fact_key()),
                body: persons::seal(&keys, &SharedFact::from(fact)).map_err(|error| error.to_string())?,
            },
        },
    })
}
