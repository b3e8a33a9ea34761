//! Real pages from the shared data folder (`MIRANO_DATA`, else `../shared/data`), which the project does not copy.

use super::*;
use mirano_schemas::Outcome;
use std::path::PathBuf;

/// A file of the shared data; `None`, said loudly, where there is none.
pub(super) fn data(name: &str) -> Option<Vec<u8>> {
    let folder = std::env::var_os("MIRANO_DATA").map_or_else(|| PathBuf::from("../shared/data"), PathBuf::from);
    let read = std::fs::read(folder.join(name));
    if read.is_err() {
        eprintln!("SKIPPED: there is no {name} in {}; set MIRANO_DATA to the folder of real data", folder.display());
    }
    read.ok()
}

fn read(connector: &Connector, body: Vec<u8>) -> Answer {
    answer(connector, &ctx(&[]), &page(200, body))
}

fn source(answer: &str) -> Connector {
    connector("", &format!("[request]\nurl = \"https://s.example/\"\n{answer}"))
}

/// Rows that the pages' own project expects, as `(date, name, docket, url)`.
fn expected(name: &str) -> Option<Vec<[String; 4]>> {
    let rows: Vec<serde_json::Value> = serde_json::from_slice(&data(name)?).expect("JSON");
    let text =
        |row: &serde_json::Value, key: &str| row.get(key).and_then(|v| v.as_str()).unwrap_or_default().to_owned();
    Some(
        rows.iter()
            .map(|row| ["case_dates", "case_names", "docket_numbers", "download_urls"].map(|key| text(row, key)))
            .collect(),
    )
}

fn found(answer: &Answer) -> Vec<[String; 4]> {
    let text = |fact: &ExtractedFact, key: &str| {
        let value = fact.identity.get(key).or_else(|| fact.attrs.get(key));
        match value {
            Some(mirano_schemas::Value::Text(t) | mirano_schemas::Value::Date(t)) => t.clone(),
            _ => String::new(),
        }
    };
    answer.facts.iter().map(|fact| ["date", "name", "docket", "url"].map(|key| text(fact, key))).collect()
}

/// What a reader of names writes differently: case and punctuation are not compared.
fn letters(name: &str) -> String {
    name.to_lowercase().replace("vs.", "v.").chars().filter(|c| c.is_alphanumeric()).collect()
}

/// The expected rows that are not there; the names on courts' pages are in capitals, their project's are not.
fn missing<'a>(answer: &Answer, want: &'a [[String; 4]]) -> Vec<&'a [String; 4]> {
    let found = found(answer);
    let same = |got: &[String; 4], want: &[String; 4]| {
        let [date, name, docket, url] = got;
        let [want_date, want_name, want_docket, want_url] = want;
        date == want_date && docket == want_docket && url == want_url && letters(name) == letters(want_name)
    };
    want.iter().filter(|want| !found.iter().any(|got| same(got, want))).collect()
}

#[test]
fn land_court_of_massachusetts() {
    let page = "court_opinions_listing_dev/masslandct_example";
    let (Some(body), Some(want)) = (data(&format!("{page}.html")), expected(&format!("{page}.compare.json"))) else {
        return;
    };
    let court = |pattern: &str| {
        source(&format!(
            r##"
[answer]
format = "html"
items = "h2:has(a[id='2020']) ~ section tbody > tr:has(td a)"
valid = [{{ contains = "Mass. Land Court Decisions" }}, {{ at = "table.w3-table" }}]
[[fact]]
kind = "court.opinion"
identity = ["url", "docket"]
[fact.attrs]
date = {{ at = "td:nth-child(1)", type = "date", format = "%B %d, %Y"{pattern} }}
docket = {{ at = "td:nth-child(2) a", type = "text" }}
url = {{ at = "td:nth-child(2) a@href", type = "text" }}
name = {{ at = "td:nth-child(3)", type = "text" }}
"##
        ))
    };
    let strict = read(&court(""), body.clone());
    assert_eq!(cause(&strict), "attribute_misfit: item 219: `date` of court.opinion is not a date", "OCOTBER 8, 2020");
    let months = "January|February|March|April|May|June|July|August|September|October|November|December";
    let answer = read(&court(&format!(", pattern = '(?i)^(({months}) .*)'")), body);
    assert_eq!((cause(&answer), answer.facts.len()), ("-", want.len()));
    let missing = missing(&answer, &want);
    assert_eq!(missing.len(), 1, "all but the date that the court misspelt: {missing:#?}");
}

