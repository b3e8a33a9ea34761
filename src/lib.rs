//! Mirano: an event-sourced engine for real-estate due diligence.

pub mod audit;
pub mod checkpoint;
pub mod cli;
pub mod core;
pub mod demo;
pub mod engine;
pub mod explain;
pub mod history;
pub mod http;
pub mod mcp;
pub mod node;
pub mod notify;
pub mod sequencer;
#[cfg(test)]
mod sim;
pub mod sources;
pub mod ui;
pub mod vault;
pub mod views;
pub mod words;
pub mod work;
