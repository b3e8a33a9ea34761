//! One side of a diff: what was asked of which source, and what answered, at a moment.

use super::model::{SideKind, SideView};
use super::{Asker, Book, HistoryError, moment};
use crate::core::freshness::Freshness;
use crate::explain::time::rfc3339;
use crate::explain::{status_word, time};
use mirano_replay::history::{self, Moment, WorldRow};
use mirano_replay::rows::{JobRow, NeedRow, QueryRow, SnapshotRow};
use mirano_replay::store::ReadExt;
use mirano_schemas::*;

/// What a side is, as it is written; the last `@` splits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// `<snapshot id>`
    Snapshot(SnapshotId),
    /// `job:<id>@<at>`
    Job(JobId, String),
    /// `<subject>@<at>`
    Subject(Subject, String),
    /// `world@<cut>`
    World(String),
}

impl Reference {
    /// Reads a reference. Without `@` it is now.
    pub fn parse(text: &str) -> Result<Self, HistoryError> {
        let none = |what: &'static str| HistoryError::Unnamed { what, given: text.to_owned() };
        let (what, at) = text.rsplit_once('@').unwrap_or((text, "now"));
        if what == "world" {
            return Ok(Self::World(at.to_owned()));
        }
        if let Some(id) = what.strip_prefix("job:") {
            return Ok(Self::Job(id.parse().map_err(|_| none("job"))?, at.to_owned()));
        }
        if what.contains(':') {
            return Ok(Self::Subject(Subject(what.to_owned()), at.to_owned()));
        }
        Ok(Self::Snapshot(text.parse().map_err(|_| none("snapshot"))?))
    }
}

/// What answered a need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The observation.
    pub observation: ObservationId,
    /// Root over its facts.
    pub root: Root,
    /// How many.
    pub facts: u32,
    /// Whether the source showed all it has.
    pub complete: bool,
}

/// Why nothing is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lacks {
    /// No answer yet, or never asked.
    Missing,
    /// The source failed.
    Failed,
    /// The answer was too old to be shown.
    Expired,
    /// The source did not show all it has.
    Incomplete,
    /// The profile does not ask this source.
    NotInProfile,
}

impl Lacks {
    /// The word of the API.
    pub fn word(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Failed => "failed",
            Self::Expired => "expired",
            Self::Incomplete => "incomplete",
            Self::NotInProfile => "not_in_profile",
        }
    }
}

/// One question of a side, and its answer.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The source.
    pub source: String,
    /// About whom.
    pub subject: Subject,
    /// The query; none while its parameters were not known.
    pub query: Option<QueryKey>,
    /// The answer.
    pub shown: Result<Shown, Lacks>,
}

/// A side, ready to be compared.
pub struct Side {
    /// How it is told.
    pub view: SideView,
    /// Up to where the log is looked at.
    pub moment: Moment,
    /// What was asked. Of the whole base: nothing here, its queries are gone through.
    pub asked: Vec<Asked>,
    /// The risk, and the policy that holds its rules.
    pub risk: Option<(Assessment, u64)>,
    /// Only facts about this subject.
    pub only: Option<Subject>,
}

impl Side {
    /// Reads a side.
    pub fn open(book: &Book<'_>, text: &str) -> Result<Self, HistoryError> {
        let at = |at: &str| moment::parse(at, book.rows, book.times, book.now);
        match Reference::parse(text)? {
            Reference::Snapshot(id) => snapshot(book, id),
            Reference::Job(id, moment) => job(book, id, &at(&moment)?),
            Reference::Subject(subject, moment) => of_subject(book, subject, at(&moment)?),
            Reference::World(moment) => world(book, at(&moment)?),
        }
    }
}

fn own_job(book: &Book<'_>, id: JobId) -> Result<Option<JobRow>, HistoryError> {
    let row: Option<JobRow> = book.rows.row(id.as_bytes())?;
    Ok(row.filter(|row| match &book.asker {
        Asker::Holder => true,
        Asker::Tenant { tenant, .. } => row.created.tenant == *tenant,
    }))
}

/// Whether a text is the id of a check that the asker may see: somebody who names it so means a moment of it.
pub fn is_check(book: &Book<'_>, text: &str) -> Result<bool, HistoryError> {
    match text.parse() {
        Ok(id) => Ok(own_job(book, id)?.is_some()),
        Err(_) => Ok(false),
    }
}

fn snapshot(book: &Book<'_>, id: SnapshotId) -> Result<Side, HistoryError> {
    let none = || HistoryError::NotFound("snapshot".to_owned());
    if let Some(sealed) = book.rows.row::<WorldRow>(id.as_bytes())? {
        let mut places = Vec::new();
        for position in sealed.body.cut {
            places.push((position, book.times.recorded_at(position)?.ok_or_else(none)?));
        }
        let mut side = world(book, Moment::cut(places))?;
        side.view.snapshot_id = Some(id.to_string());
        side.view.facts = u32::try_from(sealed.body.facts).ok();
        side.view.facts_root = Some(sealed.body.facts_root.to_string());
        return Ok(side);
    }
    let row: SnapshotRow = book.rows.row(id.as_bytes())?.ok_or_else(none)?;
    let job = own_job(book, row.body.job)?.ok_or_else(none)?;
    // The time of the decision is that of its commit.
    let moment = Moment::cut([(row.position, row.body.sealed_at)]);
    let then = history::job_at(book.rows, &job, &moment)?.ok_or_else(none)?;
    let body = &row.body;
    let shown =
        |need: &NeedRow| need.receipt.as_ref().is_some_and(|receipt| body.receipts.contains(&receipt.receipt_id));
    let mut side = of_job(&then, &moment, shown);
    side.view.kind = SideKind::Snapshot;
    side.view.r#ref = id.to_string();
    side.view.snapshot_id = Some(id.to_string());
    side.view.status = Some(status_word(body.status));
    side.view.facts_root = Some(body.facts_root.to_string());
    side.view.facts = Some(body.facts);
    side.risk = Some((body.risk.clone(), body.policy_version));
    Ok(side)
}

