//! `mirano check`: a client that shows progress by source, then the report.

use super::{Server, Wrong};
use anyhow::Result;
use futures::StreamExt;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use reqwest::Method;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::time::Duration;

/// Check an address on a running server
#[derive(clap::Args)]
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
    /// Print the job as JSON when it is final, and nothing else
    #[arg(long)]
    json: bool,
    /// Words in `ru` or `en`
    #[arg(long, default_value_t = language())]
    lang: String,
    #[command(flatten)]
    server: Server,
}

/// Tries in a row to take up the events again, without anything new.
const TRIES: u32 = 4;
/// The pause before the first of them.
const PAUSE: Duration = Duration::from_millis(500);

/// The language of the environment.
pub(super) fn language() -> String {
    let set =
        ["LC_ALL", "LC_MESSAGES", "LANG"].iter().find_map(|name| std::env::var(name).ok().filter(|v| !v.is_empty()));
    if set.is_some_and(|set| set.starts_with("ru")) { "ru".to_owned() } else { "en".to_owned() }
}

pub(super) async fn run(args: Args) -> Result<()> {
    let server = &args.server;
    let pairs = |list: &[String]| -> BTreeMap<String, String> {
        list.iter()
            .map(|pair| pair.split_once('=').unwrap_or(("*", pair.as_str())))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    };
    let mut request = serde_json::json!({ "address": args.address, "profile": args.profile });
    if let Some(object) = request.as_object_mut() {
        if !args.inputs.is_empty() {
            object.insert("inputs".to_owned(), serde_json::to_value(pairs(&args.inputs))?);
        }
        if !args.max_age.is_empty() {
            object.insert("max_age".to_owned(), serde_json::to_value(pairs(&args.max_age))?);
        }
    }
    let lang = format!("?lang={}", args.lang);
    let started = server.json(server.request(Method::POST, &format!("/v1/jobs{lang}")).json(&request)).await?;
    let id = text(&started, "job_id").to_owned();
    let job = if is_final(&started) { started } else { follow(&args, &id, started).await? };
    if args.json {
        println!("{}", serde_json::to_string_pretty(&job)?);
    } else {
        let report = server.json(server.request(Method::GET, &format!("/v1/jobs/{id}/report{lang}"))).await?;
        print(&args, &job, &report);
    }
    if text(&job, "status") == "FAILED" {
        return Err(Wrong("no source answered".to_owned()).into());
    }
    Ok(())
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or("")
}

fn list<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}

fn is_final(job: &Value) -> bool {
    job.get("final").and_then(Value::as_bool).unwrap_or(false)
}

/// Follows the job's events until it is final.
async fn follow(args: &Args, id: &str, first: Value) -> Result<Value> {
    let server = &args.server;
    let bars = Bars::new(!args.json && std::io::stderr().is_terminal());
    bars.show(&first);
    let path = format!("/v1/jobs/{id}/events?lang={}", args.lang);
    let (mut last_id, mut tries) = (String::new(), 0);
    loop {
        let seen = last_id.clone();
        let ended = listen(server, &path, &bars, &mut last_id).await;
        if matches!(ended, Ok(true)) {
            break;
        }
        // Progress counts: only tries that bring nothing are limited.
        tries = if seen == last_id { tries + 1 } else { 1 };
        if tries > TRIES {
            bars.clear();
            let why = ended.err().map(|error| format!(": {error}")).unwrap_or_default();
            return Err(Wrong(format!("the events of job {id} ended before it was final{why}")).into());
        }
        // Nothing tells when a server is back: it is asked again, each time later.
        tokio::time::sleep(PAUSE * tries).await;
    }
    bars.clear();
    let job = server.json(server.request(Method::GET, &format!("/v1/jobs/{id}?lang={}", args.lang))).await?;
    if !is_final(&job) {
        return Err(Wrong(format!("job {id} is not final: it was opened again meanwhile")).into());
    }
    Ok(job)
}

/// Listens once: whether the job became final before the stream ended.
async fn listen(server: &Server, path: &str, bars: &Bars, last_id: &mut String) -> Result<bool> {
    let mut request = server.request(Method::GET, path).header("accept", "text/event-stream");
    if !last_id.is_empty() {
        request = request.header("last-event-id", last_id.as_str());
    }
    let answer = request.send().await?;
    let status = answer.status();
    if !status.is_success() {
        let body: Value = answer.json().await.unwrap_or(Value::Null);
        return Err(Wrong(format!("{status}: {}", super::problem(&body))).into());
    }
    let mut chunks = answer.bytes_stream();
    let mut pending = Vec::new();
    while let Some(chunk) = chunks.next().await {
        pending.extend_from_slice(&chunk?);
        while let Some(end) = pending.windows(2).position(|pair| pair == b"\n\n") {
            let event: Vec<u8> = pending.drain(..end + 2).collect();
            let event = String::from_utf8_lossy(&event).into_owned();
            let field =
                |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::trim).unwrap_or("");
            let data: Value = serde_json::from_str(field("data:")).unwrap_or(Value::Null);
            if !field("id:").is_empty() {
                field("id:").clone_into(last_id);
            }
            match field("event:") {
                "job" if is_final(&data) => return Ok(true),
                "job" => bars.show(&data),
                "source" => bars.row(&data),
                "done" => return Ok(true),
                _ => {}
            }
        }
    }
    Ok(false)
}

