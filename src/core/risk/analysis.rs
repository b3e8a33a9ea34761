//! What an expression reads, seen from its syntax tree: over `fact` or over `facts`, which kinds it can touch, which
//! attributes of which kinds it reads, and what in it is not allowed.

use super::functions::CALLABLE;
use super::missing::{condition, fact_part, literal_text};
use super::value::{ATTRS, EXACT, RESERVED};
use cel::IdedExpr;
use cel::common::ast::{CallExpr, ComprehensionExpr, Expr, operators};
use std::collections::{BTreeMap, BTreeSet};

/// Fact kinds; `None`: any.
pub(super) type Kinds = Option<BTreeSet<String>>;

/// The deepest nesting of comprehensions; each level costs a factor of the number of facts.
const MAX_NESTING: usize = 2;

const OPERATORS: [&str; 18] = [
    operators::CONDITIONAL,
    operators::LOGICAL_AND,
    operators::LOGICAL_OR,
    operators::LOGICAL_NOT,
    operators::SUBSTRACT,
    operators::ADD,
    operators::MULTIPLY,
    operators::DIVIDE,
    operators::MODULO,
    operators::EQUALS,
    operators::NOT_EQUALS,
    operators::GREATER_EQUALS,
    operators::LESS_EQUALS,
    operators::GREATER,
    operators::LESS,
    operators::NEGATE,
    operators::INDEX,
    operators::IN,
];

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Analysis {
    /// Reads `fact`.
    pub per_fact: bool,
    /// Reads `facts`.
    pub over_all: bool,
    /// Reads `as_of`.
    pub as_of: bool,
    /// Attributes with the kinds of which they are read.
    pub reads: Vec<(Kinds, String)>,
    /// Kinds of facts that can change what it gives, by way of `facts`.
    pub touched: BTreeSet<String>,
    /// `facts` is read in a way that any fact can change.
    pub touched_by_any: bool,
    /// What is not allowed, each with the id of its node.
    pub problems: Vec<(u64, String)>,
}

/// Looks through an expression, before [`super::missing::tolerate`] rewrites it. `fact` is of one of `kinds`.
pub(super) fn analyse(expr: &IdedExpr, kinds: Kinds) -> Analysis {
    let mut analysis = Analysis::default();
    let scope = Scope { kinds: BTreeMap::from([("fact".to_owned(), kinds)]), locals: BTreeSet::new(), nesting: 0 };
    analysis.walk(expr, &scope);
    analysis
}

/// Kinds that the fact in `variable` must have for `expr` to be true.
pub(super) fn kinds_of(expr: &IdedExpr, variable: &str) -> Kinds {
    let Expr::Call(call) = &expr.expr else { return None };
    let [a, b] = call.args.as_slice() else { return None };
    match call.func_name.as_str() {
        operators::EQUALS => {
            let literal =
                if is_kind(a, variable) { literal_text(b) } else { is_kind(b, variable).then(|| literal_text(a))? };
            literal.map(|kind| BTreeSet::from([kind.to_owned()]))
        }
        operators::IN if is_kind(a, variable) => match &b.expr {
            Expr::List(list) => list.elements.iter().map(|kind| literal_text(kind).map(str::to_owned)).collect(),
            _ => None,
        },
        operators::LOGICAL_AND => both(kinds_of(a, variable), kinds_of(b, variable)),
        operators::LOGICAL_OR => {
            let (mut a, b) = (kinds_of(a, variable)?, kinds_of(b, variable)?);
            a.extend(b);
            Some(a)
        }
        _ => None,
    }
}

fn is_kind(expr: &IdedExpr, variable: &str) -> bool {
    matches!(&expr.expr, Expr::Select(select) if !select.test && select.field == "kind"
        && matches!(&select.operand.expr, Expr::Ident(name) if name == variable))
}

fn both(a: Kinds, b: Kinds) -> Kinds {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.intersection(&b).cloned().collect()),
        (a, None) => a,
        (None, b) => b,
    }
}

