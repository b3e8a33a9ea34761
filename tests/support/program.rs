//! A program of ours as a process of its own.

use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// The program and what it says; killed when dropped.
pub struct Program {
    child: Child,
    said: Lines<BufReader<ChildStdout>>,
}

impl Program {
    /// Starts it; of its log only errors are shown.
    pub fn start(arguments: &[&str]) -> Self {
        Self::spawn(Command::new(env!("CARGO_BIN_EXE_mirano")).args(arguments).env("MIRANO_LOG", "error"))
    }

    /// The same with variables in its environment, and all that it logs in a file.
    pub fn start_logging(arguments: &[&str], environment: &[(&str, &str)], log: &Path) -> Self {
        let file = File::options().create(true).append(true).open(log).expect("writable");
        let mut command = Command::new(env!("CARGO_BIN_EXE_mirano"));
        Self::spawn(command.args(arguments).envs(environment.iter().copied()).stderr(file))
    }

    fn spawn(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().expect("starts");
        let said = BufReader::new(child.stdout.take().expect("piped")).lines();
        Self { child, said }
    }

    /// Waits until it says a line with `sign`, and returns the address in it.
    pub async fn says(&mut self, sign: &str) -> String {
        let said = async {
            while let Some(line) = self.said.next_line().await.expect("readable") {
                if line.contains(sign) {
                    return line;
                }
            }
            panic!("ended without saying {sign:?}");
        };
        let line = tokio::time::timeout(Duration::from_secs(180), said).await.expect("says so in three minutes");
        let address = line.split_whitespace().find(|word| word.starts_with("http://")).unwrap_or_default();
        address.trim_end_matches('/').to_owned()
    }

    /// Its process.
    pub fn pid(&self) -> String {
        self.child.id().expect("alive").to_string()
    }

    /// Sends it a signal: `-STOP`, `-CONT`.
    pub async fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.pid()]).status().await.expect("kill runs");
        assert!(sent.success(), "it was alive until now");
    }

    /// `kill -9`.
    pub async fn kill(mut self) {
        self.child.start_kill().expect("was alive until now");
        let status = self.child.wait().await.expect("waited for");
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(9), "killed, not ended: {status}");
    }

    /// Asks it to end, as an operator does, and waits.
    pub async fn end(mut self) {
        let id = self.child.id().expect("alive").to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().await.expect("kill runs").success());
        assert!(self.child.wait().await.expect("waited for").success(), "ends well");
    }
}
