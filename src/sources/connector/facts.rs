//! From an item to facts.

use super::compile::{Answers, Kind, SUBJECTS};
use super::document::{Document, Node, Raw, Scope};
use super::parts::{At, Attribute};
use super::value::Misfit;
use super::{AskContext, ExtractedFact, Taken, Trouble};
use crate::core::policy::template::Templates;
use mirano_schemas::{Attrs, Validity, Value};
use serde_json::{Map, Value as Json};

/// What was read from a page so far.
#[derive(Default)]
pub(super) struct Harvest {
    pub(super) facts: Vec<ExtractedFact>,
    pub(super) filled: u32,
    pub(super) attributes: u32,
}

/// What went wrong; `value` is for the connector's author only.
pub(super) struct Misread {
    pub(super) trouble: Trouble,
    pub(super) value: Option<String>,
}

/// What is known before a page is read: parameters, and what earlier steps gave.
pub(super) struct Before<'a> {
    pub(super) ctx: &'a AskContext,
    pub(super) taken: &'a Taken,
    templates: &'a Templates,
    /// What attributes that are no places are filled in with.
    context: Map<String, Json>,
}

impl<'a> Before<'a> {
    pub(super) fn new(ctx: &'a AskContext, taken: &'a Taken, answers: &'a Answers) -> Self {
        let params = ctx.params.iter().map(|(name, value)| (name.clone(), Json::from(value.as_str())));
        let context = params.chain(objects(taken)).collect();
        Self { ctx, taken, templates: &answers.texts, context }
    }
}

/// What earlier steps gave, as templates read it.
fn objects(taken: &Taken) -> impl Iterator<Item = (String, Json)> {
    let object = |values: &std::collections::BTreeMap<String, String>| {
        Json::Object(values.iter().map(|(name, value)| (name.clone(), Json::from(value.as_str()))).collect())
    };
    taken.iter().map(move |(step, values)| (step.clone(), object(values)))
}

impl Harvest {
    /// Reads all facts that one item states.
    pub(super) fn item<'a>(
        &mut self,
        answers: &Answers,
        before: &Before<'_>,
        document: &'a Document,
        item: &Node<'a>,
        line: u64,
    ) -> Result<(), Misread> {
        for kind in &answers.facts {
            let whole = Scope { own: item.clone(), item: item.clone() };
            let own = match &kind.each {
                None => vec![item.clone()],
                Some(each) => document.find(each, &whole),
            };
            for own in own {
                let scope = Scope { own, item: item.clone() };
                let fact = self.fact(answers, before, document, kind, &scope, line)?;
                self.facts.push(fact);
            }
        }
        Ok(())
    }

    fn fact<'a>(
        &mut self,
        answers: &Answers,
        before: &Before<'_>,
        document: &'a Document,
        kind: &Kind,
        scope: &Scope<'a>,
        line: u64,
    ) -> Result<ExtractedFact, Misread> {
        let mut identity = Attrs::new();
        let mut attrs = Attrs::new();
        let mut volatile = Attrs::new();
        for (name, attribute) in &kind.attrs {
            self.attributes = self.attributes.saturating_add(1);
            let Some(value) = attribute_of(document, before, scope, attribute, &kind.kind, name, line)? else {
                continue;
            };
            self.filled = self.filled.saturating_add(1);
            let into = match attribute {
                Attribute { identity: true, .. } => &mut identity,
                Attribute { volatile: true, .. } => &mut volatile,
                _ => &mut attrs,
            };
            into.insert(name.clone(), value);
        }
        let date = |attribute: &Option<Attribute>, name: &str| match attribute {
            None => Ok(None),
            Some(attribute) => Ok(match attribute_of(document, before, scope, attribute, &kind.kind, name, line)? {
                Some(Value::Date(date)) => Some(date),
                _ => None,
            }),
        };
        let valid = Validity { from: date(&kind.from, "valid.from")?, to: date(&kind.to, "valid.to")? };
        let subject = subject(answers, (before.ctx, before.taken), kind, [&identity, &attrs, &volatile], line)?;
        Ok(ExtractedFact {
            kind: kind.kind.clone(),
            subject,
            matched: kind.matched,
            identity,
            attrs,
            volatile,
            valid,
            line,
        })
    }
}

