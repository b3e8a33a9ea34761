//! What tests of an engine without HTTP share: a clock that goes on by being looked at, and checks of invented houses.

use mirano::core::command::{Command, CreateJob};
use mirano::engine::Clock;
use mirano_schemas::{AddressRecord, JobId, Subject, Timestamp};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};

/// So many milliseconds pass each time that somebody asks: limits never hold the test up.
pub struct Ticking {
    pub now: AtomicI64,
    pub step_ms: i64,
}

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        Timestamp(self.now.fetch_add(self.step_ms, Ordering::SeqCst))
    }
}

/// A check of the `n`-th house by the profile `one`.
pub fn create(job: JobId, n: u64) -> Command {
    let text = format!("г. Тест, ул. Первая, д. {n}");
    Command::CreateJob(CreateJob {
        job,
        tenant: "test".to_owned(),
        profile: "one".to_owned(),
        address: AddressRecord {
            input: text.clone(),
            canonical: text.clone(),
            building: text,
            flat: None,
            cadastral: None,
            postcode: None,
            confidence: "high".to_owned(),
            subject: Subject(format!("property:t{n}")),
            building_subject: Subject(format!("property:t{n}")),
            warnings: Vec::new(),
        },
        inputs: BTreeMap::new(),
        priority: 3,
        max_age_ms: BTreeMap::new(),
        request_digest: [0; 32],
    })
}
