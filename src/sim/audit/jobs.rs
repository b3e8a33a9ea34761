//! Jobs: what answered each need and how it is told (I6), and what their snapshots say (I2).

use super::facts::{Facts, Seen};
use super::{Found, tree};
use crate::core::vault::{MemoryVault, Vault};
use crate::sim::policy;
use mirano_replay::rows::JobRow;
use mirano_replay::store::{MemoryStore, ReadExt};
use mirano_schemas::*;
use std::collections::{BTreeMap, BTreeSet};

struct NeedBook {
    need: Need,
    receipt: Option<Receipt>,
    pending: bool,
    applicable: bool,
    /// It stands for those that were more than the profile asks about.
    over_max: bool,
    withdrawn: bool,
}

struct Job {
    watches: BTreeMap<WatchId, Timestamp>,
    tenant: String,
    subject: Subject,
    needs: Vec<NeedBook>,
    rechecks: BTreeSet<CommandId>,
    snapshots: Vec<SnapshotId>,
}

impl Job {
    fn need(&mut self, need_id: NeedId) -> Result<&mut NeedBook, Found> {
        let need = self.needs.iter_mut().find(|row| row.need.need_id == need_id);
        need.ok_or_else(|| format!("I4: need {need_id} is not there"))
    }
}

#[derive(Default)]
pub struct Jobs {
    jobs: BTreeMap<JobId, Job>,
    /// The commit that the one at hand reacts to.
    pub cause: Option<Position>,
    /// Which commits hold an answer to which query.
    pub observed: BTreeSet<(Position, QueryKey)>,
    pub reused: usize,
    pub coalesced: usize,
}

fn book(need: &Need) -> NeedBook {
    let need = need.clone();
    NeedBook { need, receipt: None, pending: false, applicable: true, over_max: false, withdrawn: false }
}

impl Jobs {
    pub fn len(&self) -> usize {
        self.jobs.len()
    }

    pub fn snapshots(&self) -> usize {
        self.jobs.values().map(|job| job.snapshots.len()).sum()
    }

    pub fn has(&self, job: JobId) -> bool {
        self.jobs.contains_key(&job)
    }

    pub fn rechecked(&self, job: JobId, command: CommandId) -> bool {
        self.jobs.get(&job).is_some_and(|job| job.rechecks.contains(&command))
    }

    /// Whether a job is watched so.
    pub fn watched(&self, job: JobId, watch: WatchId) -> bool {
        self.jobs.get(&job).is_some_and(|job| job.watches.contains_key(&watch))
    }

    pub fn has_snapshot(&self, job: JobId, snapshot: SnapshotId) -> bool {
        self.jobs.get(&job).is_some_and(|job| job.snapshots.contains(&snapshot))
    }

    pub fn shows_nothing(&self, job: JobId) -> bool {
        self.jobs.get(&job).is_some_and(|job| job.needs.iter().all(|need| need.receipt.is_none()))
    }

    fn job(&mut self, job: JobId) -> Result<&mut Job, Found> {
        self.jobs.get_mut(&job).ok_or_else(|| format!("I4: job {job} is not there"))
    }

    pub fn event(&mut self, at: Position, now: Timestamp, event: &Event) -> Result<(), Found> {
        match event {
            Event::JobCreated(event) => {
                let job = Job {
                    watches: BTreeMap::new(),
                    tenant: event.tenant.clone(),
                    subject: event.address.subject.clone(),
                    needs: event.needs.iter().map(book).collect(),
                    rechecks: BTreeSet::new(),
                    snapshots: Vec::new(),
                };
                match self.jobs.insert(event.job, job) {
                    None => Ok(()),
                    Some(_) => Err("I4: the job is made anew".to_owned()),
                }
            }
            Event::NeedDiscovered(event) => {
                let job = self.job(event.job)?;
                let new = &event.need;
                if let Ok(again) = job.need(new.need_id)
                    && again.withdrawn
                {
                    (again.withdrawn, again.applicable) = (false, true);
                    return Ok(());
                }
                if job.needs.iter().any(|row| row.need.need_id == new.need_id && new.query.is_some()) {
                    return Err("I3: the need was discovered before".to_owned());
                }
                // It takes the place of the one that waited for a subject.
                let waits = |row: &NeedBook| (row.need.entry, row.need.query) == (new.entry, None) && !row.over_max;
                match job.needs.iter_mut().find(|row| waits(row)) {
                    Some(row) => *row = book(new),
                    None => job.needs.push(book(new)),
                }
                Ok(())
            }
            Event::NeedNotApplicable(event) => {
                let need = self.job(event.job)?.need(event.need_id)?;
                need.applicable = false;
                need.over_max = matches!(event.reason, NotApplicable::OverMax(_));
                need.pending = false;
                Ok(())
            }
            Event::NeedWithdrawn(event) => {
                let need = self.job(event.job)?.need(event.need_id)?;
                (need.withdrawn, need.applicable, need.pending) = (true, false, false);
                Ok(())
            }
            Event::TaskWanted(event) => {
                let need = self.job(event.job)?.need(event.need_id)?;
                need.pending = true;
                if event.asked_at != now || need.need.query != Some(event.query) {
                    return Err("I6: a want that does not fit its need".to_owned());
                }
                Ok(())
            }
            Event::NeedFailed(event) => {
                self.job(event.job)?.need(event.need_id)?.pending = false;
                Ok(())
            }
            Event::WatchSet(event) => match self.job(event.job)?.watches.insert(event.watch, event.next_at) {
                None => Ok(()),
                Some(_) => Err(format!("I3: {at} sets a watch once more")),
            },
            Event::WatchRang(event) => match self.job(event.job)?.watches.insert(event.watch, event.next_at) {
                Some(due) if due <= now && event.next_at > now => Ok(()),
                due => Err(format!("I3: {at} rings a watch that was due at {due:?}")),
            },
            Event::WatchEnded(event) => match self.job(event.job)?.watches.remove(&event.watch) {
                Some(_) => Ok(()),
                None => Err(format!("I3: {at} ends a watch that was not there")),
            },
            Event::RecheckPlanned(event) => match self.job(event.job)?.rechecks.insert(event.command) {
                true => Ok(()),
                false => Err(format!("I3: {at} plans a re-check once more")),
            },
            _ => Ok(()),
        }
    }

