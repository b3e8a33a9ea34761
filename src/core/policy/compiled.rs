//! The policy in force, ready to decide with.

use super::{FactSpec, LevelSpec, NeedSpec, PolicyDocument, RiskSpec, SourceSpec};
use crate::core::risk::{self, Rules};
use mirano_schemas::{Fact, PolicyAdopted};
use std::collections::{BTreeMap, BTreeSet};

/// A policy document with its rules compiled.
pub struct Policy {
    /// Its version: its `seq` in partition 0.
    pub version: u64,
    /// What it says.
    pub document: PolicyDocument,
    /// The version of each source's connector.
    pub connectors: BTreeMap<String, u32>,
    /// The risk rules.
    pub rules: Rules,
    selectors: BTreeMap<String, risk::FactFilter>,
    /// Of sources with several queues the spec of each queue.
    pub(super) shards: BTreeMap<String, SourceSpec>,
}

impl Policy {
    /// Kinds of facts that risk rules look for and no source gives, each with the rules: a word that is misspelt, or a
    /// source that is not here.
    pub fn kinds_of_no_source(&self) -> BTreeMap<&str, Vec<&str>> {
        let sources = self.document.sources.values();
        let given: BTreeSet<&str> = sources.flat_map(|spec| spec.facts.iter().map(|fact| fact.kind.as_str())).collect();
        let mut kinds = self.rules.kinds();
        kinds.retain(|kind, _| !given.contains(kind));
        kinds
    }

    /// Attributes that risk rules read and no source gives to facts of these kinds, each with the rules. Of kinds that no source
    /// gives either, nothing is said.
    pub fn attributes_of_no_source(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let facts = || self.document.sources.values().flat_map(|spec| &spec.facts);
        let mut unread: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (kinds, name, rule) in self.rules.reads() {
            let mut read = facts().filter(|fact| kinds.is_none_or(|kinds| kinds.contains(&fact.kind))).peekable();
            if read.peek().is_some() && !read.any(|fact| fact.attrs.contains_key(name)) {
                unread.entry(name).or_default().insert(rule);
            }
        }
        unread
    }

    /// Compiles a document; the text of every problem when it can't be.
    pub fn compile(version: u64, document: PolicyDocument, connectors: BTreeMap<String, u32>) -> Result<Self, String> {
        let volatile = super::validate::volatile(&document);
        let rules = risk::compile(&document.risk, &volatile)
            .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))?;
        let mut selectors = BTreeMap::new();
        for text in document.profiles.values().flat_map(|profile| &profile.needs).filter_map(|need| need.only.as_ref())
        {
            let selector = risk::FactFilter::compile(text, &volatile)
                .map_err(|problems| format!("where {text:?}: {}", problems.join("; ")))?;
            selectors.insert(text.clone(), selector);
        }
        let shards = super::shards::divided(&document);
        Ok(Self { version, document, connectors, rules, selectors, shards })
    }

    /// Compiles what the log holds.
    pub fn adopted(event: &PolicyAdopted) -> Result<Self, String> {
        let document = serde_json::from_str(&event.document).map_err(|error| error.to_string())?;
        Self::compile(event.version, document, event.connectors.clone())
    }

    /// The policy before any was adopted: it has no sources.
    pub fn empty() -> Result<Self, String> {
        let level = LevelSpec { id: "low".to_owned(), from: 0, title: None };
        let risk = RiskSpec { levels: vec![level], ..RiskSpec::default() };
        Self::compile(0, PolicyDocument { risk, ..PolicyDocument::default() }, BTreeMap::new())
    }

    /// Whether a `for_each` need wants this fact.
    pub fn selects(&self, spec: &NeedSpec, fact: &Fact) -> bool {
        let selector = spec.only.as_ref().and_then(|text| self.selectors.get(text));
        selector.is_none_or(|selector| selector.lets_through(fact).unwrap_or(false))
    }
}

/// The version of each connector: one more than before where steps, request, pages, answer or facts changed.
pub fn connector_versions(document: &PolicyDocument, before: Option<&Policy>) -> BTreeMap<String, u32> {
    let reads = |spec: &SourceSpec| {
        let asked = (spec.before.clone(), spec.request.clone(), spec.pages.clone());
        (asked, spec.answer.clone(), without_ttl(&spec.facts))
    };
    let version = |spec: &SourceSpec| {
        let known =
            before.and_then(|before| Some((before.document.sources.get(&spec.id)?, *before.connectors.get(&spec.id)?)));
        match known {
            Some((old, version)) if reads(old) == reads(spec) => version,
            Some((_, version)) => version + 1,
            None => before.and_then(|before| before.connectors.get(&spec.id)).map_or(1, |version| version + 1),
        }
    };
    let mut versions: BTreeMap<String, u32> = before.map(|before| before.connectors.clone()).unwrap_or_default();
    versions.extend(document.sources.values().map(|spec| (spec.id.clone(), version(spec))));
    versions
}

/// A TTL is no part of how an answer is read.
fn without_ttl(facts: &[FactSpec]) -> Vec<FactSpec> {
    facts.iter().map(|fact| FactSpec { ttl: None, ..fact.clone() }).collect()
}
