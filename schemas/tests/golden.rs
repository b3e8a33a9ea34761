//! The bytes of every event, of bodies and of facts, as they have once been written: `schemas/golden`.
//!
//! A file there is added to the folder and never edited. `UPDATE_EXPECT=1` writes those that are missing, and no others.

use expect_test::expect_file;
use mirano_schemas::canonical::{canonical, fact_id, keyed_fact_id};
use mirano_schemas::codec::{self, CommitBody, DecodeError};
use mirano_schemas::envelope::{Envelope, Head, Verdict};
use mirano_schemas::*;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

#[path = "golden/samples.rs"]
mod samples;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden")
}

fn hex(bytes: &[u8]) -> String {
    let lines: Vec<String> = bytes.chunks(32).map(|line| data_encoding::HEXLOWER.encode(line)).collect();
    lines.join("\n") + "\n"
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    data_encoding::HEXLOWER.decode(digits.as_bytes()).expect("golden files hold hexadecimal digits")
}

/// Compares with the golden file, or writes it when it is missing and that was asked for.
fn golden(name: &str, bytes: &[u8]) {
    let path = folder().join(name);
    match fs::read_to_string(&path) {
        Ok(text) => assert_eq!(text, hex(bytes), "{name}: these bytes are in logs; a changed shape is a new version"),
        Err(_) if std::env::var_os("UPDATE_EXPECT").is_some() => fs::write(&path, hex(bytes)).expect("writable"),
        Err(error) => panic!("{name}: {error}; UPDATE_EXPECT=1 writes it"),
    }
}

fn event_bytes(event: &Event) -> Vec<u8> {
    let mut bytes = Vec::new();
    codec::encode_event(&mut bytes, event).expect("small");
    bytes
}

fn body_of(event_bytes: &[u8]) -> Vec<u8> {
    codec::assemble([0, 1, 0], &samples::head(), event_bytes).expect("small")
}

#[test]
fn every_event_has_a_sample() {
    let sampled: Vec<(u16, u16, &str)> =
        samples::events().iter().map(|event| (event.number(), event.version(), event.name())).collect();
    assert_eq!(sampled, Event::CATALOGUE);
    let numbers: BTreeSet<u16> = Event::CATALOGUE.iter().map(|(number, ..)| *number).collect();
    assert_eq!(numbers.len(), Event::CATALOGUE.len(), "a number names one event");
}

#[test]
fn what_is_written_today_is_what_was_always_written() {
    for event in samples::events() {
        let name = format!("{:03}-{}.v{}.hex", event.number(), event.name(), event.version());
        golden(&name, &event_bytes(&event));
    }
    // The body holds the events of the first version; one that came later does not change its bytes.
    let first = |event: &Event| !matches!(event.number(), 12..=15 | 31..=39 | 44..=50 | 56 | 57 | 61 | 72);
    let events = samples::events().into_iter().filter(first).collect();
    let body = CommitBody { head: samples::head(), events };
    golden("body.v1.hex", &body.encode_as([0, 1, 0]).expect("small"));
}

/// Old versions included: whatever lies in the folder is read as an event of its name, and today's as the sample.
#[test]
fn every_version_ever_written_is_read() {
    let mut read = 0;
    for entry in fs::read_dir(folder()).expect("the folder is there") {
        let path = entry.expect("readable").path();
        let stem = path.file_stem().expect("named").to_string_lossy().into_owned();
        let Some((number, rest)) = stem.split_once('-') else { continue };
        let bytes = unhex(&fs::read_to_string(&path).expect("readable"));
        let body = CommitBody::decode(&body_of(&bytes)).unwrap_or_else(|error| panic!("{stem}: {error}"));
        let [event] = body.events.as_slice() else { panic!("{stem}: {} events", body.events.len()) };
        assert_eq!(format!("{:03}", event.number()), number, "{stem}: read as {}", event.name());
        if rest.ends_with(&format!(".v{}", event.version())) {
            let sample = samples::events().into_iter().find(|sample| sample.number() == event.number());
            assert_eq!(Some(event), sample.as_ref(), "{stem}");
        }
        read += 1;
    }
    assert!(read >= Event::CATALOGUE.len(), "{read} events were read");
}

