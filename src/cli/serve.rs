//! `mirano serve`

use super::stop::StopSignals;
use super::{DataFolder, Misused, checkpoint, kafka, say};
use crate::core::policy::{DurationMs, NotifySpec};
use crate::core::risk::DEFAULT_RISK_TOML;
use crate::demo;
use crate::history::schedule;
use crate::http;
use crate::mcp;
use crate::node::{Node, NodeOptions};
use crate::notify::mail::Mailer;
use crate::notify::{self, Courier};
use crate::sequencer::embedded::EmbeddedLog;
use crate::sources::config::{self, LoadedConfig, MailSettings};
use crate::ui;
use crate::words::Arg;
use crate::work::fetch::{FetchOptions, Fetcher};
use crate::work::{forecasts, removed};
use anyhow::{Context, Result};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Serve the API and the page, decide, and work
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    folder: DataFolder,
    /// The configuration folder: sources/*.toml, profiles.toml, risk.toml, proxies.toml, notify.toml, keys.toml
    #[arg(long, value_name = "DIR", env = "MIRANO_CONFIG", conflicts_with = "demo")]
    config: Option<PathBuf>,
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:8700", env = "MIRANO_LISTEN")]
    listen: SocketAddr,
    /// Which log
    #[arg(long, default_value = "embedded", value_parser = ["embedded", "kafka"])]
    log: String,
    #[command(flatten)]
    kafka: kafka::KafkaArgs,
    /// Partitions of a new log, 1 if not given; a log that there is keeps its number
    #[arg(long)]
    partitions: Option<u32>,
    /// What this node is called; on Kafka no two running nodes may have one name
    #[arg(long, default_value = "local")]
    node: String,
    /// Where evidence is kept: a folder or an s3:// address; else in the data folder
    #[arg(long, value_name = "PLACE", env = "MIRANO_EVIDENCE")]
    evidence: Option<String>,
    #[command(flatten)]
    checkpoints: checkpoint::KeepArgs,
    /// `keys`: callers need a key of keys.toml; `off`: nobody does, on loopback only
    #[arg(long, value_parser = ["keys", "off"])]
    auth: Option<String>,
    /// A further name under which /mcp may be reached, `mirano.example`; on loopback this machine's names are known
    #[arg(long, value_name = "HOST")]
    mcp_host: Vec<String>,
    /// A further origin whose pages may call /mcp, `https://assistant.example`
    #[arg(long, value_name = "ORIGIN")]
    mcp_origin: Vec<String>,
    /// Let the files win over a policy that PUT /policy set
    #[arg(long)]
    replace_policy: bool,
    /// Decide, but start no workers in this process
    #[arg(long)]
    no_workers: bool,
    /// Seal the whole base so often (`24h`, `7d`), as `mirano seal --world` does; of several nodes let one do it
    #[arg(long, value_name = "DURATION", env = "MIRANO_SEAL_EVERY")]
    seal_every: Option<DurationMs>,
    /// Serve invented sources beside it, and check against them
    #[arg(long)]
    demo: bool,
    /// Where the demo's sources listen
    #[arg(long, default_value = "127.0.0.1:8701")]
    demo_listen: SocketAddr,
    /// A folder of dated files that the demo serves beside its invented world
    #[arg(long, value_name = "DIR", requires = "demo")]
    demo_data: Option<PathBuf>,
    /// How much faster than real sources the demo is
    #[arg(long, default_value_t = 1.0, requires = "demo")]
    demo_speed: f64,
}

/// Reads a configuration folder; all its problems at once.
pub(super) fn load(folder: &Path) -> Result<LoadedConfig> {
    config::load_folder(folder).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        Misused(format!("the configuration in {} has problems:\n{}", folder.display(), lines.join("\n"))).into()
    })
}

