//! The order of judging, every guard, and what is refused when a file is compiled.

use super::*;
use mirano_schemas::Outcome;

const COURTS: &str = r#"
[request]
url = "https://courts.example/api/cases?inn={{ inn | urlencode }}"
headers = { accept = "application/json", authorization = "env:COURTS_KEY" }
[answer]
format = "json"
items = "$.cases[*]"
blocked = [{ status = 403 }, { contains = "Captcha" }]
refused = [{ status = 400 }]
nothing_found = [{ status = 404 }, { at = "$.total", equals = 0 }]
valid = [{ at = "$.cases" }]
capped = 3
expect = { filled = 0.5 }
as_of = "$.updated"
[[fact]]
kind = "court.case"
subject = "company:{{ inn }}"
identity = ["number"]
[fact.attrs]
number = { at = "$.number", type = "text" }
role = { at = "$.role", type = "text" }
sum = { at = "$.claim.sum", type = "decimal" }
filed = { at = "$.filed", type = "date", required = true }
views = { at = "$.views", type = "integer", volatile = true }
[fact.valid]
from = { at = "$.filed", type = "date" }
"#;

const GOOD: &str = r#"{"updated": "2026-11-01T10:00:00+03:00", "total": 2, "cases": [
    {"number": "А40-1/2026", "role": "Ответчик", "claim": {"sum": 1234.560}, "filed": "2026-03-15", "views": 7},
    {"number": "А40-2/2026", "claim": {"sum": "1 000"}, "filed": "2026-04-01", "views": 9}]}"#;

fn courts() -> Connector {
    connector("\"inn\"", COURTS)
}

fn judged(status: u16, body: &str) -> String {
    let answer = answer(&courts(), &ctx(&[("inn", "7707083893")]), &page(status, body));
    let code = answer.cause.as_deref().and_then(|cause| cause.split(':').next()).unwrap_or("-");
    format!("{:?} {code}{}", answer.outcome, if answer.by_status_only { " by status" } else { "" })
}

