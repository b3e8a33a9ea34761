//! One node, put together: log, views, keys, evidence, engine, workers, and the policy that its files say.

mod fitting;
pub mod peers;

use crate::checkpoint::{self, CheckpointStore, Taker, Topic};
use crate::core::command::{AdoptPolicy, Command, Rejection, Reply};
use crate::core::policy::PolicyDocument;
use crate::core::policy::digest::canonical_json;
use crate::engine::{Clock, Engine, EngineError, Options, Sharing, SystemClock};
use crate::sequencer::Sequencer;
use crate::sequencer::embedded::{self, EmbeddedLog};
use crate::sequencer::kafka::{Group, KAFKA_FOLDER, KafkaLog, KeyTopic, Settings};
use crate::sources::config::ProxySecrets;
use crate::vault::{Board, FileVault, Readings, SharedVault};
use crate::work::evidence::EvidenceStore;
use crate::work::fetch::{FetchOptions, Fetcher};
use crate::work::pool::{self, Tools};
use anyhow::{Context, Result, bail};
use mirano_replay::apply::in_force;
use mirano_replay::rows::{PolicyRow, key};
use mirano_replay::store::ReadExt;
use mirano_schemas::PolicyOrigin;
use peers::{HttpCourier, PeerKey};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Where the views are in a data folder.
pub const VIEWS: &str = "views";
/// Where the keys of persons are.
pub const KEYS: &str = "keys";
/// How long attempts under way may take to end at a stop.
const STOP_PATIENCE: Duration = Duration::from_secs(10);
/// Where evidence is in a data folder, unless it is elsewhere.
pub const EVIDENCE: &str = "evidence";

/// How to open a node.
#[derive(Debug, Clone)]
pub struct NodeOptions {
    /// The data folder.
    pub data: PathBuf,
    /// Partitions of a new log.
    pub partitions: u32,
    /// Where evidence is kept; none: in the data folder.
    pub evidence: Option<String>,
    /// What this node is called.
    pub name: String,
}

/// A node that decides, without workers yet.
pub struct Node {
    /// The engine.
    pub engine: Engine,
    /// The evidence store.
    pub evidence: EvidenceStore,
    options: NodeOptions,
    /// The topic that the data folder mirrors; none: the log is this node's own.
    topic: Option<Topic>,
    /// None: nobody else has the log.
    peers: Option<PeerKey>,
    /// The membership of the nodes that share the log; it ends with the node.
    #[expect(dead_code, reason = "kept for what happens when it is dropped")]
    group: Option<Group>,
}

/// The topic of keys, as the key store sees it.
struct Keys(KeyTopic);

impl Board for Keys {
    fn post(&self, key: &[u8], value: Option<&[u8]>) -> std::result::Result<(), String> {
        self.0.post(key, value)
    }
}

/// Workers that can be stopped.
pub struct Workers {
    stop: CancellationToken,
    pool: JoinHandle<()>,
}

impl Node {
    /// Opens the data folder: log, keys, evidence, views; catches up, and begins to decide.
    pub async fn open(options: NodeOptions) -> Result<Self> {
        Self::open_with_clock(options, Arc::new(SystemClock)).await
    }

    /// The same under another clock.
    pub async fn open_with_clock(options: NodeOptions, clock: Arc<dyn Clock>) -> Result<Self> {
        // What this process alone decided would stand in the mirror and not in the topic.
        if options.data.join(KAFKA_FOLDER).exists() {
            let data = options.data.display();
            bail!(
                "{data} mirrors a topic of Apache Kafka: start it with --log kafka. `mirano export` and `mirano import` make an independent log of it"
            );
        }
        let opened = embedded::Options { partitions: options.partitions, ..embedded::Options::default() };
        let log = Arc::new(EmbeddedLog::open(&options.data, opened).context("the log can't be opened")?);
        let opened = Self::open_on(options, clock, log.clone()).await;
        for cut in log.cut_tails() {
            // The views vouch for what was acknowledged, as far as they came.
            match &opened {
                Ok(_) => tracing::warn!(?cut, "a torn tail was cut: nothing in it was ever acknowledged"),
                Err(_) => tracing::warn!(?cut, "bytes at the log's end that are no whole record were cut"),
            }
        }
        opened
    }

