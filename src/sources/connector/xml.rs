//! XML as a small tree, and the CSS paths that find places in it.
//!
//! Names keep their case and may be in any alphabet (`СвЮЛ > СвНаимЮЛ@НаимЮЛПолн`); a namespace prefix is ignored.
//! Paths know names, `*`, `[attr]`, `[attr="value"]`, descendants (a space) and children (`>`), and lists (`,`).
//! External entities are never fetched; only the five built-in ones and character references are read.

use super::Trouble;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// Deeper than this is no document of a source.
const MAX_DEPTH: usize = 512;

/// An element.
#[derive(Debug, Default)]
struct Element {
    name: String,
    attrs: Vec<(String, String)>,
    parent: Option<usize>,
    children: Vec<Child>,
}

#[derive(Debug)]
enum Child {
    Element(usize),
    Text(String),
}

/// A whole document; elements by number in the document's order, 0 is a root above the root element.
#[derive(Debug)]
pub(super) struct Tree {
    elements: Vec<Element>,
}

impl Tree {
    pub(super) fn parse(text: &str) -> Result<Self, Trouble> {
        let bad = |what: String| Trouble::new("bad_xml", what);
        let mut reader = Reader::from_str(text);
        reader.config_mut().expand_empty_elements = true;
        let mut elements = vec![Element::default()];
        let mut open = vec![0usize];
        loop {
            let at = reader.buffer_position();
            let event = reader.read_event().map_err(|e| bad(format!("not XML near byte {at}: {e}")))?;
            let current = open.last().copied().unwrap_or(0);
            match event {
                Event::Start(start) => {
                    if open.len() > MAX_DEPTH {
                        return Err(bad("elements are nested too deeply".to_owned()));
                    }
                    let element = element(&start, current).map_err(|e| bad(format!("not XML near byte {at}: {e}")))?;
                    let number = elements.len();
                    elements.push(element);
                    push(&mut elements, current, Child::Element(number));
                    open.push(number);
                }
                Event::End(_) => {
                    open.pop();
                }
                Event::Text(text) => {
                    let text = text.decode().map_err(|e| bad(e.to_string()))?.into_owned();
                    if current == 0 && !text.trim().is_empty() {
                        return Err(bad("text outside of the root element".to_owned()));
                    }
                    push(&mut elements, current, Child::Text(text));
                }
                Event::CData(text) => {
                    let text = text.decode().map_err(|e| bad(e.to_string()))?.into_owned();
                    push(&mut elements, current, Child::Text(text));
                }
                Event::GeneralRef(reference) => {
                    let text = match reference.resolve_char_ref().map_err(|e| bad(e.to_string()))? {
                        Some(c) => c.to_string(),
                        None => {
                            let name = reference.decode().map_err(|e| bad(e.to_string()))?;
                            quick_xml::escape::resolve_predefined_entity(&name)
                                .ok_or_else(|| bad(format!("unknown entity &{name};")))?
                                .to_owned()
                        }
                    };
                    push(&mut elements, current, Child::Text(text));
                }
                Event::Eof if open.len() > 1 => return Err(bad("the document ends in the middle".to_owned())),
                Event::Eof if elements.len() == 1 => return Err(bad("there is no element".to_owned())),
                Event::Eof => return Ok(Self { elements }),
                _ => {}
            }
        }
    }

    /// The elements below `scope` that `path` finds, in the document's order.
    pub(super) fn select(&self, path: &CssPath, scope: usize) -> Vec<usize> {
        let mut found = Vec::new();
        // Numbers are given in the document's order, so what lies below `scope` follows it without a gap.
        for number in scope.saturating_add(1)..self.elements.len() {
            if !self.is_below(number, scope) {
                break;
            }
            if path.alternatives.iter().any(|steps| self.matches(number, steps)) {
                found.push(number);
            }
        }
        found
    }

    fn is_below(&self, number: usize, scope: usize) -> bool {
        self.ancestors(number).any(|ancestor| ancestor == scope)
    }

