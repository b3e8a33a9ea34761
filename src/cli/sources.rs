//! `mirano sources test`: one file of a source, its request, and what is read from an answer.

use super::{Misused, Wrong};
use crate::core::policy::AuthKind;
use crate::engine::{Clock, SystemClock};
use crate::sources::config::{QUEUE_SCHEMA, SCHEMA, read_source};
use crate::sources::connector::report::{TestReport, TestedPage, report};
use crate::sources::connector::{Connector, PreparedRequest, RawPage};
use crate::work::fetch::{FetchOptions, Fetcher};
use crate::work::page::Page;
use crate::work::session::Session;
use crate::work::tokens::{NoToken, Tokens, Wanted};
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::path::PathBuf;

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
        /// A saved page, instead of asking the source; one more for each further request
        #[arg(long = "page", value_name = "FILE")]
        pages: Vec<PathBuf>,
        /// The HTTP status that the saved pages came with
        #[arg(long, default_value_t = 200)]
        status: u16,
        /// How many requests are sent at most: further pages, and what earlier steps lead on to
        #[arg(long, value_name = "N", default_value_t = 3)]
        requests: usize,
        /// Ask a source that names a pool of proxies without them: it sees this machine's address
        #[arg(long)]
        direct: bool,
        /// Only check the file and show the request
        #[arg(long)]
        dry_run: bool,
    },
    /// Print the JSON Schema of a file, for editors
    Schema {
        /// Which file: that of a source, or queue.toml
        #[arg(value_enum, default_value_t = SchemaOf::Source)]
        of: SchemaOf,
    },
}

/// Files that have a schema.
#[derive(Clone, Copy, clap::ValueEnum)]
enum SchemaOf {
    /// sources/<id>.toml
    Source,
    /// queue.toml
    Queue,
}

pub(super) async fn run(args: Args) -> Result<()> {
    let (file, params, pages, status, requests, direct, dry_run) = match args.command {
        Command::Test { file, params, pages, status, requests, direct, dry_run } => {
            (file, params, pages, status, requests, direct, dry_run)
        }
        Command::Schema { of } => {
            print!("{}", if matches!(of, SchemaOf::Queue) { QUEUE_SCHEMA } else { SCHEMA });
            return Ok(());
        }
    };
    let text = std::fs::read_to_string(&file).with_context(|| format!("{} can't be read", file.display()))?;
    let name = file.display().to_string();
    let mut given = BTreeMap::new();
    for param in &params {
        let (key, value) = param.split_once('=').ok_or_else(|| Misused(format!("--params {param}: not name=value")))?;
        given.insert(key.to_owned(), value.to_owned());
    }
    let mut read = Vec::new();
    for path in &pages {
        let body = std::fs::read(path).with_context(|| format!("{} can't be read", path.display()))?;
        read.push(RawPage { status, headers: Vec::new(), body: body.into(), final_url: String::new() });
    }
    let mut tested = report(&name, &text, given.clone(), &read);
    if pages.is_empty() && !dry_run && tested.request.is_some() {
        let mut asker = Asker::new(&name, &text, direct)?;
        let mut next = tested.request.clone();
        while let Some(request) = next.take().filter(|_| read.len() < requests) {
            read.push(asker.fetch(&request).await?);
            tested = report(&name, &text, given.clone(), &read);
            next.clone_from(&tested.next);
        }
    }
    show(&tested);
    if tested.ok() { Ok(()) } else { Err(Wrong("the source is not usable like this".to_owned()).into()) }
}

/// Asks a source as a worker does, without a permit: a person waits.
struct Asker {
    connector: Connector,
    fetcher: Fetcher,
    session: Session,
    tokens: Tokens,
}

impl Asker {
    fn new(name: &str, text: &str, direct: bool) -> Result<Self> {
        let source = read_source(name, text).map_err(|problems| Wrong(lines(&problems)))?;
        let connector = Connector::compile(&source.spec).map_err(|problems| Wrong(lines(&problems)))?;
        if source.spec.limits.proxies.is_some() && !direct {
            let why = "the source is asked through proxies; --direct asks it without them, --page reads a saved page";
            return Err(Wrong(why.to_owned()).into());
        }
        let fetcher = Fetcher::new(FetchOptions::default());
        Ok(Self { connector, fetcher, session: Session::default(), tokens: Tokens::default() })
    }

    async fn fetch(&mut self, request: &PreparedRequest) -> Result<RawPage> {
        let mut page = Page::new(&self.connector, request, None);
        if let Some(token) = self.token(request).await? {
            page = page.with_token(token);
        }
        loop {
            let sent = page.send(&self.fetcher, &mut self.session).await;
            let sent = sent.map_err(|error| Wrong(format!("unavailable: {}: {}", error.code(), error.cause)))?;
            if sent.whole {
                return Ok(sent.fetched.into());
            }
        }
    }

    async fn token(&self, request: &PreparedRequest) -> Result<Option<String>> {
        let spec = self.connector.spec();
        let Some(auth) = spec.auth.as_ref().filter(|auth| auth.kind == AuthKind::Oauth2 && request.own) else {
            return Ok(None);
        };
        let wanted = Wanted { fetcher: &self.fetcher, spec, auth, proxy: None, bad: None };
        let token = self.tokens.of(&spec.id).token(wanted, || SystemClock.now(), async { Ok::<_, ()>(()) }).await;
        token.map(Some).map_err(|error| {
            let why = match error {
                NoToken::Before(()) => String::new(),
                NoToken::Fetch(error) => format!("{}: {}", error.code(), error.cause),
                NoToken::Answer { status, code, .. } => format!("status {status} {}", code.unwrap_or_default()),
            };
            Wrong(format!("no token was given out: {}", why.trim_end())).into()
        })
    }
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
    for page in &report.pages {
        show_page(page);
    }
    if let Some(next) = &report.next {
        println!("next      {} {}", next.method, next.url);
    }
    if let Some(answer) = report.answer.as_ref().filter(|_| report.pages.len() > 1) {
        let whole = if answer.complete { "complete" } else { "not complete" };
        println!("answer    {:?}, {} facts, {whole}", answer.outcome, answer.facts.len());
        if let Some(cause) = &answer.cause {
            println!("because   {cause}");
        }
    }
}

fn show_page(page: &TestedPage) {
    if page.request.step > 0 || page.request.number > 0 || !page.step.is_empty() {
        let step = if page.step.is_empty() { "[request]" } else { &page.step };
        println!("page      {} of {step}: {} {}", page.request.number + 1, page.request.method, page.request.url);
    }
    println!("verdict   {:?}", page.verdict);
    if let Some(cause) = &page.cause {
        let line = page.line.map(|line| format!(" (line {line})")).unwrap_or_default();
        println!("because   {cause}{line}");
    }
    println!("items     {}   attributes filled {} of {}", page.items, page.filled.0, page.filled.1);
    for note in &page.notes {
        println!("note      {note}");
    }
    for request in &page.then {
        println!("leads to  {} {}", request.method, request.url);
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
}
