//! From bytes to text.
//!
//! The charset is taken from, in this order: a byte order mark, the source's file, the `Content-Type` header, the
//! document's own `<meta charset>` or `<?xml encoding?>`, else UTF-8. A choice that visibly does not fit (many
//! characters that can't be decoded, or UTF-8 declared to be a single-byte charset) is an error: names read in a
//! wrong charset would be news that never happened.

use super::Trouble;
use crate::core::policy::Format;
use encoding_rs::{Encoding, UTF_8};

/// How far into a document its own declaration is looked for, in bytes.
const DECLARATION_WITHIN: usize = 4096;

/// The text of `body`; `Err` holds the best text there is as well, for guards that look for words.
pub(super) fn decode(
    body: &[u8],
    configured: Option<&'static Encoding>,
    content_type: Option<&str>,
    format: Format,
) -> (String, Option<Trouble>) {
    if let Some((encoding, mark)) = Encoding::for_bom(body) {
        let (text, malformed) = encoding.decode_without_bom_handling(body.get(mark..).unwrap_or_default());
        return (text.to_string(), judge(&text, malformed, body, encoding));
    }
    let encoding = configured
        .or_else(|| content_type.and_then(from_content_type))
        .or_else(|| from_declaration(body, format))
        .unwrap_or(UTF_8);
    let (text, malformed) = encoding.decode_without_bom_handling(body);
    let trouble = judge(&text, malformed, body, encoding);
    (text.into_owned(), trouble)
}

fn judge(text: &str, malformed: bool, body: &[u8], encoding: &'static Encoding) -> Option<Trouble> {
    let name = encoding.name();
    if malformed {
        let lost = text.chars().filter(|c| *c == char::REPLACEMENT_CHARACTER).count();
        // One broken character in two hundred is a scratch on a page; more is another charset.
        if lost.saturating_mul(200) > text.chars().count() {
            return Some(Trouble::new("wrong_charset", format!("read as {name}, {lost} characters can't be decoded")));
        }
    }
    // No text of letters in a single-byte charset happens to be well-formed UTF-8 eight times over.
    if encoding.is_single_byte() && std::str::from_utf8(body).is_ok() {
        let letters = body.iter().filter(|b| **b >= 0xC2).count();
        if letters >= 8 {
            return Some(Trouble::new("wrong_charset", format!("declared as {name}, but it is UTF-8")));
        }
    }
    None
}

fn from_content_type(value: &str) -> Option<&'static Encoding> {
    let lower = value.to_ascii_lowercase();
    let (_, rest) = lower.split_once("charset=")?;
    label(rest)
}

fn from_declaration(body: &[u8], format: Format) -> Option<&'static Encoding> {
    let head = String::from_utf8_lossy(body.get(..DECLARATION_WITHIN.min(body.len()))?).to_ascii_lowercase();
    let found = match format {
        Format::Json | Format::Csv => None,
        Format::Xml => {
            let declaration = head.trim_start().strip_prefix("<?xml")?;
            let (declaration, _) = declaration.split_once("?>")?;
            label(declaration.split_once("encoding")?.1.trim_start().strip_prefix('=')?)
        }
        Format::Html => head
            .split("<meta")
            .skip(1)
            .filter_map(|meta| meta.split('>').next())
            .find_map(|meta| label(meta.split_once("charset")?.1.trim_start().strip_prefix('=')?)),
    };
    // A declaration that could be read byte by byte is not in UTF-16, whatever it says.
    found.map(|encoding| if encoding.is_ascii_compatible() { encoding } else { UTF_8 })
}

fn label(text: &str) -> Option<&'static Encoding> {
    let text = text.trim_start().trim_start_matches(['"', '\'']);
    let end = text.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ';' | '/' | ',')).unwrap_or(text.len());
    Encoding::for_label(text.get(..end)?.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<u8> {
        encoding_rs::WINDOWS_1251.encode(text).0.into_owned()
    }

    #[test]
    fn order_of_belief() {
        let russian = "Арбитражный суд города Москвы";
        let bytes = words(russian);
        let read = |body: &[u8], configured: Option<&str>, content_type: Option<&str>, format| {
            let configured = configured.and_then(|label| Encoding::for_label(label.as_bytes()));
            decode(body, configured, content_type, format)
        };
        for (configured, content_type) in [
            (Some("windows-1251"), None),
            (Some("windows-1251"), Some("text/html; charset=utf-8")),
            (None, Some("text/html; charset=\"windows-1251\"")),
            (None, Some("text/html;Charset=CP1251; x=y")),
        ] {
            assert_eq!(read(&bytes, configured, content_type, Format::Html), (russian.to_owned(), None));
        }
        let meta =
            words(&format!("<html><meta http-equiv=Content-Type content='text/html; charset=windows-1251'>{russian}"));
        assert!(read(&meta, None, Some("text/html"), Format::Html).0.ends_with(russian));
        let xml = words(&format!("<?xml version=\"1.0\" encoding='windows-1251' ?><a>{russian}</a>"));
        assert!(read(&xml, None, None, Format::Xml).0.contains(russian));
        let marked = [b"\xEF\xBB\xBF".as_slice(), russian.as_bytes()].concat();
        assert_eq!(read(&marked, Some("windows-1251"), None, Format::Csv), (russian.to_owned(), None), "a mark wins");
        assert_eq!(read(russian.as_bytes(), None, None, Format::Json), (russian.to_owned(), None));
        let utf16: Vec<u8> = [0xFEFF].into_iter().chain(russian.encode_utf16()).flat_map(u16::to_le_bytes).collect();
        assert_eq!(read(&utf16, None, None, Format::Json), (russian.to_owned(), None));
    }

    #[test]
    fn a_wrong_charset_is_found() {
        let russian = "Арбитражный суд города Москвы";
        let code = |(_, trouble): (String, Option<Trouble>)| trouble.map(|trouble| trouble.code);
        assert_eq!(code(decode(&words(russian), None, None, Format::Html)), Some("wrong_charset"));
        let says_1251 = Some("text/html; charset=windows-1251");
        assert_eq!(code(decode(russian.as_bytes(), None, says_1251, Format::Html)), Some("wrong_charset"));
        let scratch = [b"{\"a\": \"\xFF".as_slice(), &[b'x'; 1000], b"\"}"].concat();
        assert_eq!(code(decode(&scratch, None, None, Format::Json)), None, "one broken character");
    }
}
