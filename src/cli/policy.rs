//! `mirano policy`: what a running server decides by.

use super::{Misused, Server};
use anyhow::Result;
use reqwest::Method;
use std::path::PathBuf;

/// Show or change the policy
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Print the policy in force, with its version
    Show {
        #[command(flatten)]
        server: Server,
    },
    /// Put the policy of a configuration folder in force
    Apply {
        #[command(flatten)]
        server: Server,
        /// The folder
        folder: PathBuf,
        /// Only if this version is in force; else whatever is in force now
        #[arg(long)]
        if_version: Option<u64>,
    },
}

pub(super) async fn run(args: Args) -> Result<()> {
    match args.command {
        Command::Show { server } => {
            let policy = server.json(server.request(Method::GET, "/v1/policy")).await?;
            println!("{}", serde_json::to_string_pretty(&policy)?);
            Ok(())
        }
        Command::Apply { server, folder, if_version } => {
            let config = super::serve::load(&folder)?;
            let version = match if_version {
                Some(version) => version,
                None => {
                    let now = server.json(server.request(Method::GET, "/v1/policy")).await?;
                    now.get("version")
                        .and_then(serde_json::Value::as_u64)
                        .ok_or_else(|| Misused("the server told no version".to_owned()))?
                }
            };
            let request = server
                .request(Method::PUT, "/v1/policy")
                .header("if-match", format!("\"{version}\""))
                .json(&serde_json::json!({ "document": config.document }));
            let adopted = server.json(request).await?;
            println!("version {} is in force", adopted.get("version").unwrap_or(&serde_json::Value::Null));
            Ok(())
        }
    }
}
