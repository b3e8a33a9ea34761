//! Who may import whom.
//!
//! ```text
//! schemas <- replay <- core <- { sequencer, views, vault, words } <- engine <- { work <- checkpoint, sources, explain <- history } <- { node, audit, notify } <- { http, ui, mcp, cli } <- main
//! ```
//!
//! A new module of `src` gets its line in [`MODULES`]. A new arrow that points down is a line there as well; one that
//! points up means that something lies in the wrong place.

use super::source::{self, Named};
use std::collections::BTreeSet;

/// Each module of `src`, and the modules of `src` that it may name. `schemas` and `replay` are free for all.
const MODULES: &[(&str, &[&str])] = &[
    ("core", &[]),
    ("sequencer", &["core"]),
    ("views", &["core"]),
    ("vault", &["core"]), // keys and sealing: beside the log, below the engine
    ("words", &["core"]), // what is said in every language
    ("engine", &["core", "vault", "sequencer", "views"]),
    ("sources", &["core"]),
    ("work", &["core", "vault", "views", "engine", "sources"]),
    ("explain", &["core", "words", "views", "engine"]),
    ("history", &["core", "words", "sequencer", "views", "engine", "explain"]),
    ("checkpoint", &["core", "sequencer", "views", "engine", "work"]), // the log and its rows, kept outside of it
    ("node", &["core", "vault", "sequencer", "views", "engine", "sources", "work", "checkpoint"]), // puts one process together
    ("audit", &["core", "vault", "sequencer", "views", "engine", "work"]), // reads a log and what is beside it
    ("notify", &["core", "words", "vault", "sources", "views", "engine", "work", "explain"]), // delivers what the log says
    ("sim", &["core", "engine"]),                                                             // tests only
    ("demo", &[]), // a stranger, reached over HTTP only
    ("ui", &["core", "words", "views", "engine", "explain"]),
    (
        "http",
        &[
            "core",
            "words",
            "vault",
            "sequencer",
            "views",
            "engine",
            "sources",
            "work",
            "explain",
            "history",
            "checkpoint",
            "node",
            "notify",
            "audit",
            "ui",
        ],
    ),
    ("mcp", &["core", "words", "views", "engine", "explain", "http"]),
    (
        "cli",
        &[
            "core",
            "words",
            "vault",
            "sequencer",
            "views",
            "engine",
            "sources",
            "work",
            "explain",
            "history",
            "checkpoint",
            "node",
            "notify",
            "audit",
            "demo",
            "ui",
            "http",
            "mcp",
        ],
    ),
    ("main", &["cli"]),
];

/// Beginnings of paths that `schemas`, `replay` and `core` may not name: they are the same on every run and machine.
const IMPURE: &[&str] = &[
    "axum",
    "chrono::Local",
    "chrono::Utc::now",
    "futures",
    "hyper",
    "moka",
    "object_store",
    "rand",
    "rdkafka",
    "reqwest",
    "rocksdb",
    "std::collections::HashMap",
    "std::collections::HashSet",
    "std::collections::hash_map",
    "std::env::var",
    "std::fs",
    "std::net",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
    "tempfile",
    "tokio",
    "tower",
    "tower_http",
];

/// What only some modules may say: a crate at the beginning of a path, or a type anywhere in it; who may; why.
const RESERVED: &[(&str, &[&str], &str)] = &[
    ("rdkafka", &["sequencer"], "only the sequencer knows Kafka"),
    ("rocksdb", &["views"], "only the views know how they are stored"),
    ("axum", &["http", "ui", "mcp", "demo", "cli"], "only the outermost layer speaks HTTP to callers"),
    ("StatusCode", &["http", "ui", "mcp", "demo"], "only http says status codes; a source's status is a number"),
];

