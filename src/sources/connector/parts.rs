//! The smallest parts of a source's file, compiled: places, guards, attributes, names that templates may read.

use super::SpecProblem;
use super::document::Place;
use super::value::Reading;
use crate::core::policy::template::Templates;
use crate::core::policy::{AttrSpec, AttrType, Format, Guard, Places};
use std::collections::{BTreeMap, BTreeSet};

/// A compiled guard: all its parts must hold.
#[derive(Debug)]
pub(super) struct Condition {
    pub(super) status: Option<u16>,
    /// In lower case.
    pub(super) contains: Option<String>,
    pub(super) at: Option<Place>,
    pub(super) equals: Option<serde_json::Value>,
    pub(super) count: Option<u64>,
    /// As the file says it, for reports.
    pub(super) says: String,
}

impl Condition {
    /// Nothing but the HTTP status is looked at.
    pub(super) fn status_only(&self) -> bool {
        self.contains.is_none() && self.at.is_none()
    }
}

/// Where an attribute is looked for.
#[derive(Debug)]
pub(super) enum At {
    Place(Place),
    /// The name of a template over parameters and what earlier steps gave.
    Text(String),
}

/// A compiled attribute.
#[derive(Debug)]
pub(super) struct Attribute {
    /// Tried in order.
    pub(super) at: Vec<At>,
    pub(super) nth: Option<i32>,
    pub(super) reading: Reading,
    pub(super) required: bool,
    pub(super) identity: bool,
    pub(super) volatile: bool,
    pub(super) all: bool,
}

/// The names that templates may read besides `page` and `cursor`.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    pub(super) params: Vec<String>,
    /// What earlier steps give.
    pub(super) taken: BTreeMap<String, BTreeSet<String>>,
}

impl Known {
    /// Whether `inn` or `search.link` is known; the error says what is.
    pub(super) fn judge(&self, read: &str) -> Result<(), String> {
        let known = match read.split_once('.') {
            None => self.params.iter().any(|param| param == read),
            Some((step, name)) => self.taken.get(step).is_some_and(|taken| taken.contains(name)),
        };
        if known {
            return Ok(());
        }
        if self.taken.is_empty() {
            return Err(format!("`{read}` is none of the source's params: {}", self.params.join(", ")));
        }
        let taken = self.taken.iter().flat_map(|(step, names)| names.iter().map(move |name| format!("{step}.{name}")));
        let all: Vec<String> = self.params.iter().cloned().chain(taken).collect();
        Err(format!("`{read}` is none of the source's params and no value of an earlier step: {}", all.join(", ")))
    }
}

/// Collects problems under a path of keys.
pub(super) struct Problems<'a> {
    /// Before each path: `before[0].`, or nothing.
    pub(super) prefix: String,
    pub(super) format: Format,
    pub(super) known: &'a Known,
    pub(super) texts: Templates,
    /// Items, or what `each` finds in them, are JSON.
    pub(super) json_items: bool,
    pub(super) out: &'a mut Vec<SpecProblem>,
}

