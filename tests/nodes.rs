//! Several nodes on one topic of a real broker, as processes of their own, under a steady load of checks: each fault first
//! shows that it happened, and afterwards every acknowledged job is on every node, once, and ended; the views of all nodes
//! are equal, and equal to a rebuild; no source was asked above its rate; `mirano verify` is clean.

#![expect(clippy::indexing_slicing, reason = "a test may stop at a wrong index")]

mod support;

#[path = "support/broker.rs"]
mod broker;
#[path = "nodes/brokers.rs"]
mod brokers;
#[path = "nodes/cluster.rs"]
mod cluster;
#[path = "nodes/faults.rs"]
mod faults;
#[path = "nodes/groups.rs"]
mod groups;
#[path = "nodes/load.rs"]
mod load;
