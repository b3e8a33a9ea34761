//! A report as one file, for those who ask the interface for a page: no script, nothing to load, fit to be kept.

use super::render::render;
use super::view::{self, Context};
use super::{Lang, assets};
use serde_json::{Value, json};

/// The page of a report in the shape of `GET /v1/jobs/{id}/report`, with its style inside.
///
/// `profiles` and `titles` are shaped as [`super::PageData`] gives them. An error says which word or template is broken.
pub fn report_page(lang: Lang, report: &Value, profiles: &Value, titles: &Value) -> Result<String, String> {
    let context = Context { lang, titles };
    let check = view::check(context, report, profiles).map_err(|error| error.to_string())?;
    let page = json!({"check": check, "alone": {"style": assets::body("page.css")}});
    render(lang, "report.html", &page).map_err(|error| format!("{error:#}"))
}
