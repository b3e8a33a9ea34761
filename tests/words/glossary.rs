//! One word for one thing: what the glossary calls a thing, the catalogues call it as well, in both languages.

use std::collections::BTreeMap;

const GLOSSARY: &str = include_str!("../../docs/glossary.md");

/// The word of each thing: English, Russian.
fn glossary() -> BTreeMap<&'static str, &'static str> {
    let rows = GLOSSARY.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| English"));
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        (cells[1], cells[2])
    })
    .collect()
}

/// The texts of a language's messages by name, as they stand in its files.
fn messages(lang: &str) -> BTreeMap<String, String> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/words").join(lang);
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let text = std::fs::read_to_string(entry.expect("an entry").path()).expect("readable");
        let mut last = String::new();
        for line in text.lines() {
            match line.split_once(" =") {
                Some((name, rest)) if line.starts_with(|c: char| c.is_ascii_lowercase()) => {
                    last = name.to_owned();
                    all.insert(last.clone(), rest.to_owned());
                }
                _ if line.starts_with(' ') => {
                    let text: &mut String = all.get_mut(&last).expect("a message goes on");
                    text.push(' ');
                    text.push_str(line.trim());
                }
                _ => {}
            }
        }
    }
    assert!(all.len() > 400, "{lang}: {} messages", all.len());
    all
}

/// A thing of the glossary; the stem that its word has in English and in Russian; messages that speak of it.
const HELD: &[(&str, &str, &str, &[&str])] = &[
    ("receipt", "receipt", "квитанци", &["explain-receipts", "snapshot-receipts_root", "assistant-rules"]),
    (
        "TTL",
        "ttl",
        "срок",
        &[
            "row-told",
            "honesty-stale_part",
            "note-stale",
            "told-completed",
            "explain-receipt",
            "state-fresh",
            "date-age_of",
        ],
    ),
    ("shard", "shard", "част", &["sources-shards"]),
    ("evidence", "evidence", "доказательств", &["verify-lead", "no_such-evidence", "refused-evidence_store"]),
    ("dead letter", "dead letter", "невыполненн", &["dead-title", "no_such-dead_letter"]),
    ("joined (coalesced)", "joined", "объедин", &["from-coalesced", "origin-coalesced"]),
    ("reused", "reused", "из предыдущей проверки", &["from-reused", "origin-reused"]),
    ("stale", "stale", "устаре", &["honesty-stale_part", "state-stale", "progress-stale"]),
    ("seal, snapshot", "snapshot", "сним", &["cli-snapshot", "snapshot-id", "no_such-snapshot"]),
    ("watch", "watch", "наблюдени", &["watches-title", "no_such-watch"]),
    ("position", "position", "позици", &["log-col_position", "refused-position"]),
    ("commit", "commit", "запис", &["log-commits", "refused-moment_no_commit"]),
    ("fact", "fact", "факт", &["snapshot-facts", "no_such-fact", "cli-fact_count"]),
    ("subject", "subject", "объект", &["side-subject", "no_such-subject"]),
    ("source", "source", "источник", &["sources-title", "refused-source"]),
    ("profile", "profile", "профил", &["refused-profile", "unasked-profile"]),
    ("risk, factor", "risk", "риск", &["told_risk-exact", "check-risk"]),
    ("view", "view", "представлени", &["verify-lead", "refused-behind"]),
];

#[test]
fn catalogues_call_things_as_the_glossary_does() {
    let (glossary, ru, en) = (glossary(), messages("ru"), messages("en"));
    for (thing, english, russian, names) in HELD {
        let word = glossary.get(thing).unwrap_or_else(|| panic!("{thing} is not in the glossary"));
        assert!(thing.to_lowercase().contains(english), "{thing} has not {english}");
        assert!(word.to_lowercase().contains(russian), "{thing}: {word} has not {russian}");
        for name in *names {
            let (ru, en) = (ru[*name].to_lowercase(), en[*name].to_lowercase());
            assert!(ru.contains(russian), "{name} has not {russian}: {ru}");
            assert!(en.contains(english), "{name} has not {english}: {en}");
        }
    }
}

/// Other words that the same things went by.
#[test]
fn no_thing_goes_by_two_names() {
    let wrong = |all: &BTreeMap<String, String>, banned: &[&str]| -> Vec<String> {
        let has = |text: &String| banned.iter().any(|word| text.to_lowercase().contains(word));
        all.iter().filter(|(_, text)| has(text)).map(|(name, text)| format!("{name} ={text}")).collect()
    };
    let ru = ["расписк", "расписок", "улик", "срок свежести", "переиспольз", "безуспешные запросы", "субъект"];
    let en = ["time to live", "within its time", "within their time", "voucher", "recycled"];
    assert_eq!(wrong(&messages("ru"), &ru), Vec::<String>::new());
    assert_eq!(wrong(&messages("en"), &en), Vec::<String>::new());
    let canary = BTreeMap::from([("x-y".to_owned(), " Корень расписок".to_owned())]);
    assert_eq!(wrong(&canary, &ru).len(), 1, "a second name is seen");
}
