//! The interface, described by itself: `/openapi.json`. The page over it, `/docs`, is the web page's.

use axum::http::header;
use axum::response::{IntoResponse, Redirect, Response};
use utoipa::OpenApi;

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

/// `GET /v1/docs`: there is one page.
pub async fn page() -> Redirect {
    Redirect::permanent("/docs")
}
