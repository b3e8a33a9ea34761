//! `mirano verify`: every frame, hash and chain of a log, read from its files.

use super::{DataFolder, Wrong};
use crate::sequencer::Sequencer;
use crate::sequencer::embedded::EmbeddedLog;
use anyhow::{Context, Result};
use mirano_schemas::codec::CommitBody;

/// Check a log
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    folder: DataFolder,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let log = EmbeddedLog::open_read_only(&args.folder.data).context("the log can't be read")?;
    log.verify_all().map_err(|error| Wrong(format!("the log is damaged: {error}")))?;
    for partition in 0..log.partitions() {
        let (mut next, mut events) = (0, 0u64);
        loop {
            let commits = log.read(partition, next, 4 * 1024 * 1024)?;
            let Some(last) = commits.last() else { break };
            next = last.position.seq + 1;
            for commit in &commits {
                let body = CommitBody::decode(commit.body())
                    .map_err(|error| Wrong(format!("commit {} does not decode: {error}", commit.position)))?;
                events += body.events.len() as u64;
            }
        }
        println!("partition {partition}: {next} commits, {events} events, head {}", log.head(partition).hash);
    }
    println!("nothing wrong found");
    Ok(())
}
