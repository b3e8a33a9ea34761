//! Amounts of money as pages write them: `1 234,56 ₽`, `$1,500.00`, `12,5 млн руб.`
//!
//! What else stands there makes it no amount: `от 5 000 ₽` and `5 000 ₽/мес.` mean something else.

/// Signs and words of currencies, in lower case.
const CURRENCIES: [(&str, &[&str]); 10] = [
    ("RUB", &["₽", "рублей", "рубля", "рубль", "руб", "р", "rub", "rur"]),
    ("USD", &["us$", "$", "usd", "долларов сша", "долл"]),
    ("EUR", &["€", "eur", "евро"]),
    ("GBP", &["£", "gbp"]),
    ("KZT", &["₸", "kzt", "тенге", "тг"]),
    ("BYN", &["byn", "бел. руб", "br"]),
    ("UAH", &["₴", "uah", "грн"]),
    ("CNY", &["¥", "cny", "юаней"]),
    ("AUD", &["a$", "au$", "$", "aud"]),
    ("CAD", &["c$", "ca$", "$", "cad"]),
];

/// Words for thousands and more, with how many places they move the point.
const MULTIPLES: [(&str, usize); 11] = [
    ("тысяч", 3),
    ("тыс", 3),
    ("миллионов", 6),
    ("млн", 6),
    ("миллиардов", 9),
    ("млрд", 9),
    ("thousand", 3),
    ("million", 6),
    ("billion", 9),
    ("bn", 9),
    ("k", 3),
];

/// The number in a text that is an amount in `currency`, and how many places its point moves; nothing else may stand
/// there. The number is as written, with its own signs.
pub(super) fn amount<'a>(text: &'a str, currency: &str) -> Option<(&'a str, usize)> {
    let sign = |c: char| matches!(c, '-' | '\u{2212}' | '+');
    let first = text.find(|c: char| c.is_ascii_digit())?;
    let last = text.rfind(|c: char| c.is_ascii_digit())? + 1;
    let before = text.get(..first)?.trim_end();
    let (before, start) = match before.chars().next_back() {
        Some(c) if sign(c) => {
            let start = before.len() - c.len_utf8();
            (before.get(..start)?, start)
        }
        _ => (before, first),
    };
    let number = text.get(start..last)?;
    let plain = |c: char| c.is_ascii_digit() || c.is_whitespace() || sign(c) || matches!(c, '.' | ',' | '\'' | '’');
    if !number.chars().all(plain) {
        return None;
    }
    let words = format!("{} {}", before, text.get(last..)?).to_lowercase();
    Some((number, understood(&words, currency)?))
}

/// How many places the words move the point; none where a word is not known, or names another currency.
fn understood(words: &str, currency: &str) -> Option<usize> {
    let own = CURRENCIES.iter().find(|(code, _)| *code == currency).map_or(&[] as &[&str], |(_, marks)| marks);
    let code = currency.to_lowercase();
    let mut places = 0;
    let mut rest = words.trim_start_matches(|c: char| c.is_whitespace() || c == '.');
    while !rest.is_empty() {
        let follows = |mark: &str| {
            let after = rest.strip_prefix(mark)?;
            // A mark of letters ends where letters end.
            let goes_on = mark.ends_with(char::is_alphabetic) && after.starts_with(char::is_alphabetic);
            (!goes_on).then_some(after)
        };
        if let Some((after, moved)) = MULTIPLES.iter().find_map(|(word, n)| Some((follows(word)?, *n))) {
            (rest, places) = (after, places + moved);
        } else {
            rest = own.iter().find_map(|mark| follows(mark)).or_else(|| follows(&code))?;
        }
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '.');
    }
    (places <= 9).then_some(places)
}

/// Moves the point of `-?digits(.digits)?` to the right.
pub(super) fn moved(number: &str, places: usize) -> String {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let taken: String = fraction.chars().chain(std::iter::repeat('0')).take(places).collect();
    let rest: String = fraction.chars().skip(places).collect();
    if rest.is_empty() { format!("{whole}{taken}") } else { format!("{whole}{taken}.{rest}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts() {
        for (text, currency, want) in [
            ("1 234,56 ₽", "RUB", Some(("1 234,56", 0))),
            ("12,5 млн руб.", "RUB", Some(("12,5", 6))),
            ("-5 тыс. р.", "RUB", Some(("-5", 3))),
            ("$1,500.00", "USD", Some(("1,500.00", 0))),
            ("$1,500.00", "AUD", Some(("1,500.00", 0))),
            ("USD 5", "USD", Some(("5", 0))),
            ("5", "RUB", Some(("5", 0))),
            ("CHF 5", "CHF", Some(("5", 0))),
            ("5 €", "RUB", None),
            ("от 5 000 ₽", "RUB", None),
            ("5 000 ₽/мес.", "RUB", None),
            ("5 – 7 ₽", "RUB", None),
            ("5 рублейка", "RUB", None),
            ("₽", "RUB", None),
        ] {
            assert_eq!(amount(text, currency), want, "{text}");
        }
        assert_eq!(moved("12.5", 6), "12500000");
        assert_eq!(moved("-0.0015", 3), "-0001.5");
        assert_eq!(moved("7", 0), "7");
    }
}