#[test]
fn supreme_court_of_wisconsin() {
    let page = "court_opinions_listing_dev/wis_example";
    let (Some(body), Some(want)) = (data(&format!("{page}.html")), expected(&format!("{page}.compare.json"))) else {
        return;
    };
    let court = source(
        r##"
[answer]
format = "html"
items = "tr:has(td a[href*='DisplayDocument'])"
valid = [{ at = "table" }]
[[fact]]
kind = "court.opinion"
identity = ["docket"]
[fact.attrs]
date = { at = "td:nth-child(1)", type = "date", format = "%b %d, %Y" }
docket = { at = "td:nth-child(2)", type = "text" }
name = { at = "td:nth-child(3)", type = "text" }
"##,
    );
    let answer = read(&court, body);
    assert_eq!((answer.cause.as_deref(), answer.facts.len()), (None, want.len()));
    let want: Vec<[String; 4]> =
        want.into_iter().map(|[date, name, docket, _]| [date, name, docket, String::new()]).collect();
    assert_eq!(missing(&answer, &want), Vec::<&[String; 4]>::new());
}

#[test]
fn an_appeals_page_that_ends_in_the_middle() {
    let Some(body) = data("court_opinions_listing_dev/bap8_example.html") else {
        return;
    };
    let court = |more: &str| {
        source(&format!(
            r##"
[answer]
format = "html"
items = "pre a[href$='.pdf']"
{more}
[[fact]]
kind = "court.opinion"
identity = ["url"]
[fact.attrs]
url = {{ at = "@href", type = "text" }}
"##
        ))
    };
    let cut = read(&court(""), body.clone());
    assert!(cut.cause.as_deref().is_some_and(|cause| cause.starts_with("truncated: ")), "{:?}", cause(&cut));
    let whole = read(&court("unclosed = true"), body);
    assert_eq!(whole.outcome, Outcome::Found);
    assert!(whole.facts.len() > 50, "{}", whole.facts.len());
}

fn cause(answer: &Answer) -> &str {
    answer.cause.as_deref().unwrap_or("-")
}

#[test]
fn supreme_court_of_colorado_in_json() {
    let page = "court_opinions_listing_dev/colo_example";
    let (Some(body), Some(want)) = (data(&format!("{page}.json")), expected(&format!("{page}.compare.json"))) else {
        return;
    };
    let court = source(
        r##"
[answer]
format = "json"
items = "$.results[*]"
valid = [{ at = "$.provider", equals = "content-api" }]
[[fact]]
kind = "court.opinion"
identity = ["id"]
[fact.attrs]
id = { at = "$.id", type = "integer" }
url = { at = "$.detail_json.public_url", type = "text" }
date = { at = "$.properties[?@.property.label == 'Date'].values[0]", type = "date", format = "%B %d, %Y" }
title = { at = "$.title", type = "text", required = true }
"##,
    );
    let answer = read(&court, body);
    assert_eq!((cause(&answer), answer.facts.len()), ("-", want.len()));
    for [date, ..] in &want {
        assert!(found(&answer).iter().all(|[got, ..]| got == date), "{date}");
    }
}

#[test]
fn cadastre_in_its_wrappers() {
    let cadastre = source(
        r##"
[answer]
format = "json"
items = "$..features[*]"
nothing_found = [{ at = "$..features", count = 0 }]
valid = [{ at = "$..features" }]
[[fact]]
kind = "cadastre.object"
subject = "property:{{ number }}"
identity = ["number"]
[fact.attrs]
number = { at = "$.properties['cad_num', 'cad_number']", type = "text" }
address = { at = "$.properties.readable_address", type = "text", required = true }
area = { at = "$.properties.area_value", type = "decimal" }
cost = { at = "$.properties.cad_cost", type = "decimal" }
built = { at = "$.properties.year_built", type = "integer" }
registered = { at = "$.properties.registration_date", type = "date" }
"##,
    );
    let show = |name: &str| {
        let answer = read(&cadastre, data(&format!("cadastre_nspd/{name}"))?);
        let facts = answer.facts.iter().map(|fact| format!("{} {}", fact.subject, show(&fact.attrs)));
        Some(format!("{:?} {}", answer.outcome, facts.collect::<Vec<_>>().join(" | ")))
    };
    let (Some(flat), Some(land), Some(empty)) =
        (show("nspd_apartment.json"), show("nspd_land_plot.json"), show("nspd_empty.json"))
    else {
        return;
    };
    assert_eq!(
        flat,
        "Found property:77:01:0001066:1234 address=г. Москва, Ленинский проспект, д. 10, кв. 5; area=47.3; built=Integer(1957); cost=8423000; registered=2009-04-15"
    );
    assert_eq!(
        land,
        "Found property:50:21:0010101:42 address=Московская обл., Ленинский р-н, д. Ивановка; area=1500; cost=245000"
    );
    assert_eq!(empty, "NothingFound ");
}

