//! The cadastre: what stands at a place.

use super::{Place, Showcase, World, begins, months};
use chrono::{Datelike, NaiveDate};

/// A building or a flat.
#[derive(Debug, Clone)]
pub struct Object {
    /// Cadastral number, in the district `00:00` that does not exist.
    pub number: String,
    /// «Квартира» or «Многоквартирный дом».
    pub purpose: &'static str,
    /// Area in tenths of a square metre.
    pub area_tenths: u64,
    /// Floors of the building.
    pub floors: u64,
    /// The year the building was finished.
    pub built: i32,
    /// Cadastral value in kopecks; assessed anew each January.
    pub value: u64,
    /// The day of that assessment.
    pub valued: NaiveDate,
    /// When the present right was registered.
    pub right_since: NaiveDate,
    /// How often the owner changed in the three years before the date.
    pub transfers: u64,
    /// «нет», «ипотека» or «арест».
    pub encumbrance: &'static str,
}

impl World {
    /// The object at a place on a date; none where nothing is registered.
    pub fn object(&self, place: &Place, date: NaiveDate) -> Option<Object> {
        if place.building.is_empty() || place.showcase == Some(Showcase::Nothing) {
            return None;
        }
        let flat = place.flat.as_deref().unwrap_or_default();
        let mut house = self.draw(&["house", &place.building]);
        let (quarter, floors, built) = (house.between(1, 9_999_999), house.between(2, 25), house.between(1958, 2019));
        let mut draw = self.draw(&["object", &place.building, flat]);
        let serial = draw.between(10, 9_999);
        let area_tenths = if flat.is_empty() { draw.between(20_000, 250_000) } else { draw.between(240, 1_400) } as u64;
        let base = draw.between(55_000, 210_000) as u64;
        // Owners of flats change about every four years, on a day of their own.
        let day = draw.between(1, 28) as u32;
        let now = months(date, day);
        let moved = |month: i64| self.draw(&["moved", &place.building, flat, &month.to_string()]).chance(2);
        let calm = flat.is_empty() || place.showcase == Some(Showcase::Low);
        let moves: Vec<i64> = if calm { Vec::new() } else { (0..=now).filter(|month| moved(*month)).collect() };
        let before = draw.between(12, 140);
        let right_month = moves.last().copied().unwrap_or(-before);
        let mortgaged = !calm && self.draw(&["mortgage", &place.building, flat, &right_month.to_string()]).chance(40);
        // An arrest is invented only at an invented street, never at an address that may exist.
        let arrested = place.showcase == Some(Showcase::High) && date >= super::petition_day();
        let growth = (0..i64::from(date.year() - 2020).max(0)).fold(base, |value, year| {
            let step = self.draw(&["value", &place.building, &year.to_string()]).between(97, 112) as u64;
            value * step / 100
        });
        Some(Object {
            number: format!("00:00:{quarter:07}:{serial}"),
            purpose: if flat.is_empty() { "Многоквартирный дом" } else { "Квартира" },
            area_tenths,
            floors: floors as u64,
            built: built as i32,
            value: growth * area_tenths * 10,
            valued: NaiveDate::from_ymd_opt(date.year().max(2020), 1, 1).unwrap_or_default(),
            right_since: begins(right_month, day),
            transfers: moves.iter().filter(|month| **month > now - 36).count() as u64,
            encumbrance: if arrested {
                "арест"
            } else if mortgaged {
                "ипотека"
            } else {
                "нет"
            },
        })
    }
}
