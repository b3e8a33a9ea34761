//! One answer as a document, whatever its format, and the places in it that configuration names.

use super::embedded::{Kept, Key};
use super::markup;
use super::table::{Column, Table};
use super::xml::{CssPath, Tree};
use super::{Trouble, json};
use crate::core::policy::{AnswerSpec, Format};
use scraper::{ElementRef, Html, Selector};
use serde_json::Value;
use serde_json_path::JsonPath;

/// A parsed answer.
pub(super) struct Document {
    body: Body,
    /// Values inside of its texts, as far as anyone looked.
    kept: Kept,
}

enum Body {
    Json(Value),
    Html(Html),
    Xml(Tree),
    Csv(Table),
}

/// Something that stands in a document.
#[derive(Clone)]
pub(super) enum Node<'a> {
    Json(&'a Value),
    Html(ElementRef<'a>),
    Xml(usize),
    Row(usize),
    /// A whole column of a table: what a condition on the document looks at.
    Column(usize),
    /// An attribute or a cell.
    Text(&'a str),
}

/// Text, or a JSON value with its own type.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Raw<'a> {
    Json(&'a Value),
    Text(String),
}

/// Where a place is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Base {
    /// The thing a fact is made of: an item, or what `each` finds in it. `$` in JSON.
    Own,
    /// The item around what `each` found: `^`.
    Item,
    /// The document: `$$`.
    Document,
}

/// A compiled place.
#[derive(Debug, Clone)]
pub(super) struct Place {
    base: Base,
    path: Path,
    inside: Option<Inside>,
}

/// A way on into the JSON that a text holds: `script >> $.offers`, `script >> window.state >> $.offers`.
#[derive(Debug, Clone)]
struct Inside {
    /// The value follows this; none: all of the text is the value.
    marker: Option<String>,
    path: JsonPath,
}

/// How JSON-LD is said in short.
const JSON_LD: (&str, &str) = ("ld+json", "script[type='application/ld+json']");

#[derive(Debug, Clone)]
enum Path {
    Json(JsonPath),
    Html { selector: Option<Selector>, attr: Option<String> },
    Xml { path: Option<CssPath>, attr: Option<String> },
    Csv(Column),
}

/// What `$`, `^` and `$$` stand for at the moment.
#[derive(Clone)]
pub(super) struct Scope<'a> {
    pub(super) own: Node<'a>,
    pub(super) item: Node<'a>,
}

impl Place {
    pub(super) fn parse(format: Format, at: &str) -> Result<Self, String> {
        let at = at.trim();
        let (base, rest) = match (at.strip_prefix("$$"), at.strip_prefix('^')) {
            (Some(rest), _) => (Base::Document, rest),
            (_, Some(rest)) => (Base::Item, rest),
            _ if format == Format::Json => (Base::Own, at.strip_prefix('$').ok_or("a JSONPath begins with `$`")?),
            _ => (Base::Own, at),
        };
        let (rest, inside) = inside(rest)?;
        let json = |path: &str| JsonPath::parse(path).map_err(|e| format!("not a JSONPath: {e}"));
        let path = match format {
            Format::Json => Path::Json(json(&format!("${rest}"))?),
            // What an item inside of a text is made of.
            Format::Html | Format::Xml if rest.starts_with('$') => Path::Json(json(rest)?),
            Format::Html => {
                let (selector, attr) = split_attr(rest);
                let selector = match selector {
                    "" | "." => None,
                    selector => {
                        let selector = if selector == JSON_LD.0 { JSON_LD.1 } else { selector };
                        Some(Selector::parse(selector).map_err(|e| format!("not a CSS selector: {e}"))?)
                    }
                };
                Path::Html { selector, attr }
            }
            Format::Xml => {
                let (path, attr) = split_attr(rest);
                let path = match path {
                    "" | "." => None,
                    path => Some(CssPath::parse(path)?),
                };
                Path::Xml { path, attr }
            }
            Format::Csv => Path::Csv(Column::parse(rest.trim())?),
        };
        Ok(Self { base, path, inside })
    }

    /// Whether it names the document or the item around `each`, so that items can't be looked for there.
    pub(super) fn leaves_its_scope(&self) -> bool {
        self.base != Base::Own
    }