/// Kinds of the elements of a comprehension's range: those of `facts`, narrowed by each `filter`.
fn kinds_in_range(range: &IdedExpr) -> Kinds {
    match &range.expr {
        Expr::Comprehension(inner) if is_filter(inner) => {
            let narrowed = condition(inner).and_then(|condition| kinds_of(condition, &inner.iter_var));
            both(kinds_in_range(&inner.iter_range), narrowed)
        }
        _ => None,
    }
}

/// Whether the result holds elements of the range itself.
fn is_filter(comprehension: &ComprehensionExpr) -> bool {
    let Expr::Call(step) = &comprehension.loop_step.expr else { return false };
    let [_, taken, _] = step.args.as_slice() else { return false };
    let Expr::Call(taken) = &taken.expr else { return false };
    let Some(Expr::List(list)) = taken.args.get(1).map(|arg| &arg.expr) else { return false };
    step.func_name == operators::CONDITIONAL
        && matches!(list.elements.as_slice(), [IdedExpr { expr: Expr::Ident(name), .. }]
            if *name == comprehension.iter_var)
}

/// Conditions on `facts` itself, each with its variable: the facts that satisfy one are what a rule rests on.
pub(super) fn conditions_on_facts(expr: &IdedExpr) -> Vec<(String, IdedExpr)> {
    let mut found = Vec::new();
    collect_conditions(expr, &mut found);
    found
}

fn collect_conditions(expr: &IdedExpr, found: &mut Vec<(String, IdedExpr)>) {
    match &expr.expr {
        Expr::Comprehension(comprehension) => {
            let of_facts = matches!(&comprehension.iter_range.expr, Expr::Ident(name) if name == "facts");
            if of_facts && let Some(condition) = condition(comprehension) {
                found.push((comprehension.iter_var.clone(), condition.clone()));
            }
            collect_conditions(&comprehension.iter_range, found);
        }
        Expr::Call(call) => {
            call.target.as_deref().into_iter().chain(&call.args).for_each(|part| collect_conditions(part, found));
        }
        Expr::Select(select) => collect_conditions(&select.operand, found),
        Expr::List(list) => list.elements.iter().for_each(|element| collect_conditions(element, found)),
        Expr::Ident(_) | Expr::Literal(_) | Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => {}
    }
}

#[derive(Clone)]
struct Scope {
    /// What is known of the kinds of facts in variables.
    kinds: BTreeMap<String, Kinds>,
    /// Variables of comprehensions.
    locals: BTreeSet<String>,
    nesting: usize,
}

impl Scope {
    /// Where `condition` holds.
    fn narrowed(&self, condition: &IdedExpr) -> Self {
        let mut scope = self.clone();
        for (variable, kinds) in &mut scope.kinds {
            *kinds = both(kinds.take(), kinds_of(condition, variable));
        }
        scope
    }
}

impl Analysis {
    fn problem(&mut self, expr: &IdedExpr, detail: impl Into<String>) {
        self.problems.push((expr.id, detail.into()));
    }

    fn walk(&mut self, expr: &IdedExpr, scope: &Scope) {
        match &expr.expr {
            Expr::Ident(name) => self.ident(expr, name, scope),
            Expr::Literal(_) => {}
            Expr::Select(select) => {
                self.read(&select.operand, &select.field, scope);
                self.walk(&select.operand, scope);
            }
            Expr::Call(call) => self.call(expr, call, scope),
            Expr::List(list) => list.elements.iter().for_each(|element| self.walk(element, scope)),
            Expr::Comprehension(comprehension) => self.comprehension(expr, comprehension, scope),
            Expr::Map(_) => self.problem(expr, "maps are not allowed here; write a ? b : c"),
            Expr::Struct(_) | Expr::Unspecified => self.problem(expr, "structures are not allowed here"),
        }
    }

