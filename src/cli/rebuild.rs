//! `mirano rebuild`: the views, made anew from the log.

use super::{DataFolder, Misused};
use crate::engine::catch_up;
use crate::node::VIEWS;
use crate::sequencer::Sequencer;
use crate::sequencer::embedded::{EmbeddedLog, Options};
use crate::views::Views;
use anyhow::{Context, Result};
use data_encoding::HEXLOWER;
use indicatif::{ProgressBar, ProgressStyle};
use std::time::Instant;

/// Make the views anew from the log
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    folder: DataFolder,
    /// Only print the digest of the views as they are
    #[arg(long)]
    digest_only: bool,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let partitions = EmbeddedLog::open_read_only(&args.folder.data).context("the log can't be read")?.partitions();
    // The lock of the data folder keeps a running server out of this.
    let log = EmbeddedLog::open(&args.folder.data, Options { partitions, ..Options::default() })
        .map_err(|error| Misused(format!("the log can't be opened: {error}")))?;
    let path = args.folder.data.join(VIEWS);
    let started = Instant::now();
    if !args.digest_only {
        if path.exists() {
            Views::destroy(&path).context("the old views can't be deleted")?;
        }
        let views = Views::open(&path)?;
        for partition in 0..partitions {
            let bar = ProgressBar::new(log.head(partition).next_seq);
            if let Ok(style) =
                ProgressStyle::with_template("partition {msg} {wide_bar} {pos}/{len} commits, {eta} left")
            {
                bar.set_style(style);
            }
            bar.set_message(partition.to_string());
            let done = catch_up(&log, &views, partition, |at, _| bar.set_position(at))?;
            bar.finish_and_clear();
            println!("partition {partition}: {} commits, {} events", done.commits, done.events);
        }
        views.flush()?;
    }
    let views = Views::open(&path)?;
    for partition in 0..partitions {
        catch_up(&log, &views, partition, |_, _| ())?;
    }
    let (digest, rows) = views.digest()?;
    println!("{rows} rows, digest {}", HEXLOWER.encode(&digest));
    if !args.digest_only {
        println!("rebuilt in {:.1} s", started.elapsed().as_secs_f64());
    }
    Ok(())
}
