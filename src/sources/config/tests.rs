//! Folders with errors, and one without.

mod schema;

use super::*;
use crate::sources::connector::report::report;

const COURTS: &str = r#"id = "courts"
title = { ru = "Судебные дела", en = "Court cases" }
level = "developer"
ttl = "14d"
params = ["inn"]
[limits]
proxies = "default"
[request]
url = "https://courts.example/api?inn={{ inn | urlencode }}"
[answer]
format = "json"
items = "$.cases[*]"
nothing_found = [{ at = "$.total", equals = 0 }]
valid = [{ at = "$.cases" }]
[[fact]]
kind = "court.case"
subject = "company:{{ inn }}"
identity = ["number"]
[fact.attrs]
number = { at = "$.number", type = "text" }
role = { at = "$.role", type = "text" }
views = { at = "$.views", type = "integer", volatile = true }
"#;

const CADASTRE: &str = r#"id = "cadastre"
title = { ru = "Кадастр", en = "Cadastre" }
level = "property"
ttl = "7d"
params = ["address"]
[request]
url = "https://cadastre.example/?q={{ address | urlencode }}"
[answer]
format = "json"
[[fact]]
kind = "cadastre.developer"
identity = ["inn"]
[fact.attrs]
inn = { at = "$.inn", type = "text" }
"#;

const PROFILES: &str = r#"[standard]
title = { ru = "Стандартная", en = "Standard" }
needs = [
  { source = "cadastre", params = { address = "{{ address.canonical }}" } },
  { source = "courts", params = { inn = "{{ fact.inn }}" }, for_each = "cadastre.developer", max = 5 },
  { source = "courts", params = { inn = "{{ inputs.seller_inn }}" } },
]
[standard.inputs.seller_inn]
type = "inn"
"#;

const RISK: &str = r#"ruleset = "2026-11"
[[rule]]
id = "court.defendant"
when = 'fact.kind == "court.case" && fact.role == "Ответчик"'
points = 10
severity = "medium"
needs = ["courts"]
title = { ru = "Ответчик", en = "Defendant" }
[[levels]]
id = "low"
from = 0
"#;

const PROXIES: &str = r#"[default]
concurrency = 4
[default.proxies]
p1 = "http://${PROXY_USER}:${PROXY_PASSWORD}@proxy1.example:3128"
p2 = "env:PROXY2_URL"
"#;

fn folder() -> BTreeMap<String, String> {
    [
        ("sources/courts.toml", COURTS),
        ("sources/cadastre.toml", CADASTRE),
        ("profiles.toml", PROFILES),
        ("risk.toml", RISK),
        ("proxies.toml", PROXIES),
    ]
    .map(|(file, text)| (file.to_owned(), text.to_owned()))
    .into()
}

/// What is said when `from` becomes `to` in one file.
fn changed(file: &str, from: &str, to: &str) -> Vec<String> {
    let mut texts = folder();
    let text = texts.get_mut(file).expect("a file");
    assert!(text.contains(from), "{from}");
    *text = text.replacen(from, to, 1);
    load(&texts).map(|_| ()).expect_err(to).iter().map(ToString::to_string).collect()
}

#[test]
fn a_folder_without_errors() {
    let loaded = load(&folder()).expect("loads");
    assert_eq!(loaded.document.sources.keys().collect::<Vec<_>>(), ["cadastre", "courts"]);
    assert_eq!(loaded.proxies.url("default", "p2"), Some("env:PROXY2_URL"));
    let json = crate::core::policy::digest::canonical_json(&loaded.document).expect("writes");
    assert!(!json.contains("proxy1.example") && !json.contains("PROXY"), "no address of a proxy is in the document");
    assert!(!format!("{:?}", loaded.proxies).contains("proxy1.example"));
    let read: PolicyDocument = serde_json::from_str(&json).expect("reads");
    assert_eq!(read, loaded.document);
    assert_eq!(check(&read), []);

    let mut other = folder();
    for text in other.values_mut() {
        text.insert_str(0, "# a comment changes nothing\n");
    }
    assert_eq!(load(&other).expect("loads").digest, loaded.digest);
    other.insert("sources/courts.toml".to_owned(), COURTS.replace("14d", "15d"));
    assert_ne!(load(&other).expect("loads").digest, loaded.digest);
    assert_eq!(loaded.digest.len(), 64);
}

