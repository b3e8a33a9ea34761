//! The start page: what may be checked, what was checked lately, what is being asked now; and a new check.

use super::{Data, Reader, Stop, see_other};
use crate::ui::view::{self, Context};
use crate::ui::{Lang, NewCheck, Visitor};
use axum::extract::{Form, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// How many recent checks it shows.
const RECENT: usize = 12;

pub(super) async fn start(
    State(data): State<Data>,
    reader: Reader,
    Query(query): Query<BTreeMap<String, String>>,
) -> Result<Response, Stop> {
    let visitor = reader.visitor(&data).await?;
    let typed = json!({"address": query.get("address").cloned().unwrap_or_default()});
    start_page(&data, &reader, &visitor, typed, Value::Null).await
}

/// What changes on the start page, for the script.
pub(super) async fn fragment(State(data): State<Data>, reader: Reader) -> Result<Response, Stop> {
    let visitor = match reader.visitor(&data).await {
        Err(Stop::SignIn { .. }) => return Ok(StatusCode::UNAUTHORIZED.into_response()),
        visitor => visitor?,
    };
    let refused = reader.problem();
    let titles = data.titles().await.map_err(&refused)?;
    let jobs = data.recent(&visitor, reader.lang, RECENT).await.map_err(&refused)?;
    let context = Context { lang: reader.lang, titles: &titles };
    let page = json!({"recent": recent(context, &jobs)?, "updating": view::updating(context, &jobs)?});
    reader.page("start_body.html", &data, Some(&visitor), page)
}

/// Recent checks, and what of them is being asked now.
fn recent(context: Context<'_>, jobs: &[Value]) -> Result<Vec<Value>, Stop> {
    Ok(jobs.iter().map(|job| view::job_line(context, job)).collect::<Result<_, _>>()?)
}

/// `/known?q=`: addresses to suggest while one is typed, as JSON for the script.
pub(super) async fn known(
    State(data): State<Data>,
    reader: Reader,
    Query(query): Query<BTreeMap<String, String>>,
) -> Result<Response, Stop> {
    let visitor = match reader.visitor(&data).await {
        Err(Stop::SignIn { .. }) => return Ok(StatusCode::UNAUTHORIZED.into_response()),
        visitor => visitor?,
    };
    let text = query.get("q").map(String::as_str).unwrap_or_default();
    let known = data.known(&visitor, text, reader.lang).await.map_err(reader.problem())?;
    Ok(axum::Json(known).into_response())
}

/// The start page, with what was typed and what was wrong with it.
async fn start_page(
    data: &Data,
    reader: &Reader,
    visitor: &Visitor,
    typed: Value,
    problem: Value,
) -> Result<Response, Stop> {
    let refused = reader.problem();
    let (profiles, titles) = (data.profiles().await.map_err(&refused)?, data.titles().await.map_err(&refused)?);
    let jobs = data.recent(visitor, reader.lang, RECENT).await.map_err(&refused)?;
    let context = Context { lang: reader.lang, titles: &titles };
    let recent = recent(context, &jobs)?;
    let updating = view::updating(context, &jobs)?;
    let known = data.known(visitor, "", reader.lang).await.map_err(&refused)?;
    let showcase: Vec<Value> = data
        .demo()
        .unwrap_or_default()
        .iter()
        .map(
            |case| json!({"address": case.address, "story": if reader.lang == Lang::Ru { &case.ru } else { &case.en }}),
        )
        .collect();
    let page = json!({
        "profiles": view::profiles(context, &profiles)?,
        "recent": recent,
        "updating": updating,
        "known": known,
        "showcase": showcase,
        "typed": typed,
        "form_key": format!("page-{:032x}", rand::random::<u128>()),
        "errors": field_errors(&problem),
        "problem": problem,
    });
    reader.page("start.html", data, Some(visitor), page)
}

/// A problem's errors by the field of the form: `address`, `profile`, `inputs.<name>`. What names no field is at the form.
fn field_errors(problem: &Value) -> BTreeMap<String, String> {
    let mut by_field = BTreeMap::new();
    for error in problem.get("errors").and_then(Value::as_array).into_iter().flatten() {
        let at = error.get("at").and_then(Value::as_str).unwrap_or_default();
        let at = at.trim_start_matches(['$', '/', '.', '#']).replace('/', ".");
        if let Some(detail) = error.get("detail").and_then(Value::as_str) {
            by_field.entry(at).or_insert_with(|| detail.to_owned());
        }
    }
    let code = problem.get("code").and_then(Value::as_str).unwrap_or_default();
    let field = if code.starts_with("address") {
        "address"
    } else if code.starts_with("profile") {
        "profile"
    } else {
        ""
    };
    if by_field.is_empty() && !field.is_empty() {
        let detail = ["detail", "title"].into_iter().find_map(|key| problem.get(key)?.as_str()).unwrap_or_default();
        by_field.insert(field.to_owned(), detail.to_owned());
    }
    by_field
}

pub(super) async fn create(
    State(data): State<Data>,
    reader: Reader,
    Form(form): Form<BTreeMap<String, String>>,
) -> Result<Response, Stop> {
    let visitor = reader.visitor(&data).await?;
    reader.same_site()?;
    let of = |name: &str| form.get(name).map(|text| text.trim().to_owned()).unwrap_or_default();
    let profile = of("profile");
    // Profiles may share the name of an input, so each input carries its profile's name.
    let prefix = format!("inputs.{profile}.");
    let inputs = form
        .iter()
        .filter_map(|(name, value)| Some((name.strip_prefix(&prefix)?.to_owned(), value.trim().to_owned())))
        .filter(|(_, value)| !value.is_empty())
        .collect();
    let check = NewCheck {
        address: of("address"),
        profile,
        inputs,
        ask_anew: form.contains_key("anew"),
        idempotency_key: Some(of("form_key")).filter(|key| !key.is_empty()),
    };
    match data.create(&visitor, check, reader.lang).await {
        Ok(id) => Ok(see_other(&id)),
        Err(problem) if problem.status() < 500 => {
            let status = StatusCode::from_u16(problem.status()).unwrap_or(StatusCode::UNPROCESSABLE_ENTITY);
            let page = start_page(&data, &reader, &visitor, json!(form), problem.0).await?;
            Ok((status, page).into_response())
        }
        Err(problem) => Err(reader.problem()(problem)),
    }
}