#[test]
fn order_of_judging() {
    for (status, body, want) in [
        (200, GOOD, "Found -"),
        (503, GOOD, "Unavailable http_status"),
        (500, "captcha", "Unavailable http_status"),
        (403, GOOD, "Blocked blocked"),
        (200, "<html>solve the CAPTCHA", "Blocked blocked"),
        (404, "captcha", "Blocked blocked"),
        (429, GOOD, "Blocked too_many_requests"),
        (400, r#"{"total": 0}"#, "Refused refused"),
        (404, "", "NothingFound - by status"),
        (404, r#"{"total": 0}"#, "NothingFound -"),
        (200, r#"{"total": 0, "cases": []}"#, "NothingFound -"),
        (200, r#"{"total": 0.0}"#, "NothingFound -"),
        (200, r#"{"total": "0", "cases": []}"#, "Unparsable no_items"),
        (200, r#"{"cases": []}"#, "Unparsable no_items"),
        (200, r#"{"cases": null}"#, "Unparsable not_valid"),
        (200, r#"{"error": "try later"}"#, "Unparsable not_valid"),
        (200, "", "Unparsable empty_page"),
        (200, "<html>We are working on it</html>", "Unparsable bad_json"),
        (200, r#"{"cases": [{"number": "1", "filed": "2026-"#, "Unparsable bad_json"),
        (401, GOOD, "Unparsable unexpected_status"),
        (302, GOOD, "Unparsable unexpected_status"),
        (200, r#"{"cases": [{"number": "1"}]}"#, "Unparsable attribute_missing"),
        (200, r#"{"cases": [{"filed": "2026-03-15", "role": "x"}]}"#, "Unparsable attribute_missing"),
        (200, r#"{"cases": [{"number": "1", "filed": "15.03.2026"}]}"#, "Unparsable attribute_misfit"),
        (200, r#"{"cases": [{"number": "1", "filed": "2026-03-15"}]}"#, "Unparsable markup_moved"),
        (
            200,
            r#"{"updated": "today", "cases": [{"number": "1", "filed": "2026-03-15", "role": "x"}]}"#,
            "Unparsable as_of_misfit",
        ),
    ] {
        assert_eq!(judged(status, body), want, "{status} {body}");
    }
}

#[test]
fn facts_of_a_good_page() {
    let answer = answer(&courts(), &ctx(&[("inn", "7707083893")]), &page(200, GOOD));
    assert_eq!((answer.complete, answer.as_of.as_deref()), (true, Some("2026-11-01")));
    let facts: Vec<String> = answer
        .facts
        .iter()
        .map(|f| {
            format!(
                "{} {} | {} | {} | {} | {:?}",
                f.kind,
                f.subject,
                show(&f.identity),
                show(&f.attrs),
                show(&f.volatile),
                f.valid.from
            )
        })
        .collect();
    assert_eq!(
        facts,
        [
            "court.case company:7707083893 | number=А40-1/2026 | filed=2026-03-15; role=Ответчик; sum=1234.56 | views=Integer(7) | Some(\"2026-03-15\")",
            "court.case company:7707083893 | number=А40-2/2026 | filed=2026-04-01; sum=1000 | views=Integer(9) | Some(\"2026-04-01\")",
        ]
    );
}

#[test]
fn doubles_and_cuts() {
    let case = |number: &str, role: &str, views: u32| {
        format!(r#"{{"number": "{number}", "role": "{role}", "filed": "2026-03-15", "views": {views}}}"#)
    };
    let read = |cases: &[String]| {
        answer(&courts(), &ctx(&[("inn", "1")]), &page(200, format!("{{\"cases\": [{}]}}", cases.join(","))))
    };
    let same = read(&[case("1", "a", 1), case("1", "a", 2)]);
    assert_eq!(
        (same.outcome, same.facts.len(), same.complete),
        (Outcome::Found, 1, true),
        "a volatile difference is none"
    );
    let differ = read(&[case("1", "a", 1), case("1", "b", 1)]);
    assert_eq!(differ.outcome, Outcome::Unparsable);
    assert!(differ.cause.as_deref().is_some_and(|cause| cause.starts_with("conflicting_facts: ")));
    let cut = read(&[case("1", "a", 1), case("2", "a", 1), case("3", "a", 1)]);
    assert_eq!((cut.outcome, cut.complete), (Outcome::Found, false), "as long as the source cuts lists");
}

#[test]
fn causes_hold_no_values() {
    let secret = r#"{"cases": [{"number": "1", "filed": "Иванов Иван"}]}"#;
    let courts = courts();
    let ctx = ctx(&[("inn", "1")]);
    let request = courts.first(&ctx.params).expect("asks");
    let result = courts.read(&ctx, &request, &page(200, secret));
    assert!(result.cause.as_deref().is_some_and(|cause| cause.contains("`filed`") && !cause.contains("Иванов")));
    assert!(result.notes.iter().any(|note| note.contains("Иванов")), "the author sees it");
}

#[test]
fn requests() {
    let courts = courts();
    let request = courts.first(&ctx(&[("inn", "77 07&x=1")]).params).expect("asks");
    assert_eq!(request.url.as_str(), "https://courts.example/api/cases?inn=77%2007%26x%3D1");
    assert_eq!(request.headers.get("authorization").map(String::as_str), Some("env:COURTS_KEY"), "left to the sender");
    assert_eq!(courts.first(&BTreeMap::new()), Err(AskError::MissingParam("inn".to_owned())));
    let stolen = ctx(&[("inn", "${AWS_SECRET}")]);
    assert_eq!(courts.first(&stolen.params), Err(AskError::ForbiddenParam("inn".to_owned())));

    let posts = connector(
        "\"q\"",
        r#"
[request]
method = "post"
url = "https://kad.example/search?key=${KAD_KEY}"
headers = { x-query = "{{ q }}", Content-Type = "application/json" }
body = '{"Sides": [{{ q | tojson }}], "Page": 1}'
[answer]
format = "json"
[[fact]]
kind = "a"
identity = ["n"]
[fact.attrs]
n = { at = "$.n", type = "text" }
"#,
    );
    let request = posts.first(&ctx(&[("q", "ООО \"Дом\"")]).params).expect("asks");
    assert_eq!((request.method.as_str(), request.url.as_str()), ("POST", "https://kad.example/search?key=${KAD_KEY}"));
    assert_eq!(request.body.as_deref(), Some("{\"Sides\": [\"ООО \\\"Дом\\\"\"], \"Page\": 1}"));
    assert_eq!(request.headers.get("content-type").map(String::as_str), Some("application/json"));
    for bad in ["env:PATH", "a\r\nx: y"] {
        assert_eq!(posts.first(&ctx(&[("q", bad)]).params), Err(AskError::BadHeader("x-query".to_owned())), "{bad:?}");
    }
}

#[test]
fn html_and_each() {
    let objects = connector(
        "",
        r##"
[request]
url = "https://objects.example/"
[answer]
format = "html"
items = "#list > li"
nothing_found = [{ at = "#list", count = 0 }]
valid = [{ at = "#list" }]
as_of = { at = "footer", pattern = 'на (\d.*)$', format = "%d %B %Y" }
[[fact]]
kind = "object"
identity = ["id"]
[fact.attrs]
id = { at = "a.t@data-id", type = "text" }
link = { at = "a.t@href", type = "text" }
title = { at = "a.t", type = "text" }
price = { at = ".p", type = "decimal", decimal = ",", pattern = '([\d\s,]+)₽' }
page = { at = "$$ h1", type = "text" }
tags = { at = "i", type = "list" }
[[fact]]
kind = "developer"
each = ".dev"
subject = "company:{{ inn }}"
identity = ["inn"]
[fact.attrs]
inn = { at = "@data-inn", type = "text" }
name = { at = ".", type = "text" }
object = { at = "^a.t@data-id", type = "text" }
"##,
    );
    let body = r#"<html><h1>Все<br>дома</h1><ul id=list>
        <li><a class=t data-id=1 href="/o/1">Дом <b>у&nbsp;реки</b><script>x</script></a><div class=p>1&nbsp;500,50 ₽</div>
            <i>a</i><i>b</i><div class=dev data-inn=7707083893>ООО «Река»</div>
        <li><a class=t data-id=2>Дом</a>
        </ul><footer>Данные на 3 мая 2026</footer></html>"#;
    let found = answer(&objects, &ctx(&[]), &page(200, body));
    assert_eq!((found.cause, found.as_of.as_deref()), (None, Some("2026-05-03")));
    let facts: Vec<String> = found
        .facts
        .iter()
        .map(|f| format!("{} {} {}; {}", f.kind, f.subject, show(&f.identity), show(&f.attrs)))
        .collect();
    assert_eq!(
        facts,
        [
            "object company:1 id=1; link=/o/1; page=Все дома; price=1500.5; tags=List([Text(\"a\"), Text(\"b\")]); title=Дом у реки",
            "developer company:7707083893 inn=7707083893; name=ООО «Река»; object=1",
            "object company:1 id=2; page=Все дома; title=Дом",
        ]
    );
    let cut = answer(&objects, &ctx(&[]), &page(200, body.split("<li><a class=t data-id=2").next().expect("half")));
    assert!(
        cut.cause.as_deref().is_some_and(|cause| cause.starts_with("truncated: ")),
        "half a page is no shorter list"
    );
    let nothing = answer(&objects, &ctx(&[]), &page(200, "<html><ul id=list></ul></html>"));
    assert_eq!(nothing.outcome, Outcome::NothingFound);
    let challenge = answer(&objects, &ctx(&[]), &page(200, "<html><h1>Just a moment…</h1></html>"));
    assert_eq!(challenge.outcome, Outcome::Unparsable, "a block page with status 200 has no proof");
}

#[test]
fn csv() {
    let prices = connector(
        "",
        r##"
[request]
url = "https://prices.example/all.csv"
[answer]
format = "csv"
delimiter = ";"
charset = "windows-1251"
nothing_found = [{ at = "id", count = 0 }]
[[fact]]
kind = "price"
identity = ["id"]
[fact.attrs]
id = { at = "id", type = "text" }
price = { at = "Цена, руб", type = "decimal", decimal = ",", empty = ["н/д"] }
third = { at = "#3", type = "boolean" }
gone = { at = "no such column", type = "text" }
"##,
    );
    let read =
        |text: &str| answer(&prices, &ctx(&[]), &page(200, encoding_rs::WINDOWS_1251.encode(text).0.into_owned()));
    let found = read("id;Цена, руб;x\r\n1;\"1 000,5\";t\r\n2;н/д;нет\r\n");
    let facts: Vec<String> =
        found.facts.iter().map(|f| format!("{}: {}; {}", f.line, show(&f.identity), show(&f.attrs))).collect();
    assert_eq!(facts, ["2: id=1; price=1000.5; third=Bool(true)", "3: id=2; third=Bool(false)"]);
    assert_eq!(read("id;Цена, руб;x\r\n").outcome, Outcome::NothingFound);
    assert_eq!(read("номер;Цена, руб;x\r\n").outcome, Outcome::Unparsable, "no rows of another table");
    assert_eq!(read("id;Цена, руб;x\r\n1;2").outcome, Outcome::Unparsable, "half a row");
    assert_eq!(read("id;Цена, руб;x\r\n1;2;t\r\n2;сто;t").outcome, Outcome::Unparsable);
}

#[test]
fn files_that_are_refused() {
    let refused = |from: &str, to: &str| {
        assert!(COURTS.contains(from), "{from}");
        let spec = spec("\"inn\"", &COURTS.replacen(from, to, 1));
        let problems = Connector::compile(&spec).map(|_| ()).expect_err(to);
        problems.iter().map(|problem| problem.at.clone()).collect::<Vec<_>>().join(" ")
    };
    for (from, to, at) in [
        ("{{ inn | urlencode }}", "{{ inm }}", "request.url"),
        ("{{ inn | urlencode }}", "{{ inn", "request.url"),
        ("https://courts.example/", "https://{{ inn }}/", "request.url"),
        ("https://courts.example/", "https://me:secret@courts.example/", "request.url"),
        ("https://courts.example/", "ftp://courts.example/", "request.url"),
        ("https://courts.example/", "https://courts.example/${KEY}/", "request.url"),
        ("$.cases[*]", "$.cases[", "answer.items"),
        ("$.cases[*]", "cases", "answer.items"),
        ("{ status = 403 }", "{ equals = 1 }", "answer.blocked[0]"),
        ("{ status = 403 }", "{ status = 4030 }", "answer.blocked[0].status"),
        ("{ status = 404 }", "{ status = 200 }", "answer.nothing_found[0]"),
        (
            "format = \"json\"",
            "format = \"html\"",
            "answer.items answer.nothing_found[1].at answer.valid[0].at answer.as_of.at",
        ),
        ("format = \"json\"", "format = \"json\"\ncharset = \"klingon\"", "answer.charset"),
        ("format = \"json\"", "format = \"json\"\ndelimiter = \";\"", "answer.delimiter"),
        ("company:{{ inn }}", "company:{{ ogrn }}", "fact[0].subject"),
        ("company:{{ inn }}", "company:{{ role }}", "fact[0].subject"),
        ("company:{{ inn }}", "{% if %}", "fact[0].subject fact[0].subject"),
        ("company:{{ inn }}", "ooo:{{ inn }}", "fact[0].subject"),
        ("type = \"date\", required", "type = \"date\", format = \"%\", required", "fact[0].attrs.filed.format"),
        ("at = \"$.role\"", "pattern = \"(\", at = \"$.role\"", "fact[0].attrs.role.pattern"),
        ("filled = 0.5", "filled = 70", "answer.expect.filled"),
        ("[answer]", "[pages]\nnext = \"$.next\"\npage = { param = \"p\", last_when = \"empty\" }\n[answer]", "pages"),
        ("[answer]", "[pages]\npage = { param = \"p\", last_when = \"short\" }\n[answer]", "pages.page.size"),
        ("[answer]", "[pages]\npage = { param = \"p\", last_when = \"full\" }\n[answer]", "pages.page.last_when"),
    ] {
        let found = refused(from, to);
        assert!(found.starts_with(at), "{to}: {found}");
    }
}
