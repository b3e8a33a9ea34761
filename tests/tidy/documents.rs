//! Documents that would lie after a change of the code that forgot them.

use super::tree::{Tree, root};
use std::collections::BTreeSet;

/// Every path in backticks of `docs/ARCHITECTURE.md` leads somewhere.
pub fn paths_exist(tree: &Tree) -> Vec<String> {
    ["docs/ARCHITECTURE.md"]
        .iter()
        .flat_map(|document| {
            let text = tree.text(document).unwrap_or_default();
            named_paths(text)
                .into_iter()
                .filter(|path| !tree.has(path))
                .map(move |path| format!("{document}: names `{path}`, which is not there"))
        })
        .collect()
}

/// What stands in backticks and begins with a folder of the project. A `<placeholder>`, `*` or `…` ends the path before it.
fn named_paths(text: &str) -> BTreeSet<String> {
    const FOLDERS: &[&str] = &["src/", "schemas/", "replay/", "docs/", "tests/", "benches/", ".ci/", ".cargo/"];
    text.split('`')
        .skip(1)
        .step_by(2)
        .filter(|word| !word.contains(char::is_whitespace) && FOLDERS.iter().any(|folder| word.starts_with(folder)))
        .filter_map(|word| match word.find(['<', '*', '…', '{']) {
            Some(end) => word.get(..end).and_then(|word| word.rfind('/').and_then(|end| word.get(..=end))),
            None => Some(word),
        })
        .map(|word| word.trim_end_matches(['.', ',', ':']).to_owned())
        .collect()
}

/// Every link of a document to another file of the project leads there.
pub fn links_exist(tree: &Tree) -> Vec<String> {
    tree.files
        .iter()
        .filter(|file| file.path.ends_with(".md"))
        .flat_map(|file| {
            let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
            links(&file.text)
                .into_iter()
                .filter(|link| !tree.has(&joined(folder, link)))
                .map(|link| format!("{}: links to {link}, which is not there", file.path))
        })
        .collect()
}

/// The `README.md` of each folder under `docs` leads to every page beside it.
pub fn indexes_are_whole(tree: &Tree) -> Vec<String> {
    let mut complaints = Vec::new();
    for (folder, index) in tree.files.iter().filter_map(|file| Some((file.path.strip_suffix("/README.md")?, file))) {
        let listed = links(&index.text);
        let pages = tree.files.iter().filter_map(|file| file.path.strip_prefix(folder)?.strip_prefix('/'));
        complaints.extend(
            pages
                .filter(|page| page.ends_with(".md") && *page != "README.md" && !page.contains('/'))
                .filter(|page| !listed.iter().any(|link| link == page))
                .map(|page| format!("{}: does not list {page}", index.path)),
        );
    }
    complaints
}

/// A block of a shell can be pasted as it stands: what serves for ever ends it, or runs beside the rest (`&`). A line with `…` shows a
/// part of a command, which nobody pastes.
pub fn blocks_can_be_pasted(tree: &Tree) -> Vec<String> {
    let pages = tree.files.iter().filter(|file| file.path.ends_with(".md"));
    pages
        .flat_map(|file| stuck(&file.text).into_iter().map(|line| format!("{}: goes on behind `{line}`", file.path)))
        .collect()
}

/// Commands of shell blocks that never end, and have others behind them.
fn stuck(text: &str) -> Vec<String> {
    let blocks = text.split("\n```sh\n").skip(1).filter_map(|rest| rest.split_once("\n```"));
    blocks
        .flat_map(|(block, _)| {
            let block = block.replace("\\\n", " ");
            let lines: Vec<String> = block.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect();
            let before_last = lines.len().saturating_sub(1);
            lines.into_iter().take(before_last).filter(|line| serves(line)).collect::<Vec<_>>()
        })
        .collect()
}

fn serves(line: &str) -> bool {
    let command = line.split_once(" #").map_or(line, |(command, _)| command);
    let serves = ["mirano serve", "mirano demo-sources"].iter().any(|words| command.trim_start().starts_with(words));
    serves && !command.contains(" &") && !command.contains('…')
}

fn links(text: &str) -> Vec<String> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')').map(|(link, _)| link))
        .filter_map(|link| link.split('#').next())
        .filter(|link| !link.is_empty() && !link.contains("://") && !link.contains(char::is_whitespace))
        .map(str::to_owned)
        .collect()
}

