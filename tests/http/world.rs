//! A real server over a real log and real views, with a clock that the test moves and sources answered by hand.

use mirano::core::command::*;
use mirano::core::vault::{MemoryVault, PersonKeys, Vault, VaultError};
use mirano::engine::{Clock, Engine, Options};
use mirano::http::{AppState, Auth, router, serve};
use mirano::mcp;
use mirano::sequencer::embedded::{self, EmbeddedLog};
use mirano::views::Views;
use mirano::work::evidence::EvidenceStore;
use mirano_schemas::canonical::fact_id;
use mirano_schemas::*;
use reqwest::Client;
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// Sources as different as a test needs: one of a building, one of companies, one of persons, one national list.
pub const POLICY: &str = include_str!("policy.json");
pub const KEY_A: &str = "key-of-a";
pub const KEY_B: &str = "key-of-b";
pub const KEY_ADMIN: &str = "key-of-admin";
pub const KEY_AUDITOR: &str = "key-of-auditor";
pub const KEY_WORKER: &str = "key-of-worker";
pub const START: i64 = 1_800_000_000_000;
pub const ADDRESS: &str = "г Москва, ул Тверская, д 7, кв 12";

#[derive(Clone)]
pub struct TestClock(Arc<AtomicI64>);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

/// Keys in memory, which can be destroyed.
pub struct Keys {
    keys: MemoryVault,
    erased: Mutex<BTreeSet<Subject>>,
}

impl Keys {
    pub fn erase(&self, subject: &Subject) {
        self.erased.lock().expect("nobody panicked").insert(subject.clone());
    }
}

impl Vault for Keys {
    fn person(&self, identity: &str) -> Result<PersonKeys, VaultError> {
        self.keys.person(identity)
    }

    fn find(&self, subject: &Subject) -> Result<Option<PersonKeys>, VaultError> {
        match self.erased.lock().expect("nobody panicked").contains(subject) {
            true => Ok(None),
            false => self.keys.find(subject),
        }
    }
}

pub struct World {
    pub engine: Engine,
    pub vault: Arc<Keys>,
    pub evidence: EvidenceStore,
    pub url: String,
    pub client: Client,
    clock: TestClock,
    tokens: AtomicU64,
    pub stop: CancellationToken,
    pub state: AppState,
    _folder: TempDir,
}

/// A response with its body read.
pub struct Got {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl Got {
    pub fn json(&self) -> Json {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("visible"))
    }

    /// The code of a problem document, which has to be one.
    #[track_caller]
    pub fn problem(&self) -> (u16, String) {
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.text);
        let body = self.json();
        assert_eq!(body["status"], self.status);
        for member in ["title", "detail", "fix"] {
            assert!(body[member].as_str().is_some_and(|text| !text.is_empty()), "{member} in {}", self.text);
        }
        assert!(body["errors"].is_array());
        (self.status, body["code"].as_str().expect("a code").to_owned())
    }
}

impl World {
    pub async fn new() -> Self {
        Self::with_partitions(1).await
    }

    pub async fn with_partitions(partitions: u32) -> Self {
        let world = Self::bare(partitions).await;
        let adopt = AdoptPolicy { document: POLICY.to_owned(), origin: PolicyOrigin::Files, expected: None };
        world.engine.submit(Command::AdoptPolicy(adopt)).await.expect("the policy is valid");
        world
    }

