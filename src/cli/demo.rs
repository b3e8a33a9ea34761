//! `mirano demo-sources`

use super::Misused;
use crate::demo;
use anyhow::Result;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Serve invented sources, or a folder of dated files, over HTTP on this machine
#[derive(clap::Args)]
pub(super) struct Args {
    /// Where to listen: loopback only
    #[arg(long, default_value = "127.0.0.1:8701")]
    listen: SocketAddr,
    /// A folder of dated files to serve beside the invented world
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Names the invented world
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The world's date at the start, YYYY-MM-DD
    #[arg(long)]
    date: Option<chrono::NaiveDate>,
    /// Serve without captchas, outages and other troubles
    #[arg(long)]
    no_faults: bool,
    /// How much faster than real sources
    #[arg(long, default_value_t = 1.0)]
    speed: f64,
    /// Write the configuration for these sources into a folder, for `mirano serve --config DIR`
    #[arg(long, value_name = "DIR")]
    write_config: Option<PathBuf>,
}

pub(super) async fn run(args: Args) -> Result<()> {
    if !args.listen.ip().is_loopback() {
        return Err(Misused("the demo listens on loopback only".to_owned()).into());
    }
    let options = demo::Options {
        listen: args.listen,
        data: args.data.clone(),
        seed: args.seed,
        faults: !args.no_faults,
        speed: args.speed,
        date: args.date,
    };
    let mut running = demo::start(options).await?;
    let mut signals = super::stop::StopSignals::install()?;
    println!(
        "demo sources: {}  (what they are, what they were asked, the clock and faults to order)",
        running.base_url()
    );
    if let Some(folder) = &args.write_config {
        let mut files = demo::config_at_speed(&running.base_url(), args.data.as_deref(), args.speed)?;
        files.insert("risk.toml".to_owned(), crate::core::risk::DEFAULT_RISK_TOML.to_owned());
        for (name, text) in files {
            let path = folder.join(name);
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent)?;
            }
            std::fs::write(path, text)?;
        }
        println!("configuration: {}", folder.display());
    }
    tokio::select! {
        () = running.ended() => {}
        () = signals.stop() => {}
    }
    running.stop().await;
    Ok(())
}
