//! The requests of a source's file in their order: `[[before]]`, then `[request]`.

use super::SpecProblem;
use super::compile::{Answers, Tables};
use super::parts::Known;
use super::request::{Requests, Stands};
use crate::core::policy::{AnswerSpec, AuthKind, AuthSpec, PagesSpec, SourceSpec};
use std::collections::{BTreeMap, BTreeSet};

/// One request of the file, with how its answers are read.
#[derive(Debug)]
pub(super) struct Step {
    /// Its name; empty for `[request]`.
    pub(super) id: String,
    pub(super) requests: Requests,
    pub(super) reading: Answers,
    pub(super) answer: AnswerSpec,
    pub(super) pages: Option<PagesSpec>,
    /// Only the first item leads on.
    pub(super) first: bool,
    /// So many items lead on at most.
    pub(super) max: u32,
}

/// Names with a meaning of their own in templates.
const RESERVED: [&str; 6] = ["page", "cursor", "subject", "params", "attrs", "value"];

pub(super) fn compile(spec: &SourceSpec, problems: &mut Vec<SpecProblem>) -> Option<(Vec<Step>, Step)> {
    for name in RESERVED.iter().filter(|name| spec.params.iter().any(|param| param == *name)) {
        let detail = format!("`{name}` has a meaning of its own and can't be a parameter");
        problems.push(SpecProblem { at: "params".to_owned(), detail });
    }
    if let Some(auth) = &spec.auth {
        judge_auth(auth, problems);
    }
    let needed = needed(spec);
    let mut known = Known { params: spec.params.clone(), taken: BTreeMap::new() };
    let mut before = Vec::new();
    for (number, step) in spec.before.iter().enumerate() {
        let prefix = format!("before[{number}].");
        let mut problem = |at: &str, detail: &str| {
            problems.push(SpecProblem { at: format!("{prefix}{at}"), detail: detail.to_owned() });
        };
        if !is_name(&step.id) || RESERVED.contains(&step.id.as_str()) || known.params.contains(&step.id) {
            problem("id", "a step is named by a-z, 0-9 and `_`, and not as a parameter or as page, cursor, subject, …");
        }
        if known.taken.contains_key(&step.id) {
            problem("id", "is there twice");
        }
        if step.max == 0 {
            problem("max", "at least 1");
        }
        for name in step.take.keys().filter(|name| !is_name(name)) {
            problem(&format!("take.{name}"), "a value is named by a-z, 0-9 and `_`");
        }
        let stands = Stands {
            step: number,
            prefix: prefix.clone(),
            request: &step.request,
            pages: step.pages.as_ref(),
            known: &known,
        };
        let requests = Requests::compile(&stands, problems);
        let tables = Tables {
            prefix,
            pages: step.pages.as_ref(),
            answer: &step.answer,
            step: Some(step),
            facts: &[],
            known: &known,
            needed: needed.iter().filter(|(id, _)| *id == step.id).map(|(_, name)| name.clone()).collect(),
        };
        let reading = Answers::compile(&tables, problems);
        known.taken.insert(step.id.clone(), step.take.keys().cloned().collect());
        if let (Some(requests), Some(reading)) = (requests, reading) {
            before.push(Step {
                id: step.id.clone(),
                requests,
                reading,
                answer: step.answer.clone(),
                pages: step.pages.clone(),
                first: step.first,
                max: step.max,
            });
        }
    }
    let number = spec.before.len();
    let stands = Stands {
        step: number,
        prefix: String::new(),
        request: &spec.request,
        pages: spec.pages.as_ref(),
        known: &known,
    };
    let requests = Requests::compile(&stands, problems);
    let tables = Tables {
        prefix: String::new(),
        pages: spec.pages.as_ref(),
        answer: &spec.answer,
        step: None,
        facts: &spec.facts,
        known: &known,
        needed: BTreeSet::new(),
    };
    let reading = Answers::compile(&tables, problems);
    let main = Step {
        id: String::new(),
        requests: requests?,
        reading: reading?,
        answer: spec.answer.clone(),
        pages: spec.pages.clone(),
        first: false,
        max: u32::MAX,
    };
    (before.len() == number).then_some((before, main))
}

/// The values of steps that requests behind them can't do without, as (step, name).
fn needed(spec: &SourceSpec) -> BTreeSet<(String, String)> {
    let requests = spec.before.iter().map(|step| &step.request).chain([&spec.request]);
    requests.flat_map(Requests::needs).collect()
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

fn judge_auth(auth: &AuthSpec, problems: &mut Vec<SpecProblem>) {
    let basic = [("user", &auth.user), ("password", &auth.password)];
    let oauth = [
        ("token_url", &auth.token_url),
        ("client_id", &auth.client_id),
        ("client_secret", &auth.client_secret),
        ("scope", &auth.scope),
        ("audience", &auth.audience),
    ];
    let mut problem = |at: &str, detail: &str| {
        problems.push(SpecProblem { at: format!("auth.{at}"), detail: detail.to_owned() });
    };
    let (needed, other): (&[&str], &[_]) = match auth.kind {
        AuthKind::Basic => (&["user"], &oauth),
        AuthKind::Oauth2 => (&["token_url", "client_id", "client_secret"], &basic),
    };
    for (name, _) in other.iter().filter(|(_, value)| value.is_some()) {
        problem(name, "belongs to another `type`");
    }
    for (name, value) in basic.iter().chain(&oauth) {
        if needed.contains(name) && value.is_none() {
            problem(name, "is needed for this `type`");
        }
        let secret = matches!(*name, "password" | "client_secret");
        if secret && value.as_ref().is_some_and(|text| !text.is_empty() && !super::links::names_secret(text)) {
            problem(name, "is never written out: `env:NAME`, or `${NAME}` of a variable of the environment");
        }
    }
    if let Some(url) = &auth.token_url
        && let Err(detail) = super::links::literal_host(url)
    {
        problem("token_url", &detail);
    }
}
