//! What is wrong with a moment or with a side of a comparison, told in words.

use super::{Code, Problem, refused};
use crate::explain::time::rfc3339;
use crate::history::{About, HistoryError, NoMoment};
use crate::words::{Both, both, moment};
use mirano_schemas::Timestamp;

impl Problem {
    /// A moment before a check was asked for.
    pub fn before_job(asked: Timestamp) -> Self {
        let asked = moment(&rfc3339(asked));
        Self::said(Code::NotFound, "before_job", &[("at", asked.into())]).fix(refused("before_job_fix", &[]))
    }
}

impl From<NoMoment> for Problem {
    fn from(error: NoMoment) -> Self {
        let said = |word, args: &[_]| Self::said(Code::BadTime, word, args);
        match error {
            NoMoment::Unread(given) => said("moment", &[("given", given.into())]),
            NoMoment::Twice { given, partition } => {
                said("moment_twice", &[("given", given.into()), ("partition", u64::from(partition).into())])
            }
            NoMoment::ToCome(given) => {
                said("moment_to_come", &[("given", given.into())]).fix(refused("moment_to_come_fix", &[]))
            }
            NoMoment::NoCommit(position) => said("moment_no_commit", &[("position", position.to_string().into())])
                .fix(refused("moment_no_commit_fix", &[])),
        }
    }
}

impl From<HistoryError> for Problem {
    fn from(error: HistoryError) -> Self {
        match error {
            HistoryError::Store(error) => error.into(),
            HistoryError::Log(_) | HistoryError::NobodyReads => Self::internal(error),
            HistoryError::NotFound(what) => Self::not_found(&what),
            HistoryError::Unnamed { what, given } => {
                let such = both(&format!("no_such-{what}"), &[]);
                let said = both("no_such-named", &[("such", such.into()), ("given", given.into())]);
                Self::new(Code::NotFound, said)
            }
            HistoryError::NotYet(asked) => Self::before_job(asked),
            HistoryError::BadMoment(error) => error.into(),
            HistoryError::NotComparable(sides) => {
                let told = sides.map(|About { side, subject }| match subject {
                    Some(subject) => refused("side_about", &[("side", side.into()), ("subject", subject.into())]),
                    None => refused("side_whole", &[("side", side.into())]),
                });
                Self::new(Code::NotComparable, Both::join(&told, "; ")).fix(refused("not_comparable_fix", &[]))
            }
            HistoryError::Erased => Self::said(Code::Erased, "erased_person", &[]),
            HistoryError::AuditorsOnly => {
                Self::said(Code::RoleMissing, "auditors_only", &[]).fix(refused("auditors_only_fix", &[]))
            }
        }
    }
}
