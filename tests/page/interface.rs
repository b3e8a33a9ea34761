//! The reference of the interface: an ordinary page of the site, made of the description that programs read.

use crate::page::browser::{Browser, Look, axe};
use crate::page::fixtures;
use crate::page::server::{Fixtures, serve};
use crate::{CONTRAST, DESKTOP, PHONE, VIOLATIONS, get, header_of, in_lang};
use axum::http::{StatusCode, header};
use serde_json::json;

#[tokio::test]
async fn the_reference_has_every_call_and_field_without_a_script() {
    // Nobody needs a key for it, as for the description itself.
    let fixtures = Fixtures::new(Some("secret"));
    for (lang, back, required) in [("ru", "Источники", "обязательно"), ("en", "Sources", "required")]
    {
        let (response, html) = get(&fixtures, &format!("/docs?lang={lang}")).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(header_of(&response, header::CONTENT_SECURITY_POLICY), mirano::ui::CONTENT_SECURITY_POLICY);
        assert_eq!(header_of(&response, header::X_CONTENT_TYPE_OPTIONS), "nosniff");
        assert!(
            html.contains("<a class=\"brand\" href=\"/\">") && html.contains(&format!(">{back}</a>")),
            "a way back"
        );
        assert!(html.contains(required) && !html.contains("<script>") && !html.contains("<style"));
        let api = fixtures::interface();
        let shapes = api["components"]["schemas"].as_object().expect("shapes");
        let mut calls = 0;
        for (path, verbs) in api["paths"].as_object().expect("paths") {
            for (verb, call) in verbs.as_object().expect("calls") {
                let words: Vec<&str> = path.split(['/', '{', '}']).filter(|word| !word.is_empty()).collect();
                let id = format!("id=\"{verb}-{}\"", words.join("-").replace('.', "-"));
                let start = html.find(&id).unwrap_or_else(|| panic!("{id}"));
                let told = html[start..].split("</details>").next().expect("an end");
                for parameter in call["parameters"].as_array().into_iter().flatten() {
                    let name = parameter["name"].as_str().expect("a name");
                    assert!(told.contains(&format!(">{name}</b>")), "{verb} {path}: {name}");
                }
                for status in call["responses"].as_object().expect("answers").keys() {
                    assert!(told.contains(&format!(">{status}</b>")), "{verb} {path}: {status}");
                }
                calls += 1;
            }
        }
        assert!(calls > 70 && shapes.len() > 100, "{calls} calls, {} shapes", shapes.len());
        for (name, shape) in shapes {
            let start = html.find(&format!("id=\"shape-{name}\"")).unwrap_or_else(|| panic!("{name}"));
            let told = html[start..].split("</details>").next().expect("an end");
            for field in shape["properties"].as_object().into_iter().flat_map(|fields| fields.keys()) {
                assert!(told.contains(&format!(">{field}</b>")), "{name}.{field}");
            }
        }
        // Every link within leads somewhere.
        for link in html.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(html.contains(&format!("id=\"{link}\"")), "{link}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reference_has_no_barriers_and_its_links_open_what_they_name() {
    let Some(mut browser) = Browser::start().await else { return };
    let at = serve(&Fixtures::new(None)).await;
    let axe = axe();
    for (lang, look) in [("en", DESKTOP), ("ru", Look { dark: true, ..PHONE })] {
        browser.open(&in_lang(at, "/docs", lang), look).await;
        let go = "document.querySelector('#post-v1-jobs').closest('details').open = true, document.querySelector('#post-v1-jobs a').click()";
        browser.evaluate(go).await;
        browser.until("document.querySelector(':target')?.closest('details').open === true").await;
        assert_eq!(browser.evaluate("document.querySelector(':target').id").await, "shape-NewJob");
        browser.evaluate("document.querySelectorAll('details').forEach((one) => one.open = true)").await;
        assert_eq!(browser.evaluate(CONTRAST).await, json!([]), "{lang}: texts of poor contrast");
        browser.evaluate(&axe).await;
        assert_eq!(browser.evaluate(VIOLATIONS).await, json!([]), "{lang}: barriers");
    }
}
