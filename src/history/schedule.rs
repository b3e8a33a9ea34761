//! Seals of the whole base by schedule: a fixed state to prove from and to compare with, without anybody asking for it.

use super::{HistoryError, world};
use crate::core::command::{Command, Reply};
use crate::engine::{Engine, EngineError};
use mirano_replay::history::last_world;
use mirano_schemas::{SnapshotId, Timestamp};
use std::time::Duration;

/// Why the base was not sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// Rows or log can't be read.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// The engine did not take it.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The thread that read the base ended early.
    #[error("the base was not read: {0}")]
    Reader(String),
}

/// Seals what the whole base shows now, at a cut closed under causes; an unchanged base gives the snapshot that it has.
pub async fn seal(engine: &Engine) -> Result<(SnapshotId, mirano_schemas::Position), SealError> {
    let reader = engine.clone();
    let read = tokio::task::spawn_blocking(move || world::now(&**reader.log(), &**reader.views(), &reader.cut()));
    let body = read.await.map_err(|error| SealError::Reader(error.to_string()))??;
    let answer = engine.submit(Command::SealWorld(body)).await?;
    match answer.reply {
        Reply::Sealed(id) => Ok((id, answer.position)),
        other => Err(SealError::Reader(format!("sealing was answered with {other:?}"))),
    }
}

/// Seals the base every so often, for ever: first when the last seal, also of an earlier run, is so old. What fails is noted,
/// and tried again at the next time.
pub async fn seal_every(engine: Engine, every: Duration) {
    let mut tried = None;
    loop {
        let last = last_world(&**engine.views()).ok().flatten().map(|(_, row)| row.body.sealed_at);
        tokio::time::sleep(wait(last.max(tried), engine.now(), every)).await;
        match seal(&engine).await {
            Ok((snapshot, position)) => tracing::info!(%snapshot, %position, "the whole base is sealed"),
            Err(error) => tracing::warn!(%error, "the whole base was not sealed; the next try follows"),
        }
        tried = Some(engine.now());
    }
}

/// How long it is until the next seal.
fn wait(last: Option<Timestamp>, now: Timestamp, every: Duration) -> Duration {
    let age = last.map_or(every, |last| Duration::from_millis(now.since_ms(last)));
    every.saturating_sub(age)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_seal_is_due_when_the_last_one_is_so_old() {
        let hour = Duration::from_secs(3_600);
        let at = |minutes: i64| Timestamp(minutes * 60_000);
        assert_eq!(wait(None, at(0), hour), Duration::ZERO, "never sealed");
        assert_eq!(wait(Some(at(0)), at(0), hour), hour);
        assert_eq!(wait(Some(at(0)), at(45), hour), hour / 4);
        assert_eq!(wait(Some(at(0)), at(500), hour), Duration::ZERO, "the server was down");
        assert_eq!(wait(Some(at(10)), at(0), hour), hour, "a clock that was set back does not hurry");
    }
}
