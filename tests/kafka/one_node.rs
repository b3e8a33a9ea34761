//! One node: checks, `kill -9`, a lost disk, and what is refused.

use crate::broker::Brokers;
use crate::support::client;
use crate::support::program::Program;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Output;
use std::time::Duration;
use tokio::process::Command;

const ADDRESS: &str = "г. Небывалинск, ул. Пробная, д. 7";

async fn mirano(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mirano")).args(arguments).output().await.expect("runs")
}

/// Asks for a check, and follows it to its end.
async fn check(server: &str, key: &str) -> Value {
    let post = client().post(format!("{server}/v1/jobs")).header("Idempotency-Key", key);
    let job = post.json(&json!({"address": ADDRESS, "profile": "standard"})).send().await.expect("answers");
    let job: Value = job.error_for_status().expect("taken").json().await.expect("JSON");
    let url = format!("{server}/v1/jobs/{}", job["job_id"].as_str().expect("an id"));
    let mut events = client().get(format!("{url}/events")).send().await.expect("answers");
    let ends = async {
        loop {
            let now = client().get(&url).send().await.expect("answers").json::<Value>().await.expect("JSON");
            if now["final"] == json!(true) {
                return now;
            }
            events.chunk().await.expect("readable");
        }
    };
    tokio::time::timeout(Duration::from_secs(120), ends).await.expect("the check ends")
}

/// Half of each last segment is gone, and with it the places, which are never ahead of what the disk has.
fn lose_the_end(data: &Path) {
    for partition in std::fs::read_dir(data.join("log")).expect("a mirror") {
        let files = std::fs::read_dir(partition.expect("an entry").path()).expect("a folder");
        let segments = files
            .map(|file| file.expect("an entry").path())
            .filter(|file| file.extension().is_some_and(|is| is == "seg"));
        let last = std::fs::File::options().write(true).open(segments.max().expect("a segment")).expect("opens");
        // Its header was durable before it had its name.
        last.set_len((last.metadata().expect("there").len() / 2).max(88)).expect("cut");
    }
    for file in std::fs::read_dir(data.join("kafka")).expect("a folder") {
        std::fs::remove_file(file.expect("an entry").path()).expect("removed");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_node_on_a_broker_keeps_what_it_acknowledged() {
    let Some(brokers) = Brokers::start(1) else { return };
    let folder = tempfile::tempdir().expect("temp");
    let path = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    let (data, config, evidence) = (path("data"), path("config"), path("evidence"));
    let mut sources = Program::start(&[
        "demo-sources",
        "--listen",
        "127.0.0.1:0",
        "--no-faults",
        "--speed",
        "40",
        "--write-config",
        &config,
    ]);
    sources.says("configuration: ").await;
    let addresses = brokers.addresses();
    let serve = |data: &str| -> Vec<String> {
        let flags = ["serve", "--config", &config, "--listen", "127.0.0.1:0", "--auth=off", "--evidence", &evidence];
        let kafka = ["--log", "kafka", "--brokers", &addresses, "--dev", "--partitions", "3", "--data", data];
        flags.iter().chain(&kafka).map(|flag| (*flag).to_owned()).collect()
    };
    let start = async |data: &str| {
        let flags = serve(data);
        let mut server = Program::start(&flags.iter().map(String::as_str).collect::<Vec<_>>());
        let address = server.says("Mirano is ready").await;
        (server, address)
    };

    let (server, address) = start(&data).await;
    let first = check(&address, "first").await;
    server.kill().await;
    let (server, address) = start(&data).await;
    let again = check(&address, "first").await;
    assert_eq!(again["job_id"], first["job_id"], "the acknowledged job is there, and its key still names it");
    let second = check(&address, "second").await;
    assert_ne!(second["job_id"], first["job_id"]);
    server.end().await;
    let verified = mirano(&["verify", "--data", &data, "--evidence", &evidence]).await;
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
    let listed = mirano(&["log", "--data", &data]).await;
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(listed.contains("0:0  void: the birth of the log"), "{listed}");
    assert!(listed.contains("PolicyAdopted"), "{listed}");

    // The folder is a mirror: alone it would go on with a history that the topic does not have.
    let alone = mirano(&["serve", "--config", &config, "--data", &data, "--partitions", "3", "--auth=off"]).await;
    let said = String::from_utf8_lossy(&alone.stderr).into_owned();
    assert!(!alone.status.success() && said.contains("--log kafka"), "{said}");

    // The power failed: the mirror's end was not on the disk yet, and the views, which RocksDB writes when it likes, have rows of it.
    lose_the_end(Path::new(&data));
    let short = mirano(&["verify", "--data", &data, "--evidence", &evidence]).await;
    let said = String::from_utf8_lossy(&short.stdout).into_owned();
    assert!(!short.status.success() && said.contains("the views saw"), "the views are ahead: {said}");
    let (server, address) = start(&data).await;
    assert_eq!(check(&address, "second").await["job_id"], second["job_id"]);
    server.end().await;
    let verified = mirano(&["verify", "--data", &data, "--evidence", &evidence]).await;
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));

    // A disk is lost: all that counts comes back from the topic, and the views are the same.
    let keys = Path::new(&data).join("keys");
    let fresh = path("fresh");
    std::fs::create_dir(&fresh).expect("made");
    std::fs::rename(keys, Path::new(&fresh).join("keys")).expect("keys are not in the log");
    std::fs::remove_dir_all(&data).expect("wiped");
    let (server, address) = start(&fresh).await;
    assert_eq!(check(&address, "second").await["job_id"], second["job_id"]);
    server.end().await;
    let digest = async |arguments: &[&str]| {
        let said = String::from_utf8_lossy(&mirano(arguments).await.stdout).into_owned();
        let mut words = said.split_whitespace().skip_while(|word| *word != "digest");
        words.nth(1).unwrap_or_else(|| panic!("no digest: {said}")).to_owned()
    };
    // The node said anew that it decides, so the log is longer than it was: its views are those of the topic now.
    assert_eq!(
        digest(&["rebuild", "--data", &fresh, "--digest-only"]).await,
        digest(&["replay", "--brokers", &addresses]).await
    );

    // The way out for a topic that is lost: another is filled from the mirror, and the node goes on with the folder that it has.
    let file = path("log.mrn");
    let exported = mirano(&["export", "--data", &fresh, "--out", &file]).await;
    assert!(exported.status.success(), "{}", String::from_utf8_lossy(&exported.stderr));
    let topic = ["--brokers", &addresses, "--topic", "second"];
    let imported = mirano(&[&["import", &file, "--dev"], topic.as_slice()].concat()).await;
    assert!(imported.status.success(), "{}", String::from_utf8_lossy(&imported.stderr));
    let flags = [serve(&fresh), vec!["--topic".to_owned(), "second".to_owned()]].concat();
    let mut server = Program::start(&flags.iter().map(String::as_str).collect::<Vec<_>>());
    let address = server.says("Mirano is ready").await;
    assert_eq!(check(&address, "second").await["job_id"], second["job_id"]);
    let third = check(&address, "third").await;
    assert_ne!(third["job_id"], second["job_id"], "and new ones are decided");
    server.end().await;
    assert_eq!(
        digest(&["rebuild", "--data", &fresh, "--digest-only"]).await,
        digest(&[&["replay"], topic.as_slice()].concat()).await
    );
    sources.end().await;
}
