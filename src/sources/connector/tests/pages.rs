//! Going through pages.

use super::*;
use mirano_schemas::Outcome;

const LIST: &str = r#"
[answer]
format = "json"
items = "$.items[*]"
nothing_found = [{ at = "$.total", equals = 0 }]
valid = [{ at = "$.items" }]
as_of = "$.as_of"
[[fact]]
kind = "thing"
identity = ["id"]
[fact.attrs]
id = { at = "$.id", type = "text" }
price = { at = "$.price", type = "decimal" }
"#;

fn source(request: &str, pages: &str) -> Connector {
    connector("\"q\"", &format!("[request]\n{request}\n[pages]\n{pages}\n{LIST}"))
}

/// Answers requests from `serve` until the connector stops asking.
fn run(connector: &Connector, serve: impl Fn(&PreparedRequest) -> (u16, String)) -> (Answer, Vec<String>) {
    let ctx = ctx(&[("q", "a b")]);
    let mut asked = Vec::new();
    let mut assembly = Assembly::new(connector);
    let mut next = Some(connector.first(&ctx.params).expect("asks"));
    while let Some(request) = next {
        asked.push(request.url.to_string());
        let (status, body) = serve(&request);
        let page = RawPage { final_url: request.url.to_string(), ..page(status, body) };
        next = assembly.add(connector.read(&ctx, &request, &page));
    }
    (assembly.finish(), asked)
}

fn items(ids: &[u32]) -> String {
    let items: Vec<String> = ids.iter().map(|id| format!("{{\"id\": {id}, \"price\": {id}}}")).collect();
    format!("\"items\": [{}]", items.join(","))
}

#[test]
fn by_number() {
    let source = source(
        "url = \"https://s.example/l?page=0&q={{ q | urlencode }}&z\"",
        "page = { param = \"page\", first = 1, last_when = \"empty\" }\nmax = 4",
    );
    let upto = |last: u32| {
        move |request: &PreparedRequest| {
            let page: u32 = request
                .url
                .query_pairs()
                .find(|(k, _)| k == "page")
                .and_then(|(_, v)| v.parse().ok())
                .expect("a number");
            (
                200,
                format!(
                    "{{{}, \"as_of\": \"2026-01-0{}\"}}",
                    items(&if page <= last { vec![page, page + 1] } else { vec![] }),
                    9 - page
                ),
            )
        }
    };
    let (answer, asked) = run(&source, upto(2));
    assert_eq!(
        asked,
        [
            "https://s.example/l?q=a%20b&z&page=1",
            "https://s.example/l?q=a%20b&z&page=2",
            "https://s.example/l?q=a%20b&z&page=3"
        ]
    );
    let ids: Vec<String> = answer.facts.iter().map(|fact| show(&fact.identity)).collect();
    assert_eq!(ids, ["id=1", "id=2", "id=3"], "what moved to the next page meanwhile is there once");
    assert_eq!((answer.outcome, answer.complete, answer.as_of.as_deref()), (Outcome::Found, true, Some("2026-01-06")));
    let (answer, asked) = run(&source, upto(9));
    assert_eq!(
        (answer.outcome, answer.complete, asked.len()),
        (Outcome::Found, false, 4),
        "there are more pages than may be read"
    );
    let (answer, _) = run(&source, |_| (200, "{\"total\": 0}".to_owned()));
    assert_eq!((answer.outcome, answer.complete, answer.by_status_only), (Outcome::NothingFound, true, false));
    let (answer, _) = run(&source, upto(0));
    assert_eq!(answer.outcome, Outcome::Unparsable, "an empty first page is no proof");
}

#[test]
fn any_bad_page_spoils() {
    let source = source("url = \"https://s.example/l\"", "page = { param = \"p\", last_when = \"empty\" }");
    for (status, body, outcome) in [
        (500, "", Outcome::Unavailable),
        (429, "", Outcome::Blocked),
        (200, "<html>captcha", Outcome::Unparsable),
        (200, "{\"items\": [{\"id\": 0, \"price\": 5}]}", Outcome::Unparsable),
    ] {
        let (answer, asked) = run(&source, |request| match request.url.query() {
            Some("p=0") => (200, format!("{{{}}}", items(&[0]))),
            _ => (status, body.to_owned()),
        });
        assert_eq!((answer.outcome, answer.facts.len(), asked.len()), (outcome, 0, 2));
        assert!(answer.cause.as_deref().is_some_and(|cause| cause.contains("page 2")), "{:?}", answer.cause);
    }
}

