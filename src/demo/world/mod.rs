//! The built-in world: what is true at a place, of a company, on a date.
//!
//! Nothing is stored. Each thing is a pure function of the seed, its name and the date, so any address has a world, and
//! moving the clock is all it takes for a later check to meet real changes. Shapes and rates of change follow the real
//! monthly sets the project is tested with: half of all rows change each month in volatile attributes only, near half of
//! the prices move, a few titles change, prices vanish, things go and come back under the same id, columns appear.

mod address;
mod cadastre;
mod company;
mod court;
mod draw;
mod enforcement;
mod listing;
mod review;
mod showcase;

pub use address::Place;
pub use cadastre::Object;
pub use company::{Company, Fate, Stage, petition_day, stage};
pub use draw::Draw;
pub use enforcement::Proceeding;
pub use showcase::Showcase;

use chrono::{Datelike, NaiveDate};

/// The world of one seed.
#[derive(Debug, Clone, Copy)]
pub struct World {
    seed: u64,
}

impl World {
    /// The world of this seed.
    pub const fn new(seed: u64) -> Self {
        Self { seed }
    }

    fn draw(&self, name: &[&str]) -> Draw {
        Draw::new(self.seed, name)
    }
}

/// The first month of the world is January of this year; before it, everything is as it was then.
const FIRST_YEAR: i32 = 2020;

/// How many months of the world have begun at a date, where a month begins on day `day` (1–28): things change on days of
/// their own, not all on the first.
pub(crate) fn months(date: NaiveDate, day: u32) -> i64 {
    let whole = i64::from((date.year() - FIRST_YEAR) * 12) + i64::from(date.month0());
    (whole - i64::from(date.day() < day)).max(0)
}

/// The date on which month `month` of the world begins, for things that change on day `day`.
fn begins(month: i64, day: u32) -> NaiveDate {
    let year = FIRST_YEAR + month.div_euclid(12) as i32;
    NaiveDate::from_ymd_opt(year, month.rem_euclid(12) as u32 + 1, day.clamp(1, 28)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_begins_on_its_own_day() {
        let at = |text: &str, day| months(text.parse().expect("a date"), day);
        assert_eq!(at("2020-01-01", 1), 0);
        assert_eq!(at("2021-03-14", 15), 13);
        assert_eq!(at("2021-03-15", 15), 14);
        assert_eq!(at("1999-01-01", 1), 0);
        assert_eq!(begins(14, 15), "2021-03-15".parse::<NaiveDate>().expect("a date"));
        assert_eq!(begins(-1, 3), "2019-12-03".parse::<NaiveDate>().expect("a date"));
    }
}
