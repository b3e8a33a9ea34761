//! Listens to librdkafka: its log goes to ours, and what it said last of the connection is kept for error messages.

use metrics::gauge;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{ClientContext, Statistics};
use std::sync::{Arc, Mutex, PoisonError};

/// Ears of one log share what they heard.
#[derive(Clone, Default)]
pub struct Ear(Arc<Mutex<Heard>>);

#[derive(Default)]
struct Heard {
    last: Option<String>,
    /// Something that no waiting mends, such as a wrong password.
    refused: Option<String>,
}

impl Ear {
    /// What went wrong with the connection, best reason first.
    pub fn heard(&self) -> Option<String> {
        let heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        heard.refused.clone().or_else(|| heard.last.clone())
    }

    /// Whether the brokers refused us: waiting does not help.
    pub fn refused(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).refused.clone()
    }
}

impl ClientContext for Ear {
    fn log(&self, level: RDKafkaLogLevel, fac: &str, message: &str) {
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical | RDKafkaLogLevel::Error => {
                tracing::warn!(target: "mirano::kafka", fac, "{message}");
            }
            _ => tracing::debug!(target: "mirano::kafka", fac, "{message}"),
        }
    }

    fn stats(&self, _: Statistics) {}

    fn error(&self, error: KafkaError, reason: &str) {
        let code = error.rdkafka_error_code();
        tracing::warn!(target: "mirano::kafka", ?code, reason, "the connection to Kafka has a problem");
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match code {
            Some(
                RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SaslAuthenticationFailed | RDKafkaErrorCode::SSL,
            ) => {
                heard.refused = Some(reason.to_owned());
            }
            Some(RDKafkaErrorCode::AllBrokersDown) => {
                gauge!("mirano_kafka_connected").set(0.0);
                heard.last.get_or_insert_with(|| reason.to_owned());
            }
            _ => heard.last = Some(reason.to_owned()),
        }
    }
}

impl ConsumerContext for Ear {}