    /// A server before any policy was adopted.
    pub async fn bare(partitions: u32) -> Self {
        mirano::work::tls::install();
        let folder = tempfile::tempdir().expect("a folder");
        let options = embedded::Options { partitions, ..embedded::Options::default() };
        let log = EmbeddedLog::open(folder.path().join("log"), options).expect("a new log");
        let clock = TestClock(Arc::new(AtomicI64::new(START)));
        let vault = Arc::new(Keys { keys: MemoryVault::seeded(7), erased: Mutex::default() });
        let engine = Engine::open(Options {
            log: Arc::new(log),
            views: Arc::new(Views::open(&folder.path().join("views")).expect("new views")),
            vault: Arc::<Keys>::clone(&vault),
            clock: Arc::new(clock.clone()),
        })
        .await
        .expect("opens");
        let key = |id: &str, key: &str, tenant: &str, roles: &str| {
            let hash = blake3::hash(key.as_bytes());
            format!("[[key]]\nid = \"{id}\"\nblake3 = \"{hash}\"\ntenant = \"{tenant}\"\nroles = {roles}\n")
        };
        let keys = [
            key("a", KEY_A, "tenant-a", r#"["user"]"#),
            key("b", KEY_B, "tenant-b", r#"["user"]"#),
            key("worker", KEY_WORKER, "tenant-a", r#"["worker"]"#),
            key("auditor", KEY_AUDITOR, "tenant-a", r#"["auditor"]"#),
            key("admin", KEY_ADMIN, "tenant-a", r#"["user", "auditor", "operator"]"#),
        ];
        let auth = Auth::from_toml(&keys.concat()).expect("keys");
        let (evidence, stop) = (EvidenceStore::memory(), CancellationToken::new());
        let state = AppState::new(engine.clone(), evidence.clone(), auth, None, stop.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let api = router(state.clone());
        let guard = mcp::Guard::new(listener.local_addr().expect("bound"), &[], &[]);
        let app = api.clone().merge(mcp::router(state.clone(), api, &guard));
        tokio::spawn(serve(listener, app, state.clone(), stop.clone().cancelled_owned()));
        let client = Client::builder().no_proxy().build().expect("a client");
        Self { engine, vault, evidence, url, client, clock, tokens: AtomicU64::new(0), stop, state, _folder: folder }
    }

    pub fn pass(&self, ms: i64) {
        self.clock.0.fetch_add(ms, Ordering::SeqCst);
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub fn request(&self, method: &str, path: &str, key: &str) -> reqwest::RequestBuilder {
        let method = method.parse().expect("a method");
        self.client.request(method, format!("{}{path}", self.url)).bearer_auth(key)
    }

    pub async fn send(&self, request: reqwest::RequestBuilder) -> Got {
        let response = request.send().await.expect("an answer");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Got { status, headers, text: response.text().await.expect("a body") }
    }

    pub async fn get(&self, path: &str) -> Got {
        self.send(self.request("GET", path, KEY_A)).await
    }

    /// Reads as JSON, and has to succeed.
    #[track_caller]
    pub fn read(&self, path: &str) -> impl Future<Output = Json> {
        let caller = std::panic::Location::caller();
        async move {
            let got = self.get(path).await;
            assert_eq!(got.status, 200, "{caller}: {}", got.text);
            got.json()
        }
    }

    pub async fn post(&self, path: &str, body: &Json) -> Got {
        self.send(self.request("POST", path, KEY_A).json(body)).await
    }

    /// Starts a check under a key, so that its id is always the same.
    pub async fn create(&self, key: &str, extra: Json) -> Json {
        let mut body = json!({"address": ADDRESS, "profile": "standard"});
        for (name, value) in extra.as_object().expect("an object") {
            body[name] = value.clone();
        }
        let got = self.send(self.request("POST", "/v1/jobs", KEY_A).header("idempotency-key", key).json(&body)).await;
        assert_eq!(got.status, 202, "{}", got.text);
        got.json()
    }

    pub async fn lease(&self, source: &str) -> LeasedTask {
        let n = self.tokens.fetch_add(1, Ordering::SeqCst);
        let command = LeaseTasks {
            source: source.to_owned(),
            worker: "w1".to_owned(),
            tokens: vec![LeaseToken::of(&[&n.to_le_bytes()])],
        };
        // A want reaches its source by a reaction: wait for the commit, not for a time.
        let mut folded = self.engine.subscribe();
        loop {
            let answer = self.engine.submit(Command::Lease(command.clone())).await.expect("leases");
            let Reply::Leased(leased) = answer.reply else { panic!("leases answer with leases") };
            if let Some(task) = leased.tasks.into_iter().next() {
                return task;
            }
            folded.recv().await.expect("the engine lives");
        }
    }

    pub async fn answer(&self, task: &LeasedTask, facts: Vec<Fact>) {
        let facts = facts.into_iter().map(|fact| AnsweredFact {
            kind: fact.kind.clone(),
            volatile: None,
            fact: LoggedFact { fact_id: fact_id(&fact), body: Sealable::Plain(fact.into()) },
        });
        self.answer_with(task, facts.collect()).await;
    }

    /// Answers with facts that are sealed already, or are not to be.
    pub async fn answer_with(&self, task: &LeasedTask, facts: Vec<AnsweredFact>) {
        let raw = serde_json::to_vec(&facts.len()).expect("json");
        let evidence = self.evidence.put(raw.into(), "application/json", None).await.expect("kept");
        let answer = self.engine.submit(Command::Complete(Complete {
            source: task.queue.clone(),
            task: task.task,
            lease: task.lease,
            outcome: if facts.is_empty() { Outcome::NothingFound } else { Outcome::Found },
            by_status_only: false,
            complete: true,
            as_of: None,
            observed_at: self.now(),
            evidence: vec![evidence],
            facts,
            http_status: Some(200),
        }));
        answer.await.expect("taken");
    }

    pub async fn fail(&self, task: &LeasedTask) {
        let command = FailAttempt {
            source: task.queue.clone(),
            task: task.task,
            lease: task.lease,
            outcome: Outcome::Unavailable,
            cause: "timeout: no answer within 20s".to_owned(),
            http_status: None,
            evidence: Vec::new(),
            retry_after_ms: None,
        };
        self.engine.submit(Command::Fail(command)).await.expect("noted");
    }

    /// Reads a job until it is as the test waits for; each look follows a commit.
    pub async fn until(&self, job: &str, wanted: impl Fn(&Json) -> bool) -> Json {
        let mut folded = self.engine.subscribe();
        loop {
            let view = self.read(&format!("/v1/jobs/{job}")).await;
            if wanted(&view) {
                return view;
            }
            let next = tokio::time::timeout(std::time::Duration::from_secs(20), folded.recv()).await;
            next.unwrap_or_else(|_| panic!("it never came: {view:#}")).expect("the engine lives");
        }
    }

    /// Brings a check to its end: a developer, one case against it, nothing in the list.
    pub async fn complete(&self, job: &str) -> Json {
        self.answer_in_order(job, "cadastre", vec![developer()]).await;
        self.answer_in_order(job, "courts", vec![case("1", "Ответчик")]).await;
        self.answer_in_order(job, "bankrupts", Vec::new()).await;
        self.until(job, |view| view["final"] == true).await
    }

    /// Answers a source and waits until the job has taken it, so that the log's order is always the same.
    pub async fn answer_in_order(&self, job: &str, source: &str, facts: Vec<Fact>) -> Json {
        let task = self.lease(source).await;
        self.answer(&task, facts).await;
        self.until(job, |view| row(view, source)["state"] == "fresh").await
    }
}

/// The first row of a source.
pub fn row<'a>(view: &'a Json, source: &str) -> &'a Json {
    let rows = view["sources"].as_array().expect("rows");
    rows.iter().find(|row| row["source"] == source).expect("a row of the source")
}

/// Whether every want has reached its source's queue.
pub fn all_queued(view: &Json) -> bool {
    let rows = view["sources"].as_array().expect("rows");
    rows.iter().all(|row| row["state"] != "queued" || row["task_id"].is_string())
}

pub fn fact(source: &str, kind: &str, subject: &str, identity: (&str, &str), attrs: &[(&str, &str)]) -> Fact {
    Fact {
        source: source.to_owned(),
        kind: kind.to_owned(),
        subject: Subject(subject.to_owned()),
        matched: Match::Id,
        identity: [(identity.0.to_owned(), Value::text(identity.1))].into(),
        attrs: attrs.iter().map(|(name, value)| ((*name).to_owned(), Value::text(value))).collect(),
        valid: Validity::default(),
        connector: 1,
    }
}

pub fn developer() -> Fact {
    fact("cadastre", "cadastre.developer", "property:bb", ("inn", "7707083893"), &[])
}

pub fn case(number: &str, role: &str) -> Fact {
    fact("courts", "court.case", "company:7707083893", ("number", number), &[("role", role)])
}
