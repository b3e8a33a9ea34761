//! The policy in force, ready to decide with.

use super::{FactSpec, NeedSpec, PolicyDocument, SourceSpec};
use super::{LevelSpec, Points, RiskSpec, RuleSpec, Severity, Words};
use crate::core::risk::{self, FactInput, Rules};
use mirano_schemas::{Fact, FactId, PolicyAdopted, RiskState};
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
    selectors: BTreeMap<String, Selector>,
}

impl Policy {
    /// Compiles a document; the text of every problem when it can't be.
    pub fn compile(version: u64, document: PolicyDocument, connectors: BTreeMap<String, u32>) -> Result<Self, String> {
        let rules = risk::compile(&document.risk, &volatile(&document))
            .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))?;
        let mut selectors = BTreeMap::new();
        for text in document.profiles.values().flat_map(|profile| &profile.needs).filter_map(|need| need.only.as_ref())
        {
            let selector = Selector::compile(text).map_err(|error| format!("where {text:?}: {error}"))?;
            selectors.insert(text.clone(), selector);
        }
        Ok(Self { version, document, connectors, rules, selectors })
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
        selector.is_none_or(|selector| selector.matches(fact))
    }
}

/// The `where` of a `for_each` need: a condition in the language of the risk rules, and so run as a rule of one point.
struct Selector(Rules);

impl Selector {
    fn compile(text: &str) -> Result<Self, String> {
        let words = || Words { ru: String::new(), en: String::new() };
        let rule = RuleSpec {
            id: "where".to_owned(),
            when: text.to_owned(),
            points: Points::Fixed(1),
            cap: None,
            severity: Severity::Info,
            stop: false,
            needs: Vec::new(),
            allow_name_match: true,
            title: words(),
        };
        let level = LevelSpec { id: "any".to_owned(), from: 0, title: None };
        let spec = RiskSpec { ruleset: "where".to_owned(), rules: vec![rule], levels: vec![level] };
        let rules = risk::compile(&spec, &BTreeSet::new())
            .map_err(|problems| problems.iter().map(|problem| problem.detail.clone()).collect::<Vec<_>>().join("; "))?;
        Ok(Self(rules))
    }

    fn matches(&self, fact: &Fact) -> bool {
        let mut state = RiskState::default();
        let input = FactInput { fact_id: FactId([0; 32]), fact };
        self.0.update(&mut state, "1970-01-01", &[], &[input], &|| vec![input]);
        state.rules.values().any(|found| !found.matched.is_empty())
    }
}

/// Attributes that are volatile wherever they occur for a kind: rules may not read them.
pub fn volatile(document: &PolicyDocument) -> BTreeSet<(String, String)> {
    let facts = || document.sources.values().flat_map(|source| &source.facts);
    let attrs = |volatile: bool| {
        facts().flat_map(move |fact| {
            fact.attrs
                .iter()
                .filter(move |(_, spec)| spec.volatile == volatile)
                .map(move |(name, _)| (fact.kind.clone(), name.clone()))
        })
    };
    let material: BTreeSet<_> = attrs(false).collect();
    attrs(true).filter(|attr| !material.contains(attr)).collect()
}

/// The version of each connector: one more than before where request, pages, answer or facts changed.
pub fn connector_versions(document: &PolicyDocument, before: Option<&Policy>) -> BTreeMap<String, u32> {
    let reads =
        |spec: &SourceSpec| (spec.request.clone(), spec.pages.clone(), spec.answer.clone(), without_ttl(&spec.facts));
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
