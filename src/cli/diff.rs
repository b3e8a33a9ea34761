//! `mirano diff`: what two moments differ in, as a table; from a server, or from a data folder or an exported file without one.

use super::log::time;
use super::place::no_cut;
use super::{Misused, Server, Wrong, list, text};
use crate::audit::latest::{Latest, LatestError};
use crate::audit::verify::Keys;
use crate::core::policy::Policy;
use crate::core::vault::{MemoryVault, Vault};
use crate::engine::{Clock, SystemClock};
use crate::history::side::Side;
use crate::history::{Asker, Book, HELD, HistoryError, LogTimes, Times, compare, render, survey};
use crate::node::{KEYS, VIEWS};
use crate::words::{self, Lang, attribute, code, label, moment, one};
use anyhow::{Context, Result};
use console::Style;
use futures::StreamExt;
use mirano_replay::apply::in_force;
use mirano_replay::rows::{PolicyRow, key};
use mirano_replay::store::{ReadExt, StoreError};
use mirano_schemas::Timestamp;
use reqwest::Method;
use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Compare two moments
#[derive(clap::Args)]
#[command(
    after_help = "A side is one of\n  <snapshot id>          a sealed snapshot\n  job:<id>@<at>          a job at a moment\n  <subject>@<at>         what was known of a subject: company:7707083893@2026-03-01T00:00:00Z\n  world@<cut>            the whole base (role auditor)\n<at> is a time, a position partition:seq, a cut (positions with commas), or now; the last @ splits.\n\nOnly what has a complete answer on both sides is compared; the rest is listed below the table."
)]
pub(super) struct Args {
    /// The earlier side
    from: String,
    /// The later side
    to: String,
    /// Read a data folder or an exported file instead of asking a server; a running server may keep writing to it
    #[arg(long, value_name = "PATH")]
    data: Option<PathBuf>,
    /// Print the whole difference as JSON
    #[arg(long)]
    json: bool,
    /// Print one JSON object a line, as they are found: for differences of any size. The first line is all that belongs to
    /// the whole, the last `{"end": true, …}`
    #[arg(long, conflicts_with = "json")]
    ndjson: bool,
    #[command(flatten)]
    server: Server,
}

pub(super) async fn run(args: Args) -> Result<()> {
    if args.ndjson {
        return match &args.data {
            Some(folder) => lines_of_folder(folder, &args.from, &args.to),
            None => lines_of_server(&args).await,
        };
    }
    let diff = match &args.data {
        Some(folder) => in_folder(folder, |book, policy| {
            let comparison = compare(book, Side::open(book, &args.from)?, Side::open(book, &args.to)?)?;
            render::page(book, policy, &comparison)
        })
        .and_then(|view| Ok(serde_json::to_value(view)?))?,
        None => from_server(&args).await?,
    };
    if args.json {
        println!("{}", serde_json::to_string_pretty(&diff)?);
    } else {
        print!("{}", table(&diff, args.server.lang()));
    }
    Ok(())
}

fn lines_of_folder(folder: &Path, from: &str, to: &str) -> Result<()> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let told = in_folder(folder, |book, policy| {
        let survey = survey(book, Side::open(book, from)?, Side::open(book, to)?, HELD)?;
        render::lines(book, policy, &survey, &mut |line| {
            writeln!(out, "{line}").map_err(|_| HistoryError::NobodyReads)
        })?;
        out.flush().map_err(|_| HistoryError::NobodyReads)
    });
    match told {
        // A reader that went away, such as `head`, has what it wanted.
        Err(error) if matches!(error.downcast_ref(), Some(HistoryError::NobodyReads)) => Ok(()),
        told => told,
    }
}

async fn lines_of_server(args: &Args) -> Result<()> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let mut gone = false;
    each_line(args, |line| {
        gone = out.write_all(line).and_then(|()| out.write_all(b"\n")).is_err();
        Ok(!gone)
    })
    .await?;
    out.flush().ok();
    Ok(())
}

