//! `proxies.toml`: pools of proxies. What decisions need goes into the document; addresses and credentials stay here.

use super::ConfigProblem;
use super::toml_text::TomlText;
use crate::core::policy::{DayHours, DurationMs, ProxyPoolSpec, Rate, TotalSpec};
use serde::Deserialize;
use std::collections::BTreeMap;

/// The address of each proxy by pool and name; `${NAME}` or a whole `env:NAME` is read from the environment when used.
/// Its `Debug` shows names only.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct ProxySecrets(pub BTreeMap<String, BTreeMap<String, String>>);

impl ProxySecrets {
    /// The address of a proxy, with names of secrets in it.
    pub fn url(&self, pool: &str, proxy: &str) -> Option<&str> {
        self.0.get(pool)?.get(proxy).map(String::as_str)
    }
}

impl std::fmt::Debug for ProxySecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = self.0.iter().map(|(pool, proxies)| (pool, proxies.keys().collect::<Vec<_>>()));
        f.debug_map().entries(names).finish()
    }
}

/// One pool, as the file says it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pool {
    proxies: BTreeMap<String, String>,
    rate: Option<Rate>,
    burst: Option<u32>,
    concurrency: Option<u32>,
    daily: Option<u32>,
    quiet: Option<DayHours>,
    total: Option<TotalSpec>,
    cool_down: Option<DurationMs>,
    failures: Option<u32>,
}

/// Reads the file; what is wrong goes to `problems`.
pub(super) fn read(
    text: &TomlText<'_>,
    problems: &mut Vec<ConfigProblem>,
) -> (BTreeMap<String, ProxyPoolSpec>, ProxySecrets) {
    let pools: BTreeMap<String, Pool> = text.read().unwrap_or_else(|found| {
        problems.extend(found);
        BTreeMap::new()
    });
    let mut specs = BTreeMap::new();
    let mut secrets = BTreeMap::new();
    for (name, pool) in pools {
        for (proxy, url) in &pool.proxies {
            if let Err(detail) = check(url) {
                problems.push(text.problem_at(&format!("{name}.proxies.{proxy}"), detail.to_owned(), None));
            }
        }
        specs.insert(
            name.clone(),
            ProxyPoolSpec {
                proxies: pool.proxies.keys().cloned().collect(),
                rate: pool.rate,
                burst: pool.burst,
                concurrency: pool.concurrency,
                daily: pool.daily,
                quiet: pool.quiet,
                total: pool.total.unwrap_or_default(),
                cool_down: pool.cool_down.unwrap_or(DurationMs(60_000)),
                failures: pool.failures.unwrap_or(3),
            },
        );
        secrets.insert(name, pool.proxies);
    }
    (specs, ProxySecrets(secrets))
}

/// Never repeats the address: it may hold what it should not.
fn check(url: &str) -> Result<(), &'static str> {
    if let Some(name) = url.strip_prefix("env:") {
        return if is_variable(name) { Ok(()) } else { Err("`env:` is followed by the name of a variable") };
    }
    let rest = ["http://", "https://", "socks5://", "socks5h://"].iter().find_map(|scheme| url.strip_prefix(scheme));
    let rest = rest.ok_or("begins with http://, https://, socks5:// or socks5h://, or is env:NAME")?;
    let (credentials, host) = rest.rsplit_once('@').unwrap_or(("", rest));
    let secret = |part: &str| {
        part.is_empty() || part.strip_prefix("${").and_then(|p| p.strip_suffix('}')).is_some_and(is_variable)
    };
    if !credentials.split(':').all(secret) {
        return Err("user and password are ${NAME} of variables of the environment, never written out");
    }
    if host.is_empty() || host.starts_with([':', '/']) { Err("the host is missing") } else { Ok(()) }
}

fn is_variable(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}
