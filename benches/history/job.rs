//! A job whose answers and seals a benchmark says, folded like any other: a commit a minute.

use anyhow::{Context, Result};
use mirano::views::Views;
use mirano_replay::apply::{At, Fold};
use mirano_replay::overlay::Overlay;
use mirano_replay::rows::JobRow;
use mirano_replay::store::ReadExt;
use mirano_schemas::*;

pub struct Bench<'v> {
    views: &'v Views,
    job: JobId,
    seq: u64,
}

fn subject() -> Subject {
    Subject("property:bench".to_owned())
}

impl<'v> Bench<'v> {
    /// Asks for a job with a need of each source.
    pub fn create(views: &'v Views, job: JobId, sources: &[&str]) -> Result<Self> {
        let address = AddressRecord {
            input: "x".to_owned(),
            canonical: "x".to_owned(),
            building: "x".to_owned(),
            flat: None,
            cadastral: None,
            postcode: None,
            confidence: "high".to_owned(),
            subject: subject(),
            building_subject: subject(),
            warnings: Vec::new(),
        };
        let need = |(n, source): (u8, &&str)| Need {
            need_id: NeedId([n; 16]),
            source: (*source).to_owned(),
            level: Level::Property,
            subject: subject(),
            query: Some(QueryKey([n; 16])),
            params: Sealable::Plain(Default::default()),
            parent: None,
            entry: u32::from(n),
        };
        let created = JobCreated {
            job,
            tenant: "bench".to_owned(),
            profile: "bench".to_owned(),
            address,
            inputs: Default::default(),
            priority: 3,
            max_age_ms: Default::default(),
            request_digest: [0; 32],
            needs: (0..).zip(sources).map(need).collect(),
        };
        let mut bench = Self { views, job, seq: 0 };
        bench.commit(Event::JobCreated(created))?;
        Ok(bench)
    }

    /// When the next commit is taken.
    fn now(&self) -> Timestamp {
        Timestamp(i64::try_from(self.seq).unwrap_or(i64::MAX).saturating_mul(60_000))
    }

    fn commit(&mut self, event: Event) -> Result<()> {
        let mut overlay = Overlay::new(self.views);
        let at = At { position: Position { partition: 0, seq: self.seq }, recorded_at: self.now() };
        let mut fold = Fold::begin(at);
        fold.event(&mut overlay, &event)?;
        fold.finish(&mut overlay)?;
        self.views.write(&overlay.into_changes()?, 1)?;
        self.seq += 1;
        Ok(())
    }

    fn row(&self) -> Result<JobRow> {
        self.views.row(self.job.as_bytes())?.context("folded")
    }

    /// Answers a need with a set of facts.
    pub fn answer(&mut self, need: usize, facts_root: Root, facts: u32) -> Result<()> {
        let seen = self.now();
        let row = self.row()?;
        let need = &row.needs.get(need).context("a need")?.need;
        let receipt = Receipt {
            receipt_id: ReceiptId::of(&[self.job.as_bytes(), &self.seq.to_le_bytes()]),
            need_id: need.need_id,
            source: need.source.clone(),
            origin: Origin::Fetched,
            outcome: Outcome::Found,
            complete: true,
            observation: ObservationId::of(&[self.job.as_bytes(), &self.seq.to_le_bytes()]),
            at: Position { partition: 0, seq: self.seq },
            facts_root,
            facts,
            observed_at: seen,
            as_of: None,
            parts: ReuseParts::default(),
            ttl_ms: 1,
            serve_stale_ms: 1,
            policy_version: 0,
            taken_at: seen,
            reason: "task".to_owned(),
        };
        self.commit(Event::NeedAnswered(NeedAnswered { job: self.job, receipt }))
    }

    /// Seals what is answered; `facts` is the size of the union.
    pub fn seal(&mut self, facts: u32) -> Result<SnapshotId> {
        let row = self.row()?;
        let receipts: Vec<&Receipt> = row.needs.iter().filter_map(|need| need.receipt.as_ref()).collect();
        let snapshot = SnapshotId::of(&[self.job.as_bytes(), &self.seq.to_le_bytes()]);
        let body = SnapshotBody {
            job: self.job,
            subject: subject(),
            profile: "bench".to_owned(),
            facts_root: Root([0; 32]),
            facts,
            receipts_root: Root([0; 32]),
            receipts: receipts.iter().map(|receipt| receipt.receipt_id).collect(),
            observation_roots: receipts.iter().map(|receipt| receipt.facts_root).collect(),
            cut: vec![Position { partition: 0, seq: self.seq - 1 }],
            status: JobStatus::Completed,
            missing: Vec::new(),
            risk: Assessment {
                score: 0,
                score_is: ScoreIs::Exact,
                level: "low".to_owned(),
                stops: Vec::new(),
                unevaluated: Vec::new(),
                basis: RiskBasis::default(),
                ruleset: "bench".to_owned(),
                as_of: "2026-11-01".to_owned(),
                factors: Vec::new(),
            },
            policy_version: 0,
            schema_version: 1,
            sealed_at: self.now(),
        };
        self.commit(Event::SnapshotSealed(SnapshotSealed { snapshot, body }))?;
        Ok(snapshot)
    }
}
