//! From `risk.toml` to rules that can be evaluated, or to all that is wrong with it.

use super::INCOMPLETE;
use super::analysis::{Analysis, Kinds, analyse, conditions_on_facts, kinds_of};
use super::patterns::Patterns;
use super::{functions, missing};
use crate::core::policy::{LevelSpec, Points, RiskSpec, RuleSpec};
use cel::common::ast::SourceInfo;
use cel::{Env, IdedExpr};
use mirano_schemas::{Severity, base32};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The largest number of points of one match or cap: sums of them can't overflow.
pub(super) const MAX_POINTS: i64 = 1_000_000;

/// Counts changes of what the same rules give, so that a state from before such a change is recomputed.
const SEMANTICS: u32 = 1;

/// Something wrong with a risk file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{at}: {detail}")]
pub struct RiskProblem {
    /// The rule's id; empty where no rule is meant.
    pub rule: String,
    /// What is wrong, and what to do.
    pub detail: String,
    /// Where, as a path in the file: `rule[2].when`, `levels[0].from`. See [`super::line_of`].
    pub at: String,
}

/// A compiled risk file.
pub struct Rules {
    pub(super) env: Arc<Env>,
    pub(super) rules: Vec<Rule>,
    pub(super) levels: Vec<LevelSpec>,
    pub(super) ruleset: String,
    pub(super) digest: String,
}

#[derive(Debug)]
pub(super) struct Rule {
    pub id: String,
    pub when: IdedExpr,
    pub points: RulePoints,
    pub cap: Option<i64>,
    pub severity: Severity,
    pub stop: bool,
    pub needs: Vec<String>,
    pub allow_name_match: bool,
    /// Kinds of facts that can change what it finds.
    pub kinds: Kinds,
    /// The attributes that it reads, with the kinds of which it does.
    pub reads: Vec<(Kinds, String)>,
    /// Whether it compares with `as_of`.
    pub as_of: bool,
    /// Of a rule over all facts: what makes a fact one that the rule rests on.
    pub over_all: Option<Vec<(String, IdedExpr)>>,
    pub patterns: Patterns,
}

#[derive(Debug)]
pub(super) enum RulePoints {
    Fixed(i64),
    Expression(IdedExpr),
}

impl Rule {
    /// Whether a fact of this kind can change what it finds.
    pub(super) fn touches(&self, kind: &str) -> bool {
        self.kinds.as_ref().is_none_or(|kinds| kinds.contains(kind))
    }
}

impl std::fmt::Debug for Rules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rules").field("ruleset", &self.ruleset).field("digest", &self.digest).finish_non_exhaustive()
    }
}

impl Rules {
    /// The name that the file gives to its rules.
    pub fn ruleset(&self) -> &str {
        &self.ruleset
    }

    /// Names the rules by their content: the same file, the same digest.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The sources that rules need, for a check that there are such.
    pub fn needs(&self) -> BTreeSet<&str> {
        self.rules.iter().flat_map(|rule| rule.needs.iter().map(String::as_str)).collect()
    }

    /// The kinds that rules look for, each with these rules' ids.
    pub fn kinds(&self) -> BTreeMap<&str, Vec<&str>> {
        let mut kinds: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for rule in &self.rules {
            for kind in rule.kinds.iter().flatten() {
                kinds.entry(kind).or_default().push(&rule.id);
            }
        }
        kinds
    }

    /// The attributes that rules read, each with the kinds of facts of which it does (none: of any) and the rule's id.
    pub fn reads(&self) -> impl Iterator<Item = (Option<&BTreeSet<String>>, &str, &str)> {
        self.rules
            .iter()
            .flat_map(|rule| rule.reads.iter().map(|(kinds, name)| (kinds.as_ref(), name.as_str(), rule.id.as_str())))
    }

    /// The ids of the rules that a fact of this kind can touch, in the file's order.
    pub fn touched_by<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a str> {
        self.rules.iter().filter(move |rule| rule.touches(kind)).map(|rule| rule.id.as_str())
    }
}

