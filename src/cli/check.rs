//! `mirano check`: a client that shows progress by source, then the report; with `--watch` also what comes later.

mod bars;
mod events;
mod shown;

use super::titles::Titles;
use super::{Misused, Server, Wrong, list, text};
use crate::words::Arg;
use anyhow::Result;
use bars::Bars;
use console::Style;
use events::{Event, Events};
use reqwest::Method;
use serde_json::Value;
use shown::Look;
use std::collections::BTreeMap;
use std::io::IsTerminal;

/// Check an address on a running server
#[derive(clap::Args)]
#[command(
    after_help = "  mirano check \"г. Москва, ул. Тверская, д. 7, кв. 12\"\n  mirano check 77:01:0001001:1027 --max-age courts=1d     ask courts anew if their answer is older than a day\n  mirano check ADDRESS --watch                            stay, and tell what changes\n\nOnly answers past their time are asked for again; each line says where its data come from. Exit code 1: no source answered."
)]
pub(super) struct Args {
    /// The address, or a cadastral number
    address: String,
    /// The report profile
    #[arg(long, default_value = "standard")]
    profile: String,
    /// A further input of the profile, `name=value`
    #[arg(long = "input", value_name = "NAME=VALUE")]
    inputs: Vec<String>,
    /// Accept only data younger than this: `0s` asks every source anew, `courts=1d` only courts
    #[arg(long, value_name = "[SOURCE=]AGE")]
    max_age: Vec<String>,
    /// Print the job as JSON when it is final, and nothing else; with `--watch`, each event as JSON in a line of its own
    #[arg(long)]
    json: bool,
    /// Stay when the check is final, and tell what changes: a re-check, a TTL that ends, facts that come and go
    #[arg(long)]
    watch: bool,
    #[command(flatten)]
    server: Server,
}

pub(super) async fn run(args: Args) -> Result<()> {
    let server = &args.server;
    let started = server.json(server.request(Method::POST, &args.path("/v1/jobs")).json(&args.request()?)).await?;
    let id = text(&started, "job_id").to_owned();
    let look = Look { lang: server.lang(), titles: Titles::of(server).await };
    let mut events = Events::of(server, &id);
    if args.watch && args.json {
        return tell(&mut events).await;
    }
    let job = if is_final(&started) { started } else { follow(&args, &look, &mut events, &started).await? };
    if args.json {
        println!("{}", serde_json::to_string_pretty(&job)?);
    } else {
        print!("{}", look.check(&job, &args.report(&id).await?));
    }
    if args.watch {
        return watch(&args, &look, &mut events, &id).await;
    }
    if text(&job, "status") == "FAILED" {
        return Err(Wrong(server.say("cli-no_source_answered", &[("id", id.as_str().into())])).into());
    }
    Ok(())
}

impl Args {
    fn path(&self, path: &str) -> String {
        format!("{path}?lang={}", self.server.lang)
    }

    /// What is asked of the server.
    fn request(&self) -> Result<Value> {
        let input = |pair: &String| {
            let (name, value) = pair
                .split_once('=')
                .ok_or_else(|| Misused(self.server.say("cli-input_pair", &[("pair", pair.as_str().into())])))?;
            Ok((name.to_owned(), value.to_owned()))
        };
        let inputs = self.inputs.iter().map(input).collect::<Result<BTreeMap<_, _>>>()?;
        // Without a source it is for all of them.
        let age = |pair: &String| {
            let (source, age) = pair.split_once('=').unwrap_or(("*", pair.as_str()));
            (source.to_owned(), age.to_owned())
        };
        let max_age: BTreeMap<String, String> = self.max_age.iter().map(age).collect();
        let mut request = serde_json::json!({"address": self.address, "profile": self.profile});
        if let Some(object) = request.as_object_mut() {
            if !inputs.is_empty() {
                object.insert("inputs".to_owned(), serde_json::to_value(inputs)?);
            }
            if !max_age.is_empty() {
                object.insert("max_age".to_owned(), serde_json::to_value(max_age)?);
            }
        }
        Ok(request)
    }

