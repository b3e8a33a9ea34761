//! Evaluation: the state of each rule after facts came and went, at the cost of the rules they can touch.

use super::compile::{MAX_POINTS, Rule, RulePoints, Rules};
use super::functions::{OWN, number};
use super::value::FactVal;
use cel::common::types::{CelBool, CelList, CelString};
use cel::common::value::Val;
use cel::{Context, ExecutionError, IdedExpr, Value};
use mirano_schemas::{Fact, FactId, Match, RiskState, RuleState};
use std::cell::OnceCell;
use std::sync::Arc;

/// A fact lent to the rules. Volatile attributes are not in it.
#[derive(Debug, Clone, Copy)]
pub struct FactInput<'f> {
    /// Its id.
    pub fact_id: FactId,
    /// What it says, opened if it was sealed.
    pub fact: &'f Fact,
}

/// A fact that is no longer there.
#[derive(Debug, Clone, Copy)]
pub struct Gone<'f> {
    /// Its id.
    pub fact_id: FactId,
    /// Its kind; where it is not known (erased), every rule over all facts is evaluated.
    pub kind: Option<&'f str>,
}

/// What an update cost.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Evaluation {
    /// Rules that were evaluated, in the file's order.
    pub rules: Vec<String>,
    /// How many expressions ran: one for each rule and fact, and one for each rule over all facts.
    pub expressions: usize,
}

impl Rules {
    /// Brings `state` to the facts as they are after `gone` went and `added` came, on the date `as_of` (`YYYY-MM-DD`).
    ///
    /// `all` lends all facts as they are then, of any order. It is called at most once, and only when a rule over all facts
    /// is touched, or when the state is of other rules or of another date and so must be computed anew. A fact that is there
    /// already may be added again, one that is not there may go.
    pub fn update<'f>(
        &self,
        state: &mut RiskState,
        as_of: &str,
        gone: &[Gone<'_>],
        added: &[FactInput<'f>],
        all: &dyn Fn() -> Vec<FactInput<'f>>,
    ) -> Evaluation {
        let other_rules = state.rules_digest != self.digest;
        let other_date = state.as_of != as_of;
        if other_rules {
            state.rules.clear();
            state.rules_digest.clone_from(&self.digest);
        }
        as_of.clone_into(&mut state.as_of);
        let everything: OnceCell<Vec<FactInput<'f>>> = OnceCell::new();
        let everything = || {
            everything.get_or_init(|| {
                let mut facts = all();
                facts.sort_by_key(|input| input.fact_id);
                facts.dedup_by_key(|input| input.fact_id);
                facts
            })
        };
        let mut evaluation = Evaluation::default();
        for rule in &self.rules {
            let mut found = state.rules.remove(&rule.id).unwrap_or_default();
            let anew = other_rules || (other_date && rule.as_of);
            let run = Run { rules: self, rule, as_of };
            let ran = if let Some(conditions) = &rule.over_all {
                let touched = added.iter().any(|input| rule.touches(&input.fact.kind))
                    || gone.iter().any(|gone| gone.kind.is_none_or(|kind| rule.touches(kind)));
                if anew || touched {
                    found = run.over_all(everything(), conditions);
                    1
                } else {
                    0
                }
            } else if anew {
                found = RuleState::default();
                run.each(&mut found, everything())
            } else {
                gone.iter().for_each(|gone| forget(&mut found, &gone.fact_id));
                run.each(&mut found, added)
            };
            if ran > 0 {
                evaluation.rules.push(rule.id.clone());
                evaluation.expressions += ran;
            }
            if found != RuleState::default() {
                state.rules.insert(rule.id.clone(), found);
            }
        }
        evaluation
    }
}

fn forget(found: &mut RuleState, id: &FactId) {
    found.matched.remove(id);
    found.possible.remove(id);
    found.errors.remove(id);
}

/// One rule on one date.
struct Run<'a> {
    rules: &'a Rules,
    rule: &'a Rule,
    as_of: &'a str,
}

impl<'a> Run<'a> {
    fn context<'v>(&self) -> Context<'v, 'v>
    where
        'a: 'v,
    {
        let mut context = Context::with_env(Arc::clone(&self.rules.env));
        context.add_variable_as_val("as_of", Box::new(CelString::from(self.as_of)));
        self.rule.patterns.bind(&mut context);
        context
    }

