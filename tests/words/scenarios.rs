//! Six checks that sentences are written about: see `tests/review/sentences.tsv`.

use crate::jobs::{DAY, MINUTE, Made, Row, Waits, made};
use mirano_schemas::{Assessment, NotApplicable, Origin, RiskBasis, ScoreIs};

fn risk(score: u8, score_is: ScoreIs, level: &str, stops: &[&str]) -> Option<Assessment> {
    Some(Assessment {
        score,
        score_is,
        level: level.to_owned(),
        stops: stops.iter().map(|stop| (*stop).to_owned()).collect(),
        unevaluated: Vec::new(),
        basis: RiskBasis::default(),
        ruleset: "2026-11".to_owned(),
        as_of: "2027-01-15".to_owned(),
        factors: Vec::new(),
    })
}

/// The seller was not named: their row has nothing to ask.
fn persons() -> Row {
    let why = NotApplicable::InputMissing("inputs.seller_birth_date".to_owned());
    Row { not_applicable: Some(why), ..Row::of("enforcement_persons") }
}

pub fn scenario(name: &str) -> Made {
    use Origin::{Fetched, Reused, ServedStale};
    let row = Row::answered;
    match name {
        // All answered; four of six answers are of earlier checks.
        "reused" => made(
            &[
                row("cadastre", Reused, 2, 5 * DAY),
                row("listings", Fetched, 2, MINUTE),
                row("reviews", Fetched, 30, MINUTE),
                row("courts", Reused, 12, 3 * DAY),
                row("companies", Reused, 1, 3 * DAY),
                row("enforcement", Reused, 0, 2 * DAY),
                persons(),
            ],
            risk(5, ScoreIs::Exact, "low", &[]),
        ),
        // Courts queued, enforcement failed, listings stale.
        "partial" => made(
            &[
                row("cadastre", Fetched, 2, 2 * MINUTE),
                row("listings", ServedStale, 6, 2 * DAY),
                row("reviews", Reused, 11, 4 * DAY),
                Row { pending: Some(Waits::Queued), ..Row::of("courts") },
                row("companies", Fetched, 1, 2 * MINUTE),
                Row { failed: true, ..Row::of("enforcement") },
                persons(),
            ],
            risk(20, ScoreIs::AtLeast, "incomplete", &[]),
        ),
        // Everything was asked within minutes; much was found.
        "asked" => made(
            &[
                row("cadastre", Fetched, 1, 3 * MINUTE),
                row("listings", Fetched, 4, 3 * MINUTE),
                row("reviews", Fetched, 8, 3 * MINUTE),
                row("courts", Fetched, 37, 3 * MINUTE),
                row("companies", Fetched, 1, 3 * MINUTE),
                row("enforcement", Fetched, 21, 3 * MINUTE),
                persons(),
            ],
            risk(100, ScoreIs::Exact, "critical", &["cadastre.arrest"]),
        ),
        // Weeks later: nothing is fresh, and nothing is being asked.
        "stale" => made(
            &[
                row("cadastre", Fetched, 2, 20 * DAY),
                row("listings", Fetched, 2, 40 * DAY),
                row("reviews", Fetched, 30, 20 * DAY),
                row("courts", Fetched, 12, 20 * DAY),
                row("companies", Fetched, 1, 20 * DAY),
                row("enforcement", Fetched, 0, 10 * DAY),
                persons(),
            ],
            risk(5, ScoreIs::AtLeast, "incomplete", &[]),
        ),
        // Asked a minute ago; courts and enforcement have nothing.
        "clear" => made(
            &[
                row("cadastre", Fetched, 1, MINUTE),
                row("listings", Fetched, 2, MINUTE),
                row("reviews", Fetched, 12, MINUTE),
                row("courts", Fetched, 0, MINUTE),
                row("companies", Fetched, 1, MINUTE),
                row("enforcement", Fetched, 0, MINUTE),
                persons(),
            ],
            risk(0, ScoreIs::Exact, "low", &[]),
        ),
        // Asked again a minute ago: four answered, courts and enforcement failed, and show what they said before.
        "failed_again" => made(
            &[
                row("cadastre", Fetched, 1, MINUTE),
                row("listings", Fetched, 2, MINUTE),
                row("reviews", Fetched, 12, MINUTE),
                Row { failed: true, ..row("courts", Fetched, 3, 20 * MINUTE) },
                row("companies", Fetched, 1, MINUTE),
                Row {
                    failed: true,
                    cause: Some("http_status: the source answered 503".to_owned()),
                    ..row("enforcement", Fetched, 2, 20 * MINUTE)
                },
                persons(),
            ],
            risk(20, ScoreIs::Exact, "low", &[]),
        ),
        other => panic!("there is no scenario {other}"),
    }
}
