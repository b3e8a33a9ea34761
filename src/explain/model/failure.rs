//! Why a row has no answer, and what became of its task.

use super::*;

/// An attempt that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FailureView {
    /// What went wrong; `null` when the row depends on another that failed.
    pub outcome: Option<OutcomeWord>,
    /// What went wrong, as it is kept: a stable code, a colon and details for who looks after the source.
    pub cause: String,
    /// What went wrong, in words.
    #[serde(default)]
    pub text: Both,
    /// When.
    pub at: String,
}

/// What became of a task that was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeadLetterWord {
    /// It is on the list of dead letters, and can be tried again or dropped.
    Waiting,
    /// An operator had it tried again, or dropped it.
    SeenTo,
}
