//! Keeps the house in order: reads the tree and `cargo metadata`, and fails where they break a rule of
//! `docs/ARCHITECTURE.md` that no compiler checks.
//!
//! Each rule is a function from text to complaints, so that a canary beside it can show that it bites. What the rules
//! are, and how to change one with a good reason, stands at the head of each file.

mod tidy {
    pub mod arrows;
    pub mod documents;
    pub mod licences;
    pub mod sizes;
    pub mod source;
    pub mod tree;
    pub mod words;
}

use tidy::tree::Tree;

/// Fails with all complaints at once, one a line.
#[track_caller]
fn expect_none(rule: &str, complaints: Vec<String>) {
    assert!(complaints.is_empty(), "{rule}:\n  {}\n", complaints.join("\n  "));
}

#[test]
fn modules_import_only_what_lies_below_them() {
    let tree = Tree::read();
    assert!(tree.rust().count() > 10, "the tree was not read");
    expect_none("imports", tree.rust().flat_map(|file| tidy::arrows::check(&file.path, &file.text)).collect());
}

#[test]
fn pure_crates_have_no_engine_among_their_dependencies() {
    expect_none("dependencies", tidy::arrows::check_dependencies(tidy::arrows::tree));
}

#[test]
fn files_are_of_one_thought() {
    let tree = Tree::read();
    expect_none("sizes", tidy::sizes::check(&tree));
}

#[test]
fn top_level_holds_only_what_it_should() {
    expect_none("top level", Tree::read().strangers_at_top());
}

#[test]
fn words_that_belong_to_one_machine_stay_out() {
    let tree = Tree::read();
    expect_none("words", tree.files.iter().flat_map(|file| tidy::words::check(&file.path, &file.text)).collect());
}

#[test]
fn documents_agree_with_the_code() {
    let tree = Tree::read();
    let mut complaints = tidy::documents::paths_exist(&tree);
    complaints.extend(tidy::documents::links_exist(&tree));
    complaints.extend(tidy::documents::indexes_are_whole(&tree));
    complaints.extend(tidy::documents::formats_hash(&tree));
    complaints.extend(tidy::documents::error_codes(&tree));
    complaints.extend(tidy::documents::blocks_can_be_pasted(&tree));
    expect_none("documents", complaints);
}

#[test]
fn licences_and_sources_of_dependencies_are_allowed() {
    let tree = Tree::read();
    let deny = tree.text("deny.toml").expect("deny.toml is part of the tree");
    let metadata = tidy::licences::metadata();
    expect_none("licences", tidy::licences::check(deny, &metadata));
}
