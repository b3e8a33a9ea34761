//! The configuration folder for the demo's sources: the files that make an engine ask them.

use super::data::{Folder, Table};
use super::server::at_speed;
use super::sites::SITES;
use super::{DemoError, check_speed};
use std::collections::BTreeMap;
use std::path::Path;

const FILES: [(&str, &str); 7] = [
    ("cadastre", include_str!("config/cadastre.toml")),
    ("courts", include_str!("config/courts.toml")),
    ("enforcement", include_str!("config/enforcement.toml")),
    ("enforcement_persons", include_str!("config/enforcement_persons.toml")),
    ("listings", include_str!("config/listings.toml")),
    ("companies", include_str!("config/companies.toml")),
    ("reviews", include_str!("config/reviews.toml")),
];

/// The configuration folder for a demo at `base_url` (without a slash at the end): path → TOML text, `sources/*.toml` and
/// `profiles.toml`; risk rules are the caller's. With a data folder, also connectors and a profile for each of its sets,
/// made from the headers of all its dates. Fails only if that folder can't be read.
pub fn config(base_url: &str, data: Option<&Path>) -> Result<BTreeMap<String, String>, DemoError> {
    config_at_speed(base_url, data, 1.0)
}

/// The same for a demo that is served at another [`speed`](super::Options::speed): the stated limits follow it.
pub fn config_at_speed(base_url: &str, data: Option<&Path>, speed: f64) -> Result<BTreeMap<String, String>, DemoError> {
    let speed = check_speed(speed)?;
    let base_url = base_url.trim_end_matches('/');
    let mut files = BTreeMap::new();
    for (id, text) in FILES {
        let Some(site) = SITES.iter().find(|site| site.id == id) else { continue };
        let limit = at_speed(site.limit, speed);
        let burst = (f64::from(site.burst) * speed).round().max(1.0) as u32;
        let text = text
            .replace("BASE_URL", base_url)
            .replace("RATE", &format!("{}/{}s", limit.requests, limit.period.as_secs()))
            .replace("BURST", &burst.to_string());
        files.insert(format!("sources/{id}.toml"), text);
    }
    let mut profiles = include_str!("config/profiles.toml").to_owned();
    if let Some(folder) = data {
        let tables = Folder::scan(folder)?.tables()?;
        for table in &tables {
            files.insert(format!("sources/{}.toml", table.whole_id()), table.whole_toml(base_url, speed));
            files.insert(format!("sources/{}.toml", table.by_id()), table.by_toml(base_url, speed));
        }
        let mut sets: BTreeMap<&str, Vec<&Table>> = BTreeMap::new();
        for table in &tables {
            sets.entry(table.set.as_str()).or_default().push(table);
        }
        for (set, tables) in sets {
            profiles.push_str(&super::data::profile(set, &tables));
        }
    }
    files.insert("profiles.toml".to_owned(), profiles);
    Ok(files)
}
