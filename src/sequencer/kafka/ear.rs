//! Listens to librdkafka: its log goes to ours, and what it said last of the connection is kept for error messages.

use metrics::gauge;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{ClientContext, Statistics};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Ears of one log share what they heard.
#[derive(Clone, Default)]
pub struct Ear(Arc<Mutex<Heard>>, Arc<Doubts>);

/// Whether the topic is still the one that it was: doubted whenever no broker was reached, so that nobody saw what became of
/// it, and confirmed by its birth.
#[derive(Default)]
struct Doubts {
    raised: AtomicU64,
    confirmed: AtomicU64,
}

/// The same kind of trouble is logged so often at most: a client says it for each try and each thread.
const RARELY: Duration = Duration::from_secs(10);

#[derive(Default)]
struct Heard {
    /// The last reason that was given.
    last: Option<String>,
    /// That no broker is reached, which is no reason.
    down: Option<String>,
    /// By kind, when it was logged last.
    told: BTreeMap<String, Instant>,
    /// Something that no waiting mends, such as a wrong password.
    refused: Option<String>,
    /// By partition, when the broker that leads it answered last.
    answered: BTreeMap<i32, Instant>,
}

impl Ear {
    /// What went wrong with the connection, best reason first.
    pub fn heard(&self) -> Option<String> {
        let heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        heard.refused.clone().or_else(|| heard.last.clone()).or_else(|| heard.down.clone())
    }

    /// Whether it is known why.
    pub fn knows_why(&self) -> bool {
        let heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        heard.refused.is_some() || heard.last.is_some()
    }

    /// For how long the broker of some partition has not answered; none before all have once.
    pub fn silent(&self, partitions: u32) -> Option<Duration> {
        let heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all = heard.answered.len() >= partitions as usize;
        heard.answered.values().min().filter(|_| all).map(Instant::elapsed)
    }

    /// From now on the topic may be another one.
    pub fn doubt(&self) {
        self.1.raised.fetch_add(1, Ordering::AcqRel);
    }

    /// How often it was doubted whether the topic is still the same.
    pub fn doubts(&self) -> u64 {
        self.1.raised.load(Ordering::Acquire)
    }

    /// It was the same when it had been doubted so often.
    pub fn confirm(&self, doubts: u64) {
        self.1.confirmed.fetch_max(doubts, Ordering::AcqRel);
    }

    /// Whether it was confirmed since.
    pub fn is_confirmed(&self, doubts: u64) -> bool {
        self.1.confirmed.load(Ordering::Acquire) >= doubts
    }

    /// Whether this kind of trouble is to be logged once more.
    fn is_news(&self, kind: &str) -> bool {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = heard.told.get(kind).is_some_and(|told| told.elapsed() < RARELY);
        if !known {
            heard.told.insert(kind.to_owned(), Instant::now());
        }
        !known
    }

    /// Whether the brokers refused us: waiting does not help.
    pub fn refused(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).refused.clone()
    }
}

impl ClientContext for Ear {
    fn log(&self, level: RDKafkaLogLevel, fac: &str, message: &str) {
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical | RDKafkaLogLevel::Error
                if self.is_news(fac) =>
            {
                tracing::warn!(target: "mirano::kafka", fac, "{message}");
            }
            _ => tracing::debug!(target: "mirano::kafka", fac, "{message}"),
        }
    }

    /// A reader asks each broker that leads a partition again and again, also when nothing comes; so an answer says that all was
    /// seen which that broker had.
    fn stats(&self, statistics: Statistics) {
        let now = Instant::now();
        let answered = |leader: i32| {
            let broker = statistics.brokers.values().find(|broker| broker.nodeid == leader && broker.state == "UP")?;
            now.checked_sub(Duration::from_micros(u64::try_from(broker.rxidle).ok()?))
        };
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for partition in statistics.topics.values().flat_map(|topic| topic.partitions.values()) {
            if let Some(at) = answered(partition.leader).filter(|_| partition.partition >= 0 && partition.desired) {
                let last = heard.answered.entry(partition.partition).or_insert(at);
                *last = at.max(*last);
            }
        }
        if let Some(longest) = heard.answered.values().min() {
            gauge!("mirano_kafka_behind_seconds").set(now.saturating_duration_since(*longest).as_secs_f64());
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let code = error.rdkafka_error_code();
        // Everything was read: readers are told by the poll.
        if code == Some(RDKafkaErrorCode::PartitionEOF) {
            return;
        }
        match self.is_news(&format!("{code:?}")) {
            true => tracing::warn!(target: "mirano::kafka", ?code, reason, "the connection to Kafka has a problem"),
            false => tracing::debug!(target: "mirano::kafka", ?code, reason, "the connection to Kafka has a problem"),
        }
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match code {
            Some(
                RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SaslAuthenticationFailed | RDKafkaErrorCode::SSL,
            ) => {
                heard.refused = Some(reason.to_owned());
            }
            Some(RDKafkaErrorCode::AllBrokersDown) => {
                gauge!("mirano_kafka_connected").set(0.0);
                heard.down = Some(reason.to_owned());
                self.doubt();
            }
            _ => heard.last = Some(reason.to_owned()),
        }
    }
}

impl ConsumerContext for Ear {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_worth_more_than_that_nobody_is_reached() {
        let ear = Ear::default();
        let say = |code, reason| ClientContext::error(&ear, KafkaError::Global(code), reason);
        say(RDKafkaErrorCode::AllBrokersDown, "1/1 brokers are down");
        assert_eq!(ear.heard().as_deref(), Some("1/1 brokers are down"));
        assert!(!ear.knows_why());
        say(RDKafkaErrorCode::BrokerTransportFailure, "connection refused");
        say(RDKafkaErrorCode::AllBrokersDown, "1/1 brokers are down");
        assert_eq!(ear.heard().as_deref(), Some("connection refused"));
        say(RDKafkaErrorCode::SSL, "certificate verify failed");
        say(RDKafkaErrorCode::BrokerTransportFailure, "connection refused");
        assert_eq!(ear.heard().as_deref(), Some("certificate verify failed"), "no waiting mends that");
    }

    #[test]
    fn after_all_brokers_were_away_the_topic_is_looked_at_anew() {
        let ear = Ear::default();
        assert!(ear.is_confirmed(ear.doubts()));
        ClientContext::error(&ear, KafkaError::Global(RDKafkaErrorCode::BrokerTransportFailure), "one of three");
        assert!(ear.is_confirmed(ear.doubts()));
        ClientContext::error(&ear, KafkaError::Global(RDKafkaErrorCode::AllBrokersDown), "3/3 brokers are down");
        let doubts = ear.doubts();
        assert!(!ear.is_confirmed(doubts));
        ear.doubt();
        ear.confirm(doubts);
        assert!(ear.is_confirmed(doubts) && !ear.is_confirmed(ear.doubts()), "what came since is not confirmed");
    }

    #[test]
    fn the_same_trouble_is_logged_once_in_a_while() {
        let ear = Ear::default();
        assert!(ear.is_news("FAIL"));
        assert!(!ear.is_news("FAIL") && ear.is_news("ERROR"));
        let long_ago = Instant::now().checked_sub(RARELY).expect("this machine runs for longer");
        ear.0.lock().expect("not poisoned").told.insert("FAIL".to_owned(), long_ago);
        assert!(ear.is_news("FAIL"));
    }
}
