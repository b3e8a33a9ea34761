//! A draft cut into sentences and clauses, and what of it is no claim: questions, conditions, denials, plans.

use regex::Regex;
use std::sync::LazyLock;

/// A regular expression, compiled once. Words are matched without case.
macro_rules! pattern {
    ($name:ident, $($text:literal),+ $(,)?) => {
        pub(super) static $name: std::sync::LazyLock<regex::Regex> = std::sync::LazyLock::new(|| {
            // A pattern that does not compile matches nothing; the tests of this module compile each.
            regex::Regex::new(concat!("(?i)", $($text),+)).unwrap_or_else(|_| super::text::never())
        });
    };
}
pub(super) use pattern;

/// Matches nothing.
pub(super) fn never() -> Regex {
    #[expect(clippy::unwrap_used, reason = "a constant that a test compiles")]
    Regex::new(r"[^\s\S]").unwrap()
}

/// A sentence of the draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sentence<'a> {
    /// Where it begins, in bytes.
    pub at: usize,
    pub text: &'a str,
}

/// A part of a sentence that can claim something by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Clause<'a> {
    /// Where it begins in the draft, in bytes.
    pub at: usize,
    pub text: &'a str,
    /// Where it is a value, with the label before it: `Risk: low`, of which `text` is `low`. Else the text. Without marks of emphasis.
    pub labelled: String,
    /// Only the value behind the label; none: it has no label.
    pub value: Option<String>,
    /// The whole sentence.
    pub sentence: &'a str,
    /// The sentence before, of which "the source" or "it" may speak.
    pub before: &'a str,
}

static SENTENCE_END: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#"[.!?…]+["»”)]*(?:\s+|$)|\n+"#).unwrap_or_else(|_| never()));
// Behind an abbreviation no sentence ends: «ул. Тверская», "No. 5".
pattern!(
    ABBREVIATION,
    r"(?:\b(?:ул|д|г|кв|т|п|стр|корп|руб|тыс|млн|им|см|др|пр|no|mr|ms|dr|st|e\.g|i\.e|etc)|\b\p{L})\.$"
);
pattern!(STRONG_BREAK, r";\s*|,?\s+(?:but|however|yet|though|although|whereas)\s+|,\s*(?:но|однако|зато|хотя)\s+");
// Between a label and its value. A row of a table is one as well.
pattern!(LABEL_END, r"^\s*(?:[:—–=|*-]|\s)+$");
/// The most words of a label: what is longer says something by itself.
const LABEL_WORDS: usize = 6;
pattern!(WEAK_BREAK, r",\s+|:\s+|\s+[—–-]\s+|\s+(?:and|while|because|so that)\s+|\s+(?:потому что|поскольку)\s+");

/// Whether it is written in Cyrillic, for the greater part.
pub(super) fn is_russian(text: &str) -> bool {
    let cyrillic = text.chars().filter(|c| matches!(*c, 'а'..='я' | 'А'..='Я' | 'ё' | 'Ё')).count();
    2 * cyrillic > text.chars().filter(|c| c.is_alphabetic()).count()
}

/// The sentences of a draft.
pub(super) fn sentences(draft: &str) -> Vec<Sentence<'_>> {
    let mut out = Vec::new();
    let mut from = 0;
    for end in SENTENCE_END.find_iter(draft) {
        let before = draft.get(from..=end.start()).unwrap_or_default();
        let goes_on = draft.get(end.end()..).and_then(|rest| rest.chars().next()).is_some_and(char::is_lowercase);
        if end.as_str().starts_with('.') && (ABBREVIATION.is_match(before) || goes_on) && !end.as_str().contains('\n') {
            continue;
        }
        push(&mut out, draft, from, end.end());
        from = end.end();
    }
    push(&mut out, draft, from, draft.len());
    out
}

fn push<'a>(out: &mut Vec<Sentence<'a>>, draft: &'a str, from: usize, to: usize) {
    if let Some((at, text)) = trimmed(draft, from, to) {
        out.push(Sentence { at, text });
    }
}

