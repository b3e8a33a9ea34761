//! JSON, read so that no number loses a digit.

use super::Trouble;
use serde_json::Value;
use std::borrow::Cow;

pub(super) fn parse(text: &str) -> Result<Value, Trouble> {
    serde_json::from_str(&keep_long_numbers(text))
        .map_err(|e| Trouble::new("bad_json", format!("not JSON: line {}, column {}", e.line(), e.column())))
}

/// A double holds fifteen decimal digits for certain; numbers with more become texts, which decimals are read from
/// as well.
fn keep_long_numbers(text: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let mut copied = 0;
    let mut bytes = text.bytes().enumerate().peekable();
    let mut quoted = false;
    while let Some((start, byte)) = bytes.next() {
        match byte {
            b'\\' if quoted => {
                bytes.next();
            }
            b'"' => quoted = !quoted,
            b'-' | b'0'..=b'9' if !quoted => {
                let mut end = start + 1;
                while let Some((at, _)) =
                    bytes.next_if(|(_, b)| matches!(b, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'))
                {
                    end = at + 1;
                }
                let number = text.get(start..end).unwrap_or_default();
                let digits = number.bytes().filter(u8::is_ascii_digit).count();
                if digits > 15 && number.parse::<i64>().is_err() && serde_json::from_str::<f64>(number).is_ok() {
                    out.push_str(text.get(copied..start).unwrap_or_default());
                    out.extend(['"'].into_iter().chain(number.chars()).chain(['"']));
                    copied = end;
                }
            }
            _ => {}
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(text.get(copied..).unwrap_or_default());
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_numbers_keep_their_digits() {
        let value = parse(
            r#"{"a": 12345678901234567.89, "b": [1.5, -99999999999999999999], "c": "\"1234567890123456789.5", "d": 9223372036854775807}"#,
        );
        let want = serde_json::json!({
            "a": "12345678901234567.89", "b": [1.5, "-99999999999999999999"],
            "c": "\"1234567890123456789.5", "d": i64::MAX,
        });
        assert_eq!(value, Ok(want));
        assert!(parse("{\"a\": 1").is_err());
        assert!(parse("<html>").is_err());
        assert!(parse(&"[".repeat(100_000)).is_err(), "no stack is lost");
    }
}
