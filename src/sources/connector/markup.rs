//! HTML: text of elements as a reader sees it.

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