impl Problems<'_> {
    pub(super) fn add(&mut self, at: impl AsRef<str>, detail: impl Into<String>) {
        self.out.push(SpecProblem { at: format!("{}{}", self.prefix, at.as_ref()), detail: detail.into() });
    }

    pub(super) fn place(&mut self, at: &str, text: &str) -> Option<Place> {
        Place::parse(self.format, text).map_err(|detail| self.add(at, detail)).ok()
    }

    /// A place in the document.
    pub(super) fn in_document(&mut self, at: &str, text: &str) -> Option<Place> {
        let place = self.place(at, text)?;
        self.judge_json(at, &place, self.format == Format::Json)?;
        Some(place)
    }

    /// A place in an item.
    fn in_item(&mut self, at: &str, text: &str) -> Option<Place> {
        let place = self.place(at, text)?;
        self.judge_json(at, &place, self.format == Format::Json || self.json_items)?;
        Some(place)
    }

    fn judge_json(&mut self, at: &str, place: &Place, json: bool) -> Option<()> {
        if !json && place.wants_json() {
            self.add(at, "a JSONPath, but there is no JSON; `SELECTOR >> $…` looks inside of a text");
            return None;
        }
        Some(())
    }

    /// A place whose finds have an inside: in an item, or in the document.
    pub(super) fn container(&mut self, at: &str, text: &str, in_item: bool) -> Option<Place> {
        let place = if in_item { self.in_item(at, text)? } else { self.in_document(at, text)? };
        if place.is_attr() {
            self.add(at, "an attribute has nothing inside");
            return None;
        }
        Some(place)
    }

    /// Several such places, tried in order.
    pub(super) fn containers(&mut self, at: &str, places: &Places) -> Vec<Place> {
        let several = places.0.len() > 1;
        let at = |i: usize| if several { format!("{at}[{i}]") } else { at.to_owned() };
        places.0.iter().enumerate().filter_map(|(i, text)| self.container(&at(i), text, false)).collect()
    }

    fn condition(&mut self, at: &str, guard: &Guard, proof: bool) -> Option<Condition> {
        if guard.status.is_none() && guard.contains.is_none() && guard.at.is_none() {
            self.add(at, "says nothing: `status`, `contains` or `at`");
            return None;
        }
        if guard.at.is_none() && (guard.equals.is_some() || guard.count.is_some()) {
            self.add(at, "`equals` and `count` need `at`");
        }
        if guard.status.is_some_and(|status| !(100..600).contains(&status)) {
            self.add(format!("{at}.status"), "not an HTTP status");
        }
        if guard.contains.as_deref().is_some_and(|text| text.trim().is_empty()) {
            self.add(format!("{at}.contains"), "every page contains that");
        }
        let place = guard.at.as_deref().map(|text| self.in_document(&format!("{at}.at"), text));
        let place = match place {
            Some(None) => return None,
            Some(Some(place)) => {
                if self.format != Format::Json && place.leaves_its_scope() {
                    self.add(format!("{at}.at"), "a condition looks at the document anyway");
                }
                Some(place)
            }
            None => None,
        };
        let condition = Condition {
            status: guard.status,
            contains: guard.contains.as_ref().map(|text| text.to_lowercase()),
            at: place,
            equals: guard.equals.clone(),
            count: guard.count,
            says: serde_json::to_string(guard).unwrap_or_default(),
        };
        if proof && condition.status_only() && guard.status.is_some_and(|status| status == 200) {
            self.add(at, "status 200 alone proves nothing: block pages have it too");
        }
        Some(condition)
    }

    pub(super) fn conditions(&mut self, name: &str, guards: &[Guard], proof: bool) -> Vec<Condition> {
        let guards = guards.iter().enumerate();
        guards.filter_map(|(i, guard)| self.condition(&format!("answer.{name}[{i}]"), guard, proof)).collect()
    }

    pub(super) fn attribute(&mut self, at: &str, spec: &AttrSpec, identity: bool) -> Option<Attribute> {
        let several = spec.at.0.len() > 1;
        let places: Vec<Option<At>> = (spec.at.0.iter().enumerate())
            .map(|(i, text)| {
                let at = if several { format!("{at}.at[{i}]") } else { format!("{at}.at") };
                if text.trim_start().starts_with("{{") {
                    self.text(&at, text)
                } else {
                    self.in_item(&at, text).map(At::Place)
                }
            })
            .collect();
        let reading = Reading::compile(spec).map_err(|problems| {
            for (key, detail) in problems {
                self.add(format!("{at}.{key}"), detail);
            }
        });
        Some(Attribute {
            at: places.into_iter().collect::<Option<Vec<At>>>()?,
            nth: spec.nth,
            reading: reading.ok()?,
            required: spec.required || identity,
            identity,
            volatile: spec.volatile,
            all: spec.kind == AttrType::List,
        })
    }

    /// A template instead of a place: a parameter, or what an earlier step gave.
    fn text(&mut self, at: &str, text: &str) -> Option<At> {
        let name = format!("{}{at}", self.prefix);
        if let Err(error) = self.texts.add(&name, text) {
            self.add(at, format!("not a template: {error}"));
            return None;
        }
        for read in self.texts.reads(&name) {
            if let Err(detail) = self.known.judge(&read) {
                self.add(at, detail);
                return None;
            }
        }
        Some(At::Text(name))
    }

    pub(super) fn valid_date(&mut self, at: String, spec: Option<&AttrSpec>) -> Option<Attribute> {
        let spec = spec?;
        if spec.kind != AttrType::Date {
            self.add(format!("{at}.type"), "must be \"date\"");
        }
        self.attribute(&at, spec, false)
    }
}