#[test]
fn a_later_version_stops_its_reader_by_name() {
    let known = event_bytes(&samples::events().remove(7));
    let later = |at: usize| {
        let mut bytes = known.clone();
        bytes[at] = bytes[at].wrapping_add(200);
        codec::assemble([1, 7, 3], &samples::head(), &bytes).expect("small")
    };
    for (what, bytes) in [("number", later(0)), ("version", later(2))] {
        let error = CommitBody::decode(&bytes).expect_err(what);
        assert!(matches!(error, DecodeError::NeedsVersion(1, 7, 3, _)), "{what}: {error}");
    }
    let mut format = codec::assemble([2, 0, 0], &samples::head(), &known).expect("small");
    format[0] = 2;
    assert!(matches!(CommitBody::decode(&format), Err(DecodeError::NeedsVersion(2, 0, 0, _))));
    let mut long = known.clone();
    long.push(0);
    long[4] += 1;
    let error = CommitBody::decode(&body_of(&long)).expect_err("a byte too many");
    assert!(matches!(error, DecodeError::Malformed(_)), "{error}");
}

/// The facts of `docs/FORMATS.md`, each with a value of another type.
fn facts() -> Vec<(&'static str, Fact)> {
    let fact = |matched, identity: &[(&str, Value)], attrs: &[(&str, Value)]| Fact {
        source: "s".to_owned(),
        kind: "k".to_owned(),
        subject: Subject("company:7707083893".to_owned()),
        matched,
        identity: identity.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
        attrs: attrs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
        valid: Validity::default(),
        connector: 1,
    };
    let decimal = |text| Value::decimal(text).expect("a number");
    vec![
        ("no attributes", fact(Match::Id, &[], &[])),
        ("matched by name", fact(Match::Name, &[], &[])),
        ("identity n = text «ё»", fact(Match::Id, &[("n", Value::text("ё"))], &[])),
        ("n = text «ё», typed as «е» and a diaeresis", fact(Match::Id, &[("n", Value::Text("е\u{308}".into()))], &[])),
        ("attribute n = text «ё»", fact(Match::Id, &[], &[("n", Value::text("ё"))])),
        ("attribute n = integer −2", fact(Match::Id, &[], &[("n", Value::Integer(-2))])),
        ("attribute n = decimal 1500.50", fact(Match::Id, &[], &[("n", decimal("1500.50"))])),
        ("attribute n = date 2026-02-03", fact(Match::Id, &[], &[("n", Value::Date("2026-02-03".to_owned()))])),
        ("attribute n = true", fact(Match::Id, &[], &[("n", Value::Bool(true))])),
        (
            "attribute n = list of text «a» and integer 1",
            fact(Match::Id, &[], &[("n", Value::List(vec![Value::text("a"), Value::Integer(1)]))]),
        ),
        (
            "attributes a = integer 1, я = integer 2",
            fact(Match::Id, &[], &[("я", Value::Integer(2)), ("a", Value::Integer(1))]),
        ),
    ]
}

#[test]
fn facts_keep_their_names() {
    let mut table = String::new();
    for (words, fact) in facts() {
        table +=
            &format!("| {words} | `{}` | `{}` |\n", data_encoding::HEXLOWER.encode(&canonical(&fact)), fact_id(&fact));
    }
    let keyed = keyed_fact_id(&samples::fact(), &[7; 32]);
    table += &format!("keyed with 32 bytes of 07: {keyed}\n");
    expect_file!["../golden/facts.txt"].assert_eq(&table);
    let document = fs::read_to_string(folder().join("../../docs/FORMATS.md")).expect("the document is there");
    for line in table.lines().filter(|line| line.starts_with('|')) {
        assert!(document.contains(line), "docs/FORMATS.md lacks the vector\n{line}");
    }
}