    /// Whether it looks for JSON where it begins.
    pub(super) fn wants_json(&self) -> bool {
        matches!(self.path, Path::Json(_))
    }

    /// Whether it finds JSON inside of a text.
    pub(super) fn gives_json(&self) -> bool {
        self.inside.is_some()
    }

    /// Whether it ends at an attribute, which has nothing inside.
    pub(super) fn is_attr(&self) -> bool {
        self.inside.is_none()
            && matches!(&self.path, Path::Html { attr: Some(_), .. } | Path::Xml { attr: Some(_), .. } | Path::Csv(_))
    }
}

/// What comes before `>>`, and the way on into the text.
fn inside(at: &str) -> Result<(&str, Option<Inside>), String> {
    let mut parts = at.split(">>").map(str::trim);
    let before = parts.next().unwrap_or_default();
    let (marker, path) = match (parts.next(), parts.next(), parts.next()) {
        (None, ..) => return Ok((before, None)),
        (Some(path), None, _) => (None, path),
        (Some(marker), Some(path), None) if !marker.is_empty() => (Some(marker.to_owned()), path),
        _ => return Err("after `>>` stands a JSONPath, or the name of a variable, `>>` and a JSONPath".to_owned()),
    };
    if !path.starts_with('$') {
        return Err("what stands after the last `>>` is a JSONPath and begins with `$`".to_owned());
    }
    let path = JsonPath::parse(path).map_err(|e| format!("not a JSONPath: {e}"))?;
    Ok((before, Some(Inside { marker, path })))
}

/// `"a.t@href"` is the attribute `href` of `a.t`; an `@` inside brackets belongs to the selector.
fn split_attr(at: &str) -> (&str, Option<String>) {
    match at.rsplit_once('@') {
        Some((path, attr)) if !attr.contains([']', '"', '\'', ' ']) && !attr.is_empty() => {
            (path.trim(), Some(attr.to_owned()))
        }
        _ => (at.trim(), None),
    }
}

impl Document {
    pub(super) fn parse(answer: &AnswerSpec, text: &str) -> Result<Self, Trouble> {
        if text.trim().is_empty() {
            return Err(Trouble::new("empty_page", "the answer is empty".to_owned()));
        }
        let body = match answer.format {
            Format::Json => json::parse(text).map(Body::Json),
            Format::Html => {
                let lower = text.to_ascii_lowercase();
                if !answer.unclosed && lower.contains("<html") && !lower.contains("</html") {
                    return Err(Trouble::new("truncated", "the page has <html> but no </html>: cut off".to_owned()));
                }
                if markup::is_too_deep(text) {
                    return Err(Trouble::new("too_deep", "elements are nested too deeply".to_owned()));
                }
                Ok(Body::Html(Html::parse_document(text)))
            }
            Format::Xml => Tree::parse(text).map(Body::Xml),
            Format::Csv => {
                let delimiter = answer.delimiter.as_deref().and_then(|text| text.bytes().next()).unwrap_or(b',');
                Table::parse(text, delimiter, answer.header.unwrap_or(true)).map(Body::Csv)
            }
        };
        Ok(Self { body: body?, kept: Kept::default() })
    }

