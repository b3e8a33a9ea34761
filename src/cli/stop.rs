//! How an operator ends a process that serves.

use anyhow::{Context, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGTERM and Ctrl-C. From the moment it is made, neither ends the process by itself; one that arrives before anybody
/// waits is kept.
pub(super) struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    /// Takes the two signals over.
    pub(super) fn install() -> Result<Self> {
        let install = |kind| signal(kind).context("signals can't be handled");
        Ok(Self { terminate: install(SignalKind::terminate())?, interrupt: install(SignalKind::interrupt())? })
    }

    /// Returns when the process is asked to stop.
    pub(super) async fn stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// Returns when the process is asked to stop; asked once more, the process ends at once. The log bears that.
    pub(super) async fn stop_or_die(mut self) {
        self.stop().await;
        tokio::spawn(async move {
            self.stop().await;
            eprintln!("mirano: stopped at once; what was under way is taken up at the next start");
            std::process::exit(1);
        });
    }
}
