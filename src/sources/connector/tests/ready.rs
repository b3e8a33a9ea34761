//! The ready connectors of `docs/examples/sources`, on pages written for them and on the shared data's.

use super::report::{TestReport, report};
use super::*;
use mirano_schemas::Outcome;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/examples/sources")
}

/// Texts by file name.
fn texts() -> BTreeMap<String, String> {
    let entries = std::fs::read_dir(folder()).expect("readable").map(|entry| entry.expect("readable").path());
    let files = entries.filter(|path| path.extension().is_some_and(|extension| extension == "toml"));
    let name = |path: &Path| path.file_name().expect("a name").to_string_lossy().into_owned();
    files.map(|path| (name(&path), std::fs::read_to_string(&path).expect("UTF-8"))).collect()
}

fn test(id: &str, pages: &[RawPage]) -> TestReport {
    let name = format!("{id}.toml");
    let text = std::fs::read_to_string(folder().join(&name)).expect("UTF-8");
    let spec = read_source(&name, &text).expect("reads").spec;
    // A number, where a template wants one.
    let params = spec.params.iter().map(|param| (param.clone(), "77".to_owned())).collect();
    report(&name, &text, params, pages)
}

/// Pages of a case, in their order: `kad.found.1.html`, `kad.found.2.json`.
fn pages(id: &str, case: &str) -> Vec<RawPage> {
    let prefix = format!("{id}.{case}.");
    let entries = std::fs::read_dir(folder().join("pages")).expect("readable");
    let mut found: Vec<PathBuf> = entries
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&prefix)))
        .collect();
    found.sort();
    let read =
        |path: &PathBuf| RawPage { final_url: String::new(), ..page(200, std::fs::read(path).expect("readable")) };
    found.iter().map(read).collect()
}

fn facts(report: &TestReport) -> Vec<String> {
    let facts = report.answer.iter().flat_map(|answer| &answer.facts);
    facts.map(|f| format!("{} {} {}; {}", f.kind, f.subject, show(&f.identity), show(&f.attrs))).collect()
}

#[test]
fn each_file_is_right_and_reads_its_pages() {
    let texts = texts();
    assert!(texts.len() >= 6, "{:?}", texts.keys());
    let mut files: BTreeMap<String, String> =
        texts.iter().map(|(name, text)| (format!("sources/{name}"), text.clone())).collect();
    files.insert("profiles.toml".to_owned(), "[all]\ntitle = { ru = \"Всё\", en = \"All\" }\nneeds = [{ source = \"kad\", params = { inn = \"{{ inputs.inn }}\" } }]\n[all.inputs.inn]\ntype = \"inn\"\n".to_owned());
    let loaded = crate::sources::config::load(&files).map(|_| ());
    assert_eq!(loaded, Ok(()), "the folder is valid as a whole");
    for name in texts.keys() {
        let id = name.trim_end_matches(".toml");
        let found = test(id, &pages(id, "found"));
        let answer = found.answer.as_ref().unwrap_or_else(|| panic!("{id} has no page: {found:#?}"));
        assert_eq!((answer.outcome, answer.complete, &found.next), (Outcome::Found, true, &None), "{id}: {found:#?}");
        let nothing = test(id, &pages(id, "nothing"));
        let outcome = nothing.answer.as_ref().map(|answer| (answer.outcome, answer.by_status_only));
        assert_eq!(outcome, Some((Outcome::NothingFound, false)), "{id}: {nothing:#?}");
        let blocked = pages(id, "blocked");
        if !blocked.is_empty() {
            let blocked = test(id, &blocked);
            assert_eq!(blocked.answer.as_ref().map(|answer| answer.outcome), Some(Outcome::Blocked), "{id}");
        }
        // A page about maintenance, with status 200, is never an answer.
        let away = page(200, "<!DOCTYPE html><html><head></head><h1>Ведутся технические работы</h1></html>");
        for before in 0..pages(id, "found").len() {
            let mut spoilt = pages(id, "found");
            spoilt[before] = away.clone();
            let outcome = test(id, &spoilt).answer.map(|answer| answer.outcome);
            // The first page of kad is asked for its cookie only.
            assert!(outcome == Some(Outcome::Unparsable) || (id, before) == ("kad", 0), "{id} {before}: {outcome:?}");
        }
    }
}

