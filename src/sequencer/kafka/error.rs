//! What keeps a log on Kafka from opening, and what makes a partition of it read-only.

use super::super::embedded;
use super::ear::Ear;
use super::settings::Settings;
use mirano_schemas::{LogId, Position};
use rdkafka::error::KafkaError;
use std::path::PathBuf;
use std::sync::Arc;

/// Why the log could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A person set something wrongly.
    #[error("Kafka: {0}")]
    Settings(String),
    /// No answer from the cluster.
    #[error("no answer from the Kafka brokers {brokers}: {cause}")]
    Unreachable {
        /// Who was asked.
        brokers: String,
        /// What was heard last.
        cause: String,
    },
    /// The cluster knows us, and does not let us.
    #[error(
        "the Kafka brokers {brokers} refused the connection: {cause}. Compare user, password and certificates in the [kafka] table with the brokers'"
    )]
    Denied {
        /// Who was asked.
        brokers: String,
        /// In the broker's words.
        cause: String,
    },
    /// The cluster answered with a refusal.
    #[error("Kafka does not let this node {doing}: {cause}")]
    Refused {
        /// What.
        doing: &'static str,
        /// In the broker's words.
        cause: String,
    },
    /// The topic is missing and could not be made.
    #[error("there is no topic {topic}, and it could not be made: {cause}.\nMake it by hand: {command}")]
    NotMade {
        /// Which.
        topic: String,
        /// In the broker's words.
        cause: String,
        /// What a person can run.
        command: String,
    },
    /// The topic is not fit for a log.
    #[error("the topic {topic} can't be used as it is:\n- {}", .problems.join("\n- "))]
    Topic {
        /// Which.
        topic: String,
        /// Each problem and what to do.
        problems: Vec<String>,
    },
    /// The beginning of the topic is gone, and this node has never read it.
    #[error(
        "the beginning of the topic {0} is gone, and this node has not read it: start from a checkpoint (--checkpoints PLACE) or from a copy of another node's data folder"
    )]
    Trimmed(String),
    /// The topic holds no log, and whoever only reads makes none.
    #[error("the topic {topic} holds no log: {why}")]
    NoLog {
        /// Which.
        topic: String,
        /// How that shows.
        why: &'static str,
    },
    /// A partition of the topic can't be followed to its end.
    #[error("the topic {topic} can't be read beyond {at}: {why}")]
    Stopped {
        /// The topic.
        topic: String,
        /// The next commit of a partition that would count.
        at: Position,
        /// The problem, by its name.
        why: Arc<str>,
    },
    /// The data folder is another log's.
    #[error(
        "{folder} holds the log {have}, and the topic {topic} holds {want}: name another --data folder or the right topic"
    )]
    OtherLog {
        /// The folder.
        folder: PathBuf,
        /// Its log.
        have: LogId,
        /// The topic.
        topic: String,
        /// The topic's log.
        want: LogId,
    },
    /// The mirror could not be opened.
    #[error(transparent)]
    Mirror(#[from] embedded::OpenError),
    /// A file beside the mirror could not be read or written.
    #[error("can't use {path}: {error}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
}

impl OpenError {
    /// Whether a person named or set something wrongly; else something is wrong with the topic, the brokers or the disk.
    pub fn misused(&self) -> bool {
        matches!(self, Self::Settings(_) | Self::NoLog { .. } | Self::OtherLog { .. })
    }

    /// The cluster did not answer: with the best reason that was heard.
    pub fn unreachable(settings: &Settings, ear: &Ear, error: &KafkaError) -> Self {
        let brokers = settings.brokers.clone();
        match ear.refused() {
            Some(cause) => Self::Denied { brokers, cause },
            None => Self::Unreachable { brokers, cause: ear.heard().unwrap_or_else(|| error.to_string()) },
        }
    }

    /// The client library refused.
    pub fn client(error: &KafkaError) -> Self {
        Self::Settings(error.to_string())
    }
}

/// Why a partition takes no more appends: what lies in the topic is not what this node has mirrored. Its name stands
/// first, and `docs/operations/kafka.md` says for each what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The topic has no birth of this log, or a record that was read has other bytes now.
    #[error("topic_recreated: {0}")]
    Recreated(String),
    /// The topic ends before what was read of it.
    #[error("topic_truncated: {0}")]
    Truncated(String),
    /// The topic begins behind what was to be read next.
    #[error("topic_trimmed: {0}")]
    Trimmed(String),
    /// The topic holds something that its checksum does not fit.
    #[error("topic_damaged: {0}")]
    Damaged(String),
    /// The mirror has another history than the topic.
    #[error("mirror_disagrees: {0}")]
    Disagrees(String),
    /// A thread of this node's ended that nobody could replace.
    #[error("thread_panicked: {0}")]
    Panicked(String),
    /// The mirror can't be written.
    #[error("mirror_failed: {0}")]
    Mirror(String),
}
