//! Clients that never let their load run dry, and what they know.

use futures::{StreamExt, stream};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

/// Jobs between two kills about addresses that somebody asked about before.
const REPEATS: u64 = 30;
/// Unfinished jobs about addresses that nobody asked about before, which each client has at any time.
const OUTSTANDING: usize = 2;

/// What callers know.
#[derive(Default)]
pub struct Known {
    /// Key → the job that it was acknowledged with.
    pub acknowledged: BTreeMap<u64, String>,
    /// Key → the address that it asks about.
    asked: BTreeMap<u64, u64>,
    /// Keys without an answer: their jobs are there, or not.
    pub unsure: BTreeSet<u64>,
    /// Acknowledged and not yet seen to be final.
    pub open: BTreeSet<String>,
}

pub struct Load {
    pub http: reqwest::Client,
    pub known: Mutex<Known>,
    pub next_key: AtomicU64,
    pub addresses: AtomicU64,
    pub repeats: AtomicU64,
    /// A job about an address that nobody asked about before was acknowledged, and is not final.
    pub under_way: Notify,
}

/// Nobody answers any more.
pub struct Gone;

impl Load {
    pub fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().expect("nobody panics with it")
    }

    /// Asks for a job under a key. The same key gives the same job for ever. Returns it, and whether it is final.
    pub async fn ask(&self, server: &str, key: u64) -> Result<(String, bool), Gone> {
        let address = *self.known().asked.get(&key).expect("a key asks about an address");
        let body = json!({"address": format!("г. Небывалинск, ул. Пробная, д. {address}"), "profile": "standard"});
        let post = self.http.post(format!("{server}/v1/jobs")).header("Idempotency-Key", format!("key-{key}"));
        let answer = async {
            let response = post.json(&body).send().await?.error_for_status()?;
            response.json::<Value>().await
        };
        let job = match answer.await {
            Ok(job) => job,
            Err(error) => {
                assert!(error.status().is_none(), "refused: {error}");
                self.known().unsure.insert(key);
                return Err(Gone);
            }
        };
        let (id, ended) = (job["job_id"].as_str().expect("an id").to_owned(), job["final"] == json!(true));
        let mut known = self.known();
        known.unsure.remove(&key);
        if let Some(before) = known.acknowledged.insert(key, id.clone()) {
            assert_eq!(before, id, "the same key is the same job");
        } else if !ended {
            known.open.insert(id.clone());
        }
        Ok((id, ended))
    }

    fn key(&self, address: u64) -> u64 {
        let key = self.next_key.fetch_add(1, Ordering::SeqCst);
        self.known().asked.insert(key, address);
        key
    }

    async fn ask_what_is_new(&self, server: &str) -> Result<(String, bool), Gone> {
        let key = self.key(self.addresses.fetch_add(1, Ordering::SeqCst));
        self.ask(server, key).await
    }

    async fn ask_what_is_known(&self, server: &str) -> Result<(), Gone> {
        if self.repeats.fetch_add(1, Ordering::SeqCst) < REPEATS {
            let known = self.addresses.load(Ordering::SeqCst).max(1);
            let key = self.key(self.next_key.load(Ordering::SeqCst) % known);
            self.ask(server, key).await?;
        }
        Ok(())
    }

    /// A client that never lets its load run dry: it looks at its unfinished jobs in turn, and whenever one has ended it
    /// asks about another new address first. Ends when nobody answers.
    pub async fn run(self: Arc<Self>, server: String, again: Vec<u64>) -> Gone {
        match self.keep_busy(&server, again).await {
            Err(gone) => gone,
        }
    }

    async fn keep_busy(&self, server: &str, again: Vec<u64>) -> Result<Infallible, Gone> {
        let mut mine: VecDeque<String> = VecDeque::new();
        while mine.len() < OUTSTANDING {
            let (id, ended) = self.ask_what_is_new(server).await?;
            if !ended {
                mine.push_back(id);
                self.under_way.notify_one();
            }
        }
        for key in again {
            self.ask(server, key).await?;
        }
        loop {
            self.ask_what_is_known(server).await?;
            let Some(id) = mine.pop_front() else { continue };
            let answer = self.http.get(format!("{server}/v1/jobs/{id}")).send().await.map_err(|_| Gone)?;
            assert_eq!(answer.status(), 200, "the acknowledged job {id} is there");
            let job: Value = answer.json().await.map_err(|_| Gone)?;
            if job["final"] != json!(true) {
                mine.push_back(id);
                continue;
            }
            loop {
                let (next, ended) = self.ask_what_is_new(server).await?;
                if !ended {
                    mine.push_back(next);
                    break;
                }
            }
            self.known().open.remove(&id);
        }
    }

    async fn job(&self, server: &str, id: &str) -> Value {
        let url = format!("{server}/v1/jobs/{id}");
        let answer = self.http.get(url).send().await.expect("answers");
        assert_eq!(answer.status(), 200, "the acknowledged job {id} is there");
        answer.json().await.expect("JSON")
    }

    /// Looks at every open job: each is there. Returns how many are still not final.
    pub async fn look(&self, server: &str) -> usize {
        let open: Vec<String> = self.known().open.iter().cloned().collect();
        let looked =
            stream::iter(open).map(|id| async move { (self.job(server, &id).await["final"] == json!(true), id) });
        let ended: Vec<(bool, String)> = looked.buffer_unordered(16).collect().await;
        let mut known = self.known();
        for (_, id) in ended.iter().filter(|(ended, _)| *ended) {
            known.open.remove(id);
        }
        known.open.len()
    }

    /// Follows a job's events until one says that it is final.
    pub async fn until_final(&self, server: &str, id: &str) {
        let url = format!("{server}/v1/jobs/{id}/events");
        let answer = self.http.get(url).send().await.expect("answers").error_for_status().expect("events");
        let (mut events, mut text) = (answer.bytes_stream(), Vec::new());
        while let Some(bytes) = events.next().await {
            text.extend_from_slice(&bytes.expect("readable"));
            let seen = String::from_utf8_lossy(&text);
            if seen.contains("event: done") || seen.contains("event:done") || seen.contains("\"final\":true") {
                return;
            }
        }
        panic!("the events of {id} ended before it was final");
    }
}
