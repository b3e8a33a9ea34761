//! Whether a policy document holds together: what one part says of another.
//!
//! Pure, and the same for files and for `PUT /policy`; rules and conditions in CEL are compiled here too. What a
//! connector alone can tell (places, templates of requests) is told when it is compiled.

use super::template;
use super::{AttrType, DEFAULT_MAX, FactSpec, PolicyDocument, ProfileSpec, SourceSpec, credentials, sample};
use crate::core::risk;
use std::collections::BTreeSet;

/// Something wrong in a policy document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {detail}")]
pub struct PolicyProblem {
    /// Where, as a path of keys: `sources.courts.ttl`, `profiles.standard.needs[0].source`, `risk.rule[2].needs[0]`.
    pub at: String,
    /// What is wrong.
    pub detail: String,
    /// What to do about it, where that is known.
    pub fix: Option<String>,
}

/// All that is wrong; nothing: the document may be adopted.
pub fn validate(document: &PolicyDocument) -> Vec<PolicyProblem> {
    let mut check = Check { document, volatile: volatile(document), problems: Vec::new() };
    for (id, source) in &document.sources {
        check.source(id, source);
    }
    for (name, profile) in &document.profiles {
        check.profile(name, profile);
    }
    check.risk();
    check.proxies();
    for (at, detail) in document.notify.problems() {
        check.add(at, detail);
    }
    for (at, detail) in document.queue.problems() {
        check.add(at, detail);
    }
    check.problems
}

/// What is wrong in one source by itself, standing under `id`; what only the rest of a policy can tell is left out.
pub fn of_source(id: &str, source: &SourceSpec) -> Vec<PolicyProblem> {
    let document = PolicyDocument::default();
    let mut check = Check { document: &document, volatile: BTreeSet::new(), problems: Vec::new() };
    check.source(id, source);
    check.problems.retain(|problem| !problem.at.ends_with(".limits.proxies"));
    check.problems
}

/// The known name nearest to a mistaken one, when it is near enough to be meant.
pub fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (wrong.chars().count() / 3).max(1);
    let measured = known.into_iter().map(|name| (distance(wrong, name), name));
    measured.filter(|(distance, _)| *distance <= limit).min().map(|(_, name)| name)
}

/// Edits (insert, drop, change, swap of neighbours) between two words.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    let mut last = None;
    let cell = |row: &[usize], i: usize| row.get(i).copied().unwrap_or(usize::MAX / 2);
    for (i, x) in a.chars().enumerate() {
        let mut next = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let mut cost = (cell(&row, j) + usize::from(x != *y)).min(cell(&row, j + 1) + 1).min(cell(&next, j) + 1);
            if j > 0 && last == Some(*y) && b.get(j - 1) == Some(&x) {
                cost = cost.min(cell(&before, j - 1) + 1);
            }
            next.push(cost);
        }
        before = std::mem::replace(&mut row, next);
        last = Some(x);
    }
    cell(&row, b.len())
}

/// What a template of a profile may read of the address.
const ADDRESS: [&str; 5] = ["canonical", "building", "flat", "cadastral", "postcode"];

/// The most needs that facts may add to a check: one answer may name them all, and they stand in one commit.
const MOST_DISCOVERED: u32 = 500;

/// The volatile attributes of all sources, as (kind, attribute): what no rule and no `where` may read, so that a
/// counter moves neither a score nor a need.
pub fn volatile(document: &PolicyDocument) -> BTreeSet<(String, String)> {
    let facts = document.sources.values().flat_map(|source| &source.facts);
    let named = |fact: &FactSpec, name: &String| (fact.kind.clone(), name.clone());
    facts
        .flat_map(|fact| fact.attrs.iter().filter(|(_, attr)| attr.volatile).map(move |(name, _)| named(fact, name)))
        .collect()
}

struct Check<'a> {
    document: &'a PolicyDocument,
    volatile: BTreeSet<(String, String)>,
    problems: Vec<PolicyProblem>,
}

