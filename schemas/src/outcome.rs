//! What came of asking a source.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What came of asking a source. Only `Found` and `NothingFound` are answers: they alone refresh an age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It answered, and stated facts.
    Found,
    /// It answered, with its own proof, that it has nothing.
    NothingFound,
    /// It could not be reached, failed, or did not answer in time.
    Unavailable,
    /// It turned us away: a captcha, a limit, a ban; often with status 200.
    Blocked,
    /// Something came that is not the page we know: our reading does not fit.
    Unparsable,
    /// It refused the parameters.
    Refused,
    /// It said "nothing" by its status alone where there were facts before: believed only when asked again later.
    Suspicious,
}

impl Outcome {
    /// Whether the source answered, so that the answer counts.
    pub fn is_answer(self) -> bool {
        matches!(self, Self::Found | Self::NothingFound)
    }

    /// Its code, as JSON writes it: `nothing_found`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::NothingFound => "nothing_found",
            Self::Unavailable => "unavailable",
            Self::Blocked => "blocked",
            Self::Unparsable => "unparsable",
            Self::Refused => "refused",
            Self::Suspicious => "suspicious",
        }
    }
}
