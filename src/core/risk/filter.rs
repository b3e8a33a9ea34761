//! A condition on one fact, as a profile's `where` has it: the language of risk rules, without a date.

use super::compile::expression;
use super::evaluate::{holds, message};
use super::functions;
use super::patterns::Patterns;
use super::value::FactVal;
use cel::{Context, Env, ExecutionError, IdedExpr};
use mirano_schemas::Fact;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A compiled condition on `fact`.
pub struct FactFilter {
    env: Arc<Env>,
    condition: IdedExpr,
    patterns: Patterns,
}

impl std::fmt::Debug for FactFilter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FactFilter").finish_non_exhaustive()
    }
}

impl FactFilter {
    /// Compiles a condition, or tells all that is wrong with it. `volatile` names the (kind, attribute) it may not read.
    pub fn compile(source: &str, volatile: &BTreeSet<(String, String)>) -> Result<Self, Vec<String>> {
        let env = functions::environment().map_err(|error| vec![error.to_string()])?;
        let (mut condition, found) = expression(&env, source, None, volatile)?;
        if !found.per_fact || found.over_all || found.as_of {
            return Err(vec!["a condition must look at fact, and at nothing else".to_owned()]);
        }
        let (mut patterns, mut problems) = (Patterns::default(), Vec::new());
        patterns.take(&mut condition, &mut problems);
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self { env: Arc::new(env), condition, patterns })
    }

    /// Whether it holds; a missing attribute is no match. The error holds no value of the fact.
    pub fn lets_through(&self, fact: &Fact) -> Result<bool, String> {
        let mut context = Context::with_env(Arc::clone(&self.env));
        context.add_variable_as_val("fact", Box::new(FactVal::new(fact)));
        self.patterns.bind(&mut context);
        match holds(&self.condition, &context) {
            Err(ExecutionError::NoSuchKey(_)) => Ok(false),
            other => other.map_err(|error| message(&error)),
        }
    }
}
