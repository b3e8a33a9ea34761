//! Values as scripts write them: JSON, and the literals of JavaScript that are not quite JSON.
//!
//! Bare and single-quoted names, trailing commas, `undefined`, `!0`, comments, `JSON.parse("…")`. Nothing is computed: a
//! function or an expression is no value.

use serde_json::{Map, Number, Value};

/// Deeper than this is no data of a page.
const MAX_DEPTH: u32 = 200;

/// All of a text, perhaps inside of an HTML comment.
pub(super) fn whole(text: &str) -> Option<Value> {
    let text = text.trim();
    let text = text.strip_prefix("<!--").map_or(text, |text| text.strip_suffix("-->").unwrap_or(text)).trim();
    let text = text.strip_prefix("//<![CDATA[").map_or(text, |text| text.strip_suffix("//]]>").unwrap_or(text)).trim();
    if let Ok(value) = super::json::parse(text) {
        return Some(value);
    }
    let mut reader = Reader { rest: text };
    let value = reader.value(0)?;
    reader.space();
    (reader.rest.is_empty() || reader.rest == ";").then_some(value)
}

/// The value that follows `marker` first: `window.x` in `window.x = {…};`, `"offers":` in `{"offers": […]}`.
pub(super) fn after(text: &str, marker: &str) -> Option<Value> {
    let name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$');
    let mut from = 0;
    while let Some(found) = text.get(from..)?.find(marker) {
        let start = from + found;
        from = start + marker.len();
        // `max` is not the variable `x`.
        let inside = marker.starts_with(name) && text.get(..start)?.ends_with(name);
        let mut reader = Reader { rest: text.get(from..)? };
        if inside || (marker.ends_with(name) && reader.rest.starts_with(name)) {
            continue;
        }
        reader.space();
        if !reader.rest.starts_with("==") && !reader.eat('=') {
            reader.eat(':');
        }
        reader.space();
        let holds = reader.rest.starts_with(['{', '[', '"', '\'']) || reader.rest.starts_with("JSON.parse");
        if holds && let Some(value) = reader.value(0) {
            return Some(value);
        }
    }
    None
}

