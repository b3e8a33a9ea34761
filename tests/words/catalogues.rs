//! The catalogues: both languages have the same messages with the same variables and the plural forms of their language; every name
//! that the program uses is there, and every message that is there is used.

use fluent_syntax::ast;
use regex::Regex;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What a message wants: its variables, and of each choice among plural forms the forms that it has.
#[derive(Debug, Default, PartialEq, Eq)]
struct Message {
    variables: BTreeSet<String>,
    choices: Vec<BTreeSet<String>>,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &Path, endings: &[&str], into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, endings, into);
        } else if path.extension().is_some_and(|ending| endings.iter().any(|one| ending == *one)) {
            into.push(path);
        }
    }
    into.sort();
}

/// All messages of a language; a message that stands there twice, or does not parse, fails.
fn catalogue(lang: &str) -> BTreeMap<String, Message> {
    let mut all = Vec::new();
    files(&root().join("src/words").join(lang), &["ftl"], &mut all);
    assert!(!all.is_empty());
    let mut messages = BTreeMap::new();
    for file in all {
        let text = std::fs::read_to_string(&file).expect("readable");
        let resource = fluent_syntax::parser::parse(text.as_str())
            .unwrap_or_else(|(_, errors)| panic!("{}: {errors:?}", file.display()));
        for entry in resource.body {
            let ast::Entry::Message(message) = entry else { continue };
            let mut wanted = Message::default();
            pattern(message.value.as_ref().expect("a text"), &mut wanted);
            let name = message.id.name.to_owned();
            assert!(messages.insert(name.clone(), wanted).is_none(), "{}: {name} stands there twice", file.display());
        }
    }
    messages
}

fn pattern(pattern: &ast::Pattern<&str>, wanted: &mut Message) {
    for element in &pattern.elements {
        let ast::PatternElement::Placeable { expression } = element else { continue };
        match expression {
            ast::Expression::Inline(inline) => variable(inline, wanted),
            ast::Expression::Select { selector, variants } => {
                variable(selector, wanted);
                let key = |variant: &ast::Variant<&str>| match variant.key {
                    ast::VariantKey::Identifier { name } => name.to_owned(),
                    ast::VariantKey::NumberLiteral { value } => value.to_owned(),
                };
                wanted.choices.push(variants.iter().map(key).collect());
                variants.iter().for_each(|variant| self::pattern(&variant.value, wanted));
            }
        }
    }
}

fn variable(inline: &ast::InlineExpression<&str>, wanted: &mut Message) {
    match inline {
        ast::InlineExpression::VariableReference { id } => {
            wanted.variables.insert(id.name.to_owned());
        }
        other => panic!("only variables stand in messages: {other:?}"),
    }
}

#[test]
fn both_catalogues_say_the_same_things() {
    let (ru, en) = (catalogue("ru"), catalogue("en"));
    assert!(ru.len() > 400, "{} messages", ru.len());
    let names = |all: &BTreeMap<String, Message>| all.keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(names(&ru), names(&en));
    let set = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<BTreeSet<_>>();
    for (name, russian) in &ru {
        assert_eq!(russian.variables, en[name].variables, "{name}");
        assert!(russian.choices.iter().all(|forms| *forms == set(&["one", "few", "many"])), "ru {name}");
        assert!(en[name].choices.iter().all(|forms| *forms == set(&["one", "other"])), "en {name}");
    }
}

/// Names in the program: whole, or the beginning of what a code is put behind.
fn used() -> (BTreeSet<String>, BTreeSet<String>) {
    // `"section-name"`, `"section-{code}"`, `"section-" ~ code`, and the section of `code(lang, "section", …)`.
    let whole = Regex::new(r#"["']([a-z][a-z_]*-[a-z0-9][a-z0-9_-]*)["']"#).expect("a pattern");
    let begun = Regex::new(r#""([a-z][a-z_]*-[a-z_]*)(?:\{|" ~)"#).expect("a pattern");
    let section = Regex::new(r#"code\((?:[a-z_.]+, )?"([a-z_]+)","#).expect("a pattern");
    let mut sources = Vec::new();
    files(&root().join("src"), &["rs", "html"], &mut sources);
    let (mut names, mut beginnings) = (BTreeSet::new(), BTreeSet::new());
    for file in sources {
        let text = std::fs::read_to_string(&file).expect("readable");
        let text = text.split("#[cfg(test)]").next().unwrap_or_default();
        names.extend(whole.captures_iter(text).map(|found| found[1].to_owned()));
        beginnings.extend(begun.captures_iter(text).map(|found| found[1].to_owned()));
        beginnings.extend(section.captures_iter(text).map(|found| format!("{}-", &found[1])));
    }
    // The prompts of the assistant: the beginning of their names, and what comes behind.
    beginnings.extend(["prompt-check_".to_owned(), "prompt-explain_".to_owned()]);
    (names, beginnings)
}

#[test]
fn every_name_that_is_used_is_there() {
    let messages = catalogue("en");
    let sections: BTreeSet<&str> = messages.keys().filter_map(|name| name.split_once('-')).map(|(of, _)| of).collect();
    let (names, beginnings) = used();
    let asked = Regex::new(
        r#"(?:\b(?:both|plain|counted)\(|\b(?:one|say|plain|count)\([a-z_.]+, |\bsay\(|\{ ?t\(|\bt\(|context\.\w+\(\s*)"([^"{]+)""#,
    )
    .expect("a pattern");
    let mut wrong: BTreeSet<String> = names
        .iter()
        .filter(|name| sections.contains(name.split('-').next().unwrap_or_default()))
        .filter(|name| !messages.contains_key(*name) && !is_beginning(&messages, name) && !is_of_html(name))
        .cloned()
        .collect();
    let mut sources = Vec::new();
    files(&root().join("src"), &["rs", "html"], &mut sources);
    let mut found = 0;
    for file in sources.iter().filter(|file| {
        ["explain", "notify", "mcp", "cli", "ui", "words"]
            .iter()
            .any(|of| file.starts_with(root().join("src").join(of)))
    }) {
        let text = std::fs::read_to_string(file).expect("readable");
        let text = text.split("#[cfg(test)]").next().unwrap_or_default();
        for name in asked.captures_iter(text).map(|found| found[1].to_owned()).filter(|name| name.contains('-')) {
            found += 1;
            if !messages.contains_key(&name) && !beginnings.contains(&name) {
                wrong.insert(name);
            }
        }
    }
    assert!(found > 150, "{found} names were found: the pattern no longer fits the code");
    assert_eq!(wrong, BTreeSet::new(), "names that no catalogue has");
    let of_ours = |beginning: &&String| beginning.split('-').next().is_some_and(|of| sections.contains(of));
    for beginning in beginnings.iter().filter(of_ours) {
        assert!(messages.keys().any(|name| name.starts_with(beginning.as_str())), "nothing begins with {beginning}");
    }
}

/// What more is put behind: `"notifications-add_" ~ kind`.
fn is_beginning(messages: &BTreeMap<String, Message>, name: &str) -> bool {
    messages.keys().any(|message| message.starts_with(name))
}

/// Names of elements of the page that look like messages.
fn is_of_html(name: &str) -> bool {
    ["honesty-title", "risk-title", "unevaluated-summary", "verify-log"].contains(&name)
}

#[test]
fn every_message_is_used() {
    let (names, beginnings) = used();
    let unused: Vec<String> = catalogue("en")
        .into_keys()
        .filter(|name| !names.contains(name) && !beginnings.iter().any(|begun| name.starts_with(begun.as_str())))
        .collect();
    assert_eq!(unused, Vec::<String>::new());
}
