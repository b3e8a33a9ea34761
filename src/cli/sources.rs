//! `mirano sources test`: one file of a source, its request, and what is read from an answer.

use super::{Misused, Wrong};
use crate::core::policy::AuthKind;
use crate::engine::{Clock, SystemClock};
use crate::sources::config::{QUEUE_SCHEMA, ReadSource, SCHEMA, read_source};
use crate::sources::connector::report::{TestReport, TestedPage, blamed_for_request, report, step_of};
use crate::sources::connector::{Connector, PreparedRequest, RawPage};
use crate::work::fetch::{FetchOptions, Fetcher};
use crate::work::page::Page;
use crate::work::session::Session;
use crate::work::tokens::{NoToken, Tokens, Wanted};
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::io::Write;
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
    let ask = pages.is_empty() && !dry_run;
    let tested = report(&name, &text, given.clone(), &read);
    let mut out = std::io::stdout().lock();
    show_head(&mut out, &tested)?;
    let tested = match tested.request.clone().filter(|_| ask) {
        Some(first) => {
            let mut asker = Asker::new(&name, &text, direct)?;
            ask_all(&mut out, &mut asker, first, requests, |read| report(&name, &text, given.clone(), read)).await?
        }
        None => {
            for page in &tested.pages {
                show_place(&mut out, &page.request, &page.step)?;
                show_page(&mut out, page)?;
            }
            tested
        }
    };
    show_end(&mut out, &tested)?;
    if tested.ok() { Ok(()) } else { Err(Wrong("the source is not usable like this".to_owned()).into()) }
}

/// Asks page by page, and shows each request before it is sent: one that brings nothing is seen as well.
async fn ask_all(
    out: &mut impl Write,
    asker: &mut Asker<'_>,
    first: PreparedRequest,
    requests: usize,
    judged: impl Fn(&[RawPage]) -> TestReport,
) -> Result<TestReport> {
    let (mut read, mut next) = (Vec::new(), Some(first));
    let mut tested = judged(&read);
    while let Some(request) = next.take().filter(|_| read.len() < requests) {
        show_place(out, &request, &step_of(asker.connector.spec(), request.step))?;
        out.flush()?;
        read.push(asker.fetch(&request).await?);
        tested = judged(&read);
        for page in tested.pages.iter().skip(read.len() - 1) {
            show_page(out, page)?;
        }
        next.clone_from(&tested.next);
    }
    Ok(tested)
}

/// Asks a source as a worker does, without a permit: a person waits.
struct Asker<'t> {
    source: ReadSource<'t>,
    /// The file's name.
    name: &'t str,
    connector: Connector,
    fetcher: Fetcher,
    session: Session,
    tokens: Tokens,
}

impl<'t> Asker<'t> {
    fn new(name: &'t str, text: &'t str, direct: bool) -> Result<Self> {
        let source = read_source(name, text).map_err(|problems| Wrong(lines(&problems)))?;
        let connector = Connector::compile(&source.spec).map_err(|problems| Wrong(lines(&problems)))?;
        if source.spec.limits.proxies.is_some() && !direct {
            let why = "the source is asked through proxies; --direct asks it without them, --page reads a saved page";
            return Err(Wrong(why.to_owned()).into());
        }
        let fetcher = Fetcher::new(FetchOptions::default());
        Ok(Self { source, name, connector, fetcher, session: Session::default(), tokens: Tokens::default() })
    }

