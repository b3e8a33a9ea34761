//! What a page is, judged in a fixed order.
//!
//! 5xx: unavailable; `blocked` (and 429); `refused`; `nothing_found`; a status that is no success, or `valid` that
//! does not hold: unparsable; items with every required attribute: found; no items: unparsable.

use super::document::Document;
use super::facts::{Before, Harvest, Misread};
use super::parts::Condition;
use super::steps::Step;
use super::{AskContext, Connector, PageResult, PageVerdict, PreparedRequest, RawPage, Trouble, charset, value};
use mirano_schemas::Value;
use serde_json::Value as Json;

pub(super) struct Judge<'a> {
    pub(super) connector: &'a Connector,
    /// The request of the file that the page answers.
    pub(super) step: &'a Step,
    pub(super) ctx: &'a AskContext,
    pub(super) request: &'a PreparedRequest,
    pub(super) page: &'a RawPage,
    pub(super) notes: Vec<String>,
}

/// What conditions are held against.
struct Evidence<'a> {
    status: u16,
    /// In lower case; made only when a condition looks for words.
    lower: String,
    document: Option<&'a Document>,
}

impl Judge<'_> {
    pub(super) fn judge(mut self) -> PageResult {
        let status = self.page.status;
        if status >= 500 {
            return self
                .bad(PageVerdict::Unavailable, &Trouble::new("http_status", format!("the source answered {status}")));
        }
        let answers = &self.step.reading;
        let answer = &self.step.answer;
        let content_type = self.page.header("content-type");
        let (text, undecodable) = charset::decode(&self.page.body, answers.charset, content_type, answer.format);
        let parsed = match undecodable {
            Some(trouble) => Err(trouble),
            None => Document::parse(answer, &text),
        };
        let all = [&answers.blocked, &answers.refused, &answers.nothing_found, &answers.valid];
        let words = all.into_iter().flatten().any(|condition| condition.contains.is_some());
        let lower = if words { text.to_lowercase() } else { String::new() };
        let evidence = Evidence { status, lower, document: parsed.as_ref().ok() };

        if let Some(held) = answers.blocked.iter().find(|condition| evidence.holds(condition)) {
            return self.bad(PageVerdict::Blocked, &Trouble::new("blocked", format!("blocked by {}", held.says)));
        }
        if status == 429 {
            return self
                .bad(PageVerdict::Blocked, &Trouble::new("too_many_requests", "the source answered 429".to_owned()));
        }
        if let Some(held) = answers.refused.iter().find(|condition| evidence.holds(condition)) {
            return self.bad(PageVerdict::Refused, &Trouble::new("refused", format!("refused by {}", held.says)));
        }
        let proofs: Vec<&Condition> =
            answers.nothing_found.iter().filter(|condition| evidence.proves(condition)).collect();
        if let Some(held) = proofs.first() {
            self.notes.push(format!("nothing found by {}", held.says));
            let by_status_only = proofs.iter().all(|condition| condition.status_only());
            return self.nothing(by_status_only, evidence.document);
        }
        let document = match &parsed {
            Ok(document) => document,
            Err(trouble) => return self.unparsable(trouble),
        };
        let expected =
            (200..300).contains(&status) || answers.valid.iter().any(|condition| condition.status == Some(status));
        if !expected {
            return self.unparsable(&Trouble::new("unexpected_status", format!("the source answered {status}")));
        }
        if let Some(failed) = answers.valid.iter().find(|condition| !evidence.holds(condition)) {
            return self.unparsable(&Trouble::new("not_valid", format!("`valid` does not hold: {}", failed.says)));
        }
        self.items(document)
    }

    fn items(mut self, document: &Document) -> PageResult {
        let answers = &self.step.reading;
        let found = answers.items.iter().map(|place| document.at_root(place)).find(|items| !items.is_empty());
        let items = if answers.items.is_empty() { document.rows() } else { found.unwrap_or_default() };
        if items.is_empty() {
            if self.request.number > 0 && !answers.valid.is_empty() {
                self.notes.push("a later page without items: the end".to_owned());
                return self.nothing(false, Some(document));
            }
            return self.unparsable(&Trouble::new("no_items", "no items, and no proof that there are none".to_owned()));
        }
        let before = Before::new(self.ctx, &self.request.taken, answers);
        let last = self.step.id.is_empty();
        let mut harvest = Harvest::default();
        let mut then = Vec::new();
        for (number, item) in items.iter().enumerate().take(if self.step.first { 1 } else { usize::MAX }) {
            let line = document.line(item, number);
            let read = if last {
                harvest.item(answers, &before, document, item, line)
            } else {
                self.then(&before, document, item, line).map(|request| then.push(request))
            };
            if let Err(Misread { trouble, value }) = read {
                self.notes.extend(value.map(|value| format!("item {line}: there stands {value:?}")));
                return self.unparsable(&trouble);
            }
        }
        let as_of = match self.as_of(document) {
            Ok(as_of) => as_of,
            Err(trouble) => return self.unparsable(&trouble),
        };
        // The first item of all is on the first page.
        let next = if self.step.first { Ok(Default::default()) } else { self.next(document, items.len()) };
        let next = match next {
            Ok(next) => next,
            Err(trouble) => return self.unparsable(&trouble),
        };
        PageResult {
            facts: harvest.facts,
            as_of,
            next: next.request,
            then,
            complete: !next.cut,
            items: u32::try_from(items.len()).unwrap_or(u32::MAX),
            filled: harvest.filled,
            attributes: harvest.attributes,
            notes: std::mem::take(&mut self.notes),
            ..self.empty(PageVerdict::Found)
        }
    }

    fn as_of(&mut self, document: &Document) -> Result<Option<String>, Trouble> {
        let Some((place, reading)) = &self.step.reading.as_of else {
            return Ok(None);
        };
        let raws: Vec<_> = document.at_root(place).iter().take(1).map(|node| document.raw(node)).collect();
        match reading.read(&raws) {
            Ok(Some(Value::Date(date))) => Ok(Some(date)),
            Ok(_) => Ok(None),
            Err(misfit) => {
                self.notes.push(format!("as_of: there stands {:?}", misfit.value));
                Err(Trouble::new("as_of_misfit", "the source's own date is not a date".to_owned()))
            }
        }
    }

    fn nothing(mut self, by_status_only: bool, document: Option<&Document>) -> PageResult {
        let as_of = match document.map_or(Ok(None), |document| self.as_of(document)) {
            Ok(as_of) => as_of,
            Err(trouble) => return self.unparsable(&trouble),
        };
        PageResult {
            as_of,
            complete: true,
            notes: std::mem::take(&mut self.notes),
            ..self.empty(PageVerdict::NothingFound { by_status_only })
        }
    }

    fn unparsable(self, trouble: &Trouble) -> PageResult {
        self.bad(PageVerdict::Unparsable, trouble)
    }

    fn bad(mut self, verdict: PageVerdict, trouble: &Trouble) -> PageResult {
        let step = if self.step.id.is_empty() { String::new() } else { format!(" (step {})", self.step.id) };
        let notes = std::mem::take(&mut self.notes);
        PageResult { cause: Some(format!("{}{step}", trouble.cause())), notes, ..self.empty(verdict) }
    }

    fn empty(&self, verdict: PageVerdict) -> PageResult {
        PageResult {
            verdict,
            cause: None,
            facts: Vec::new(),
            as_of: None,
            step: self.request.step,
            number: self.request.number,
            next: None,
            then: Vec::new(),
            complete: false,
            items: 0,
            filled: 0,
            attributes: 0,
            notes: Vec::new(),
        }
    }
}