    pub fn answered(
        &mut self,
        now: Timestamp,
        job: JobId,
        receipt: &Receipt,
        ends: bool,
        seen: &Seen,
    ) -> Result<(), Found> {
        let cause = self.cause;
        // The commit reacts to this observation, or to the one before it, and found this one there already.
        let came = cause.is_some_and(|cause| self.observed.contains(&(cause, seen.query)));
        let job_book = self.job(job)?;
        let tenant = job_book.tenant.clone();
        let need = job_book.need(receipt.need_id)?;
        if need.need.query != Some(seen.query) {
            return Err("I6: the answer is to another query".to_owned());
        }
        if receipt.source == policy::OF_TENANTS && seen.first.tenant != tenant {
            return Err(format!("I9: tenant {tenant} is shown what {:?} asked for", seen.first));
        }
        let told = (receipt.at, receipt.facts_root, receipt.facts as usize, receipt.outcome, receipt.complete);
        if told != (seen.at, seen.root, seen.facts.len(), seen.outcome, seen.complete)
            || (receipt.observed_at, receipt.taken_at) != (seen.observed_at, now.max(seen.observed_at))
        {
            return Err(format!("I6: the receipt tells {receipt:?}"));
        }
        let age = now.since_ms(seen.observed_at);
        let right = match receipt.origin {
            // Known before: fresh, or past its TTL and still shown.
            Origin::Reused if !ends => age < receipt.ttl_ms,
            Origin::ServedStale => {
                !ends && age >= receipt.ttl_ms && age < receipt.ttl_ms.saturating_add(receipt.serve_stale_ms)
            }
            // It had come before the want arrived: the source's partition said so.
            Origin::Reused => need.pending && !came,
            // What is told as just asked for was taken as it came, by one who waited.
            Origin::Fetched => ends && need.pending && came && (seen.first.job == job || seen.first.tenant != tenant),
            Origin::Coalesced => ends && need.pending && came && seen.first.job != job && seen.first.tenant == tenant,
        };
        if !right {
            return Err(format!(
                "I6: told as {:?} ({}), {age} ms old, cause {cause:?}",
                receipt.origin, receipt.reason
            ));
        }
        need.receipt = Some(receipt.clone());
        if ends {
            need.pending = false;
        }
        match receipt.origin {
            Origin::Reused | Origin::ServedStale => self.reused += 1,
            Origin::Coalesced => self.coalesced += 1,
            Origin::Fetched => {}
        }
        Ok(())
    }

