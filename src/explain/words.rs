//! Words in two languages: what is said of rows and jobs, and how numbers are put into sentences.
//!
//! The words are chosen so that they can't overstate: a source *has answered*, nothing is ever "checked" or "clean",
//! and what was taken from an earlier check is said to be so.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A language that sentences are returned in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lang {
    /// Russian.
    #[default]
    Ru,
    /// English.
    En,
}

impl Lang {
    /// `ru` or `en`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Ru => "ru",
            Self::En => "en",
        }
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
}

impl From<&crate::core::policy::Words> for Both {
    fn from(words: &crate::core::policy::Words) -> Self {
        Self::new(words.ru.clone(), words.en.clone())
    }
}

/// Said of data that an earlier check brought, in Russian and English.
pub const REUSED: (&str, &str) = ("данные использованы из предыдущей проверки", "data reused from an earlier check");
/// Said of data that is a part of the answer to a larger question, in Russian and English.
pub const NARROWED: (&str, &str) = (
    "данные выбраны из предыдущего ответа на более широкий запрос",
    "data selected from an earlier answer to a larger question",
);
/// Said of a source that has nothing, in Russian and English.
pub const NOTHING_FOUND: (&str, &str) =
    ("источник ответил: записей не найдено", "the source answered: no records found");

/// The Russian form of a noun after a number: одна запись, две записи, пять записей.
pub fn plural<'a>(n: u64, one: &'a str, few: &'a str, many: &'a str) -> &'a str {
    match (n % 10, n % 100) {
        (1, rest) if rest != 11 => one,
        (2..=4, rest) if !(12..=14).contains(&rest) => few,
        _ => many,
    }
}

/// A duration in its largest whole unit, in both languages.
pub fn duration(seconds: u64) -> Both {
    let (n, ru, en) = match seconds {
        0..60 => (seconds, ["секунда", "секунды", "секунд"], "second"),
        60..3_600 => (seconds / 60, ["минута", "минуты", "минут"], "minute"),
        3_600..86_400 => (seconds / 3_600, ["час", "часа", "часов"], "hour"),
        _ => (seconds / 86_400, ["день", "дня", "дней"], "day"),
    };
    let [one, few, many] = ru;
    let ending = if n == 1 { "" } else { "s" };
    Both::new(format!("{n} {}", plural(n, one, few, many)), format!("{n} {en}{ending}"))
}

/// How old something is: «2 часа назад», "2 hours ago". Never «только что»: that would be read as "checked just now", and the
/// answer may have been another check's.
pub fn ago(seconds: u64) -> Both {
    if seconds < 1 {
        return Both::new("меньше секунды назад", "less than a second ago");
    }
    let words = duration(seconds);
    // The accusative of «секунда» and «минута» differs; the other units are the same.
    let ru = match words.ru.strip_suffix('а') {
        Some(stem) if stem.ends_with("секунд") || stem.ends_with("минут") => format!("{stem}у"),
        _ => words.ru,
    };
    Both::new(format!("{ru} назад"), format!("{} ago", words.en))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_agree_with_their_nouns() {
        for (seconds, ru, en) in [
            (0, "меньше секунды назад", "less than a second ago"),
            (1, "1 секунду назад", "1 second ago"),
            (60, "1 минуту назад", "1 minute ago"),
            (21 * 60, "21 минуту назад", "21 minutes ago"),
            (2 * 3_600, "2 часа назад", "2 hours ago"),
            (11 * 86_400, "11 дней назад", "11 days ago"),
        ] {
            assert_eq!((ago(seconds).ru.as_str(), ago(seconds).en.as_str()), (ru, en));
        }
        assert_eq!(duration(14 * 86_400), Both::new("14 дней", "14 days"));
    }
}
