//! Facts that a worker of another process has read itself, held against the source's file.
//!
//! They become what a page would have given: the same types, the same identity, the same subjects; so that the same
//! thing has the same id whoever reads it.

use super::compile::Kind;
use super::facts::subject;
use super::parts::Attribute;
use super::value::Misfit;
use super::{AskContext, Connector, ExtractedFact, Taken};
use mirano_schemas::{Attrs, Validity};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A fact as a worker gives it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct GivenFact {
    /// Its kind: one of the file's.
    pub kind: String,
    /// About whom; left out: as the file's template says.
    pub subject: Option<String>,
    /// Attributes that are news, identity included.
    pub attrs: BTreeMap<String, serde_json::Value>,
    /// Attributes that are not.
    pub volatile: BTreeMap<String, serde_json::Value>,
    /// `YYYY-MM-DD`: from when it holds in the world.
    pub from: Option<String>,
    /// Until when.
    pub to: Option<String>,
}

/// What does not fit the source's file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {detail}")]
pub struct GivenProblem {
    /// Where, as a JSON pointer: `/facts/0/attrs/sum`.
    pub at: String,
    /// What is wrong; holds no value.
    pub detail: String,
}

impl Connector {
    /// Reads given facts; all that is wrong with them at once.
    pub fn given(&self, ctx: &AskContext, facts: &[GivenFact]) -> Result<Vec<ExtractedFact>, Vec<GivenProblem>> {
        let mut problems = Vec::new();
        let mut read = Vec::new();
        for (index, fact) in facts.iter().enumerate() {
            let at = format!("/facts/{index}");
            let Some(kind) = self.main.reading.facts.iter().find(|kind| kind.kind == fact.kind) else {
                let known: Vec<&str> = self.main.reading.facts.iter().map(|kind| kind.kind.as_str()).collect();
                let detail = format!("the source gives no such facts, only {}", known.join(", "));
                problems.push(GivenProblem { at: format!("{at}/kind"), detail });
                continue;
            };
            match self.one(ctx, kind, fact, &at, index as u64 + 1) {
                Ok(fact) => read.push(fact),
                Err(found) => problems.extend(found),
            }
        }
        if problems.is_empty() { Ok(read) } else { Err(problems) }
    }

    fn one(
        &self,
        ctx: &AskContext,
        kind: &Kind,
        fact: &GivenFact,
        at: &str,
        line: u64,
    ) -> Result<ExtractedFact, Vec<GivenProblem>> {
        let mut problems = Vec::new();
        let mut problem = |at: String, detail: String| problems.push(GivenProblem { at, detail });
        let (mut identity, mut attrs, mut volatile) = (Attrs::new(), Attrs::new(), Attrs::new());
        let unknown = |name: &str| !kind.attrs.contains_key(name);
        for (part, values) in [("attrs", &fact.attrs), ("volatile", &fact.volatile)] {
            for name in values.keys().filter(|name| unknown(name)) {
                problem(format!("{at}/{part}/{name}"), "the source's file has no such attribute".to_owned());
            }
        }
        for (name, attribute) in &kind.attrs {
            let given = fact.attrs.get(name).or_else(|| fact.volatile.get(name)).unwrap_or(&serde_json::Value::Null);
            let place = format!("{at}/{}/{name}", if attribute.volatile { "volatile" } else { "attrs" });
            match attribute.reading.given(given) {
                Ok(None) if attribute.required || attribute.identity => problem(place, "is not there".to_owned()),
                Ok(None) => {}
                Ok(Some(value)) => {
                    let into = match attribute {
                        Attribute { identity: true, .. } => &mut identity,
                        Attribute { volatile: true, .. } => &mut volatile,
                        _ => &mut attrs,
                    };
                    into.insert(name.clone(), value);
                }
                Err(Misfit { what, .. }) => problem(place, what),
            }
        }
        let mut date = |text: &Option<String>, name: &str| {
            let text = text.as_ref()?;
            let date = super::value::iso_date(text);
            if date.is_none() {
                problem(format!("{at}/valid/{name}"), "is not a date such as 2026-03-15".to_owned());
            }
            date
        };
        let valid = Validity { from: date(&fact.from, "from"), to: date(&fact.to, "to") };
        let told = match &fact.subject {
            Some(told) => super::facts::is_subject(told).then(|| told.clone()),
            None => {
                // What a step gave is not known here: such a worker says the subject itself.
                let before = (ctx, &Taken::new());
                subject(&self.main.reading, before, kind, [&identity, &attrs, &volatile], line).ok()
            }
        };
        if told.is_none() {
            let detail = "is no subject: property:, company:, person: or source: and a name".to_owned();
            problem(format!("{at}/subject"), detail);
        }
        match told {
            Some(subject) if problems.is_empty() => Ok(ExtractedFact {
                kind: kind.kind.clone(),
                subject,
                matched: kind.matched,
                identity,
                attrs,
                volatile,
                valid,
                line,
            }),
            _ => Err(problems),
        }
    }
}
