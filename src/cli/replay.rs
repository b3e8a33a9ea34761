//! `mirano replay`: the state of a log at a moment, folded from its commits, verifying on the way.

use super::log::time;
use super::place::PlaceArgs;
use super::{Misused, Wrong};
use crate::audit::heads::CommitTrees;
use crate::audit::replay::{Replayed, replay};
use crate::audit::until::Until;
use crate::audit::verify::Keys;
use crate::audit::{proofs, quote, rows, text::ProofText};
use crate::node::KEYS;
use crate::sequencer::Sequencer;
use anyhow::{Context, Result};
use data_encoding::HEXLOWER;
use indicatif::{HumanBytes, ProgressBar};
use mirano_replay::history::WorldRow;
use mirano_replay::proof::Proof;
use mirano_replay::rows::SnapshotRow;
use mirano_replay::store::ReadExt;
use mirano_schemas::{FactId, SnapshotId};
use std::collections::BTreeMap;
use std::io::{BufWriter, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;

/// Fold a log up to a moment
#[derive(clap::Args)]
#[command(
    after_help = "  mirano replay --data DIR --until 2026-03-01T12:00:00Z\n  mirano replay --data DIR --until 0:1234 --stream job/ID --json\n  \
    mirano replay --data export.mrn --out state.jsonl\n\nA position means: that partition up to it, the others up to its time. \
    A cut (0:10,1:7) names the last commit of each partition.\nFacts and observations are recomputed on the way; what does not fit \
    ends with exit code 1."
)]
pub(super) struct Args {
    #[command(flatten)]
    place: PlaceArgs,
    /// A time, a position (`partition:seq`), or a cut; everything when left out
    #[arg(long)]
    until: Option<String>,
    /// Show only the rows of this stream: `job/<id>`, `source/<id>` or `policy`
    #[arg(long)]
    stream: Option<String>,
    /// Print the rows, one JSON object a line
    #[arg(long)]
    json: bool,
    /// Write the rows here, one JSON object a line
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Prove that a fact is, or is not, in a snapshot (no server needed)
#[derive(clap::Args)]
#[command(
    after_help = "  mirano prove --data export.mrn --snapshot ID --fact ID --log --out proof.json\n  mirano verify-proof proof.json"
)]
pub(super) struct ProveArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// The snapshot: of a job, or of the whole base
    #[arg(long, value_name = "ID")]
    snapshot: String,
    /// The fact
    #[arg(long, value_name = "ID")]
    fact: String,
    /// Also prove that the snapshot is in the log. This part holds the whole commit, which may speak of other jobs too
    #[arg(long)]
    log: bool,
    /// Write the proof here; otherwise it is printed
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) async fn run(args: &Args) -> Result<()> {
    let until = args.until.as_deref().map(str::parse::<Until>).transpose();
    let until = until.map_err(|error| Misused(format!("--until: {error}")))?;
    if let Some(stream) = &args.stream
        && !(stream == "policy" || stream.starts_with("job/") || stream.starts_with("source/"))
    {
        return Err(Misused(format!("--stream: {stream:?} is not `job/<id>`, `source/<id>` or `policy`")).into());
    }
    let place = args.place.find().await?;
    let log = place.open()?;
    let quoted = quote::quote(&*log, until.as_ref()).map_err(super::place::no_moment)?;
    eprintln!("{} commits, about {}, up to {}", quoted.commits, HumanBytes(quoted.bytes), quoted.until.join(","));
    let replayed = folded(place.beside(KEYS), &*log, until.as_ref())?;
    if let Some(path) = &args.out {
        let file = std::fs::File::create(path).map_err(|error| Misused(format!("{}: {error}", path.display())))?;
        print(&replayed, args.stream.as_deref(), BufWriter::new(file)).with_context(|| path.display().to_string())?;
    }
    if args.json || (args.stream.is_some() && args.out.is_none()) {
        // A reader that went away, such as `head`, ends the listing.
        print(&replayed, args.stream.as_deref(), BufWriter::new(std::io::stdout().lock())).ok();
    } else {
        tell(&replayed);
    }
    for finding in &replayed.findings {
        eprintln!("FOUND {finding}");
    }
    match replayed.findings.len() {
        0 => Ok(()),
        n => Err(Wrong(format!("{n} findings; `mirano verify` tells more")).into()),
    }
}

