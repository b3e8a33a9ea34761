//! A job, and the facts about a subject, as of a moment: by the age of the moment, and by how often they changed.

use crate::job::Bench;
use crate::middle;
use anyhow::{Context, Result};
use mirano::core::policy::{Policy, PolicyDocument};
use mirano::core::vault::MemoryVault;
use mirano::explain::Context as Reading;
use mirano::history::known;
use mirano::views::Views;
use mirano::words::Lang;
use mirano_replay::apply::{At, Fold};
use mirano_replay::history::{Moment, job_at};
use mirano_replay::overlay::Overlay;
use mirano_replay::rows::JobRow;
use mirano_replay::store::ReadExt;
use mirano_replay::tree;
use mirano_schemas::*;
use std::collections::BTreeMap;
use std::path::Path;

/// How many facts a query shows, and how many queries there are about the subject.
const SHOWN: u64 = 20;
const QUERIES: u8 = 6;

/// A job with so many changes, folded like any other.
fn watched(views: &Views, job: JobId, changes: u64) -> Result<JobRow> {
    let mut bench = Bench::create(views, job, &["listings", "courts", "reviews", "registers", "prices", "news"])?;
    for n in 1..changes {
        bench.answer(usize::try_from(n % 6)?, tree::root([]), 0)?;
    }
    views.row(job.as_bytes())?.context("folded")
}

/// Queries about a subject whose answers changed so often, one fact at a time in turn.
fn observed(views: &Views, subject: &Subject, changes: u64) -> Result<()> {
    let mut shown: Vec<Vec<(u64, u64)>> = vec![(0..SHOWN).map(|n| (n, 0)).collect(); usize::from(QUERIES)];
    let requester = Requester { job: JobId([7; 16]), need_id: NeedId([7; 16]), tenant: "bench".to_owned() };
    let mut last: BTreeMap<u8, ObservationId> = BTreeMap::new();
    for seq in 0..changes {
        let n = u8::try_from(seq % u64::from(QUERIES))?;
        let facts = shown.get_mut(usize::from(n)).context("a query")?;
        let of = |(thing, edition): (u64, u64)| crate::fact(u64::from(n) * SHOWN + thing, edition);
        let query = QueryKey([n; 16]);
        let observation = ObservationId::of(&[b"ages", &seq.to_le_bytes()]);
        let base = last.insert(n, observation);
        let (mut gone, mut added) = (Vec::new(), Vec::new());
        if base.is_none() {
            added.extend(facts.iter().copied());
        } else {
            let thing = facts.get_mut(usize::try_from(seq / u64::from(QUERIES) % SHOWN)?).context("a thing")?;
            gone.push(*thing);
            thing.1 += 1;
            added.push(*thing);
        }
        let ids: Vec<[u8; 32]> = facts.iter().map(|fact| of(*fact).0.0).collect();
        let mut overlay = Overlay::new(views);
        let at = At { position: Position { partition: 0, seq }, recorded_at: minute(seq)? };
        let mut fold = Fold::begin(at);
        let mut event = |event: Event| fold.event(&mut overlay, &event);
        if base.is_none() {
            event(Event::AnswerNarrowed(AnswerNarrowed {
                source: "listings".to_owned(),
                query,
                subject: subject.clone(),
                params: Sealable::Plain(Params::default()),
                larger: query,
                part_of: observation,
            }))?;
        }
        event(Event::ObservationRecorded(ObservationRecorded {
            observation,
            source: "listings".to_owned(),
            query,
            subject: subject.clone(),
            task: TaskId([n; 16]),
            lease: LeaseToken([n; 16]),
            chunks: 0,
            base,
            outcome: Outcome::Found,
            complete: true,
            facts_root: tree::root(ids),
            facts: u32::try_from(SHOWN)?,
            added: u32::try_from(added.len())?,
            gone: u32::try_from(gone.len())?,
            volatile: VolatileBlock::Same,
            evidence: Vec::new(),
            observed_at: at.recorded_at,
            as_of: None,
            connector: 1,
            policy_version: 0,
            ttl_ms: 1,
            kinds: BTreeMap::new(),
            first: requester.clone(),
        }))?;
        for fact in gone {
            event(Event::FactVanished(FactVanished { query, fact_id: of(fact).0 }))?;
        }
        for fact in added {
            let (fact_id, fact) = of(fact);
            let fact = LoggedFact { fact_id, body: Sealable::Plain(fact.into()) };
            event(Event::FactObserved(FactObserved { query, fact }))?;
        }
        fold.finish(&mut overlay)?;
        views.write(&overlay.into_changes()?, 1)?;
    }
    Ok(views.flush()?)
}

fn minute(n: u64) -> Result<Timestamp> {
    Ok(Timestamp(i64::try_from(n)? * 60_000))
}

pub fn of_subjects(folder: &Path) -> Result<()> {
    let shown = u64::from(QUERIES) * SHOWN;
    println!(
        "all {shown} facts about a subject as of a moment, milliseconds, by the age of the moment and the changes"
    );
    println!("{:>10} {:>9} {:>9} {:>9} {:>9} {:>9}", "changes", "newest", "3/4", "1/2", "1/4", "oldest");
    let subject = Subject("property:bench".to_owned());
    let policy = Policy::compile(0, PolicyDocument::default(), BTreeMap::new()).map_err(anyhow::Error::msg)?;
    let vault = MemoryVault::seeded(1);
    for changes in [100u64, 1_000, 10_000] {
        let views = Views::open(&folder.join(format!("facts-{changes}")))?;
        observed(&views, &subject, changes)?;
        let mut line = format!("{changes:>10}");
        for part in [changes - 2, changes * 3 / 4, changes / 2, changes / 4, 7] {
            let moment = Moment::time(minute(part)?);
            let took = middle(101, || {
                let answers = known::answers_about(&views, &policy, "bench", &subject, Some(&moment))?;
                let ctx = Reading {
                    rows: &views,
                    policy: &policy,
                    partitions: 1,
                    vault: &vault,
                    now: moment.at,
                    lang: Lang::En,
                    as_of: Some(moment.clone()),
                };
                let page = known::facts_page(&ctx, &answers, None, 500, |_| true)?;
                anyhow::ensure!(page.items.len() as u64 == shown, "{} facts", page.items.len());
                Ok(())
            })?;
            line.push_str(&format!(" {:>9.2}", crate::ms(took)));
        }
        println!("{line}");
    }
    println!();
    Ok(())
}

pub fn run(folder: &Path) -> Result<()> {
    println!("a job of six needs as of a moment, microseconds, by the age of the moment and the changes of the job");
    println!("{:>10} {:>9} {:>9} {:>9} {:>9} {:>9}", "changes", "newest", "3/4", "1/2", "1/4", "oldest");
    for changes in [100u64, 1_000, 10_000] {
        let views = Views::open(&folder.join(format!("ages-{changes}")))?;
        let row = watched(&views, JobId([7; 16]), changes)?;
        views.flush()?;
        let mut line = format!("{changes:>10}");
        // The newest but one: the last is the row itself.
        for part in [changes - 2, changes * 3 / 4, changes / 2, changes / 4, 7] {
            let moment = Moment::time(Timestamp(i64::try_from(part)? * 60_000));
            let took = middle(501, || {
                let then = job_at(&views, &row, &moment)?.context("known")?;
                anyhow::ensure!(then.position.seq == part && then.needs.iter().all(|need| need.receipt.is_some()));
                Ok(())
            })?;
            line.push_str(&format!(" {:>9.1}", took.as_secs_f64() * 1e6));
        }
        println!("{line}");
    }
    println!();
    Ok(())
}
