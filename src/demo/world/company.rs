//! The developers of the demo's world: invented, and recognisably so.
//!
//! Their taxpayer numbers have correct checksums and begin with the region `00`, which no real number does. A number that
//! is not one of theirs is unknown here: nothing is ever invented about a firm that may exist.

use super::{Draw, Place, Showcase, World, months};
use chrono::NaiveDate;

/// How a company fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Hardly ever in court.
    Quiet,
    /// As most are.
    Ordinary,
    /// Much sued, in debt.
    Troubled,
    /// Bankrupt from 2025-10-14 on.
    Bankrupt,
}

/// A developer.
#[derive(Debug, Clone)]
pub struct Company {
    /// Taxpayer number, 10 digits.
    pub inn: String,
    /// State registration number, 13 digits.
    pub ogrn: String,
    /// Full name.
    pub name: String,
    /// When it was registered.
    pub registered: NaiveDate,
    /// Capital, in roubles.
    pub capital: u64,
    /// How it fares.
    pub fate: Fate,
}

/// How many there are.
pub const COMPANIES: u64 = 40;
const QUIET: u64 = 0;
const BANKRUPT: u64 = 1;

const NAMES: [&str; 10] =
    ["Небылица", "Выдумка", "Мираж", "Фантом", "Сказка", "Химера", "Вымысел", "Лукоморье", "Тридевятый", "Утопия"];

impl World {
    /// The company of this number in the demo's list.
    fn company(&self, index: u64) -> Company {
        let mut draw = self.draw(&["company", &index.to_string()]);
        let year = draw.between(2004, 2019);
        let name = NAMES.get((index % 10) as usize).copied().unwrap_or_default();
        let fate = match index {
            QUIET => Fate::Quiet,
            BANKRUPT => Fate::Bankrupt,
            _ => match draw.between(0, 99) {
                0..15 => Fate::Quiet,
                15..75 => Fate::Ordinary,
                _ => Fate::Troubled,
            },
        };
        Company {
            inn: inn(index),
            ogrn: ogrn(index, year),
            name: format!("ООО \"Вымышленный застройщик \"{name}-{}\"", index + 1),
            registered: date(year as i32, draw.between(1, 12) as u32, draw.between(1, 28) as u32),
            capital: 10_000 * draw.between(1, 500) as u64,
            fate,
        }
    }

    /// The company with this taxpayer number; none if it is not one of the demo's.
    pub fn company_by_inn(&self, number: &str) -> Option<Company> {
        (0..COMPANIES).find(|index| inn(*index) == number.trim()).map(|index| self.company(index))
    }

    /// Who built the building at this place.
    pub fn developer(&self, place: &Place) -> Company {
        self.company(match place.showcase {
            Some(Showcase::Low) => QUIET,
            Some(Showcase::High) => BANKRUPT,
            _ => 2 + self.draw(&["developer", &place.building]).next() % (COMPANIES - 2),
        })
    }
}

impl Company {
    /// Its state in the register at a date.
    pub fn status(&self, date: NaiveDate) -> &'static str {
        match (self.fate, stage(date)) {
            (Fate::Bankrupt, Some(Stage::Liquidation)) => "Признано банкротом, открыто конкурсное производство",
            (Fate::Bankrupt, Some(_)) => "В отношении юридического лица возбуждено дело о банкротстве",
            _ => "Действующее",
        }
    }

    /// Unpaid taxes at a date, in kopecks.
    pub fn tax_debt(&self, world: &World, date: NaiveDate) -> u64 {
        let quarter = months(date, 1) / 3;
        let mut draw: Draw = world.draw(&["tax", &self.inn, &quarter.to_string()]);
        match self.fate {
            Fate::Quiet => 0,
            Fate::Ordinary => {
                if draw.chance(20) {
                    draw.between(100_000, 9_000_000) as u64
                } else {
                    0
                }
            }
            Fate::Troubled => draw.between(30_000_000, 400_000_000) as u64,
            Fate::Bankrupt if date < petition_day() => 0,
            Fate::Bankrupt => (quarter - 22).max(1) as u64 * 177_777_777,
        }
    }
}

/// The stages of the show-case's bankruptcy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The petition was accepted.
    Petition,
    /// Observation.
    Observation,
    /// Competitive proceedings.
    Liquidation,
}

/// The day on which the show-case's bankruptcy begins.
pub fn petition_day() -> NaiveDate {
    date(2025, 10, 14)
}

/// The stage at a date; none before the petition.
pub fn stage(at: NaiveDate) -> Option<Stage> {
    if at >= date(2026, 6, 9) {
        Some(Stage::Liquidation)
    } else if at >= date(2026, 1, 20) {
        Some(Stage::Observation)
    } else {
        (at >= petition_day()).then_some(Stage::Petition)
    }
}

fn date(year: i32, month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, day).unwrap_or_default()
}

/// A taxpayer number with its check digit, in the region `00` that does not exist.
fn inn(index: u64) -> String {
    let body = format!("0000{:05}", 10_000 + index * 617);
    let weights = [2, 4, 10, 3, 5, 9, 4, 6, 8];
    let sum: u32 = body.bytes().zip(weights).map(|(digit, weight)| u32::from(digit - b'0') * weight).sum();
    format!("{body}{}", sum % 11 % 10)
}

/// A registration number with its check digit, in the same region.
fn ogrn(index: u64, year: i64) -> String {
    let body = format!("1{:02}00{:07}", year % 100, 1_000_000 + index * 7_919);
    let check = body.parse::<u64>().map_or(0, |number| number % 11 % 10);
    format!("{body}{check}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_their_lengths_and_are_all_different() {
        let world = World::new(1);
        let inns: std::collections::BTreeSet<_> = (0..COMPANIES).map(|index| world.company(index).inn).collect();
        assert_eq!(inns.len() as u64, COMPANIES);
        assert!(inns.iter().all(|inn| inn.len() == 10 && inn.starts_with("00")));
        assert!((0..COMPANIES).all(|index| world.company(index).ogrn.len() == 13));
        // 7707083893 is a well-known number whose checksum everyone can look up: the rule is the same.
        let weights = [2, 4, 10, 3, 5, 9, 4, 6, 8];
        let sum: u32 = "770708389".bytes().zip(weights).map(|(digit, weight)| u32::from(digit - b'0') * weight).sum();
        assert_eq!(sum % 11 % 10, 3);
    }

    #[test]
    fn a_number_that_is_not_of_the_demo_is_unknown() {
        assert!(World::new(1).company_by_inn("7707083893").is_none());
        assert!(World::new(1).company_by_inn(&inn(3)).is_some());
    }
}
