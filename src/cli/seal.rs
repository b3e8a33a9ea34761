//! `mirano seal`: fixes what a check, or the whole base, shows now.

use super::{Misused, Server};
use anyhow::Result;
use reqwest::Method;
use serde_json::Value;

/// Seal a snapshot on a running server
#[derive(clap::Args)]
#[command(
    after_help = "An unchanged check, or base, gives the snapshot that it has.\nTwo snapshots are compared by `mirano diff`."
)]
pub(super) struct Args {
    /// The job to seal
    #[arg(conflicts_with = "world", required_unless_present = "world")]
    job: Option<String>,
    /// Seal the whole base: all facts, at a cut of the log (role auditor)
    #[arg(long)]
    world: bool,
    /// Print the snapshot as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

pub(super) async fn run(args: Args) -> Result<()> {
    let path = match &args.job {
        Some(job) => {
            let job = percent_encoding::utf8_percent_encode(job, percent_encoding::NON_ALPHANUMERIC);
            format!("/v1/jobs/{job}/seal")
        }
        None if args.world => "/v1/world/seal".to_owned(),
        None => return Err(Misused("name a job, or --world".to_owned()).into()),
    };
    let sealed = args.server.json(args.server.request(Method::POST, &path)).await?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&sealed)?);
        return Ok(());
    }
    let text = |name: &str| sealed.get(name).and_then(Value::as_str).unwrap_or("");
    let facts = sealed.get("facts").and_then(Value::as_u64).unwrap_or(0);
    println!("{}", text("snapshot_id"));
    println!("  {facts} facts, root {}", text("facts_root"));
    let cut: Vec<&str> =
        sealed.get("cut").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    println!("  sealed at {}, cut {}", text("sealed_at"), cut.join(","));
    Ok(())
}