    fn ancestors(&self, number: usize) -> impl Iterator<Item = usize> + '_ {
        std::iter::successors(self.parent(number), |number| self.parent(*number))
    }

    fn parent(&self, number: usize) -> Option<usize> {
        self.elements.get(number)?.parent
    }

    fn matches(&self, number: usize, steps: &[Step]) -> bool {
        let Some((last, before)) = steps.split_last() else {
            return true;
        };
        if !self.elements.get(number).is_some_and(|element| last.fits(element)) {
            return false;
        }
        if before.is_empty() {
            return true;
        }
        if last.child {
            return self.parent(number).is_some_and(|parent| self.matches(parent, before));
        }
        self.ancestors(number).any(|ancestor| self.matches(ancestor, before))
    }

    /// The text inside, with a space wherever an element begins or ends.
    pub(super) fn text(&self, number: usize) -> String {
        let mut out = String::new();
        self.collect(number, &mut out);
        out
    }

    fn collect(&self, number: usize, out: &mut String) {
        for child in self.elements.get(number).map(|element| element.children.as_slice()).unwrap_or_default() {
            match child {
                Child::Text(text) => out.push_str(text),
                // The depth is bounded by the parser.
                Child::Element(inner) => {
                    out.push(' ');
                    self.collect(*inner, out);
                    out.push(' ');
                }
            }
        }
    }

    pub(super) fn attr(&self, number: usize, name: &str) -> Option<&str> {
        let attrs = &self.elements.get(number)?.attrs;
        attrs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// How many elements stand directly inside.
    pub(super) fn children(&self, number: usize) -> usize {
        let children = self.elements.get(number).map(|element| element.children.as_slice()).unwrap_or_default();
        children.iter().filter(|child| matches!(child, Child::Element(_))).count()
    }
}

fn push(elements: &mut [Element], parent: usize, child: Child) {
    if let Some(element) = elements.get_mut(parent) {
        element.children.push(child);
    }
}

fn element(start: &BytesStart<'_>, parent: usize) -> Result<Element, String> {
    let local = |name: &[u8]| {
        let name = std::str::from_utf8(name).map_err(|e| e.to_string())?;
        Ok::<_, String>(name.rsplit(':').next().unwrap_or(name).to_owned())
    };
    let mut attrs = Vec::new();
    for attr in start.attributes() {
        let attr = attr.map_err(|e| e.to_string())?;
        let value = std::str::from_utf8(&attr.value).map_err(|e| e.to_string())?;
        let value = quick_xml::escape::unescape(value).map_err(|e| e.to_string())?.into_owned();
        attrs.push((local(attr.key.as_ref())?, value));
    }
    Ok(Element { name: local(start.name().as_ref())?, attrs, parent: Some(parent), children: Vec::new() })
}

/// A compiled CSS path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CssPath {
    alternatives: Vec<Vec<Step>>,
}

/// One element of a path.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Step {
    /// Must be a child of what the step before found; else any descendant.
    child: bool,
    name: Option<String>,
    attrs: Vec<(String, Option<String>)>,
}

impl Step {
    fn fits(&self, element: &Element) -> bool {
        !element.name.is_empty()
            && self.name.as_ref().is_none_or(|name| *name == element.name)
            && self.attrs.iter().all(|(name, want)| {
                element.attrs.iter().any(|(key, value)| key == name && want.as_ref().is_none_or(|want| want == value))
            })
    }
}

impl CssPath {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut alternatives = Vec::new();
        let mut rest = text.trim_start();
        loop {
            let (steps, after) = steps(rest)?;
            alternatives.push(steps);
            match after.strip_prefix(',') {
                Some(after) => rest = after.trim_start(),
                None => return Ok(Self { alternatives }),
            }
        }
    }
}

fn steps(text: &str) -> Result<(Vec<Step>, &str), String> {
    let mut steps = Vec::new();
    let mut rest = text;
    let mut child = false;
    loop {
        let (mut step, after) = step(rest)?;
        step.child = child;
        steps.push(step);
        let trimmed = after.trim_start();
        if trimmed.is_empty() || trimmed.starts_with(',') {
            return Ok((steps, trimmed));
        }
        match trimmed.strip_prefix('>') {
            Some(after) => {
                child = true;
                rest = after.trim_start();
            }
            None if trimmed.len() < after.len() => {
                child = false;
                rest = trimmed;
            }
            None => return Err(format!("not understood in an XML path: {trimmed:?}")),
        }
    }
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '.')
}