fn job(book: &Book<'_>, id: JobId, moment: &Moment) -> Result<Side, HistoryError> {
    let row = own_job(book, id)?.ok_or_else(|| HistoryError::NotFound("job".to_owned()))?;
    let then = history::job_at(book.rows, &row, moment)?.ok_or(HistoryError::NotYet(row.created_at))?;
    let at = moment.at;
    let shown = |need: &NeedRow| Freshness::of_receipt(need.receipt.as_ref(), at).shown();
    Ok(of_job(&then, moment, shown))
}

fn of_job(job: &JobRow, moment: &Moment, shown: impl Fn(&NeedRow) -> bool) -> Side {
    let asked = job.needs.iter().filter(|need| need.applicable()).map(|need| Asked {
        source: need.need.source.clone(),
        subject: need.need.subject.clone(),
        query: need.need.query,
        shown: match &need.receipt {
            Some(receipt) if shown(need) => Ok(Shown {
                observation: receipt.observation,
                root: receipt.facts_root,
                facts: receipt.facts,
                complete: receipt.complete,
            }),
            _ if need.last_failure.is_some() => Err(Lacks::Failed),
            Some(_) => Err(Lacks::Expired),
            None => Err(Lacks::Missing),
        },
    });
    let at = rfc3339(moment.at);
    let id = job.created.job;
    Side {
        view: SideView {
            r#ref: format!("job:{id}@{at}"),
            kind: SideKind::Job,
            at,
            position: Some(job.position.to_string()),
            job_id: Some(id.to_string()),
            snapshot_id: None,
            subject: Some(job.created.address.subject.to_string()),
            profile: Some(job.created.profile.clone()),
            status: None,
            facts: None,
            facts_root: None,
        },
        moment: moment.clone(),
        asked: asked.collect(),
        risk: job.risk.as_ref().map(|risk| (risk.assessment.clone(), risk.policy_version)),
        only: None,
    }
}

/// Whether a person is known here whose key is no more.
pub fn erased(book: &Book<'_>, subject: &Subject) -> bool {
    subject.level() == Level::Person && book.vault.by_subject(subject).is_none()
}

/// Whether the asker may see what is known of a subject: persons are shown to who asked about them.
fn may_see(book: &Book<'_>, subject: &Subject) -> Result<bool, HistoryError> {
    let Asker::Tenant { tenant, .. } = &book.asker else { return Ok(true) };
    if subject.level() != Level::Person {
        return Ok(true);
    }
    crate::explain::asked_about(book.rows, tenant, subject).map_err(Into::into)
}

/// Whether the asker may see what answered a query: some answers are not shared between tenants.
fn is_shown(book: &Book<'_>, query: &QueryRow) -> Result<bool, HistoryError> {
    let Asker::Tenant { tenant, .. } = &book.asker else { return Ok(true) };
    let Some(version) = mirano_replay::apply::in_force(book.rows, 0)? else { return Ok(true) };
    Ok((book.policy)(version)?.shows_query(query, tenant))
}

fn of_subject(book: &Book<'_>, subject: Subject, moment: Moment) -> Result<Side, HistoryError> {
    let none = || HistoryError::NotFound("subject".to_owned());
    if !may_see(book, &subject)? {
        return Err(none());
    }
    let queries = history::queries_about(book.rows, &subject)?;
    if queries.is_empty() {
        return Err(none());
    }
    if erased(book, &subject) {
        return Err(HistoryError::Erased);
    }
    let mut asked = Vec::new();
    for query in queries {
        let Some(row) = book.rows.row::<QueryRow>(query.as_bytes())? else { continue };
        if !may_see(book, &row.subject)? || !is_shown(book, &row)? {
            continue;
        }
        let found = history::observation_at(book.rows, query, Some(&moment))?;
        asked.push(Asked {
            source: row.source().to_owned(),
            subject: row.subject,
            query: Some(query),
            shown: found.map(|found| shown(&found.recorded)).ok_or(Lacks::Missing),
        });
    }
    if asked.is_empty() {
        return Err(none());
    }
    let at = time::rfc3339(moment.at);
    let view = SideView {
        r#ref: format!("{subject}@{at}"),
        kind: SideKind::Subject,
        at,
        subject: Some(subject.to_string()),
        ..SideView::default()
    };
    Ok(Side { view, moment, asked, risk: None, only: Some(subject) })
}

/// What an observation shows.
pub(super) fn shown(recorded: &ObservationRecorded) -> Shown {
    Shown {
        observation: recorded.observation,
        root: recorded.facts_root,
        facts: recorded.facts,
        complete: recorded.complete,
    }
}

fn world(book: &Book<'_>, moment: Moment) -> Result<Side, HistoryError> {
    if let Asker::Tenant { auditor: false, .. } = book.asker {
        return Err(HistoryError::AuditorsOnly);
    }
    let at = rfc3339(moment.at);
    let position: Vec<String> =
        moment.places.iter().map(|(partition, (_, seq))| format!("{partition}:{seq}")).collect();
    let position = Some(position.join(",")).filter(|cut| !cut.is_empty());
    let view = SideView {
        r#ref: format!("world@{}", position.as_ref().unwrap_or(&at)),
        kind: SideKind::World,
        at,
        position,
        ..SideView::default()
    };
    Ok(Side { view, moment, asked: Vec::new(), risk: None, only: None })
}
