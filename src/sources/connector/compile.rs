//! `[answer]` and `[[fact]]`, compiled: places, guards, readings, subjects. All problems at once.

use super::SpecProblem;
use super::document::Place;
use super::value::Reading;
use crate::core::policy::template::Templates;
use crate::core::policy::{AttrSpec, AttrType, FactSpec, Format, Guard, MatchSpec, SourceSpec};
use encoding_rs::Encoding;
use mirano_schemas::Match;
use std::collections::{BTreeMap, BTreeSet};

/// How to judge and read answers.
#[derive(Debug)]
pub(super) struct Answers {
    pub(super) charset: Option<&'static Encoding>,
    pub(super) items: Option<Place>,
    pub(super) next: Option<Place>,
    pub(super) blocked: Vec<Condition>,
    pub(super) refused: Vec<Condition>,
    pub(super) nothing_found: Vec<Condition>,
    pub(super) valid: Vec<Condition>,
    pub(super) as_of: Option<(Place, Reading)>,
    pub(super) facts: Vec<Kind>,
    pub(super) subjects: Templates,
}

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

/// A compiled `[[fact]]`.
#[derive(Debug)]
pub(super) struct Kind {
    pub(super) kind: String,
    pub(super) matched: Match,
    pub(super) each: Option<Place>,
    pub(super) attrs: BTreeMap<String, Attribute>,
    pub(super) from: Option<Attribute>,
    pub(super) to: Option<Attribute>,
    /// The name of its template in `Answers::subjects`.
    pub(super) subject: String,
}

/// A compiled attribute.
#[derive(Debug)]
pub(super) struct Attribute {
    pub(super) place: Place,
    pub(super) reading: Reading,
    pub(super) required: bool,
    pub(super) identity: bool,
    pub(super) volatile: bool,
    pub(super) all: bool,
}

/// Collects problems under a path of keys.
struct Problems<'a> {
    format: Format,
    out: &'a mut Vec<SpecProblem>,
}

impl Problems<'_> {
    fn add(&mut self, at: impl Into<String>, detail: impl Into<String>) {
        self.out.push(SpecProblem { at: at.into(), detail: detail.into() });
    }

    fn place(&mut self, at: &str, text: &str) -> Option<Place> {
        Place::parse(self.format, text).map_err(|detail| self.add(at, detail)).ok()
    }

    /// A place whose finds have an inside.
    fn container(&mut self, at: &str, text: &str) -> Option<Place> {
        let place = self.place(at, text)?;
        if place.is_attr() {
            self.add(at, "an attribute has nothing inside");
            return None;
        }
        Some(place)
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
        let place = guard.at.as_deref().map(|text| self.place(&format!("{at}.at"), text));
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

    fn conditions(&mut self, name: &str, guards: &[Guard], proof: bool) -> Vec<Condition> {
        let guards = guards.iter().enumerate();
        guards.filter_map(|(i, guard)| self.condition(&format!("answer.{name}[{i}]"), guard, proof)).collect()
    }

    fn attribute(&mut self, at: &str, spec: &AttrSpec, identity: bool) -> Option<Attribute> {
        let place = self.place(&format!("{at}.at"), &spec.at);
        let reading = Reading::compile(spec).map_err(|problems| {
            for (key, detail) in problems {
                self.add(format!("{at}.{key}"), detail);
            }
        });
        Some(Attribute {
            place: place?,
            reading: reading.ok()?,
            required: spec.required || identity,
            identity,
            volatile: spec.volatile,
            all: spec.kind == AttrType::List,
        })
    }

    fn valid_date(&mut self, at: String, spec: Option<&AttrSpec>) -> Option<Attribute> {
        let spec = spec?;
        if spec.kind != AttrType::Date {
            self.add(format!("{at}.type"), "must be \"date\"");
        }
        self.attribute(&at, spec, false)
    }
}

impl Answers {
    pub(super) fn compile(spec: &SourceSpec, out: &mut Vec<SpecProblem>) -> Option<Self> {
        let answer = &spec.answer;
        let before = out.len();
        let mut problems = Problems { format: answer.format, out };
        let charset = answer.charset.as_deref().and_then(|label| {
            let found = Encoding::for_label(label.as_bytes());
            if found.is_none() {
                problems.add("answer.charset", format!("there is no charset {label:?}"));
            }
            found
        });
        csv_keys(spec, &mut problems);
        let items = answer.items.as_deref().and_then(|text| problems.container("answer.items", text));
        let next = spec.pages.as_ref().and_then(|pages| pages.next.as_deref());
        let next = next.and_then(|text| problems.place("pages.next", text));
        let blocked = problems.conditions("blocked", &answer.blocked, false);
        let refused = problems.conditions("refused", &answer.refused, false);
        let nothing_found = problems.conditions("nothing_found", &answer.nothing_found, true);
        let valid = problems.conditions("valid", &answer.valid, true);
        let as_of = answer.as_of.as_ref().and_then(|as_of| {
            let spec = AttrSpec {
                at: as_of.at.clone(),
                kind: AttrType::Date,
                required: false,
                volatile: false,
                decimal: None,
                thousands: None,
                format: as_of.format.clone(),
                pattern: as_of.pattern.clone(),
                empty: Vec::new(),
                one_of: Vec::new(),
            };
            let found = problems.attribute("answer.as_of", &spec, false)?;
            Some((found.place, found.reading))
        });
        if spec.facts.is_empty() {
            problems.add("fact", "a source gives at least one kind of fact");
        }
        let mut subjects = Templates::default();
        let facts: Vec<Kind> = spec
            .facts
            .iter()
            .enumerate()
            .filter_map(|(i, fact)| kind(spec, fact, i, &mut subjects, &mut problems))
            .collect();
        let proof = !answer.valid.is_empty()
            || facts.iter().any(|fact| fact.each.is_none() && fact.attrs.values().any(|attr| attr.required));
        if !proof && problems.out.len() == before {
            problems.add(
                "answer.valid",
                "without it, or a required attribute, nothing proves that a page is the one we know",
            );
        }
        if spec.pages.as_ref().is_some_and(|pages| pages.page.is_some())
            && answer.valid.is_empty()
            && answer.nothing_found.is_empty()
        {
            problems.add(
                "answer.valid",
                "the empty page that ends numbered pages needs a proof: `valid` or `nothing_found`",
            );
        }
        if let Some(expect) = &answer.expect
            && !(0.0..=1.0).contains(&expect.filled)
        {
            problems.add("answer.expect.filled", "a share from 0 to 1");
        }
        if answer.capped == Some(0) {
            problems.add("answer.capped", "at least 1");
        }
        (problems.out.len() == before).then_some(Self {
            charset,
            items,
            next,
            blocked,
            refused,
            nothing_found,
            valid,
            as_of,
            facts,
            subjects,
        })
    }
}

