//! What a rule hands back: a claim that does not hold, about which rows, and what to say of them instead.

/// A claim that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// For programs.
    pub code: &'static str,
    /// The rows it is about, by their place in the job.
    pub rows: Vec<usize>,
    /// What is said instead.
    pub instead: Instead,
}

/// Which true sentences take its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Instead {
    /// What the explanation says of these rows.
    Rows,
    /// How many have answered, and what has to be said first.
    Whole,
    /// What it says of the risk.
    Risk,
    /// That nobody was asked about this.
    NotAsked,
    /// Why it was fast.
    WhyFast,
}

impl Found {
    pub fn new(code: &'static str, rows: Vec<usize>, instead: Instead) -> Option<Self> {
        Some(Self { code, rows, instead })
    }
}
