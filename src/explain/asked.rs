//! Whom a tenant has asked about.

use mirano_replay::rows::{JobRow, key};
use mirano_replay::store::{Key, Read, ReadExt, StoreError, Table};
use mirano_schemas::{JobId, Subject};

/// So many of a tenant's latest jobs are looked through.
const MOST_JOBS: usize = 5_000;

/// Visits a tenant's latest jobs, newest first, until `visit` is satisfied.
pub fn latest_jobs(rows: &dyn Read, tenant: &str, mut visit: impl FnMut(&JobRow) -> bool) -> Result<(), StoreError> {
    let prefix = Key::new().text(tenant).done();
    for place in rows.keys(Table::JobByTenant, &prefix, &prefix, MOST_JOBS)? {
        let Some(id) = key::tail(&place).map(JobId) else { continue };
        if let Some(row) = rows.row::<JobRow>(id.as_bytes())?
            && !visit(&row)
        {
            break;
        }
    }
    Ok(())
}

/// Whether a job of the tenant asked about the subject.
pub fn asked_about(rows: &dyn Read, tenant: &str, subject: &Subject) -> Result<bool, StoreError> {
    let mut found = false;
    latest_jobs(rows, tenant, |job| {
        found = job.needs.iter().any(|need| need.need.subject == *subject);
        !found
    })?;
    Ok(found)
}
