//! The interface over real HTTP: a real log, real views, and sources answered by hand.

#![allow(clippy::indexing_slicing, reason = "a test that reads a member that is not there is to fail")]

#[path = "http/audit.rs"]
mod audit;
#[path = "http/cli.rs"]
mod cli;
#[path = "http/erased.rs"]
mod erased;
#[path = "http/errors.rs"]
mod errors;
#[path = "http/events.rs"]
mod events;
#[path = "http/health.rs"]
mod health;
#[path = "http/history.rs"]
mod history;
#[path = "http/jobs.rs"]
mod jobs;
#[path = "http/live.rs"]
mod live;
#[path = "http/mcp.rs"]
mod mcp;
#[path = "http/notify.rs"]
mod notify;
#[path = "http/page.rs"]
mod page;
#[path = "http/rest.rs"]
mod rest;
#[path = "http/sharded.rs"]
mod sharded;
#[path = "http/shares.rs"]
mod shares;
#[path = "http/watches.rs"]
mod watches;
#[path = "http/whole_base.rs"]
mod whole_base;
#[path = "http/worker.rs"]
mod worker;
#[path = "http/world.rs"]
mod world;