#[test]
fn what_goes_first_is_read_and_judged() {
    let mut texts = folder();
    let plain = load(&texts).expect("loads");
    let with = |text: &str| {
        let mut texts = folder();
        texts.insert("queue.toml".to_owned(), text.to_owned());
        load(&texts)
    };
    assert_eq!(with("").expect("loads").digest, plain.digest, "a file that says nothing changes nothing");
    let told = include_str!("../../../docs/sources.md").split("```toml\n# queue.toml").nth(1).expect("a block");
    let told = format!("#{}", told.split("```").next().expect("ends"));
    assert_eq!(with(&told).expect("loads").digest, plain.digest, "the documentation shows what holds without the file");
    let queue = with("waiting = 2\ncosts = [1, 2, 4, 8, 16]\n").expect("loads").document.queue;
    assert_eq!((queue.waiting, queue.costs, queue.interactive), (2, [1, 2, 4, 8, 16], 3));
    let wrong = |text: &str| with(text).map(|_| ()).expect_err(text)[0].to_string();
    assert_eq!(
        wrong("age = 3\nwatch = 1\n"),
        "queue.toml:2:1: watch: more urgent than `interactive`: people would wait for what nobody waits for"
    );
    assert!(wrong("costs = [1, 2]\n").starts_with("queue.toml:1:"), "{}", wrong("costs = [1, 2]\n"));
    assert!(wrong("wating = 1\n").contains("waiting"), "{}", wrong("wating = 1\n"));
    texts.insert("queues.toml".to_owned(), String::new());
    assert!(load(&texts).expect_err("no such file")[0].to_string().contains("did you mean queue.toml?"));
}

#[test]
fn the_rules_built_in_fit_any_sources() {
    let mut texts = folder();
    texts.remove("risk.toml");
    let loaded = load(&texts).expect("loads");
    assert!(!loaded.document.risk.levels.is_empty());
    assert!(
        loaded
            .document
            .risk
            .rules
            .iter()
            .flat_map(|rule| &rule.needs)
            .all(|source| loaded.document.sources.contains_key(source))
    );
}

