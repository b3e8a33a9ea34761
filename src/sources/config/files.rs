//! From the texts of the folder's files to the document; pure.

use super::toml_text::TomlText;
use super::{ConfigProblem, LoadedConfig, check, notify, proxies};
use crate::core::policy::validate::{nearest, of_source};
use crate::core::policy::{PolicyDocument, ProfileSpec, QueueSpec, RiskSpec, SourceSpec, digest};
use crate::core::risk::DEFAULT_RISK_TOML;
use crate::sources::connector::Connector;
use std::collections::BTreeMap;

/// Files of the folder itself that mean something; `keys.toml` is read by whoever lets callers in.
const KNOWN: [&str; 6] = ["profiles.toml", "risk.toml", "proxies.toml", "keys.toml", "notify.toml", "queue.toml"];

/// Reads a configuration from texts by file name: `sources/courts.toml`, `profiles.toml`, `risk.toml`, `proxies.toml`,
/// `notify.toml`, `queue.toml`.
pub fn load(texts: &BTreeMap<String, String>) -> Result<LoadedConfig, Vec<ConfigProblem>> {
    let mut problems = Vec::new();
    let whole = |file: &str, detail: &str, fix: Option<String>| ConfigProblem {
        file: file.to_owned(),
        line: 0,
        column: 0,
        detail: detail.to_owned(),
        fix,
    };
    let mut parsed = BTreeMap::new();
    for (file, text) in texts {
        if !file.starts_with("sources/") && !KNOWN.contains(&file.as_str()) {
            if let Some(near) = nearest(file, KNOWN) {
                problems.push(whole(file, "is not a file that is read", Some(format!("did you mean {near}?"))));
            }
            continue;
        }
        match TomlText::parse(file, text) {
            Ok(text) => {
                let id = file.strip_prefix("sources/").map(|name| name.trim_end_matches(".toml"));
                parsed.insert(file.as_str(), with_ttl(text, id.unwrap_or_default()));
            }
            Err(found) => problems.extend(found),
        }
    }
    let mut document = PolicyDocument::default();
    for (file, text) in parsed.iter().filter(|(file, _)| file.starts_with("sources/")) {
        let id = file.trim_start_matches("sources/").trim_end_matches(".toml");
        match text.read::<SourceSpec>() {
            Ok(spec) => {
                document.sources.insert(id.to_owned(), spec);
            }
            Err(found) => problems.extend(found),
        }
    }
    if !texts.contains_key("profiles.toml") {
        problems.push(whole("profiles.toml", "the file is missing", None));
    }
    if !texts.keys().any(|file| file.starts_with("sources/")) {
        problems.push(whole("sources", "there is no source", Some("add sources/<id>.toml".to_owned())));
    }
    if let Some(text) = parsed.get("profiles.toml") {
        match text.read::<BTreeMap<String, ProfileSpec>>() {
            Ok(profiles) => document.profiles = profiles,
            Err(found) => problems.extend(found),
        }
    }
    match (parsed.get("risk.toml"), texts.contains_key("risk.toml")) {
        (Some(text), _) => match text.read::<RiskSpec>() {
            Ok(risk) => document.risk = risk,
            Err(found) => problems.extend(found),
        },
        (None, true) => {}
        (None, false) => match toml::from_str::<RiskSpec>(DEFAULT_RISK_TOML) {
            Ok(mut risk) => {
                // A rule over a source that nobody asks here would only ever say that it was not evaluated.
                risk.rules.retain(|rule| rule.needs.iter().all(|source| document.sources.contains_key(source)));
                document.risk = risk;
            }
            Err(error) => {
                problems.push(whole("risk.toml", &format!("the rules built in can't be read: {error}"), None))
            }
        },
    }
    let mut secrets = proxies::ProxySecrets::default();
    if let Some(text) = parsed.get("proxies.toml") {
        (document.proxies, secrets) = proxies::read(text, &mut problems);
    }
    let mut mail = None;
    if let Some(text) = parsed.get("notify.toml") {
        (document.notify, mail) = notify::read(text, &mut problems);
    }
    if let Some(text) = parsed.get("queue.toml") {
        match text.read::<QueueSpec>() {
            Ok(queue) => document.queue = queue,
            Err(found) => problems.extend(found),
        }
    }
    // Where a file could not be read at all, what others say of it can't be judged: each source is then judged alone.
    let readable = problems.is_empty();
    for problem in check(&document) {
        let (file, at) = file_of(&problem.at);
        let own = problem.at.starts_with("sources.") && !problem.at.contains(".limits.proxies");
        if !readable && !own {
            continue;
        }
        problems.push(match parsed.get(file.as_str()) {
            Some(text) => text.problem_at(at, problem.detail, problem.fix),
            None => whole(&file, &format!("{at}: {}", problem.detail), problem.fix),
        });
    }
    if !problems.is_empty() {
        problems.sort();
        return Err(problems);
    }
    match digest::digest(&document) {
        Ok(digest) => Ok(LoadedConfig { document, digest, proxies: secrets, mail }),
        Err(error) => Err(vec![whole("", &format!("the document can't be written as JSON: {error}"), None)]),
    }
}

/// A source of a well-known kind need not say how long its answers are fresh.
fn with_ttl<'a>(text: TomlText<'a>, id: &str) -> TomlText<'a> {
    match id {
        "courts" | "reviews" => text.or("ttl", "14d"),
        "enforcement" => text.or("ttl", "7d"),
        "listings" => text.or("ttl", "1d"),
        _ => text,
    }
}

/// The name of a file without folder and ending: a source's id.
fn stem(file: &str) -> String {
    std::path::Path::new(file).file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

/// The file and the path of keys in it for a path of keys in the document.
fn file_of(at: &str) -> (String, &str) {
    let (part, rest) = at.split_once('.').unwrap_or((at, ""));
    if part == "sources" {
        let (id, rest) = rest.split_once('.').unwrap_or((rest, ""));
        return (format!("sources/{id}.toml"), rest);
    }
    (format!("{part}.toml"), rest)
}

/// One source's file, with its places.
#[derive(Debug)]
pub struct ReadSource<'a> {
    /// What it says.
    pub spec: SourceSpec,
    /// What the file's name says.
    id: String,
    text: TomlText<'a>,
}

/// Reads the file of one source.
pub fn read_source<'a>(file: &'a str, text: &'a str) -> Result<ReadSource<'a>, Vec<ConfigProblem>> {
    let text = with_ttl(TomlText::parse(file, text)?, &stem(file));
    Ok(ReadSource { spec: text.read()?, id: stem(file), text })
}

impl ReadSource<'_> {
    /// The line of a path of keys, or of the nearest part of it that is there.
    pub fn line(&self, at: &str) -> Option<usize> {
        self.text.line(at)
    }

    /// All that is wrong in the file by itself, as a folder with it would be refused.
    pub fn problems(&self) -> Vec<ConfigProblem> {
        let own = of_source(&self.id, &self.spec).into_iter().map(|problem| {
            let (_, at) = file_of(&problem.at);
            self.text.problem_at(at, problem.detail.clone(), problem.fix.clone())
        });
        let compiled = Connector::compile(&self.spec).err().unwrap_or_default();
        let compiled = compiled.into_iter().map(|problem| self.text.problem_at(&problem.at, problem.detail, None));
        let mut problems: Vec<ConfigProblem> = own.chain(compiled).collect();
        problems.sort();
        problems
    }
}
