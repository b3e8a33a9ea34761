//! `mirano checkpoint`: keeps what a running server's log says, for nodes that begin later; and how a server keeps them.

use super::{Misused, Server};
use crate::checkpoint::take_every;
use crate::core::policy::DurationMs;
use crate::http::AppState;
use crate::node::Node;
use anyhow::Result;
use reqwest::Method;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// How a server keeps checkpoints.
#[derive(clap::Args)]
#[command(next_help_heading = "Checkpoints")]
pub(super) struct KeepArgs {
    /// Where checkpoints are kept: a folder that all nodes mount, or an s3:// address; a new node on Kafka begins with one
    #[arg(long, value_name = "PLACE", env = "MIRANO_CHECKPOINTS")]
    checkpoints: Option<String>,
    /// Take a checkpoint so often (`6h`); of several nodes the one that decides for partition 0 does
    #[arg(long, value_name = "DURATION", env = "MIRANO_CHECKPOINT_EVERY", requires = "checkpoints")]
    checkpoint_every: Option<DurationMs>,
    /// How many checkpoints remain
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    keep_checkpoints: u16,
}

impl KeepArgs {
    pub(super) fn place(&self) -> Option<&str> {
        self.checkpoints.as_deref()
    }

    pub(super) fn every(&self) -> Option<Duration> {
        self.checkpoint_every.map(|every| Duration::from_millis(every.0))
    }

    pub(super) fn check(&self) -> Result<()> {
        if self.every().is_some_and(|every| every < Duration::from_secs(10)) {
            return Err(Misused("--checkpoint-every is at least 10s".to_owned()).into());
        }
        Ok(())
    }

    /// Lets callers ask for checkpoints, and takes them by schedule.
    pub(super) fn start(&self, node: &Node, state: &AppState) -> Result<Option<JoinHandle<()>>> {
        let Some(place) = self.place() else { return Ok(None) };
        let taker = Arc::new(node.checkpoints(place, usize::from(self.keep_checkpoints))?);
        state.keep_checkpoints(Arc::clone(&taker));
        Ok(self.every().map(|every| tokio::spawn(take_every(taker, every))))
    }
}

/// Keep what the log of a running server says, for nodes that begin later
#[derive(clap::Args)]
#[command(
    after_help = "The server keeps it where its --checkpoints says. A node with an empty data folder begins with the newest one."
)]
pub(super) struct Args {
    /// List those that the log names, the newest first
    #[arg(long)]
    list: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

pub(super) async fn run(args: Args) -> Result<()> {
    let method = if args.list { Method::GET } else { Method::POST };
    let answer = args.server.json(args.server.request(method, "/v1/checkpoints")).await?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&answer)?);
        return Ok(());
    }
    if args.list {
        for item in answer.get("items").and_then(Value::as_array).into_iter().flatten() {
            say(item);
        }
        return Ok(());
    }
    say(&answer);
    let number = |name: &str| answer.get(name).and_then(Value::as_u64).unwrap_or(0);
    let seconds = answer.get("seconds").and_then(Value::as_f64).unwrap_or(0.0);
    println!("  {} bytes, {} of them new, in {seconds:.1} s", number("bytes"), number("new_bytes"));
    Ok(())
}

fn say(checkpoint: &Value) {
    let text = |name: &str| checkpoint.get(name).and_then(Value::as_str).unwrap_or("");
    let heads = checkpoint.get("heads").and_then(Value::as_array);
    let heads: Vec<&str> = heads.into_iter().flatten().filter_map(Value::as_str).collect();
    println!("{}  {}", text("position"), text("taken_at"));
    println!("  {}", text("place"));
    println!("  {} rows, digest {}", checkpoint.get("rows").and_then(Value::as_u64).unwrap_or(0), text("rows_digest"));
    println!("  by {}, heads {}", text("node"), heads.join(","));
}