    /// The document as a node: what conditions are looked for in.
    pub(super) fn root(&self) -> Option<Node<'_>> {
        match &self.body {
            Body::Json(value) => Some(Node::Json(value)),
            Body::Html(html) => Some(Node::Html(html.root_element())),
            Body::Xml(_) => Some(Node::Xml(0)),
            Body::Csv(_) => None,
        }
    }

    /// Looks for a place in the document.
    pub(super) fn at_root(&self, place: &Place) -> Vec<Node<'_>> {
        match (&place.path, &self.body) {
            (Path::Csv(column), Body::Csv(table)) => table.column(column).map(Node::Column).into_iter().collect(),
            _ => self.root().map(|root| self.below(place, root)).unwrap_or_default(),
        }
    }

    /// Looks for a place, in the document's order.
    pub(super) fn find<'a>(&'a self, place: &Place, scope: &Scope<'a>) -> Vec<Node<'a>> {
        match place.base {
            Base::Own => self.below(place, scope.own.clone()),
            Base::Item => self.below(place, scope.item.clone()),
            Base::Document => self.at_root(place),
        }
    }

    fn below<'a>(&'a self, place: &Place, node: Node<'a>) -> Vec<Node<'a>> {
        let found = self.path(place, node);
        let Some(inside) = &place.inside else { return found };
        let values = found.iter().filter_map(|node| self.value(node, inside.marker.as_deref()));
        values.flat_map(|value| inside.path.query(value).all()).filter(|v| !v.is_null()).map(Node::Json).collect()
    }

    /// The value that a text holds.
    fn value<'a>(&'a self, node: &Node<'a>, marker: Option<&str>) -> Option<&'a Value> {
        match (node, &self.body) {
            // Not as a reader sees it: the text of a script.
            (Node::Html(element), _) => self.kept.value(Key::of(&element.id()), marker, || element.text().collect()),
            (Node::Xml(number), Body::Xml(tree)) => self.kept.value(Key::of(number), marker, || tree.text(*number)),
            (Node::Text(text), _) => self.kept.value(Key::of_text(text), marker, || (*text).to_owned()),
            (Node::Json(Value::String(text)), _) => self.kept.value(Key::of_text(text), marker, || text.clone()),
            _ => None,
        }
    }

    fn path<'a>(&'a self, place: &Place, node: Node<'a>) -> Vec<Node<'a>> {
        match (&place.path, &self.body, node) {
            (Path::Json(path), _, Node::Json(value)) => {
                path.query(value).all().into_iter().filter(|v| !v.is_null()).map(Node::Json).collect()
            }
            (Path::Html { selector, attr }, _, Node::Html(element)) => {
                let elements: Vec<ElementRef<'a>> = match selector {
                    Some(selector) => element.select(selector).collect(),
                    None => vec![element],
                };
                match attr {
                    Some(attr) => elements.into_iter().filter_map(|e| e.attr(attr)).map(Node::Text).collect(),
                    None => elements.into_iter().map(Node::Html).collect(),
                }
            }
            (Path::Xml { path, attr }, Body::Xml(tree), Node::Xml(number)) => {
                let elements = match path {
                    Some(path) => tree.select(path, number),
                    None => vec![number],
                };
                match attr {
                    Some(attr) => elements.into_iter().filter_map(|n| tree.attr(n, attr)).map(Node::Text).collect(),
                    None => elements.into_iter().map(Node::Xml).collect(),
                }
            }
            (Path::Csv(column), Body::Csv(table), Node::Row(row)) => {
                table.column(column).and_then(|column| table.cell(row, column)).map(Node::Text).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    /// All rows of a table; for other formats, the document itself.
    pub(super) fn rows(&self) -> Vec<Node<'_>> {
        match &self.body {
            Body::Csv(table) => (0..table.rows()).map(Node::Row).collect(),
            _ => self.root().into_iter().collect(),
        }
    }

    /// What a node says.
    pub(super) fn raw<'a>(&'a self, node: &Node<'a>) -> Raw<'a> {
        match (node, &self.body) {
            (Node::Json(value), _) => Raw::Json(value),
            (Node::Html(element), _) => Raw::Text(markup::text(*element)),
            (Node::Xml(number), Body::Xml(tree)) => Raw::Text(tree.text(*number)),
            (Node::Column(column), Body::Csv(table)) => {
                Raw::Text(table.cell(0, *column).unwrap_or_default().to_owned())
            }
            (Node::Text(text), _) => Raw::Text((*text).to_owned()),
            _ => Raw::Text(String::new()),
        }
    }

    /// How many children a node has; none for what can have none.
    pub(super) fn children(&self, node: &Node<'_>) -> Option<usize> {
        match (node, &self.body) {
            (Node::Json(Value::Array(values)), _) => Some(values.len()),
            (Node::Json(Value::Object(values)), _) => Some(values.len()),
            (Node::Html(element), _) => Some(element.child_elements().count()),
            (Node::Xml(number), Body::Xml(tree)) => Some(tree.children(*number)),
            (Node::Column(_), Body::Csv(table)) => Some(table.rows()),
            _ => None,
        }
    }

    /// The line on which an item begins, where the format has lines; else its number.
    pub(super) fn line(&self, node: &Node<'_>, number: usize) -> u64 {
        match (node, &self.body) {
            (Node::Row(row), Body::Csv(table)) => table.line(*row),
            _ => number as u64 + 1,
        }
    }
}
