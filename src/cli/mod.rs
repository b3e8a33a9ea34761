//! The command line. Exit codes: 0 fine, 1 found something wrong, 2 used wrongly.

/// As the standard one, but a reader that went away, such as `head`, is no panic. It stands before the modules, so that
/// all of them print with it.
macro_rules! println {
    ($($words:tt)*) => {{
        use std::io::Write as _;
        $crate::cli::wrote(writeln!(std::io::stdout(), $($words)*));
    }};
}

/// As the standard one, with the same difference.
macro_rules! print {
    ($($words:tt)*) => {{
        use std::io::Write as _;
        $crate::cli::wrote(write!(std::io::stdout(), $($words)*));
    }};
}

/// As the standard one, with the same difference: `2>&1 | head` closes both.
macro_rules! eprintln {
    ($($words:tt)*) => {{
        use std::io::Write as _;
        $crate::cli::wrote(writeln!(std::io::stderr(), $($words)*));
    }};
}

mod channels;
mod check;
mod checkpoint;
mod dead_letters;
mod demo;
mod diff;
mod explain;
mod export;
mod kafka;
mod log;
mod mcp;
mod notifications;
mod place;
mod policy;
mod rebuild;
mod replay;
mod seal;
mod serve;
mod server;
mod sources;
mod stop;
mod table;
mod titles;
mod verify;
mod verify_proof;

use crate::demo::DemoError;
use crate::sequencer::embedded::OpenError as FolderError;
use crate::sequencer::kafka::OpenError as TopicError;
use crate::words::{Arg, Lang, one};
use clap::{CommandFactory, Parser, Subcommand};
use server::Server;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use tracing_subscriber::EnvFilter;

/// Whether whoever reads what is printed went away.
static NOBODY_READS: AtomicBool = AtomicBool::new(false);

/// Notes that something could not be printed, which is nobody's fault.
fn wrote(printed: std::io::Result<()>) {
    if printed.is_err() {
        NOBODY_READS.store(true, Ordering::Relaxed);
    }
}

/// Whether there is nobody to print for: what prints without end then ends.
fn nobody_reads() -> bool {
    NOBODY_READS.load(Ordering::Relaxed)
}

/// Found something wrong: not an error of the program.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Wrong(String);

/// Used wrongly.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Misused(String);

/// Mirano checks an address against slow, limited, unreliable sources, reuses what is still fresh, scores the risk as
/// facts arrive, and seals reports that anyone can reproduce from the log years later.
#[derive(Parser)]
#[command(
    name = "mirano",
    version,
    after_help = "A first try, with invented sources on this machine:\n  mirano serve --demo\n  mirano check \"г. Москва, ул. Тверская, д. 7\"\n\nExit codes: 0 fine, 1 found something wrong, 2 used wrongly."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API and the page, decide, and work
    Serve(Box<serve::Args>),
    /// Check an address on a running server: progress by source, then the report
    Check(check::Args),
    /// Say in sentences what a check rests on: what was asked, what was reused, what is missing, and why
    Explain(explain::Args),
    /// Show the commits of a log (no server needed)
    Log(log::Args),
    /// Check a log and all that can be recomputed from it (no server needed)
    Verify(verify::Args),
    /// Check a proof of a fact or of a head (no server and no log needed)
    VerifyProof(verify_proof::Args),
    /// Prove that a fact is, or is not, in a snapshot (no server needed)
    Prove(replay::ProveArgs),
    /// Fold a log up to a moment and show what it says (no server needed)
    Replay(replay::Args),
    /// Write a log, or its facts, into a file (no server needed)
    Export(export::Args),
    /// Make a data folder of an exported log
    Import(export::ImportArgs),
    /// Compare two snapshots, or two moments of a job, a subject or the whole base
    Diff(diff::Args),
    /// Seal what a check, or the whole base, shows now
    Seal(seal::Args),
    /// Keep what the log of a running server says, for nodes that begin later
    Checkpoint(checkpoint::Args),
    /// Make the views anew from the log (the server must be stopped)
    Rebuild(rebuild::Args),
    /// What you were told: list, mark as read, mute a check
    Notifications(notifications::Args),
    /// Programs that are told by webhook: add, mute, remove, what was sent, send again
    Webhooks(channels::WebhookArgs),
    /// People who are told by mail: add, mute, remove, what was sent, send again
    Emails(channels::EmailArgs),
    /// Work on files of sources
    Sources(sources::Args),
    /// Show or change the policy of a running server
    Policy(policy::Args),
    /// List tasks that were given up on a running server, try them again, or drop them
    DeadLetters(dead_letters::Args),
    /// Serve the assistant's tools over stdio (MCP), as a client of a running server
    Mcp(mcp::Args),
    /// Serve invented sources, or a folder of dated files, over HTTP on this machine
    DemoSources(demo::Args),
    /// Print completions for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Print the man page
    Man,
}

