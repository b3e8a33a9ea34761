//! Addresses of the page: what is asked of the server, which template shows it, where a form leads.

mod history;
mod interface;
mod log;
mod notifications;
mod operate;
mod start;

use super::render::{RenderError, render};
use super::view::{self, Context};
use super::words::WordError;
use super::{Access, Lang, PageData, Problem, Visitor, assets, headers, session};
use axum::Router;
use axum::extract::{Form, FromRequestParts, Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts};
use axum::middleware::map_response;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use tower_http::compression::CompressionLayer;

/// A check's latest moments that its page offers.
const MOMENTS: usize = 20;

/// What the page's handlers share.
type Data = Arc<dyn PageData>;

/// The page: `/`, `/fragment`, `/known`, `/jobs/…`, `/snapshots/…`, `/compare`, `/sources`, `/watches`, `/notifications`, `/channels/…`, `/log`, `/docs`, `/sign-in`, `/assets/…`. It takes no other path, so it can be merged beside `/v1`.
pub fn router(data: Arc<dyn PageData>) -> Router {
    Router::new()
        .route("/", get(start::start))
        .route("/fragment", get(start::fragment))
        .route("/known", get(start::known))
        .route("/jobs", post(start::create))
        .route("/jobs/{id}", get(check))
        .route("/jobs/{id}/fragment", get(fragment))
        .route("/jobs/{id}/recheck", post(recheck))
        .route("/jobs/{id}/report", get(report))
        .route("/jobs/{id}/watch", post(operate::watch))
        .route("/jobs/{id}/timeline", get(history::timeline))
        .route("/snapshots/{id}", get(history::snapshot))
        .route("/compare", get(history::compare))
        .route("/sources", get(operate::sources))
        .route("/dead-letters/{id}/{what}", post(operate::see_to))
        .route("/watches", get(operate::watches))
        .route("/watches/{id}/end", post(operate::end_watch))
        .route("/notifications", get(notifications::notifications))
        .route("/notifications/read", post(notifications::read))
        .route("/channels/{kind}", post(notifications::add))
        .route("/channels/{kind}/{id}", get(notifications::deliveries))
        .route("/channels/{kind}/{id}/mute", post(notifications::mute))
        .route("/channels/{kind}/{id}/end", post(notifications::end))
        .route("/channels/{kind}/{id}/deliveries/{delivery}/retry", post(notifications::send_again))
        .route("/log", get(log::log))
        .route("/log/verify", post(log::verify))
        .route("/docs", get(interface::docs))
        .route("/sign-in", get(sign_in).post(take_key))
        .route("/sign-out", post(sign_out))
        .route("/assets/{file}", get(assets::serve))
        .layer(map_response(headers::add))
        .layer(CompressionLayer::new())
        .with_state(data)
}

/// The page for an address that leads nowhere.
pub fn nowhere(headers: &HeaderMap, path: &str) -> Response {
    let accept = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    let lang = Lang::choose(None, session::cookie(headers, session::LANG), accept);
    let page = json!({"problem": {"code": "page_not_found"}, "path": path, "demo": false, "signed_in": false});
    let html = match render(lang, "problem.html", &page) {
        Ok(html) => (StatusCode::NOT_FOUND, Html(html)).into_response(),
        Err(error) => Stop::from(error).into_response(),
    };
    headers::add_to(html)
}

/// Language, path and cookies of a request.
struct Reader {
    lang: Lang,
    /// Chosen by this very request; worth remembering.
    chosen: bool,
    path: String,
    /// The query but for the language, ready to have it put behind.
    query: String,
    /// The moment that is looked at.
    as_of: Option<String>,
    headers: HeaderMap,
    /// Known once it is known who looks.
    frame: OnceLock<Frame>,
}

/// What stands around every page, whatever it shows.
#[derive(Debug, Clone, Copy, Default)]
struct Frame {
    demo: bool,
    auditor: bool,
    signed_in: bool,
}

impl Frame {
    fn of(data: &Data, visitor: Option<&Visitor>) -> Self {
        Self {
            demo: data.demo().is_some(),
            auditor: visitor.is_some_and(|visitor| visitor.auditor),
            signed_in: visitor.is_some_and(|visitor| visitor.key_id.is_some()),
        }
    }

