//! Several requests of one file: a search whose finds are asked for one by one, a form with a token.

use super::*;
use mirano_schemas::Outcome;

const SEARCH: &str = r#"
[[before]]
id = "search"
max = 3
[before.request]
url = "https://kad.example/search?inn={{ inn }}"
headers = { x-key = "env:KAD_KEY" }
[before.pages]
page = { param = "p", first = 1, last = "$.pages" }
[before.answer]
format = "json"
items = "$.hits[*]"
nothing_found = [{ at = "$.total", equals = 0 }]
blocked = [{ contains = "captcha" }]
[before.take]
id = { at = "$.id", type = "text" }
title = { at = "$.title", type = "text" }
[request]
url = "https://kad.example/case/{{ search.id | urlencode }}?for={{ inn }}"
[answer]
format = "html"
nothing_found = [{ status = 404 }]
[[fact]]
kind = "court.case"
subject = "company:{{ inn }}"
identity = ["number"]
[fact.attrs]
number = { at = "h1", type = "text" }
title = { at = "{{ search.title }}", type = "text" }
"#;

/// Answers requests from `serve` until the connector stops asking.
fn run(connector: &Connector, serve: impl Fn(&str) -> (u16, String)) -> (Answer, Vec<String>) {
    let ctx = ctx(&[("inn", "77")]);
    let mut asked = Vec::new();
    let mut assembly = Assembly::new(connector);
    let mut next = Some(connector.first(&ctx.params).expect("asks"));
    while let Some(request) = next {
        let address = request.url.as_str().trim_start_matches("https://kad.example").to_owned();
        let (status, body) = serve(&address);
        asked.push(address);
        let page = RawPage { final_url: request.url.to_string(), ..page(status, body) };
        next = assembly.add(connector.read(&ctx, &request, &page));
    }
    (assembly.finish(), asked)
}

fn hits(ids: &[&str], pages: u32) -> String {
    let hits: Vec<String> = ids.iter().map(|id| format!("{{\"id\": \"{id}\", \"title\": \"T {id}\"}}")).collect();
    format!("{{\"pages\": {pages}, \"hits\": [{}]}}", hits.join(","))
}

fn site(address: &str) -> (u16, String) {
    match address {
        "/search?inn=77&p=1" => (200, hits(&["a/1", "b"], 2)),
        "/search?inn=77&p=2" => (200, hits(&["b", "gone"], 2)),
        "/case/gone?for=77" => (404, String::new()),
        case => (200, format!("<html><h1>{case}</h1></html>")),
    }
}

#[test]
fn each_find_is_asked_for_once() {
    let (answer, asked) = run(&connector("\"inn\"", SEARCH), site);
    assert_eq!(
        asked,
        ["/search?inn=77&p=1", "/search?inn=77&p=2", "/case/a%2F1?for=77", "/case/b?for=77", "/case/gone?for=77"]
    );
    let facts: Vec<String> =
        answer.facts.iter().map(|f| format!("{}; {}", show(&f.identity), show(&f.attrs))).collect();
    assert_eq!(facts, ["number=/case/a%2F1?for=77; title=T a/1", "number=/case/b?for=77; title=T b"]);
    assert_eq!((answer.outcome, answer.complete, answer.by_status_only), (Outcome::Found, true, false));
}

