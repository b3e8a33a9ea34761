//! A fact as CEL sees it: `fact.kind`, `fact.source`, `fact.subject`, `fact.matched`, and its attributes.
//!
//! Text and dates (ISO) are strings, integers int, decimals double, lists lists. An attribute whose name is one of the
//! reserved words is read as `fact.attrs.<name>`; the exact text of a decimal as `fact.exact.<name>`. Nothing can be
//! iterated over but lists, so no result depends on the order of a hash map.

use cel::ExecutionError;
use cel::common::traits::Indexer;
use cel::common::types::{CelBool, CelDouble, CelInt, CelList, CelString, Type};
use cel::common::value::{CowVal, Val};
use mirano_schemas::{Fact, Match, Value};

/// Names that are not attributes.
pub(super) const RESERVED: [&str; 6] = ["kind", "source", "subject", "matched", ATTRS, EXACT];
/// `fact.attrs.<name>`: attributes only.
pub(super) const ATTRS: &str = "attrs";
/// `fact.exact.<name>`: an attribute as its exact text.
pub(super) const EXACT: &str = "exact";

static FACT: Type = Type::new_unspecified_type("fact");

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Whole,
    Attrs,
    Exact,
}

/// A fact, or one of its parts, lent to an expression.
#[derive(Debug, Clone, Copy)]
pub(super) struct FactVal<'f> {
    fact: &'f Fact,
    part: Part,
}

impl<'f> FactVal<'f> {
    pub(super) fn new(fact: &'f Fact) -> Self {
        Self { fact, part: Part::Whole }
    }

    fn named(&self, name: &str) -> Option<Box<dyn Val + 'f>> {
        let fact = self.fact;
        if self.part == Part::Whole {
            match name {
                "kind" => return Some(text(&fact.kind)),
                "source" => return Some(text(&fact.source)),
                "subject" => return Some(text(&fact.subject.0)),
                "matched" => {
                    return Some(text(match fact.matched {
                        Match::Id => "id",
                        Match::Name => "name",
                    }));
                }
                ATTRS => return Some(Box::new(Self { fact, part: Part::Attrs })),
                EXACT => return Some(Box::new(Self { fact, part: Part::Exact })),
                _ => {}
            }
        }
        let attribute = fact.attrs.get(name).or_else(|| fact.identity.get(name))?;
        if self.part == Part::Exact { exact(attribute) } else { value(attribute) }
    }
}

fn text<'f>(text: &'f str) -> Box<dyn Val + 'f> {
    Box::new(CelString::from(text))
}

fn value(attribute: &Value) -> Option<Box<dyn Val + '_>> {
    Some(match attribute {
        Value::Text(content) | Value::Date(content) => text(content),
        Value::Integer(n) => Box::new(CelInt::from(*n)),
        Value::Decimal(content) => Box::new(CelDouble::from(content.parse::<f64>().ok()?)),
        Value::Bool(yes) => Box::new(CelBool::from(*yes)),
        Value::List(items) => {
            let items: Vec<Box<dyn Val + '_>> = items.iter().filter_map(value).collect();
            Box::new(CelList::from(items))
        }
    })
}

fn exact(attribute: &Value) -> Option<Box<dyn Val + '_>> {
    Some(match attribute {
        Value::Text(content) | Value::Date(content) | Value::Decimal(content) => text(content),
        Value::Integer(n) => Box::new(CelString::from(n.to_string())),
        Value::Bool(yes) => Box::new(CelString::from(yes.to_string())),
        Value::List(_) => return None,
    })
}

impl Val for FactVal<'_> {
    fn get_type(&self) -> &Type {
        &FACT
    }

    fn cel_type() -> &'static Type {
        &FACT
    }

    fn as_indexer<'b, 'v>(&'b self) -> Option<&'b (dyn Indexer + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v>
    where
        Self: 'v,
    {
        Box::new(*self)
    }
}

impl Indexer for FactVal<'_> {
    fn get<'b, 'v>(&'b self, index: &dyn Val) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        let name = index.downcast_ref::<CelString>().map(CelString::inner).unwrap_or_default();
        self.named(name).map(CowVal::Owned).ok_or_else(|| ExecutionError::no_such_key(name))
    }

    fn steal<'v>(self: Box<Self>, index: &dyn Val) -> Result<Box<dyn Val + 'v>, ExecutionError>
    where
        Self: 'v,
    {
        self.get(index).map(CowVal::into_owned)
    }
}