pub(super) async fn run(args: Args) -> Result<()> {
    let auth = auth(&args)?;
    if args.seal_every.is_some_and(|every| every < DurationMs(1_000)) {
        return Err(Misused("--seal-every is at least 1s".to_owned()).into());
    }
    args.checkpoints.check()?;
    // Before anything counts.
    let metrics = PrometheusBuilder::new().install_recorder().context("metrics can't be recorded")?;
    let (loaded, demo) = configuration(&args).await?;
    // Taken before anything is opened: a port in use is told at once, and nothing is left half started.
    let listener = TcpListener::bind(args.listen).await.map_err(|error| {
        not_listening(&error, &[("address", args.listen.to_string().into()), ("option", "--listen".into())])
    })?;
    let partitions = partitions(args.partitions, &args.folder.data)?;
    let options = NodeOptions {
        data: args.folder.data.clone(),
        partitions,
        evidence: args.evidence.clone(),
        name: args.node.clone(),
    };
    let node = match args.log.as_str() {
        "kafka" => {
            let mut settings = args.kafka.settings(args.config.as_deref(), &args.node, partitions)?;
            settings.archived = args.checkpoints.every();
            let url = args.kafka.url(listener.local_addr()?)?;
            Node::open_on_kafka(options, settings, url, args.checkpoints.place()).await?
        }
        _ => Node::open(options).await?,
    };
    let version = node.adopt(&loaded.document, args.replace_policy).await?;
    tracing::info!(version, sources = loaded.document.sources.len(), "policy in force");
    let beyond = node.engine.policy()?;
    for (kind, rules) in beyond.kinds_of_no_source() {
        tracing::warn!(kind, rules = rules.join(", "), "no source gives facts of the kind that these rules look for");
    }
    for (attribute, rules) in beyond.attributes_of_no_source() {
        let rules = rules.into_iter().collect::<Vec<_>>().join(", ");
        tracing::warn!(
            attribute,
            rules,
            "no source gives the attribute that these rules read, to facts of their kinds"
        );
    }
    let (delivering, mut delivery) = deliveries(&node, loaded.mail.as_ref(), &loaded.document.notify)?;
    let workers = (!args.no_workers).then(|| node.work(loaded.proxies));
    let state = http::AppState::new(
        node.engine.clone(),
        node.evidence.clone(),
        auth,
        Some(metrics.clone()),
        CancellationToken::new(),
    );
    if loaded.mail.is_none() {
        state.without_mail();
    }
    let checkpoints = args.checkpoints.start(&node, &state)?;
    let api = http::router(state.clone());
    let showcases = demo.is_some().then(showcases);
    let pages = http::Pages::new(state.clone(), api.clone(), showcases);
    let address = listener.local_addr()?;
    let guard = mcp::Guard::new(address, &args.mcp_host, &args.mcp_origin);
    let assistant = mcp::router(state.clone(), api.clone(), &guard);
    let mut router = api.merge(ui::router(Arc::new(pages))).merge(assistant);
    if let Some(key) = node.peers() {
        router = router.merge(http::nodes(node.engine.clone(), key.clone()));
    }
    // Before it says that it is ready: whoever reads that may ask it to stop at once.
    let signals = StopSignals::install()?;
    println!("Mirano is ready.  Page: http://{address}/   API: http://{address}/docs");
    if let Some(demo) = &demo {
        println!("Demo sources: {}/   (invented companies, persons and addresses)", demo.base_url());
    }
    println!("A first check:  mirano check \"г. Москва, ул. Тверская, д. 7\"   Stop: Ctrl-C");
    let upkeep = tokio::spawn(upkeep(metrics));
    let measured = tokio::spawn(forecasts::measure(node.engine.clone(), CancellationToken::new()));
    let removed = tokio::spawn(removed::end(node.engine.clone(), CancellationToken::new()));
    let seals = args
        .seal_every
        .map(|every| tokio::spawn(schedule::seal_every(node.engine.clone(), Duration::from_millis(every.0))));
    http::serve(listener, router, state, signals.stop_or_die()).await?;
    if let Some(workers) = workers {
        workers.stop().await;
    }
    delivering.cancel();
    if tokio::time::timeout(DELIVERY_PATIENCE, &mut delivery).await.is_err() {
        tracing::warn!("deliveries were given up; they are sent again");
        delivery.abort();
    }
    if let Some(demo) = demo {
        demo.stop().await;
    }
    upkeep.abort();
    measured.abort();
    removed.abort();
    for by_schedule in [seals, checkpoints].into_iter().flatten() {
        by_schedule.abort();
    }
    node.close()
}

/// What to do about an address that can't be listened on.
fn not_listening(error: &std::io::Error, at: &[(&str, Arg); 2]) -> anyhow::Error {
    let busy = error.kind() == std::io::ErrorKind::AddrInUse;
    let [address, option] = at.clone();
    if busy {
        return Misused(say("cli-port_busy", &[address, option])).into();
    }
    Misused(say("cli-port_refused", &[address, option, ("why", error.to_string().into())])).into()
}

/// The number asked for; else what the log in the folder has; else one.
fn partitions(asked: Option<u32>, data: &Path) -> Result<u32> {
    match asked {
        Some(asked) => Ok(asked),
        None => Ok(EmbeddedLog::partitions_in(data).context("the log can't be opened")?.unwrap_or(1)),
    }
}

