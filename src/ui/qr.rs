//! A QR code as a picture within the page (ISO/IEC 18004).

use qrcode::{Color, EcLevel, QrCode};
use std::fmt::Write;

/// Light modules around the code that readers need.
const QUIET: usize = 4;

/// The code of `text` as an SVG element, dark on light whatever the page's colours are; `label` says in words what it is.
/// None where the text is too long for a code.
pub(super) fn svg(text: &str, label: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    let (width, side) = (code.width(), code.width() + 2 * QUIET);
    let mut dark = String::new();
    for (place, color) in code.to_colors().into_iter().enumerate() {
        if color == Color::Dark {
            let (x, y) = (place % width + QUIET, place / width + QUIET);
            write!(dark, "M{x} {y}h1v1h-1z").ok()?;
        }
    }
    let label = minijinja::HtmlEscape(label);
    Some(format!(
        "<svg class=\"qr\" viewBox=\"0 0 {side} {side}\" role=\"img\" aria-label=\"{label}\" shape-rendering=\"crispEdges\">\
         <rect width=\"{side}\" height=\"{side}\" fill=\"#fff\"/><path d=\"{dark}\" fill=\"#000\"/></svg>"
    ))
}

#[cfg(test)]
mod tests {
    use super::svg;

    #[test]
    fn a_code_is_a_picture_with_its_label() {
        let code = svg("https://mirano.example/snapshots/abc", "a \"link\"").expect("short enough");
        assert!(code.starts_with("<svg") && code.contains("aria-label=\"a &quot;link&quot;\""), "{code}");
        // The finder pattern in the corner: seven dark modules, and the light one beside them.
        assert!(
            (4..11).all(|x| code.contains(&format!("M{x} 4h1v1h-1z"))) && !code.contains("M11 4h1v1h-1z"),
            "{code}"
        );
        assert_ne!(Some(code), svg("https://mirano.example/snapshots/abd", "a \"link\""));
        assert_eq!(svg(&"x".repeat(5_000), ""), None);
    }
}
