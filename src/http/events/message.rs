//! Messages as listeners get them: what the rows say at the time of sending, never something older.

use super::follow::Item;
use crate::explain;
use crate::explain::model::{JobView, Status};
use crate::explain::words::Lang;
use crate::http::auth::Caller;
use crate::http::error::{Problem, Result};
use crate::http::jobs::read;
use crate::http::state::AppState;
use axum::response::sse::Event;
use mirano_replay::facts;
use mirano_replay::store::StoreError;
use mirano_schemas::{Attrs, FactId, Position, Root};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// What an answer changed of the facts that a row shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FactsChanged {
    /// The row.
    pub need_id: String,
    /// Things that were not there before.
    pub added: u32,
    /// Things that are not shown any more.
    pub gone: u32,
    /// Things whose attributes are other ones.
    pub changed: u32,
}

/// The job is final.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Done {
    /// The job.
    pub job_id: String,
    /// Its status.
    pub status: Status,
    /// Whether it still is.
    pub r#final: bool,
    /// The last commit that changed it.
    pub position: String,
    /// Its latest snapshot.
    pub snapshot_id: Option<String>,
}

/// Whose messages, in which language.
#[derive(Clone)]
pub struct Listener {
    pub state: AppState,
    pub caller: Caller,
    pub job: String,
    pub lang: Lang,
}

impl Listener {
    /// The job as it stands.
    pub fn view(&self) -> Result<JobView> {
        let job = self.state.job(&self.caller, &self.job)?;
        Ok(read::answer(&self.state, &self.caller, &job, self.lang, self.state.engine().now())?.view)
    }

    /// The message for an item; none when what it speaks of is not there any more.
    pub fn message(&self, view: &JobView, item: &Item) -> Result<Option<Event>> {
        let event = match item {
            Item::Job => message("job", view)?,
            Item::Source(need) => {
                let need = need.to_string();
                match view.sources.iter().find(|row| row.need_id == need) {
                    Some(row) => message("source", row)?,
                    None => return Ok(None),
                }
            }
            Item::Facts { need, before, after } => {
                let policy = self.state.policy()?;
                let ctx = self.state.context(&policy, self.lang, self.state.engine().now());
                message("facts", &changed(&ctx, need.to_string(), *before, *after)?)?
            }
            Item::Risk => message("risk", &view.risk)?,
            Item::Snapshot(id) => {
                let id = id.to_string();
                match view.snapshots.iter().find(|snapshot| snapshot.snapshot_id == id) {
                    Some(snapshot) => message("snapshot", snapshot)?,
                    None => return Ok(None),
                }
            }
            Item::Done => message("done", &done(view))?,
        };
        Ok(Some(event))
    }
}

/// Says that the job is final.
pub fn done(view: &JobView) -> Done {
    Done {
        job_id: view.job_id.clone(),
        status: view.status,
        r#final: view.r#final,
        position: view.position.clone(),
        snapshot_id: view.snapshots.last().map(|last| last.snapshot_id.clone()),
    }
}

/// A message without an id.
pub fn message(name: &str, data: &impl Serialize) -> Result<Event> {
    Event::default().event(name).json_data(data).map_err(Problem::internal)
}

/// A place in a stream of events: the `n`th message of a commit, counted from 1; 0 is the place before the first.
pub fn id(at: Position, n: usize) -> String {
    format!("{at}:{n}")
}

/// Counts what differs between two sets of facts: the same thing with other attributes is a change.
fn changed(ctx: &explain::Context<'_>, need_id: String, before: Option<Root>, after: Root) -> Result<FactsChanged> {
    let old = before.map(|root| facts::set(ctx.rows, root)).transpose()?.unwrap_or_default();
    let new = facts::set(ctx.rows, after)?;
    let (added, gone) = facts::difference(&old, &new);
    let mut things: BTreeMap<Thing, u32> = BTreeMap::new();
    for id in &gone {
        *things.entry(thing(ctx, *id)?).or_default() += 1;
    }
    let mut changed = 0;
    for id in added.iter().filter(|_| !gone.is_empty()) {
        if let Some(left) = things.get_mut(&thing(ctx, *id)?).filter(|left| **left > 0) {
            *left -= 1;
            changed += 1;
        }
    }
    let count = |ids: &[FactId]| u32::try_from(ids.len()).unwrap_or(u32::MAX);
    Ok(FactsChanged { need_id, added: count(&added) - changed, gone: count(&gone) - changed, changed })
}

/// Which thing a fact is about: kind and identity; an unreadable fact is a thing of its own.
type Thing = (String, Attrs, Option<FactId>);

fn thing(ctx: &explain::Context<'_>, id: FactId) -> std::result::Result<Thing, StoreError> {
    let body = facts::body(ctx.rows, id)?;
    let fact = body.and_then(|body| crate::core::persons::open(ctx.vault, &body));
    Ok(match fact {
        Some(fact) => (fact.kind.clone(), fact.identity.clone(), None),
        None => (String::new(), Attrs::new(), Some(id)),
    })
}