fn name(text: &str) -> (&str, &str) {
    if text.starts_with(|c: char| c.is_numeric() || matches!(c, '-' | '.')) {
        return ("", text);
    }
    text.split_at(text.find(|c: char| !is_name(c)).unwrap_or(text.len()))
}

fn step(text: &str) -> Result<(Step, &str), String> {
    let mut step = Step::default();
    let mut rest = text;
    if let Some(after) = rest.strip_prefix('*') {
        rest = after;
    } else {
        let (found, after) = name(rest);
        if !found.is_empty() {
            step.name = Some(found.to_owned());
            rest = after;
        }
    }
    while let Some(after) = rest.strip_prefix('[') {
        let (attr, after) = name(after.trim_start());
        if attr.is_empty() {
            return Err(format!("an attribute's name is missing in {text:?}"));
        }
        let after = after.trim_start();
        if let Some(after) = after.strip_prefix(']') {
            step.attrs.push((attr.to_owned(), None));
            rest = after;
            continue;
        }
        let value =
            after.strip_prefix('=').ok_or_else(|| format!("only [attr] and [attr=\"value\"] are known: {text:?}"))?;
        let value = value.trim_start();
        let (value, after) = match value.chars().next() {
            Some(quote @ ('"' | '\'')) => value.get(1..).and_then(|value| value.split_once(quote)),
            _ => Some(value.split_at(value.find(|c: char| !is_name(c)).unwrap_or(value.len()))),
        }
        .ok_or_else(|| format!("a quote is not closed in {text:?}"))?;
        step.attrs.push((attr.to_owned(), Some(value.to_owned())));
        rest = after.trim_start().strip_prefix(']').ok_or_else(|| format!("a bracket is not closed in {text:?}"))?;
    }
    if rest.len() == text.len() {
        return Err(format!("a name, `*` or `[attr]` is missing before {text:?}"));
    }
    Ok((step, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "<?xml version='1.0'?><ns:ЕГРЮЛ Дата='01.04.2026'><СвЮЛ ИНН='1'><Имя>А &amp; &#1041;</Имя><Вид код=\"x\"><Имя>глубоко</Имя></Вид></СвЮЛ><СвЮЛ/><![CDATA[<raw>]]></ns:ЕГРЮЛ>";

    fn texts(path: &str) -> Vec<String> {
        let tree = Tree::parse(PAGE).expect("well-formed");
        let path = CssPath::parse(path).expect("a path");
        tree.select(&path, 0)
            .into_iter()
            .map(|n| tree.text(n).split_whitespace().collect::<Vec<_>>().join(" "))
            .collect()
    }

    #[test]
    fn paths() {
        assert_eq!(texts("СвЮЛ > Имя"), ["А & Б"]);
        assert_eq!(texts("СвЮЛ Имя"), ["А & Б", "глубоко"]);
        assert_eq!(texts("ЕГРЮЛ>СвЮЛ[ИНН]"), ["А & Б глубоко"]);
        assert_eq!(texts("[код='x'] *"), ["глубоко"]);
        assert_eq!(texts("СвЮЛ[ИНН=\"2\"]"), Vec::<String>::new());
        assert_eq!(texts("Вид > Имя, Вид"), ["глубоко", "глубоко"]);
        assert_eq!(texts("свюл"), Vec::<String>::new(), "names keep their case");
        for bad in ["", ">", "a >", "a[", "a[b", "a[b='c]", "a:first-child", "a + b", "a,", ".class", "a[b^=c]"] {
            assert!(CssPath::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_no_document() {
        let deep = "<a>".repeat(600);
        for bad in ["", "text", "<a>", "<a></b>", "<a/>x", "<a>&nope;</a>", "<a b=c/>", "<a b='1' b='2'/>", "<a", &deep]
        {
            assert!(Tree::parse(bad).is_err(), "{}", bad.get(..20).unwrap_or(bad));
        }
    }
}
