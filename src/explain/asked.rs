//! Whom a tenant has asked about.

use mirano_replay::rows::key;
use mirano_replay::store::{Key, Read, ReadExt, StoreError, Table};
use mirano_schemas::{JobId, Subject};

/// A subject that a tenant has asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The subject.
    pub subject: Subject,
    /// The latest job that asked.
    pub job: JobId,
}

/// The first subject after a place that a tenant's jobs asked about, in the order of subjects; none: there is no further one.
pub fn next_asked(rows: &dyn Read, tenant: &str, after: Option<&Subject>) -> Result<Option<Asked>, StoreError> {
    let prefix = Key::new().text(tenant);
    // Behind every job that asked about it: no key of a subject has this byte where its text ends.
    let from = after.map_or(prefix.clone(), |after| prefix.clone().bytes(after.0.as_bytes()).bytes(&[1]));
    let found = rows.keys(Table::AskedAbout, &prefix, &from, 1)?.into_iter().next();
    Ok(found.and_then(|place| {
        let subject = place.get(prefix.len()..)?.split(|byte| *byte == 0).next()?;
        let subject = Subject(String::from_utf8(subject.to_vec()).ok()?);
        Some(Asked { subject, job: JobId(key::tail(&place)?) })
    }))
}

/// Whether a job of the tenant asked about the subject.
pub fn asked_about(rows: &dyn Read, tenant: &str, subject: &Subject) -> Result<bool, StoreError> {
    let prefix = key::asked_about(tenant, subject, None);
    Ok(!rows.keys(Table::AskedAbout, &prefix, &prefix, 1)?.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use mirano_replay::apply::{At, Fold};
    use mirano_replay::store::MemoryStore;
    use mirano_schemas::*;

    /// A job about a company and a building, at its own second.
    fn job(store: &mut MemoryStore, n: u64, tenant: &str, company: &str) -> JobId {
        let (job, building) = (JobId::of(&[&n.to_le_bytes()]), Subject("property:aa".to_owned()));
        let need = Need {
            need_id: NeedId::of(&[job.as_bytes()]),
            source: "courts".to_owned(),
            level: Level::Developer,
            subject: Subject(company.to_owned()),
            query: None,
            params: Sealable::Plain(Params::new()),
            parent: None,
            entry: 0,
        };
        let created = JobCreated {
            job,
            tenant: tenant.to_owned(),
            profile: "standard".to_owned(),
            address: AddressRecord {
                input: String::new(),
                canonical: "Тверская 7".to_owned(),
                building: "Тверская 7".to_owned(),
                flat: None,
                cadastral: None,
                postcode: None,
                confidence: "high".to_owned(),
                subject: building.clone(),
                building_subject: building,
                warnings: Vec::new(),
            },
            inputs: Default::default(),
            priority: 3,
            max_age_ms: Default::default(),
            request_digest: [0; 32],
            needs: vec![need.clone()],
        };
        let position = Position { partition: 0, seq: n };
        let mut fold = Fold::begin(At { position, recorded_at: Timestamp(1_800_000_000_000).plus_ms(n * 1_000) });
        fold.event(store, &created.into()).expect("folds");
        let need = Need { need_id: NeedId::of(&[b"x"]), subject: Subject(format!("{company}1")), ..need };
        fold.event(store, &NeedDiscovered { job, need, fact: FactId([1; 32]) }.into()).expect("folds");
        fold.finish(store).expect("folds");
        job
    }

    #[test]
    fn whom_was_asked_about_is_known_however_many_jobs_came_later() {
        let mut store = MemoryStore::default();
        job(&mut store, 0, "t", "company:1");
        let latest = (1..=5_001).map(|n| job(&mut store, n, "t", "company:2")).last().expect("many");
        job(&mut store, 9_000, "u", "company:3");
        let known =
            |tenant: &str, subject: &str| asked_about(&store, tenant, &Subject(subject.to_owned())).expect("readable");
        assert!(known("t", "company:1") && known("t", "company:11"), "asked from the start, and discovered");
        assert!(!known("t", "company:3") && !known("u", "company:1") && !known("t", "company:"));
        let (mut seen, mut last) = (Vec::new(), None);
        while let Some(next) = next_asked(&store, "t", last.as_ref()).expect("readable") {
            seen.push(next.subject.0.clone());
            if next.subject.0 == "company:2" {
                assert_eq!(next.job, latest);
            }
            last = Some(next.subject);
        }
        assert_eq!(seen, ["company:1", "company:11", "company:2", "company:21", "property:aa"], "each once");
    }
}