fn trimmed(text: &str, from: usize, to: usize) -> Option<(usize, &str)> {
    let part = text.get(from..to)?;
    let bare = part.trim_start_matches(|c: char| c.is_whitespace() || "-*•#>".contains(c));
    let at = from + part.len() - bare.len();
    let bare = bare.trim_end();
    bare.chars().any(char::is_alphanumeric).then_some((at, bare))
}

fn parts<'a>(text: &'a str, breaks: &Regex) -> Vec<(usize, &'a str)> {
    let mut out = Vec::new();
    let mut from = 0;
    for found in breaks.find_iter(text) {
        out.extend(trimmed(text, from, found.start()));
        from = found.end();
    }
    out.extend(trimmed(text, from, text.len()));
    out
}

/// A clause with the label before it, and the value alone where it has one. `from` is where its label begins, itself included: labels follow
/// one another («Суды: источник ответил: 3 записи»).
fn with_label(segment: &str, from: usize, at: usize, text: &str) -> (String, Option<String>) {
    let whole = segment.get(from..at + text.len()).unwrap_or(text);
    let plain = plain(whole);
    // Marks of emphasis and of tables hide a label that no break was found behind: `**Risk:** low`, `| Risk | low |`.
    let inner = INNER_LABEL.captures(&plain).filter(|found| few_words(found.get(1).map_or("", |label| label.as_str())));
    let value = if from < at {
        Some(self::plain(text))
    } else {
        inner.and_then(|found| Some(found.get(2)?.as_str().trim().to_owned()))
    };
    (plain, value)
}

fn few_words(text: &str) -> bool {
    text.split_whitespace().count() <= LABEL_WORDS
}

/// A text without marks of emphasis; the lines of a table are colons.
fn plain(text: &str) -> String {
    let bare = text.trim().trim_matches(|c: char| c == '|' || c.is_whitespace());
    bare.replace(['*', '_', '`'], "").replace(" | ", ": ").replace(" = ", ": ")
}
// A label and its value within one clause.
pattern!(INNER_LABEL, r"^([\p{L}][^:.;,]{1,60}?)\s*(?::\s+|\s+[—–-]\s+)(.+)$");

/// The clauses of a sentence that claim something.
pub(super) fn clauses<'a>(sentence: &Sentence<'a>, before: &'a str) -> Vec<Clause<'a>> {
    let mut out = Vec::new();
    if sentence.text.trim_end_matches(['"', '»', ')', '!']).ends_with('?') {
        return out;
    }
    for (segment_at, segment) in parts(sentence.text, &STRONG_BREAK) {
        if is_no_claim(segment) {
            continue;
        }
        // Where the label of the next clause begins, if this one is its label.
        let (mut label, mut begun, mut end) = (0, 0, 0);
        for (at, text) in parts(segment, &WEAK_BREAK) {
            let between = segment.get(end..at).unwrap_or_default();
            let labelled =
                end > 0 && LABEL_END.is_match(between) && few_words(segment.get(begun..end).unwrap_or_default());
            if !labelled {
                label = at;
            }
            (begun, end) = (at, at + text.len());
            let (whole, value) = with_label(segment, label, at, text);
            let at = sentence.at + segment_at + at;
            out.push(Clause { at, text, labelled: whole, value, sentence: sentence.text, before });
        }
    }
    out
}

