//! `[answer]`, `take` and `[[fact]]`, compiled: places, guards, readings, subjects. All problems at once.

use super::SpecProblem;
use super::document::Place;
use super::parts::{Attribute, Condition, Known, Problems};
use super::value::Reading;
use crate::core::policy::template::Templates;
use crate::core::policy::{AnswerSpec, AttrSpec, AttrType, FactSpec, Format, MatchSpec, PagesSpec, StepSpec};
use encoding_rs::Encoding;
use mirano_schemas::Match;
use std::collections::{BTreeMap, BTreeSet};

/// How to judge and read answers.
#[derive(Debug)]
pub(super) struct Answers {
    pub(super) charset: Option<&'static Encoding>,
    /// Tried in order; none: the document is the item.
    pub(super) items: Vec<Place>,
    pub(super) ways: Ways,
    pub(super) blocked: Vec<Condition>,
    pub(super) refused: Vec<Condition>,
    pub(super) nothing_found: Vec<Condition>,
    pub(super) valid: Vec<Condition>,
    pub(super) as_of: Option<(Place, Reading)>,
    /// What a step gives to later ones.
    pub(super) take: BTreeMap<String, Attribute>,
    pub(super) facts: Vec<Kind>,
    pub(super) subjects: Templates,
    /// Attributes that are no places.
    pub(super) texts: Templates,
}

/// Where a page says how to go on.
#[derive(Debug, Default)]
pub(super) struct Ways {
    pub(super) next: Option<Place>,
    pub(super) cursor: Option<Place>,
    pub(super) last: Option<(Place, Reading)>,
    pub(super) total: Option<(Place, Reading)>,
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

/// What one request of a file is read by: the tables of `[request]`, or of one of `[[before]]`.
pub(super) struct Tables<'a> {
    /// Before each path of keys: `before[0].`, or nothing.
    pub(super) prefix: String,
    pub(super) pages: Option<&'a PagesSpec>,
    pub(super) answer: &'a AnswerSpec,
    /// Of a step.
    pub(super) step: Option<&'a StepSpec>,
    /// Of the last one.
    pub(super) facts: &'a [FactSpec],
    pub(super) known: &'a Known,
    /// The values that later steps' requests can't do without.
    pub(super) needed: BTreeSet<String>,
}

impl Answers {
    pub(super) fn compile(tables: &Tables<'_>, out: &mut Vec<SpecProblem>) -> Option<Self> {
        let answer = tables.answer;
        let before = out.len();
        let mut problems = Problems {
            prefix: tables.prefix.clone(),
            format: answer.format,
            known: tables.known,
            texts: Templates::default(),
            json_items: false,
            out,
        };
        let charset = answer.charset.as_deref().and_then(|label| {
            let found = Encoding::for_label(label.as_bytes());
            if found.is_none() {
                problems.add("answer.charset", format!("there is no charset {label:?}"));
            }
            found
        });
        csv_keys(tables, &mut problems);
        let items = answer.items.as_ref().map(|places| problems.containers("answer.items", places));
        let each = tables.facts.iter().filter_map(|fact| fact.each.as_ref()).any(|each| each.contains(">>"));
        // One that could not be read has its own problem.
        let unread = answer.items.as_ref().map(|places| places.0.len()) != items.as_ref().map(Vec::len);
        problems.json_items = each || unread || items.iter().flatten().any(Place::gives_json);
        let ways = ways(tables.pages, &mut problems);
        let blocked = problems.conditions("blocked", &answer.blocked, false);
        let refused = problems.conditions("refused", &answer.refused, false);
        let nothing_found = problems.conditions("nothing_found", &answer.nothing_found, true);
        let valid = problems.conditions("valid", &answer.valid, true);
        let as_of = answer.as_of.as_ref().and_then(|as_of| {
            let spec = AttrSpec {
                format: as_of.format.clone(),
                pattern: as_of.pattern.clone(),
                ..AttrSpec::plain(&as_of.at, AttrType::Date)
            };
            Some((problems.in_document("answer.as_of.at", &as_of.at)?, reading("answer.as_of", &spec, &mut problems)?))
        });
        let mut take = BTreeMap::new();
        for (name, attr) in tables.step.iter().flat_map(|step| &step.take) {
            let needed = tables.needed.contains(name);
            if let Some(attr) = problems.attribute(&format!("take.{name}"), attr, false) {
                take.insert(name.clone(), Attribute { required: attr.required || needed, ..attr });
            }
        }
        if tables.step.is_none() && tables.facts.is_empty() {
            problems.add("fact", "a source gives at least one kind of fact");
        }
        let mut subjects = Templates::default();
        let facts: Vec<Kind> = tables
            .facts
            .iter()
            .enumerate()
            .filter_map(|(i, fact)| kind(tables, fact, i, &mut subjects, &mut problems))
            .collect();
        let read = facts.iter().filter(|fact| fact.each.is_none()).flat_map(|fact| fact.attrs.values());
        // What is no place is on every page.
        let on_page = |attr: &Attribute| attr.at.iter().all(|at| matches!(at, super::parts::At::Place(_)));
        let proof = !answer.valid.is_empty() || read.chain(take.values()).any(|attr| attr.required && on_page(attr));
        if !proof && problems.out.len() == before {
            problems.add(
                "answer.valid",
                "without it, or a required attribute, nothing proves that a page is the one we know",
            );
        }
        let numbered = tables.pages.and_then(|pages| pages.page.as_ref());
        if numbered.is_some_and(|page| page.last_when == "empty" && page.last.is_none() && page.total.is_none())
            && answer.valid.is_empty()
            && answer.nothing_found.is_empty()
        {
            problems.add(
                "answer.valid",
                "the empty page that ends numbered pages needs a proof: `valid` or `nothing_found`",
            );
        }
        expected(tables, &mut problems);
        let texts = std::mem::take(&mut problems.texts);
        (problems.out.len() == before).then_some(Self {
            charset,
            items: items.unwrap_or_default(),
            ways,
            blocked,
            refused,
            nothing_found,
            valid,
            as_of,
            take,
            facts,
            subjects,
            texts,
        })
    }
}

