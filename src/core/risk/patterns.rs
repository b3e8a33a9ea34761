//! Regular expressions, compiled with the rule: a wrong one is refused with the file, and none is compiled for each fact.
//!
//! `x.matches("…")` is rewritten to `x in @pattern0`, a variable that holds the compiled expression. CEL's own `matches`
//! compiles its pattern each time, which costs a hundred times the match.

use super::missing::literal_text;
use cel::common::ast::{CallExpr, Expr, operators};
use cel::common::traits::Container;
use cel::common::types::{CelString, Type};
use cel::common::value::Val;
use cel::{Context, ExecutionError, IdedExpr};
use regex::{Regex, RegexBuilder};

/// A compiled expression may take this much memory, in bytes.
const MAX_SIZE: usize = 1 << 20;

static PATTERN: Type = Type::new_unspecified_type("pattern");

/// The patterns of one rule, by number.
#[derive(Debug, Default)]
pub(super) struct Patterns(Vec<Regex>);

impl Patterns {
    /// Takes the patterns out of `expr`. What is wrong with them is added to `problems`.
    pub(super) fn take(&mut self, expr: &mut IdedExpr, problems: &mut Vec<String>) {
        match &mut expr.expr {
            Expr::Call(call) => {
                for part in call.target.as_deref_mut().into_iter().chain(&mut call.args) {
                    self.take(part, problems);
                }
                if call.func_name == "matches" {
                    self.replace(call, problems);
                }
            }
            Expr::Select(select) => self.take(&mut select.operand, problems),
            Expr::List(list) => list.elements.iter_mut().for_each(|element| self.take(element, problems)),
            Expr::Comprehension(comprehension) => {
                self.take(&mut comprehension.iter_range, problems);
                self.take(&mut comprehension.loop_step, problems);
            }
            Expr::Ident(_) | Expr::Literal(_) | Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => {}
        }
    }

    fn replace(&mut self, call: &mut CallExpr, problems: &mut Vec<String>) {
        let mut parts: Vec<IdedExpr> =
            call.target.take().map(|target| *target).into_iter().chain(std::mem::take(&mut call.args)).collect();
        let [_, pattern] = parts.as_mut_slice() else {
            problems.push("matches takes a text and a pattern".to_owned());
            return;
        };
        let Some(source) = literal_text(pattern) else {
            problems.push("the pattern of matches must be written out".to_owned());
            return;
        };
        match RegexBuilder::new(source).size_limit(MAX_SIZE).build() {
            Ok(regex) => {
                pattern.expr = Expr::Ident(name(self.0.len()));
                self.0.push(regex);
            }
            Err(error) => problems.push(format!("not a regular expression: {error}")),
        }
        operators::IN.clone_into(&mut call.func_name);
        call.args = parts;
    }

    /// Makes the patterns known to an evaluation.
    pub(super) fn bind<'v>(&'v self, context: &mut Context<'_, 'v>) {
        for (index, regex) in self.0.iter().enumerate() {
            context.add_variable_as_val(name(index), Box::new(Pattern(regex)));
        }
    }
}

/// No name that can be written in CEL.
fn name(index: usize) -> String {
    format!("@pattern{index}")
}

#[derive(Debug, Clone, Copy)]
struct Pattern<'r>(&'r Regex);

impl Val for Pattern<'_> {
    fn get_type(&self) -> &Type {
        &PATTERN
    }

    fn cel_type() -> &'static Type {
        &PATTERN
    }

    fn as_container(&self) -> Option<&dyn Container> {
        Some(self)
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v>
    where
        Self: 'v,
    {
        Box::new(*self)
    }
}

impl Container for Pattern<'_> {
    fn contains(&self, value: &dyn Val) -> Result<bool, ExecutionError> {
        let text = value.downcast_ref::<CelString>().ok_or_else(|| ExecutionError::UnexpectedType {
            got: value.get_type().name().to_owned(),
            want: "string".to_owned(),
        })?;
        Ok(self.0.is_match(text.inner()))
    }
}