// "Cannot say that it is clean", «не значит, что долгов нет»: the claim is denied, not made.
pattern!(
    DENIED,
    r"\b(?:can ?not|can't|could not|couldn't|unable to|impossible to|would not|must not|should not|don't|do not|does not|doesn't|did not|not)\s+(?:be\s+)?(?:say|saying|claiming|saying that|said|call|called|claim|claimed|know|tell|state|conclude|assume|confirm|promise|guarantee)\b",
    r"|\b(?:do(?:es)?|did) ?(?:not|n't) (?:mean|prove|imply|show|confirm|guarantee)\b|\b(?:is|are) not something\b|\bno (?:proof|guarantee|evidence) (?:that|of)\b",
    r"|\b(?:not (?:yet )?known|unknown|unclear|not certain|open question)\b",
    r"|\bне (?:значит|означа\w+|доказыва\w+|гарантир\w+|говор\w+ о|утвержда\w+|обеща\w+|заявля\w+|счита\w+|подтвержда\w+ отсутств\w+|следует)\b|\bнельзя\b|\bневозможно (?:сказать|утверждать)\b|\bне (?:могу|можем|берусь|стоит|следует) (?:сказать|утверждать|считать|называть)\b",
    r"|\b(?:неизвестно|неясно|не знаем|не знаю|непонятно)\b"
);
pattern!(
    SUPPOSED,
    r"\b(?:if|once|unless|whether|until|in case|as soon as)\b|^(?:please|start|run|re-?check|ask|request|check|order|wait|consider|make sure)\b|\b(?:will|shall|going to|may|might|could|should|would|recommend\w*|suggest\w*|advise\w*|needs? to|has to|have to|must)\b",
    r"|\b(?:если|как только|пока не|чтобы|ли|будет|будут|может|могут|мог|следует|стоит|нужно|надо|необходимо|рекоменд\w+|советую|хотите|попробуйте)\b|^(?:перед|прежде)\b|\b(?:запросите|запустите|проверьте|дождитесь|подождите|обновите|закажите)\b"
);

fn is_no_claim(segment: &str) -> bool {
    DENIED.is_match(segment) || SUPPOSED.is_match(segment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drafts_are_cut_where_claims_end() {
        let cut = |draft| sentences(draft).into_iter().map(|sentence| sentence.text).collect::<Vec<_>>();
        assert_eq!(cut("Дом на ул. Тверская, д. 7. Всё."), ["Дом на ул. Тверская, д. 7.", "Всё."]);
        assert_eq!(cut("- One. Two!\n- Three"), ["One.", "Two!", "Three"]);
        let sentence = sentences("The list: clean, but the courts were not asked; wait.")[0];
        let clauses: Vec<&str> = clauses(&sentence, "").iter().map(|clause| clause.text).collect();
        assert_eq!(clauses, ["The list", "clean", "the courts were not asked"]);
    }

    #[test]
    fn a_value_keeps_its_label() {
        let last = |text| {
            let sentence = sentences(text)[0];
            let clause = clauses(&sentence, "").pop().expect("a clause");
            (clause.labelled, clause.value)
        };
        let of = |labelled: &str, value: Option<&str>| (labelled.to_owned(), value.map(str::to_owned));
        for (text, labelled, value) in [
            ("Risk: low.", "Risk: low.", Some("low.")),
            ("Риск — низкий.", "Риск — низкий.", Some("низкий.")),
            ("**Risk:** low", "Risk: low", Some("low")),
            ("| Court cases | 3 |", "Court cases: 3", Some("3")),
            (
                "Courts (demo): the source answered: 3 records.",
                "Courts (demo): the source answered: 3 records.",
                Some("3 records."),
            ),
            ("Risk: low, court cases: none", "court cases: none", Some("none")),
            ("Risk: low, of course", "of course", None),
            ("The courts have answered", "The courts have answered", None),
            ("What we have found out about this flat is: clean", "clean", None),
        ] {
            assert_eq!(last(text), of(labelled, value), "{text}");
        }
    }

    #[test]
    fn what_is_not_claimed_is_let_pass() {
        for text in [
            "Are all sources checked?",
            "I can't say that it is clean.",
            "Это не значит, что долгов нет.",
            "Если суды проверены сегодня",
        ] {
            assert!(clauses(&sentences(text)[0], "").is_empty(), "{text}");
        }
        assert!(!clauses(&sentences("Долгов нет.")[0], "").is_empty());
    }

    #[test]
    fn a_pattern_that_compiles_is_not_the_one_that_matches_nothing() {
        for pattern in [
            &*ABBREVIATION,
            &*STRONG_BREAK,
            &*WEAK_BREAK,
            &*LABEL_END,
            &*INNER_LABEL,
            &*DENIED,
            &*SUPPOSED,
            &*SENTENCE_END,
        ] {
            assert_ne!(pattern.as_str(), never().as_str());
        }
    }
}
