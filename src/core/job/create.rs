//! A check is asked for: its needs, and for each what is known already.

use super::{answer, settle};
use crate::core::bugs::{self, Bug};
use crate::core::command::{CreateJob, InputFault, Rejection, Reply};
use crate::core::decision::{DecideError, Decision};
use crate::core::persons;
use crate::core::plan::{self, Entry, Values};
use crate::core::policy::{InputType, NeedSpec, ProfileSpec};
use mirano_schemas::*;
use std::collections::BTreeMap;

/// Decides `CreateJob`. A fully reused check is one commit, its snapshot included.
pub fn create(decision: &mut Decision<'_>, command: &CreateJob) -> Result<Reply, DecideError> {
    if let Some(existing) = decision.job(command.job)?.filter(|_| !bugs::on(Bug::IdempotencyForgotten)) {
        let same = existing.created.request_digest == keyed_digest(decision, command)?;
        return if same { Ok(Reply::Job(command.job, false)) } else { Err(Rejection::IdempotencyMismatch.into()) };
    }
    let ctx = decision.ctx;
    let profile = ctx
        .policy
        .document
        .profiles
        .get(&command.profile)
        .ok_or_else(|| Rejection::ProfileUnknown(command.profile.clone()))?;
    check_inputs(profile, &command.inputs)?;
    let mut needs: Vec<Need> = Vec::new();
    let mut refused: Vec<(NeedId, NotApplicable)> = Vec::new();
    let mut entries: BTreeMap<u32, NeedId> = BTreeMap::new();
    let values = Values { address: &command.address, inputs: &command.inputs, fact: None };
    for (entry, spec) in (0u32..).zip(&profile.needs) {
        let Some(source) = ctx.policy.document.sources.get(&spec.source) else {
            return Err(Rejection::SourceUnknown(spec.source.clone()).into());
        };
        let (address, tenant) = (&command.address, command.tenant.as_str());
        let asked = Entry { job: command.job, entry, spec, source, address, tenant };
        let need = if spec.for_each.is_some() {
            let parents = plan::parent_entries(ctx, profile, entry);
            if parents.is_empty() {
                refused.push((asked.open(None).need_id, NotApplicable::NoneFound));
            }
            asked.open(parents.iter().find_map(|(parent, _)| entries.get(parent).copied()))
        } else {
            match values.fill(spec) {
                Ok(params) => asked.need(ctx.vault, params, None)?,
                Err(plan::Unfilled(name)) => {
                    let need = asked.open(None);
                    refused.push((need.need_id, NotApplicable::InputMissing(name)));
                    need
                }
            }
        };
        entries.insert(entry, need.need_id);
        if !needs.iter().any(|other| other.need_id == need.need_id) {
            needs.push(need);
        }
    }
    decision.emit(JobCreated {
        job: command.job,
        tenant: command.tenant.clone(),
        profile: command.profile.clone(),
        address: command.address.clone(),
        inputs: sealed_inputs(decision, profile, command, &needs)?,
        priority: command.priority,
        max_age_ms: command.max_age_ms.clone(),
        request_digest: keyed_digest(decision, command)?,
        needs: needs.clone(),
    })?;
    for (need_id, reason) in refused {
        decision.emit(NeedNotApplicable { job: command.job, need_id, reason })?;
    }
    for need in needs.iter().filter(|need| need.query.is_some()) {
        answer::from_known(decision, command.job, need)?;
    }
    settle::settle(decision, command.job, &[])?;
    Ok(Reply::Job(command.job, true))
}

fn check_inputs(profile: &ProfileSpec, inputs: &BTreeMap<String, String>) -> Result<(), Rejection> {
    if let Some(name) = inputs.keys().find(|name| !profile.inputs.contains_key(*name)) {
        return Err(Rejection::InputInvalid(name.clone(), InputFault::Unknown));
    }
    for (name, spec) in &profile.inputs {
        let Some(value) = inputs.get(name) else {
            if spec.required {
                return Err(Rejection::InputMissing(name.clone()));
            }
            continue;
        };
        let invalid = |why| Err(Rejection::InputInvalid(name.clone(), why));
        match spec.kind {
            InputType::Text if value.trim().is_empty() => return invalid(InputFault::Empty),
            InputType::Text => {}
            InputType::Inn if !valid_inn(value) => {
                return invalid(InputFault::Inn);
            }
            InputType::Inn => {}
            InputType::Date if chrono::NaiveDate::parse_from_str(value, "%Y-%m-%d").is_err() => {
                return invalid(InputFault::Date);
            }
            InputType::Date => {}
            InputType::Cadastral if !valid_cadastral(value) => {
                return invalid(InputFault::Cadastral);
            }
            InputType::Cadastral => {}
        }
    }
    Ok(())
}