/// How long deliveries under way may take to end at a stop.
const DELIVERY_PATIENCE: Duration = Duration::from_secs(10);

/// Starts to deliver notifications; what stops it, and its end.
fn deliveries(
    node: &Node,
    mail: Option<&MailSettings>,
    spec: &NotifySpec,
) -> Result<(CancellationToken, tokio::task::JoinHandle<()>)> {
    let mailer = mail.map(|settings| {
        let password = settings.password.as_deref().map(|named| {
            let name = named.trim_start_matches("env:");
            std::env::var(name).map_err(|_| Misused(format!("notify.toml: the environment has no {name}")))
        });
        let timeout = Duration::from_millis(spec.timeout.0);
        Mailer::new(settings, password.transpose()?, timeout).map_err(|error| Misused(error.to_string()))
    });
    let courier = Courier {
        engine: node.engine.clone(),
        fetcher: Fetcher::new(FetchOptions::default()),
        mailer: mailer.transpose()?,
    };
    let stop = CancellationToken::new();
    Ok((stop.clone(), tokio::spawn(notify::run(Arc::new(courier), stop))))
}

/// Addresses of the demo that are worth a look.
fn showcases() -> Vec<ui::Showcase> {
    let of = |case: demo::Showcase| {
        let (ru, en) = case.story();
        ui::Showcase { address: case.address().to_owned(), ru: ru.to_owned(), en: en.to_owned() }
    };
    demo::Showcase::ALL.into_iter().map(of).collect()
}

fn auth(args: &Args) -> Result<http::Auth> {
    let file = args.config.as_ref().map(|folder| folder.join("keys.toml")).filter(|path| path.exists());
    let off = args.auth.as_deref() == Some("off") || (args.auth.is_none() && file.is_none());
    if off && !args.listen.ip().is_loopback() {
        return Err(Misused(format!(
            "listening on {} needs keys: put keys.toml into the configuration folder, or listen on 127.0.0.1",
            args.listen
        ))
        .into());
    }
    match file {
        _ if off => Ok(http::Auth::Off),
        Some(path) => {
            let text = std::fs::read_to_string(&path).with_context(|| format!("{} can't be read", path.display()))?;
            Ok(http::Auth::from_toml(&text).map_err(|error| Misused(error.to_string()))?)
        }
        None => Err(Misused("--auth keys needs a keys.toml in the configuration folder".to_owned()).into()),
    }
}

async fn configuration(args: &Args) -> Result<(LoadedConfig, Option<demo::Running>)> {
    if let Some(folder) = &args.config {
        return Ok((load(folder)?, None));
    }
    if !args.demo {
        return Err(Misused(
            "which sources? --config DIR names a configuration folder, --demo serves invented ones".to_owned(),
        )
        .into());
    }
    let options = demo::Options {
        listen: args.demo_listen,
        data: args.demo_data.clone(),
        speed: args.demo_speed,
        ..demo::Options::default()
    };
    let running = demo::start(options).await.map_err(|error| match error {
        demo::DemoError::Listen { addr, source } => {
            not_listening(&source, &[("address", addr.to_string().into()), ("option", "--demo-listen".into())])
        }
        other => other.into(),
    })?;
    let mut files = demo::config_at_speed(&running.base_url(), args.demo_data.as_deref(), args.demo_speed)?;
    files.insert("risk.toml".to_owned(), DEFAULT_RISK_TOML.to_owned());
    let loaded = config::load(&files).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        Misused(format!("the demo's configuration has problems:\n{}", lines.join("\n")))
    })?;
    Ok((loaded, Some(running)))
}

/// Folds measurements together, so that they take no more room the longer nobody reads them.
async fn upkeep(metrics: PrometheusHandle) {
    let mut due = tokio::time::interval(Duration::from_secs(5));
    loop {
        due.tick().await;
        metrics.run_upkeep();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sequencer::embedded::Options;

    #[test]
    fn a_log_that_there_is_keeps_its_number_of_partitions() {
        let folder = tempfile::tempdir().expect("temp");
        let data = folder.path().join("data");
        assert_eq!(partitions(None, &data).expect("no log yet"), 1);
        let made = EmbeddedLog::open(&data, Options { partitions: 4, ..Options::default() }).expect("made");
        drop(made);
        let found = partitions(None, &data).expect("readable");
        assert_eq!(found, 4);
        EmbeddedLog::open(&data, Options { partitions: found, ..Options::default() }).expect("opens again");
        assert_eq!(partitions(Some(2), &data).expect("as asked"), 2, "which opening then refuses");
    }
}
