//! Just enough of Rust to see what a file names: comments and literals blanked, test modules cut out, paths listed with
//! their `use` groups unfolded. Not a parser: macros that build paths from pieces are not seen through.

/// The text with comments, strings and character literals turned to spaces; lines stay where they are.
pub fn blank(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let at = |i: usize| chars.get(i).copied().unwrap_or('\0');
    let mut out = String::with_capacity(text.len());
    let mut i = 0;
    while i < chars.len() {
        let end = match (at(i), at(i + 1)) {
            ('/', '/') => (i..chars.len()).find(|&j| at(j) == '\n').unwrap_or(chars.len()),
            ('/', '*') => end_of_block(&chars, i),
            ('"', _) => end_of_string(&chars, i),
            ('r', '"' | '#') if !is_word(if i == 0 { ' ' } else { at(i - 1) }) || (i > 0 && at(i - 1) == 'b') => {
                end_of_raw(&chars, i)
            }
            ('\'', '\\') => (i + 3..chars.len()).find(|&j| at(j) == '\'').map_or(chars.len(), |j| j + 1),
            ('\'', _) if at(i + 2) == '\'' => i + 3,
            _ => i,
        };
        if end == i {
            out.push(at(i));
            i += 1;
        } else {
            out.extend((i..end).map(|j| if at(j) == '\n' { '\n' } else { ' ' }));
            i = end;
        }
    }
    out
}

fn end_of_block(chars: &[char], start: usize) -> usize {
    let mut depth = 0;
    let mut i = start;
    while i < chars.len() {
        match (chars.get(i), chars.get(i + 1)) {
            (Some('/'), Some('*')) => (depth, i) = (depth + 1, i + 2),
            (Some('*'), Some('/')) => (depth, i) = (depth - 1, i + 2),
            _ => i += 1,
        }
        if depth == 0 {
            break;
        }
    }
    i
}

fn end_of_string(chars: &[char], start: usize) -> usize {
    let mut i = start + 1;
    while let Some(&c) = chars.get(i) {
        match c {
            '\\' => i += 2,
            '"' => return i + 1,
            _ => i += 1,
        }
    }
    chars.len()
}

/// The end of `r"…"` or `r#"…"#`; `start` itself where it is no raw string (`r#type`).
fn end_of_raw(chars: &[char], start: usize) -> usize {
    let hashes = chars.iter().skip(start + 1).take_while(|c| **c == '#').count();
    let open = start + 1 + hashes;
    if chars.get(open) != Some(&'"') {
        return start;
    }
    (open + 1..chars.len())
        .find(|&i| {
            chars.get(i) == Some(&'"') && chars.iter().skip(i + 1).take(hashes).filter(|c| **c == '#').count() == hashes
        })
        .map_or(chars.len(), |i| i + 1 + hashes)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Whether a file holds tests only.
pub fn is_test(path: &str) -> bool {
    path.starts_with("tests/") || path.ends_with("/tests.rs") || path.contains("/tests/")
}

/// Blanked text without its `#[cfg(test)]` items: what the product is made of.
pub fn without_tests(blanked: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut out = String::new();
    let mut rest = blanked;
    while let Some(start) = rest.find(MARK) {
        let (before, marked) = rest.split_at(start);
        out.push_str(before);
        let (mut depth, mut end) = (0, marked.len());
        for (i, c) in marked.char_indices().skip(MARK.len()) {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            if depth == 0 && (c == '}' || c == ';') {
                end = i + 1;
                break;
            }
        }
        let (item, after) = marked.split_at(end);
        out.extend(item.chars().filter(|c| *c == '\n'));
        rest = after;
    }
    out.push_str(rest);
    out
}

/// A path that the text names, as written, with its line (from 1).
#[derive(Debug, PartialEq, Eq)]
pub struct Named {
    pub line: usize,
    pub path: Vec<String>,
}

/// Every path and every single word in blanked text; `use a::{b, c::d}` gives `a::b` and `a::c::d`.
pub fn paths(blanked: &str) -> Vec<Named> {
    let tokens = tokens(blanked);
    let mut found = Vec::new();
    let mut i = 0;
    while let Some((line, token)) = tokens.get(i) {
        if token.starts_with(is_word) {
            i = path(&tokens, i, &[], *line, &mut found);
        } else {
            i += 1;
        }
    }
    found
}

fn path(tokens: &[(usize, String)], start: usize, prefix: &[String], line: usize, found: &mut Vec<Named>) -> usize {
    let word = |i: usize| tokens.get(i).map(|(_, token)| token.as_str()).unwrap_or_default();
    let mut path = prefix.to_vec();
    let mut i = start;
    while word(i).starts_with(is_word) {
        path.push(word(i).to_owned());
        i += 1;
        if word(i) != "::" {
            break;
        }
        i += 1;
    }
    if word(i) == "{" && word(i - 1) == "::" {
        i += 1;
        while i < tokens.len() && word(i) != "}" {
            if word(i).starts_with(is_word) {
                let line = tokens.get(i).map_or(line, |(line, _)| *line);
                i = self::path(tokens, i, &path, line, found);
            } else {
                i += 1;
            }
        }
        return i + 1;
    }
    found.push(Named { line, path });
    i
}

fn tokens(blanked: &str) -> Vec<(usize, String)> {
    let mut tokens: Vec<(usize, String)> = Vec::new();
    for (number, line) in blanked.lines().enumerate() {
        let mut open = false;
        for c in line.chars() {
            let grows = tokens
                .last()
                .is_some_and(|(_, last)| open && (is_word(c) && last.starts_with(is_word) || c == ':' && last == ":"));
            match tokens.last_mut() {
                Some((_, last)) if grows => last.push(c),
                _ if !c.is_whitespace() => tokens.push((number + 1, c.to_string())),
                _ => {}
            }
            open = !c.is_whitespace();
        }
    }
    tokens
}

#[test]
fn blank_leaves_code_alone() {
    let text =
        "let a = \"use x;\"; // use y\n/* use /* z */ q */ let c = '\"'; let r = r#\"use w\"#; r#type b'\\''\nuse v;";
    let blanked = blank(text);
    assert_eq!(blanked.lines().count(), 3);
    assert!(blanked.ends_with("use v;") && blanked.contains("r#type"), "{blanked}");
    for gone in ["use x", "use y", "use z", "use w", "'"] {
        assert!(!blanked.contains(gone), "{gone} is still in {blanked}");
    }
    assert_eq!(blank("fn f<'a>(x: &'a str) {}"), "fn f<'a>(x: &'a str) {}");
}

#[test]
fn test_modules_are_cut_out() {
    let text = "use a;\n#[cfg(test)]\nmod tests {\n use b; { }\n}\nuse c;\n#[cfg(test)] mod other;\nuse d;";
    let kept = without_tests(text);
    assert_eq!(kept.lines().count(), text.lines().count());
    assert!(kept.contains("use a") && kept.contains("use c") && kept.contains("use d"), "{kept}");
    assert!(!kept.contains("use b") && !kept.contains("other"), "{kept}");
}

#[test]
fn groups_are_unfolded() {
    let named: Vec<String> = paths("use crate::{core::{job, policy::Spec}, views as v};\nlet x = std::fs::read(y);")
        .into_iter()
        .map(|named| format!("{}:{}", named.line, named.path.join("::")))
        .collect();
    for path in ["1:crate::core::job", "1:crate::core::policy::Spec", "1:crate::views", "2:std::fs::read"] {
        assert!(named.iter().any(|found| found == path), "{path} is not in {named:?}");
    }
}
