//! Thousands of listeners of `/v1/events` on one node: each gets every message once, and one that reads nothing holds
//! nobody up. Prints memory, CPU time and delay; asserts on none of them.
//!
//! 500 by default; `MIRANO_LISTENERS=10000` for more.

mod support;

use serde_json::{Value as Json, json};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use support::client;
use support::program::Program;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, Semaphore};

/// Checks that are told to all.
const ROUNDS: usize = 20;
/// Connections that are opened side by side.
const OPENING: usize = 64;

/// What all listeners of this process write down.
struct Books {
    /// How many streams have begun.
    open: AtomicUsize,
    /// When the check of this round was asked for.
    asked: Mutex<Instant>,
    /// After how long each listener heard of it.
    delays: Mutex<Vec<Duration>>,
    moved: Notify,
}

impl Books {
    async fn until(&self, what: &str, done: impl Fn(&Self) -> bool) {
        let waits = async {
            loop {
                let moved = self.moved.notified();
                if done(self) {
                    return;
                }
                moved.await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(120), waits).await;
        assert!(waited.is_ok(), "{what}: {} open, {} heard", self.open.load(Ordering::SeqCst), self.heard());
    }

    fn heard(&self) -> usize {
        self.delays.lock().expect("no panic").len()
    }
}

async fn connect(address: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.expect("connects");
    let request = format!("GET /v1/events HTTP/1.1\r\nhost: {address}\r\naccept: text/event-stream\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("asks");
    stream
}

/// Follows the stream; the number of messages about checks that came.
async fn listen(address: String, opening: Arc<Semaphore>, books: Arc<Books>) -> usize {
    let permit = opening.acquire_owned().await.expect("open");
    let mut stream = connect(&address).await;
    let (mut seen, mut text, mut heard, mut begun) = ([0u8; 2048], String::new(), 0, false);
    let mut permit = Some(permit);
    while heard < ROUNDS {
        let count = stream.read(&mut seen).await.expect("the server lives");
        assert!(count > 0, "the stream ended");
        text.push_str(&String::from_utf8_lossy(seen.get(..count).unwrap_or_default()));
        if !begun && text.contains("event: open") {
            begun = true;
            permit.take();
            books.open.fetch_add(1, Ordering::SeqCst);
            books.moved.notify_waiters();
        }
        let came = text.matches("event: job\n").count();
        if came > 0 {
            let delay = books.asked.lock().expect("no panic").elapsed();
            books.delays.lock().expect("no panic").extend(std::iter::repeat_n(delay, came));
            heard += came;
            books.moved.notify_waiters();
        }
        // What a message begins with may still be on its way.
        let rest = text.rfind('\n').map_or(0, |end| end + 1);
        text.drain(..rest);
    }
    heard
}

/// Memory in KiB and CPU time in hundredths of a second of a process.
fn measured(process: &str) -> (u64, u64) {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("lives");
    let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse().ok());
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).expect("lives");
    let fields: Vec<&str> = stat.rsplit_once(')').expect("a name").1.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<u64>().ok()).expect("a number");
    (memory.expect("a number"), ticks(11) + ticks(12))
}

/// How many listeners the process may have: each is a file on either side.
fn allowed(wanted: usize) -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let soft =
        limits.lines().find_map(|line| line.strip_prefix("Max open files")?.split_whitespace().next()?.parse().ok());
    let most = soft.unwrap_or(1_024usize).saturating_sub(200);
    if most < wanted {
        println!("LEFT OUT: {wanted} listeners: only {most} files may be open (`ulimit -n`)");
    }
    wanted.min(most)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_listen_and_nobody_waits_for_the_slow() {
    let wanted = std::env::var("MIRANO_LISTENERS").map_or(500, |text| text.parse().expect("a number"));
    let count = allowed(wanted);
    let folder = tempfile::tempdir().expect("temp");
    let (data, config) = (folder.path().join("data"), folder.path().join("config"));
    let (data, config) = (data.to_str().expect("UTF-8"), config.to_str().expect("UTF-8"));
    let mut sources =
        Program::start(&["demo-sources", "--listen", "127.0.0.1:0", "--no-faults", "--write-config", config]);
    sources.says("configuration: ").await;
    assert!(Path::new(config).join("profiles.toml").exists());
    let arguments =
        ["serve", "--data", data, "--config", config, "--listen", "127.0.0.1:0", "--auth=off", "--no-workers"];
    let mut server = Program::start(&arguments);
    let url = server.says("Mirano is ready").await;
    let address = url.trim_start_matches("http://").to_owned();
    // One check beforehand, so that what every process loads once is loaded.
    let http = client();
    let ask = async |n: usize| -> String {
        let body = json!({"address": format!("г. Москва, ул. Тверская, д. {n}"), "profile": "standard"});
        let answer = http.post(format!("{url}/v1/jobs")).json(&body).send().await.expect("an answer");
        let answer: Json = answer.json().await.expect("json");
        answer["job_id"].as_str().expect("an id").to_owned()
    };
    ask(1).await;

    let books = Arc::new(Books {
        open: AtomicUsize::new(0),
        asked: Mutex::new(Instant::now()),
        delays: Mutex::default(),
        moved: Notify::new(),
    });
    let (before, _) = measured(&server.pid());
    let opening = Arc::new(Semaphore::new(OPENING));
    let slow = connect(&address).await;
    let began = Instant::now();
    let listeners: Vec<_> =
        (0..count).map(|_| tokio::spawn(listen(address.clone(), Arc::clone(&opening), Arc::clone(&books)))).collect();
    books.until("they open", |books| books.open.load(Ordering::SeqCst) == count).await;
    let opened = began.elapsed();
    let (with, idle) = measured(&server.pid());
    let mut rounds = Vec::new();
    for round in 0..ROUNDS {
        *books.asked.lock().expect("no panic") = Instant::now();
        ask(100 + round).await;
        books.until("they hear", |books| books.heard() == count * (round + 1)).await;
        rounds.push(books.asked.lock().expect("no panic").elapsed());
    }
    let (after, busy) = measured(&server.pid());
    for listener in listeners {
        assert_eq!(listener.await.expect("no panic"), ROUNDS, "each heard of each check once");
    }
    drop(slow);
    let mut delays = books.delays.lock().expect("no panic").clone();
    delays.sort_unstable();
    let at = |part: usize| delays.get((delays.len() - 1) * part / 100).copied().unwrap_or_default();
    let mebibytes = |kib: u64| kib as f64 / 1_024.0;
    println!(
        "{count} listeners opened in {opened:?}; memory {:.0} MiB before, {:.0} with them ({:.1} KiB each), {:.0} after; \
         {ROUNDS} messages to each: delay p50 {:?}, p99 {:?}, most {:?}; CPU {:.1} ms a message to all, {:.1} µs a listener",
        mebibytes(before),
        mebibytes(with),
        (with.saturating_sub(before)) as f64 / count as f64,
        mebibytes(after),
        at(50),
        at(99),
        at(100),
        (busy - idle) as f64 * 10.0 / ROUNDS as f64,
        (busy - idle) as f64 * 10_000.0 / (ROUNDS * count) as f64,
    );
    assert_eq!(rounds.len(), ROUNDS);
    server.end().await;
}
