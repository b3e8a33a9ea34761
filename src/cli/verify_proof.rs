//! `mirano verify-proof`: whether a proof holds. Needs no server, no log and no network.

use super::log::time;
use super::{Misused, Wrong};
use crate::audit::text;
use anyhow::Result;
use mirano_replay::proof::{Anchor, Checked, Content, Proof, check};
use mirano_schemas::{FactId, SnapshotId};
use std::path::PathBuf;

/// Check a proof
#[derive(clap::Args)]
#[command(
    after_help = "A proof binds what it says to a snapshot's id or to a head of a log. Compare these with ones that \
    you trust:\n  mirano verify-proof proof.json --snapshot ID\n  mirano verify-proof proof.json --head mirano-head-1:…\n\n\
    Exit codes: 0 it holds, 1 it does not, 2 used wrongly (no such file, not a proof)."
)]
pub(super) struct Args {
    /// The proof: JSON as the server gives it, or binary
    file: PathBuf,
    /// The snapshot that it must be about
    #[arg(long, value_name = "ID")]
    snapshot: Option<String>,
    /// The fact that it must be about
    #[arg(long, value_name = "ID")]
    fact: Option<String>,
    /// A head that you trust: the proof must be about it
    #[arg(long, value_name = "HEAD")]
    head: Option<String>,
    /// Write the proof in its binary form here
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Say it as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let read = |error: std::io::Error| Misused(format!("{}: {error}", args.file.display()));
    let snapshot: Option<SnapshotId> = parse("--snapshot", args.snapshot.as_deref())?;
    let fact: Option<FactId> = parse("--fact", args.fact.as_deref())?;
    let head: Option<Anchor> = parse("--head", args.head.as_deref())?;
    let bytes = std::fs::read(&args.file).map_err(read)?;
    let proof = match text::read(&bytes) {
        Ok(proof) => proof,
        Err(error @ (mirano_replay::proof::ProofError::Malformed(_) | mirano_replay::proof::ProofError::Newer(_))) => {
            return Err(Misused(error.to_string()).into());
        }
        Err(error) => return Err(Wrong(format!("the proof does not hold: {error}")).into()),
    };
    let checked = check(&proof).map_err(|error| Wrong(format!("the proof does not hold: {error}")))?;
    compare(&checked, snapshot, fact, head)?;
    if let Some(path) = &args.binary {
        std::fs::write(path, proof.to_bytes())?;
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&said(&checked, proof.is_bound()))?);
    } else {
        tell(&checked, &proof, head.is_some() || snapshot.is_some());
    }
    Ok(())
}

fn parse<T: std::str::FromStr>(flag: &str, text: Option<&str>) -> Result<Option<T>>
where
    T::Err: std::fmt::Display,
{
    text.map(|text| text.parse().map_err(|error| Misused(format!("{flag}: {error}")).into())).transpose()
}

/// Refuses a proof that holds, but about something else.
fn compare(
    checked: &Checked,
    snapshot: Option<SnapshotId>,
    fact: Option<FactId>,
    head: Option<Anchor>,
) -> Result<(), Wrong> {
    let differs = |what: &str, want: String, found: String| {
        Err(Wrong(format!("the proof is about the {what} {found}, not {want}")))
    };
    let (its_snapshot, its_fact, heads) = match checked {
        Checked::Fact { fact, snapshot, log, .. } => {
            (Some(*snapshot), Some(*fact), log.iter().map(|(_, anchor)| *anchor).collect::<Vec<_>>())
        }
        Checked::Extension { from, to } => (None, None, vec![*from, *to]),
    };
    let none = || "(none)".to_owned();
    if let Some(want) = snapshot
        && its_snapshot != Some(want)
    {
        return differs("snapshot", want.to_string(), its_snapshot.map_or_else(none, |id| id.to_string()));
    }
    if let Some(want) = fact
        && its_fact != Some(want)
    {
        return differs("fact", want.to_string(), its_fact.map_or_else(none, |id| id.to_string()));
    }
    match head {
        Some(want) if !heads.contains(&want) => {
            let found: Vec<String> = heads.iter().map(ToString::to_string).collect();
            differs("head", want.to_string(), if found.is_empty() { none() } else { found.join(" and ") })
        }
        _ => Ok(()),
    }
}

fn said(checked: &Checked, bound: bool) -> serde_json::Value {
    match checked {
        Checked::Fact { fact, present, snapshot, content, log } => serde_json::json!({
            "holds": true, "kind": if content.subject().is_some() { "fact" } else { "world_fact" },
            "fact_id": fact.to_string(), "present": present, "snapshot_id": snapshot.to_string(),
            "facts_root": content.facts_root().to_string(), "facts": content.facts(),
            "job_id": match content { Content::Job(body) => Some(body.job.to_string()), Content::World(_) => None },
            "subject": content.subject(), "sealed_at": time(content.sealed_at()),
            "position": log.as_ref().map(|(at, _)| at.to_string()),
            "head": log.as_ref().map(|(_, head)| head.to_string()), "heads_bound": log.as_ref().map(|_| bound),
        }),
        Checked::Extension { from, to } => serde_json::json!({
            "holds": true, "kind": "extension", "from": from.to_string(), "to": to.to_string(), "heads_bound": bound,
        }),
    }
}

fn tell(checked: &Checked, proof: &Proof, compared: bool) {
    match checked {
        Checked::Fact { fact, present, snapshot, content, log } => {
            println!("the proof holds ({} bytes in its binary form)", proof.to_bytes().len());
            let word = if *present { "is in" } else { "is NOT in" };
            println!("  fact      {fact}\n            {word} the snapshot");
            println!("  snapshot  {snapshot}");
            let about = content.subject().map_or("of the whole base".to_owned(), |subject| format!("about {subject}"));
            println!("            sealed {} over {} facts {about}", time(content.sealed_at()), content.facts());
            if let Some((at, head)) = log {
                println!("  log       sealed by commit {at}, under the head\n            {head}");
            }
        }
        Checked::Extension { from, to } => {
            println!("the proof holds\n  {from}\n  is extended by\n  {to}");
        }
    }
    if !proof.is_bound() {
        println!(
            "Of a head in it only the root is proven: an older version made it. What it says of log, number of commits and last commit"
        );
        println!("holds for a head whose whole line you compare, and for no other.");
    }
    if !compared {
        println!("Compare the snapshot's id or the head with one that you trust: --snapshot, --head.");
    }
}
