//! What others' code asks of us: every crate that is built may be used under a licence that `deny.toml` allows, and comes
//! from crates.io. A small part of what `cargo deny` does, without that tool and without a network.

use super::tree::root;
use serde_json::Value;
use std::process::Command;

/// `cargo metadata` of this machine's target, from what is downloaded already.
pub fn metadata() -> Value {
    let version = Command::new("rustc").arg("-vV").output().expect("rustc runs");
    let version = String::from_utf8(version.stdout).expect("rustc prints text");
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc names its host");
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--filter-platform", host])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON")
}

pub fn check(deny: &str, metadata: &Value) -> Vec<String> {
    let deny: toml::Table = deny.parse().expect("deny.toml is TOML");
    let allow: Vec<&str> = deny
        .get("licenses")
        .and_then(|licences| licences.get("allow")?.as_array())
        .expect("deny.toml lists licences")
        .iter()
        .filter_map(toml::Value::as_str)
        .collect();
    let packages = metadata.get("packages").and_then(Value::as_array).expect("cargo metadata lists packages");
    assert!(packages.len() > 100, "cargo metadata lists the dependencies too");
    let mut complaints = Vec::new();
    for package in packages {
        let text = |key: &str| package.get(key).and_then(Value::as_str).unwrap_or_default();
        let name = format!("{} {}", text("name"), text("version"));
        if !satisfied(text("license"), &allow) {
            complaints.push(format!("{name}: licence `{}` is not allowed by deny.toml", text("license")));
        }
        let source = text("source");
        if !source.is_empty() && source != "registry+https://github.com/rust-lang/crates.io-index" {
            complaints.push(format!("{name}: comes from {source}"));
        }
    }
    complaints
}

/// Whether the allowed licences are enough for an SPDX expression (`/` is an old way to write OR).
fn satisfied(expression: &str, allow: &[&str]) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ").replace(" WITH ", "\u{0}");
    let tokens: Vec<String> = spaced.split_whitespace().map(|token| token.replace('\u{0}', " WITH ")).collect();
    let (value, rest) = either(&tokens, allow);
    value && rest.is_empty()
}

fn either<'a>(tokens: &'a [String], allow: &[&str]) -> (bool, &'a [String]) {
    let (mut value, mut rest) = both(tokens, allow);
    while let Some(("OR", after)) = rest.split_first().map(|(first, after)| (first.as_str(), after)) {
        let (next, after) = both(after, allow);
        (value, rest) = (value | next, after);
    }
    (value, rest)
}

fn both<'a>(tokens: &'a [String], allow: &[&str]) -> (bool, &'a [String]) {
    let (mut value, mut rest) = one(tokens, allow);
    while let Some(("AND", after)) = rest.split_first().map(|(first, after)| (first.as_str(), after)) {
        let (next, after) = one(after, allow);
        (value, rest) = (value & next, after);
    }
    (value, rest)
}

fn one<'a>(tokens: &'a [String], allow: &[&str]) -> (bool, &'a [String]) {
    match tokens.split_first() {
        Some((open, rest)) if open == "(" => {
            let (value, rest) = either(rest, allow);
            (value, rest.split_first().map_or(rest, |(_, rest)| rest))
        }
        Some((licence, rest)) => (allow.contains(&licence.as_str()), rest),
        None => (false, tokens),
    }
}

#[test]
fn expressions_are_understood() {
    let allow = ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "Zlib"];
    for good in ["MIT", "GPL-3.0 OR MIT", "MIT/GPL-3.0", "(GPL-3.0 OR Zlib) AND MIT", "Apache-2.0 WITH LLVM-exception"]
    {
        assert!(satisfied(good, &allow), "{good}");
    }
    for bad in ["", "GPL-3.0", "MIT AND GPL-3.0", "(MIT OR Zlib) AND GPL-3.0", "MIT MIT"] {
        assert!(!satisfied(bad, &allow), "{bad}");
    }
}
