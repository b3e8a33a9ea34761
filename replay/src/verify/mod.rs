//! Whether a log is consistent with itself: what an auditor recomputes from the commits, and what they find.
//!
//! [`facts`] looks at one commit alone: every fact has the id that its content gives. [`PartitionAudit`] takes the
//! commits of one partition in order and recomputes every observation's facts, root and counts, and every snapshot's
//! id, receipts and cut. [`Collected::across`] puts the partitions together: every snapshot's facts, also those of the
//! whole base at their cuts, and every place that one partition names in another.
//!
//! Promises: no panic on any commit that decodes; the same log gives the same findings, in the same order, however it
//! is spread over threads. Not recomputed here: what was *decided* (reuse, risk, status); the events say what it rested
//! on. Bytes, files and the chain are the business of whoever reads the log.

mod across;
mod finding;
mod named;
mod partition;
mod parts;
mod roots;
mod sets;
mod worlds;

pub use across::{Across, Heads, Judged, Totals};
pub use finding::{Finding, Kind};
pub use named::{Named, closed, names};
pub use partition::{Collected, PartitionAudit, Trust};
pub use roots::RootCheck;

use mirano_schemas::canonical::fact_id;
use mirano_schemas::codec::CommitBody;
use mirano_schemas::{Event, FactId, LoggedFact, Position, Sealable, SealedBytes, Subject};

/// A piece of evidence, and who names it first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvidenceUse {
    /// The commit.
    pub at: Position,
    /// The person whose key seals it, if any.
    pub person: Option<Subject>,
}

/// Opens what is sealed with the keys of persons, as far as there are keys.
pub trait Persons: Sync {
    /// The id that the sealed fact must have; `None` if the key is not there; an error if it does not open.
    fn fact_id(&self, sealed: &SealedBytes) -> Option<Result<FactId, String>>;
}

/// No keys at all.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoKeys;

impl Persons for NoKeys {
    fn fact_id(&self, _: &SealedBytes) -> Option<Result<FactId, String>> {
        None
    }
}

/// What looking at the facts of commits gave.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Looked {
    /// Facts whose id was recomputed.
    pub facts: u64,
    /// Facts that are sealed with a key that is not there.
    pub sealed: u64,
    /// Facts whose id is another.
    pub findings: Vec<Finding>,
}

/// Recomputes the id of every fact of a commit.
pub fn facts(at: Position, body: &CommitBody, persons: &dyn Persons, out: &mut Looked) {
    let mut one = |fact: &LoggedFact| {
        let found = match &fact.body {
            Sealable::Plain(body) => Ok(fact_id(body)),
            Sealable::Sealed(sealed) => match persons.fact_id(sealed) {
                None => {
                    out.sealed += 1;
                    return;
                }
                Some(found) => found,
            },
        };
        out.facts += 1;
        match found {
            Ok(found) if found == fact.fact_id => {}
            Ok(found) => out.findings.push(Finding::at(
                Kind::FactId,
                at,
                format!("a fact is named {}, and its content gives {found}", fact.fact_id),
            )),
            Err(why) => {
                out.findings.push(Finding::at(Kind::FactSeal, at, format!("the fact {}: {why}", fact.fact_id)));
            }
        }
    };
    for event in &body.events {
        match event {
            Event::FactObserved(event) => one(&event.fact),
            Event::ObservationChunk(chunk) => chunk.added.iter().for_each(&mut one),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