/// Compiles a risk file. `volatile` names the attributes, as (kind, attribute), that rules may not read.
///
/// A wholly empty file is right, and says nothing: no points, and the level is always `incomplete`.
pub fn compile(spec: &RiskSpec, volatile: &BTreeSet<(String, String)>) -> Result<Rules, Vec<RiskProblem>> {
    let mut problems = Vec::new();
    let env = match functions::environment() {
        Ok(env) => env,
        Err(error) => {
            let detail = format!("the expression language can't be set up: {error}");
            return Err(vec![RiskProblem { rule: String::new(), detail, at: String::new() }]);
        }
    };
    if *spec != RiskSpec::default() {
        levels(&spec.levels, &mut problems);
    }
    let mut ids = BTreeSet::new();
    let mut rules = Vec::with_capacity(spec.rules.len());
    for (index, rule) in spec.rules.iter().enumerate() {
        let mut check = Check { env: &env, volatile, spec: rule, index, problems: &mut problems };
        if !ids.insert(rule.id.as_str()) {
            check.problem("id", "another rule has this id");
        }
        rules.extend(check.rule());
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let digest = digest(spec);
    Ok(Rules { env: Arc::new(env), rules, levels: spec.levels.clone(), ruleset: spec.ruleset.clone(), digest })
}

fn digest(spec: &RiskSpec) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("mirano 2026 risk rules v1");
    hasher.update(&SEMANTICS.to_le_bytes());
    hasher.update(&serde_json::to_vec(spec).unwrap_or_default());
    let hash = hasher.finalize();
    base32(hash.as_bytes().first_chunk::<16>().map_or(&[], |chunk| chunk.as_slice()))
}

fn levels(levels: &[LevelSpec], problems: &mut Vec<RiskProblem>) {
    let mut problem = |at: String, detail: &str| {
        problems.push(RiskProblem { rule: String::new(), detail: detail.to_owned(), at });
    };
    if levels.is_empty() {
        problem("levels".to_owned(), "there are no levels; write at least [[levels]] id = \"low\" from = 0");
    }
    let mut before: Option<i64> = None;
    let mut ids = BTreeSet::new();
    for (index, level) in levels.iter().enumerate() {
        match before {
            None if level.from != 0 => problem(format!("levels[{index}].from"), "the first level must begin at 0"),
            Some(before) if level.from <= before => {
                problem(
                    format!("levels[{index}].from"),
                    "levels must ascend: this begins where an earlier one does, or before",
                );
            }
            _ if !(0..=100).contains(&level.from) => {
                problem(format!("levels[{index}].from"), "a score is 0 to 100; no level can begin outside of that");
            }
            _ => {}
        }
        before = Some(level.from);
        if level.id.is_empty() {
            problem(format!("levels[{index}].id"), "a level needs an id");
        } else if level.id == INCOMPLETE {
            problem(format!("levels[{index}].id"), "incomplete is the level of what is not known; name this otherwise");
        } else if !ids.insert(&level.id) {
            problem(format!("levels[{index}].id"), "another level has this id");
        }
    }
}

/// Checks one rule.
struct Check<'a> {
    env: &'a Env,
    volatile: &'a BTreeSet<(String, String)>,
    spec: &'a RuleSpec,
    index: usize,
    problems: &'a mut Vec<RiskProblem>,
}

