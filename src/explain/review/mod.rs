//! A draft held against the receipts: which of its claims about time, completeness, absence, numbers or risk they do not support.
//!
//! By rule, in Russian and English; `docs/review.md` says what each code means, and how well it works on sentences that it was
//! not made for. The rules know what kinds of claims there are; which sources a claim is about follows from the policy's titles and fact
//! kinds, and whether it holds from the job's rows. What the draft does not claim (a question, a condition, a denial) is let pass.

mod absence;
mod answers;
mod asked;
mod claim;
mod complete;
mod counts;
mod ground;
mod numbers;
mod renewal;
mod risk;
mod scope;
mod text;
mod time;

use super::Context;
use super::model::JobView;
use super::words::Lang;
use claim::Found;
use ground::Ground;
use mirano_replay::rows::JobRow;
use mirano_replay::store::StoreError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// What is wrong with a draft.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Review {
    /// No claim was found that the receipts do not support.
    pub ok: bool,
    /// Each such claim, in the order of the draft.
    pub claims: Vec<Claim>,
}

/// A claim that the receipts do not support.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Claim {
    /// Where it begins in the draft, in Unicode code points.
    pub start: usize,
    /// Where it ends, exclusive, in Unicode code points.
    pub end: usize,
    /// What stands there.
    pub text: String,
    /// What kind of claim it is and why it does not hold, for programs: `time.reused`, `absence.no_answer`, …
    pub code: String,
    /// The receipts that say otherwise; none where what is claimed was never answered.
    pub receipts: Vec<String>,
    /// What the receipts do support, in the language of the claim.
    pub say_instead: String,
}

/// Reviews a draft about a job.
pub fn review(ctx: &Context<'_>, job: &JobRow, view: &JobView, draft: &str) -> Result<Review, StoreError> {
    let ground = Ground::new(ctx, job, view)?;
    let mut claims = Vec::new();
    let mut before = "";
    for sentence in text::sentences(draft) {
        let lang = if text::is_russian(sentence.text) { Lang::Ru } else { Lang::En };
        for clause in text::clauses(&sentence, before) {
            let found = [
                time::judge(&ground, &clause),
                absence::judge(&ground, &clause),
                complete::judge(&ground, &clause),
                asked::judge(&ground, &clause),
                renewal::judge(&ground, &clause),
                counts::judge(&ground, &clause),
                risk::judge(&ground, &clause),
            ];
            // One claim for a clause: the first that does not hold, in the order above.
            if let Some(found) = found.into_iter().flatten().next() {
                let start = draft.get(..clause.at).map_or(0, |before| before.chars().count());
                claims.push(claim(&ground, clause.text, start, found, lang));
            }
        }
        before = sentence.text;
    }
    Ok(Review { ok: claims.is_empty(), claims })
}

fn claim(ground: &Ground<'_>, text: &str, start: usize, found: Found, lang: Lang) -> Claim {
    let receipts: BTreeSet<String> =
        found.rows.iter().filter_map(|row| ground.view.sources.get(*row)?.receipt_id.clone()).collect();
    Claim {
        start,
        end: start + text.chars().count(),
        text: text.to_owned(),
        code: found.code.to_owned(),
        receipts: receipts.into_iter().collect(),
        say_instead: ground.instead(&found, lang),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pattern that does not compile would match nothing, in silence.
    #[test]
    fn every_pattern_compiles() {
        let patterns = [
            &*absence::CLEAN,
            &*absence::GOOD,
            &*absence::NOT_GOOD,
            &*absence::BAD,
            &*absence::NONE_SEEN,
            &*absence::FREE,
            &*absence::PROBLEM,
            &*absence::ABSENT,
            &*absence::VALUE_NONE,
            &*absence::VALUE_GOOD,
            &*answers::OF_SOURCES,
            &*answers::OF_THEM,
            &*answers::SO_MANY,
            &*answers::VALUE,
            &*answers::REUSED,
            &*answers::ANSWERED,
            &*answers::MISSING,
            &*answers::BARE_END,
            &*answers::SOME,
            &*absence::NO_ANSWER,
            &*asked::CHECKED,
            &*asked::UPDATED,
            &*asked::REPORTED,
            &*asked::VALUE_REPORTED,
            &*asked::NOT_DONE,
            &*asked::AT_ANOTHER_TIME,
            &*complete::ALL_SOURCES,
            &*complete::EVERYWHERE,
            &*complete::LOOKED,
            &*complete::NO_GAPS,
            &*complete::NONE_LEFT,
            &*complete::NONE_SILENT,
            &*complete::REUSE_DENIED,
            &*complete::ENOUGH,
            &*complete::FULL,
            &*complete::FINISHED,
            &*counts::NARROWED,
            &*counts::NO_RECORD,
            &*counts::OTHER_LABEL,
            &*counts::VALUE,
            &*counts::COUNT,
            &*answers::STALE,
            &*renewal::THIS_ROUND,
            &*renewal::BEFORE,
            &*renewal::BROUGHT,
            &*renewal::NEW_ANSWER,
            &*renewal::WENT_WELL,
            &*renewal::REACHED,
            &*renewal::NO_FAILURE,
            &*renewal::ADMITTED,
            &*risk::SAFE,
            &*risk::LABEL,
            &*risk::MILD,
            &*risk::MIDDLING,
            &*risk::NO_STOPS,
            &*risk::NUMBER,
            &*risk::OPEN_ROAD,
            &*time::ANEW,
            &*time::NEW,
            &*time::FOR_THIS,
            &*time::CURRENT,
            &*time::WEEK,
            &*time::WHEN_ASKED,
            &*time::THING_OLD,
            &*time::PARTLY,
            &*time::NOTHING_OLD,
            &*time::NOT_OLD,
        ];
        for pattern in patterns {
            assert_ne!(pattern.as_str(), text::never().as_str());
        }
    }
}
