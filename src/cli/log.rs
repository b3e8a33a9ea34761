//! `mirano log`: the commits of a log, read from its files.

use super::Misused;
use super::place::PlaceArgs;
use crate::audit::json::{readable, stream};
use crate::sequencer::{Committed, Record, kafka};
use anyhow::{Context, Result};
use mirano_schemas::codec::CommitBody;
use mirano_schemas::envelope::Envelope;
use mirano_schemas::{CommitHash, Event, Position, Timestamp};
use std::io::Write;

/// Show the commits of a log
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    place: PlaceArgs,
    /// From this position on (`partition:seq`), one partition after the other
    #[arg(long, default_value = "0:0")]
    from: String,
    /// At most so many
    #[arg(long, default_value_t = 50)]
    limit: usize,
    /// Only commits with an event of this type, such as SnapshotSealed
    #[arg(long = "type", value_name = "EVENT")]
    kind: Option<String>,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: &Args) -> Result<()> {
    let from: Position = args.from.parse().map_err(|error| Misused(format!("--from: {error}")))?;
    if let Some(kind) = &args.kind
        && !Event::is_known(kind)
    {
        return Err(Misused(format!("--type: there is no event {kind}; docs/FORMATS.md lists them")).into());
    }
    let place = args.place.find().await?;
    let log = place.open()?;
    if from.partition >= log.partitions() {
        return Err(Misused(format!("this log has {} partitions", log.partitions())).into());
    }
    let mut out = std::io::stdout().lock();
    let (Position { mut partition, seq: mut next }, mut shown) = (from, 0);
    while shown < args.limit {
        let records = log.records(partition, next, PAGE)?;
        let Some(last) = records.last() else {
            (partition, next) = (partition + 1, 0);
            if partition == log.partitions() {
                return Ok(());
            }
            continue;
        };
        next = last.upon + 1;
        for record in records {
            let printed = match record.counts {
                Some(hash) => {
                    let commit = committed(partition, hash, record.record)?;
                    let body =
                        CommitBody::decode(commit.body()).with_context(|| format!("commit {}", commit.position))?;
                    if args.kind.as_ref().is_some_and(|kind| !body.events.iter().any(|event| event.name() == kind)) {
                        continue;
                    }
                    print(&mut out, args.json, &commit, &body)
                }
                // What a void record says never happened, so it has no type.
                None if args.kind.is_some() => continue,
                None => print_void(&mut out, args.json, partition, &record),
            };
            // A reader that went away, such as `head`, ends the listing.
            if printed.is_err() {
                return Ok(());
            }
            shown += 1;
            if shown >= args.limit {
                break;
            }
        }
    }
    Ok(())
}

/// Records that are read at once.
const PAGE: usize = 256;

fn committed(partition: u32, hash: CommitHash, record: bytes::Bytes) -> Result<Committed> {
    let envelope = Envelope::parse(&record).with_context(|| format!("partition {partition}"))?;
    Ok(Committed { position: envelope.position, hash, envelope, record })
}

/// A record that never counts: at which commit it came too late, and whose decision it was, as far as it says.
fn print_void(out: &mut impl Write, json: bool, partition: u32, record: &Record) -> std::io::Result<()> {
    let position = Position { partition, seq: record.upon };
    let envelope = Envelope::parse(&record.record).ok();
    if json {
        let line = serde_json::json!({
            "position": position.to_string(),
            "void": true,
            "decided_upon": envelope.map(|envelope| envelope.position.to_string()),
            "prev": envelope.map(|envelope| envelope.prev.to_string()),
            "bytes": record.record.len(),
        });
        return writeln!(out, "{line}");
    }
    let why = match envelope {
        Some(envelope) => format!("decided for {}", envelope.position),
        None if kafka::is_birth(&record.record) => "the birth of the log".to_owned(),
        None => "not a commit".to_owned(),
    };
    writeln!(out, "{position}  void: {why}, {} bytes", record.record.len())
}

fn print(out: &mut impl Write, json: bool, commit: &Committed, body: &CommitBody) -> std::io::Result<()> {
    let at = time(body.head.recorded_at);
    if json {
        let line = json_line(commit, body);
        return writeln!(out, "{line}");
    }
    let cause = body.head.cause.map(|cause| format!("  because of {cause}")).unwrap_or_default();
    let hash: String = commit.hash.to_string().chars().take(12).collect();
    writeln!(out, "{}  {at}  {hash}…{cause}", commit.position)?;
    for event in &body.events {
        writeln!(out, "    {}", event.name())?;
    }
    Ok(())
}

/// A moment as RFC 3339.
pub(super) fn time(at: Timestamp) -> String {
    let at = chrono::DateTime::from_timestamp_millis(at.0).unwrap_or_default();
    at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

/// A commit as one JSON object.
pub(super) fn json_line(commit: &Committed, body: &CommitBody) -> serde_json::Value {
    let events = body.events.iter().map(|event| {
        let said = serde_json::to_value(event).ok().and_then(|value| match value {
            serde_json::Value::Object(map) => map.into_iter().next().map(|(_, body)| readable(body)),
            _ => None,
        });
        serde_json::json!({
            "type": event.name(), "version": event.version(), "stream": stream(event),
            "body": said.unwrap_or(serde_json::Value::Null),
        })
    });
    serde_json::json!({
        "position": commit.position.to_string(),
        "hash": commit.hash.to_string(),
        "prev": commit.envelope.prev.to_string(),
        "bytes": commit.record.len(),
        "recorded_at": time(body.head.recorded_at),
        "cause": body.head.cause.map(|cause| cause.to_string()),
        "commands": body.head.commands.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "events": events.collect::<Vec<_>>(),
    })
}