/// Complaints about one file of the tree; none for what is not a part of the product.
pub fn check(path: &str, text: &str) -> Vec<String> {
    let Some(module) = module_of(path) else { return Vec::new() };
    let pure = matches!(module.as_str(), "schemas" | "replay" | "core");
    let allowed = MODULES.iter().find(|(name, _)| *name == module).map(|(_, allowed)| *allowed);
    if allowed.is_none() && !matches!(module.as_str(), "schemas" | "replay" | "lib") {
        return vec![format!("{path}: src/{module} has no place yet; give it a line in tests/tidy/arrows.rs")];
    }
    let mut complaints = BTreeSet::new();
    let mut complain = |named: &Named, why: &str| {
        complaints.insert((named.line, format!("{path}:{}: `{}`: {why}", named.line, named.path.join("::"))));
    };
    for named in source::paths(&source::without_tests(&source::blank(text))) {
        let full = absolute(path, &named.path);
        let names = |what: &str| {
            let what: Vec<&str> = what.split("::").collect();
            full.len() >= what.len().max(2) && full.iter().zip(&what).all(|(have, want)| have == want)
        };
        if pure && let Some(impure) = IMPURE.iter().find(|impure| names(impure)) {
            complain(&named, &format!("{module} may not use {impure}"));
        }
        for (word, who, why) in RESERVED {
            let said = full.len() > 1 && full.first().is_some_and(|first| first == word)
                || word.starts_with(char::is_uppercase) && full.iter().any(|part| part == word);
            if said && !who.contains(&module.as_str()) {
                complain(&named, why);
            }
        }
        if let (Some(allowed), Some(target)) = (allowed, target_of(&full))
            && target != module
            && MODULES.iter().any(|(name, _)| *name == target)
            && !allowed.contains(&target)
        {
            complain(&named, &format!("{module} may not import {target}"));
        }
        let upper: &[&str] = match module.as_str() {
            "schemas" => &["mirano", "mirano_replay"],
            "replay" => &["mirano"],
            _ => &[],
        };
        if full.first().is_some_and(|first| upper.contains(&first.as_str())) {
            complain(&named, &format!("{module} lies below it"));
        }
    }
    complaints.into_iter().map(|(_, complaint)| complaint).collect()
}

/// `schemas`, `replay`, or the module of `src` that a file belongs to.
fn module_of(path: &str) -> Option<String> {
    let (top, rest) = path.split_once('/').filter(|_| !source::is_test(path))?;
    match top {
        "schemas" | "replay" if rest.starts_with("src/") => Some(top.to_owned()),
        "src" if rest.starts_with("bin/") => None,
        "src" => Some(rest.split('/').next()?.trim_end_matches(".rs").to_owned()),
        _ => None,
    }
}

/// A path with `crate`, `self` and `super` followed. In the package `mirano` it then begins with `crate`.
fn absolute(file: &str, named: &[String]) -> Vec<String> {
    let mut here: Vec<String> = vec!["crate".to_owned()];
    let inner = file.split_once("src/").map_or("", |(_, rest)| rest).trim_end_matches(".rs");
    here.extend(inner.split('/').filter(|part| !matches!(*part, "mod" | "lib" | "main" | "")).map(str::to_owned));
    let mut rest = named;
    match named.first().map(String::as_str) {
        Some("self") if named.len() > 1 => rest = rest.split_first().map_or(rest, |(_, rest)| rest),
        Some("super") => {
            while let Some(("super", after)) = rest.split_first().map(|(first, after)| (first.as_str(), after)) {
                here.pop();
                rest = after;
            }
        }
        _ => return named.to_vec(),
    }
    here.extend_from_slice(rest);
    here
}

/// The module of `src` that a full path leads to.
fn target_of(full: &[String]) -> Option<&str> {
    match full.first().map(String::as_str) {
        Some("crate" | "mirano") => full.get(1).map(String::as_str),
        _ => None,
    }
}

