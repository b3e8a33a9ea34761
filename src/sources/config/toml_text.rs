//! One TOML file: its problems with their lines, and its places.

use super::ConfigProblem;
use crate::core::policy::validate::nearest;
use serde::de::DeserializeOwned;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A file's text and tree.
#[derive(Debug)]
pub(super) struct TomlText<'a> {
    file: &'a str,
    text: &'a str,
    tree: Spanned<DeTable<'a>>,
}

/// More problems than this in one file are not listed.
const MAX_PROBLEMS: usize = 50;

impl<'a> TomlText<'a> {
    /// Reads the text; problems are of TOML itself.
    pub(super) fn parse(file: &'a str, text: &'a str) -> Result<Self, Vec<ConfigProblem>> {
        let (tree, errors) = DeTable::parse_recoverable(text);
        let this = Self { file, text, tree };
        if errors.is_empty() {
            return Ok(this);
        }
        let problems = errors.iter().take(MAX_PROBLEMS);
        Err(problems.map(|e| this.problem(e.span(), format!("not TOML: {}", e.message()), None)).collect())
    }

    /// Adds a key at the top where the file leaves it out.
    pub(super) fn or(mut self, key: &'static str, value: &'static str) -> Self {
        let table = self.tree.get_mut();
        if !table.iter().any(|(name, _)| name.get_ref() == key) {
            table.insert(Spanned::new(0..0, key.into()), Spanned::new(0..0, DeValue::String(value.into())));
        }
        self
    }

    /// Reads the tree as `T`. Every problem is found: what is wrong is taken out, and the rest is read again.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, Vec<ConfigProblem>> {
        let mut tree = self.tree.clone();
        let mut problems = Vec::new();
        let mut taken = Vec::new();
        loop {
            let error = match T::deserialize(toml::de::Deserializer::from(tree.clone())) {
                Ok(value) if problems.is_empty() => return Ok(value),
                Ok(_) => return Err(problems),
                Err(error) => error,
            };
            let message = error.message();
            let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
            let missing = message.starts_with("missing field");
            // What was taken out is missing for no fault of the file.
            if !(missing && quoted.first().is_some_and(|name| taken.iter().any(|t| t == name))) {
                problems.push(self.explain(&error, &quoted));
            }
            let removed = error.span().and_then(|span| take_out(tree.get_mut(), &span));
            match removed {
                Some(name) if problems.len() < MAX_PROBLEMS => taken.push(name),
                _ => return Err(problems),
            }
        }
    }

    fn explain(&self, error: &toml::de::Error, quoted: &[&str]) -> ConfigProblem {
        let message = error.message();
        let span = error.span();
        match quoted.split_first() {
            Some((name, known)) if message.starts_with("unknown field") => {
                let fix = match nearest(name, known.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("known here: {}", known.join(", ")),
                };
                self.problem(span, format!("there is no key `{name}` here"), Some(fix))
            }
            Some((name, known)) if message.starts_with("unknown variant") => {
                let fix = match nearest(name, known.iter().copied()) {
                    Some(near) => format!("did you mean \"{near}\"?"),
                    None => format!("one of: {}", known.join(", ")),
                };
                self.problem(span, format!("\"{name}\" is not known here"), Some(fix))
            }
            Some((name, _)) if message.starts_with("missing field") => {
                self.problem(span, format!("the key `{name}` is missing"), Some(format!("add `{name} = …`")))
            }
            _ => self.problem(span, message.trim().replace('\n', "; "), None),
        }
    }

    /// A problem at a path of keys, or at the nearest part of it that is there.
    pub(super) fn problem_at(&self, at: &str, detail: String, fix: Option<String>) -> ConfigProblem {
        let span = self.span(at);
        let detail = if at.is_empty() { detail } else { format!("{at}: {detail}") };
        self.problem(span, detail, fix)
    }

    /// The line of a path of keys.
    pub(super) fn line(&self, at: &str) -> Option<usize> {
        self.span(at).map(|span| self.place(span.start).0)
    }

    fn problem(&self, span: Option<Range<usize>>, detail: String, fix: Option<String>) -> ConfigProblem {
        let (line, column) = span.map_or((0, 0), |span| self.place(span.start));
        ConfigProblem { file: self.file.to_owned(), line, column, detail, fix }
    }

    fn place(&self, offset: usize) -> (usize, usize) {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (before.matches('\n').count() + 1, before.get(line_start..).unwrap_or_default().chars().count() + 1)
    }

    fn span(&self, at: &str) -> Option<Range<usize>> {
        let mut found = None;
        let mut table = Some(self.tree.get_ref());
        for part in at.split('.').filter(|part| !part.is_empty()) {
            let mut pieces = part.split('[');
            let key = pieces.next().unwrap_or_default();
            let Some((name, value)) = table?.iter().find(|(name, _)| name.get_ref() == key) else {
                break;
            };
            found = Some(name.span());
            let mut value = value;
            for piece in pieces {
                let index: Option<usize> = piece.trim_end_matches(']').parse().ok();
                let Some(element) = index.and_then(|index| value.get_ref().as_array()?.get(index)) else {
                    return found;
                };
                found = Some(element.span());
                value = element;
            }
            table = value.get_ref().as_table();
            if table.is_none() {
                break;
            }
        }
        found
    }
}

/// Takes the innermost entry out in which something is wrong, and says its name.
fn take_out(table: &mut DeTable<'_>, wrong: &Range<usize>) -> Option<String> {
    let holds = |span: Range<usize>| span.start <= wrong.start && wrong.end <= span.end;
    let names: Vec<String> = table.iter().map(|(name, _)| name.get_ref().to_string()).collect();
    for name in &names {
        let (_, value) = table.iter_mut().find(|(key, _)| key.get_ref() == name)?;
        if let Some(inner) = take_out_of(value.get_mut(), wrong) {
            return Some(inner);
        }
    }
    let here = table.iter().find(|(name, value)| name.span() == *wrong || holds(value.span()))?;
    let name = here.0.get_ref().to_string();
    *table = std::mem::take(table).into_iter().filter(|(key, _)| *key.get_ref() != name).collect();
    Some(name)
}

fn take_out_of(value: &mut DeValue<'_>, wrong: &Range<usize>) -> Option<String> {
    match value {
        DeValue::Table(table) => take_out(table, wrong),
        DeValue::Array(values) => values.iter_mut().find_map(|value| take_out_of(value.get_mut(), wrong)),
        _ => None,
    }
}
