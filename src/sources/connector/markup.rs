//! HTML: text of elements as a reader sees it, and a guard against pages that would take for ever to read.

use scraper::{ElementRef, Node};

/// Elements that begin and end a line, so that what stands in two of them is never one word.
const BLOCKS: [&str; 34] = [
    "address",
    "article",
    "aside",
    "blockquote",
    "br",
    "dd",
    "div",
    "dl",
    "dt",
    "figure",
    "footer",
    "form",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "li",
    "main",
    "nav",
    "ol",
    "option",
    "p",
    "pre",
    "section",
    "table",
    "tbody",
    "td",
    "th",
    "tr",
    "ul",
];

/// Elements that need no end tag, and those that can't have one.
const UNCLOSED: [&str; 33] = [
    "html", "head", "body", "li", "dt", "dd", "p", "rt", "rp", "optgroup", "option", "colgroup", "caption", "thead",
    "tbody", "tfoot", "tr", "td", "th", "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta",
    "param", "source", "track", "wbr",
];

/// A browser's way of building a tree looks at all open elements for each tag. This many looks take about two
/// seconds; honest pages of 16 MiB stay below a tenth of it.
const MAX_LOOKS: usize = 100_000_000;

/// Whether tags are nested so deeply that reading the page would hold a worker for minutes.
pub(super) fn is_too_deep(text: &str) -> bool {
    let mut depth = 0usize;
    let mut looks = 0usize;
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('<') {
        rest = after;
        let (closes, tag) = after.strip_prefix('/').map_or((false, after), |tag| (true, tag));
        let end = tag.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(tag.len());
        let name = tag.get(..end).unwrap_or_default().to_ascii_lowercase();
        if name.is_empty() || UNCLOSED.contains(&name.as_str()) {
            looks = looks.saturating_add(depth);
        } else if closes {
            depth = depth.saturating_sub(1);
        } else {
            depth += 1;
            looks = looks.saturating_add(depth);
            if matches!(name.as_str(), "script" | "style") {
                let end = after.find("</").unwrap_or(after.len());
                rest = after.get(end..).unwrap_or_default();
            }
        }
        if looks > MAX_LOOKS {
            return true;
        }
    }
    false
}

/// The text inside, without scripts and styles; white space is not collapsed yet.
pub(super) fn text(element: ElementRef<'_>) -> String {
    let mut out = String::new();
    // What is still to be read, last first; `None` is the end of a block. No recursion: pages may nest without bound.
    let mut todo = vec![Some(*element)];
    while let Some(next) = todo.pop() {
        let Some(node) = next else {
            out.push(' ');
            continue;
        };
        match node.value() {
            Node::Text(text) => out.push_str(text),
            Node::Element(inner) if matches!(inner.name(), "script" | "style" | "noscript" | "template") => {}
            value => {
                if value.as_element().is_some_and(|inner| BLOCKS.contains(&inner.name())) {
                    out.push(' ');
                    todo.push(None);
                }
                todo.extend(node.children().rev().map(Some));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth() {
        assert!(is_too_deep(&"<div>".repeat(20_000)));
        assert!(is_too_deep(&"<table><tr><td>".repeat(20_000)));
        assert!(!is_too_deep(&"<ul><li><p>x<br><b>y</b></ul>".repeat(200_000)));
        assert!(!is_too_deep(&"<li>x".repeat(200_000)), "no end tag is needed");
        assert!(!is_too_deep(&format!("<script>{}</script><p>x", "'<div>' +".repeat(50_000))));
        assert!(!is_too_deep("<<</<>"));
    }
}