#[test]
fn what_they_read() {
    for (id, want) in [
        (
            "enforcement",
            "enforcement.proceeding company:77 number=70002/26/50001-ИП; claim=Госпошлина; department=Небывалинский РОСП; sum=4000",
        ),
        (
            "egrul",
            "company.record company:77 ogrn=0000000000012; address=г. Небывалинск, ул. Пробная, д. 1; head=Выдумкин Андрей Борисович; name=АО «ОБЛАЧНЫЙ КВАРТАЛ»; registered=2019-02-01",
        ),
        (
            "nspd",
            "cadastre.object property:test number=50:99:0070001:17; address=г. Небывалинск, ул. Пробная, д. 1, кв. 17; area=41.6; built=Integer(1988); category=Помещения; cost=3123456.78; ownership=Частная; registered=2012-07-19",
        ),
        (
            "companies_house",
            "company.record company:gb-99000001 number=99000001; charges=Bool(true); created=2015-03-04; insolvent=Bool(false); kind_of_company=ltd; name=CLOUD QUARTER HOMES LIMITED; overdue=Bool(true); postcode=ZZ1 1ZZ; status=active",
        ),
        (
            "land_registry",
            "sale.price property:test id=90000000-0000-0000-0000-000000000001; estate=Freehold; house=7; new_build=Bool(false); price=182500; property_type=Detached; sold=2025-01-06; street=NOWHERE LANE",
        ),
    ] {
        let report = test(id, &pages(id, "found"));
        assert!(facts(&report).contains(&want.to_owned()), "{id}: {:#?}", facts(&report));
    }
}

/// A file of the shared data, or a part of it, as a page.
fn shared(file: &str, at: &str) -> Option<RawPage> {
    let whole: serde_json::Value = serde_json::from_slice(&super::real::data(file)?).expect("JSON");
    let part = whole.pointer(at).unwrap_or_else(|| panic!("{file} has no {at}")).to_string();
    Some(RawPage { final_url: String::new(), ..page(200, part) })
}

#[test]
fn the_shared_data_is_read_by_them() {
    for (id, file, at, before, want) in [
        ("kad", "source_shapes_synthetic/kad_arbitr_search.json", "/response", 1, 2),
        ("enforcement", "source_shapes_synthetic/fssp_damia.json", "", 0, 2),
        ("nspd", "source_shapes_synthetic/nspd_search.json", "/response", 0, 1),
        ("nspd", "cadastre_nspd/nspd_apartment.json", "", 0, 1),
        ("nspd", "cadastre_nspd/nspd_land_plot.json", "", 0, 1),
        ("nspd", "cadastre_nspd/nspd_empty.json", "", 0, 0),
        ("dadata", "source_shapes_synthetic/dadata_find_party.json", "/response", 0, 1),
        ("egrul", "company_egrul_xml/egrul_sber.json", "", 1, 1),
        ("cian", "source_shapes_synthetic/cian_search_offers.json", "/response", 0, 1),
        ("twogis", "source_shapes_synthetic/twogis_reviews.json", "/response", 0, 2),
        ("courtlistener", "source_shapes_synthetic/courtlistener_search_v4.json", "/response", 0, 1),
        ("land_registry", "source_shapes_synthetic/landregistry_ppi.json", "/response", 0, 1),
    ] {
        let Some(last) = shared(file, at) else { return };
        let first = pages(id, "found").into_iter().take(before);
        let report = test(id, &first.chain([last]).collect::<Vec<_>>());
        let page = report.pages.last().unwrap_or_else(|| panic!("{report:#?}"));
        assert_eq!(page.facts.len(), want, "{id} {file}: {report:#?}");
        let verdict = if want == 0 { PageVerdict::NothingFound { by_status_only: false } } else { PageVerdict::Found };
        assert_eq!(page.verdict, verdict, "{id} {file}: {report:#?}");
    }
}
