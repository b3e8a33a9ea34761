//! Whatever comes, nothing panics, and nothing counts as an answer without its proof.

use super::*;
use mirano_schemas::Outcome;
use proptest::prelude::*;

/// Each page here proves itself by the word `proof-of-page` at a certain place; garbage below never has it.
const FORMATS: [(&str, &str, &str); 4] = [
    (
        "json",
        "items = \"$.proof-of-page[*]\"\nnothing_found = [{ at = \"$.proof-of-page\", count = 0 }]\nvalid = [{ at = \"$.proof-of-page\" }]",
        "$.a",
    ),
    (
        "html",
        "items = \"li\"\nnothing_found = [{ at = \"#proof-of-page\", count = 0 }]\nvalid = [{ at = \"#proof-of-page\" }]",
        "b",
    ),
    (
        "xml",
        "items = \"li\"\nnothing_found = [{ at = \"proof-of-page\", count = 0 }]\nvalid = [{ at = \"proof-of-page\" }]",
        "b",
    ),
    ("csv", "nothing_found = [{ at = \"proof-of-page\", count = 0 }]\nvalid = [{ at = \"proof-of-page\" }]", "#1"),
];

fn connectors() -> Vec<Connector> {
    let body = |(format, answer, at): (&str, &str, &str)| {
        format!(
            "[request]\nurl = \"https://s.example/\"\n[pages]\npage = {{ param = \"p\", last_when = \"empty\" }}\n[answer]\nformat = \"{format}\"\n{}\n[[fact]]\nkind = \"k\"\nidentity = [\"a\"]\n[fact.attrs]\na = {{ at = {at:?}, type = \"text\" }}",
            answer.replace("$.proof-of-page", "$['proof-of-page']")
        )
    };
    FORMATS.into_iter().map(|format| connector("", &body(format))).collect()
}

fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "<html>",
            "</html>",
            "<ul><li>",
            "<b>",
            "x",
            "</b>",
            "<!--",
            "<![CDATA[",
            "<script>",
            "{",
            "}",
            "[",
            "]",
            "\"a\":",
            "null",
            "1e999",
            "\"",
            "\\u0000",
            ",",
            ";",
            "\n",
            "\r\n",
            "&amp;",
            "&#0;",
            "<?xml version='1.0' encoding='utf-16'?>",
            "<meta charset=utf-16>",
            "\u{feff}",
            "Имя",
            "\u{0}",
            "-",
            "123456789012345678901234567890",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..8),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn garbage_is_no_answer(body in pieces(), status in prop::sample::select(vec![200u16, 204, 206, 302, 404, 418])) {
        for connector in connectors() {
            let ctx = ctx(&[]);
            let first = connector.first(&ctx.params).expect("asks");
            for number in 0..2 {
                let request = PreparedRequest { number, ..first.clone() };
                let result = connector.read(&ctx, &request, &page(status, body.clone()));
                prop_assert_eq!(result.verdict, PageVerdict::Unparsable);
                prop_assert!(result.cause.is_some() && result.facts.is_empty() && result.next.is_none());
            }
        }
    }
}

#[test]
fn the_proof_is_what_makes_the_difference() {
    let pages = [
        ("{\"proof-of-page\": [{\"a\": 1}]}", "{\"proof-of-page\": []}"),
        ("<i id=proof-of-page><i>x</i></i><li><b>1</b>", "<i id=proof-of-page></i>"),
        ("<r><proof-of-page><x/></proof-of-page><li><b>1</b></li></r>", "<r><proof-of-page/></r>"),
        ("proof-of-page\n1", "proof-of-page"),
    ];
    for (connector, (found, nothing)) in connectors().iter().zip(pages) {
        assert_eq!(answer(connector, &ctx(&[]), &page(200, found)).outcome, Outcome::Found, "{found}");
        assert_eq!(answer(connector, &ctx(&[]), &page(200, nothing)).outcome, Outcome::NothingFound, "{nothing}");
    }
}
