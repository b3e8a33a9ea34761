//! The words of everything that people read, in Russian and English: explanation, page, notifications, assistant, commands.
//!
//! They stand in catalogues of messages (Project Fluent, `ru/*.ftl` and `en/*.ftl`), built into the binary; plural forms follow CLDR. Both
//! languages have the same messages with the same variables, and no name is used that they lack: `tests/words` sees to it.
//! The words are chosen so that they can't overstate: a source *has answered*, nothing is ever "checked" or "clean", and
//! what was taken from an earlier check is said to be so.

mod catalogue;
mod cause;
mod number;
mod risk;
mod status;
mod time;
mod value;

pub use catalogue::{Arg, WordError, has, say};
pub use cause::{cause, not_asked};
pub use number::{decimal, integer};
pub use risk::{nobody_knows, nothing_known, risk, score, score_ends, score_of};
pub use status::status;
pub use time::{ago, day, duration, moment, moments, within};
pub use value::{attribute, label, usual_currency};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A language that sentences are returned in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lang {
    /// Russian.
    #[default]
    Ru,
    /// English.
    En,
}

impl Lang {
    /// Both, in the order of the page's switch.
    pub const ALL: [Self; 2] = [Self::Ru, Self::En];

    /// `ru` or `en`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Ru => "ru",
            Self::En => "en",
        }
    }

    /// Reads `ru`, `en`, or a tag that begins so, like `en-GB`.
    pub fn from_tag(tag: &str) -> Option<Self> {
        let primary = tag.trim().split(['-', '_', '.']).next().unwrap_or_default();
        Self::ALL.into_iter().find(|lang| lang.code().eq_ignore_ascii_case(primary))
    }
}

/// The same words in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct Both {
    /// Russian.
    pub ru: String,
    /// English.
    pub en: String,
}

impl Both {
    /// From two texts.
    pub fn new(ru: impl Into<String>, en: impl Into<String>) -> Self {
        Self { ru: ru.into(), en: en.into() }
    }

    /// The words in one language.
    pub fn get(&self, lang: Lang) -> &str {
        match lang {
            Lang::Ru => &self.ru,
            Lang::En => &self.en,
        }
    }

    /// Several, one behind the other.
    pub fn join(all: &[Self], between: &str) -> Self {
        let join = |lang| all.iter().map(|one| one.get(lang)).collect::<Vec<_>>().join(between);
        Self::new(join(Lang::Ru), join(Lang::En))
    }
}

impl From<[String; 2]> for Both {
    /// In the order of [`Lang::ALL`].
    fn from([ru, en]: [String; 2]) -> Self {
        Self { ru, en }
    }
}

/// What is no word, or has no other in the other language.
impl From<String> for Both {
    fn from(text: String) -> Self {
        Self { ru: text.clone(), en: text }
    }
}

impl From<&str> for Both {
    fn from(text: &str) -> Self {
        Self::new(text, text)
    }
}

impl From<&crate::core::policy::Words> for Both {
    fn from(words: &crate::core::policy::Words) -> Self {
        Self::new(words.ru.clone(), words.en.clone())
    }
}

/// A message in one language. A name that no catalogue has is a mistake in the program: it is logged and stands there itself.
pub fn one(lang: Lang, id: &str, args: &[(&str, Arg)]) -> String {
    say(lang, id, args).unwrap_or_else(|error| {
        tracing::error!(%error, "a message can't be said");
        id.to_owned()
    })
}

/// A message in both languages, as [`one`].
pub fn both(id: &str, args: &[(&str, Arg)]) -> Both {
    Both::new(one(Lang::Ru, id, args), one(Lang::En, id, args))
}

/// The word for a code of the interface: the message `section-code`, else the code itself. An unknown code is shown, never swallowed.
pub fn code(lang: Lang, section: &str, code: &str) -> String {
    let id = format!("{section}-{}", code.replace('.', "-"));
    if has(&id) { one(lang, &id, &[]) } else { code.to_owned() }
}

/// The word of a level of risk: ours, else the policy's, else its id.
pub fn level(id: &str, title: Option<Both>) -> Both {
    let ours = format!("level-{id}");
    if has(&ours) { both(&ours, &[]) } else { title.unwrap_or_else(|| Both::new(id, id)) }
}
