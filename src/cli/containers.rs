//! compose.yaml and the Dockerfile, read beside the program that they start: no container is needed for that.

use super::Cli;
use clap::{CommandFactory, Parser};
use std::collections::BTreeMap;

fn file(name: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    std::fs::read_to_string(path).expect("readable")
}

/// The program must know what it is given.
fn parses(words: &[String]) {
    let line = std::iter::once("mirano".to_owned()).chain(words.iter().cloned());
    if let Err(error) = Cli::try_parse_from(line) {
        panic!("{words:?}: {error}");
    }
}

/// By the variables that give them, the options of `mirano serve`.
fn variables() -> BTreeMap<String, String> {
    let cli = Cli::command();
    let serve = cli.find_subcommand("serve").expect("a command");
    let of = |option: &clap::Arg| Some((option.get_env()?.to_str()?.to_owned(), option.get_long()?.to_owned()));
    serve.get_arguments().filter_map(of).collect()
}

/// `  NAME: value` and `NAME=value` of the variables of Mirano.
fn given(text: &str, between: char) -> Vec<(&str, &str)> {
    let pairs = text.lines().filter_map(|line| line.trim().trim_start_matches("ENV ").split_once(between));
    pairs.map(|(name, value)| (name.trim(), value.trim())).filter(|(name, _)| name.starts_with("MIRANO_")).collect()
}

#[test]
fn every_option_of_compose_yaml_is_one_of_the_program() {
    let compose = file("compose.yaml");
    let commands = compose.lines().filter_map(|line| line.trim().strip_prefix("command: ["));
    let commands: Vec<Vec<String>> =
        commands.map(|rest| serde_json::from_str(&format!("[{rest}")).expect("words in quotes")).collect();
    assert_eq!(commands.iter().filter(|words| words[0] == "serve").count(), 3, "three nodes");
    assert_eq!(commands.iter().filter(|words| words[0] == "demo-sources").count(), 1, "and their sources");
    commands.iter().for_each(|words| parses(words));
    // What its comments and its script have one run.
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    assert!(
        compose.contains("mirano check --key try-mirano \"")
            && compose.contains("mirano demo-sources --write-config /config")
    );
    parses(&words(&["check", "--key", "try-mirano", "г. Москва, ул. Тверская, д. 7"]));
    parses(&words(&["demo-sources", "--write-config", "/config"]));
    let variables = variables();
    let given = given(&compose, ':');
    assert!(given.len() >= 6 + 3, "{given:?}");
    // Together, as the program is given them: some options need others.
    let mut serve = words(&["serve"]);
    for (name, value) in given.into_iter().collect::<BTreeMap<_, _>>() {
        let option = variables.get(name).unwrap_or_else(|| panic!("no option of mirano serve is given by {name}"));
        serve.extend([format!("--{option}"), value.to_owned()]);
    }
    parses(&serve);
    let key = blake3::hash(b"try-mirano").to_hex();
    assert!(compose.contains(&format!("blake3 = \"{key}\"")), "the key that the comment names");
}

#[test]
fn the_image_is_built_with_what_the_build_needs_on_a_bare_machine() {
    let (image, setup) = (file("Dockerfile"), file(".ci/setup"));
    let tested = setup.lines().find_map(|line| line.strip_prefix("tested=")).expect("a toolchain");
    let tested: String = tested.split_whitespace().next().expect("a version").rsplit_once('.').expect("x.y.z").0.into();
    assert!(image.contains(&format!("FROM rust:{tested}-")), "the toolchain of .ci/setup, {tested}");
    for package in ["clang", "libclang-dev", "libssl-dev", "zlib1g-dev"] {
        assert!(setup.contains(&format!("want {package}")), "{package} is no longer needed");
        assert!(image.split_whitespace().any(|word| word == package), "{package} is missing");
    }
    let variables = variables();
    let given = given(&image, '=');
    assert!(!given.is_empty());
    for (name, _) in given {
        assert!(variables.contains_key(name), "no option of mirano serve is given by {name}");
    }
}
