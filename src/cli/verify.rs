//! `mirano verify`: everything that can be recomputed from a log is, and what does not fit is named.

use super::log::time;
use super::place::PlaceArgs;
use super::{Misused, Wrong};
use crate::audit::source::SourceError;
use crate::audit::verify::{Checkpoint, Options, Progress, Report, html, run as verify};
use crate::audit::{quote, source};
use crate::node::{EVIDENCE, KEYS, VIEWS};
use crate::work::evidence::EvidenceStore;
use anyhow::Result;
use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressStyle};
use mirano_replay::proof::Anchor;
use mirano_replay::verify::{Finding, Kind};
use mirano_schemas::Timestamp;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Check a log and what is beside it
#[derive(clap::Args)]
#[command(
    after_help = "Looks at: every byte and the chain, every fact's id, every observation and snapshot, evidence, and the \
    views. Needs no server, takes no lock and changes nothing; also works while a server runs.\n\n  \
    mirano verify --data DIR\n  mirano verify --data export.mrn\n  mirano verify --data DIR --head mirano-head-1:… --html report.html\n\n\
    Findings have codes; docs/verify/README.md explains them. Exit codes: 0 nothing wrong found, 1 findings, 2 used wrongly."
)]
pub(super) struct Args {
    #[command(flatten)]
    place: PlaceArgs,
    /// Where evidence is, if not in the data folder: a folder or `s3://bucket/prefix`
    #[arg(long, value_name = "PLACE")]
    evidence: Option<String>,
    /// A head that you kept (an earlier run printed it): the log must still have it. May be repeated
    #[arg(long = "head", value_name = "HEAD")]
    heads: Vec<String>,
    /// Leave the evidence out
    #[arg(long)]
    no_evidence: bool,
    /// Leave the views out
    #[arg(long)]
    no_views: bool,
    /// Only say how much there is and how long it may take
    #[arg(long)]
    quote: bool,
    /// Write where the run stands here, and go on from there the next time
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// Threads (default: all cores)
    #[arg(long)]
    threads: Option<usize>,
    /// The report as JSON
    #[arg(long)]
    json: bool,
    /// Write the report as a page to print here
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

pub(super) async fn run(args: Args) -> Result<()> {
    let heads = args.heads.iter().map(|head| head.parse::<Anchor>()).collect::<Result<Vec<_>, _>>();
    let heads = heads.map_err(|error| Misused(format!("--head: {error}")))?;
    let place = args.place.find().await?;
    let log = &place.log;
    let quoted = source::open(log).ok().and_then(|log| quote::quote(&*log, None).ok());
    if let Some(quoted) = &quoted {
        let bar = |n| HumanCount(n).to_string();
        eprintln!(
            "{} commits, {} of log, about {:.1} s on this machine (evidence and views come on top)",
            bar(quoted.commits),
            HumanBytes(quoted.bytes),
            quoted.seconds
        );
    }
    if args.quote {
        let quoted =
            quoted.ok_or_else(|| Wrong("the log can't be opened; run without --quote to see why".to_owned()))?;
        println!("{}", serde_json::to_string_pretty(&quoted)?);
        return Ok(());
    }
    let evidence = match (&args.evidence, args.no_evidence) {
        (_, true) => None,
        (Some(place), _) => Some(EvidenceStore::open(place).map_err(|error| Misused(error.to_string()))?),
        // An evidence folder that is not there is made by opening it: not here.
        (None, _) => Some(place.beside(EVIDENCE))
            .filter(|folder| folder.is_dir())
            .map(|folder| EvidenceStore::open_folder(&folder).map_err(|error| Misused(error.to_string())))
            .transpose()?,
    };
    let evidence_gone =
        (evidence.is_none() && !args.no_evidence && place.has_evidence()).then(|| place.beside(EVIDENCE));
    let resume = match &args.checkpoint {
        Some(path) => Checkpoint::read(path).map_err(|error| Misused(error.to_string()))?,
        None => None,
    };
    let options = Options {
        log,
        evidence,
        evidence_gone,
        first: place.first.clone(),
        views: Some(place.beside(VIEWS)).filter(|_| !args.no_views),
        keys: Some(place.beside(KEYS)),
        heads,
        resume,
        found: place.stopped.iter().map(|stopped| Finding::at(Kind::Topic, stopped.at, &*stopped.why)).collect(),
        threads: args.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from)),
    };
    let progress = Arc::new(Progress::default());
    let shown = show(progress.clone(), quoted.map_or(0, |quoted| quoted.commits));
    let path = args.checkpoint.clone();
    let report = verify(options, progress, |checkpoint| {
        if let Some(path) = &path
            && let Err(error) = checkpoint.write(path)
        {
            tracing::warn!(%error, "the checkpoint could not be written");
        }
    })
    .await;
    shown.abort();
    let report = report.map_err(|error| misused(log, error))?;
    if let Some(path) = &args.html {
        let now = time(Timestamp(chrono::Utc::now().timestamp_millis()));
        std::fs::write(path, html(&report, &now)).map_err(|error| Misused(format!("{}: {error}", path.display())))?;
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        tell(&report);
    }
    match report.findings.len() {
        0 => Ok(()),
        n => Err(Wrong(format!("{n} finding{}", if n == 1 { "" } else { "s" })).into()),
    }
}

