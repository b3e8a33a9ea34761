//! Values inside of texts, and the ways to take the right one of several.

use super::*;

fn facts(answer: &Answer) -> Vec<String> {
    answer.facts.iter().map(|f| format!("{}; {}", show(&f.identity), show(&f.attrs))).collect()
}

#[test]
fn items_in_a_script() {
    let offers = connector(
        "",
        r##"
[request]
url = "https://offers.example/"
[answer]
format = "html"
items = ["script#old >> $.offers[*]", "script >> window.__STATE__ >> $.list.offers[*]"]
valid = [{ at = "script#__NEXT_DATA__ >> $.props.page", equals = "offers" }]
nothing_found = [{ at = "script >> window.__STATE__ >> $.list.offers", count = 0 }]
[[fact]]
kind = "offer"
identity = ["id"]
[fact.attrs]
id = { at = "$.id", type = "text" }
price = { at = ["$.price.sale", "$.price.full"], type = "money", currency = "RUB" }
city = { at = "$$ script#__NEXT_DATA__ >> $.props.city", type = "text" }
seller = { at = "$$ ld+json >> $..[?@['@type']=='Organization'].name", type = "text" }
second = { at = "$.tags[*]", type = "text", nth = 2 }
last = { at = "$.tags[*]", type = "text", nth = -1 }
"##,
    );
    let page_of = |state: &str| {
        page(
            200,
            format!(
                r#"<html><script id="__NEXT_DATA__" type="application/json">{{"props": {{"page": "offers", "city": "Томск"}}}}</script>
            <script type="application/ld+json">{{"broken": </script>
            <script type="application/ld+json">{{"@graph": [{{"@type": "WebPage", "name": "x"}}, {{"@type": "Organization", "name": "Дом.ру"}}]}}</script>
            <script>var a = 1; window.__STATE__ = {state};</script></html>"#
            ),
        )
    };
    let state = r"{list: {offers: [{id: 7, price: {full: '5 000 ₽', sale: null}, tags: ['a', 'b', 'c']}, {id: 8, price: {sale: 4}}]}}";
    let found = answer(&offers, &ctx(&[]), &page_of(state));
    assert_eq!(found.cause, None);
    assert_eq!(
        facts(&found),
        ["id=7; city=Томск; last=c; price=5000; second=b; seller=Дом.ру", "id=8; city=Томск; price=4; seller=Дом.ру",]
    );
    let nothing = answer(&offers, &ctx(&[]), &page_of("{list: {offers: []}}"));
    assert_eq!(nothing.outcome, mirano_schemas::Outcome::NothingFound);
    let moved = answer(&offers, &ctx(&[]), &page_of("{items: []}"));
    assert_eq!(moved.outcome, mirano_schemas::Outcome::Unparsable, "another shape is no empty list");
}

#[test]
fn json_in_attributes_and_in_other_formats() {
    let map = connector(
        "",
        r##"
[request]
url = "https://map.example/"
[answer]
format = "html"
items = "div.object"
[[fact]]
kind = "object"
identity = ["id"]
[fact.attrs]
id = { at = "@data-object >> $.id", type = "text" }
floor = { at = "@data-object >> $.floor", type = "integer" }
"##,
    );
    let body = r#"<html><div class=object data-object='{"id": "a", "floor": 3}'></div><div class=object data-object='{"id": "b"}'></div></html>"#;
    assert_eq!(facts(&answer(&map, &ctx(&[]), &page(200, body))), ["id=a; floor=Integer(3)", "id=b; "]);

    let wrapped = connector(
        "",
        r#"
[request]
url = "https://wrapped.example/"
[answer]
format = "json"
items = "$.payload >> $.rows[*]"
valid = [{ at = "$.payload" }]
[[fact]]
kind = "row"
identity = ["n"]
[fact.attrs]
n = { at = "$.n", type = "integer" }
"#,
    );
    let found = answer(&wrapped, &ctx(&[]), &page(200, r#"{"payload": "{\"rows\": [{\"n\": 1}, {\"n\": 2}]}"}"#));
    assert_eq!(facts(&found), ["n=Integer(1); ", "n=Integer(2); "]);
}

#[test]
fn first_nth_and_fallback() {
    let cards = connector(
        "\"inn\"",
        r#"
[request]
url = "https://cards.example/{{ inn }}"
[answer]
format = "html"
valid = [{ at = "h1" }]
expect = { min = 1, max = 1 }
[[fact]]
kind = "card"
identity = ["inn"]
[fact.attrs]
inn = { at = "{{ inn }}", type = "text" }
name = { at = ["h1 b", "h1"], type = "text" }
price = { at = [".gone", "meta[itemprop=price]@content", ".price"], type = "decimal" }
status = { at = "td", nth = 2, type = "text", map = { "Действует" = "active" } }
phones = { at = ".phones", type = "list", split = ";" }
"#,
    );
    let body = "<html><h1>ООО</h1><meta itemprop=price content=''><i class=price>15</i><table><td>Статус<td>Действует</table><p class=phones>1; 2</p></html>";
    let found = answer(&cards, &ctx(&[("inn", "77")]), &page(200, body));
    assert_eq!(facts(&found), ["inn=77; name=ООО; phones=List([Text(\"1\"), Text(\"2\")]); price=15; status=active"]);
}

#[test]
fn places_that_are_refused() {
    let refused = |format: &str, at: &str| {
        let spec = spec(
            "",
            &format!(
                "[request]\nurl = \"https://s.example/\"\n[answer]\nformat = \"{format}\"\n[[fact]]\nkind = \"a\"\nidentity = [\"n\"]\n[fact.attrs]\nn = {{ at = {at}, type = \"text\" }}\n"
            ),
        );
        let problems = Connector::compile(&spec).map(|_| ()).expect_err(at);
        problems.iter().map(|problem| problem.at.clone()).collect::<Vec<_>>().join(" ")
    };
    for (format, at, want) in [
        ("html", "\"script >> offers\"", "fact[0].attrs.n.at"),
        ("html", "\"script >> >> $.b\"", "fact[0].attrs.n.at"),
        ("html", "\"$.a[\"", "fact[0].attrs.n.at"),
        ("json", "[\"$.a\", \"b\"]", "fact[0].attrs.n.at[1]"),
        ("json", "\"{{ nothing }}\"", "fact[0].attrs.n.at"),
    ] {
        assert_eq!(refused(format, at), want, "{at}");
    }
}
