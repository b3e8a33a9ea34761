//! Clients that ask any node, and go to another when one does not answer.

use super::support::client;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Clients side by side.
const CLIENTS: u64 = 4;
/// Between a client's jobs, so that sources keep up.
const PACE: Duration = Duration::from_millis(120);
/// The longest that any request may take: a node that is stopped answers nothing.
const PATIENCE: Duration = Duration::from_secs(25);

/// What callers know.
#[derive(Default)]
pub struct Known {
    /// `Idempotency-Key` → the job that it was acknowledged with.
    pub acknowledged: BTreeMap<String, String>,
    /// When the last one was.
    pub last: Option<Instant>,
    /// The longest that nothing was acknowledged.
    pub longest_gap: Duration,
}

impl Known {
    /// The same key is the same job, whoever answers and however often.
    pub fn acknowledge(&mut self, key: &str, job: String) {
        if let Some(before) = self.acknowledged.insert(key.to_owned(), job.clone()) {
            assert_eq!(before, job, "{key} names one job");
        }
    }
}

pub struct Load {
    addresses: Mutex<Vec<String>>,
    pub known: Mutex<Known>,
    next_key: AtomicU64,
    /// Requests that a node refused for the time being, or did not answer.
    pub refused: AtomicU64,
    stop: AtomicBool,
}

impl Load {
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            addresses: Mutex::default(),
            known: Mutex::default(),
            next_key: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            stop: AtomicBool::new(false),
        })
    }

    pub fn know(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().expect("nobody panics with it")
    }

    /// Who may be asked.
    pub fn ask_these(&self, addresses: Vec<String>) {
        *self.addresses.lock().expect("nobody panics with it") = addresses;
    }

    pub fn acknowledged(&self) -> usize {
        self.know().acknowledged.len()
    }

    /// Starts the clients; they run until [`Under::stop`].
    pub fn start(self: &Arc<Self>) -> Under {
        self.stop.store(false, Ordering::SeqCst);
        let mut known = self.know();
        (known.last, known.longest_gap) = (None, Duration::ZERO);
        drop(known);
        let clients = (0..CLIENTS).map(|_| tokio::spawn(Arc::clone(self).run())).collect();
        Under { load: Arc::clone(self), clients }
    }

    async fn run(self: Arc<Self>) {
        while !self.stop.load(Ordering::SeqCst) {
            let key = self.next_key.fetch_add(1, Ordering::SeqCst);
            self.ask(key).await;
            tokio::time::sleep(PACE).await;
        }
    }

    /// Asks under a key until somebody acknowledges.
    async fn ask(&self, key: u64) {
        // Some ask about what others ask about.
        let address = format!("г. Небывалинск, ул. Пробная, д. {}", 1 + key * 2 / 3);
        let body = json!({"address": address, "profile": "standard"});
        for turn in key.. {
            let server = {
                let addresses = self.addresses.lock().expect("nobody panics with it");
                addresses[usize::try_from(turn).expect("few") % addresses.len()].clone()
            };
            let post = client().post(format!("{server}/v1/jobs")).header("Idempotency-Key", format!("key-{key}"));
            let answer = post.timeout(PATIENCE).json(&body).send().await;
            match answer {
                Ok(answer) if answer.status() == 202 => {
                    let Ok(job) = answer.json::<Value>().await else { continue };
                    let id = job["job_id"].as_str().expect("an id").to_owned();
                    let mut known = self.know();
                    let gap = known.last.replace(Instant::now()).map_or(Duration::ZERO, |last| last.elapsed());
                    known.longest_gap = known.longest_gap.max(gap);
                    known.acknowledge(&format!("key-{key}"), id);
                    return;
                }
                Ok(answer) => {
                    let status = answer.status().as_u16();
                    let text = answer.text().await.unwrap_or_default();
                    assert_eq!(status, 503, "the only refusal is one that says to try again: {text}");
                    self.refused.fetch_add(1, Ordering::SeqCst);
                }
                // It may count or not; the key finds out.
                Err(_) => _ = self.refused.fetch_add(1, Ordering::SeqCst),
            }
            tokio::time::sleep(PACE).await;
        }
    }
}

impl Load {
    /// Asks one node under a key of its own until it acknowledges; the job is one of those that must be there.
    pub async fn ask_named(&self, key: &str, server: &str, body: &Value) {
        let acknowledged = async {
            loop {
                let post = client().post(format!("{server}/v1/jobs")).header("Idempotency-Key", key);
                let answer = post.timeout(PATIENCE).json(body).send().await;
                if let Ok(answer) = answer
                    && answer.status() == 202
                {
                    return answer.json::<Value>().await.expect("JSON");
                }
                tokio::time::sleep(PACE).await;
            }
        };
        let job = tokio::time::timeout(Duration::from_secs(120), acknowledged).await.expect("acknowledged");
        let id = job["job_id"].as_str().expect("an id").to_owned();
        self.know().acknowledge(key, id);
    }
}

/// A load that runs.
pub struct Under {
    load: Arc<Load>,
    clients: Vec<tokio::task::JoinHandle<()>>,
}

impl Under {
    /// Waits until so many more jobs are acknowledged.
    pub async fn until_more(&self, more: usize) {
        let want = self.load.acknowledged() + more;
        let reached = async {
            while self.load.acknowledged() < want {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(120), reached).await.expect("the load gets on");
    }

    /// No further jobs; every one that was begun is acknowledged first.
    pub async fn stop(self) {
        self.load.stop.store(true, Ordering::SeqCst);
        for client in self.clients {
            tokio::time::timeout(Duration::from_secs(120), client).await.expect("ends").expect("no client panicked");
        }
    }
}