/// What is still to be read.
struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn skip(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }

    fn eat(&mut self, c: char) -> bool {
        let there = self.rest.starts_with(c);
        if there {
            self.skip(c.len_utf8());
        }
        there
    }

    fn word(&mut self, word: &str) -> bool {
        let there = self
            .rest
            .strip_prefix(word)
            .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '(' | '.')));
        if there {
            self.skip(word.len());
        }
        there
    }

    /// White space and comments.
    fn space(&mut self) {
        loop {
            self.rest = self.rest.trim_start();
            if let Some(comment) = self.rest.strip_prefix("/*") {
                self.rest = comment.split_once("*/").map_or("", |(_, rest)| rest);
            } else if let Some(comment) = self.rest.strip_prefix("//") {
                self.rest = comment.split_once('\n').map_or("", |(_, rest)| rest);
            } else {
                return;
            }
        }
    }

    fn value(&mut self, depth: u32) -> Option<Value> {
        if depth > MAX_DEPTH {
            return None;
        }
        self.space();
        match self.rest.chars().next()? {
            '{' => self.object(depth),
            '[' => self.array(depth),
            '"' | '\'' => self.string().map(Value::String),
            '-' | '0'..='9' => self.number(),
            _ => self.named(depth),
        }
    }

    fn named(&mut self, depth: u32) -> Option<Value> {
        let words = [
            ("null", Value::Null),
            ("undefined", Value::Null),
            ("NaN", Value::Null),
            ("true", Value::Bool(true)),
            ("false", Value::Bool(false)),
            ("!0", Value::Bool(true)),
            ("!1", Value::Bool(false)),
        ];
        for (word, value) in words {
            if self.word(word) {
                return Some(value);
            }
        }
        // `void 0` is how minifiers write undefined.
        if self.word("void") {
            self.space();
            return self.eat('0').then_some(Value::Null);
        }
        let rest = self.rest.strip_prefix("JSON.parse")?;
        self.rest = rest;
        self.space();
        if !self.eat('(') {
            return None;
        }
        self.space();
        let text = self.string()?;
        self.space();
        if !self.eat(')') {
            return None;
        }
        // Each text within a text is shorter, but counts as one level all the same.
        if depth >= MAX_DEPTH { None } else { super::json::parse(&text).ok() }
    }

    fn object(&mut self, depth: u32) -> Option<Value> {
        self.skip(1);
        let mut map = Map::new();
        loop {
            self.space();
            if self.eat('}') {
                return Some(Value::Object(map));
            }
            let key = match self.rest.chars().next()? {
                '"' | '\'' => self.string()?,
                _ => {
                    let end = self.rest.find(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '$'))?;
                    let key = self.rest.get(..end).filter(|key| !key.is_empty())?.to_owned();
                    self.skip(end);
                    key
                }
            };
            self.space();
            if !self.eat(':') {
                return None;
            }
            let value = self.value(depth + 1)?;
            map.insert(key, value);
            self.space();
            if !self.eat(',') && !self.rest.starts_with('}') {
                return None;
            }
        }
    }

    fn array(&mut self, depth: u32) -> Option<Value> {
        self.skip(1);
        let mut values = Vec::new();
        loop {
            self.space();
            if self.eat(']') {
                return Some(Value::Array(values));
            }
            values.push(self.value(depth + 1)?);
            self.space();
            if !self.eat(',') && !self.rest.starts_with(']') {
                return None;
            }
        }
    }

    fn string(&mut self) -> Option<String> {
        let quote = self.rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        self.skip(1);
        let mut out = String::new();
        loop {
            let end = self.rest.find([quote, '\\', '\n'])?;
            out.push_str(self.rest.get(..end)?);
            self.skip(end);
            if self.eat(quote) {
                return Some(out);
            }
            if !self.eat('\\') {
                return None;
            }
            let escaped = self.rest.chars().next()?;
            self.skip(escaped.len_utf8());
            match escaped {
                'n' => out.push('\n'),
                't' => out.push('\t'),
                'r' => out.push('\r'),
                'b' => out.push('\u{8}'),
                'f' => out.push('\u{C}'),
                'v' => out.push('\u{B}'),
                '0' => out.push('\0'),
                '\n' => {}
                'x' => out.push(char::from_u32(self.hex(2)?)?),
                'u' => out.push(self.unicode()?),
                other => out.push(other),
            }
        }
    }

    fn hex(&mut self, digits: usize) -> Option<u32> {
        let text = self.rest.get(..digits)?;
        let number = u32::from_str_radix(text, 16).ok()?;
        self.skip(digits);
        Some(number)
    }

    /// After `\u`: four digits, or two such escapes for one character, or `{…}`.
    fn unicode(&mut self) -> Option<char> {
        if self.eat('{') {
            let end = self.rest.find('}')?;
            let code = u32::from_str_radix(self.rest.get(..end)?, 16).ok()?;
            self.skip(end + 1);
            return char::from_u32(code);
        }
        let high = self.hex(4)?;
        if !(0xD800..0xDC00).contains(&high) {
            return char::from_u32(high);
        }
        self.rest = self.rest.strip_prefix("\\u")?;
        let low = self.hex(4)?.checked_sub(0xDC00)?;
        char::from_u32(0x10000 + ((high - 0xD800) << 10) + low)
    }

    fn number(&mut self) -> Option<Value> {
        let end = self.rest.find(|c: char| !c.is_ascii_digit() && !matches!(c, '-' | '+' | '.' | 'e' | 'E'));
        let text = self.rest.get(..end.unwrap_or(self.rest.len()))?;
        let value = match text.parse::<i64>() {
            Ok(whole) => Value::from(whole),
            // As in a JSON answer: a number with more digits than a double holds is read as its text.
            Err(_) if text.bytes().filter(u8::is_ascii_digit).count() > 15 && text.parse::<f64>().is_ok() => {
                Value::from(text)
            }
            Err(_) => Value::Number(Number::from_f64(text.parse().ok()?)?),
        };
        self.skip(text.len());
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn json_and_almost_json() {
        for (text, want) in [
            (r#" {"a": [1, 2.5, "x"]} "#, Some(json!({"a": [1, 2.5, "x"]}))),
            ("<!-- {\"a\": 1} -->", Some(json!({"a": 1}))),
            (
                "{a: 'it\\'s', $b: [1,], /* c */ \"d\": !0, e: undefined, f: void 0,}",
                Some(json!({
                "a": "it's", "$b": [1], "d": true, "e": null, "f": null})),
            ),
            ("{'п': '\\u0434\\x41\\u{1F600}\\uD83D\\uDE00'}", Some(json!({"п": "дA😀😀"}))),
            ("[12345678901234567.89, -3]", Some(json!(["12345678901234567.89", -3]))),
            ("{a: f(1)}", None),
            ("{a: trueish}", None),
            ("{a 1}", None),
            ("{\"a\": 1} + 2", None),
            ("", None),
        ] {
            assert_eq!(whole(text), want, "{text}");
        }
        assert_eq!(whole(&"[".repeat(100_000)), None, "no stack is lost");
    }

    #[test]
    fn variables() {
        let script = r#"var max = {"no": 1}; if (window.x == {}) {} window.x = {"a": {b: [1, 2]}}; window.xy = 5;
            window.state = JSON.parse("{\"n\": \"\u0434\\u0434\"}");
            cfg = (cfg || []).concat([{key: "initialState", value: {offers: []}}]);"#;
        assert_eq!(after(script, "window.x"), Some(json!({"a": {"b": [1, 2]}})));
        assert_eq!(after(script, "x"), Some(json!({"a": {"b": [1, 2]}})), "the x of `max` and `xy` is another");
        assert_eq!(after(script, "window.state"), Some(json!({"n": "дд"})));
        assert_eq!(after(script, ".concat("), Some(json!([{"key": "initialState", "value": {"offers": []}}])));
        assert_eq!(after(script, "value"), Some(json!({"offers": []})));
        assert_eq!(after(script, "window.gone"), None);
        assert_eq!(after(script, "window.xy"), None, "a bare number is no data of a page");
    }
}
