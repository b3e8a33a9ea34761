//! Known bugs that the simulation must find: its canaries.
//!
//! Each stands as a condition in the code that it would break, and is `false` unless a test of this crate switches it on
//! for its own thread. Outside tests the condition is a constant, so nothing of it is left in the program.

/// A bug that somebody could make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(not(test), expect(dead_code, reason = "only the simulation's node makes some of them"))]
pub enum Bug {
    /// The overlay of void commits is kept, so that later decisions rest on what never happened (I1).
    OverlayKeptAfterVoid,
    /// A snapshot's roots leave out the facts of its last receipt (I2).
    SealForgetsReceipt,
    /// A reaction's commit does not move the cursor, so that a crash reacts twice (I3).
    CursorNotInCommit,
    /// An incomplete answer makes facts vanish (I3).
    IncompleteVanishes,
    /// The end of a check is told by every commit that finds it ended (I3).
    EndToldAgain,
    /// A repeated `CreateJob` makes the job anew and forgets its answers (I4).
    IdempotencyForgotten,
    /// Whoever asks, the digest of a request is the same (I4).
    DigestOfNothing,
    /// An attempt whose worker died is told as the source's failure (I4).
    DeadWorkersCount,
    /// A lease that takes nothing is told to stand in the commit to come (I4).
    NothingIsAhead,
    /// A decision depends on how often this process has decided (I5).
    DecisionCounts,
    /// What had come before is told as fetched (I6).
    ReusedToldAsFetched,
    /// A permit that was given back can be given back again (I7).
    PermitReturnedTwice,
    /// Permits granted before the last start of the process are not counted (I7).
    PermitsForgottenByCrash,
    /// A source that is to be left alone is leased all the same (I7).
    OpenBreakerLeased,
    /// What a source says to one of its shards the others are not told (I7).
    ShardsNotTold,
    /// Each shard of a source has all of its budget (I7).
    BudgetNotDivided,
    /// An answer is accepted although its lease has ended (I8).
    LateAnswerAccepted,
    /// A want does not look for a task in flight (I8).
    FlightNotJoined,
    /// Tenants share what a source answers whose licence forbids it (I9).
    TenantsShare,
    /// What is answered from a larger question's answer shows all of it (I3).
    NarrowedShowsAll,
    /// A task of a source that left the policy waits for ever (liveness).
    RemovedSourceWaits,
}

/// Whether this thread simulates the bug.
#[cfg(not(test))]
#[inline]
pub const fn on(_: Bug) -> bool {
    false
}

#[cfg(test)]
pub use switch::{drift, note_start, on, permits_forgotten, with};

/// What a process adds to a draw of chance: nothing.
#[cfg(not(test))]
#[inline]
pub const fn drift() -> u64 {
    0
}

/// Whether the permits granted so far are forgotten: never.
#[cfg(not(test))]
#[inline]
pub const fn permits_forgotten() -> bool {
    false
}

#[cfg(test)]
mod switch {
    use super::Bug;
    use std::cell::Cell;

    thread_local! {
        static ON: Cell<Option<Bug>> = const { Cell::new(None) };
        static DRAWS: Cell<u64> = const { Cell::new(0) };
        static STARTED: Cell<bool> = const { Cell::new(false) };
    }

    /// Whether this thread simulates the bug.
    pub fn on(bug: Bug) -> bool {
        ON.get() == Some(bug)
    }

    /// With [`Bug::DecisionCounts`]: how often this thread has decided.
    pub fn drift() -> u64 {
        DRAWS.set(DRAWS.get() + 1);
        if on(Bug::DecisionCounts) { DRAWS.get() } else { 0 }
    }

    /// A process starts.
    pub fn note_start() {
        STARTED.set(true);
    }

    /// With [`Bug::PermitsForgottenByCrash`]: whether this is the first permit since a start.
    pub fn permits_forgotten() -> bool {
        on(Bug::PermitsForgottenByCrash) && STARTED.replace(false)
    }

    /// Runs with a bug.
    pub fn with<T>(bug: Option<Bug>, run: impl FnOnce() -> T) -> T {
        let before = ON.replace(bug);
        let out = run();
        ON.set(before);
        out
    }
}
