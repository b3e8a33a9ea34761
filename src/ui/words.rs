//! The catalogues: every word of the page, by key, in both languages.
//!
//! An entry is a text with `{placeholders}`, or a table of plural forms chosen by `n`: `one`, `few`, `many` in Russian,
//! `one`, `other` in English. A key that is missing is an error of the page, never an empty place on it.

use super::{Lang, format};
use std::collections::BTreeMap;
use std::sync::LazyLock;
use toml::{Table, Value};

/// The words of one language.
#[derive(Debug)]
pub(super) struct Words {
    lang: Lang,
    entries: BTreeMap<String, Entry>,
}

#[derive(Debug)]
enum Entry {
    Text(String),
    Plural(BTreeMap<String, String>),
}

/// What went wrong with a word; a mistake in the program.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum WordError {
    /// The key is in no catalogue.
    #[error("no word {key:?} in {lang:?}")]
    Unknown {
        /// The key.
        key: String,
        /// The language.
        lang: Lang,
    },
    /// The text has a placeholder that was given no value.
    #[error("{key:?} in {lang:?} wants {{{name}}}")]
    Unfilled {
        /// The key.
        key: String,
        /// The placeholder.
        name: String,
        /// The language.
        lang: Lang,
    },
}

static RU: LazyLock<Words> = LazyLock::new(|| Words::read(Lang::Ru, include_str!("words/ru.toml")));
static EN: LazyLock<Words> = LazyLock::new(|| Words::read(Lang::En, include_str!("words/en.toml")));

impl Words {
    /// The words of a language.
    pub(super) fn of(lang: Lang) -> &'static Self {
        match lang {
            Lang::Ru => &RU,
            Lang::En => &EN,
        }
    }

    fn read(lang: Lang, text: &str) -> Self {
        // The file is a part of the program; a test reads both.
        let table: Table = text.parse().unwrap_or_default();
        let mut entries = BTreeMap::new();
        flatten("", &table, &mut entries);
        Self { lang, entries }
    }

    /// Whether there is such a word.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// The text of a key without placeholders.
    pub(super) fn plain(&self, key: &str) -> Result<String, WordError> {
        self.say(key, &[])
    }

    /// The text of a key, its plural form chosen by the argument `n`, its placeholders filled.
    pub(super) fn say(&self, key: &str, args: &[(&str, String)]) -> Result<String, WordError> {
        let unknown = || WordError::Unknown { key: key.to_owned(), lang: self.lang };
        let text = match self.entries.get(key).ok_or_else(unknown)? {
            Entry::Text(text) => text,
            Entry::Plural(forms) => {
                let n = args.iter().find(|(name, _)| *name == "n").and_then(|(_, n)| n.parse().ok());
                let form = n.map_or("other", |n| plural_form(self.lang, n));
                forms.get(form).or_else(|| forms.get("many")).or_else(|| forms.get("other")).ok_or_else(unknown)?
            }
        };
        self.fill(key, text, args)
    }

    fn fill(&self, key: &str, text: &str, args: &[(&str, String)]) -> Result<String, WordError> {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            out.push_str(before);
            let (name, after) = after.split_once('}').unwrap_or((after, ""));
            let value = args.iter().find(|(known, _)| *known == name).ok_or_else(|| WordError::Unfilled {
                key: key.to_owned(),
                name: name.to_owned(),
                lang: self.lang,
            })?;
            match value.1.parse::<i64>() {
                Ok(number) => out.push_str(&format::integer(self.lang, number)),
                Err(_) => out.push_str(&value.1),
            }
            rest = after;
        }
        out.push_str(rest);
        Ok(out)
    }
}

/// Turns nested tables into keys with dots; a table of plural forms stays one entry.
fn flatten(prefix: &str, table: &Table, into: &mut BTreeMap<String, Entry>) {
    for (name, value) in table {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            Value::String(text) => {
                into.insert(key, Entry::Text(text.clone()));
            }
            Value::Table(forms) if forms.contains_key("one") => {
                let forms = forms.iter().filter_map(|(form, text)| Some((form.clone(), text.as_str()?.to_owned())));
                into.insert(key, Entry::Plural(forms.collect()));
            }
            Value::Table(inner) => flatten(&key, inner, into),
            _ => {}
        }
    }
}

/// The CLDR category of a whole number.
fn plural_form(lang: Lang, n: i64) -> &'static str {
    let n = n.unsigned_abs();
    match lang {
        Lang::En if n == 1 => "one",
        Lang::En => "other",
        Lang::Ru => match (n % 10, n % 100) {
            (1, rest) if rest != 11 => "one",
            (2..=4, rest) if !(12..=14).contains(&rest) => "few",
            _ => "many",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::{Entry, Words};
    use crate::ui::Lang;
    use std::collections::BTreeSet;

    fn placeholders(text: &str) -> BTreeSet<String> {
        text.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0.to_owned())).collect()
    }

    fn wanted(entry: &Entry) -> BTreeSet<String> {
        match entry {
            Entry::Text(text) => placeholders(text),
            Entry::Plural(forms) => forms.values().flat_map(|text| placeholders(text)).collect(),
        }
    }

    #[test]
    fn both_catalogues_say_the_same_things() {
        let (ru, en) = (Words::of(Lang::Ru), Words::of(Lang::En));
        assert!(ru.entries.len() > 100, "the catalogue was not read");
        let keys = |words: &Words| words.entries.keys().cloned().collect::<BTreeSet<_>>();
        assert_eq!(keys(ru), keys(en));
        for (key, entry) in &ru.entries {
            let other = en.entries.get(key).expect("compared above");
            assert_eq!(wanted(entry), wanted(other), "{key}");
        }
        for (key, entry) in &ru.entries {
            if let Entry::Plural(forms) = entry {
                assert!(["one", "few", "many"].iter().all(|form| forms.contains_key(*form)), "{key}");
            }
        }
    }

    #[test]
    fn plurals_follow_the_number() {
        let ru = |n: i64| Words::of(Lang::Ru).say("duration.days", &[("n", n.to_string())]).expect("a known word");
        let said: Vec<_> = [1, 2, 5, 11, 12, 21, 22, 111].map(ru).to_vec();
        assert_eq!(said, ["1 день", "2 дня", "5 дней", "11 дней", "12 дней", "21 день", "22 дня", "111 дней"]);
        let en = |n: i64| Words::of(Lang::En).say("duration.days", &[("n", n.to_string())]).expect("a known word");
        assert_eq!([en(1), en(2)], ["1 day", "2 days"]);
    }

    #[test]
    fn what_is_missing_is_an_error() {
        assert!(Words::of(Lang::En).plain("no.such.word").is_err());
        assert!(Words::of(Lang::En).say("duration.days", &[]).is_err());
    }
}