impl Check<'_> {
    fn problem(&mut self, field: &str, detail: impl Into<String>) {
        let (rule, at) = (self.spec.id.clone(), format!("rule[{}].{field}", self.index));
        self.problems.push(RiskProblem { rule, detail: detail.into(), at });
    }

    fn rule(&mut self) -> Option<Rule> {
        let spec = self.spec;
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
        if spec.id.is_empty() || !spec.id.chars().all(plain) {
            self.problem("id", "a rule's id is made of a-z, 0-9, '.', '_' and '-'");
        }
        if spec.cap.is_some_and(|cap| !(0..=MAX_POINTS).contains(&cap)) {
            self.problem("cap", format!("a cap is 0 to {MAX_POINTS}"));
        }
        let (mut when, found) = self.expression("when", &spec.when, None)?;
        let over_all = match (found.per_fact, found.over_all) {
            (true, false) => false,
            (false, true) => true,
            (true, true) => {
                self.problem("when", "a rule is over fact (each one) or over facts (all of them), not over both");
                return None;
            }
            (false, false) => {
                self.problem("when", "a rule must look at fact or at facts");
                return None;
            }
        };
        let mut patterns = Patterns::default();
        let (mut as_of, mut reads) = (found.as_of, found.reads.clone());
        let mut kinds = if over_all { touched(&found) } else { kinds_of(&when, "fact") };
        let points = match &spec.points {
            Points::Fixed(points) => {
                if !(0..=MAX_POINTS).contains(points) {
                    self.problem(
                        "points",
                        format!("points are 0 to {MAX_POINTS}: less would make the score an upper bound"),
                    );
                }
                RulePoints::Fixed(*points)
            }
            Points::Expression(source) => {
                let (mut points, found) =
                    self.expression("points", source, if over_all { None } else { kinds.clone() })?;
                if found.per_fact && over_all || found.over_all && !over_all {
                    self.problem("points", "the condition and the points must both be over fact, or both over facts");
                }
                if found.over_all {
                    kinds = union(kinds, touched(&found));
                }
                as_of |= found.as_of;
                reads.extend(found.reads);
                self.take("points", &mut patterns, &mut points);
                missing::tolerate(&mut points);
                RulePoints::Expression(points)
            }
        };
        self.take("when", &mut patterns, &mut when);
        missing::tolerate(&mut when);
        Some(Rule {
            id: spec.id.clone(),
            over_all: over_all.then(|| conditions_on_facts(&when)),
            when,
            points,
            cap: spec.cap,
            severity: spec.severity,
            stop: spec.stop,
            needs: spec.needs.clone(),
            allow_name_match: spec.allow_name_match,
            kinds,
            reads,
            as_of,
            patterns,
        })
    }

    fn take(&mut self, field: &str, patterns: &mut Patterns, expr: &mut IdedExpr) {
        let mut problems = Vec::new();
        patterns.take(expr, &mut problems);
        problems.into_iter().for_each(|detail| self.problem(field, detail));
    }

    fn expression(&mut self, field: &str, source: &str, fact_kinds: Kinds) -> Option<(IdedExpr, Analysis)> {
        match expression(self.env, source, fact_kinds, self.volatile) {
            Ok(parsed) => Some(parsed),
            Err(problems) => {
                problems.into_iter().for_each(|detail| self.problem(field, detail));
                None
            }
        }
    }
}

/// Parses and looks through an expression; or tells all that is wrong with it.
pub(super) fn expression(
    env: &Env,
    source: &str,
    fact_kinds: Kinds,
    volatile: &BTreeSet<(String, String)>,
) -> Result<(IdedExpr, Analysis), Vec<String>> {
    let (expr, info) = env.parser().parse_with_source_info(source).map_err(|errors| {
        let told = errors.errors.into_iter().map(|error| {
            let (line, column) = error.pos;
            format!("line {line}, column {column} of the expression: {}", error.msg)
        });
        told.collect::<Vec<_>>()
    })?;
    let analysis = analyse(&expr, fact_kinds);
    let not_allowed = analysis.problems.iter().map(|(node, detail)| format!("{}{detail}", place(&info, *node)));
    let read = analysis.reads.iter().filter_map(|(kinds, attribute)| {
        let (kind, name) = volatile
            .iter()
            .find(|(kind, name)| name == attribute && kinds.as_ref().is_none_or(|kinds| kinds.contains(kind)))?;
        Some(format!("{name} of {kind} is volatile: it changes without being news, so no rule may read it"))
    });
    let problems: Vec<String> = not_allowed.chain(read).collect();
    if problems.is_empty() { Ok((expr, analysis)) } else { Err(problems) }
}

fn place(info: &SourceInfo, node: u64) -> String {
    let Some((start, _)) = info.offset_for(node) else { return String::new() };
    format!("at {:?}: ", info.source.chars().skip(start as usize).take(24).collect::<String>())
}

fn touched(analysis: &Analysis) -> Kinds {
    (!analysis.touched_by_any).then(|| analysis.touched.clone())
}

fn union(a: Kinds, b: Kinds) -> Kinds {
    let (mut a, b) = (a?, b?);
    a.extend(b);
    Some(a)
}
