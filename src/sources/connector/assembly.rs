//! The pages of one answer, joined.
//!
//! The first page says nothing found: nothing. A later empty page is the end. Any bad page spoils the answer. More
//! pages than may be read, or a list as long as the source cuts lists: not complete. The same fact twice is one fact;
//! the same thing twice with different attributes is a page that we do not understand.

use super::{Connector, ExtractedFact, PageResult, PageVerdict, PreparedRequest, Trouble};
use mirano_schemas::{Attrs, Match, Outcome};
use std::collections::BTreeMap;

/// What came of asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The outcome; never `Suspicious`, which only history can tell.
    pub outcome: Outcome,
    /// Why, when it is no answer: a stable code, a colon and words.
    pub cause: Option<String>,
    /// Nothing but an HTTP status said that there is nothing.
    pub by_status_only: bool,
    /// Whether all that the source has was read.
    pub complete: bool,
    /// The source's own date, `YYYY-MM-DD`; of several pages the earliest.
    pub as_of: Option<String>,
    /// Facts in the order of the source, each once.
    pub facts: Vec<ExtractedFact>,
}

impl Answer {
    /// No answer: a transport failure, a time-out.
    pub fn failed(outcome: Outcome, cause: String) -> Self {
        Self { outcome, cause: Some(cause), by_status_only: false, complete: false, as_of: None, facts: Vec::new() }
    }
}

type ThingKey = (String, String, Match, Attrs);

/// Joins the pages of one answer; feed it every page in order.
#[derive(Debug)]
pub struct Assembly {
    expect: Option<f64>,
    capped: Option<u32>,
    pages: u32,
    failed: Option<Answer>,
    ended: bool,
    by_status_only: bool,
    complete: bool,
    as_of: Option<String>,
    facts: Vec<ExtractedFact>,
    things: BTreeMap<ThingKey, usize>,
    items: u32,
    filled: u64,
    attributes: u64,
}

impl Assembly {
    /// An answer without pages yet.
    pub fn new(connector: &Connector) -> Self {
        Self {
            expect: connector.spec.answer.expect.as_ref().map(|expect| expect.filled),
            capped: connector.spec.answer.capped,
            pages: 0,
            failed: None,
            ended: false,
            by_status_only: false,
            complete: true,
            as_of: None,
            facts: Vec::new(),
            things: BTreeMap::new(),
            items: 0,
            filled: 0,
            attributes: 0,
        }
    }

    /// How many pages were added.
    pub fn pages(&self) -> u32 {
        self.pages
    }

    /// Adds the next page and says what to send next; `None`: finish.
    pub fn add(&mut self, page: PageResult) -> Option<PreparedRequest> {
        let number = self.pages;
        self.pages = self.pages.saturating_add(1);
        let outcome = match page.verdict {
            PageVerdict::Found => {
                self.items = self.items.saturating_add(page.items);
                self.filled = self.filled.saturating_add(u64::from(page.filled));
                self.attributes = self.attributes.saturating_add(u64::from(page.attributes));
                self.complete &= page.complete;
                self.dated(page.as_of);
                for fact in page.facts {
                    if let Err(trouble) = self.state(fact, number) {
                        return self.fail(Outcome::Unparsable, Some(trouble.cause()));
                    }
                }
                self.ended = page.next.is_none();
                return page.next;
            }
            PageVerdict::NothingFound { by_status_only } => {
                self.by_status_only = number == 0 && by_status_only;
                self.complete &= page.complete;
                self.dated(page.as_of);
                self.ended = true;
                return None;
            }
            PageVerdict::Blocked => Outcome::Blocked,
            PageVerdict::Refused => Outcome::Refused,
            PageVerdict::Unparsable => Outcome::Unparsable,
            PageVerdict::Unavailable => Outcome::Unavailable,
        };
        let cause = page.cause.map(|cause| if number == 0 { cause } else { format!("{cause} (page {})", number + 1) });
        self.fail(outcome, cause)
    }

    fn fail(&mut self, outcome: Outcome, cause: Option<String>) -> Option<PreparedRequest> {
        self.failed = Some(Answer { cause, ..Answer::failed(outcome, String::new()) });
        None
    }

    fn dated(&mut self, as_of: Option<String>) {
        self.as_of = match (self.as_of.take(), as_of) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }

    fn state(&mut self, fact: ExtractedFact, page: u32) -> Result<(), Trouble> {
        let key = (fact.kind.clone(), fact.subject.clone(), fact.matched, fact.identity.clone());
        match self.things.get(&key).and_then(|index| self.facts.get(*index)) {
            None => {
                self.things.insert(key, self.facts.len());
                self.facts.push(fact);
                Ok(())
            }
            Some(known) if known.attrs == fact.attrs && known.valid == fact.valid => Ok(()),
            Some(known) => Err(Trouble::new(
                "conflicting_facts",
                format!(
                    "page {}, item {}: the same {} as in item {} with other attributes; is its identity complete?",
                    page + 1,
                    fact.line,
                    fact.kind,
                    known.line
                ),
            )),
        }
    }

    /// The answer. An assembly whose next page was not added is not complete; one without pages is unavailable.
    pub fn finish(self) -> Answer {
        if let Some(failed) = self.failed {
            return failed;
        }
        if self.pages == 0 {
            return Answer::failed(Outcome::Unavailable, "not_asked: no page was read".to_owned());
        }
        if let Some(expect) = self.expect
            && self.attributes > 0
        {
            let share = self.filled as f64 / self.attributes as f64;
            if share < expect {
                let cause = format!(
                    "markup_moved: {} of {} attributes have a value, {:.0} % are expected",
                    self.filled,
                    self.attributes,
                    expect * 100.0
                );
                return Answer::failed(Outcome::Unparsable, cause);
            }
        }
        if self.items > 0 && self.facts.is_empty() {
            return Answer::failed(Outcome::Unparsable, "no_facts: there are items, but no facts in them".to_owned());
        }
        let cut = self.capped.is_some_and(|capped| self.items >= capped);
        Answer {
            outcome: if self.facts.is_empty() { Outcome::NothingFound } else { Outcome::Found },
            cause: None,
            by_status_only: self.by_status_only,
            complete: self.complete && self.ended && !cut,
            as_of: self.as_of,
            facts: self.facts,
        }
    }
}
