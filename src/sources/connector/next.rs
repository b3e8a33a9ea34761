//! What a page leads on to: the next page of the same request, and requests of the next step.

use super::Trouble;
use super::document::{Document, Node, Place, Raw, Scope};
use super::facts::{Before, Misread, attribute_of};
use super::judge::Judge;
use super::links::{follow, next_of};
use super::request::{Asking, PreparedRequest};
use super::value::{Reading, collapse, written_plainly};
use mirano_schemas::Value;
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// What to do after this page.
#[derive(Default)]
pub(super) struct Next {
    pub(super) request: Option<PreparedRequest>,
    /// There are further pages that are not read.
    pub(super) cut: bool,
}

fn bad(text: impl Into<String>) -> Trouble {
    Trouble::new("bad_next_page", text.into())
}

impl Judge<'_> {
    /// The next page, after a page with so many items.
    pub(super) fn next(&self, document: &Document, items: usize) -> Result<Next, Trouble> {
        let end = Ok(Next::default());
        let Some(pages) = &self.step.pages else { return end };
        let ways = &self.step.reading.ways;
        let request = if let Some(place) = &ways.next {
            let Some(link) = self.text(document, place, "the link to the next page is no text")? else { return end };
            follow(&link, self.request, &self.page.final_url).map_err(bad)?
        } else if pages.link {
            let Some(link) = self.page.header("link").and_then(next_of) else { return end };
            follow(&link, self.request, &self.page.final_url).map_err(bad)?
        } else if let Some(place) = &ways.cursor {
            let Some(cursor) = self.text(document, place, "the cursor is no text and no number")? else { return end };
            let requests = &self.step.requests;
            let next = requests.after(&self.ctx.params, self.request, &cursor);
            let next = next.map_err(|_| bad("the cursor can't be asked with"))?;
            if (&next.url, &next.body) == (&self.request.url, &self.request.body) {
                return Err(bad("the cursor leads to the page itself"));
            }
            next
        } else {
            if self.is_last(document, items)? {
                return end;
            }
            let requests = &self.step.requests;
            requests.after(&self.ctx.params, self.request, "").map_err(|e| bad(e.to_string()))?
        };
        let cut = self.request.number.saturating_add(1) >= pages.max;
        Ok(Next { request: (!cut).then_some(request), cut })
    }

    /// Whether a numbered page says, or shows, that it is the last. A full page proves nothing: there may be more.
    fn is_last(&self, document: &Document, items: usize) -> Result<bool, Trouble> {
        let Some(page) = self.step.pages.as_ref().and_then(|pages| pages.page.as_ref()) else { return Ok(true) };
        let number = u64::from(self.request.number);
        if let Some((place, reading)) = &self.step.reading.ways.last {
            let last = self.number(document, place, reading, "the number of the last page")?;
            let here = u64::from(page.first) + number * u64::from(page.step);
            return Ok(here >= last);
        }
        if let Some((place, reading)) = &self.step.reading.ways.total {
            let total = self.number(document, place, reading, "the number of all items")?;
            return Ok((number + 1) * u64::from(page.size.unwrap_or(1)) >= total);
        }
        Ok(page.last_when == "short" && page.size.is_some_and(|size| (items as u64) < u64::from(size)))
    }

    fn number(&self, document: &Document, place: &Place, reading: &Reading, what: &str) -> Result<u64, Trouble> {
        let found = document.at_root(place);
        let raws: Vec<Raw<'_>> = found.iter().take(1).map(|node| document.raw(node)).collect();
        match reading.read(&raws) {
            Ok(Some(Value::Integer(n))) => u64::try_from(n).map_err(|_| bad(format!("{what} is below zero"))),
            _ => Err(bad(format!("{what} is not there, or no number"))),
        }
    }

    /// A text at the place of a link or a cursor; none where there is none.
    fn text(&self, document: &Document, place: &Place, misfit: &str) -> Result<Option<String>, Trouble> {
        let found = document.at_root(place);
        let text = match found.first().map(|node| document.raw(node)) {
            None => return Ok(None),
            Some(Raw::Text(text)) => collapse(&text),
            Some(Raw::Json(Json::String(text))) => collapse(text),
            Some(Raw::Json(Json::Number(number))) if self.step.reading.ways.cursor.is_some() => number.to_string(),
            Some(Raw::Json(Json::Null | Json::Bool(false))) => return Ok(None),
            Some(Raw::Json(_)) => return Err(bad(misfit)),
        };
        Ok((!text.is_empty()).then_some(text))
    }

    /// What an item of a step leads on to: the next step's request, with the values taken from the item.
    pub(super) fn then<'a>(
        &self,
        before: &Before<'_>,
        document: &'a Document,
        item: &Node<'a>,
        line: u64,
    ) -> Result<PreparedRequest, Misread> {
        let mut values = BTreeMap::new();
        let scope = Scope { own: item.clone(), item: item.clone() };
        for (name, read) in &self.step.reading.take {
            let value = attribute_of(document, before, &scope, read, &self.step.id, name, line)?;
            values.insert(name.clone(), value.as_ref().map(written_plainly).unwrap_or_default());
        }
        let mut taken = self.request.taken.clone();
        taken.insert(self.step.id.clone(), values);
        let asking = Asking {
            params: &self.ctx.params,
            taken: &taken,
            number: 0,
            cursor: "",
            from: Some((self.request, &self.page.final_url)),
        };
        let next = self.connector.step(self.request.step.saturating_add(1));
        next.requests.page(&asking).map_err(|error| Misread {
            trouble: Trouble::new("bad_step", format!("item {line} of {} leads nowhere", self.step.id)),
            value: Some(error.to_string()),
        })
    }
}
