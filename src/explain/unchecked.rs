//! What a report does not cover, and why.

use super::Context;
use super::model::{JobView, NotChecked, RowState};
use super::words::{Both, Lang, both, code};
use crate::core::plan::Values;
use mirano_replay::rows::{JobRow, NeedRow};
use mirano_schemas::NotApplicable;

/// What a need that has nothing to ask says of itself.
pub(super) fn nothing_to_ask(ctx: &Context<'_>, job: &JobRow, need: &NeedRow) -> Both {
    if need.withdrawn {
        return both("unasked-withdrawn", &[]);
    }
    match &need.not_applicable {
        Some(NotApplicable::InputMissing(name)) => inputs_missing(ctx, job, need, name),
        Some(NotApplicable::OverMax(n)) => both("unasked-over_max", &[("n", (*n).into())]),
        Some(NotApplicable::NoneFound) | None => both("unasked-nobody", &[]),
    }
}

/// That inputs were not given: the one that was noted when the check began, and whatever else its question wanted and lacks.
fn inputs_missing(ctx: &Context<'_>, job: &JobRow, need: &NeedRow, noted: &str) -> Both {
    let profile = ctx.policy.document.profiles.get(&job.created.profile);
    let spec = profile.and_then(|profile| profile.needs.get(need.need.entry as usize));
    // Whether an input was given is known; what it was may be sealed, and tells nothing here.
    let given = job.created.inputs.keys().map(|name| (name.clone(), "given".to_owned())).collect();
    let values = Values { address: &job.created.address, inputs: &given, fact: None };
    let missing = spec.filter(|spec| spec.source == need.need.source).map(|spec| values.missing(spec));
    // Another policy may want other things; then only what was noted is known.
    let missing = missing.filter(|missing| missing.iter().any(|name| name == noted)).unwrap_or_default();
    let further = missing.iter().map(String::as_str).filter(|name| *name != noted);
    let names: Vec<Both> = std::iter::once(noted).chain(further).map(|name| name_of(ctx, job, name)).collect();
    match names.as_slice() {
        [one] => both("unasked-input", &[("name", one.into())]),
        several => {
            let list = |quoted: &str, lang| several.iter().map(|name| name.get(lang)).collect::<Vec<_>>().join(quoted);
            let names = Both::new(list("», «", Lang::Ru), list("\", \"", Lang::En));
            both("unasked-inputs", &[("names", names.into())])
        }
    }
}

/// What a template wanted, as people call it: an input by its title in the profile, a part of the address by its word.
fn name_of(ctx: &Context<'_>, job: &JobRow, name: &str) -> Both {
    if let Some(part) = name.strip_prefix("address.") {
        return Lang::ALL.map(|lang| code(lang, "address_part", part)).into();
    }
    let input = name.strip_prefix("inputs.").unwrap_or(name);
    let profile = ctx.policy.document.profiles.get(&job.created.profile);
    let title = profile.and_then(|profile| profile.inputs.get(input)?.title.as_ref());
    title.map_or_else(|| Both::new(input, input), Both::from)
}

fn reason(need: &NeedRow) -> &'static str {
    if need.withdrawn {
        return "no_longer_named";
    }
    match &need.not_applicable {
        Some(NotApplicable::InputMissing(_)) => "input_missing",
        Some(NotApplicable::OverMax(_)) => "over_max",
        Some(NotApplicable::NoneFound) | None => "none_found",
    }
}

/// Everything that the job does not cover: rows without an answer, and sources that its profile does not ask.
pub fn not_checked(ctx: &Context<'_>, job: &JobRow, view: &JobView) -> Vec<NotChecked> {
    let mut out = Vec::new();
    for (need, row) in job.needs.iter().zip(&view.sources) {
        let mut add = |reason: &str, text: Both| {
            out.push(NotChecked {
                need_id: Some(row.need_id.clone()),
                source: row.source.clone(),
                reason: reason.to_owned(),
                text,
            });
        };
        match row.state {
            RowState::NotApplicable => add(reason(need), nothing_to_ask(ctx, job, need)),
            RowState::Failed if need.receipt.is_some() && need.last_failure.is_none() => {
                add("expired", row.note.clone())
            }
            RowState::Failed => add("failed", row.note.clone()),
            RowState::Running | RowState::Retrying | RowState::Queued | RowState::WaitingForSubject
                if row.receipt_id.is_none() =>
            {
                add("pending", row.note.clone());
            }
            _ => {}
        }
    }
    let sources = &ctx.policy.document.sources;
    for (id, spec) in sources.iter().filter(|(id, _)| !view.sources.iter().any(|row| row.source == **id)) {
        out.push(NotChecked {
            need_id: None,
            source: id.clone(),
            reason: "not_in_profile".to_owned(),
            text: both("unasked-profile", &[("source", Both::from(&spec.title).into())]),
        });
    }
    out
}