    fn ident(&mut self, expr: &IdedExpr, name: &str, scope: &Scope) {
        if scope.locals.contains(name) || name.starts_with('@') {
            return;
        }
        match name {
            "fact" => self.per_fact = true,
            "facts" => {
                self.over_all = true;
                self.touched_by_any = true;
            }
            "as_of" => self.as_of = true,
            _ => self.problem(expr, format!("unknown variable {name}; there are fact, facts and as_of")),
        }
    }

    /// `operand.field`, or `operand["field"]`.
    fn read(&mut self, operand: &IdedExpr, field: &str, scope: &Scope) {
        let (kinds, reserved) = match fact_part(operand) {
            Some((variable, part)) => {
                (scope.kinds.get(&variable).cloned().flatten(), part.is_none() && RESERVED.contains(&field))
            }
            None => (None, RESERVED.contains(&field) && field != ATTRS && field != EXACT),
        };
        if !reserved {
            self.reads.push((kinds, field.to_owned()));
        }
    }

    fn call(&mut self, expr: &IdedExpr, call: &CallExpr, scope: &Scope) {
        let name = call.func_name.as_str();
        if !OPERATORS.contains(&name) && !CALLABLE.contains(&name) && name != operators::NOT_STRICTLY_FALSE {
            self.problem(expr, format!("unknown function {name}; there are {}", CALLABLE.join(", ")));
        }
        if name == operators::INDEX
            && let [operand, index] = call.args.as_slice()
        {
            match (literal_text(index), fact_part(operand)) {
                (Some(field), _) => self.read(operand, field, scope),
                (None, Some((variable, part))) if part.is_some() || variable == "fact" => {
                    self.problem(expr, "the name of an attribute must be written out");
                }
                _ => {}
            }
        }
        let narrowed = match name {
            operators::LOGICAL_AND => Some(scope.narrowed(expr)),
            _ => None,
        };
        let inner = narrowed.as_ref().unwrap_or(scope);
        if let (operators::CONDITIONAL, [condition, then, otherwise]) = (name, call.args.as_slice()) {
            self.walk(condition, scope);
            self.walk(then, &scope.narrowed(condition));
            self.walk(otherwise, scope);
            return;
        }
        for part in call.target.as_deref().into_iter().chain(&call.args) {
            self.walk(part, inner);
        }
    }

    fn comprehension(&mut self, expr: &IdedExpr, comprehension: &ComprehensionExpr, scope: &Scope) {
        if scope.nesting == MAX_NESTING {
            self.problem(expr, format!("comprehensions may be nested {MAX_NESTING} deep"));
            return;
        }
        let variable = &comprehension.iter_var;
        if ["fact", "facts", "as_of"].contains(&variable.as_str()) {
            self.problem(expr, format!("{variable} has a meaning already; name the variable otherwise"));
        }
        if matches!(&comprehension.iter_range.expr, Expr::Ident(name) if name == "facts")
            && !scope.locals.contains("facts")
        {
            self.over_all = true;
            match self.touching(comprehension) {
                Some(kinds) => self.touched.extend(kinds),
                None => self.touched_by_any = true,
            }
        } else {
            self.walk(&comprehension.iter_range, scope);
        }
        let mut inner = scope.clone();
        inner.nesting += 1;
        inner.locals.insert(variable.clone());
        inner.kinds.insert(variable.clone(), kinds_in_range(&comprehension.iter_range));
        for part in [&comprehension.accu_init, &comprehension.loop_cond, &comprehension.result] {
            self.walk(part, &inner);
        }
        self.walk(&comprehension.loop_step, &inner);
    }

    /// Kinds of facts that can change what a comprehension over `facts` gives: those that its condition lets through.
    /// `all` is changed by those that its condition does not let through, and `map` by any.
    fn touching(&self, comprehension: &ComprehensionExpr) -> Kinds {
        let Expr::Call(step) = &comprehension.loop_step.expr else { return None };
        if step.func_name == operators::LOGICAL_AND {
            return None;
        }
        kinds_of(condition(comprehension)?, &comprehension.iter_var)
    }
}
