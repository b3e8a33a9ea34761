//! Messages by their names. What is missing is an error, never an empty place.

use super::{Both, Lang, number};
use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use std::sync::LazyLock;

/// A value in a message.
#[derive(Debug, Clone, PartialEq)]
pub enum Arg {
    /// A number: it chooses plural forms, and is written as the language writes numbers.
    Number(i64),
    /// A text, as it stands.
    Text(String),
    /// Words that the message's own language is taken of.
    Both(Both),
}

/// What is wrong with a message; a mistake in the program.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WordError {
    /// No catalogue has this name.
    #[error("no message {id:?} in {lang:?}")]
    Unknown {
        /// The name.
        id: String,
        /// The language.
        lang: Lang,
    },
    /// The message wants a value that was not given.
    #[error("{id:?} in {lang:?}: {why}")]
    Unfilled {
        /// The name.
        id: String,
        /// What is missing.
        why: String,
        /// The language.
        lang: Lang,
    },
}

type Bundle = FluentBundle<FluentResource>;

macro_rules! catalogue {
    ($folder:literal) => {
        &[
            include_str!(concat!($folder, "/common.ftl")),
            include_str!(concat!($folder, "/explain.ftl")),
            include_str!(concat!($folder, "/notify.ftl")),
            include_str!(concat!($folder, "/assistant.ftl")),
            include_str!(concat!($folder, "/errors.ftl")),
            include_str!(concat!($folder, "/cli.ftl")),
            include_str!(concat!($folder, "/page.ftl")),
        ]
    };
}

static RU: LazyLock<Bundle> = LazyLock::new(|| bundle(Lang::Ru, catalogue!("ru")));
static EN: LazyLock<Bundle> = LazyLock::new(|| bundle(Lang::En, catalogue!("en")));

fn bundle(lang: Lang, files: &[&str]) -> Bundle {
    let locale = lang.code().parse().unwrap_or_default();
    let mut bundle = Bundle::new_concurrent(vec![locale]);
    // Marks of direction around each value would be in the way of whoever copies or compares; both languages run one way.
    bundle.set_use_isolating(false);
    bundle.set_formatter(Some(match lang {
        Lang::Ru => written_ru,
        Lang::En => written_en,
    }));
    for file in files {
        // Both are parts of the program; tests read them and find what does not parse, and what stands there twice.
        let resource = FluentResource::try_new((*file).to_owned()).unwrap_or_else(|(resource, errors)| {
            tracing::error!(?errors, "a catalogue does not parse");
            resource
        });
        if let Err(errors) = bundle.add_resource(resource) {
            tracing::error!(?errors, "a message stands in the catalogues twice");
        }
    }
    bundle
}

fn written_ru<M>(value: &FluentValue<'_>, _: &M) -> Option<String> {
    written(Lang::Ru, value)
}

fn written_en<M>(value: &FluentValue<'_>, _: &M) -> Option<String> {
    written(Lang::En, value)
}

/// How a whole number is written; none for what is no number.
fn written(lang: Lang, value: &FluentValue<'_>) -> Option<String> {
    match value {
        #[expect(clippy::cast_possible_truncation, reason = "made of an i64 in `say`")]
        FluentValue::Number(number) => Some(number::integer(lang, number.value as i64)),
        _ => None,
    }
}

fn of(lang: Lang) -> &'static Bundle {
    match lang {
        Lang::Ru => &RU,
        Lang::En => &EN,
    }
}

/// Whether there is such a message.
pub fn has(id: &str) -> bool {
    EN.has_message(id)
}

/// A message with its values.
pub fn say(lang: Lang, id: &str, args: &[(&str, Arg)]) -> Result<String, WordError> {
    let bundle = of(lang);
    let pattern = bundle.get_message(id).and_then(|message| message.value());
    let pattern = pattern.ok_or_else(|| WordError::Unknown { id: id.to_owned(), lang })?;
    let mut values = FluentArgs::with_capacity(args.len());
    for (name, value) in args {
        values.set(
            *name,
            match value {
                Arg::Number(number) => FluentValue::from(*number),
                Arg::Text(text) => FluentValue::from(text.as_str()),
                Arg::Both(both) => FluentValue::from(both.get(lang)),
            },
        );
    }
    let mut errors = Vec::new();
    let said = bundle.format_pattern(pattern, Some(&values), &mut errors).into_owned();
    match errors.first() {
        None => Ok(said),
        Some(error) => Err(WordError::Unfilled { id: id.to_owned(), why: error.to_string(), lang }),
    }
}

macro_rules! numbers {
    ($($kind:ty: $number:ident => $value:expr),* $(,)?) => {$(
        impl From<$kind> for Arg {
            fn from($number: $kind) -> Self {
                Self::Number($value)
            }
        }
    )*};
}
numbers! {
    i64: number => number,
    u8: number => i64::from(number),
    u32: number => i64::from(number),
    u64: number => i64::try_from(number).unwrap_or(i64::MAX),
    usize: number => i64::try_from(number).unwrap_or(i64::MAX),
}

impl From<String> for Arg {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Arg {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<Both> for Arg {
    fn from(both: Both) -> Self {
        Self::Both(both)
    }
}

impl From<&Both> for Arg {
    fn from(both: &Both) -> Self {
        Self::Both(both.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plurals_follow_the_number() {
        let days = |lang, n: i64| say(lang, "duration-days", &[("n", n.into())]).expect("a known message");
        let said: Vec<_> = [1, 2, 5, 11, 12, 21, 22, 111].map(|n| days(Lang::Ru, n)).to_vec();
        assert_eq!(said, ["1 день", "2 дня", "5 дней", "11 дней", "12 дней", "21 день", "22 дня", "111 дней"]);
        assert_eq!([days(Lang::En, 1), days(Lang::En, 1_234)], ["1 day", "1,234 days"]);
    }

    #[test]
    fn what_is_missing_is_an_error() {
        assert!(matches!(say(Lang::En, "no-such-message", &[]), Err(WordError::Unknown { .. })));
        assert!(matches!(say(Lang::En, "duration-days", &[]), Err(WordError::Unfilled { .. })));
        assert!(matches!(say(Lang::Ru, "told-of", &[("address", "x".into())]), Err(WordError::Unfilled { .. })));
    }

    #[test]
    fn a_text_of_digits_is_no_number() {
        let said = say(Lang::Ru, "told-stale", &[("source", "7707083893".into())]).expect("a known message");
        assert!(said.ends_with("7707083893"), "{said}");
    }
}