    /// The same on a log that was opened already, the files of which lie in the data folder.
    pub async fn open_on(options: NodeOptions, clock: Arc<dyn Clock>, log: Arc<dyn Sequencer>) -> Result<Self> {
        let vault = FileVault::open(options.data.join(KEYS)).context("the key store can't be opened")?;
        let views = Arc::new(fitting::open(&options.data.join(VIEWS), &*log)?);
        Self::put_together(options, Options { log, views, vault: Arc::new(vault), clock }, None).await
    }

    /// Opens the data folder as a mirror of a topic of Apache Kafka, which other nodes may have as well; they reach this one
    /// at `url`. An empty folder begins with a checkpoint out of the store that `checkpoints` names.
    pub async fn open_on_kafka(
        options: NodeOptions,
        settings: Settings,
        url: String,
        checkpoints: Option<&str>,
    ) -> Result<Self> {
        let log = Self::open_topic(&options.data, &settings, checkpoints).await?;
        let views = fitting::open_upon_topic(&options.data.join(VIEWS), &log).await?;
        let readings = Arc::<Readings>::default();
        let reader = Arc::clone(&readings);
        let keys = KeyTopic::open(&settings, move |key, value| reader.take(key, value)).await;
        let keys = Keys(keys.context("the topic of keys can't be opened")?);
        let folder = options.data.join(KEYS);
        let vault = tokio::task::spawn_blocking(move || SharedVault::open(&folder, readings, keys)).await?;
        let vault = vault.context("the key store can't be opened")?;
        let key = PeerKey::new(vault.peers());
        let group = Group::join(&settings, log.clock_off()).context("the group of the nodes can't be joined")?;
        let sharing = Sharing {
            node: options.name.clone(),
            url,
            assigned: group.assigned(),
            resign: group.leaver(),
            courier: Arc::new(HttpCourier::new(key.clone())?),
        };
        let shared = Some((sharing, key, group));
        let topic = Some(Topic { folder: options.data.clone(), name: settings.topic, noted: log.noted() });
        let (views, vault, clock) = (Arc::new(views), Arc::new(vault), Arc::new(SystemClock));
        let node = Self::put_together(options, Options { log: Arc::new(log), views, vault, clock }, shared).await?;
        Ok(Self { topic, ..node })
    }

    /// Opens the topic; where the folder is empty, it begins with a checkpoint that the topic names.
    async fn open_topic(data: &Path, settings: &Settings, checkpoints: Option<&str>) -> Result<KafkaLog> {
        let store = checkpoints.map(CheckpointStore::open).transpose()?;
        let mut refused = BTreeSet::new();
        loop {
            if let Some(store) = &store {
                let begun = checkpoint::begin(data, VIEWS, settings, store, &refused).await;
                begun.context("the node can't begin with a checkpoint")?;
            }
            let log = KafkaLog::open(data, settings.clone()).await.context("the log can't be opened")?;
            let Some(list) = checkpoint::confirm(data, &log)? else { return Ok(log) };
            refused.insert(list);
            tokio::task::spawn_blocking(move || drop(log)).await?;
            checkpoint::forget(data, VIEWS)?;
        }
    }