    async fn job(&self, id: &str) -> Result<Value> {
        self.server.json(self.server.request(Method::GET, &self.path(&format!("/v1/jobs/{id}")))).await
    }

    async fn report(&self, id: &str) -> Result<Value> {
        self.server.json(self.server.request(Method::GET, &self.path(&format!("/v1/jobs/{id}/report")))).await
    }
}

fn is_final(job: &Value) -> bool {
    job.get("final").and_then(Value::as_bool).unwrap_or(false)
}

/// Follows the job's events until it is final.
async fn follow(args: &Args, look: &Look, events: &mut Events<'_>, first: &Value) -> Result<Value> {
    let bars = match (args.json, std::io::stderr().is_terminal()) {
        (true, _) => Bars::none(look),
        (false, true) => Bars::moving(look),
        // Into a file or a pipe a line for each change: whoever waits for minutes sees that something happens.
        (false, false) => Bars::lines(look),
    };
    bars.show(first);
    let ended = loop {
        match events.next().await {
            Err(error) => break Err(error),
            Ok(event) => match event.name.as_str() {
                "job" if is_final(&event.data) => break Ok(()),
                "job" => bars.show(&event.data),
                "source" => bars.row(&event.data),
                "done" => break Ok(()),
                _ => {}
            },
        }
    };
    let id = text(first, "job_id");
    let job = match ended {
        Ok(()) => args.job(id).await,
        Err(error) => Err(error),
    };
    // What was answered last may have come with the end.
    job.iter().for_each(|job| bars.show(job));
    bars.clear();
    let job = job?;
    if !is_final(&job) {
        return Err(Wrong(args.server.say("cli-not_final", &[("id", id.into())])).into());
    }
    Ok(job)
}

/// Prints each event in a line of its own, until the reader has enough.
async fn tell(events: &mut Events<'_>) -> Result<()> {
    while !super::nobody_reads() {
        let Event { name, id, data } = events.next().await?;
        println!("{}", serde_json::json!({"event": name, "id": id, "data": data}));
    }
    Ok(())
}

/// Tells what changes, and shows the whole check each time it is final again.
async fn watch(args: &Args, look: &Look, events: &mut Events<'_>, id: &str) -> Result<()> {
    eprintln!("{}", look.say("cli-watching", &[]));
    // What was shown already is not told again.
    let mut sources: BTreeMap<String, Value> = BTreeMap::new();
    while !super::nobody_reads() {
        let Event { name, data, .. } = events.next().await?;
        let line = match name.as_str() {
            "job" => {
                sources.extend(list(&data, "sources").map(|row| (text(row, "need_id").to_owned(), row.clone())));
                continue;
            }
            "source" => {
                let last = sources.insert(text(&data, "need_id").to_owned(), data.clone());
                if last.is_some_and(|last| text(&last, "state") == text(&data, "state")) {
                    continue;
                }
                format!("{}: {} · {}", look.title(text(&data, "source")), look.state(&data), look.note(&data))
            }
            "facts" => {
                let source = sources.get(text(&data, "need_id")).map(|row| text(row, "source")).unwrap_or_default();
                let count = |name: &str| Arg::from(data.get(name).and_then(Value::as_u64).unwrap_or(0));
                let [added, gone, changed] = ["added", "gone", "changed"].map(|name| (name, count(name)));
                look.say("cli-facts_moved", &[("source", look.title(source).into()), added, gone, changed])
            }
            "snapshot" => look.say("cli-sealed", &[("id", text(&data, "snapshot_id").into())]),
            "done" => {
                let job = args.job(id).await?;
                print!("{}", look.check(&job, &args.report(id).await?));
                continue;
            }
            _ => continue,
        };
        let now = chrono::Local::now().format("%H:%M:%S");
        println!("{} {line}", Style::new().dim().apply_to(now));
    }
    Ok(())
}
