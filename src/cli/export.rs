//! `mirano export` and `mirano import`: a log as one file, and back.

use super::kafka::TopicArgs;
use super::log::json_line;
use super::place::{PlaceArgs, no_moment};
use super::{DataFolder, Misused, Wrong};
use crate::audit::cut::{CutLog, heads_at};
use crate::audit::import::{ImportError, import, import_into_topic};
use crate::audit::replay::replay_to;
use crate::audit::until::{Until, ends};
use crate::audit::verify::Keys;
use crate::audit::{facts, file};
use crate::node::KEYS;
use crate::sequencer::kafka::Settings;
use crate::sequencer::pieces;
use anyhow::{Context, Result};
use indicatif::{HumanBytes, ProgressBar};
use mirano_schemas::codec::CommitBody;
use std::fs::File;
use std::io::{BufWriter, ErrorKind, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// The log as one file, for `import` and `verify`
    Log,
    /// The commits, one JSON object a line
    Jsonl,
    /// Facts, one row each
    FactsCsv,
    /// Facts as FollowTheMoney entities, one JSON object a line
    FactsFtm,
}

/// Export a log, or its facts
#[derive(clap::Args)]
#[command(
    after_help = "The file holds the log only: evidence and keys of persons are copied beside it. It can be read by \
    `mirano verify`, `replay`, `log` and `import`, and by the program in docs/verify. A running server may keep writing: the file ends where all that its commits rest on is in it.\n\n  \
    mirano export --data DIR --out log.mrn\n  mirano export --data DIR --format facts-csv --until 2026-03-01 --out facts.csv"
)]
pub(super) struct Args {
    #[command(flatten)]
    place: PlaceArgs,
    /// The file to write; `-` is the terminal (not for the log)
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// What to write
    #[arg(long, value_enum, default_value = "log")]
    format: Format,
    /// The commits as JSON Lines: the same as `--format jsonl`
    #[arg(long)]
    jsonl: bool,
    /// Facts as they were at a time, a position or a cut
    #[arg(long)]
    until: Option<String>,
}

/// Make a data folder, or a topic, of an exported log
#[derive(clap::Args)]
pub(super) struct ImportArgs {
    #[command(flatten)]
    folder: DataFolder,
    #[command(flatten)]
    topic: TopicArgs,
    /// Let the topic have one replica: for trying, where nothing depends on it
    #[arg(long)]
    dev: bool,
    /// The exported file
    file: PathBuf,
}

pub(super) async fn run(args: &Args) -> Result<()> {
    let format = if args.jsonl { Format::Jsonl } else { args.format };
    let until = args.until.as_deref().map(str::parse::<Until>).transpose();
    let until = until.map_err(|error| Misused(format!("--until: {error}")))?;
    let place = args.place.find().await?;
    let cut = place.open_cut()?;
    let keys = place.beside(KEYS);
    if until.is_some() && matches!(format, Format::Log | Format::Jsonl) {
        return Err(Misused("--until goes with facts; a log is exported whole".to_owned()).into());
    }
    if args.out.as_os_str() == "-" {
        if format == Format::Log {
            return Err(Misused("the log is not for a terminal: name a file".to_owned()).into());
        }
        return match write(&cut, format, until.as_ref(), &keys, std::io::stdout().lock()) {
            // A reader that went away, such as `head`, has what it wanted.
            Err(error)
                if error
                    .downcast_ref::<std::io::Error>()
                    .is_some_and(|error| error.kind() == ErrorKind::BrokenPipe) =>
            {
                Ok(())
            }
            done => done,
        };
    }
    // Under another name until it is whole and on disk.
    let mut name = args.out.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let part = args.out.with_file_name(name);
    let made = File::create(&part).map_err(|error| Misused(format!("{}: {error}", part.display())))?;
    let written = write(&cut, format, until.as_ref(), &keys, BufWriter::new(&made)).and_then(|()| Ok(made.sync_all()?));
    if let Err(error) = written {
        std::fs::remove_file(&part).ok();
        return Err(error);
    }
    std::fs::rename(&part, &args.out).with_context(|| args.out.display().to_string())?;
    Ok(())
}

fn write(cut: &CutLog, format: Format, until: Option<&Until>, keys: &Path, mut out: impl Write) -> Result<()> {
    let log = &*cut.log;
    match format {
        Format::Log => {
            let bar = ProgressBar::new(0);
            let heads = heads_at(log, &cut.ends).map_err(|error| Wrong(error.to_string()))?;
            let written = file::write_to(log, heads, &mut out, |done, all| {
                bar.set_length(all);
                bar.set_position(done);
            });
            let written = written.map_err(|error| Wrong(error.to_string()))?;
            bar.finish_and_clear();
            eprintln!(
                "{} commits, {} as {}",
                written.commits,
                HumanBytes(written.raw_bytes),
                HumanBytes(written.bytes)
            );
        }
        Format::Jsonl => {
            for (partition, end) in (0u32..).zip(&cut.ends) {
                for commits in pieces(log, partition, 0, *end) {
                    for commit in commits.map_err(|error| Wrong(error.to_string()))? {
                        let body = CommitBody::decode(commit.body())
                            .map_err(|error| Wrong(format!("commit {}: {error}", commit.position)))?;
                        writeln!(out, "{}", json_line(&commit, &body))?;
                    }
                }
            }
        }
        Format::FactsCsv | Format::FactsFtm => {
            let keys = Keys::in_folder(keys).map_err(|error| Wrong(error.to_string()))?;
            let ends = match until {
                Some(_) => ends(log, until).map_err(no_moment)?,
                None => cut.ends.clone(),
            };
            let replayed = replay_to(log, &ends, &keys, |_| ControlFlow::Continue(()));
            if let Some(finding) = replayed.findings.first() {
                return Err(Wrong(format!("the log is not in order; see `mirano verify`: {finding}")).into());
            }
            let counted = match format {
                Format::FactsCsv => facts::csv(&replayed.store, &keys, &mut out)?,
                _ => facts::follow_the_money(&replayed.store, &keys, &mut out)?,
            };
            eprintln!("{} facts; {} left out, sealed with keys that are not here", counted.written, counted.sealed);
        }
    }
    out.flush()?;
    Ok(())
}

pub(super) async fn run_import(args: &ImportArgs) -> Result<()> {
    let bar = ProgressBar::new(0);
    let progress = |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    };
    let topic = args.topic.settings()?;
    let done = match topic.clone() {
        None => import(&args.file, &args.folder.data, progress).await,
        Some(settings) => {
            let mirror = tempfile::Builder::new().prefix("mirano-topic-").tempdir()?;
            let settings = Settings { dev: args.dev, ..settings };
            import_into_topic(&args.file, mirror.path(), settings, progress).await
        }
    };
    bar.finish_and_clear();
    let heads = done.map_err(|error| -> anyhow::Error {
        let words = format!("nothing was imported: {error}");
        match error {
            ImportError::Topic(error) if error.misused() => Misused(words).into(),
            ImportError::Occupied(_)
            | ImportError::File(
                file::FileError::Foreign(_) | file::FileError::Newer { .. } | file::FileError::Io { .. },
            ) => Misused(words).into(),
            _ => Wrong(words).into(),
        }
    })?;
    for head in heads {
        println!("partition {}: {} commits, head {}", head.partition, head.next_seq, head.hash);
    }
    if let Some(topic) = topic {
        println!("imported into the topic {}; evidence and keys are not in it", topic.topic);
        return Ok(());
    }
    println!("imported into {}; copy evidence/ and keys/ beside it, then `mirano rebuild`", args.folder.data.display());
    Ok(())
}
