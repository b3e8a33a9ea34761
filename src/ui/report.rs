//! A report as one file, for those who ask the interface for a page: no script, nothing to load, fit to be kept.

use super::render::render;
use super::view::{self, Context};
use super::words::{self, WordError};
use super::{Lang, assets, qr};
use serde_json::{Value, json};

/// The page of a report in the shape of `GET /v1/jobs/{id}/report`, with its style inside.
///
/// `profiles` and `titles` are shaped as [`super::PageData`] gives them; `origin` is where this server is, scheme and authority, so that
/// the kept file still leads to where it is verified. An error says which word or template is broken.
pub fn report_page(
    lang: Lang,
    report: &Value,
    profiles: &Value,
    titles: &Value,
    origin: Option<&str>,
) -> Result<String, String> {
    let context = Context { lang, titles };
    let check = view::check(context, report, profiles).map_err(|error| error.to_string())?;
    let verify = verify(lang, &check, origin).map_err(|error| error.to_string())?;
    let page = json!({"check": check, "verify": verify, "alone": {"style": assets::body("page.css")}});
    render(lang, "report.html", &page).map_err(|error| format!("{error:#}"))
}

/// Where the report is verified: the page that its snapshot and root are compared with, as a link that is whole on paper, and as a
/// QR code. Null for a draft, which has no snapshot; without the server's name the link is a path, and there is no code.
pub(super) fn verify(lang: Lang, check: &Value, origin: Option<&str>) -> Result<Value, WordError> {
    let Some(id) = check.get("snapshot_id").and_then(Value::as_str) else { return Ok(Value::Null) };
    let link = format!("{}/snapshots/{id}", origin.unwrap_or_default());
    let label = words::plain(lang, "report-qr")?;
    let code = origin.and_then(|_| qr::svg(&link, &label));
    Ok(json!({"link": link, "code": code}))
}

#[cfg(test)]
mod tests {
    use super::verify;
    use crate::ui::Lang;
    use serde_json::{Value, json};

    #[test]
    fn a_printed_link_is_whole() {
        let sealed = json!({"snapshot_id": "s2"});
        let there = verify(Lang::En, &sealed, Some("https://mirano.example")).expect("words");
        assert_eq!(there["link"], "https://mirano.example/snapshots/s2");
        assert!(there["code"].as_str().is_some_and(|code| code.starts_with("<svg")));
        let nowhere = verify(Lang::En, &sealed, None).expect("words");
        assert_eq!((&nowhere["link"], &nowhere["code"]), (&json!("/snapshots/s2"), &Value::Null));
        let draft = verify(Lang::En, &json!({"snapshot_id": null}), Some("https://mirano.example"));
        assert_eq!(draft.expect("words"), Value::Null);
    }
}
