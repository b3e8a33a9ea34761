//! The HTTP interface, under `/v1`. Names of paths and fields are a promise; `docs/api.md` says where to read them.
//!
//! Handlers read views and submit commands; they decide nothing. An answer to a command leaves only after its commit
//! counts and the views show it. Status codes, and the words of errors, are said in `error` alone.

mod answer;
mod audit;
pub mod auth;
mod body;
mod channels;
mod checkpoints;
mod dead;
mod diff;
mod docs;
pub mod error;
pub mod events;
mod explanation;
mod facts;
mod health;
mod in_process;
pub mod jobs;
mod layers;
mod lines;
mod log;
mod nodes;
mod notifications;
mod outcomes;
mod page;
mod policy;
mod proofs;
mod query;
mod report;
mod serve;
mod slow;
mod snapshots;
mod sources;
mod state;
mod subjects;
mod tasks;
mod watches;
mod worker;
mod world;

pub use auth::Auth;
pub use body::MAX_JSON;
pub use in_process::{Ask, InProcess};
pub use nodes::router as nodes;
pub use page::Pages;
pub use serve::serve;
pub use state::AppState;

use axum::Router;
use axum::middleware;
use axum::routing::get;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The interface's router. The web page is merged into it by whoever puts the server together.
pub fn router(state: AppState) -> Router {
    let (router, api) = described().split_for_parts();
    let text = api.to_pretty_json().unwrap_or_default();
    let openapi = move || {
        let text = text.clone();
        async move { docs::openapi(text) }
    };
    let told = Router::new().route("/openapi.json", get(openapi));
    // What stands at the root as everywhere is found beside the calls as well.
    let beside = told
        .clone()
        .route("/docs", get(docs::page))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics));
    let router = router.merge(told).nest("/v1", beside);
    let behind = middleware::from_fn_with_state(state.clone(), layers::behind);
    layers::around(router).layer(behind).with_state(state)
}

/// The description of the interface, as `/openapi.json` gives it.
pub fn openapi() -> utoipa::openapi::OpenApi {
    described().split_for_parts().1
}

fn described() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(docs::Api::openapi())
        .routes(routes!(jobs::create::post, jobs::list::get))
        .routes(routes!(jobs::read::get))
        .routes(routes!(jobs::changes::get))
        .routes(routes!(events::get))
        .routes(routes!(events::live::system))
        .routes(routes!(events::live::subject))
        .routes(routes!(events::live::sources))
        .routes(routes!(tasks::of_job))
        .routes(routes!(tasks::get))
        .routes(routes!(report::get))
        .routes(routes!(explanation::get))
        .routes(routes!(explanation::review))
        .routes(routes!(jobs::act::recheck))
        .routes(routes!(jobs::act::seal))
        .routes(routes!(snapshots::of_job))
        .routes(routes!(snapshots::get))
        .routes(routes!(snapshots::facts_of))
        .routes(routes!(proofs::of_fact))
        .routes(routes!(world::seal))
        .routes(routes!(checkpoints::list, checkpoints::take))
        .routes(routes!(diff::get))
        .routes(routes!(subjects::search))
        .routes(routes!(subjects::facts_of))
        .routes(routes!(subjects::history_of))
        .routes(routes!(facts::get))
        .routes(routes!(facts::evidence))
        .routes(routes!(sources::profiles))
        .routes(routes!(sources::list))
        .routes(routes!(outcomes::get))
        .routes(routes!(log::get))
        .routes(routes!(audit::get_quote))
        .routes(routes!(audit::post_replay))
        .routes(routes!(proofs::heads))
        .routes(routes!(proofs::extension))
        .routes(routes!(policy::get, policy::put))
        .routes(routes!(dead::list))
        .routes(routes!(dead::retry))
        .routes(routes!(dead::drop))
        .routes(routes!(watches::post, watches::list))
        .routes(routes!(watches::get, watches::delete))
        .routes(routes!(jobs::notify::get, jobs::notify::put))
        .routes(routes!(channels::webhooks::post, channels::webhooks::list))
        .routes(routes!(channels::webhooks::get, channels::webhooks::patch, channels::webhooks::delete))
        .routes(routes!(channels::webhooks::rotate))
        .routes(routes!(channels::deliveries::of_webhook))
        .routes(routes!(channels::deliveries::retry_webhook))
        .routes(routes!(channels::emails::post, channels::emails::list))
        .routes(routes!(channels::emails::get, channels::emails::patch, channels::emails::delete))
        .routes(routes!(channels::deliveries::of_email))
        .routes(routes!(channels::deliveries::retry_email))
        .routes(routes!(notifications::list))
        .routes(routes!(notifications::read))
        .routes(routes!(worker::lease))
        .routes(routes!(worker::permits))
        .routes(routes!(worker::heartbeat))
        .routes(routes!(worker::evidence))
        .routes(routes!(worker::next))
        .routes(routes!(worker::facts))
        .routes(routes!(worker::complete))
        .routes(routes!(worker::fail))
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(health::metrics))
}