    async fn fetch(&mut self, request: &PreparedRequest) -> Result<RawPage> {
        let mut page = Page::new(&self.connector, request, None);
        if let Some(token) = self.token(request).await? {
            page = page.with_token(token);
        }
        loop {
            let sent = page.send(&self.fetcher, &mut self.session).await;
            let sent = sent.map_err(|error| {
                let at = blamed_for_request(&self.source.spec, request, error.code());
                let line = self.source.line(&at).map(|line| format!(":{line}")).unwrap_or_default();
                let place = place(request, &step_of(&self.source.spec, request.step));
                let (code, cause, name) = (error.code(), &error.cause, self.name);
                Wrong(format!("unavailable: {code}: {cause} ({place}; {name}{line})"))
            })?;
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

fn show_head(out: &mut impl Write, report: &TestReport) -> std::io::Result<()> {
    for problem in &report.problems {
        writeln!(out, "{problem}")?;
    }
    if let Some(request) = &report.request {
        writeln!(out, "request   {} {}", request.method, request.url)?;
    }
    if let Some(why) = &report.not_asked {
        writeln!(out, "not asked {why}")?;
    }
    Ok(())
}

fn show_end(out: &mut impl Write, report: &TestReport) -> std::io::Result<()> {
    if let Some(next) = &report.next {
        writeln!(out, "next      {} {}", next.method, next.url)?;
    }
    if let Some(answer) = report.answer.as_ref().filter(|_| report.pages.len() > 1) {
        let whole = if answer.complete { "complete" } else { "not complete" };
        writeln!(out, "answer    {:?}, {} facts, {whole}", answer.outcome, answer.facts.len())?;
        if let Some(cause) = &answer.cause {
            writeln!(out, "because   {cause}")?;
        }
    }
    Ok(())
}

/// Which page of which step a request is for.
fn place(request: &PreparedRequest, step: &str) -> String {
    let step = if step.is_empty() { "[request]" } else { step };
    format!("page {} of {step}", request.number + 1)
}

/// A request that is not the first.
fn show_place(out: &mut impl Write, request: &PreparedRequest, step: &str) -> std::io::Result<()> {
    if request.step == 0 && request.number == 0 && step.is_empty() {
        return Ok(());
    }
    let place = place(request, step);
    writeln!(out, "{}: {} {}", place.replacen("page ", "page      ", 1), request.method, request.url)
}

fn show_page(out: &mut impl Write, page: &TestedPage) -> std::io::Result<()> {
    writeln!(out, "verdict   {:?}", page.verdict)?;
    if let Some(cause) = &page.cause {
        let line = page.line.map(|line| format!(" (line {line})")).unwrap_or_default();
        writeln!(out, "because   {cause}{line}")?;
    }
    writeln!(out, "items     {}   attributes filled {} of {}", page.items, page.filled.0, page.filled.1)?;
    for note in &page.notes {
        writeln!(out, "note      {note}")?;
    }
    for request in &page.then {
        writeln!(out, "leads to  {} {}", request.method, request.url)?;
    }
    for fact in &page.facts {
        writeln!(out, "fact      {} about {}", fact.kind, fact.subject)?;
        let all = [("identity", &fact.identity), ("material", &fact.attrs), ("volatile", &fact.volatile)];
        for (word, attrs) in all {
            for (name, value) in attrs {
                writeln!(out, "            {word:<9} {name} = {value:?}")?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    /// A source of JSON in pages, of which the second redirects for ever.
    const FILE: &str = r#"
id = "courts"
title = { ru = "Суды", en = "Courts" }
level = "developer"
ttl = "1d"
params = ["inn", "region"]

[limits]
timeout = "20s"

[request]
url = "http://HOST/cases?inn={{ inn }}&region={{ region }}"
allow_private = true

[pages]
next = "$.next"

[answer]
format = "json"
items = "$.items[*]"
valid = [{ at = "$.items" }]

[[fact]]
kind = "court.case"
identity = ["n"]
[fact.attrs]
n = { at = "$.n", type = "text" }
"#;

    async fn site() -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let host = listener.local_addr().expect("bound").to_string();
        let again = host.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut head = [0; 4096];
                let read = stream.read(&mut head).await.expect("a request");
                let asked = String::from_utf8_lossy(head.get(..read).expect("within")).into_owned();
                let (status, more, body) = if asked.contains("page=2") {
                    ("302 Found", format!("Location: http://{again}/cases?page=2\r\n"), String::new())
                } else {
                    let body = format!(r#"{{"items": [{{"n": "1"}}], "next": "http://{again}/cases?page=2"}}"#);
                    ("200 OK", "Content-Type: application/json\r\n".to_owned(), body)
                };
                let answer = format!(
                    "HTTP/1.1 {status}\r\n{more}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
                    body.len()
                );
                stream.write_all(answer.as_bytes()).await.expect("written");
            }
        });
        host
    }

    #[tokio::test]
    async fn a_request_that_brings_nothing_is_shown_with_its_place() {
        let host = site().await;
        let text = FILE.replace("HOST", &host);
        let given: BTreeMap<String, String> =
            [("inn", "1"), ("region", "77")].map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let judged = |read: &[RawPage]| report("courts.toml", &text, given.clone(), read);
        let first = judged(&[]).request.expect("a request");
        let mut asker = Asker::new("courts.toml", &text, false).expect("a source");
        let mut out = Vec::new();
        let error = ask_all(&mut out, &mut asker, first, 3, judged).await.expect_err("it redirects for ever");
        let shown = String::from_utf8(out).expect("text");
        assert!(shown.starts_with("verdict   Found\n"), "{shown}");
        assert!(shown.ends_with(&format!("page      2 of [request]: GET http://{host}/cases?page=2\n")), "{shown}");
        let line = 1 + FILE.lines().position(|line| line.starts_with("url = ")).expect("there");
        let wanted = format!(
            "unavailable: too_many_redirects: more than 5 for one page (page 2 of [request]; courts.toml:{line})"
        );
        assert_eq!(error.to_string(), wanted);
    }

    #[test]
    fn a_parameter_that_the_source_has_not_is_refused() {
        let not_asked = |params: &[(&str, &str)]| {
            let given = params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            let tested = report("courts.toml", &FILE.replace("HOST", "x.example"), given, &[]);
            (tested.ok(), tested.not_asked.unwrap_or_default())
        };
        let known = [("inn", "1"), ("region", "77"), ("subject", "company:1")];
        assert_eq!(not_asked(&known), (true, String::new()));
        let near = not_asked(&[&known[..], &[("regoin", "77")]].concat());
        assert_eq!(
            near,
            (false, "the source has no parameter `regoin`; is `region` meant? (it has `inn`, `region`)".to_owned())
        );
        let far = not_asked(&[&known[..], &[("foo", "2")]].concat());
        assert_eq!(far, (false, "the source has no parameter `foo` (it has `inn`, `region`)".to_owned()));
    }
}
