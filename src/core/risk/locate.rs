//! From the path of a problem to its line in the file as it was written.

use serde::Deserialize;
use std::collections::BTreeMap;
use toml::Spanned;

#[derive(Deserialize)]
struct Lines {
    #[serde(default)]
    rule: Vec<Spanned<BTreeMap<Spanned<String>, toml::Value>>>,
    #[serde(default)]
    levels: Vec<Spanned<BTreeMap<Spanned<String>, toml::Value>>>,
}

/// The line (from 1) of `text`, a `risk.toml`, at which a problem's `at` points: `rule[2].when`, `levels[0]`. `None` where
/// the text is no TOML, or has no such place; a field that is not written is at its table.
pub fn line_of(text: &str, at: &str) -> Option<usize> {
    let lines: Lines = toml::from_str(text).ok()?;
    let (list, rest) = at.split_once('[')?;
    let (index, field) = rest.split_once(']')?;
    let tables = match list {
        "rule" => &lines.rule,
        "levels" => &lines.levels,
        _ => return None,
    };
    let table = tables.get(index.parse::<usize>().ok()?)?;
    let field = field.strip_prefix('.').unwrap_or_default();
    let key = table.get_ref().keys().find(|key| key.get_ref() == field);
    let start = key.map_or(table.span().start, |key| key.span().start);
    Some(text.get(..start)?.matches('\n').count() + 1)
}

#[cfg(test)]
mod tests {
    use super::line_of;

    #[test]
    fn a_problem_is_at_its_line() {
        let text = "ruleset = \"x\"\n\n[[rule]]\nid = \"a\"\nwhen = 'true'\n\n# more\n[[rule]]\nid = \"b\"\n[[levels]]\nid = \"low\"\nfrom = 0\n";
        assert_eq!(line_of(text, "rule[0].when"), Some(5));
        assert_eq!(line_of(text, "rule[1].id"), Some(9));
        assert_eq!(line_of(text, "rule[1].points"), Some(8));
        assert_eq!(line_of(text, "levels[0].from"), Some(12));
        assert_eq!(line_of(text, "rule[2].when"), None);
        assert_eq!(line_of(text, "levels"), None);
        assert_eq!(line_of("[[", "rule[0].id"), None);
    }
}
