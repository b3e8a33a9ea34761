//! What a log says up to its end, for whoever asks it without a server: the views beside it as far as they go, and the
//! commits that they do not show folded on top. Where there are no views, as beside an exported file, all is folded.

use super::cut::{self, CutError, CutLog};
use super::replay::{Replayed, replay_to};
use super::verify::read_finding;
use crate::sequencer::{AnchorError, Sequencer, pieces};
use crate::views::Views;
use mirano_replay::apply;
use mirano_replay::overlay::Overlay;
use mirano_replay::store::{Read, StoreError};
use mirano_replay::verify::{Finding, Kind, Persons};
use mirano_schemas::Position;
use mirano_schemas::codec::CommitBody;
use mirano_schemas::envelope::Head;
use std::ops::ControlFlow;
use std::path::Path;

/// Why it can't be said.
#[derive(Debug, thiserror::Error)]
pub enum LatestError {
    /// The log can't be opened.
    #[error(transparent)]
    Cut(#[from] CutError),
    /// The views are not of this log, or the log lost its end.
    #[error("the views do not fit the log: {0}; `mirano verify` tells more")]
    Views(#[from] AnchorError),
    /// A row can't be read.
    #[error("the views can't be read, `mirano rebuild` makes them from the log: {0}")]
    Store(#[from] StoreError),
    /// A commit can't be had, or does not fold.
    #[error("the log is not in order; see `mirano verify`: {0}")]
    Log(Finding),
}

/// What it is read from.
enum Base {
    Views(Box<Views>, Vec<Head>),
    Log(Box<Replayed>),
}

/// A log up to where it holds together, and what it says.
pub struct Latest {
    /// The log, and up to where.
    pub cut: CutLog,
    base: Base,
}

impl Latest {
    /// Opens a data folder or an exported file. `views`: where its views are, if anywhere. Views that are of another version of
    /// the program are not asked.
    pub fn open(log: &Path, views: &Path, persons: &dyn Persons) -> Result<Self, LatestError> {
        // Before the log: so it has whatever they show.
        let views = Some(views).filter(|views| views.is_dir()).map(Views::open_to_read).transpose()?;
        let cut = cut::open(log)?;
        if let Some(views) = views {
            let mut stands = Vec::new();
            for partition in 0..cut.log.partitions() {
                stands.extend(views.anchor(partition)?);
            }
            if !stands.is_empty() && views.of_this_form()? {
                stands.iter().try_for_each(|head| cut.log.check_anchor(head))?;
                return Ok(Self { cut, base: Base::Views(Box::new(views), stands) });
            }
        }
        let mut replayed = replay_to(&*cut.log, &cut.ends, persons, |_| ControlFlow::Continue(()));
        match replayed.findings.is_empty() {
            true => Ok(Self { cut, base: Base::Log(Box::new(replayed)) }),
            false => Err(LatestError::Log(replayed.findings.swap_remove(0))),
        }
    }

    /// Asks the rows as they are after the last of its commits.
    pub fn ask<T>(&self, ask: impl FnOnce(&dyn Read) -> T) -> Result<T, LatestError> {
        let (views, stands) = match &self.base {
            Base::Views(views, stands) => (&**views, stands),
            Base::Log(replayed) => return Ok(ask(&replayed.store)),
        };
        let mut rows = Overlay::new(views);
        for (partition, end) in (0u32..).zip(&self.cut.ends) {
            let stand = stands.iter().find(|head| head.partition == partition).map_or(0, |head| head.next_seq);
            fold(&*self.cut.log, partition, stand, *end, &mut rows)?;
        }
        Ok(ask(&rows))
    }

    /// The last commit of each partition; none of an empty one.
    pub fn last(&self) -> Vec<Position> {
        let last = |(partition, end): (u32, &u64)| Some(Position { partition, seq: end.checked_sub(1)? });
        (0u32..).zip(&self.cut.ends).filter_map(last).collect()
    }
}

/// Folds the commits `next..end` of a partition on top of rows.
fn fold(
    log: &dyn Sequencer,
    partition: u32,
    mut next: u64,
    end: u64,
    rows: &mut Overlay<'_, Views>,
) -> Result<(), LatestError> {
    for commits in pieces(log, partition, next, end) {
        for commit in commits.map_err(|error| LatestError::Log(read_finding(partition, next, &error)))? {
            let at = commit.position;
            next = at.seq + 1;
            let found = |kind, why: String| LatestError::Log(Finding::at(kind, at, why));
            let body = CommitBody::decode(commit.body()).map_err(|error| found(Kind::Malformed, error.to_string()))?;
            apply::commit(rows, at, commit.hash, &body).map_err(|error| found(Kind::Fold, error.to_string()))?;
        }
    }
    Ok(())
}
