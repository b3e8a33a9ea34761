//! The page over the interface: what is refused to a form is said in the reader's language, without places that only programs name.

use crate::world::{KEY_A, World};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response, StatusCode, header};
use mirano::http::{Pages, router};
use std::sync::Arc;
use tower::ServiceExt;

/// The whole site as `mirano serve` puts it together.
fn site(world: &World) -> Router {
    let api = router(world.state.clone());
    api.clone().merge(mirano::ui::router(Arc::new(Pages::new(world.state.clone(), api, None))))
}

async fn send(world: &World, request: Request<Body>) -> (Response<()>, String) {
    let (parts, body) = site(world).oneshot(request).await.expect("the router never fails").into_parts();
    let body = to_bytes(body, 1 << 22).await.expect("a whole body");
    (Response::from_parts(parts, ()), String::from_utf8(body.to_vec()).expect("the page is UTF-8"))
}

async fn post(world: &World, path: &str, form: &'static str) -> (StatusCode, String) {
    let request = Request::post(format!("{path}?lang=ru"))
        .header(header::COOKIE, format!("mirano_key={KEY_A}"))
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let (response, html) = send(world, request.body(Body::from(form)).expect("a request")).await;
    (response.status(), html)
}

#[tokio::test]
async fn forms_of_the_russian_page_are_refused_in_russian() {
    let world = World::new().await;
    let unprocessable = StatusCode::UNPROCESSABLE_ENTITY;
    for (path, form, status, wanted) in [
        (
            "/channels/webhooks",
            "target=http%3A%2F%2F127.0.0.1%3A1%2Fx",
            unprocessable,
            "Не получилось: не публичный адрес<",
        ),
        ("/channels/webhooks", "target=ftp%3A%2F%2Fexample.org", unprocessable, "Не получилось"),
        ("/channels/emails", "target=nobody", unprocessable, "Не получилось"),
        ("/channels/webhooks/none/mute", "for=8h", StatusCode::NOT_FOUND, "такого вебхука нет"),
        ("/channels/webhooks/none/end", "", StatusCode::NOT_FOUND, "такого вебхука нет"),
        ("/channels/webhooks/none/deliveries/none/retry", "", StatusCode::NOT_FOUND, "такого вебхука"),
        ("/jobs/none/watch", "every=1d", StatusCode::NOT_FOUND, "такой проверки нет"),
        ("/jobs/none/recheck", "", StatusCode::NOT_FOUND, "такой проверки нет"),
        ("/watches/none/end", "", StatusCode::NOT_FOUND, "такого наблюдения нет"),
    ] {
        let (got, html) = post(&world, path, form).await;
        assert_eq!(got, status, "{path}: {html}");
        assert!(html.contains(wanted), "{path}: {html}");
        for foreign in ["/url", "&#x2f;url", "&#x2f;address", "there is no", "public address", "Check the id"] {
            assert!(!html.contains(foreign), "{path}: {foreign} in {html}");
        }
    }
}

#[tokio::test]
async fn the_reference_of_the_interface_is_a_page_of_the_site() {
    let world = World::new().await;
    let ask = |path: &str| Request::get(path).body(Body::empty()).expect("a request");
    let (response, html) = send(&world, ask("/docs?lang=ru")).await;
    assert_eq!(response.status(), StatusCode::OK, "{html}");
    let policy = response.headers().get(header::CONTENT_SECURITY_POLICY).and_then(|value| value.to_str().ok());
    assert_eq!(policy, Some(mirano::ui::CONTENT_SECURITY_POLICY));
    assert!(
        html.contains("id=\"post-v1-jobs\"") && html.contains("id=\"shape-JobView\"") && html.contains("Проверки</h2>")
    );
    // Under /v1 is told where it stands.
    let (moved, _) = send(&world, ask("/v1/docs")).await;
    let to = moved.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
    assert_eq!((moved.status(), to), (StatusCode::PERMANENT_REDIRECT, Some("/docs")));
}