#[test]
fn what_is_not_in_the_name_of_a_fact_leaves_it() {
    let fact = samples::fact();
    let other = Fact { connector: 9, valid: Validity::default(), ..fact.clone() };
    assert_eq!(fact_id(&fact), fact_id(&other));
    assert_ne!(fact_id(&fact), keyed_fact_id(&fact, &[7; 32]));
    let decomposed = |text: &str| Value::Text(text.to_owned());
    let [a, b] = ["\u{439}", "\u{438}\u{306}"]
        .map(|text| Fact { attrs: [("n".to_owned(), decomposed(text))].into(), ..samples::fact() });
    assert_eq!(fact_id(&a), fact_id(&b), "Unicode in two forms is one text");
}

/// The catalogue for people and other languages: every event with its number, its version and its JSON Schema.
#[test]
fn the_catalogue_is_of_today() {
    let events: Vec<serde_json::Value> = Event::CATALOGUE
        .iter()
        .map(|(number, version, name)| serde_json::json!({"number": number, "version": version, "name": name}))
        .collect();
    let catalogue = serde_json::json!({
        "body_format": codec::BODY_FORMAT,
        "schema_version": codec::SCHEMA_VERSION,
        "events": events,
        "commit": schemars::schema_for!(CommitBody).to_value(),
    });
    let text = serde_json::to_string_pretty(&sorted(catalogue)).expect("JSON") + "\n";
    expect_file!["../catalogue.json"].assert_eq(&text);
}

/// Keys in order, whatever the other crates of the build chose for the order of maps.
fn sorted(value: serde_json::Value) -> serde_json::Value {
    match value {
        serde_json::Value::Object(map) => {
            let mut entries: Vec<_> = map.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            serde_json::Value::Object(entries.into_iter().collect())
        }
        serde_json::Value::Array(values) => values.into_iter().map(sorted).collect(),
        other => other,
    }
}

fn whole_body() -> Vec<u8> {
    CommitBody { head: samples::head(), events: samples::events() }.encode().expect("small")
}

#[test]
fn every_cut_of_a_body_is_refused() {
    let body = whole_body();
    let read = CommitBody::decode(&body).expect("whole");
    for end in 0..body.len() {
        // Between two events a cut is a shorter body: that is what the envelope's length and hash are for.
        if let Ok(shorter) = CommitBody::decode(&body[..end]) {
            assert!(read.events.starts_with(&shorter.events) && shorter.events.len() < read.events.len());
        }
    }
}

proptest! {
    #[test]
    fn noise_is_refused_and_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = CommitBody::decode(&bytes);
        let _ = Envelope::parse(&bytes);
        let mut head = Head::genesis(LogId([1; 16]), 0);
        prop_assert!(!matches!(head.judge(&bytes), Verdict::Counts(_)));
        for (number, version, _) in Event::CATALOGUE {
            let mut event = [number.to_le_bytes(), version.to_le_bytes()].concat();
            event.extend_from_slice(&u32::try_from(bytes.len()).expect("short").to_le_bytes());
            event.extend_from_slice(&bytes);
            let _ = CommitBody::decode(&body_of(&event));
        }
    }

    #[test]
    fn damage_never_panics(at in any::<prop::sample::Index>(), bytes in prop::collection::vec(any::<u8>(), 1..12)) {
        let mut body = whole_body();
        let at = at.index(body.len());
        for (place, byte) in body.iter_mut().skip(at).zip(&bytes) {
            *place = *byte;
        }
        let _ = CommitBody::decode(&body);
    }

    #[test]
    fn bodies_come_back_as_they_were(picks in prop::collection::vec(any::<prop::sample::Index>(), 0..20)) {
        let events = samples::events();
        let events: Vec<Event> = picks.iter().map(|pick| pick.get(&events).clone()).collect();
        let body = CommitBody { head: samples::head(), events };
        let bytes = body.encode().expect("small");
        prop_assert_eq!(CommitBody::decode(&bytes), Ok(body));
    }
}
