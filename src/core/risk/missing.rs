//! A missing attribute inside a rule over all facts: the fact does not match, instead of the whole rule failing.
//!
//! CEL says that `facts.exists(f, f.sum > 10.0)` is an error as soon as one fact has no `sum`. So each condition of a
//! comprehension is rewritten to "is certainly true", in Kleene's three values: a comparison that reads an attribute
//! which is not there is neither true nor false, and `!` of it is not true either.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, ComprehensionExpr, Expr, LiteralValue, SelectExpr, operators};
use std::collections::BTreeSet;

use super::value::{ATTRS, EXACT, RESERVED};

/// The condition of a comprehension, when it is one of `filter`, `exists`, `exists_one`, `map` with a condition, `all`.
pub(super) fn condition(comprehension: &ComprehensionExpr) -> Option<&IdedExpr> {
    let Expr::Call(call) = &comprehension.loop_step.expr else { return None };
    match (call.func_name.as_str(), call.args.as_slice()) {
        (operators::CONDITIONAL, [condition, _, _]) => Some(condition),
        (operators::LOGICAL_OR | operators::LOGICAL_AND, [_, condition]) => Some(condition),
        _ => None,
    }
}

/// Rewrites every condition in `expr`, the innermost first.
pub(super) fn tolerate(expr: &mut IdedExpr) {
    tolerate_in(expr, &mut Vec::new());
}

fn tolerate_in(expr: &mut IdedExpr, variables: &mut Vec<String>) {
    match &mut expr.expr {
        Expr::Call(call) => {
            for part in call.target.as_deref_mut().into_iter().chain(&mut call.args) {
                tolerate_in(part, variables);
            }
        }
        Expr::Select(select) => tolerate_in(&mut select.operand, variables),
        Expr::List(list) => list.elements.iter_mut().for_each(|element| tolerate_in(element, variables)),
        Expr::Comprehension(comprehension) => {
            tolerate_in(&mut comprehension.iter_range, variables);
            variables.push(comprehension.iter_var.clone());
            tolerate_in(&mut comprehension.loop_step, variables);
            if let Expr::Call(step) = &mut comprehension.loop_step.expr {
                let at = usize::from(step.func_name != operators::CONDITIONAL);
                if step.func_name != operators::ADD
                    && let Some(condition) = step.args.get_mut(at)
                {
                    *condition = certainly(std::mem::take(condition), true, variables);
                }
            }
            variables.pop();
        }
        Expr::Ident(_) | Expr::Literal(_) | Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => {}
    }
}

/// An expression that is true exactly when `expr` is certainly `wanted`.
fn certainly(expr: IdedExpr, wanted: bool, variables: &[String]) -> IdedExpr {
    let IdedExpr { id, expr } = expr;
    let call = match expr {
        Expr::Call(call) => call,
        other => return atom(IdedExpr { id, expr: other }, wanted, variables),
    };
    let arguments = call.args.len();
    let joined = match (call.func_name.as_str(), arguments) {
        (operators::LOGICAL_NOT, 1) => {
            let inner = call.args.into_iter().next().unwrap_or_default();
            return certainly(inner, !wanted, variables);
        }
        (operators::LOGICAL_AND, 2) => wanted,
        (operators::LOGICAL_OR, 2) => !wanted,
        _ => return atom(IdedExpr { id, expr: Expr::Call(call) }, wanted, variables),
    };
    let func_name = if joined { operators::LOGICAL_AND } else { operators::LOGICAL_OR };
    let args = call.args.into_iter().map(|part| certainly(part, wanted, variables)).collect();
    IdedExpr { id, expr: Expr::Call(CallExpr { func_name: func_name.to_owned(), target: None, args }) }
}

fn atom(expr: IdedExpr, wanted: bool, variables: &[String]) -> IdedExpr {
    let id = expr.id;
    let mut reads = BTreeSet::new();
    collect(&expr, variables, &mut reads);
    let call = |func_name: &str, args| IdedExpr {
        id,
        expr: Expr::Call(CallExpr { func_name: func_name.to_owned(), target: None, args }),
    };
    let plain = if wanted { expr } else { call(operators::LOGICAL_NOT, vec![expr]) };
    reads.into_iter().rev().fold(plain, |guarded, (variable, part, field)| {
        let variable = IdedExpr { id, expr: Expr::Ident(variable) };
        let operand = match part {
            None => variable,
            Some(part) => {
                let select = SelectExpr { operand: Box::new(variable), field: part, test: false };
                IdedExpr { id, expr: Expr::Select(select) }
            }
        };
        let has = IdedExpr { id, expr: Expr::Select(SelectExpr { operand: Box::new(operand), field, test: true }) };
        call(operators::LOGICAL_AND, vec![has, guarded])
    })
}

type Read = (String, Option<String>, String);

fn collect(expr: &IdedExpr, variables: &[String], reads: &mut BTreeSet<Read>) {
    match &expr.expr {
        Expr::Select(select) => {
            if !select.test
                && let Some((variable, part)) = fact_part(&select.operand)
            {
                if variables.contains(&variable) && !(part.is_none() && RESERVED.contains(&select.field.as_str())) {
                    reads.insert((variable, part, select.field.clone()));
                }
            } else if !select.test {
                collect(&select.operand, variables, reads);
            }
        }
        Expr::Call(call) => {
            if call.func_name == operators::INDEX
                && let [operand, index] = call.args.as_slice()
                && let Some((variable, part)) = fact_part(operand)
                && let Some(field) = literal_text(index)
                && variables.contains(&variable)
                && !(part.is_none() && RESERVED.contains(&field))
            {
                reads.insert((variable, part, field.to_owned()));
            }
            for part in call.target.as_deref().into_iter().chain(&call.args) {
                collect(part, variables, reads);
            }
        }
        Expr::List(list) => list.elements.iter().for_each(|element| collect(element, variables, reads)),
        // Its conditions are guarded already; what it does with what passed is not, and may read an outer variable.
        Expr::Comprehension(comprehension) => {
            collect(&comprehension.iter_range, variables, reads);
            let outer: Vec<String> =
                variables.iter().filter(|name| **name != comprehension.iter_var).cloned().collect();
            collect(&comprehension.loop_step, &outer, reads);
        }
        Expr::Ident(_) | Expr::Literal(_) | Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => {}
    }
}

/// `v` as `(v, None)`, `v.attrs` and `v.exact` as `(v, Some(part))`.
pub(super) fn fact_part(expr: &IdedExpr) -> Option<(String, Option<String>)> {
    match &expr.expr {
        Expr::Ident(name) => Some((name.clone(), None)),
        Expr::Select(select) if !select.test && (select.field == ATTRS || select.field == EXACT) => {
            match &select.operand.expr {
                Expr::Ident(name) => Some((name.clone(), Some(select.field.clone()))),
                _ => None,
            }
        }
        _ => None,
    }
}

/// The text of a string literal.
pub(super) fn literal_text(expr: &IdedExpr) -> Option<&str> {
    match &expr.expr {
        Expr::Literal(LiteralValue::String(text)) => Some(text.inner()),
        _ => None,
    }
}
