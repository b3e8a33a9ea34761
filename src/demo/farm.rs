//! A farm of two dozen sources that misbehave, each in its own way and under its own limit: for those who want to see that
//! limits hold and that troubles are told apart. They say nothing of the demo's world, and stand in no profile of it.
//!
//! Which request meets a trouble follows from counters: the first one with each key does, the next succeeds.

use super::answer::Answer;
use super::counters::Limit;
use super::fault::Fault;
use super::sites::Ask;
use serde_json::json;
use std::fmt::Write;
use std::time::Duration;

/// A source of the farm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stall {
    /// Its id, and the first part of its paths.
    pub id: &'static str,
    /// The trouble that the first request with a key meets.
    pub fault: Option<Fault>,
    /// So many requests in a [`PERIOD`].
    pub requests: u32,
}

const fn stall(id: &'static str, fault: Option<Fault>, requests: u32) -> Stall {
    Stall { id, fault, requests }
}

/// All of them.
pub const FARM: [Stall; 24] = [
    stall("farm_well", None, 25),
    stall("farm_small", None, 10),
    stall("farm_outage", Some(Fault::Outage), 20),
    stall("farm_captcha", Some(Fault::Captcha), 20),
    stall("farm_maintenance", Some(Fault::Maintenance), 15),
    stall("farm_timeout", Some(Fault::Timeout), 10),
    stall("farm_slow", Some(Fault::Slow), 15),
    stall("farm_garbage", Some(Fault::Garbage), 20),
    stall("farm_half", Some(Fault::HalfPage), 20),
    stall("farm_charset", Some(Fault::WrongCharset), 15),
    stall("farm_redirect", Some(Fault::RedirectPrivate), 15),
    stall("farm_huge", Some(Fault::Huge), 10),
    stall("farm_drips", Some(Fault::SlowLoris), 10),
    stall("farm_500", Some(Fault::Status500), 20),
    stall("farm_403", Some(Fault::Status403), 20),
    stall("farm_429", Some(Fault::Status429), 15),
    stall("farm_outage_small", Some(Fault::Outage), 10),
    stall("farm_captcha_small", Some(Fault::Captcha), 10),
    stall("farm_timeout_large", Some(Fault::Timeout), 20),
    stall("farm_half_small", Some(Fault::HalfPage), 10),
    stall("farm_garbage_small", Some(Fault::Garbage), 10),
    stall("farm_500_large", Some(Fault::Status500), 25),
    stall("farm_403_small", Some(Fault::Status403), 10),
    stall("farm_charset_small", Some(Fault::WrongCharset), 10),
];

/// The period of all their limits.
pub const PERIOD: Duration = Duration::from_secs(10);

/// The source of this id.
pub fn find(id: &str) -> Option<&'static Stall> {
    FARM.iter().find(|stall| stall.id == id)
}

impl Stall {
    /// Its limit.
    pub fn limit(&self) -> Limit {
        Limit { requests: self.requests, period: PERIOD }
    }

    /// The trouble of a request: the `of_key`-th with its key, the `first_pages`-th of the source.
    pub fn trouble(&self, of_key: u64, first_pages: u64) -> Option<Fault> {
        let meets = match self.fault {
            // Whoever is told to wait loses the source's time as well: only now and then.
            Some(Fault::Status429) => first_pages % 10 == 3,
            _ => of_key == 1,
        };
        self.fault.filter(|_| meets)
    }
}

/// Two things about what was asked, whatever the source.
pub fn answer(ask: &Ask) -> Answer {
    let about = ask.query.get("address").map_or("", String::as_str);
    let things: Vec<_> = ["первое", "второе"].iter().map(|n| json!({"n": n, "about": about})).collect();
    Answer::json(&json!({"total": things.len(), "items": things}))
}

/// The files of the farm's sources for a demo at `base_url`, and a profile `farm` that asks them all: path → TOML text.
/// What is in `limits` is added to each source's limits.
pub fn config(base_url: &str, limits: &str) -> std::collections::BTreeMap<String, String> {
    let mut files = std::collections::BTreeMap::new();
    let mut needs = String::new();
    for Stall { id, requests, .. } in FARM {
        let text = format!(
            r#"id = "{id}"
title = {{ ru = "{id}", en = "{id}" }}
level = "property"
ttl = "7d"
params = ["address"]
[limits]
rate = "{requests}/{}s"
burst = 2
{limits}
[retry]
attempts = 6
initial = "200ms"
max = "1s"
[request]
url = "{}/{id}/api?address={{{{ address | urlencode }}}}"
allow_private = true
max_bytes = 65536
[answer]
format = "json"
items = "$.items[*]"
blocked = [{{ status = 403 }}, {{ contains = "captcha" }}]
nothing_found = [{{ at = "$.total", equals = 0 }}]
valid = [{{ at = "$.items" }}]
[[fact]]
kind = "{id}.thing"
identity = ["n"]
[fact.attrs]
n = {{ at = "$.n", type = "text" }}
about = {{ at = "$.about", type = "text" }}
"#,
            PERIOD.as_secs(),
            base_url.trim_end_matches('/'),
        );
        files.insert(format!("sources/{id}.toml"), text);
        // Writing to a text can't fail.
        let _ = writeln!(needs, "  {{ source = \"{id}\", params = {{ address = \"{{{{ address.canonical }}}}\" }} }},");
    }
    let profile = format!("[farm]\ntitle = {{ ru = \"Ферма\", en = \"Farm\" }}\nneeds = [\n{needs}]\n");
    files.insert("profiles.toml".to_owned(), profile);
    files
}