/// A data folder, wherever one is read.
#[derive(clap::Args, Clone)]
struct DataFolder {
    /// The data folder
    #[arg(long = "data", value_name = "DIR", default_value = "mirano-data", env = "MIRANO_HOME")]
    data: PathBuf,
}

/// The language of the environment.
fn language() -> String {
    let set =
        ["LC_ALL", "LC_MESSAGES", "LANG"].iter().find_map(|name| std::env::var(name).ok().filter(|v| !v.is_empty()));
    set.and_then(|set| Lang::from_tag(&set)).unwrap_or(Lang::En).code().to_owned()
}

/// Words of the catalogues in the language of the environment, for commands that ask no server.
fn say(id: &str, args: &[(&str, Arg)]) -> String {
    one(Lang::from_tag(&language()).unwrap_or(Lang::En), id, args)
}

/// A member as text; nothing is empty.
fn text<'a>(value: &'a serde_json::Value, name: &str) -> &'a str {
    value.get(name).and_then(serde_json::Value::as_str).unwrap_or_default()
}

/// A member as a list; nothing is empty.
fn list<'a>(value: &'a serde_json::Value, name: &str) -> impl Iterator<Item = &'a serde_json::Value> {
    value.get(name).and_then(serde_json::Value::as_array).into_iter().flatten()
}

/// An id as a part of a path.
fn part(id: &str) -> String {
    percent_encoding::utf8_percent_encode(id, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    let level = if matches!(cli.command, Command::Serve(_)) { "info" } else { "warn" };
    let filter = EnvFilter::try_from_env("MIRANO_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    use std::io::IsTerminal;
    let ansi = std::io::stderr().is_terminal();
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(ansi).with_writer(std::io::stderr);
    // A standard error that nobody reads is no reason to panic.
    let lines = lines.log_internal_errors(false);
    if std::env::var("MIRANO_LOG_FORMAT").is_ok_and(|format| format == "json") {
        lines.json().init();
    } else {
        lines.init();
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error.into()),
    };
    match runtime.block_on(run(cli.command)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

fn fail(error: &anyhow::Error) -> ExitCode {
    eprintln!("mirano: {error:#}");
    ExitCode::from(if misused(error) { 2 } else { 1 })
}

/// Whether the program was called wrongly: with what is not there, is in use, or can't be.
fn misused(error: &anyhow::Error) -> bool {
    error.is::<Misused>()
        || error.chain().any(|cause| {
            cause.downcast_ref::<TopicError>().is_some_and(TopicError::misused)
                || cause.downcast_ref::<FolderError>().is_some_and(FolderError::misused)
                || cause.is::<DemoError>()
        })
}

async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Serve(args) => serve::run(*args).await,
        Command::Check(args) => check::run(args).await,
        Command::Explain(args) => explain::run(args).await,
        Command::Log(args) => log::run(&args).await,
        Command::Verify(args) => verify::run(args).await,
        Command::VerifyProof(args) => verify_proof::run(&args),
        Command::Prove(args) => replay::prove(&args).await,
        Command::Replay(args) => replay::run(&args).await,
        Command::Export(args) => export::run(&args).await,
        Command::Import(args) => export::run_import(&args).await,
        Command::Diff(args) => diff::run(args).await,
        Command::Checkpoint(args) => checkpoint::run(args).await,
        Command::Rebuild(args) => rebuild::run(&args),
        Command::Seal(args) => seal::run(args).await,
        Command::Notifications(args) => notifications::run(args).await,
        Command::Webhooks(args) => channels::webhooks(args).await,
        Command::Emails(args) => channels::emails(args).await,
        Command::Sources(args) => sources::run(args).await,
        Command::Policy(args) => policy::run(args).await,
        Command::DeadLetters(args) => dead_letters::run(args).await,
        Command::Mcp(args) => mcp::run(args).await,
        Command::DemoSources(args) => demo::run(args).await,
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "mirano", &mut script);
            print!("{}", String::from_utf8_lossy(&script));
            Ok(())
        }
        Command::Man => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Cli::command()).render(&mut page)?;
            print!("{}", String::from_utf8_lossy(&page));
            Ok(())
        }
    }
}

#[cfg(test)]
mod containers;
