//! Text before meaning: one form for case, ё, look-alikes, dashes, quotes and white space; cadastral numbers found.
//!
//! [`tidy`] is idempotent, and everything after it sees only letters, digits, space and `, . - /`.

use unicode_normalization::UnicodeNormalization;

/// Longest input that can be an address, in characters.
pub const MAX_CHARS: usize = 600;

/// What [`tidy`] met on its way.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Tidied {
    /// The text.
    pub text: String,
    /// Latin letters were read as the Cyrillic ones they look like.
    pub lookalikes: bool,
    /// Characters were dropped that no address holds: controls, emoji.
    pub dropped: bool,
}

/// Brings text to the one form that the parser reads.
pub fn tidy(input: &str) -> Tidied {
    let mut out = Tidied::default();
    // Once may not be enough: a compatibility character can expand to one that lower-cases to another such.
    let mut text = fold(input, &mut out.dropped);
    for _ in 0..4 {
        let again = fold(&text, &mut out.dropped);
        if again == text {
            break;
        }
        text = again;
    }
    if text.chars().any(is_cyrillic) {
        text = lookalikes(&text, &mut out.lookalikes);
    }
    out.text = text;
    out
}

fn fold(input: &str, dropped: &mut bool) -> String {
    let mut out = String::with_capacity(input.len());
    let numero = input.replace(['№', '\u{ad}', '\u{200b}', '\u{200c}', '\u{200d}', '\u{feff}'], " ");
    // Case first, so that a sign such as «К» (kelvin) and its letter agree.
    for c in numero.nfkc().flat_map(char::to_lowercase).nfkc() {
        let c = match c {
            'ё' => 'е',
            '‐' | '‑' | '‒' | '–' | '—' | '―' | '−' | '﹣' | '-' => '-',
            '⁄' | '∕' | '\\' | '/' => '/',
            '.' => '.',
            ',' | ';' | '(' | ')' | '[' | ']' | '{' | '}' | '|' | '\n' | '\r' | '\t' | '、' | '،' => ',',
            c if c.is_alphabetic() || c.is_ascii_digit() => c,
            c if is_mark(c) => continue,
            c => {
                let expected = c.is_whitespace()
                    || c.is_ascii_punctuation()
                    || matches!(c, '«' | '»' | '“' | '”' | '„' | '’' | '‘' | '·' | '•');
                *dropped |= !expected;
                ' '
            }
        };
        match c {
            ' ' if out.ends_with([' ', ',']) || out.is_empty() => {}
            ',' => {
                while out.ends_with([' ', ',']) {
                    out.pop();
                }
                if !out.is_empty() {
                    out.push(',');
                }
            }
            c => out.push(c),
        }
    }
    while out.ends_with([' ', ',']) {
        out.pop();
    }
    out
}

/// Stress marks and variation selectors: they change no word.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{fe00}'..='\u{fe0f}' | '\u{1ab0}'..='\u{1aff}')
}

/// A letter of the Cyrillic block.
pub fn is_cyrillic(c: char) -> bool {
    matches!(c, '\u{400}'..='\u{52f}')
}

fn twin(c: char) -> Option<char> {
    Some(match c {
        'a' => 'а',
        'b' => 'в',
        'c' => 'с',
        'e' => 'е',
        'h' => 'н',
        'k' => 'к',
        'm' => 'м',
        'o' => 'о',
        'p' => 'р',
        't' => 'т',
        'x' => 'х',
        'y' => 'у',
        _ => return None,
    })
}

/// In a line with Cyrillic letters: a word whose Latin letters all have a Cyrillic twin is Cyrillic.
fn lookalikes(text: &str, met: &mut bool) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split_inclusive(|c: char| !c.is_alphabetic()) {
        let latin = word.chars().any(|c| c.is_ascii_alphabetic());
        let all = word.chars().all(|c| !c.is_ascii_alphabetic() || twin(c).is_some());
        if latin && all {
            *met = true;
            out.extend(word.chars().map(|c| twin(c).unwrap_or(c)));
        } else {
            out.push_str(word);
        }
    }
    out
}

/// Takes the first cadastral number out of the text; gives it zero-padded, and the text without it.
pub fn take_cadastral(input: &str) -> (Option<String>, String) {
    let chars: Vec<char> = input.chars().collect();
    let mut at = 0;
    while let Some(c) = chars.get(at) {
        let inside = at.checked_sub(1).and_then(|i| chars.get(i)).is_some_and(|p| p.is_ascii_digit() || *p == ':');
        if c.is_ascii_digit() && !inside {
            let run: String = chars.iter().skip(at).take_while(|c| c.is_ascii_digit() || **c == ':').collect();
            let tail_ok = run.trim_end_matches(':');
            if let Some(number) = cadastral(tail_ok) {
                let rest: String =
                    chars.iter().take(at).chain(chars.iter().skip(at + tail_ok.chars().count())).collect();
                return (Some(number), rest);
            }
        }
        at += 1;
    }
    (None, input.to_owned())
}

/// `\d{2}:\d{2}:\d{6,7}:\d+`, where leading zeros of the first two may have been lost and the last may have some; padded, or `None`.
pub fn cadastral(text: &str) -> Option<String> {
    let mut parts = text.split(':');
    let (region, district, quarter, object) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let digits = |s: &str, max: usize| !s.is_empty() && s.len() <= max && s.bytes().all(|b| b.is_ascii_digit());
    if parts.next().is_some()
        || !digits(region, 2)
        || !digits(district, 2)
        || !digits(quarter, 7)
        || !digits(object, 12)
    {
        return None;
    }
    // Quarters have six digits or seven: of a shorter one nobody can tell which it was.
    if quarter.len() < 6 {
        return None;
    }
    let object = object.trim_start_matches('0');
    if object.is_empty() {
        return None;
    }
    Some(format!("{region:0>2}:{district:0>2}:{quarter}:{object}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_form() {
        assert_eq!(tidy("  г.\u{a0}Москва ,\t«Тверская»  ул.—7 ").text, "г. москва, тверская ул.-7".replace(", ", ","));
        assert_eq!(tidy("MOCKBA, ул. Тверскaя 7A").text, "москва,ул. тверская 7а");
        assert_eq!(tidy("Ёлочная").text, "елочная");
    }

    #[test]
    fn cadastral_numbers() {
        assert_eq!(cadastral("38:6:144003:4723").as_deref(), Some("38:06:144003:4723"));
        assert_eq!(cadastral("77:1:0001001:00012").as_deref(), Some("77:01:0001001:12"));
        assert_eq!(cadastral("12:30:45:1"), None);
        assert_eq!(cadastral("77:1:1001:12"), None);
        assert_eq!(take_cadastral("кад. № 77:01:0001001:12, Москва").0.as_deref(), Some("77:01:0001001:12"));
    }
}
