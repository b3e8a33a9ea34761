//! Demo sources: a dated world over real HTTP, as sources that differ as real ones do.
//!
//! It is a server and a set of configuration files, nothing else: no part of the engine knows of it, and it knows of the
//! engine only the format of source files. Two worlds: *built in*, a pure function of a seed and a date, with companies,
//! persons and addresses that are recognisably invented; and any folder of dated files. A clock control moves from one date
//! to the next, so that a later check meets real changes; counters say what each source was asked and whether too quickly.
//!
//! What it promises: a client that keeps the stated limits never earns a 429 (other than one that was ordered); seeded
//! faults follow from counters, so tests can await them. What it leaves out: authentication (it is meant for loopback), and
//! state that outlives it: counters, orders and the clock begin anew at each start.

mod answer;
mod config;
mod control;
mod counters;
mod data;
pub mod farm;
mod fault;
mod home;
mod server;
mod sites;
mod world;

pub use config::{config, config_at_speed};
pub use counters::{RequestCount, SourceCount};
pub use fault::Fault;
pub use world::Showcase;

use chrono::NaiveDate;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How to serve the demo.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// A folder of dated files, served beside the built-in world.
    pub data: Option<PathBuf>,
    /// Names the built-in world.
    pub seed: u64,
    /// Whether seeded faults happen; ordered ones always do.
    pub faults: bool,
    /// How much faster than real sources: waits are divided by it and limits multiplied. 1 is lifelike.
    pub speed: f64,
    /// The world's date at the start; none: the data folder's earliest, else 2026-03-01.
    pub date: Option<NaiveDate>,
}

impl Default for Options {
    fn default() -> Self {
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        Self { listen, data: None, seed: 1, faults: true, speed: 1.0, date: None }
    }
}

/// Why the demo can't be served or configured.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The address can't be listened on.
    #[error("can't listen on {addr}")]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// The data folder, or a file in it, can't be read.
    #[error("can't read {path}")]
    Data {
        /// The folder or file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The data folder holds no dated file.
    #[error("no dated file like 2024-12-31_listings.csv in {path}")]
    NoData {
        /// The folder.
        path: PathBuf,
    },
    /// A speed that is not a number above zero.
    #[error("the speed is to be a number from 0.01 to 10000, not {0}")]
    Speed(f64),
}

/// The demo being served. Dropping it stops it without waiting.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub addr: SocketAddr,
    stop: CancellationToken,
    server: Option<JoinHandle<()>>,
}

impl Running {
    /// `http://address:port`, for [`config`].
    pub fn base_url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Stops: no new connections, waits of faults end, answers under way get a second to go out.
    pub async fn stop(mut self) {
        self.stop.cancel();
        if let Some(mut server) = self.server.take()
            && tokio::time::timeout(Duration::from_secs(1), &mut server).await.is_err()
        {
            server.abort();
        }
    }

    /// Returns when the server has ended.
    pub async fn ended(&mut self) {
        if let Some(server) = &mut self.server {
            // A panic of the server's task is its end, too.
            let _ = server.await;
            self.server = None;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(server) = &self.server {
            server.abort();
        }
    }
}

/// Serves the demo until the handle is stopped or dropped. When this returns, requests are answered.
pub async fn start(options: Options) -> Result<Running, DemoError> {
    let state = server::Shared::new(&options)?;
    let stop = state.stop.clone();
    let listening = tokio::net::TcpListener::bind(options.listen).await;
    let listener = listening.map_err(|source| DemoError::Listen { addr: options.listen, source })?;
    let addr = listener.local_addr().map_err(|source| DemoError::Listen { addr: options.listen, source })?;
    let stopped = stop.clone().cancelled_owned();
    let app = server::router(state);
    let server = tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, app).with_graceful_shutdown(stopped).await {
            tracing::error!(%error, "the demo's server ended");
        }
    });
    Ok(Running { addr, stop, server: Some(server) })
}

/// Checks a speed.
fn check_speed(speed: f64) -> Result<f64, DemoError> {
    if (0.01..=10_000.0).contains(&speed) { Ok(speed) } else { Err(DemoError::Speed(speed)) }
}

#[cfg(test)]
mod tests;