impl Evidence<'_> {
    /// Whether all parts of a condition hold.
    fn holds(&self, condition: &Condition) -> bool {
        condition.status.is_none_or(|status| status == self.status)
            && condition.contains.as_ref().is_none_or(|text| self.lower.contains(text))
            && condition.at.as_ref().is_none_or(|place| {
                self.document.is_some_and(|document| {
                    document.at_root(place).iter().any(|node| {
                        let equal = condition.equals.as_ref().is_none_or(|want| equals(&document.raw(node), want));
                        let counted = condition
                            .count
                            .is_none_or(|want| document.children(node).is_some_and(|n| n as u64 == want));
                        equal && counted
                    })
                })
            })
    }

    /// As `holds`, but words on a page that could not be read prove nothing.
    fn proves(&self, condition: &Condition) -> bool {
        (condition.status_only() || self.document.is_some()) && self.holds(condition)
    }
}

fn equals(raw: &super::document::Raw<'_>, want: &Json) -> bool {
    use super::document::Raw;
    match (raw, want) {
        (Raw::Json(Json::Number(a)), Json::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Raw::Json(a), b) => *a == b,
        (Raw::Text(text), Json::String(want)) => value::collapse(text) == value::collapse(want),
        (Raw::Text(text), want) => {
            let written = want.to_string();
            value::collapse(text) == written
        }
    }
}