    fn put_around(self, context: &mut Value) {
        if let Some(context) = context.as_object_mut() {
            let parts = [("demo", self.demo), ("auditor", self.auditor), ("signed_in", self.signed_in)];
            context.extend(parts.map(|(name, is)| (name.to_owned(), json!(is))));
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Reader {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let query =
            Query::<BTreeMap<String, String>>::try_from_uri(&parts.uri).map(|query| query.0).unwrap_or_default();
        let asked = query.get("lang").and_then(|tag| Lang::from_tag(tag));
        let accept = parts.headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        let lang = asked.unwrap_or_else(|| Lang::choose(None, session::cookie(&parts.headers, session::LANG), accept));
        let mut kept = url::form_urlencoded::Serializer::new(String::new());
        kept.extend_pairs(query.iter().filter(|(name, _)| *name != "lang"));
        let kept = kept.finish();
        Ok(Self {
            lang,
            chosen: asked.is_some(),
            path: parts.uri.path().to_owned(),
            query: if kept.is_empty() { kept } else { format!("{kept}&") },
            as_of: query.get("as_of").filter(|text| !text.is_empty()).cloned(),
            headers: parts.headers.clone(),
            frame: OnceLock::new(),
        })
    }
}

/// What ends a request of the page early.
enum Stop {
    /// The page needs a key.
    SignIn { next: String },
    /// The server behind the page refused.
    Problem { lang: Lang, problem: Problem, frame: Frame },
    /// The page itself is broken.
    Broken(String),
}

impl From<RenderError> for Stop {
    fn from(error: RenderError) -> Self {
        Self::Broken(format!("{error:#}"))
    }
}

impl From<WordError> for Stop {
    fn from(error: WordError) -> Self {
        Self::Broken(error.to_string())
    }
}

impl IntoResponse for Stop {
    fn into_response(self) -> Response {
        match self {
            Self::SignIn { next } => {
                let next = percent_encoding::utf8_percent_encode(&next, percent_encoding::NON_ALPHANUMERIC);
                Redirect::to(&format!("/sign-in?next={next}")).into_response()
            }
            Self::Problem { lang, problem, frame } => {
                let status = StatusCode::from_u16(problem.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                let mut context = json!({"problem": problem.0, "path": "/"});
                frame.put_around(&mut context);
                match render(lang, "problem.html", &context) {
                    Ok(html) => (status, Html(html)).into_response(),
                    Err(error) => Self::from(error).into_response(),
                }
            }
            Self::Broken(detail) => {
                tracing::error!(%detail, "a page could not be rendered");
                (StatusCode::INTERNAL_SERVER_ERROR, "the page could not be made; the server's log says why")
                    .into_response()
            }
        }
    }
}

impl Reader {
    fn problem(&self) -> impl Fn(Problem) -> Stop + use<> {
        let (lang, frame) = (self.lang, self.frame.get().copied().unwrap_or_default());
        move |problem| Stop::Problem { lang, problem, frame }
    }

    fn not_found(&self) -> Stop {
        self.nothing("not_found")
    }

    /// There is nothing; `code` says of what: `not_found` (a check), `snapshot_not_found`, `page_not_found`.
    fn nothing(&self, code: &str) -> Stop {
        self.problem()(Problem(json!({"status": 404, "code": code})))
    }

    async fn visitor(&self, data: &Data) -> Result<Visitor, Stop> {
        match data.access(session::cookie(&self.headers, session::KEY)).await {
            Access::Granted(visitor) => {
                self.frame.get_or_init(|| Frame::of(data, Some(&visitor)));
                Ok(visitor)
            }
            Access::KeyNeeded => Err(Stop::SignIn { next: self.path.clone() }),
        }
    }

    /// A page, and the language remembered if it was just chosen.
    fn page(
        &self,
        template: &str,
        data: &Data,
        visitor: Option<&Visitor>,
        mut context: Value,
    ) -> Result<Response, Stop> {
        if let Some(context) = context.as_object_mut() {
            context.insert("path".into(), json!(self.path));
            context.insert("query".into(), json!(self.query));
        }
        Frame::of(data, visitor).put_around(&mut context);
        let mut response = Html(render(self.lang, template, &context)?).into_response();
        if let Some(cookie) = self.chosen.then(|| session::keep_lang(self.lang)).flatten() {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        response.headers_mut().insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(self.lang.code()));
        response.headers_mut().insert(header::VARY, HeaderValue::from_static("Accept-Language, Cookie"));
        Ok(response)
    }
}

impl Reader {
    fn same_site(&self) -> Result<(), Stop> {
        if session::same_site(&self.headers) {
            return Ok(());
        }
        Err(self.problem()(Problem(json!({"status": 403, "code": "cross_site"}))))
    }
}

fn see_other(id: &str) -> Response {
    let id = percent_encoding::utf8_percent_encode(id, percent_encoding::NON_ALPHANUMERIC);
    Redirect::to(&format!("/jobs/{id}")).into_response()
}

/// The view of a check, with its facts; none where there is no such check for this visitor.
async fn view_of(data: &Data, reader: &Reader, id: &str) -> Result<(Visitor, Value), Stop> {
    let visitor = reader.visitor(data).await?;
    let refused = reader.problem();
    let report = match &reader.as_of {
        Some(as_of) => data.report_at(&visitor, id, as_of, reader.lang).await,
        None => data.report(&visitor, id, reader.lang).await,
    };
    let report = report.map_err(&refused)?.ok_or_else(|| reader.not_found())?;
    let changes = data.changes(&visitor, id, MOMENTS, reader.lang).await.map_err(&refused)?;
    let (profiles, titles) = (data.profiles().await.map_err(&refused)?, data.titles().await.map_err(&refused)?);
    let context = Context { lang: reader.lang, titles: &titles };
    let mut check = view::check(context, &report, &profiles)?;
    if let Some(check) = check.as_object_mut() {
        check.insert("moments".to_owned(), json!(view::moments(context, id, &changes)?));
        check.insert("as_of".to_owned(), json!(reader.as_of));
    }
    Ok((visitor, check))
}

/// The same, with its explanation, and whether it is watched.
async fn explained(data: &Data, reader: &Reader, id: &str) -> Result<(Visitor, Value), Stop> {
    let (visitor, mut check) = view_of(data, reader, id).await?;
    let refused = reader.problem();
    let explained = data.explain(&visitor, id, reader.as_of.as_deref(), reader.lang).await.map_err(&refused)?;
    let titles = data.titles().await.map_err(&refused)?;
    let shown = view::explanation(Context { lang: reader.lang, titles: &titles }, &explained)?;
    let watches = data.watches(&visitor, reader.lang).await.map_err(&refused)?;
    let watched = watches.get("items").and_then(Value::as_array).into_iter().flatten();
    let watched = watched.filter_map(|watch| watch.get("job_id")?.as_str()).any(|job| job == id);
    let told = data.told_of(&visitor, id, reader.lang).await.map_err(&refused)?;
    if let Some(check) = check.as_object_mut() {
        check.insert("watched".to_owned(), json!(watched));
        check.insert("muted_until".to_owned(), told.get("muted_until").cloned().unwrap_or_default());
        check.insert("explained".to_owned(), shown);
    }
    Ok((visitor, check))
}

async fn check(State(data): State<Data>, reader: Reader, Path(id): Path<String>) -> Result<Response, Stop> {
    let (visitor, check) = explained(&data, &reader, &id).await?;
    reader.page("check.html", &data, Some(&visitor), json!({"check": check}))
}

/// The changing part of a check, for the script. Without a key it is `401`: a script cannot follow to a sign-in page.
async fn fragment(State(data): State<Data>, reader: Reader, Path(id): Path<String>) -> Result<Response, Stop> {
    match explained(&data, &reader, &id).await {
        Ok((visitor, check)) => reader.page("check_body.html", &data, Some(&visitor), json!({"check": check})),
        Err(Stop::SignIn { .. }) => Ok(StatusCode::UNAUTHORIZED.into_response()),
        Err(stop) => Err(stop),
    }
}

async fn report(State(data): State<Data>, reader: Reader, Path(id): Path<String>) -> Result<Response, Stop> {
    let (visitor, check) = view_of(&data, &reader, &id).await?;
    let verify = super::report::verify(reader.lang, &check, session::origin(&reader.headers).as_deref())?;
    reader.page("report.html", &data, Some(&visitor), json!({"check": check, "verify": verify}))
}

async fn recheck(State(data): State<Data>, reader: Reader, Path(id): Path<String>) -> Result<Response, Stop> {
    let visitor = reader.visitor(&data).await?;
    reader.same_site()?;
    data.recheck(&visitor, &id, reader.lang).await.map_err(reader.problem())?;
    Ok(see_other(&id))
}

async fn sign_in(
    State(data): State<Data>,
    reader: Reader,
    Query(query): Query<BTreeMap<String, String>>,
) -> Result<Response, Stop> {
    let next = session::safe_next(query.get("next").map(String::as_str));
    reader.page("sign_in.html", &data, None, json!({"next": next, "wrong": false}))
}

async fn take_key(
    State(data): State<Data>,
    reader: Reader,
    Form(form): Form<BTreeMap<String, String>>,
) -> Result<Response, Stop> {
    reader.same_site()?;
    let key = form.get("key").map(|key| key.trim()).unwrap_or_default();
    let next = session::safe_next(form.get("next").map(String::as_str)).to_owned();
    let https = reader.headers.get("x-forwarded-proto").is_some_and(|proto| proto == "https");
    let granted = matches!(data.access(Some(key)).await, Access::Granted(_));
    match session::keep_key(key, https).filter(|_| granted) {
        Some(cookie) => Ok(([(header::SET_COOKIE, cookie)], Redirect::to(&next)).into_response()),
        None => {
            let page = reader.page("sign_in.html", &data, None, json!({"next": next, "wrong": true}))?;
            Ok((StatusCode::UNAUTHORIZED, page).into_response())
        }
    }
}

async fn sign_out(reader: Reader) -> Result<Response, Stop> {
    reader.same_site()?;
    Ok(([(header::SET_COOKIE, session::FORGET_KEY)], Redirect::to("/")).into_response())
}
