//! Headers that hold credentials: the document is in the log, which everybody may read, so they are named and not written.

use std::collections::BTreeMap;

/// What is said of a credential that is written out; never the value.
pub const NAMED: &str =
    "a credential is `env:NAME`, or `${NAME}` in it, of a variable of the environment, never written out";

/// The headers of a request that hold a credential as it is.
pub fn written_out(headers: &BTreeMap<String, String>) -> impl Iterator<Item = &str> {
    headers.iter().filter(|(name, value)| is_credential(name) && !names_one(value)).map(|(name, _)| name.as_str())
}

fn is_credential(header: &str) -> bool {
    let plain = header.to_ascii_lowercase().replace(['-', '_'], "");
    matches!(plain.as_str(), "authorization" | "proxyauthorization" | "cookie") || plain.contains("apikey")
}

fn names_one(value: &str) -> bool {
    value.starts_with("env:") || value.replace("$${", "").contains("${")
}