/// An error in words, as wrong use or as something that is wrong.
pub(super) fn misused(path: &Path, error: SourceError) -> anyhow::Error {
    let words = format!("{} can't be read as a log: {error}", path.display());
    if error.misused() { Misused(words).into() } else { Wrong(words).into() }
}

/// A bar on a terminal; nothing elsewhere.
fn show(progress: Arc<Progress>, commits: u64) -> tokio::task::JoinHandle<()> {
    let bar = ProgressBar::new(commits);
    if let Ok(style) = ProgressStyle::with_template("{wide_bar} {pos}/{len} commits, {msg}, {eta} left") {
        bar.set_style(style);
    }
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(Duration::from_millis(200));
        loop {
            ticks.tick().await;
            bar.set_position(progress.commits.load(Ordering::Relaxed));
            let facts = HumanCount(progress.facts.load(Ordering::Relaxed));
            let evidence = HumanCount(progress.evidence.load(Ordering::Relaxed));
            bar.set_message(format!("{facts} facts, {evidence} pieces of evidence"));
        }
    })
}

fn tell(report: &Report) {
    for part in &report.partitions {
        let whole = if part.whole { "" } else { "  NOT READ TO ITS END" };
        println!(
            "partition {}: {} commits, {} events{whole}\n  {}",
            part.partition, part.commits, part.events, part.head
        );
    }
    println!(
        "recomputed: {} facts, {} observations, {} snapshots; sealed with keys that are not here: {} facts",
        report.facts, report.observations, report.snapshots, report.facts_sealed
    );
    match &report.evidence {
        None => println!("evidence: not looked at"),
        Some(evidence) => println!(
            "evidence: {} named, {} compared, {} sealed, {} checked earlier",
            evidence.named, evidence.checked, evidence.sealed, evidence.earlier
        ),
    }
    match &report.views {
        None => println!("views: not compared"),
        Some(views) => println!("views: {}", views.words()),
    }
    for note in &report.notes {
        println!("note: {note}");
    }
    for finding in &report.findings {
        let position = finding.position.as_ref().map(|at| format!(" at {at}")).unwrap_or_default();
        let place = finding.place.as_ref().map(|place| format!(" ({place})")).unwrap_or_default();
        println!("FOUND {}{position}{place}: {}", finding.kind, finding.detail);
    }
    let said = if report.ok { "nothing wrong found" } else { "looked at" };
    // Of a small log a rate says nothing.
    match report.seconds > 1.0 {
        true => println!("{said} in {:.1} s, {:.0} facts/s", report.seconds, report.facts as f64 / report.seconds),
        false => println!("{said} in {:.2} s", report.seconds),
    }
}