/// Reads one attribute: of its places, the first where there is a value.
pub(super) fn attribute_of<'a>(
    document: &'a Document,
    before: &Before<'_>,
    scope: &Scope<'a>,
    attribute: &Attribute,
    kind: &str,
    name: &str,
    line: u64,
) -> Result<Option<Value>, Misread> {
    for at in &attribute.at {
        let raws = match at {
            At::Place(place) => {
                let found = document.find(place, scope);
                let raw = |node: &Node<'a>| document.raw(node);
                match (attribute.all, attribute.nth) {
                    (true, _) => found.iter().map(raw).collect(),
                    (false, nth) => nth_of(&found, nth.unwrap_or(1)).map(raw).into_iter().collect(),
                }
            }
            At::Text(template) => match before.templates.render(template, &before.context) {
                Ok(text) => vec![Raw::Text(text)],
                Err(error) => {
                    let what = format!("item {line}: `{name}` of {kind} can't be filled in");
                    return Err(Misread {
                        trouble: Trouble::new("attribute_misfit", what),
                        value: Some(error.to_string()),
                    });
                }
            },
        };
        match attribute.reading.read(&raws) {
            Ok(None) => {}
            Ok(value) => return Ok(value),
            Err(Misfit { what, value }) => {
                return Err(Misread {
                    trouble: Trouble::new("attribute_misfit", format!("item {line}: `{name}` of {kind} {what}")),
                    value: Some(value),
                });
            }
        }
    }
    if attribute.required {
        return Err(Misread {
            trouble: Trouble::new("attribute_missing", format!("item {line}: `{name}` of {kind} is not there")),
            value: None,
        });
    }
    Ok(None)
}

/// The `nth` find, from 1; from the end with a minus.
fn nth_of<'f, 'a>(found: &'f [Node<'a>], nth: i32) -> Option<&'f Node<'a>> {
    let from_one = usize::try_from(nth.unsigned_abs()).ok()?;
    if nth < 0 { found.get(found.len().checked_sub(from_one)?) } else { found.get(from_one.checked_sub(1)?) }
}

pub(super) fn subject(
    answers: &Answers,
    (ctx, taken): (&AskContext, &Taken),
    kind: &Kind,
    attrs: [&Attrs; 3],
    line: u64,
) -> Result<String, Misread> {
    let params: Map<String, Json> =
        ctx.params.iter().map(|(name, value)| (name.clone(), Json::from(value.as_str()))).collect();
    let attrs: Map<String, Json> =
        attrs.into_iter().flatten().map(|(name, value)| (name.clone(), plain(value))).collect();
    let mut context = params.clone();
    context.extend(objects(taken));
    context.extend(attrs.clone());
    context.insert("params".to_owned(), Json::Object(params));
    context.insert("attrs".to_owned(), Json::Object(attrs));
    context.insert("subject".to_owned(), Json::from(ctx.subject.as_str()));
    let bad = |what: &str, value: Option<String>| Misread {
        trouble: Trouble::new("bad_subject", format!("item {line}: the subject of {} {what}", kind.kind)),
        value,
    };
    let rendered = answers
        .subjects
        .render(&kind.subject, &context)
        .map_err(|error| bad("can't be filled in", Some(error.to_string())))?;
    let subject = super::value::collapse(&rendered);
    if is_subject(&subject) { Ok(subject) } else { Err(bad("is none", Some(subject))) }
}

/// Whether a text names a subject: one of the prefixes, and something behind it.
pub(super) fn is_subject(text: &str) -> bool {
    SUBJECTS.iter().find_map(|prefix| text.strip_prefix(prefix)).is_some_and(|rest| !rest.trim().is_empty())
}

fn plain(value: &Value) -> Json {
    match value {
        Value::Text(text) | Value::Decimal(text) | Value::Date(text) => Json::from(text.as_str()),
        Value::Integer(n) => Json::from(*n),
        Value::Bool(yes) => Json::from(*yes),
        Value::List(values) => values.iter().map(plain).collect(),
    }
}
