//! Words that belong to one machine, one network or one working session, and so have no place in the tree.

use super::source;

/// Each with what it is. Written in pieces, so that this file may stay in the tree that it checks.
const STRANGERS: &[(&str, &str)] = &[
    (concat!("/ro", "ot/"), "a path of one machine"),
    (concat!("/wo", "rk/main"), "a path of one machine"),
    (concat!("/wo", "rk/wt"), "a path of one machine"),
    (concat!("/wo", "rk/shared"), "a path of one machine"),
    (concat!("/ho", "me/"), "a path of one machine"),
    (concat!("/tm", "p/s/"), "a path of one machine"),
    (concat!("/Us", "ers/"), "a path of one machine"),
    (concat!("index.cra", "tes.io"), "a registry's host"),
    (concat!("registry.np", "mjs"), "a registry's host"),
    (concat!("files.python", "hosted"), "a registry's host"),
    (concat!("art", "ifactory"), "a registry's host"),
    (concat!("cla", "ude"), "not a word of this project"),
    (concat!("chat", "gpt"), "not a word of this project"),
    (concat!("anth", "ropic"), "not a word of this project"),
    (concat!("co-auth", "ored-by"), "not a word of this project"),
    (concat!("acceptance", " run"), "a word of a session"),
    (concat!("farm-", "studio"), "a word of a session"),
    (concat!("TO", "DO"), "debt without its kind; write a `TODO-kind(#n)`"),
    (concat!("FIX", "ME"), "debt without its kind; write a `TODO-kind(#n)`"),
];

pub fn check(path: &str, text: &str) -> Vec<String> {
    if path == "Cargo.lock" {
        return Vec::new(); // tests/tidy/licences.rs looks at where crates come from
    }
    let mut complaints = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let lower = line.to_lowercase();
        for (word, what) in STRANGERS {
            let debt = word.starts_with(char::is_uppercase);
            let said = match debt {
                true => line
                    .match_indices(word)
                    .any(|(at, _)| !line.get(at + word.len()..).is_some_and(|rest| rest.starts_with('-'))),
                false => lower.match_indices(&word.to_lowercase()).any(|(at, _)| starts_a_word(&lower, at)),
            };
            if said {
                complaints.push(format!("{path}:{}: `{word}`: {what}", number + 1));
            }
        }
        if path.ends_with(".rs") && line.contains("\t") && source::blank(line).contains('\t') {
            complaints.push(format!("{path}:{}: a tab; the formatter knows spaces only", number + 1));
        }
    }
    complaints
}

/// A folder of a machine begins with its slash; in `src/work/main.rs` the same letters are a path of the project.
fn starts_a_word(line: &str, at: usize) -> bool {
    !line
        .get(..at)
        .and_then(|before| before.chars().next_back())
        .is_some_and(|c| c.is_alphanumeric() || "._-~".contains(c))
}

#[test]
fn strangers_are_found() {
    let bites = |text: String| !check("docs/a.md", &text).is_empty();
    assert!(bites(format!("see {}x", concat!("/ro", "ot/"))));
    assert!(bites(concat!("// TO", "DO: later").to_owned()));
    assert!(bites(concat!("by Cla", "ude").to_owned()));
    assert!(!bites(concat!("TO", "DO-coverage(#12): that case").to_owned()));
    assert!(!bites("the folder src/work/main.rs".to_owned()));
}