#[test]
fn guards_hold_for_each_step() {
    let source = connector("\"inn\"", SEARCH);
    let with = |at: &'static str, status: u16, body: &'static str| {
        let (answer, asked) =
            run(&source, |address| if address.starts_with(at) { (status, body.to_owned()) } else { site(address) });
        (answer.outcome, asked.len(), answer.cause.unwrap_or_default())
    };
    let (outcome, asked, _) = with("/search", 200, "{\"total\": 0}");
    assert_eq!((outcome, asked), (Outcome::NothingFound, 1), "the search says that there is nothing");
    let (outcome, asked, cause) = with("/search", 200, "captcha");
    assert_eq!((outcome, asked), (Outcome::Blocked, 1));
    assert!(cause.ends_with("(step search)"), "{cause}");
    let (outcome, _, cause) = with("/case/b", 200, "<html><p>captcha</html>");
    assert_eq!(outcome, Outcome::Unparsable, "the guard is the search's: {cause}");
    assert!(cause.starts_with("attribute_missing") && cause.ends_with("(page 4)"), "one bad page spoils all: {cause}");
    let (outcome, _, cause) = with("/search", 200, "{\"pages\": 1, \"hits\": [{\"title\": \"no id\"}]}");
    assert_eq!(outcome, Outcome::Unparsable, "what the next request needs must be there: {cause}");
    let (outcome, _, cause) = with("/search", 200, "{\"hits\": [{\"id\": \"a\"}]}");
    assert_eq!(outcome, Outcome::Unparsable, "how many pages there are must be said: {cause}");
    let secret = "{\"pages\": 1, \"hits\": [{\"id\": \"${KAD_KEY}\"}]}";
    let (outcome, asked, cause) = with("/search", 200, secret);
    assert_eq!((outcome, asked), (Outcome::Unparsable, 1), "a page names no secret");
    assert!(cause.starts_with("bad_step") && !cause.contains("KAD_KEY"), "{cause}");
    let (answer, _) = run(&source, |address| match address {
        case if case.starts_with("/case") => (404, String::new()),
        other => site(other),
    });
    assert_eq!((answer.outcome, answer.by_status_only), (Outcome::NothingFound, true), "nothing, by status only");
}

#[test]
fn no_more_than_may_be_followed() {
    let (answer, asked) = run(&connector("\"inn\"", SEARCH), |address| match address {
        "/search?inn=77&p=1" => (200, hits(&["a", "b", "c", "d", "e"], 1)),
        other => site(other),
    });
    assert_eq!((asked.len(), answer.facts.len(), answer.complete), (4, 3, false));
    let first = SEARCH.replace("max = 3", "first = true");
    let (answer, asked) = run(&connector("\"inn\"", &first), site);
    assert_eq!((asked.len(), answer.facts.len(), answer.complete), (2, 1, true), "only the first is wanted");
}

#[test]
fn a_link_leads_on_within_the_source() {
    let linked =
        SEARCH.replace("https://kad.example/case/{{ search.id | urlencode }}?for={{ inn }}", "{{ search.id }}");
    let source = connector("\"inn\"", &linked);
    let (answer, asked) = run(&source, |address| match address {
        search if search.starts_with("/search") => (200, hits(&["/deep/x", "https://kad.example/y"], 1)),
        case => (200, format!("<html><h1>{case}</h1></html>")),
    });
    assert_eq!(asked, ["/search?inn=77&p=1", "/deep/x", "/y"]);
    assert_eq!((answer.outcome, answer.facts.len()), (Outcome::Found, 2));
    let (answer, asked) = run(&source, |_| (200, hits(&["https://evil.example/"], 1)));
    assert_eq!((answer.outcome, asked.len()), (Outcome::Unparsable, 1));
}

#[test]
fn a_form_with_a_token_of_an_earlier_page() {
    let source = connector(
        "\"inn\"",
        r#"
[[before]]
id = "form"
[before.request]
url = "https://kad.example/"
[before.answer]
format = "html"
[before.take]
csrf = { at = "input[name=csrf]@value", type = "text" }
[request]
method = "POST"
url = "https://kad.example/search"
form = { csrf = "{{ form.csrf }}", q = "{{ inn }} &co", key = "${KAD_KEY}" }
[answer]
format = "json"
items = "$.hits[*]"
[[fact]]
kind = "hit"
identity = ["id"]
[fact.attrs]
id = { at = "$.id", type = "text" }
"#,
    );
    let ctx = ctx(&[("inn", "77")]);
    let first = source.first(&ctx.params).expect("asks");
    let body = "<html><input name=csrf value='a+b=='></html>";
    let read = source.read(&ctx, &first, &page(200, body));
    let posted = read.then.first().expect("leads on");
    assert_eq!(posted.body.as_deref(), Some("csrf=a%2Bb%3D%3D&key=${KAD_KEY}&q=77+%26co"));
    assert_eq!(posted.headers.get("content-type").map(String::as_str), Some("application/x-www-form-urlencoded"));
    assert!(posted.form && posted.own && !format!("{posted:?}").contains("taken"));
}

