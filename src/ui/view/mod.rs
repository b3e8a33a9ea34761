//! From the JSON of a job to what a template shows. All judgement about words, badges and bars is here, so that it can be
//! tested without HTML; templates only place it.

mod check;
mod compare;
mod explanation;
mod fact;
mod interface;
mod log;
mod moments;
mod notifications;
mod operate;
mod risk;
mod source;
mod start;
mod timeline;

pub(super) use check::check;
pub(super) use compare::compare;
pub(super) use explanation::explanation;
pub(super) use interface::interface;
pub(super) use log::{commits, verified};
pub(super) use moments::moments;
pub(super) use notifications::{channel, channels, deliveries, notifications};
pub(super) use operate::{dead_letters, sources, watches};
pub(super) use start::{job_line, profiles, updating};
pub(super) use timeline::timeline;

use super::Lang;
use super::words::{self, Arg, WordError};
use serde_json::Value;

/// What every view needs beside its own JSON.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context<'a> {
    /// The reader's language.
    pub(super) lang: Lang,
    /// Names of sources, rules and levels, as of [`super::PageData::titles`].
    pub(super) titles: &'a Value,
}

impl Context<'_> {
    fn plain(&self, id: &str) -> Result<String, WordError> {
        words::plain(self.lang, id)
    }

    fn say(&self, id: &str, args: &[(&str, Arg)]) -> Result<String, WordError> {
        words::say(self.lang, id, args)
    }

    fn counted(&self, id: &str, n: i64) -> Result<String, WordError> {
        self.say(id, &[("n", n.into())])
    }

    /// The word for a code: an unknown one is shown, never swallowed.
    fn code(&self, section: &str, code: &str) -> String {
        crate::words::code(self.lang, section, code)
    }

    /// The currency of an attribute: the one that the sources' files name, else the usual one of this kind of facts.
    fn currency(&self, kind: &str, key: &str) -> Option<&str> {
        let named = self.titles.get("currencies").and_then(|kinds| kinds.get(kind)?.get(key)?.as_str());
        named.or_else(|| crate::words::usual_currency(kind, key))
    }

    /// The title of a source, rule or level by the policy, else its id.
    fn title(&self, what: &str, id: &str) -> String {
        let title = self.titles.get(what).and_then(|of| of.get(id)).map(|title| both(title, self.lang));
        title.filter(|title| !title.is_empty()).unwrap_or_else(|| id.to_owned())
    }
}

/// The reader's half of `{ru, en}`; a plain text is itself.
fn both(words: &Value, lang: Lang) -> String {
    words.as_str().or_else(|| words.get(lang.code()).and_then(Value::as_str)).unwrap_or_default().to_owned()
}

/// A text of an object; empty where there is none.
fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// A text of an object, none where it is null or empty.
fn some_text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    Some(text(value, key)).filter(|text| !text.is_empty())
}

/// A number of an object; 0 where there is none.
fn number(value: &Value, key: &str) -> i64 {
    value.get(key).and_then(Value::as_i64).unwrap_or_default()
}

/// A flag of an object; false where there is none.
fn flag(value: &Value, key: &str) -> bool {
    value.get(key).and_then(Value::as_bool).unwrap_or_default()
}

/// The items of a list; none where it is absent or null.
fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}