#[test]
fn in_the_body() {
    let source = source(
        "method = \"POST\"\nurl = \"https://s.example/l\"\nbody = '{\"Page\": {{ page }}}'",
        "page = { param = \"Page\", first = 1, last_when = \"empty\" }",
    );
    let (answer, asked) = run(&source, |request| {
        (200, format!("{{{}}}", items(if request.body.as_deref() == Some("{\"Page\": 1}") { &[1] } else { &[] })))
    });
    assert_eq!((answer.outcome, answer.complete), (Outcome::Found, true));
    assert_eq!(asked, ["https://s.example/l", "https://s.example/l"]);
}

#[test]
fn by_link() {
    let source = source(
        "url = \"https://s.example/l\"\nheaders = { authorization = \"env:KEY\", accept = \"x\" }",
        "next = \"$.next\"\nmax = 3",
    );
    let linked = |link: &'static str| {
        run(&source, move |request| match request.url.query() {
            None => (200, format!("{{\"next\": {link}, {}}}", items(&[1]))),
            _ => (200, format!("{{\"next\": null, {}}}", items(&[2]))),
        })
    };
    for (link, second) in [
        ("\"?cursor=a%20b\"", Some("https://s.example/l?cursor=a%20b")),
        ("\"/m?x=1#top\"", Some("https://s.example/m?x=1")),
        // The source said the key back, and its name stands for it by now.
        ("\"?key=${KEY}&page=2\"", Some("https://s.example/l?key=${KEY}&page=2")),
        ("null", None),
        ("\"\"", None),
    ] {
        let (answer, asked) = linked(link);
        assert_eq!((answer.outcome, answer.complete), (Outcome::Found, true), "{link}");
        assert_eq!(asked.get(1).map(String::as_str), second);
    }
    for link in [
        "\"https://evil.example/?x=1\"",
        "\"http://169.254.169.254/?x\"",
        "\"file:///etc/passwd\"",
        "\"?x=${AWS_SECRET}\"",
        "\"?x=${KEY}&y=${AWS_SECRET}\"",
        "\"/${KEY}/?x=1\"",
        "\"https://me:pw@s.example/?x\"",
        "\"https://s.example/l\"",
        "7",
    ] {
        let (answer, asked) = linked(link);
        assert_eq!((answer.outcome, asked.len()), (Outcome::Unparsable, 1), "{link}");
        assert!(answer.cause.as_deref().is_some_and(|cause| cause.starts_with("bad_next_page: ")));
    }
    let endless = run(&source, |request| {
        let n: u32 = request.url.query().and_then(|q| q.parse().ok()).unwrap_or(0);
        (200, format!("{{\"next\": \"?{}\", {}}}", n + 1, items(&[n])))
    });
    assert_eq!((endless.0.complete, endless.1.len()), (false, 3));
}

#[test]
fn secrets_stay_with_the_source() {
    let source = source(
        "url = \"https://s.example/l\"\nheaders = { authorization = \"env:KEY\", accept = \"x\" }",
        "next = \"$.next\"",
    );
    let ctx = ctx(&[("q", "")]);
    let request = source.first(&ctx.params).expect("asks");
    let moved = RawPage {
        final_url: "https://www.other.example/l".to_owned(),
        ..page(200, format!("{{\"next\": \"?2\", {}}}", items(&[1])))
    };
    let next = source.read(&ctx, &request, &moved).next.expect("followed");
    assert_eq!(next.url.as_str(), "https://www.other.example/l?2");
    assert_eq!(next.headers.keys().collect::<Vec<_>>(), ["accept"], "a redirect does not carry the key on");
}

