//! The real program on real brokers of Apache Kafka.

#![expect(clippy::indexing_slicing, reason = "a test may stop at a wrong index")]

mod support;

#[path = "support/broker.rs"]
mod broker;
#[path = "kafka/checkpoints.rs"]
mod checkpoints;
#[path = "support/facts.rs"]
mod facts;
#[path = "kafka/figures.rs"]
mod figures;
#[path = "kafka/new_node.rs"]
mod new_node;
#[path = "kafka/one_node.rs"]
mod one_node;
#[path = "kafka/refused.rs"]
mod refused;
#[path = "support/s3.rs"]
mod s3;
#[path = "kafka/stopped.rs"]
mod stopped;
#[path = "kafka/whole.rs"]
mod whole;