/// Looks through what `mirano-schemas` and `mirano-replay` themselves ask for, as `cargo tree` resolves it for each alone: in
/// the whole workspace a third crate may turn on features of a dependency that they share.
pub fn check_dependencies(tree: impl Fn(&str) -> String) -> Vec<String> {
    const ENGINE: &[&str] =
        &["tokio", "rocksdb", "axum", "reqwest", "hyper", "rdkafka", "rand", "object_store", "mirano", "chrono"];
    let mut complaints = Vec::new();
    for start in ["mirano-schemas", "mirano-replay"] {
        let text = tree(start);
        let seen: BTreeSet<&str> = text.lines().filter_map(|line| line.split_whitespace().next()).collect();
        if !seen.contains(start) {
            complaints.push(format!("{start}: not in the workspace"));
        }
        complaints
            .extend(ENGINE.iter().filter(|name| seen.contains(*name)).map(|name| format!("{start} depends on {name}")));
        if start == "mirano-schemas" && seen.contains("mirano-replay") {
            complaints.push("mirano-schemas depends on mirano-replay".to_owned());
        }
    }
    complaints
}

/// The normal dependencies of a package, one a line: `name version …`.
pub fn tree(package: &str) -> String {
    let output = std::process::Command::new(env!("CARGO"))
        .args(["tree", "-p", package, "-e", "normal", "--prefix", "none", "--locked"])
        .current_dir(super::tree::root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("cargo prints text")
}

#[test]
fn a_dependency_on_the_engine_is_found() {
    let tree = |package: &str| format!("{package} v0.1.0\nserde v1.0.0\ntokio v1.0.0 (*)\n");
    assert_eq!(check_dependencies(tree), ["mirano-schemas depends on tokio", "mirano-replay depends on tokio"]);
    assert_eq!(check_dependencies(|_| String::new()).len(), 2);
}

#[test]
fn the_checker_bites() {
    let bites = |path: &str, text: &str| !check(path, text).is_empty();
    assert!(bites("src/core/job.rs", "use tokio::time::sleep;"));
    assert!(bites("src/core/job/create.rs", "fn f() { std::fs::read(\"x\"); }"));
    assert!(bites("src/core/job.rs", "use std::{fmt, time::{Duration, Instant}};"));
    assert!(bites("src/core/job.rs", "use crate::engine::Engine;"));
    assert!(bites("src/core/job/create.rs", "use super::super::super::views::Views;"));
    assert!(bites("replay/src/fold.rs", "use std::collections::{BTreeMap, HashMap};"));
    assert!(bites("schemas/src/id.rs", "use mirano_replay::Tree;"));
    assert!(bites("replay/src/fold.rs", "fn f(e: mirano::core::Event) {}"));
    assert!(bites("src/engine/mod.rs", "use {crate::http::Error, std::fmt};"));
    assert!(bites("src/engine/mod.rs", "use rdkafka::consumer::Consumer;"));
    assert!(bites("src/work/fetch.rs", "fn f(s: reqwest::StatusCode) {}"));
    assert!(bites("src/engine/mod.rs", "use crate::demo::World;"));
    assert!(bites("src/novelty/mod.rs", ""));
}

#[test]
fn the_checker_lets_honest_files_pass() {
    let passes = |path: &str, text: &str| assert_eq!(check(path, text), Vec::<String>::new());
    passes("src/core/job.rs", "// use tokio::time;\nuse mirano_schemas::JobId;\nlet s = \"std::fs\";");
    passes("src/core/job/create.rs", "use super::{Job, state};\nuse crate::core::policy::Spec;");
    passes("src/core/job.rs", "#[cfg(test)]\nmod tests { use std::fs; }");
    passes("src/engine/mod.rs", "use crate::{core::job, views::Views, sequencer};\nuse tokio::sync::mpsc;");
    passes("src/http/error.rs", "use axum::http::StatusCode;");
    passes("tests/end_to_end.rs", "use tokio::time::sleep;");
    passes("replay/src/tree/tests.rs", "use std::collections::HashSet;");
}