#[test]
fn by_cursor() {
    let by_query = source("url = \"https://s.example/l\"", "cursor = { at = \"$.meta.cursor\", param = \"after\" }");
    let (answer, asked) = run(&by_query, |request| match request.url.query() {
        None => (200, format!("{{\"meta\": {{\"cursor\": \"a=b&c\"}}, {}}}", items(&[1]))),
        Some("after=a%3Db%26c") => (200, format!("{{\"meta\": {{\"cursor\": 17}}, {}}}", items(&[2]))),
        _ => (200, format!("{{\"meta\": {{\"cursor\": null}}, {}}}", items(&[3]))),
    });
    assert_eq!(asked, ["https://s.example/l", "https://s.example/l?after=a%3Db%26c", "https://s.example/l?after=17"]);
    assert_eq!((answer.facts.len(), answer.complete), (3, true));
    let (answer, asked) = run(&by_query, |_| (200, format!("{{\"meta\": {{\"cursor\": \"x\"}}, {}}}", items(&[1]))));
    assert_eq!((answer.outcome, asked.len()), (Outcome::Unparsable, 2), "a cursor that stands still never ends");
    let in_body = source(
        "method = \"POST\"\nurl = \"https://s.example/l\"\nbody = '{\"after\": {{ cursor | tojson }}}'",
        "cursor = { at = \"$.cursor\", param = \"after\" }",
    );
    let (answer, asked) = run(&in_body, |request| match request.body.as_deref() {
        Some("{\"after\": \"\"}") => (200, format!("{{\"cursor\": \"7\", {}}}", items(&[1]))),
        Some("{\"after\": \"7\"}") => (200, format!("{{{}}}", items(&[2]))),
        other => panic!("{other:?}"),
    });
    assert_eq!((answer.facts.len(), answer.complete, asked.len()), (2, true, 2));
}

#[test]
fn by_offset_and_by_what_the_page_says() {
    let offsets = |more: &str| {
        source("url = \"https://s.example/l\"", &format!("page = {{ param = \"offset\", step = 2, size = 2, {more} }}"))
    };
    let serve = |request: &PreparedRequest| match request.url.query() {
        Some("offset=0") => (200, format!("{{\"total\": 4, \"last\": 2, {}}}", items(&[1, 2]))),
        Some("offset=2") => (200, format!("{{\"total\": 4, \"last\": 2, {}}}", items(&[3, 4]))),
        _ => (200, "{\"total\": 4, \"last\": 2, \"items\": []}".to_owned()),
    };
    for (more, requests) in [
        ("last_when = \"empty\"", 3),
        ("last_when = \"short\"", 3),
        ("total = \"$.total\"", 2),
        ("last = \"$.last\"", 2),
    ] {
        let (answer, asked) = run(&offsets(more), serve);
        assert_eq!((asked.len(), answer.facts.len(), answer.complete), (requests, 4, true), "{more}: {asked:?}");
    }
    let (answer, asked) = run(&offsets("last_when = \"short\""), |_| (200, format!("{{{}}}", items(&[1]))));
    assert_eq!((asked.len(), answer.complete), (1, true), "a short page is the last");
}

#[test]
fn by_the_header_link() {
    let source = source("url = \"https://s.example/l\"", "link = true");
    let ctx = ctx(&[("q", "")]);
    let first = source.first(&ctx.params).expect("asks");
    let with = |link: &str| RawPage {
        headers: vec![("Link".to_owned(), link.to_owned())],
        final_url: "https://s.example/l".to_owned(),
        ..page(200, format!("{{{}}}", items(&[1])))
    };
    let next = source.read(&ctx, &first, &with("</l?page=2>; rel=\"next\"")).next.expect("leads on");
    assert_eq!((next.url.as_str(), next.number), ("https://s.example/l?page=2", 1));
    assert!(source.read(&ctx, &next, &with("</l?page=1>; rel=\"prev\"")).next.is_none());
    let elsewhere = source.read(&ctx, &first, &with("<https://evil.example/>; rel=next"));
    assert_eq!(elsewhere.verdict, PageVerdict::Unparsable);
    assert!(source.needs_a_session(), "its end can't be told by the body alone");
}
