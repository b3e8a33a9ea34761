//! The interface, described by itself: `/openapi.json`, and a page over it that loads nothing from elsewhere.

use axum::http::header;
use axum::response::{Html, IntoResponse, Response};
use utoipa::OpenApi;

const PAGE: &str = include_str!("docs.html");

/// What is said of the interface as a whole; handlers and schemas are added by the router.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Mirano",
        description = "Checks an address against many sources, reuses what is fresh, and says where everything comes from.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    components(schemas(super::events::FactsChanged, super::events::Done, super::error::ProblemBody)),
    modifiers(&Keys),
    security(("key" = []))
)]
pub struct Api;

struct Keys;

impl utoipa::Modify for Keys {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("A key of keys.toml; not asked for on loopback with keys off"))
            .build();
        openapi.components.get_or_insert_default().add_security_scheme("key", SecurityScheme::Http(bearer));
    }
}

/// `GET /openapi.json`
pub fn openapi(text: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}

/// `GET /docs`
pub async fn page() -> Html<&'static str> {
    Html(PAGE)
}