#[test]
fn register_of_companies_in_windows_1251() {
    let register = source(
        r##"
[answer]
format = "xml"
items = "EGRUL > СвЮЛ"
valid = [{ at = "EGRUL@ДатаВыг" }]
as_of = "EGRUL@ДатаВыг"
[[fact]]
kind = "company.record"
subject = "company:{{ inn }}"
identity = ["ogrn"]
[fact.attrs]
ogrn = { at = "@ОГРН", type = "text" }
inn = { at = "@ИНН", type = "text", required = true }
name = { at = "СвНаимЮЛ@НаимЮЛПолн", type = "text", required = true }
region = { at = "СвМНЮЛ > НаимРегион", type = "text" }
ended = { at = "СвПрекрЮЛ@ДатаПрекрЮЛ", type = "date" }
"##,
    );
    let (Some(fill), Some(update)) = (data("company_egrul_xml/fill.XML"), data("company_egrul_xml/update.XML")) else {
        return;
    };
    let (fill, update) = (read(&register, fill), read(&register, update));
    assert_eq!((cause(&fill), cause(&update)), ("-", "-"));
    assert_eq!(fill.as_of.as_deref(), Some("2023-08-07"));
    let first = fill.facts.first().map(|fact| format!("{} {}", fact.subject, show(&fact.attrs)));
    assert_eq!(
        first.as_deref(),
        Some(
            "company:2222222222 inn=2222222222; name=ОБЩЕСТВО С ОГРАНИЧЕННОЙ ОТВЕТСТВЕННОСТЬЮ \"КОМПАНИЯ \"ЧУДЕСА\"; region=Республика Башкортостан"
        )
    );
    let ended = |answer: &Answer| answer.facts.iter().filter(|fact| fact.attrs.contains_key("ended")).count();
    assert_eq!((ended(&fill), ended(&update)), (1, 2), "the update says that one more company has ended");
}

#[test]
fn an_unknown_status_is_refused_with_a_reason() {
    let Some(body) = data("company_egrul_xml/egrul_sample.xml") else {
        return;
    };
    let register = |statuses: &str| {
        source(&format!(
            r##"
[answer]
format = "xml"
items = "СвЮЛ"
as_of = {{ at = "ЕГРЮЛ@ДатаВыгрузки", format = "%d.%m.%Y" }}
[[fact]]
kind = "company.status"
subject = "company:{{{{ inn }}}}"
identity = ["inn"]
[fact.attrs]
inn = {{ at = "@ИНН", type = "text" }}
status = {{ at = "СвСтатус@НаимСтатусЮЛ", type = "text", required = true, one_of = [{statuses}] }}
capital = {{ at = "СвУстКап@СумКап", type = "decimal" }}
[[fact]]
kind = "company.founder"
each = "УчрЮЛРос"
subject = "company:{{{{ inn }}}}"
identity = ["founder"]
[fact.attrs]
inn = {{ at = "^@ИНН", type = "text", required = true }}
founder = {{ at = "НаимИННЮЛ@ИНН", type = "text" }}
share = {{ at = "ДоляУстКап@Процент", type = "integer" }}
"##
        ))
    };
    let known = read(&register("\"Действующее\", \"Неопределено\""), body.clone());
    assert_eq!((cause(&known), known.facts.len(), known.as_of.as_deref()), ("-", 4, Some("2026-04-01")));
    let refused = read(&register("\"Действующее\""), body);
    assert_eq!(refused.outcome, Outcome::Unparsable);
    assert_eq!(cause(&refused), "attribute_misfit: item 3: `status` of company.status is none of `one_of`");
}

