//! Real brokers of Apache Kafka for a test, through `.ci/kafka`. They end when the test's process does, however it ends.

#![allow(dead_code, reason = "each test uses a part")]

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// Brokers of one cluster.
pub struct Brokers {
    folder: TempDir,
    ports: Vec<Vec<u16>>,
    /// Stops the brokers when its input ends.
    keeper: Child,
}

/// The script.
fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(".ci/kafka")
}

/// Ports that are free now.
fn free_ports(count: usize) -> Vec<u16> {
    let bound: Vec<TcpListener> = (0..count).map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port")).collect();
    bound.iter().map(|listener| listener.local_addr().expect("bound").port()).collect()
}

impl Brokers {
    /// Starts so many and waits until they answer. None only where `MIRANO_TEST_KAFKA=skip` says to leave brokers out.
    pub fn start(count: usize) -> Option<Self> {
        Self::start_with(count, 3)
    }

    /// One that is reached over TLS as well.
    pub fn start_with_tls() -> Option<Self> {
        Self::start_with(1, 4)
    }

    /// Brokers with so many ports each, of those that the script names.
    fn start_with(count: usize, each: usize) -> Option<Self> {
        if std::env::var("MIRANO_TEST_KAFKA").is_ok_and(|word| word == "skip") {
            println!("LEFT OUT: tests on a real broker: MIRANO_TEST_KAFKA=skip");
            return None;
        }
        let free = free_ports(count * each);
        let ports: Vec<Vec<u16>> = free.chunks(each).map(<[u16]>::to_vec).collect();
        let said = |ports: &Vec<u16>| ports.iter().map(u16::to_string).collect::<Vec<_>>().join(":");
        let folder = tempfile::tempdir().expect("a folder");
        let mut keeper = Command::new(script())
            .arg("run")
            .arg(folder.path())
            .args(ports.iter().map(said))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the script .ci/kafka runs");
        let said = BufReader::new(keeper.stdout.take().expect("piped"));
        let ready = said.lines().any(|line| line.expect("readable") == "ready");
        assert!(
            ready,
            "no broker of Apache Kafka could be started; `.ci/setup test` installs what it needs, \
             MIRANO_TEST_KAFKA=skip leaves such tests out"
        );
        Some(Self { folder, ports, keeper })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.ports.len()
    }

    /// For `bootstrap.servers`.
    pub fn addresses(&self) -> String {
        let each = self.ports.iter().map(|ports| format!("127.0.0.1:{}", ports[0]));
        each.collect::<Vec<_>>().join(",")
    }

    /// Where the first broker asks who one is: user `mirano`, password `right`.
    pub fn with_password(&self) -> String {
        format!("127.0.0.1:{}", self.ports[0][2])
    }

    /// Where the first broker shows who it is, and the file that vouches for it; [`Self::start_with_tls`].
    pub fn with_tls(&self) -> (String, PathBuf) {
        (format!("127.0.0.1:{}", self.ports[0][3]), self.folder.path().join("1/ca.pem"))
    }

    /// The process of broker `number`, counted from 1.
    pub fn pid(&self, number: usize) -> String {
        let file = self.folder.path().join(number.to_string()).join("pid");
        std::fs::read_to_string(file).expect("a running broker").trim().to_owned()
    }

    /// Where broker `number` keeps the first records of a partition.
    pub fn first_segment(&self, number: usize, topic: &str, partition: u32) -> PathBuf {
        let folder = self.folder.path().join(number.to_string()).join("data");
        folder.join(format!("{topic}-{partition}/00000000000000000000.log"))
    }

    /// Sends a signal to broker `number`.
    pub fn signal(&self, number: usize, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.pid(number)]).status().expect("kill runs");
        assert!(sent.success(), "broker {number} was alive until now; its log ends:\n{}", self.last_words(number));
    }

    /// The end of what broker `number` said.
    fn last_words(&self, number: usize) -> String {
        let log = std::fs::read_to_string(self.folder.path().join(number.to_string()).join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines.get(lines.len().saturating_sub(40)..).unwrap_or_default().join("\n")
    }

    /// Starts broker `number` again after it was killed, and waits until it serves.
    pub fn again(&self, number: usize) {
        let mut again = Command::new(script());
        again.arg("again").arg(self.folder.path()).arg(number.to_string());
        assert!(again.stdout(Stdio::null()).status().expect("the script runs").success(), "broker {number} is back");
    }

    /// The same without waiting: of several that were killed, none serves before there are enough.
    pub fn again_together(&self, numbers: std::ops::RangeInclusive<usize>) {
        for number in numbers.clone() {
            let mut again = Command::new(script());
            again.arg("again").arg(self.folder.path()).arg(number.to_string()).arg("nowait");
            assert!(again.stdout(Stdio::null()).status().expect("the script runs").success(), "broker {number} starts");
        }
        let mut serve = Command::new(script());
        serve.arg("await").arg(self.folder.path()).args(numbers.map(|number| number.to_string()));
        assert!(serve.stdout(Stdio::null()).status().expect("the script runs").success(), "all serve");
    }

    /// Runs one of Kafka's own tools, `kafka-topics` and the like by their classes, against these brokers.
    pub fn tool(&self, class: &str, arguments: &[&str]) -> String {
        let mut tool = Command::new(script());
        tool.arg("tool").arg(class).args(["--bootstrap-server", &self.addresses()]).args(arguments);
        let output = tool.output().expect("the script runs");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{class} {arguments:?}: {said} {}", String::from_utf8_lossy(&output.stderr));
        said
    }
}

impl Drop for Brokers {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}