/// One line a source, while it is asked.
struct Bars {
    all: Option<MultiProgress>,
    rows: std::cell::RefCell<BTreeMap<String, ProgressBar>>,
}

impl Bars {
    fn new(visible: bool) -> Self {
        Self { all: visible.then(MultiProgress::new), rows: Default::default() }
    }

    fn show(&self, job: &Value) {
        list(job, "sources").for_each(|row| self.row(row));
    }

    fn row(&self, row: &Value) {
        let Some(all) = &self.all else { return };
        let mut rows = self.rows.borrow_mut();
        let bar = rows.entry(text(row, "need_id").to_owned()).or_insert_with(|| {
            let bar = all.add(ProgressBar::new_spinner());
            if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix:<22} {msg}") {
                bar.set_style(style);
            }
            bar.set_prefix(text(row, "source").to_owned());
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        bar.set_message(line(row));
        if !row.get("updating").and_then(Value::as_bool).unwrap_or(false) && text(row, "state") != "waiting_for_subject"
        {
            bar.abandon();
        }
    }

    fn clear(&self) {
        if let Some(all) = &self.all {
            let _ = all.clear();
        }
    }
}

/// A row in a few words.
fn line(row: &Value) -> String {
    let mut words = vec![text(row, "state").to_owned()];
    if let Some(facts) = row.get("facts").and_then(Value::as_u64)
        && !text(row, "observed_at").is_empty()
    {
        words.push(format!("{facts} facts"));
        words.push(text(row, "origin").to_owned());
    }
    let blocked = row.get("blocked_on").unwrap_or(&Value::Null);
    if !text(blocked, "reason").is_empty() {
        let eta = blocked.get("eta_s").and_then(Value::as_u64).map(|s| format!(", about {s} s")).unwrap_or_default();
        words.push(format!("waits for {}{eta}", text(blocked, "reason")));
    }
    words.join(" · ")
}

fn print(args: &Args, job: &Value, report: &Value) {
    let ru = args.lang == "ru";
    let say = |russian: &'static str, english: &'static str| if ru { russian } else { english };
    let style = console::Style::new();
    let (bold, dim) = (style.clone().bold(), style.dim());
    let address = job.get("address").unwrap_or(&Value::Null);
    println!("{}", bold.apply_to(text(address, "canonical")));
    println!("{}  {}", text(job, "status"), dim.apply_to(text(job, "job_id")));
    for sentence in list(job, "honesty").filter_map(Value::as_str) {
        println!("  {sentence}");
    }
    println!();
    for row in list(job, "sources") {
        let note = row.get("note").map(|note| text(note, &args.lang)).unwrap_or("");
        let subject = text(row, "subject").split(':').next().unwrap_or("");
        println!(
            "  {:<22} {:<9} {:<16} {:>4}  {}",
            text(row, "source"),
            subject,
            text(row, "state"),
            row.get("facts").and_then(Value::as_u64).map(|n| n.to_string()).unwrap_or_default(),
            dim.apply_to(note)
        );
        if let Some(cause) =
            row.get("last_failure").map(|failure| text(failure, "cause")).filter(|cause| !cause.is_empty())
        {
            println!("  {:<22} {}", "", dim.apply_to(cause));
        }
    }
    let risk = job.get("risk").unwrap_or(&Value::Null);
    let at_least = if text(risk, "score_is") == "at_least" { say("не менее ", "at least ") } else { "" };
    println!();
    println!(
        "{} {at_least}{} / 100 · {}",
        bold.apply_to(say("Риск", "Risk")),
        risk.get("score").and_then(Value::as_u64).unwrap_or(0),
        text(risk, "level")
    );
    for factor in list(risk, "factors") {
        let facts = list(factor, "facts").count();
        println!(
            "  +{:<4} {}  ({facts})",
            factor.get("points").and_then(Value::as_i64).unwrap_or(0),
            text(factor, "rule")
        );
    }
    for missing in list(report, "not_checked") {
        let reason = missing.get("reason").or(missing.get("cause")).and_then(Value::as_str).unwrap_or("");
        println!("  {}: {} {reason}", say("не проверено", "not checked"), text(missing, "source"));
    }
    if let Some(snapshot) = list(job, "snapshots").last() {
        println!("{}", dim.apply_to(format!("{} {}", say("снимок", "snapshot"), text(snapshot, "snapshot_id"))));
    }
}