/// Checks the length and the checksum of an ИНН (order of the Federal Tax Service ММВ-7-6/435@).
pub fn valid_inn(text: &str) -> bool {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(10)).collect();
    if digits.len() != text.chars().count() {
        return false;
    }
    let check = |weights: &[u32], at: usize| {
        let sum: u32 = weights.iter().zip(&digits).map(|(weight, digit)| weight * digit).sum();
        digits.get(at).copied() == Some(sum % 11 % 10)
    };
    match digits.len() {
        10 => check(&[2, 4, 10, 3, 5, 9, 4, 6, 8], 9),
        12 => check(&[7, 2, 4, 10, 3, 5, 9, 4, 6, 8], 10) && check(&[3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8], 11),
        _ => false,
    }
}

fn valid_cadastral(text: &str) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    let digits = |part: &&str, lengths: std::ops::RangeInclusive<usize>| {
        lengths.contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit())
    };
    matches!(parts.as_slice(), [region, district, quarter, object]
        if digits(region, 1..=2) && digits(district, 1..=2) && digits(quarter, 6..=7) && digits(object, 1..=12))
}

/// Inputs as the log keeps them: sealed where they may name a person.
fn sealed_inputs(
    decision: &Decision<'_>,
    profile: &ProfileSpec,
    command: &CreateJob,
    needs: &[Need],
) -> Result<BTreeMap<String, Sealable<String>>, DecideError> {
    let (sources, vault) = (&decision.ctx.policy.document.sources, decision.ctx.vault);
    let mut inputs = BTreeMap::new();
    for (name, value) in &command.inputs {
        let read = format!("inputs.{name}");
        let reads = |spec: &NeedSpec| spec.params.values().any(|template| template.contains(&read));
        let of_person = |spec: &NeedSpec| {
            let source = sources.get(&spec.source);
            source.is_some_and(|source| source.level == Level::Person)
        };
        // A need of this level that lacks an input is about nobody.
        let person = needs.iter().find(|need| {
            need.subject.level() == Level::Person && profile.needs.get(need.entry as usize).is_some_and(reads)
        });
        let keys = match person {
            Some(need) => vault.find(&need.subject)?,
            // The person is not known yet, because another input is missing or a fact has to name somebody first.
            None if persons::is_personal_inn(value)
                || profile.needs.iter().any(|spec| of_person(spec) && reads(spec)) =>
            {
                Some(vault.person(&persons::identity_of_input(name, value))?)
            }
            None => None,
        };
        let kept = match keys {
            Some(keys) => persons::seal(&keys, value)?,
            None if person.is_some() => return Err(DecideError::Vault("a person's key is gone".to_owned())),
            None => Sealable::Plain(value.clone()),
        };
        inputs.insert(name.clone(), kept);
    }
    Ok(inputs)
}

/// The request's digest under a secret of this installation: of inputs that are sealed no guess can be confirmed by it.
fn keyed_digest(decision: &Decision<'_>, command: &CreateJob) -> Result<[u8; 32], DecideError> {
    let keys = decision.ctx.vault.person("installation: digests of requests")?;
    if bugs::on(Bug::DigestOfNothing) {
        return Ok(*blake3::keyed_hash(keys.id_key(), &[]).as_bytes());
    }
    Ok(*blake3::keyed_hash(keys.id_key(), &command.request_digest).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inn_checksums() {
        for good in ["7707083893", "500100732259"] {
            assert!(valid_inn(good), "{good}");
        }
        for bad in ["7707083894", "500100732258", "770708389", "77070838930", "77070x3893", ""] {
            assert!(!valid_inn(bad), "{bad}");
        }
    }

    #[test]
    fn cadastral_numbers() {
        assert!(valid_cadastral("77:01:0001001:1024"));
        for bad in ["77:01:0001001", "77-01-0001001-1024", "77:01:1:1", ":::"] {
            assert!(!valid_cadastral(bad), "{bad}");
        }
    }
}