fn csv_keys(spec: &SourceSpec, problems: &mut Problems<'_>) {
    let answer = &spec.answer;
    if answer.format == Format::Csv {
        if answer.items.is_some() {
            problems.add("answer.items", "in a CSV each row is an item");
        }
        if answer.delimiter.as_ref().is_some_and(|d| d.len() != 1 || d == "\"" || d == "\n" || d == "\r") {
            problems.add("answer.delimiter", "one ASCII character");
        }
        if spec.pages.as_ref().is_some_and(|pages| pages.next.is_some()) {
            problems.add("pages.next", "a CSV has no place for a link; use `page`");
        }
    } else {
        for (key, set) in [("delimiter", answer.delimiter.is_some()), ("header", answer.header.is_some())] {
            if set {
                problems.add(format!("answer.{key}"), "only a CSV has it");
            }
        }
    }
    if answer.unclosed && answer.format != Format::Html {
        problems.add("answer.unclosed", "only HTML has it");
    }
}

fn kind(
    spec: &SourceSpec,
    fact: &FactSpec,
    number: usize,
    subjects: &mut Templates,
    problems: &mut Problems<'_>,
) -> Option<Kind> {
    let at = format!("fact[{number}]");
    let each = match fact.each.as_deref() {
        None => None,
        Some(_) if spec.answer.format == Format::Csv => {
            problems.add(format!("{at}.each"), "a cell has nothing inside");
            return None;
        }
        Some(text) => {
            let place = problems.container(&format!("{at}.each"), text)?;
            if place.leaves_its_scope() {
                problems.add(format!("{at}.each"), "looks inside the item; it begins with `$`, not with `^` or `$$`");
            }
            Some(place)
        }
    };
    let mut attrs = BTreeMap::new();
    for (name, attr) in &fact.attrs {
        let identity = fact.identity.contains(name);
        if let Some(attr) = problems.attribute(&format!("{at}.attrs.{name}"), attr, identity) {
            attrs.insert(name.clone(), attr);
        }
    }
    let valid = fact.valid.as_ref();
    let from = problems.valid_date(format!("{at}.valid.from"), valid.and_then(|valid| valid.from.as_ref()));
    let to = problems.valid_date(format!("{at}.valid.to"), valid.and_then(|valid| valid.to.as_ref()));
    let subject = format!("{at}.subject");
    if let Err(error) = subjects.add(&subject, &fact.subject) {
        problems.add(&subject, format!("not a template: {error}"));
    }
    check_subject(spec, fact, &subject, &subjects.reads(&subject), problems);
    let matched = match fact.matched {
        MatchSpec::Id => Match::Id,
        MatchSpec::Name => Match::Name,
    };
    Some(Kind { kind: fact.kind.clone(), matched, each, attrs, from, to, subject })
}

fn check_subject(spec: &SourceSpec, fact: &FactSpec, at: &str, reads: &BTreeSet<String>, problems: &mut Problems<'_>) {
    let text = fact.subject.trim_start();
    let prefixed = SUBJECTS.iter().any(|prefix| text.starts_with(prefix));
    if !prefixed && !text.starts_with("{{") {
        problems.add(at, format!("begins with {} or is \"{{{{ subject }}}}\"", SUBJECTS.join(", ")));
    }
    for read in reads {
        let (scope, name) = read.split_once('.').unwrap_or(("", read));
        let param = spec.params.iter().any(|param| param == name);
        let attr = fact.attrs.get(name);
        match scope {
            "" if name == "subject" => continue,
            "" if param && attr.is_some() => {
                problems.add(
                    at,
                    format!("`{name}` is a parameter and an attribute: say `params.{name}` or `attrs.{name}`"),
                );
                continue;
            }
            "params" | "" if param => continue,
            "attrs" | "" if attr.is_some() => {}
            _ => {
                problems.add(at, format!("`{read}` is neither a parameter nor an attribute"));
                continue;
            }
        }
        if attr.is_some_and(|attr| !attr.required) && !fact.identity.iter().any(|known| known == name) {
            problems
                .add(at, format!("`{name}` may be missing: make it required, or use `each` to leave such facts out"));
        }
    }
}

/// How subjects begin.
pub(super) const SUBJECTS: [&str; 4] = ["property:", "company:", "person:", "source:"];
