//! A file is one thought. One that outgrows [`LIMIT`] lines (without its tests) has two; one that was larger when
//! it came may stay and may shrink, but not grow.

use super::source;
use super::tree::Tree;

const LIMIT: usize = 400;

/// Files above the limit, with the lines that each may have. Lower a number after a file shrank; add none lightly.
const LARGE: &[(&str, usize)] = &[];

pub fn check(tree: &Tree) -> Vec<String> {
    let mut complaints: Vec<String> = tree
        .rust()
        .filter(|file| !source::is_test(&file.path))
        .filter_map(|file| {
            let large = LARGE.iter().find(|(path, _)| *path == file.path).map(|(_, lines)| *lines);
            judge(&file.path, lines(&file.text), large)
        })
        .collect();
    complaints.extend(
        LARGE
            .iter()
            .filter(|(path, _)| !tree.has(path))
            .map(|(path, _)| format!("{path}: is gone; drop its exception")),
    );
    complaints
}

fn judge(path: &str, lines: usize, large: Option<usize>) -> Option<String> {
    match large {
        None if lines > LIMIT => {
            Some(format!("{path}: {lines} lines without tests, {LIMIT} at most; make it two files"))
        }
        Some(most) if lines > most => Some(format!("{path}: grew to {lines} lines, {most} at most; make it two files")),
        Some(_) if lines <= LIMIT => Some(format!("{path}: has {lines} lines; drop its exception")),
        _ => None,
    }
}

/// Lines up to the last one that is not of a test module.
fn lines(text: &str) -> usize {
    source::without_tests(&source::blank(text)).trim_end().lines().count()
}

#[test]
fn the_ratchet_bites() {
    assert!(judge("a.rs", LIMIT + 1, None).is_some());
    assert!(judge("a.rs", LIMIT, None).is_none());
    assert!(judge("a.rs", 601, Some(600)).is_some());
    assert!(judge("a.rs", 600, Some(600)).is_none());
    assert!(judge("a.rs", LIMIT, Some(600)).is_some());
    assert_eq!(lines("//! «слова»\nfn a() {}\n#[cfg(test)]\n#[expect(x)]\nmod tests {\n\n\n}\n"), 2);
}