fn folded(keys: PathBuf, log: &dyn Sequencer, until: Option<&Until>) -> Result<Replayed> {
    let keys = Keys::in_folder(&keys).map_err(|error| Wrong(error.to_string()))?;
    let bar = ProgressBar::new(0);
    let replayed = replay(log, until, &keys, |step| {
        bar.set_length(step.of);
        bar.set_position(step.commits);
        ControlFlow::Continue(())
    });
    bar.finish_and_clear();
    replayed.map_err(super::place::no_moment)
}

fn print(replayed: &Replayed, stream: Option<&str>, mut out: impl Write) -> std::io::Result<()> {
    for (table, key, bytes) in replayed.store.iter() {
        if stream.is_none_or(|stream| rows::belongs(stream, table, key, bytes)) {
            writeln!(out, "{}", rows::row(table, key, bytes))?;
        }
    }
    out.flush()
}

fn tell(replayed: &Replayed) {
    for head in &replayed.heads {
        println!("partition {}: {} commits, head {}", head.partition, head.next_seq, head.hash);
    }
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for (table, ..) in replayed.store.iter() {
        *counts.entry(format!("{table:?}")).or_default() += 1;
    }
    println!(
        "as of {}, {} events, {} facts recomputed",
        time(replayed.recorded_at),
        replayed.step.events,
        replayed.step.facts
    );
    for (table, rows) in counts {
        println!("  {table:<18} {rows:>10}");
    }
    println!("digest {}", HEXLOWER.encode(&replayed.store.digest()));
}

pub(super) async fn prove(args: &ProveArgs) -> Result<()> {
    let snapshot: SnapshotId = args.snapshot.parse().map_err(|error| Misused(format!("--snapshot: {error}")))?;
    let fact: FactId = args.fact.parse().map_err(|error| Misused(format!("--fact: {error}")))?;
    let place = args.place.find().await?;
    let log = place.open()?;
    let replayed = folded(place.beside(KEYS), &*log, None)?;
    let store = &replayed.store;
    let (made, position) = match store.row::<SnapshotRow>(snapshot.as_bytes())? {
        Some(row) => (proofs::fact(store, &row, fact), row.position),
        None => {
            let row: Option<WorldRow> = store.row(snapshot.as_bytes())?;
            let row = row.ok_or_else(|| Wrong(format!("this log has no snapshot {snapshot}")))?;
            (proofs::world_fact(store, &*log, &row, fact), row.position)
        }
    };
    let mut proof = made.map_err(|error| Wrong(error.to_string()))?;
    if args.log {
        let part = proofs::log_part(&*log, &CommitTrees::new(), position, None);
        proof.log = Some(part.map_err(|error| Wrong(error.to_string()))?);
    }
    let text = ProofText::of(&Proof::Fact(proof.into())).map_err(|error| Wrong(error.to_string()))?;
    let text = serde_json::to_string_pretty(&text)?;
    match &args.out {
        Some(path) => {
            std::fs::write(path, text + "\n").map_err(|error| Misused(format!("{}: {error}", path.display())))?
        }
        None => println!("{text}"),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Until;

    /// What readers copy from the documents has to be taken.
    #[test]
    fn every_moment_that_the_documents_name_is_one() {
        let documents = [include_str!("../../docs/tutorial.md"), include_str!("../../docs/cookbook.md")];
        let mut found = 0;
        for line in documents.iter().flat_map(|text| text.lines()) {
            for rest in line.split("--until ").skip(1) {
                let moment = rest.split(['`', '…']).next().unwrap_or_default();
                let moment = moment.split(" --").next().unwrap_or_default().trim();
                assert!(moment.parse::<Until>().is_ok(), "--until {moment} in: {line}");
                found += 1;
            }
        }
        assert!(found > 0, "nothing was looked at");
    }
}
