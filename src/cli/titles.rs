//! What sources are called, as the server's policy says.

use super::{Server, list, text};
use crate::words::Lang;
use reqwest::Method;
use serde_json::Value;
use std::collections::BTreeMap;

/// Names of sources by id, `{ru, en}`.
#[derive(Debug, Default)]
pub(super) struct Titles(BTreeMap<String, Value>);

impl Titles {
    /// Those of a server. One that does not tell leaves the ids.
    pub(super) async fn of(server: &Server) -> Self {
        let sources = server.json(server.request(Method::GET, "/v1/sources?limit=500")).await.unwrap_or_default();
        list(&sources, "items").filter_map(|one| Some((text(one, "source"), one.get("title")?.clone()))).collect()
    }

    /// The name of a source, else its id.
    pub(super) fn get<'a>(&'a self, lang: Lang, source: &'a str) -> &'a str {
        let title = self.0.get(source).and_then(|title| title.get(lang.code())).and_then(Value::as_str);
        title.filter(|title| !title.is_empty()).unwrap_or(source)
    }
}

impl<'a> FromIterator<(&'a str, Value)> for Titles {
    fn from_iter<T: IntoIterator<Item = (&'a str, Value)>>(titles: T) -> Self {
        Self(titles.into_iter().map(|(source, title)| (source.to_owned(), title)).collect())
    }
}