fn joined(folder: &str, link: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in link.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." | "" => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// `docs/FORMATS.md` says which `schemas/src` it describes, so code and document change together.
pub fn formats_hash(tree: &Tree) -> Vec<String> {
    const FORMATS: &str = "docs/FORMATS.md";
    let Some(document) = tree.text(FORMATS) else { return Vec::new() };
    let hash = hash_of_schemas(tree);
    let expected = with_hash(document, &hash);
    if expected == document {
        return Vec::new();
    }
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(root().join(FORMATS), expected).expect("docs/FORMATS.md is writable");
        return Vec::new();
    }
    vec![format!(
        "{FORMATS}: schemas/src has changed; see that the document still says what is written to disk, then run \
         `UPDATE_EXPECT=1 cargo tidy`"
    )]
}

const MARK: &str = "<!-- schemas/src blake3 ";

/// The document with its hash replaced, or added at the end.
fn with_hash(document: &str, hash: &str) -> String {
    let cut = document.split_once(MARK).and_then(|(before, rest)| Some((before, rest.split_once(" -->")?.1)));
    let (before, after) =
        cut.map_or_else(|| (format!("{document}\n"), "\n"), |(before, after)| (before.to_owned(), after));
    format!("{before}{MARK}{hash} -->{after}")
}

fn hash_of_schemas(tree: &Tree) -> String {
    let mut hasher = blake3::Hasher::new();
    for file in tree.files.iter().filter(|file| file.path.starts_with("schemas/src/")) {
        for part in [&file.path, &file.text] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
    }
    hasher.finalize().to_hex().to_string()
}

/// Every error code of `src/http/error.rs` has its page in `docs/errors`, and every page its code.
pub fn error_codes(tree: &Tree) -> Vec<String> {
    let Some(source) = tree.text("src/http/error.rs") else { return Vec::new() };
    let pages: BTreeSet<&str> = tree
        .files
        .iter()
        .filter_map(|file| file.path.strip_prefix("docs/errors/")?.strip_suffix(".md"))
        .filter(|name| *name != "README")
        .collect();
    compare_codes(&codes_in(source), &pages)
}

fn compare_codes(codes: &BTreeSet<&str>, pages: &BTreeSet<&str>) -> Vec<String> {
    let without_page = codes.difference(pages).map(|code| format!("docs/errors/{code}.md: is missing"));
    let without_code =
        pages.difference(codes).map(|page| format!("docs/errors/{page}.md: src/http/error.rs has no such code"));
    without_page.chain(without_code).collect()
}

/// The codes of the table `code => "…"`: every string literal that stands after `=> ` and is one `snake_case` word.
fn codes_in(source: &str) -> BTreeSet<&str> {
    source
        .split("=> \"")
        .skip(1)
        .filter_map(|rest| rest.split_once('"').map(|(code, _)| code))
        .filter(|code| !code.is_empty() && code.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
        .collect()
}

#[test]
fn lost_paths_and_links_are_found() {
    let named: Vec<String> =
        named_paths("see `src/core/` and `src/core/x.rs`, `docs/errors/<code>.md`, `cargo src/a`; `Foo`")
            .into_iter()
            .collect();
    assert_eq!(named, ["docs/errors/", "src/core/", "src/core/x.rs"]);
    assert_eq!(links("[a](../b.md#c) [d](https://e.org) [f](#g)"), ["../b.md"]);
    assert_eq!(joined("docs/decisions", "../b.md"), "docs/b.md");
}

#[test]
fn what_serves_for_ever_is_found_in_the_middle_of_a_block() {
    let block = |lines: &str| stuck(&format!("Text\n```sh\n{lines}\n```\n"));
    assert_eq!(block("mirano serve --data d   # runs\nmirano check x").len(), 1);
    assert_eq!(block("mirano demo-sources \\\n  --seed 1\ncurl x").len(), 1);
    for good in
        ["mirano serve --demo &\ncurl x", "curl x\nmirano serve --demo \\\n  --data d", "mirano serve … --a\ncurl x"]
    {
        assert_eq!(block(good), Vec::<String>::new(), "{good}");
    }
}

#[test]
fn a_changed_hash_is_found() {
    let document = format!("# Formats\n{MARK}abc -->\ntext");
    assert_eq!(with_hash(&document, "abc"), document);
    assert_ne!(with_hash(&document, "abd"), document);
    assert_eq!(with_hash("# Formats\n", "abc"), format!("# Formats\n\n{MARK}abc -->\n"));
}

#[test]
fn codes_and_pages_are_compared_both_ways() {
    let codes = codes_in("match self { A => \"not_found\", B => \"Not this\", C => \"gone\" }");
    assert_eq!(codes, BTreeSet::from(["not_found", "gone"]));
    assert_eq!(compare_codes(&codes, &BTreeSet::from(["not_found", "lost"])).len(), 2);
}
