//! The real program on real brokers of Apache Kafka.

#![expect(clippy::indexing_slicing, reason = "a test may stop at a wrong index")]

mod support;

#[path = "support/broker.rs"]
mod broker;
#[path = "kafka/figures.rs"]
mod figures;
#[path = "kafka/one_node.rs"]
mod one_node;
#[path = "kafka/whole.rs"]
mod whole;
