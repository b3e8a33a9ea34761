//! The reference of the interface, as its own description tells it.

use super::{Data, Reader, Stop};
use crate::ui::Access;
use crate::ui::session;
use crate::ui::view::{self, Context};
use axum::extract::State;
use axum::response::Response;
use serde_json::{Value, json};

/// For everybody, as the description itself is; who has a key keeps the menu that it gives.
pub(super) async fn docs(State(data): State<Data>, reader: Reader) -> Result<Response, Stop> {
    let visitor = match data.access(session::cookie(&reader.headers, session::KEY)).await {
        Access::Granted(visitor) => Some(visitor),
        Access::KeyNeeded => None,
    };
    let context = Context { lang: reader.lang, titles: &Value::Null };
    let page = json!({ "interface": view::interface(context, data.interface()) });
    reader.page("interface.html", &data, visitor.as_ref(), page)
}
