//! `mirano sources test`: one file of a source, its request, and what is read from an answer.

use super::{Misused, Wrong};
use crate::sources::config::{read_proxies, read_source};
use crate::sources::connector::report::{TestReport, report};
use crate::sources::connector::{PreparedRequest, RawPage};
use crate::work::fetch::{FetchOptions, Fetcher, Proxy};
use crate::work::page::Page;
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Work on files of sources
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Check a file, ask its source once (or read a saved page), and show what is found
    Test {
        /// The file, such as sources/courts.toml
        file: PathBuf,
        /// A parameter, `name=value`; `subject=…` sets the need's subject
        #[arg(long = "params", value_name = "NAME=VALUE")]
        params: Vec<String>,
        /// A saved page, instead of asking the source
        #[arg(long, value_name = "FILE")]
        page: Option<PathBuf>,
        /// The HTTP status that the saved page came with
        #[arg(long, default_value_t = 200)]
        status: u16,
        /// Ask a source that has proxies without one: it sees this machine's address
        #[arg(long)]
        direct: bool,
        /// Only check the file and show the request
        #[arg(long)]
        dry_run: bool,
    },
}

pub(super) async fn run(args: Args) -> Result<()> {
    let Command::Test { file, params, page, status, direct, dry_run } = args.command;
    let text = std::fs::read_to_string(&file).with_context(|| format!("{} can't be read", file.display()))?;
    let name = file.display().to_string();
    let mut given = BTreeMap::new();
    for param in &params {
        let (key, value) = param.split_once('=').ok_or_else(|| Misused(format!("--params {param}: not name=value")))?;
        given.insert(key.to_owned(), value.to_owned());
    }
    let asked = report(&name, &text, given.clone(), None);
    let page = match (page, &asked.request) {
        (Some(path), _) => {
            let body = std::fs::read(&path).with_context(|| format!("{} can't be read", path.display()))?;
            let final_url = asked.request.as_ref().map(|request| request.url.to_string()).unwrap_or_default();
            Some(RawPage { status, headers: Vec::new(), body: body.into(), final_url })
        }
        (None, Some(request)) if !dry_run => Some(fetch(&file, &text, request, direct).await?),
        _ => None,
    };
    let report = report(&name, &text, given, page.as_ref());
    show(&report);
    if report.ok() { Ok(()) } else { Err(Wrong("the source is not usable like this".to_owned()).into()) }
}

async fn fetch(file: &Path, text: &str, request: &PreparedRequest, direct: bool) -> Result<RawPage> {
    let name = file.display().to_string();
    let source = read_source(&name, text).map_err(|problems| Wrong(lines(&problems)))?;
    let proxy = match source.spec.limits.proxies.as_deref().filter(|_| !direct) {
        Some(pool) => Some(proxy(file, pool)?),
        None => None,
    };
    let fetcher = Fetcher::new(FetchOptions::default());
    let mut page = Page::new(&source.spec, request, proxy);
    loop {
        let sent = page.send(&fetcher).await;
        let sent = sent.map_err(|error| Wrong(format!("unavailable: {}: {}", error.code(), error.cause)))?;
        if sent.whole {
            return Ok(sent.fetched.into());
        }
    }
}

/// The first proxy of a pool, by the `proxies.toml` of the folder that the source's file lies in.
fn proxy(file: &Path, pool: &str) -> Result<Proxy> {
    let path = file.parent().unwrap_or(Path::new("")).join("../proxies.toml");
    let without = "ask with --direct if the source may see this machine's address";
    let text = std::fs::read_to_string(&path).map_err(|error| {
        Wrong(format!("the source is asked by proxies, and {}: {error}; {without}", path.display()))
    })?;
    let name = path.display().to_string();
    let pools = read_proxies(&name, &text).map_err(|problems| Wrong(lines(&problems)))?;
    let first = pools.0.get(pool).and_then(|proxies| proxies.first_key_value());
    let (proxy, url) = first.ok_or_else(|| Wrong(format!("{name} has no proxy in the pool {pool}; {without}")))?;
    Ok(Proxy { name: format!("{pool}/{proxy}"), url: url.clone() })
}

fn lines(problems: &[impl ToString]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn show(report: &TestReport) {
    for problem in &report.problems {
        println!("{problem}");
    }
    if let Some(request) = &report.request {
        println!("request   {} {}", request.method, request.url);
    }
    if let Some(why) = &report.not_asked {
        println!("not asked {why}");
    }
    let Some(page) = &report.page else { return };
    println!("verdict   {:?}", page.verdict);
    if let Some(cause) = &page.cause {
        let line = page.line.map(|line| format!(" (line {line})")).unwrap_or_default();
        println!("because   {cause}{line}");
    }
    println!("items     {}   attributes filled {} of {}", page.items, page.filled.0, page.filled.1);
    for note in &page.notes {
        println!("note      {note}");
    }
    for fact in &page.facts {
        println!("fact      {} about {}", fact.kind, fact.subject);
        let all = [("identity", &fact.identity), ("material", &fact.attrs), ("volatile", &fact.volatile)];
        for (word, attrs) in all {
            for (name, value) in attrs {
                println!("            {word:<9} {name} = {value:?}");
            }
        }
    }
    if let Some(next) = &page.next {
        println!("next      {} {}", next.method, next.url);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_with_proxies_is_not_asked_directly_unawares() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("sources/courts.toml");
        std::fs::create_dir(folder.path().join("sources")).expect("made");
        let refused = |pool: &str| proxy(&file, pool).map(|proxy| proxy.name).expect_err("refused").to_string();
        assert!(refused("default").contains("--direct"), "no proxies.toml");
        let text = "[default.proxies]\np1 = \"http://proxy.example:3128\"\n";
        std::fs::write(folder.path().join("proxies.toml"), text).expect("written");
        let found = proxy(&file, "default").expect("there");
        assert_eq!((found.name.as_str(), found.url.as_str()), ("default/p1", "http://proxy.example:3128"));
        assert!(refused("other").contains("no proxy in the pool other"));
        std::fs::write(folder.path().join("proxies.toml"), text.replace("proxy.", "user:hunter2@proxy."))
            .expect("written");
        let wrong = refused("default");
        assert!(wrong.contains("never written out") && !wrong.contains("hunter2"), "{wrong}");
    }
}