/// All differences at once: the server finds them once and holds none.
async fn from_server(args: &Args) -> Result<Value> {
    let (mut whole, mut items) = (Value::Null, Vec::new());
    each_line(args, |line| {
        let line: Value = serde_json::from_slice(line).map_err(|error| Wrong(format!("not JSON: {error}")))?;
        match line.get("end") {
            Some(_) => {}
            None if whole.is_null() => whole = line,
            None => items.push(line),
        }
        Ok(true)
    })
    .await?;
    // In the order in which people read them, as the pages of the interface have it.
    let order = |item: &Value| ["changed", "added", "gone"].iter().position(|op| *op == text(item, "op"));
    items.sort_by_cached_key(|item| {
        let thing = ["source", "kind", "subject"].map(|name| text(item, name).to_owned());
        (order(item), thing, item.get("identity").map(Value::to_string))
    });
    if let Some(whole) = whole.as_object_mut() {
        whole.insert("items".to_owned(), Value::Array(items));
    }
    Ok(whole)
}

/// Hands over the lines of an answer, until `take` wants no more; an answer without its end is an error.
async fn each_line(args: &Args, mut take: impl FnMut(&[u8]) -> Result<bool>) -> Result<()> {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("from", &args.from).append_pair("to", &args.to);
    let path = format!("/v1/diff?{}", query.finish());
    let request = args.server.request(Method::GET, &path).header("accept", "application/x-ndjson");
    let mut pieces = args.server.answer(request).await?.bytes_stream();
    let (mut rest, mut ended) = (Vec::new(), false);
    while let Some(piece) = pieces.next().await {
        rest.extend_from_slice(&piece.map_err(|error| Wrong(format!("the answer was broken off: {error}")))?);
        let whole = rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        for line in rest.drain(..whole).as_slice().split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            ended = line.starts_with(b"{\"end\":true");
            if !take(line)? {
                return Ok(());
            }
        }
    }
    if ended { Ok(()) } else { Err(Wrong("the answer has no end: it was broken off".to_owned()).into()) }
}

