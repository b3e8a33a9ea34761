//! What a draft is held against: the rows of a job, the words of its sources, and the sentences that may be said of them.

use super::claim::{Found, Instead};
use crate::core::policy::Policy;
use crate::explain::Context;
use crate::explain::model::*;
use crate::explain::{sentences, unchecked};
use crate::words::{Lang, one};
use mirano_replay::rows::JobRow;
use mirano_replay::store::StoreError;
use std::collections::BTreeSet;

/// Observed within this of the read: "just now". Milliseconds of a quarter of an hour, in seconds.
const NOW_S: u64 = 900;
/// "Today".
const DAY_S: u64 = 86_400;

/// A source and the words that it goes by, in lower case: of its titles, id and fact kinds.
pub(super) struct SourceWords {
    pub id: String,
    pub words: Vec<String>,
}

/// All that a rule may know.
pub(super) struct Ground<'a> {
    pub view: &'a JobView,
    pub policy: &'a Policy,
    pub sources: Vec<SourceWords>,
    /// Something was left out that could have been asked: an input was missing, or there were too many.
    pub left_out: bool,
    told: [Explanation; 2],
}

impl<'a> Ground<'a> {
    pub fn new(ctx: &Context<'a>, job: &JobRow, view: &'a JobView) -> Result<Self, StoreError> {
        let told = |lang| {
            let ctx = Context { lang, as_of: ctx.as_of.clone(), ..*ctx };
            let view = JobView { honesty: Vec::new(), ..view.clone() };
            sentences::explain(&ctx, job, &view)
        };
        let told = [told(Lang::Ru)?, told(Lang::En)?];
        let sources = ctx.policy.document.sources.iter().map(|(id, spec)| {
            let kinds = spec.facts.iter().map(|fact| fact.kind.as_str());
            let texts =
                [bare(&spec.title.ru), bare(&spec.title.en), id.clone()].into_iter().chain(kinds.map(str::to_owned));
            let words: BTreeSet<String> = texts
                .flat_map(|text| text.split(|c: char| !c.is_alphanumeric()).map(str::to_lowercase).collect::<Vec<_>>())
                .filter(|word| word.chars().count() > 2)
                .collect();
            SourceWords { id: id.clone(), words: words.into_iter().collect() }
        });
        let left_out = unchecked::not_checked(ctx, job, view);
        let left_out =
            left_out.iter().any(|left| matches!(left.reason.as_str(), "input_missing" | "over_max" | "not_in_profile"));
        Ok(Self { view, policy: ctx.policy, sources: sources.collect(), left_out, told })
    }

    pub fn applies(&self, row: usize) -> bool {
        self.view.sources.get(row).is_some_and(|row| row.state != RowState::NotApplicable)
    }

    /// The rows that count.
    pub fn applicable(&self) -> Vec<usize> {
        (0..self.view.sources.len()).filter(|row| self.applies(*row)).collect()
    }

    /// The rows of a scope that a test holds of.
    pub fn among(&self, rows: &[usize], holds: impl Fn(&RowView) -> bool) -> Vec<usize> {
        rows.iter().copied().filter(|row| self.view.sources.get(*row).is_some_and(&holds)).collect()
    }

    /// What is said instead of a claim.
    pub fn instead(&self, found: &Found, lang: Lang) -> String {
        let told = match lang {
            Lang::Ru => &self.told[0],
            Lang::En => &self.told[1],
        };
        let join = |texts: Vec<&str>| texts.join(" ");
        let by_code = |wanted: &dyn Fn(&Sentence) -> bool| -> Vec<&str> {
            told.sentences.iter().filter(|sentence| wanted(sentence)).map(|sentence| sentence.text.as_str()).collect()
        };
        match found.instead {
            Instead::Whole => join(by_code(&|sentence| matches!(sentence.code.as_str(), "job.answered" | "honesty"))),
            Instead::Risk => join(by_code(&|sentence| matches!(sentence.code.as_str(), "risk.score" | "risk.stop"))),
            Instead::WhyFast => told.why_fast.text.clone(),
            Instead::NotAsked => {
                let words = found.rows.iter().filter_map(|row| self.view.sources.get(*row));
                let notes: Vec<&str> = words.map(|row| row.note.get(lang)).filter(|note| !note.is_empty()).collect();
                if notes.is_empty() {
                    one(lang, "review-not_asked", &[])
                } else {
                    one(lang, "review-not_asked_because", &[("notes", notes.join("; ").into())])
                }
            }
            Instead::Rows => {
                let rows: Vec<&RowView> = found.rows.iter().filter_map(|row| self.view.sources.get(*row)).collect();
                let of_rows = |sentence: &Sentence| {
                    let source = sentence.args.get("source").and_then(serde_json::Value::as_str);
                    rows.iter().any(|row| {
                        source == Some(row.source.as_str()) && sentence.receipts.iter().eq(row.receipt_id.iter())
                    })
                };
                let texts = by_code(&of_rows);
                // Of very many rows the whole is told, not each.
                if texts.is_empty() || rows.len() > 4 {
                    self.instead(&Found { instead: Instead::Whole, ..found.clone() }, lang)
                } else {
                    join(texts)
                }
            }
        }
    }
}

/// A title without what stands in brackets.
fn bare(title: &str) -> String {
    title.split('(').next().unwrap_or_default().to_owned()
}

/// Whether its source was asked for this check.
pub(super) fn asked(row: &RowView) -> bool {
    matches!(row.origin, OriginWord::Fetched | OriginWord::Coalesced)
}

/// Whether it was asked for this check within the last quarter of an hour.
pub(super) fn asked_now(row: &RowView) -> bool {
    asked(row) && row.age_s.is_some_and(|age| age <= NOW_S)
}

/// Whether it was asked for this check within the last day.
pub(super) fn asked_today(row: &RowView) -> bool {
    asked(row) && row.age_s.is_some_and(|age| age < DAY_S)
}

/// Whether it was asked for this check within the last seven days.
pub(super) fn asked_this_week(row: &RowView) -> bool {
    asked(row) && row.age_s.is_some_and(|age| age < 7 * DAY_S)
}

/// Whether the last attempt to renew what is shown failed.
pub(super) fn unrenewed(row: &RowView) -> bool {
    crate::explain::row::unrenewed(row).is_some()
}

/// Whether an answer is shown.
pub(super) fn answered(row: &RowView) -> bool {
    row.receipt_id.is_some()
}
