//! The facts of one answer, told in parts: a worker tells what each page says as soon as it has read it, and in the end names
//! the parts. So a long answer needs neither one large call nor the worker's memory.
//!
//! A part is judged when it comes, kept like evidence (sealed where it is about a person), and shown to nobody before the answer
//! is complete: half an answer is none.

use super::{Asked, Remote, RemoteError, Told};
use crate::sources::connector::{GivenFact, GivenProblem};
use mirano_schemas::{EvidenceId, LeaseToken, TaskId};

/// What tells a part from a page.
const PART: &str = "application/vnd.mirano.facts+json";

impl Remote {
    /// Keeps a part: durable on return. Refuses what does not fit the source's file.
    pub async fn keep_part(
        &self,
        task: TaskId,
        lease: LeaseToken,
        facts: Vec<GivenFact>,
    ) -> Result<EvidenceId, RemoteError> {
        let row = self.holds(task, lease)?;
        let asked = self.asked(&row)?;
        asked.connector.given(&asked.ctx, &facts).map_err(RemoteError::Facts)?;
        let bytes = serde_json::to_vec(&facts).map_err(|error| RemoteError::Source(error.to_string()))?;
        Ok(self.evidence.put(bytes.into(), PART, asked.keys.as_ref()).await?)
    }

    /// Puts the facts of the parts before those of the last call, and names the parts as what the answer rests on.
    pub(super) async fn join_parts(&self, asked: &Asked, told: &mut Told) -> Result<(), RemoteError> {
        if told.parts.is_empty() {
            return Ok(());
        }
        let mut joined = Vec::new();
        for (index, id) in told.parts.iter().enumerate() {
            let kept = self.evidence.get(id, asked.keys.as_ref()).await?;
            let facts = (kept.content_type == PART).then(|| serde_json::from_slice::<Vec<GivenFact>>(&kept.body).ok());
            let Some(facts) = facts.flatten() else {
                let (at, detail) = (format!("/parts/{index}"), "is no part of an answer".to_owned());
                return Err(RemoteError::Facts(vec![GivenProblem { at, detail }]));
            };
            joined.extend(facts);
        }
        joined.extend(told.facts.take().unwrap_or_default());
        told.facts = Some(joined);
        told.evidence.append(&mut told.parts);
        Ok(())
    }
}