    /// Evaluates a rule over each fact; returns on how many.
    fn each<'v>(&self, found: &mut RuleState, facts: &'v [FactInput<'v>]) -> usize
    where
        'a: 'v,
    {
        let mut ran = 0;
        // The fact is all that differs from one to the next.
        let mut context: Context<'v, 'v> = self.context();
        for FactInput { fact_id, fact } in facts {
            if !self.rule.touches(&fact.kind) {
                continue;
            }
            ran += 1;
            forget(found, fact_id);
            context.add_variable_as_val("fact", Box::new(FactVal::new(fact)));
            match holds(&self.rule.when, &context) {
                Ok(false) | Err(ExecutionError::NoSuchKey(_)) => {}
                Ok(true) if fact.matched == Match::Name && !self.rule.allow_name_match => {
                    found.possible.insert(*fact_id);
                }
                Ok(true) => match self.points(&context) {
                    Ok(points) => {
                        found.matched.insert(*fact_id, points);
                    }
                    Err(error) => {
                        found.errors.insert(*fact_id, error);
                    }
                },
                Err(error) => {
                    found.errors.insert(*fact_id, message(&error));
                }
            }
        }
        ran
    }

    /// Evaluates a rule over all facts, which are sorted by id.
    fn over_all<'v>(&self, facts: &'v [FactInput<'v>], conditions: &[(String, IdedExpr)]) -> RuleState
    where
        'a: 'v,
    {
        let mut found = RuleState::default();
        let counted = |input: &&FactInput<'_>| self.rule.allow_name_match || input.fact.matched == Match::Id;
        let list = facts.iter().filter(counted).map(|input| Box::new(FactVal::new(input.fact)) as Box<dyn Val + 'v>);
        let mut context: Context<'v, 'v> = self.context();
        context.add_variable_as_val("facts", Box::new(CelList::from(list.collect::<Vec<_>>())));
        let points = match holds(&self.rule.when, &context) {
            Ok(true) => self.points(&context),
            Ok(false) => return found,
            Err(error) => Err(message(&error)),
        };
        match points {
            Ok(points) => found.whole = Some(points),
            Err(error) => {
                found.whole_error = Some(error);
                return found;
            }
        }
        for input in facts.iter().filter(counted) {
            if self.rests_on(&context, input.fact, conditions) {
                found.matched.insert(input.fact_id, 0);
            }
        }
        found
    }

    fn rests_on<'v>(&self, context: &Context<'_, 'v>, fact: &'v Fact, conditions: &[(String, IdedExpr)]) -> bool {
        if conditions.is_empty() {
            return self.rule.touches(&fact.kind);
        }
        conditions.iter().any(|(variable, condition)| {
            let mut inner = context.new_inner_scope();
            inner.add_variable_as_val(variable, Box::new(FactVal::new(fact)));
            holds(condition, &inner) == Ok(true)
        })
    }

    fn points(&self, context: &Context<'_, '_>) -> Result<i64, String> {
        let expression = match &self.rule.points {
            RulePoints::Fixed(points) => return Ok(*points),
            RulePoints::Expression(expression) => expression,
        };
        let value = Value::resolve_val(expression, context).map_err(|error| message(&error))?;
        let points = number(value.as_ref()).ok_or("the points are not a number")?.round();
        if points < 0.0 {
            return Err("the points are negative".to_owned());
        }
        #[expect(clippy::cast_possible_truncation, reason = "clamped to what fits")]
        #[expect(clippy::cast_precision_loss, reason = "a small constant")]
        Ok(points.min(MAX_POINTS as f64) as i64)
    }
}

pub(super) fn holds(condition: &IdedExpr, context: &Context<'_, '_>) -> Result<bool, ExecutionError> {
    let value = Value::resolve_val(condition, context)?;
    value.downcast_ref::<CelBool>().map(|yes| *yes.inner()).ok_or_else(|| ExecutionError::UnexpectedType {
        got: value.get_type().name().to_owned(),
        want: "bool".to_owned(),
    })
}

/// An error in words that hold no value of any fact: they go into the log, where a person's data is sealed.
pub(super) fn message(error: &ExecutionError) -> String {
    match error {
        ExecutionError::NoSuchKey(name) => format!("the attribute {name} is missing"),
        ExecutionError::NoSuchOverload(overload) => overload.to_string(),
        ExecutionError::UnexpectedType { got, want } => format!("a {got} where a {want} is wanted"),
        // Mirano's own functions say nothing of values; CEL's conversions quote them.
        ExecutionError::FunctionError { function, message } if OWN.contains(&function.as_str()) => {
            format!("{function}: {message}")
        }
        ExecutionError::FunctionError { function, .. } => format!("{function} of such a value"),
        ExecutionError::UndeclaredReference(name) => format!("{name} is not known"),
        ExecutionError::ValuesNotComparable(..) => "values that can't be compared".to_owned(),
        ExecutionError::UnsupportedBinaryOperator(operator, ..) => format!("{operator} of values of these types"),
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => "a division by zero".to_owned(),
        ExecutionError::Overflow(operator, ..) => format!("{operator} overflows"),
        ExecutionError::IndexOutOfBounds(_) => "an index outside of the list".to_owned(),
        _ => "the expression failed".to_owned(),
    }
}