/// Such a rule is right, and what reads it finds nothing.
#[test]
fn rules_that_read_what_no_source_gives_are_known() {
    let in_vain = |from: &str, to: &str| {
        let mut texts = folder();
        texts.insert("risk.toml".to_owned(), RISK.replace(from, to));
        let document = load(&texts).expect("loads").document;
        let policy = crate::core::policy::Policy::compile(1, document, BTreeMap::new()).expect("compiles");
        let attributes = policy.attributes_of_no_source().into_iter().map(|(name, rules)| format!("{name}: {rules:?}"));
        let kinds = policy.kinds_of_no_source().into_iter().map(|(kind, rules)| format!("{kind}: {rules:?}"));
        attributes.chain(kinds).collect::<Vec<_>>()
    };
    assert!(in_vain("", "").is_empty());
    assert_eq!(in_vain("fact.role", "fact.rolle"), [r#"rolle: {"court.defendant"}"#]);
    // Of a kind that nobody gives the kind alone is told.
    assert_eq!(in_vain("court.case", "court.kase"), [r#"court.kase: ["court.defendant"]"#]);
    // In what it is worth as well.
    let points = in_vain("points = 10", r#"points = "has(fact.weight) ? int(fact.weight) : 5""#);
    assert_eq!(points, [r#"weight: {"court.defendant"}"#]);
    // Of any kind: some source would have to give it to some.
    let any = in_vain(r#"fact.kind == "court.case" && fact.role"#, "fact.floor");
    assert_eq!(any, [r#"floor: {"court.defendant"}"#]);
    assert!(in_vain(r#"fact.kind == "court.case" && fact.role"#, "fact.number").is_empty());
}

#[test]
fn mistakes_of_one_file() {
    for (file, from, to, want) in [
        (
            "sources/courts.toml",
            "ttl = ",
            "tll = ",
            "sources/courts.toml:4:1: there is no key `tll` here (did you mean `ttl`?)",
        ),
        (
            "sources/courts.toml",
            "\"14d\"",
            "\"2w\"",
            "sources/courts.toml:4:7: not a duration like \"90s\", \"15m\", \"36h\" or \"14d\": \"2w\"",
        ),
        ("sources/courts.toml", "\"14d\"", "14", "sources/courts.toml:4:7: invalid type: integer `14`, expected a"),
        ("sources/courts.toml", "\"14d\"", "\"0s\"", "sources/courts.toml:4:1: ttl: must be longer than nothing"),
        ("sources/courts.toml", "\"14d\"", "\"14d", "sources/courts.toml:4:11: not TOML: "),
        (
            "sources/courts.toml",
            "\"json\"",
            "\"jsn\"",
            "sources/courts.toml:11:10: \"jsn\" is not known here (did you mean \"json\"?)",
        ),
        (
            "sources/courts.toml",
            "id = \"courts\"",
            "id = \"court\"",
            "sources/courts.toml:1:1: id: its id is \"court\", but it stands under \"courts\"",
        ),
        (
            "sources/courts.toml",
            "\"$.cases[*]\"",
            "\"$.cases[\"",
            "sources/courts.toml:12:1: answer.items: not a JSONPath: ",
        ),
        (
            "sources/courts.toml",
            "equals = 0",
            "equal = 0",
            "sources/courts.toml:13:36: there is no key `equal` here (did you mean `equals`?)",
        ),
        (
            "sources/courts.toml",
            "identity = [\"number\"]",
            "identity = [\"numbr\"]",
            "sources/courts.toml:18:13: fact[0].identity[0]: there is no attribute \"numbr\" (did you mean \"number\"?)",
        ),
        (
            "sources/courts.toml",
            "identity = [\"number\"]",
            "identity = [\"views\"]",
            "sources/courts.toml:18:13: fact[0].identity[0]: \"views\" is volatile",
        ),
        ("sources/courts.toml", "[limits]", "[limits]\nburst = 0", "sources/courts.toml:7:1: limits.burst: at least 1"),
        (
            "sources/courts.toml",
            "[limits]",
            "[limits]\nbackground = 0.5",
            "sources/courts.toml:7:1: limits.background: a part of `daily`, which is not there",
        ),
        (
            "sources/courts.toml",
            "[limits]",
            "[limits]\ndaily = 9\nbackground = 1.5",
            "sources/courts.toml:8:1: limits.background: a part: more than 0, at most 1",
        ),
        (
            "sources/courts.toml",
            "[request]",
            "[retry]\nwithin = \"1s\"\n[request]",
            "sources/courts.toml:9:1: retry.within: shorter than the first wait",
        ),
        (
            "sources/courts.toml",
            "\"default\"",
            "\"defalt\"",
            "sources/courts.toml:7:1: limits.proxies: there is no proxy pool \"defalt\" (did you mean \"default\"?)",
        ),
        (
            "sources/courts.toml",
            "kind = \"court.case\"",
            "kind = \"court.case\"\nttl = \"15d\"",
            "sources/courts.toml:17:1: fact[0].ttl: longer than the source's, 14d",
        ),
        ("sources/courts.toml", "{{ inn }}", "{{ inn", "sources/courts.toml:17:1: fact[0].subject: not a template"),
        (
            "profiles.toml",
            "source = \"courts\"",
            "source = \"cuorts\"",
            "profiles.toml:5:5: standard.needs[1].source: there is no source \"cuorts\" (did you mean \"courts\"?)",
        ),
        (
            "profiles.toml",
            "params = { inn = \"{{ fact.inn }}\" }",
            "params = { in = \"{{ fact.inn }}\" }",
            "profiles.toml:5:24: standard.needs[1].params: \"courts\" needs the parameter \"inn\"",
        ),
        (
            "profiles.toml",
            "cadastre.developer",
            "cadastre.develper",
            "profiles.toml:5:61: standard.needs[1].for_each: there is no fact kind \"cadastre.develper\" (did you mean \"cadastre.developer\"?)",
        ),
        (
            "profiles.toml",
            "fact.inn",
            "fact.ogrn",
            "profiles.toml:5:35: standard.needs[1].params.inn: there is no attribute \"ogrn\"",
        ),
        (
            "profiles.toml",
            "inputs.seller_inn }}",
            "inputs.seler_inn }}",
            "profiles.toml:6:35: standard.needs[2].params.inn: there is no input \"seler_inn\" (did you mean \"seller_inn\"?)",
        ),
        (
            "profiles.toml",
            "address.canonical",
            "address.canonicl",
            "profiles.toml:4:37: standard.needs[0].params.address: there is no part of an address \"canonicl\" (did you mean \"canonical\"?)",
        ),
        ("profiles.toml", "max = 5", "where = \"fact.share >\"", "profiles.toml:5:94: standard.needs[1].where: "),
        (
            "risk.toml",
            "needs = [\"courts\"]",
            "needs = [\"court\"]",
            "risk.toml:7:10: rule[0].needs[0]: there is no source \"court\" (did you mean \"courts\"?)",
        ),
        (
            "risk.toml",
            "fact.role == \"Ответчик\"",
            "fact.views > 3",
            "risk.toml:4:1: rule[0].when: views of court.case is volatile",
        ),
        (
            "risk.toml",
            "\"medium\"",
            "\"medum\"",
            "risk.toml:6:12: \"medum\" is not known here (did you mean \"medium\"?)",
        ),
        (
            "proxies.toml",
            "${PROXY_PASSWORD}",
            "hunter2",
            "proxies.toml:4:1: default.proxies.p1: user and password are ${NAME}",
        ),
        ("proxies.toml", "http://", "ftp://", "proxies.toml:4:1: default.proxies.p1: begins with http://"),
    ] {
        let got = changed(file, from, to);
        assert!(got.iter().any(|problem| problem.starts_with(want)), "{want}\n{got:#?}");
        assert!(!got.concat().contains("hunter2"), "a password is not repeated");
    }
}

#[test]
fn all_mistakes_at_once() {
    let mut texts = folder();
    texts.insert(
        "sources/courts.toml".to_owned(),
        COURTS.replace("ttl = \"14d\"", "ttl = 5\nspeed = 1").replace("at = \"$.role\"", "on = \"$.role\""),
    );
    texts.insert("sources/cadastre.toml".to_owned(), CADASTRE.replace("{{ address | urlencode }}", "{{ adress }}"));
    texts.insert("profile.toml".to_owned(), String::new());
    texts.insert("risk.toml".to_owned(), RISK.replace("points = 10\n", ""));
    let problems = load(&texts).map(|_| ()).expect_err("refused");
    let got: Vec<String> =
        problems.iter().map(|problem| format!("{}:{} {}", problem.file, problem.line, problem.detail)).collect();
    for want in [
        "profile.toml:0 is not a file that is read",
        "risk.toml:2 the key `points` is missing",
        "sources/cadastre.toml:7 request.url: `adress` is none of the source's params: address",
        "sources/courts.toml:4 invalid type",
        "sources/courts.toml:5 there is no key `speed` here",
        "sources/courts.toml:22 there is no key `on` here",
    ] {
        assert!(got.iter().any(|problem| problem.starts_with(want)), "{want}\n{got:#?}");
    }
    assert!(got.iter().all(|problem| !problem.contains("`ttl` is missing")), "nothing is blamed twice: {got:#?}");
}

#[test]
fn well_known_sources_need_no_ttl() {
    let mut texts = folder();
    texts.insert("sources/courts.toml".to_owned(), COURTS.replace("ttl = \"14d\"\n", ""));
    assert_eq!(
        load(&texts).expect("loads").digest,
        load(&folder()).expect("loads").digest,
        "as if it were written out"
    );
    for (id, ttl) in [("enforcement", "7d"), ("listings", "1d"), ("reviews", "14d"), ("courts", "14d")] {
        let text = COURTS.replace("ttl = \"14d\"\n", "").replace("id = \"courts\"", &format!("id = \"{id}\""));
        let (name, written) = (format!("sources/{id}.toml"), format!("ttl = \"2d\"\n{text}"));
        assert_eq!(read_source(&name, &text).expect("reads").spec.ttl.to_string(), ttl);
        assert_eq!(read_source(&name, &written).expect("reads").spec.ttl.to_string(), "2d", "what is written counts");
    }
    let missing = changed("sources/cadastre.toml", "ttl = \"7d\"\n", "");
    assert!(missing.iter().any(|problem| problem.contains("the key `ttl` is missing")), "{missing:?}");
}

#[test]
fn a_folder_on_disk() {
    let folder_on_disk = tempfile::tempdir().expect("a folder");
    let problems = load_folder(folder_on_disk.path()).map(|_| ()).expect_err("empty");
    assert!(problems.iter().any(|problem| problem.detail.starts_with("can't read the folder")));
    std::fs::create_dir(folder_on_disk.path().join("sources")).expect("makes it");
    for (file, text) in folder() {
        std::fs::write(folder_on_disk.path().join(file), text).expect("writes");
    }
    let loaded = load_folder(folder_on_disk.path()).expect("loads");
    assert_eq!(loaded.digest, load(&folder()).expect("loads").digest);
    std::fs::write(folder_on_disk.path().join("sources/bad.toml"), [0xFF, 0xFE]).expect("writes");
    assert!(load_folder(folder_on_disk.path()).is_err(), "no UTF-8");
}

#[test]
fn a_test_of_a_file_names_its_lines() {
    let params = || BTreeMap::from([("inn".to_owned(), "7707083893".to_owned())]);
    let page = |body: &str| crate::sources::connector::RawPage {
        status: 200,
        headers: Vec::new(),
        body: bytes::Bytes::copy_from_slice(body.as_bytes()),
        final_url: "https://courts.example/api".to_owned(),
    };
    let good =
        report("courts.toml", COURTS, params(), &[page(r#"{"total": 1, "cases": [{"number": "1", "views": 2}]}"#)]);
    assert!(good.ok(), "{good:#?}");
    assert_eq!(good.pages.first().map(|page| (page.items, page.facts.len(), page.filled)), Some((1, 1, (2, 3))));
    for (body, line) in [
        (r#"{"cases": [{"number": "1", "views": "many"}]}"#, 22),
        (r#"{"cases": [{"role": "x"}]}"#, 20),
        ("{}", 14),
        (r#"{"cases": []}"#, 12),
    ] {
        let bad = report("courts.toml", COURTS, params(), &[page(body)]);
        assert!(!bad.ok());
        assert_eq!(bad.pages.first().and_then(|page| page.line), Some(line), "{body}");
    }
    let unasked = report("courts.toml", COURTS, BTreeMap::new(), &[]);
    assert_eq!(unasked.not_asked.as_deref(), Some("the parameter `inn` is missing"));
    let broken = report("courts.toml", &COURTS.replace("$.number", "number"), params(), &[]);
    assert_eq!(broken.problems.first().map(|problem| problem.line), Some(20));
    // What a server would refuse is refused here as well.
    for (from, to, line) in [
        ("ttl = \"14d\"", "ttl = \"0s\"", 4),
        ("[limits]", "[retry]\nattempts = 0\n[limits]", 7),
        ("[limits]", "[limits]\nrate = \"1/m\"\nburst = 5", 8),
        ("identity = [\"number\"]", "identity = [\"nr\"]", 18),
        ("id = \"courts\"", "id = \"court\"", 1),
    ] {
        let refused = report("sources/courts.toml", &COURTS.replacen(from, to, 1), params(), &[]);
        assert_eq!(refused.problems.first().map(|problem| problem.line), Some(line), "{to}: {refused:#?}");
    }
}

#[test]
fn the_tutorial_is_true() {
    let text = include_str!("../../../docs/sources.md");
    let block = |language: &str| {
        let start = format!("```{language}\n");
        let block = text.split(&start).nth(1).and_then(|rest| rest.split("```").next()).expect("a block");
        block.lines().map(|line| format!("{}\n", line.trim_start())).collect::<String>()
    };
    let page = crate::sources::connector::RawPage {
        status: 200,
        headers: Vec::new(),
        body: bytes::Bytes::from(block("json")),
        final_url: "https://courts.example/api/cases".to_owned(),
    };
    let params = BTreeMap::from([("inn".to_owned(), "7707083893".to_owned())]);
    let found = report("courts.toml", &block("toml"), params, &[page]);
    assert!(found.ok(), "{found:#?}");
    assert_eq!(
        found.request.map(|request| request.url.to_string()).as_deref(),
        Some("https://courts.example/api/cases?inn=7707083893")
    );
    assert_eq!(found.pages.first().map(|page| (page.facts.len(), page.filled)), Some((1, (5, 5))));
}
