//! The pages of one answer, joined.
//!
//! The first page says nothing found: nothing. A later empty page is the end. Any bad page spoils the answer. More
//! pages than may be read, or a list as long as the source cuts lists: not complete. The same fact twice is one fact;
//! the same thing twice with different attributes is a page that we do not understand. What the items of a step lead on
//! to is asked after that step's last page, each once.

use super::{Connector, ExtractedFact, PageResult, PageVerdict, PreparedRequest, Trouble};
use crate::core::policy::ExpectSpec;
use mirano_schemas::{Attrs, Match, Outcome};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

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
    /// Of each request of the file, `[request]` last.
    steps: Vec<Bounds>,
    /// What is still to be asked.
    waiting: VecDeque<PreparedRequest>,
    /// What has been waiting, as (step, address, body).
    known: BTreeSet<(usize, String, Option<String>)>,
    pages: u32,
    failed: Option<Answer>,
    ended: bool,
    by_status_only: bool,
    complete: bool,
    as_of: Option<String>,
    facts: Vec<ExtractedFact>,
    things: BTreeMap<ThingKey, usize>,
    filled: u64,
    attributes: u64,
}

/// What is expected of one request's answers, and how many items they had.
#[derive(Debug)]
struct Bounds {
    expect: ExpectSpec,
    capped: Option<u32>,
    /// So many items lead on at most.
    max: u32,
    items: u32,
    led_on: u32,
}

impl Assembly {
    /// An answer without pages yet.
    pub fn new(connector: &Connector) -> Self {
        let bounds = |step: &super::steps::Step| Bounds {
            expect: step.answer.expect.clone().unwrap_or_default(),
            capped: step.answer.capped,
            max: step.max,
            items: 0,
            led_on: 0,
        };
        Self {
            steps: connector.before.iter().chain([&connector.main]).map(bounds).collect(),
            waiting: VecDeque::new(),
            known: BTreeSet::new(),
            pages: 0,
            failed: None,
            ended: false,
            by_status_only: false,
            complete: true,
            as_of: None,
            facts: Vec::new(),
            things: BTreeMap::new(),
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
                if let Some(bounds) = self.steps.get_mut(page.step) {
                    bounds.items = bounds.items.saturating_add(page.items);
                }
                self.filled = self.filled.saturating_add(u64::from(page.filled));
                self.attributes = self.attributes.saturating_add(u64::from(page.attributes));
                self.complete &= page.complete;
                self.dated(page.as_of);
                for fact in page.facts {
                    if let Err(trouble) = self.state(fact, number) {
                        return self.fail(Outcome::Unparsable, Some(trouble.cause()));
                    }
                }
                self.wait(page.step, page.then);
                return page.next.or_else(|| self.next());
            }
            PageVerdict::NothingFound { by_status_only } => {
                self.by_status_only |= page.number == 0 && by_status_only;
                self.complete &= page.complete;
                self.dated(page.as_of);
                return self.next();
            }
            PageVerdict::Blocked => Outcome::Blocked,
            PageVerdict::Refused => Outcome::Refused,
            PageVerdict::Unparsable => Outcome::Unparsable,
            PageVerdict::Unavailable => Outcome::Unavailable,
        };
        let cause = page.cause.map(|cause| if number == 0 { cause } else { format!("{cause} (page {})", number + 1) });
        self.fail(outcome, cause)
    }

    /// Takes what items lead on to, each once and no more than may be.
    fn wait(&mut self, step: usize, then: Vec<PreparedRequest>) {
        for request in then {
            if !self.known.insert((request.step, request.url.to_string(), request.body.clone())) {
                continue;
            }
            let Some(bounds) = self.steps.get_mut(step) else { continue };
            if bounds.led_on >= bounds.max {
                self.complete = false;
                continue;
            }
            bounds.led_on += 1;
            self.waiting.push_back(request);
        }
    }

    fn next(&mut self) -> Option<PreparedRequest> {
        let next = self.waiting.pop_front();
        self.ended = next.is_none();
        next
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
        let Some(main) = self.steps.last() else {
            return Answer::failed(Outcome::Unavailable, "not_asked: no page was read".to_owned());
        };
        if let Some(expect) = main.expect.filled
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
        for Bounds { expect, items, .. } in self.steps.iter().filter(|bounds| bounds.items > 0) {
            let unexpected = match (expect.min, expect.max) {
                (Some(min), _) if *items < min && self.ended => format!("at least {min} are expected"),
                (_, Some(max)) if *items > max => format!("at most {max} are expected"),
                _ => continue,
            };
            let cause = format!("unexpected_items: the answer has {items} items, {unexpected}");
            return Answer::failed(Outcome::Unparsable, cause);
        }
        if main.items > 0 && self.facts.is_empty() {
            return Answer::failed(Outcome::Unparsable, "no_facts: there are items, but no facts in them".to_owned());
        }
        let cut = self.steps.iter().any(|bounds| bounds.capped.is_some_and(|capped| bounds.items >= capped));
        Answer {
            outcome: if self.facts.is_empty() { Outcome::NothingFound } else { Outcome::Found },
            cause: None,
            // Where there are facts, a page that was not there only ended a list.
            by_status_only: self.by_status_only && self.facts.is_empty(),
            complete: self.complete && self.ended && !cut,
            as_of: self.as_of,
            facts: self.facts,
        }
    }
}
