//! Style, script and icon, built into the binary. Each is named by its content, so a browser may keep it for ever.

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::sync::LazyLock;

/// One file.
#[derive(Debug)]
struct Asset {
    /// Its name in templates.
    name: &'static str,
    /// Its media type.
    media: &'static str,
    /// Its bytes.
    body: &'static str,
}

const ASSETS: &[Asset] = &[
    Asset { name: "page.css", media: "text/css; charset=utf-8", body: include_str!("assets/page.css") },
    Asset { name: "page.js", media: "text/javascript; charset=utf-8", body: include_str!("assets/page.js") },
    Asset { name: "icon.svg", media: "image/svg+xml", body: include_str!("assets/icon.svg") },
];

/// File names with the beginning of the content's hash: `page.3f9a0c12d4e5.css`.
static NAMED: LazyLock<Vec<(String, &'static Asset)>> = LazyLock::new(|| {
    let named = |asset: &'static Asset| {
        let (stem, end) = asset.name.split_once('.').unwrap_or((asset.name, ""));
        let hash: String = blake3::hash(asset.body.as_bytes()).to_hex().chars().take(12).collect();
        (format!("{stem}.{hash}.{end}"), asset)
    };
    ASSETS.iter().map(named).collect()
});

/// Where a browser finds the asset of this name; none for a name that is not there.
pub(super) fn path(name: &str) -> Option<String> {
    NAMED.iter().find(|(_, asset)| asset.name == name).map(|(file, _)| format!("/assets/{file}"))
}

/// What the asset of this name holds; none for a name that is not there.
pub(super) fn body(name: &str) -> Option<&'static str> {
    ASSETS.iter().find(|asset| asset.name == name).map(|asset| asset.body)
}

/// Serves a file by its full name.
pub(super) async fn serve(Path(file): Path<String>) -> Response {
    match NAMED.iter().find(|(name, _)| *name == file) {
        Some((_, asset)) => (
            [(header::CONTENT_TYPE, asset.media), (header::CACHE_CONTROL, "public, max-age=31536000, immutable")],
            asset.body,
        )
            .into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