    async fn put_together(
        options: NodeOptions,
        stands_on: Options,
        shared: Option<(Sharing, PeerKey, Group)>,
    ) -> Result<Self> {
        let evidence = match &options.evidence {
            Some(place) => EvidenceStore::open(place),
            None => EvidenceStore::open_folder(&options.data.join(EVIDENCE)),
        }
        .context("the evidence store can't be opened")?;
        let (engine, peers, group) = match shared {
            None => (Engine::open(stands_on).await?, None, None),
            Some((sharing, key, group)) => (Engine::open_shared(stands_on, sharing).await?, Some(key), Some(group)),
        };
        Ok(Self { engine, evidence, options, topic: None, peers, group })
    }

    /// What takes checkpoints into the store that `place` names; `keep` of them remain.
    pub fn checkpoints(&self, place: &str, keep: usize) -> Result<Taker> {
        let (store, name) = (CheckpointStore::open(place)?, self.options.name.clone());
        Ok(Taker::new(self.engine.clone(), store, name, self.topic.clone(), keep))
    }

    /// How other nodes of the log are known; none: there are none.
    pub fn peers(&self) -> Option<&PeerKey> {
        self.peers.as_ref()
    }

    /// Adopts the files' policy if it is another than the last one adopted from files.
    ///
    /// Refuses when `PUT /policy` has changed the policy since, unless `replace`: nobody's change is lost in silence.
    pub async fn adopt(&self, document: &PolicyDocument, replace: bool) -> Result<u64> {
        let text = canonical_json(document)?;
        let digest = *blake3::hash(text.as_bytes()).as_bytes();
        let now: Option<PolicyRow> = match in_force(&**self.engine.views(), 0)? {
            Some(version) => self.engine.views().row(&key::policy(version))?,
            None => None,
        };
        if let Some(now) = &now {
            if now.files_digest == Some(digest) && !replace {
                self.engine.policy_everywhere(now.adopted.version).await?;
                return Ok(now.adopted.version);
            }
            // The same document brought into the files is what the words below ask for.
            if now.adopted.origin == PolicyOrigin::Api && now.adopted.digest != digest && !replace {
                bail!(
                    "the files say another policy than the last one adopted from files, and PUT /policy changed it since \
                     (version {}).\nTo keep what is in force: bring it into the files with `mirano policy show`.\n\
                     To let the files win: start once with --replace-policy.",
                    now.adopted.version
                );
            }
        }
        let adopt = AdoptPolicy { document: text, origin: PolicyOrigin::Files, expected: None };
        match self.engine.submit(Command::AdoptPolicy(adopt)).await {
            Ok(answer) => match answer.reply {
                Reply::Policy(version) => {
                    self.engine.policy_everywhere(version).await?;
                    Ok(version)
                }
                other => bail!("unexpected reply {other:?}"),
            },
            Err(EngineError::Rejected(Rejection::PolicyInvalid(why))) => bail!("the policy is not valid: {why}"),
            Err(error) => Err(error.into()),
        }
    }

    /// Starts workers in this process.
    pub fn work(&self, proxies: ProxySecrets) -> Workers {
        let stop = CancellationToken::new();
        let fetcher = Fetcher::new(FetchOptions::default());
        let worker = format!("{}/in-process", self.options.name);
        let tools = Arc::new(Tools::new(self.engine.clone(), self.evidence.clone(), fetcher, proxies, worker));
        Workers { pool: tokio::spawn(pool::run(tools, stop.clone())), stop }
    }

    /// Makes the views durable, so that the next start folds little.
    pub fn flush(&self) -> Result<()> {
        Ok(self.engine.views().flush()?)
    }

    /// The same at the end of the process, when nothing is written any more.
    pub fn close(&self) -> Result<()> {
        Ok(self.engine.views().close()?)
    }
}

impl Workers {
    /// Takes no further task, and gives those under way a moment to end; what does not is taken up again when its lease
    /// has ended.
    pub async fn stop(mut self) {
        self.stop.cancel();
        if tokio::time::timeout(STOP_PATIENCE, &mut self.pool).await.is_err() {
            tracing::warn!("attempts were given up; their tasks are tried again after their leases end");
            self.pool.abort();
        }
    }
}
