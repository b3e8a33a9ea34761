//! Numbers as each language writes them.

use super::Lang;

/// Between thousands in Russian: a narrow space that does not break.
const NARROW: char = '\u{202f}';

/// A whole number with its thousands apart.
pub fn integer(lang: Lang, number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let sign = if number < 0 { "\u{2212}" } else { "" };
    format!("{sign}{}", grouped(lang, &digits))
}

fn grouped(lang: Lang, digits: &str) -> String {
    // Four digits stay together in Russian, as its typography wants.
    if lang == Lang::Ru && digits.len() <= 4 {
        return digits.to_owned();
    }
    let separator = if lang == Lang::Ru { NARROW } else { ',' };
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(separator);
        }
        out.push(digit);
    }
    out
}

/// A decimal of the interface (`"1234567.5"`) for people; what is none is left as it stands.
pub fn decimal(lang: Lang, text: &str) -> String {
    let (sign, rest) = text.strip_prefix('-').map_or(("", text), |rest| ("\u{2212}", rest));
    let (whole, fraction) = rest.split_once('.').unwrap_or((rest, ""));
    if whole.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit()) {
        return text.to_owned();
    }
    let point = if lang == Lang::Ru { "," } else { "." };
    let fraction = if fraction.is_empty() { String::new() } else { format!("{point}{fraction}") };
    format!("{sign}{}{fraction}", grouped(lang, whole))
}

#[cfg(test)]
mod tests {
    use super::decimal;
    use crate::words::Lang::{En, Ru};

    #[test]
    fn numbers_are_written_as_each_language_does() {
        assert_eq!(decimal(Ru, "1234567.5"), "1\u{202f}234\u{202f}567,5");
        assert_eq!(decimal(En, "-1234567.5"), "\u{2212}1,234,567.5");
        assert_eq!(decimal(Ru, "2024"), "2024");
        assert_eq!(decimal(En, "7707-x"), "7707-x");
    }
}