fn reading(at: &str, spec: &AttrSpec, problems: &mut Problems<'_>) -> Option<Reading> {
    let told = |found: Vec<(&'static str, String)>| {
        for (key, detail) in found {
            problems.add(format!("{at}.{key}"), detail);
        }
    };
    Reading::compile(spec).map_err(told).ok()
}

/// Where pages say how to go on.
fn ways(pages: Option<&PagesSpec>, problems: &mut Problems<'_>) -> Ways {
    let Some(pages) = pages else { return Ways::default() };
    let mut number = |at: &str, text: Option<&String>| {
        let place = problems.in_document(at, text?)?;
        Some((place, Reading::compile(&AttrSpec::plain("", AttrType::Integer)).ok()?))
    };
    let numbered = pages.page.as_ref();
    let last = number("pages.page.last", numbered.and_then(|page| page.last.as_ref()));
    let total = number("pages.page.total", numbered.and_then(|page| page.total.as_ref()));
    let next = pages.next.as_deref().and_then(|text| problems.in_document("pages.next", text));
    let cursor = pages.cursor.as_ref().and_then(|cursor| problems.in_document("pages.cursor.at", &cursor.at));
    Ways { next, cursor, last, total }
}

fn expected(tables: &Tables<'_>, problems: &mut Problems<'_>) {
    if let Some(expect) = &tables.answer.expect {
        if expect.filled.is_some_and(|filled| !(0.0..=1.0).contains(&filled)) {
            problems.add("answer.expect.filled", "a share from 0 to 1");
        }
        if expect.filled.is_some() && tables.step.is_some() {
            problems.add("answer.expect.filled", "only the answer that facts are read from has attributes");
        }
        if expect.max == Some(0) || expect.max.zip(expect.min).is_some_and(|(max, min)| max < min) {
            problems.add("answer.expect.max", "at least 1, and not less than `min`");
        }
    }
    if tables.answer.capped == Some(0) {
        problems.add("answer.capped", "at least 1");
    }
}

fn csv_keys(tables: &Tables<'_>, problems: &mut Problems<'_>) {
    let answer = tables.answer;
    if answer.format == Format::Csv {
        if answer.items.is_some() {
            problems.add("answer.items", "in a CSV each row is an item");
        }
        if answer.delimiter.as_ref().is_some_and(|d| d.len() != 1 || d == "\"" || d == "\n" || d == "\r") {
            problems.add("answer.delimiter", "one ASCII character");
        }
        if tables.pages.is_some_and(|pages| pages.next.is_some() || pages.cursor.is_some()) {
            problems.add("pages", "a CSV has no place for a link or a cursor; use `page` or `link`");
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
    tables: &Tables<'_>,
    fact: &FactSpec,
    number: usize,
    subjects: &mut Templates,
    problems: &mut Problems<'_>,
) -> Option<Kind> {
    let at = format!("fact[{number}]");
    let each = match fact.each.as_deref() {
        None => None,
        Some(_) if tables.answer.format == Format::Csv => {
            problems.add(format!("{at}.each"), "a cell has nothing inside");
            return None;
        }
        Some(text) => {
            let place = problems.container(&format!("{at}.each"), text, true)?;
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
    check_subject(tables.known, fact, &subject, &subjects.reads(&subject), problems);
    let matched = match fact.matched {
        MatchSpec::Id => Match::Id,
        MatchSpec::Name => Match::Name,
    };
    Some(Kind { kind: fact.kind.clone(), matched, each, attrs, from, to, subject })
}

fn check_subject(known: &Known, fact: &FactSpec, at: &str, reads: &BTreeSet<String>, problems: &mut Problems<'_>) {
    let text = fact.subject.trim_start();
    let prefixed = SUBJECTS.iter().any(|prefix| text.starts_with(prefix));
    if !prefixed && !text.starts_with("{{") {
        problems.add(at, format!("begins with {} or is \"{{{{ subject }}}}\"", SUBJECTS.join(", ")));
    }
    for read in reads {
        let (scope, name) = read.split_once('.').unwrap_or(("", read));
        let param = known.params.iter().any(|param| param == name);
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
            step if known.taken.get(step).is_some_and(|taken| taken.contains(name)) => continue,
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