impl<'a> Check<'a> {
    fn add(&mut self, at: impl Into<String>, detail: impl Into<String>) {
        self.problems.push(PolicyProblem { at: at.into(), detail: detail.into(), fix: None });
    }

    /// Says that a name is not known, and which one may be meant.
    fn unknown<'k>(&mut self, at: impl Into<String>, what: &str, name: &str, known: impl IntoIterator<Item = &'k str>) {
        let known: BTreeSet<&str> = known.into_iter().collect();
        let fix = match nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None if known.is_empty() => "there are none".to_owned(),
            None => format!("known: {}", known.into_iter().collect::<Vec<_>>().join(", ")),
        };
        self.problems.push(PolicyProblem {
            at: at.into(),
            detail: format!("there is no {what} \"{name}\""),
            fix: Some(fix),
        });
    }

    fn source(&mut self, id: &str, source: &SourceSpec) {
        let at = format!("sources.{id}");
        if source.id != id {
            self.add(format!("{at}.id"), format!("its id is \"{}\", but it stands under \"{id}\"", source.id));
        }
        if !is_name(id) {
            self.add(format!("{at}.id"), "an id is made of a-z, 0-9, `_` and `-`");
        }
        if source.ttl.0 == 0 {
            self.add(format!("{at}.ttl"), "must be longer than nothing");
        }
        let params: BTreeSet<&String> = source.params.iter().collect();
        if params.len() != source.params.len() {
            self.add(format!("{at}.params"), "a parameter is there twice");
        }
        let limits = &source.limits;
        for (key, detail) in limits.problems() {
            self.add(format!("{at}.limits.{key}"), detail);
        }
        for (key, detail) in source.shard_problems(self.document) {
            self.add(format!("{at}.limits.{key}"), detail);
        }
        if let Some(pool) = &limits.proxies
            && !self.document.proxies.contains_key(pool)
        {
            let document = self.document;
            self.unknown(
                format!("{at}.limits.proxies"),
                "proxy pool",
                pool,
                document.proxies.keys().map(String::as_str),
            );
        }
        let pool = limits.proxies.as_ref().and_then(|name| Some((name, self.document.proxies.get(name)?.quiet?)));
        if let (Some(own), Some((name, through))) = (limits.quiet, pool)
            && !own.leave_a_minute_with(through)
        {
            let detail =
                format!("with those of its pool \"{name}\", {through}, no minute of the day is left to ask it in");
            self.add(format!("{at}.limits.quiet"), detail);
        }
        for (key, detail) in source.prefetch.iter().flat_map(|prefetch| prefetch.problems()) {
            self.add(format!("{at}.prefetch.{key}"), detail);
        }
        let retry = &source.retry;
        if retry.attempts == 0 {
            self.add(format!("{at}.retry.attempts"), "at least 1, the first one");
        }
        if !retry.factor.is_finite() || retry.factor < 1.0 {
            self.add(format!("{at}.retry.factor"), "at least 1.0: waits don't get shorter");
        }
        if retry.max < retry.initial {
            self.add(format!("{at}.retry.max"), "shorter than the first wait");
        }
        if retry.within.is_some_and(|within| within < retry.initial) {
            self.add(format!("{at}.retry.within"), "shorter than the first wait: nothing would be tried again");
        }
        if source.request.max_bytes == 0 {
            self.add(format!("{at}.request.max_bytes"), "at least 1");
        }
        for (key, detail) in source.answer.expect.iter().flat_map(|expect| expect.problems()) {
            self.add(format!("{at}.answer.expect.{key}"), detail);
        }
        for (key, detail) in source.nest_problems() {
            self.add(format!("{at}.{key}"), detail);
        }
        for header in credentials::written_out(&source.request.headers) {
            self.add(format!("{at}.request.headers.{header}"), credentials::NAMED);
        }
        let mut kinds = BTreeSet::new();
        for (i, fact) in source.facts.iter().enumerate() {
            let at = format!("{at}.fact[{i}]");
            if !kinds.insert(&fact.kind) {
                self.add(format!("{at}.kind"), format!("\"{}\" is there twice", fact.kind));
            }
            self.fact(&at, source, fact);
        }
    }

    fn fact(&mut self, at: &str, source: &SourceSpec, fact: &FactSpec) {
        if fact.kind.is_empty() || !fact.kind.split('.').all(is_name) {
            self.add(format!("{at}.kind"), "a kind is words of a-z, 0-9, `_` and `-` with dots between them");
        }
        if let Some(ttl) = fact.ttl {
            if ttl.0 == 0 {
                self.add(format!("{at}.ttl"), "must be longer than nothing");
            } else if ttl > source.ttl {
                self.add(
                    format!("{at}.ttl"),
                    format!("longer than the source's, {}: a fact is stale no later than its source", source.ttl),
                );
            }
        }
        for (i, name) in fact.identity.iter().enumerate() {
            match fact.attrs.get(name) {
                None => self.unknown(
                    format!("{at}.identity[{i}]"),
                    "attribute",
                    name,
                    fact.attrs.keys().map(String::as_str),
                ),
                Some(attr) if attr.volatile => {
                    self.add(
                        format!("{at}.identity[{i}]"),
                        format!("\"{name}\" is volatile, and so can't say which thing it is"),
                    );
                }
                Some(_) => {}
            }
        }
        for name in fact
            .attrs
            .keys()
            .filter(|name| !is_attr(name) || matches!(name.as_str(), "kind" | "subject" | "source" | "match"))
        {
            self.add(
                format!("{at}.attrs.{name}"),
                "an attribute is named by a-z, 0-9 and `_`, and not kind, subject, source or match",
            );
        }
    }

    fn profile(&mut self, name: &str, profile: &ProfileSpec) {
        let at = format!("profiles.{name}");
        if profile.needs.is_empty() {
            self.add(format!("{at}.needs"), "a profile asks at least one source");
        }
        for input in profile.inputs.keys().filter(|input| !is_attr(input)) {
            self.add(format!("{at}.inputs.{input}"), "an input is named by a-z, 0-9 and `_`");
        }
        let mut discovered = 0u32;
        for (i, need) in profile.needs.iter().enumerate() {
            let at = format!("{at}.needs[{i}]");
            if need.for_each.is_some() {
                let before = discovered;
                discovered = before.saturating_add(need.max.unwrap_or(DEFAULT_MAX));
                if before <= MOST_DISCOVERED && discovered > MOST_DISCOVERED {
                    let detail = format!("facts may add {MOST_DISCOVERED} needs to a check, all entries together");
                    self.add(format!("{at}.max"), detail);
                }
            }
            let document = self.document;
            match document.sources.get(&need.source) {
                None => self.unknown(
                    format!("{at}.source"),
                    "source",
                    &need.source,
                    document.sources.keys().map(String::as_str),
                ),
                Some(source) => {
                    for param in source.params.iter().filter(|param| !need.params.contains_key(*param)) {
                        self.add(
                            format!("{at}.params"),
                            format!("\"{}\" needs the parameter \"{param}\"", need.source),
                        );
                    }
                    for param in need.params.keys().filter(|param| !source.params.contains(param)) {
                        self.unknown(
                            format!("{at}.params.{param}"),
                            "parameter",
                            param,
                            source.params.iter().map(String::as_str),
                        );
                    }
                }
            }
            let facts = need.for_each.as_deref().map(|kind| self.for_each(&at, kind));
            if let Some(condition) = &need.only {
                for detail in risk::FactFilter::compile(condition, &self.volatile).err().unwrap_or_default() {
                    self.add(format!("{at}.where"), detail);
                }
            }
            if need.max == Some(0) {
                self.add(format!("{at}.max"), "at least 1");
            }
            if need.for_each.is_none() {
                for (key, set) in [("where", need.only.is_some()), ("max", need.max.is_some())] {
                    if set {
                        self.add(format!("{at}.{key}"), "only a need with `for_each` has it");
                    }
                }
            }
            for (param, text) in &need.params {
                self.need_param(&format!("{at}.params.{param}"), text, profile, facts.as_deref());
            }
        }
    }

    /// The kinds of facts that `for_each` names.
    fn for_each(&mut self, at: &str, wanted: &str) -> Vec<&'a FactSpec> {
        let document = self.document;
        let all = document.sources.iter().flat_map(|(id, source)| source.facts.iter().map(move |fact| (id, fact)));
        let named = |id: &String, fact: &FactSpec| {
            fact.kind == wanted
                || wanted.strip_prefix(id.as_str()).and_then(|rest| rest.strip_prefix('.')) == Some(&fact.kind)
        };
        let found: Vec<&'a FactSpec> = all.clone().filter(|(id, fact)| named(id, fact)).map(|(_, fact)| fact).collect();
        if found.is_empty() {
            self.unknown(format!("{at}.for_each"), "fact kind", wanted, all.map(|(_, fact)| fact.kind.as_str()));
        }
        found
    }

    fn need_param(&mut self, at: &str, text: &str, profile: &ProfileSpec, facts: Option<&[&FactSpec]>) {
        let reads = match template::reads(text) {
            Ok(reads) => reads,
            Err(error) => return self.add(at, format!("not a template: {error}")),
        };
        for read in reads {
            if let Some(name) = read.strip_prefix("fact.") {
                for attr in facts.unwrap_or_default().iter().filter_map(|fact| fact.attrs.get(name)) {
                    if attr.volatile {
                        self.add(at, format!("\"{name}\" is volatile, and so can't say whom to ask about"));
                    } else if attr.kind == AttrType::List {
                        self.add(at, format!("\"{name}\" is a list, and a parameter is one text"));
                    }
                }
            }
            match read.split_once('.') {
                Some(("address", name)) if ADDRESS.contains(&name) => {}
                Some(("address", name)) => self.unknown(at, "part of an address", name, ADDRESS),
                Some(("inputs", name)) if profile.inputs.contains_key(name) => {}
                Some(("inputs", name)) => self.unknown(at, "input", name, profile.inputs.keys().map(String::as_str)),
                Some(("fact", name)) => match facts {
                    None => self.add(at, "`fact` is there only with `for_each`"),
                    Some(facts) if facts.iter().all(|fact| fact.attrs.contains_key(name)) || name == "subject" => {}
                    Some(facts) => {
                        let known: Vec<&str> =
                            facts.iter().flat_map(|fact| fact.attrs.keys().map(String::as_str)).collect();
                        self.unknown(at, "attribute", name, known);
                    }
                },
                _ => self.unknown(at, "name", &read, ["address", "inputs", "fact"]),
            }
        }
        if let Err(error) = template::check(text, &sample::values(profile, facts.unwrap_or_default())) {
            self.add(at, format!("can't be filled in: {error}"));
        }
    }

    fn risk(&mut self) {
        let document = self.document;
        for (i, rule) in document.risk.rules.iter().enumerate() {
            for (n, source) in
                rule.needs.iter().enumerate().filter(|(_, source)| !document.sources.contains_key(*source))
            {
                let at = format!("risk.rule[{i}].needs[{n}]");
                self.unknown(at, "source", source, document.sources.keys().map(String::as_str));
            }
        }
        for problem in risk::compile(&document.risk, &self.volatile).err().unwrap_or_default() {
            self.add(format!("risk.{}", problem.at), problem.detail);
        }
    }

    fn proxies(&mut self) {
        for (name, pool) in &self.document.proxies {
            for (key, detail) in pool.problems() {
                let at = format!("proxies.{name}.{key}");
                self.problems.push(PolicyProblem { at, detail: detail.to_owned(), fix: None });
            }
        }
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-'))
}

fn is_attr(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_names() {
        let known = ["source", "params", "for_each", "where", "max"];
        assert_eq!(nearest("sorce", known), Some("source"));
        assert_eq!(nearest("paramas", known), Some("params"));
        assert_eq!(nearest("foreach", known), Some("for_each"));
        assert_eq!(nearest("mxa", known), Some("max"));
        assert_eq!(nearest("charset", known), None);
    }
}
