//! Those who ask: tenants with keys, addresses and a seller's number, who retry until they are answered.

use super::farm;
use super::policy::{SOURCES, sources};
use super::rng::Rng;
use super::source::COMPANIES;
use crate::core::command::{Command, CreateJob, Recheck, SetWatch};
use crate::core::notify::{NotifyCommand, SetNotify};
use crate::core::watch::SHORTEST_MS;
use mirano_schemas::{AddressRecord, CommandId, Hours, JobId, NotificationType, Subject, WatchId, WatchReason};
use std::collections::BTreeMap;

const PERSONS: [&str; 3] = ["500100732259", "500100731054", "500100731128"];

/// The object number `n`; a building has two flats.
fn address(n: u64) -> AddressRecord {
    let (building, flat) = (n / 2, n % 2 + 1);
    AddressRecord {
        input: format!("дом {building}, {flat}"),
        canonical: format!("Улица {building}, {flat}"),
        building: format!("Улица {building}"),
        flat: Some(flat.to_string()),
        cadastral: None,
        postcode: None,
        confidence: "high".to_owned(),
        subject: Subject(format!("property:{building}-{flat}")),
        building_subject: Subject(format!("property:{building}")),
        warnings: Vec::new(),
    }
}

/// The request number `number`.
pub fn request(number: u64, rng: &mut Rng) -> CreateJob {
    let tenant = ["a", "b"][rng.below(2) as usize].to_owned();
    let mut max_age_ms = BTreeMap::new();
    if rng.chance(1, 4) {
        max_age_ms.insert("*".to_owned(), rng.below(3) * 300_000);
    }
    if rng.chance(1, 8) {
        max_age_ms.insert(SOURCES[rng.below(4) as usize].to_owned(), 60_000);
    }
    let profile = if rng.chance(1, 5) { "short" } else { "standard" };
    let mut inputs = BTreeMap::new();
    if profile == "standard" && rng.chance(2, 3) {
        // Mostly a person; a company's number is not sealed.
        let seller = if rng.chance(1, 6) { COMPANIES[0] } else { PERSONS[rng.below(3) as usize] };
        inputs.insert("seller".to_owned(), seller.to_owned());
    }
    let mut digest = [0; 32];
    digest[..8].copy_from_slice(&number.to_le_bytes());
    CreateJob {
        job: JobId::of(&[tenant.as_bytes(), &number.to_le_bytes()]),
        tenant,
        profile: profile.to_owned(),
        address: address(rng.below(4)),
        inputs,
        priority: 1 + rng.below(5) as u8,
        max_age_ms,
        request_digest: digest,
    }
}

/// A request for all sources of the farm; more than one about each object.
pub fn farm_request(number: u64, rng: &mut Rng) -> CreateJob {
    let short = request(number, rng);
    let (profile, inputs, max_age_ms) = ("farm".to_owned(), BTreeMap::new(), BTreeMap::new());
    CreateJob { profile, inputs, max_age_ms, address: address(number % farm::OBJECTS), ..short }
}

/// Asks for a check; half of them so that somebody is told of it.
pub fn create(request: CreateJob) -> Command {
    if request.job.0[0].is_multiple_of(2) {
        return Command::CreateJob(request);
    }
    let notify = SetNotify {
        job: request.job,
        tenant: request.tenant.clone(),
        types: NotificationType::ALL.to_vec(),
        channels: Vec::new(),
        muted_until: None,
    };
    Command::Notify(NotifyCommand::Create { create: Box::new(request), notify })
}

/// The check that a command asks for.
pub fn asked(command: &Command) -> Option<&CreateJob> {
    match command {
        Command::CreateJob(request) => Some(request),
        Command::Notify(NotifyCommand::Create { create, .. }) => Some(create),
        _ => None,
    }
}

/// Has a job watched for a while: the two commands.
pub fn watch(job: JobId, tenant: &str, span: i64) -> (Command, Command) {
    let watch = WatchId::of(&[job.as_bytes()]);
    let every_ms = u64::try_from(span / 12).unwrap_or(0).max(SHORTEST_MS);
    let hours =
        job.0[1].is_multiple_of(3).then(|| Hours { from: u16::from(job.0[2]) * 5, to: u16::from(job.0[3]) * 5 });
    let set = SetWatch { watch, job, tenant: tenant.to_owned(), every_ms, hours, reason: WatchReason::Key };
    (Command::SetWatch(set), Command::EndWatch { watch, job })
}

/// Asks some or all needs of a job again.
pub fn recheck(job: JobId, tenant: &str, farm: bool, rng: &mut Rng) -> Recheck {
    let one = sources(farm)[rng.below(4) as usize].to_owned();
    // All twenty once more are more than a day's quota.
    let selected = if !farm && rng.chance(1, 2) { Vec::new() } else { vec![one] };
    Recheck {
        command: CommandId(rng.bytes()),
        job,
        tenant: rng.chance(2, 3).then(|| tenant.to_owned()),
        selected,
        reason: String::new(),
    }
}