/// Asks the history of a folder or an exported file, up to its last commit.
fn in_folder<T>(path: &Path, ask: impl FnOnce(&Book<'_>, &Policy) -> Result<T, HistoryError>) -> Result<T> {
    // Before the log is read: what is there by now is then read, however long that takes and whoever goes on writing.
    let began = Clock::now(&SystemClock);
    let keys = Keys::in_folder(&path.join(KEYS)).context("the keys of persons can't be read")?;
    let latest = Latest::open(path, &path.join(VIEWS), &keys).map_err(|error| unread(path, error))?;
    let log = &*latest.cut.log;
    let last = latest.last();
    let times = LogTimes(log);
    let mut ended = Timestamp::default();
    for position in &last {
        ended = ended.max(times.recorded_at(*position)?.unwrap_or_default());
    }
    let cut: Vec<String> = last.iter().map(ToString::to_string).collect();
    eprintln!("read up to {}, recorded at {}", cut.join(","), time(ended));
    // A folder knows what is known now; a file what was known at its end.
    let now = if path.is_file() { ended } else { began };
    // Without keys, persons are as if they were erased.
    let nobody: Arc<dyn Vault> = Arc::new(MemoryVault::seeded(0));
    let vault = keys.0.unwrap_or(nobody);
    let asked = latest.ask(|rows| -> Result<T> {
        let policy = |version: u64| -> Result<_, StoreError> {
            let row: Option<PolicyRow> = rows.row(&key::policy(version))?;
            let row = row.ok_or_else(|| StoreError::Storage(format!("there is no policy {version}")))?;
            Policy::adopted(&row.adopted).map(Arc::new).map_err(StoreError::Storage)
        };
        let version = in_force(rows, 0)?.ok_or_else(|| Wrong("no policy was ever adopted here".to_owned()))?;
        let in_force = policy(version)?;
        let book = Book { rows, times: &times, vault: &*vault, policy: &policy, now, asker: Asker::Holder };
        ask(&book, &in_force).map_err(|error| match error {
            HistoryError::Store(_) | HistoryError::Log(_) | HistoryError::NobodyReads => anyhow::Error::from(error),
            other => Misused(other.to_string()).into(),
        })
    });
    asked.map_err(|error| unread(path, error))?
}

/// Why a folder or file can't be asked, as wrong use or as something that is wrong.
fn unread(path: &Path, error: LatestError) -> anyhow::Error {
    match error {
        LatestError::Cut(error) => no_cut(path, error),
        other => Wrong(other.to_string()).into(),
    }
}

/// A value of an attribute as people write it; nothing is `—`.
fn plain(lang: Lang, kind: &str, name: &str, value: Option<&Value>) -> String {
    let value = value.filter(|value| !value.is_null());
    let said = value.map(|value| attribute(lang, kind, name, None, value).unwrap_or_else(|_| value.to_string()));
    said.unwrap_or_else(|| "—".to_owned())
}

/// Attributes by the names that people call them.
fn pairs(lang: Lang, kind: &str, value: Option<&Value>) -> String {
    let pairs = value.and_then(Value::as_object).into_iter().flatten();
    let told =
        pairs.map(|(name, value)| format!("{}: {}", label(lang, kind, name), plain(lang, kind, name, Some(value))));
    told.collect::<Vec<_>>().join(", ")
}

/// The difference in lines for a terminal.
fn table(diff: &Value, lang: Lang) -> String {
    let say = |id: &str| one(lang, id, &[]);
    let (bold, dim) = (Style::new().bold(), Style::new().dim());
    let null = Value::Null;
    let side = |name: &str| diff.get(name).unwrap_or(&null);
    let mut out = String::new();
    let mut line = |text: String| {
        out.push_str(text.trim_end());
        out.push('\n');
    };
    for name in ["from", "to"] {
        let word = format!("{:<5}", say(&format!("diff-{name}")));
        line(format!(
            "{} {}  {}",
            bold.apply_to(word),
            text(side(name), "ref"),
            dim.apply_to(moment(text(side(name), "at")).get(lang))
        ));
    }
    let count = |name: &str| diff.pointer(&format!("/counts/{name}")).and_then(Value::as_u64).unwrap_or(0);
    let counts = [("changed", "changed"), ("added", "added"), ("gone", "gone"), ("same", "unchanged")];
    line(one(lang, "diff-counts", &counts.map(|(name, of)| (name, count(of).into()))));
    let items: Vec<&Value> = list(diff, "items").collect();
    let identities: Vec<String> =
        items.iter().map(|item| pairs(lang, text(item, "kind"), item.get("identity"))).collect();
    let widest = identities.iter().map(|text| text.chars().count()).max().unwrap_or(0).min(48);
    for (item, identity) in items.iter().zip(&identities) {
        let (sign, style, fact) = match text(item, "op") {
            "added" => ("+", Style::new().green(), item.get("to")),
            "gone" => ("-", Style::new().red(), item.get("from")),
            _ => ("~", Style::new().yellow(), None),
        };
        let cause =
            if text(item, "cause") == "connector" { format!("  {}", say("diff-connector")) } else { String::new() };
        let erased = item.get("erased").and_then(Value::as_bool) == Some(true);
        let of = text(item, "kind");
        let kind = if erased { say("diff-erased") } else { code(lang, "kind", of) };
        let moved: Vec<String> = item
            .get("attrs")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .map(|(name, moved)| {
                let [from, to] = ["from", "to"].map(|side| plain(lang, of, name, moved.get(side)));
                format!("{}: {from} → {to}", label(lang, of, name))
            })
            .collect();
        let rest = fact.map(|fact| pairs(lang, of, fact.get("attrs"))).unwrap_or_else(|| moved.join(", "));
        line(format!("{} {kind:<18} {identity:<widest$}  {rest}{}", style.apply_to(sign), dim.apply_to(cause)));
    }
    for skipped in list(diff, "not_compared") {
        line(format!(
            "{} {} {}: {} ({})",
            say("diff-not_compared"),
            text(skipped, "source"),
            text(skipped, "subject"),
            code(lang, "lacks", text(skipped, "reason")),
            code(lang, "lacking", text(skipped, "side")),
        ));
    }
    let risk = side("risk");
    if !risk.is_null() {
        let score = |side: &str| {
            let said = words::score_of(risk, side).map(|said| said.get(lang).to_owned());
            said.unwrap_or_else(|| plain(lang, "", "score", risk.get(side)))
        };
        line(format!("{} {} → {}", bold.apply_to(say("diff-risk")), score("from"), score("to")));
        for because in list(risk, "because") {
            let points = because.get("points").and_then(Value::as_i64).unwrap_or(0);
            let facts = list(because, "facts").count();
            let title = because.get("title").map(|title| text(title, lang.code())).unwrap_or_default();
            let title = if title.is_empty() { text(because, "rule") } else { title };
            line(format!("  {points:+} {title}: {} ({facts})", code(lang, "by", text(because, "by"))));
        }
        if let Some(ends) = words::score_ends(risk) {
            line(format!("  {}", dim.apply_to(ends.get(lang))));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::table;
    use crate::words::Lang;
    use expect_test::expect;
    use serde_json::json;

    #[test]
    fn a_table_says_what_changed_first() {
        let diff = json!({
            "from": {"ref": "a", "at": "2026-01-01T00:00:00Z"}, "to": {"ref": "b", "at": "2026-02-01T00:00:00Z"},
            "counts": {"added": 1, "gone": 1, "changed": 1, "unchanged": 43},
            "items": [
                {"op": "changed", "kind": "listing.offer", "identity": {"id": "o1"}, "cause": "connector",
                 "attrs": {"price": {"from": "11238000", "to": "9"}, "right_since": {"from": "2022-04-26", "to": "2026-04-26"}, "rooms": {"from": null, "to": 2}}},
                {"op": "added", "kind": "listing.offer", "identity": {"id": "o22"}, "cause": "world", "attrs": {},
                 "to": {"attrs": {"price": "7"}}},
                {"op": "gone", "kind": null, "identity": {}, "cause": "world", "attrs": {}, "from": null, "erased": true}],
            "not_compared": [{"source": "courts", "subject": "company:1", "side": "to", "reason": "failed"}],
            "risk": {"from": 20, "to": 30, "because": [{"rule": "price.low", "points": 10, "by": "changed", "facts": ["f"]}]},
        });
        console::set_colors_enabled(false);
        expect![[r#"
            from  a  1 January 2026, 00:00 UTC
            to    b  1 February 2026, 00:00 UTC
            1 changed, 1 added, 1 gone, 43 unchanged
            ~ Offer              id: o1   price: 11,238,000 → 9, title since: 26 April 2022 → 26 April 2026, rooms: — → 2  (the way of reading changed)
            + Offer              id: o22  price: 7
            - (erased)
            not compared: courts company:1: the source gave no answer (after)
            risk 20 → 30
              +10 price.low: by facts that changed (1)
        "#]]
        .assert_eq(&table(&diff, Lang::En));
        let full = json!({"risk": {"from": 45, "to": 100, "because": [{"rule": "r", "points": 170, "by": "added"}]}});
        assert!(table(&full, Lang::En).ends_with("a score ends at 100.\n"), "{}", table(&full, Lang::En));
        assert!(table(&full, Lang::Ru).contains("не выходит за 100"), "{}", table(&full, Lang::Ru));
        let russian = table(&diff, Lang::Ru);
        assert!(russian.contains("цена: 7") && !russian.contains("price:"), "{russian}");
    }
}
