//! The flags and the file that say how to reach Apache Kafka.

use super::{Misused, Wrong};
use crate::sequencer::kafka::{OpenError, Settings};
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// How to reach the log on Apache Kafka, with `--log kafka`.
#[derive(clap::Args)]
#[command(next_help_heading = "With --log kafka")]
pub(super) struct KafkaArgs {
    /// Addresses of brokers, separated by commas
    #[arg(long, value_name = "HOST:PORT,…", env = "MIRANO_KAFKA_BROKERS")]
    brokers: Option<String>,
    /// The topic that holds the log
    #[arg(long, default_value = "mirano", env = "MIRANO_KAFKA_TOPIC")]
    topic: String,
    /// Where the other nodes reach this one, `http://a.internal:8700`; else where it listens
    #[arg(long, value_name = "URL", env = "MIRANO_URL")]
    url: Option<String>,
    /// Let a topic with one replica pass: for trying, where nothing depends on it
    #[arg(long)]
    dev: bool,
    /// A TOML file with a table [kafka] of librdkafka's properties, such as TLS and SASL; else kafka.toml in the configuration folder
    #[arg(long, value_name = "FILE", env = "MIRANO_KAFKA_CONFIG")]
    kafka_config: Option<PathBuf>,
}

impl KafkaArgs {
    /// Where other nodes reach this one.
    pub(super) fn url(&self, listens: SocketAddr) -> Result<String> {
        let Some(url) = &self.url else {
            if listens.ip().is_unspecified() {
                return Err(Misused(format!("{listens} is no address for other nodes: name one with --url")).into());
            }
            return Ok(format!("http://{listens}"));
        };
        let good = url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        if !good {
            return Err(Misused(format!("--url {url}: http:// or https://, a name and a port are needed")).into());
        }
        Ok(url.clone())
    }

    /// The settings that flags and file say.
    pub(super) fn settings(&self, config: Option<&Path>, node: &str, partitions: u32) -> Result<Settings> {
        let Some(brokers) = self.brokers.clone() else {
            return Err(Misused("--log kafka needs --brokers HOST:PORT,…".to_owned()).into());
        };
        let beside = config.map(|folder| folder.join("kafka.toml")).filter(|file| file.exists());
        let properties = properties_of(self.kafka_config.clone().or(beside))?;
        let mut settings = Settings::new(brokers, &self.topic);
        settings.node = node.to_owned();
        settings.partitions = partitions;
        settings.dev = self.dev;
        settings.properties = properties;
        settings.check().map_err(wrong)?;
        Ok(settings)
    }
}

/// A topic of Apache Kafka instead of a data folder, for a command that reads or writes a whole log.
#[derive(clap::Args, Clone)]
#[command(next_help_heading = "A log on Apache Kafka instead of the data folder's")]
pub(super) struct TopicArgs {
    /// Addresses of brokers, separated by commas. A topic is first read into the folder for temporary files (TMPDIR)
    #[arg(long, value_name = "HOST:PORT,…")]
    brokers: Option<String>,
    /// The topic that holds the log
    #[arg(long, default_value = "mirano", env = "MIRANO_KAFKA_TOPIC")]
    topic: String,
    /// A TOML file with a table [kafka] of librdkafka's properties, such as TLS and SASL
    #[arg(long, value_name = "FILE", env = "MIRANO_KAFKA_CONFIG")]
    kafka_config: Option<PathBuf>,
}

impl TopicArgs {
    /// The settings; none where no brokers are named.
    pub(super) fn settings(&self) -> Result<Option<Settings>> {
        let Some(brokers) = self.brokers.clone() else { return Ok(None) };
        let mut settings = Settings::new(brokers, &self.topic);
        settings.properties = properties_of(self.kafka_config.clone())?;
        settings.check().map_err(wrong)?;
        Ok(Some(settings))
    }
}

/// An error of the log on Kafka, as wrong use or as something that is wrong.
pub(super) fn wrong(error: OpenError) -> anyhow::Error {
    if error.misused() { Misused(error.to_string()).into() } else { Wrong(error.to_string()).into() }
}

fn properties_of(file: Option<PathBuf>) -> Result<BTreeMap<String, String>> {
    let Some(file) = file else { return Ok(BTreeMap::new()) };
    let text = std::fs::read_to_string(&file).with_context(|| format!("{} can't be read", file.display()))?;
    let read = properties(&text, &|name| std::env::var(name).ok());
    Ok(read.map_err(|why| Misused(format!("{}: {why}", file.display())))?)
}

/// Reads the properties of a file. A value is a text, a number or a truth, or `{ env = "NAME" }` for what comes from the
/// environment; `sasl.password` may be written with its dots or as tables.
fn properties(text: &str, environment: &dyn Fn(&str) -> Option<String>) -> Result<BTreeMap<String, String>, String> {
    let file: toml::Table = text.parse().map_err(|error: toml::de::Error| error.to_string())?;
    let mut out = BTreeMap::new();
    match file.get("kafka") {
        Some(toml::Value::Table(table)) => flatten("", table, environment, &mut out)?,
        Some(_) => return Err("[kafka] is not a table".to_owned()),
        None => return Err("there is no table [kafka]".to_owned()),
    }
    Ok(out)
}

fn flatten(
    before: &str,
    table: &toml::Table,
    environment: &dyn Fn(&str) -> Option<String>,
    out: &mut BTreeMap<String, String>,
) -> Result<(), String> {
    for (name, value) in table {
        let name = if before.is_empty() { name.clone() } else { format!("{before}.{name}") };
        let text = match value {
            toml::Value::String(text) => text.clone(),
            toml::Value::Integer(number) => number.to_string(),
            toml::Value::Float(number) => number.to_string(),
            toml::Value::Boolean(truth) => truth.to_string(),
            toml::Value::Table(inner) => match inner.get("env") {
                Some(toml::Value::String(variable)) if inner.len() == 1 => environment(variable)
                    .ok_or_else(|| format!("{name} comes from the variable {variable}, which is not set"))?,
                _ => {
                    flatten(&name, inner, environment, out)?;
                    continue;
                }
            },
            _ => return Err(format!("{name} is neither a text, a number nor a truth")),
        };
        out.insert(name, text);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_are_read_with_their_secrets() {
        let text = "[kafka]\n\"security.protocol\" = \"SASL_SSL\"\nsasl.username = \"mirano\"\nsasl.password = { env = \"PW\" }\n\
                    linger.ms = 3\nenable.ssl.certificate.verification = true\n";
        let read = properties(text, &|name| (name == "PW").then(|| "secret".to_owned())).expect("good");
        let read: Vec<_> = read.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(
            read,
            [
                "enable.ssl.certificate.verification=true",
                "linger.ms=3",
                "sasl.password=secret",
                "sasl.username=mirano",
                "security.protocol=SASL_SSL",
            ]
        );
        let said = properties(text, &|_| None).expect_err("refused");
        assert!(said.contains("sasl.password") && said.contains("PW"), "{said}");
        assert!(properties("[other]", &|_| None).is_err());
        assert!(properties("[kafka]\na = [1]", &|_| None).is_err());
    }
}