#[test]
fn shapes_of_russian_sources() {
    let read = |file: &str, at: &str, connector: &Connector| {
        let whole: serde_json::Value =
            serde_json::from_slice(&data(&format!("source_shapes_synthetic/{file}"))?).expect("JSON");
        let answer = read(connector, whole.pointer(at).expect("is there").to_string().into_bytes());
        let facts =
            answer.facts.iter().map(|fact| format!("{} {}; {}", fact.subject, show(&fact.identity), show(&fact.attrs)));
        Some((cause(&answer).to_owned(), answer.complete, facts.collect::<Vec<_>>()))
    };
    let fssp = source(
        r##"
[answer]
format = "json"
items = "$.items[*]"
[[fact]]
kind = "enforcement"
identity = ["number"]
[fact.attrs]
number = { at = "$.nomer", type = "text" }
sum = { at = "$.summa", type = "decimal", decimal = ",", required = true }
opened = { at = "$.ddd", type = "date", format = "%d.%m.%Y" }
"##,
    );
    if let Some(got) = read("fssp_damia.json", "", &fssp) {
        let want = [
            "company:1 number=12345/22/74033-ИП; opened=2022-03-15; sum=1234.56",
            "company:1 number=12346/22/74033-ИП; sum=150000",
        ];
        assert_eq!(got, ("-".to_owned(), true, want.map(str::to_owned).to_vec()));
    }
    let kad = source(
        r##"
[answer]
format = "json"
items = "$.Result.Items[*]"
nothing_found = [{ at = "$.Result.TotalCount", equals = 0 }]
valid = [{ at = "$.Success", equals = true }]
capped = 2
[[fact]]
kind = "court.party"
each = "$.Respondents.Participants[?@.Inn != null]"
subject = "company:{{ inn }}"
identity = ["number", "inn"]
[fact.attrs]
number = { at = "^.CaseNumber", type = "text" }
inn = { at = "$.Inn", type = "text" }
filed = { at = "^.Date", type = "date", required = true }
"##,
    );
    if let Some((cause, complete, facts)) = read("kad_arbitr_search.json", "/response", &kad) {
        assert_eq!((cause.as_str(), complete), ("-", false), "as many as the source gives at most");
        assert!(
            facts.contains(&"company:7700000000 inn=7700000000; number=А40-00001/2024; filed=2024-12-24".to_owned()),
            "{facts:#?}"
        );
    }
    let reviews = source(
        r##"
[answer]
format = "json"
items = "$.reviews[*]"
nothing_found = [{ at = "$.meta.total_count", equals = 0 }]
[[fact]]
kind = "review"
identity = ["id"]
[fact.attrs]
id = { at = "$.id", type = "text" }
rating = { at = "$.rating", type = "integer", required = true }
written = { at = "$.date_created", type = "date" }
"##,
    );
    if let Some((cause, _, facts)) = read("twogis_reviews.json", "/response", &reviews) {
        assert_eq!(
            (cause.as_str(), facts.first().map(String::as_str)),
            ("-", Some("company:1 id=1; rating=Integer(2); written=2024-05-01"))
        );
    }
}

/// The listings of a snapshot by id: name and price.
fn listings(connector: &Connector, date: &str) -> Option<BTreeMap<String, (String, String)>> {
    let answer = read(connector, data(&format!("airbnb_barossa_listings_dev/{date}_listings.csv"))?);
    assert_eq!((cause(&answer), answer.complete), ("-", true), "{date}");
    let text = |attrs: &Attrs, name: &str| attrs.get(name).map(|value| format!("{value:?}")).unwrap_or_default();
    Some(
        answer
            .facts
            .iter()
            .map(|f| (text(&f.identity, "id"), (text(&f.attrs, "name"), text(&f.attrs, "price"))))
            .collect(),
    )
}

#[test]
fn listings_of_nineteen_months() {
    let Some(expected) = data("airbnb_barossa_listings_dev/EXPECTED_DIFFS.json") else {
        return;
    };
    let expected: serde_json::Value = serde_json::from_slice(&expected).expect("JSON");
    let source = source(
        r##"
[answer]
format = "csv"
valid = [{ at = "scrape_id" }]
[[fact]]
kind = "listing.offer"
identity = ["id"]
[fact.attrs]
id = { at = "id", type = "text" }
name = { at = "name", type = "text" }
price = { at = "price", type = "decimal", pattern = '^\$(.*)$', thousands = ",", required = true }
superhost = { at = "host_is_superhost", type = "boolean" }
rate = { at = "host_response_rate", type = "decimal", pattern = '^(\d+)%$', empty = ["N/A"] }
reviews = { at = "number_of_reviews", type = "integer", volatile = true }
scraped = { at = "last_scraped", type = "date", volatile = true }
"##,
    );
    let pairs = expected.get("pairs").and_then(|pairs| pairs.as_array()).expect("pairs");
    assert_eq!(pairs.len(), 18);
    for pair in pairs {
        let text = |key: &str| pair.get(key).and_then(|v| v.as_str()).expect("a date");
        let length = |key: &str| pair.get(key).and_then(|v| v.as_array()).map_or(0, Vec::len);
        let (Some(from), Some(to)) = (listings(&source, text("from")), listings(&source, text("to"))) else {
            return;
        };
        let added = to.keys().filter(|id| !from.contains_key(*id)).count();
        let gone = from.keys().filter(|id| !to.contains_key(*id)).count();
        let prices = from.iter().filter(|(id, (_, price))| to.get(*id).is_some_and(|(_, new)| new != price)).count();
        let want = (length("added"), length("removed"), length("price_changes"));
        assert_eq!((added, gone, prices), want, "{} to {}", text("from"), text("to"));
    }
}