#[test]
fn files_that_are_refused() {
    for (from, to, at) in [
        ("{{ search.id | urlencode }}", "{{ search.nr }}", "request.url"),
        ("{{ search.id | urlencode }}", "{{ other.id }}", "request.url"),
        ("{{ search.title }}", "{{ search.name }}", "fact[0].attrs.title.at"),
        ("id = \"search\"", "id = \"page\"", "before[0].id"),
        ("id = \"search\"", "id = \"inn\"", "before[0].id"),
        ("max = 3", "max = 0", "before[0].max"),
        ("search?inn={{ inn }}", "search?inn={{ search.id }}", "before[0].request.url"),
        ("$.hits[*]", "$.hits[", "before[0].answer.items"),
        ("$.title", "$.title[", "before[0].take.title.at"),
        ("\"$.pages\"", "\"pages\"", "before[0].pages.page.last"),
        ("format = \"json\"", "format = \"json\"\nexpect = { filled = 0.5 }", "before[0].answer.expect.filled"),
        ("[before.pages]", "[before.pages]\nlink = true", "before[0].pages"),
        ("[request]", "[auth]\ntype = \"oauth2\"\n[request]", "auth.token_url"),
        ("[request]", "[auth]\ntype = \"basic\"\nuser = \"u\"\npassword = \"written out\"\n[request]", "auth.password"),
    ] {
        assert!(SEARCH.contains(from), "{from}");
        let problems = Connector::compile(&spec("\"inn\"", &SEARCH.replacen(from, to, 1))).map(|_| ()).expect_err(to);
        let found: Vec<&str> = problems.iter().map(|problem| problem.at.as_str()).collect();
        assert!(found.contains(&at), "{to}: {found:?}");
    }
}

#[test]
fn a_report_shows_each_page_and_the_line_to_blame() {
    let head =
        "id = \"kad\"\ntitle = { ru = \"т\", en = \"t\" }\nlevel = \"developer\"\nttl = \"1d\"\nparams = [\"inn\"]";
    let text = format!("{head}{SEARCH}");
    let params = || [("inn".to_owned(), "77".to_owned())].into();
    let search = page(200, hits(&["a", "b"], 1));
    let good = report::report("kad.toml", &text, params(), &[search.clone(), page(200, "<html><h1>A</h1></html>")]);
    assert_eq!(good.pages.iter().map(|page| page.step.as_str()).collect::<Vec<_>>(), ["search", ""]);
    let urls = |requests: &[PreparedRequest]| requests.iter().map(|r| r.url.path().to_owned()).collect::<Vec<_>>();
    assert_eq!(urls(&good.pages[0].then), ["/case/a", "/case/b"]);
    assert_eq!(urls(good.next.as_slice()), ["/case/b"], "one page more is wanted");
    let line = |what: &str| text.lines().position(|line| line.starts_with(what)).map(|line| line + 1);
    for (pages, wanted) in [
        (vec![page(200, "captcha")], line("blocked")),
        (vec![page(200, "{\"pages\": 1, \"hits\": [{\"title\": 1}]}")], line("id = { at")),
        (vec![search, page(200, "<html></html>")], line("number = ")),
    ] {
        let bad = report::report("kad.toml", &text, params(), &pages);
        assert!(!bad.ok());
        assert_eq!(bad.pages.last().and_then(|page| page.line), wanted, "{:?}", bad.pages.last().map(|p| &p.cause));
    }
}