    /// Computes the snapshot from the books and compares.
    pub fn sealed(&mut self, at: Position, event: &SnapshotSealed, facts: &Facts) -> Result<(), Found> {
        let body = &event.body;
        let job = self.job(body.job)?;
        let applicable = || job.needs.iter().filter(|need| need.applicable);
        // What is too old to be shown is not in a report, and so not in its snapshot.
        let shown = |receipt: &&Receipt| {
            body.sealed_at.since_ms(receipt.observed_at) < receipt.ttl_ms.saturating_add(receipt.serve_stale_ms)
        };
        let mut receipts: Vec<&Receipt> = applicable().filter_map(|need| need.receipt.as_ref()).filter(shown).collect();
        receipts.sort_by_key(|receipt| receipt.need_id);
        let mut union: BTreeSet<FactId> = BTreeSet::new();
        let mut cut: BTreeMap<u32, u64> = at.seq.checked_sub(1).map(|seq| (at.partition, seq)).into_iter().collect();
        let mut leaves = BTreeMap::new();
        for receipt in &receipts {
            union.extend(&facts.observation(receipt.observation)?.facts);
            let furthest = cut.entry(receipt.at.partition).or_insert(receipt.at.seq);
            *furthest = (*furthest).max(receipt.at.seq);
            let mut key = [0; 32];
            key[..16].copy_from_slice(receipt.receipt_id.as_bytes());
            let bytes = codec::encode(*receipt).map_err(|error| error.to_string())?;
            leaves.insert(key, tree::value(&bytes));
        }
        let of_facts: Vec<_> = union.iter().map(|fact| (fact.0, [0; 32])).collect();
        let of_receipts: Vec<_> = leaves.into_iter().collect();
        let cut: Vec<Position> = cut.into_iter().map(|(partition, seq)| Position { partition, seq }).collect();
        let ids: Vec<ReceiptId> = receipts.iter().map(|receipt| receipt.receipt_id).collect();
        let told = (body.facts_root, body.facts as usize, body.receipts_root, &body.receipts, &body.cut);
        let found = (tree::root(&of_facts), union.len(), tree::root(&of_receipts), &ids, &cut);
        if told != found {
            return Err(format!("I2: the snapshot says {told:?}, the log {found:?}"));
        }
        let missing: BTreeSet<NeedId> = applicable()
            .filter(|need| need.receipt.as_ref().filter(shown).is_none())
            .map(|need| need.need.need_id)
            .collect();
        if missing != body.missing.iter().copied().collect() || body.subject != job.subject {
            return Err(format!("I2: the snapshot misses {:?}, the log {missing:?}", body.missing));
        }
        let fresh = |receipt: &&&Receipt| body.sealed_at.since_ms(receipt.observed_at) < receipt.ttl_ms;
        let whole = missing.is_empty()
            && applicable().all(|need| !need.pending)
            && receipts.iter().filter(fresh).count() == receipts.len();
        if (body.status == JobStatus::Completed) != whole {
            return Err(format!("I2: sealed as {:?}", body.status));
        }
        let bytes = codec::encode(body).map_err(|error| error.to_string())?;
        if event.snapshot != SnapshotId::of(&[&bytes]) {
            return Err("I2: the snapshot is not named by its content".to_owned());
        }
        job.snapshots.push(event.snapshot);
        Ok(())
    }

    /// Every acknowledged job is there with its answers and snapshots.
    pub fn views(
        &self,
        views: &MemoryStore,
        acknowledged: &[(JobId, String, [u8; 32])],
        vault: &MemoryVault,
    ) -> Result<(), Found> {
        // The log holds the digest of a request under a secret of the installation.
        let secret = vault.person("installation: digests of requests").map_err(|error| error.to_string())?;
        for (job, tenant, digest) in acknowledged {
            let row: Option<JobRow> = views.row(job.as_bytes()).map_err(|error| error.to_string())?;
            let row = row.ok_or_else(|| format!("I4: job {job} was acknowledged and is lost"))?;
            let kept = *blake3::keyed_hash(secret.id_key(), digest).as_bytes();
            if &row.created.tenant != tenant || row.created.request_digest != kept {
                return Err(format!("I4: job {job} is another request's"));
            }
        }
        for (job, books) in &self.jobs {
            let row: Option<JobRow> = views.row(job.as_bytes()).map_err(|error| error.to_string())?;
            let row = row.ok_or_else(|| format!("I4: job {job} is in the log and not in the views"))?;
            let have: BTreeMap<NeedId, &Option<Receipt>> =
                row.needs.iter().map(|need| (need.need.need_id, &need.receipt)).collect();
            let want: BTreeMap<NeedId, &Option<Receipt>> =
                books.needs.iter().map(|need| (need.need.need_id, &need.receipt)).collect();
            if have != want {
                return Err(format!("I4: job {job} shows {have:?}, the log {want:?}"));
            }
            let snapshots: Vec<SnapshotId> = row.snapshots.iter().map(|snapshot| snapshot.snapshot).collect();
            if snapshots != books.snapshots {
                return Err(format!("I4: job {job} lists snapshots {snapshots:?}, the log {:?}", books.snapshots));
            }
        }
        Ok(())
    }

    pub fn unfinished(&self, views: &MemoryStore) -> Result<Vec<JobId>, Found> {
        let mut unfinished = Vec::new();
        for job in self.jobs.keys() {
            let row: Option<JobRow> = views.row(job.as_bytes()).map_err(|error| error.to_string())?;
            if !row.is_some_and(|row| row.is_final) {
                unfinished.push(*job);
            }
        }
        Ok(unfinished)
    }
}
