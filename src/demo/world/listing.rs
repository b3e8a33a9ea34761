//! Offers for sale at a building.

use super::{Place, Showcase, World, begins, months};
use chrono::{Duration, NaiveDate};

/// An offer as the site shows it on a date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The site's id; an offer that goes and comes back keeps it.
    pub id: String,
    /// Its headline.
    pub title: String,
    /// Rooms.
    pub rooms: i64,
    /// Area in tenths of a square metre.
    pub area_tenths: i64,
    /// Floor.
    pub floor: i64,
    /// Price in roubles; sometimes on request only.
    pub price: Option<u64>,
    /// Who offers.
    pub seller: &'static str,
    /// When it was posted.
    pub posted: NaiveDate,
    /// Parking; the site shows it since May 2023.
    pub parking: Option<&'static str>,
    /// How often it was looked at.
    pub views: i64,
    /// When the site last touched it.
    pub updated: NaiveDate,
}

const HEADS: [&str; 6] = ["Светлая", "Уютная", "Просторная", "Видовая", "Тихая", "Обычная"];
const TAILS: [&str; 5] = ["с ремонтом", "без отделки", "рядом с парком", "срочно", "от собственника"];

impl World {
    /// The offers at a place's building on a date.
    pub fn offers(&self, place: &Place, date: NaiveDate) -> Vec<Offer> {
        let (count, life) = match place.showcase {
            _ if place.building.is_empty() => (0, (0, 0)),
            Some(Showcase::Nothing) => (0, (0, 0)),
            // So long a life that two hundred and more stand at any time, as in the real monthly sets.
            Some(Showcase::Large) => (900, (12, 60)),
            Some(_) => (60, (4, 20)),
            None => (self.draw(&["offers", &place.building]).between(2, 50), (2, 14)),
        };
        (0..count).filter_map(|n| self.offer(&place.building, n, life, date)).collect()
    }

    fn offer(&self, building: &str, n: i64, life: (i64, i64), date: NaiveDate) -> Option<Offer> {
        let name = n.to_string();
        let mut draw = self.draw(&["offer", building, &name]);
        let day = draw.between(1, 28) as u32;
        let start = draw.between(-life.1, 95);
        let months_alive = draw.between(life.0, life.1);
        let now = months(date, day);
        let posted = begins(start, day);
        if posted > date || now >= start + months_alive {
            return None;
        }
        // Some vanish for a month or two in the middle of their life and come back with the same id.
        let pause = start + months_alive / 2;
        if draw.chance(8) && (pause..pause + 1 + draw.between(0, 1)).contains(&now) && pause > start {
            return None;
        }
        let rooms = draw.between(1, 4);
        let area_tenths = 180 + rooms * 140 + draw.between(0, 120);
        let mut price = area_tenths as u64 * draw.between(9_000, 24_000) as u64;
        let mut edits = 0;
        for month in start + 1..=now {
            let mut draw = self.draw(&["month", building, &name, &month.to_string()]);
            if draw.chance(45) {
                price = price * draw.between(965, 1_030) as u64 / 1_000;
            }
            edits += i64::from(draw.chance(3));
        }
        let mut month = self.draw(&["now", building, &name, &now.to_string()]);
        let head = HEADS.get((draw.between(0, 5) + edits).rem_euclid(6) as usize).copied().unwrap_or_default();
        let tail = TAILS.get((draw.between(0, 4) + edits).rem_euclid(5) as usize).copied().unwrap_or_default();
        Some(Offer {
            id: format!("{}", 900_000_000 + draw.between(0, 99_999) * 1_000 + n),
            title: format!("{head} {rooms}-комнатная квартира {tail}"),
            rooms,
            area_tenths,
            floor: draw.between(1, 17),
            price: (!month.chance(2)).then_some(price / 1_000 * 1_000),
            seller: draw.pick(&["Собственник", "Агентство", "Застройщик"]),
            posted,
            parking: (date >= begins(40, 1)).then(|| draw.pick(&["есть", "нет", "подземная"])),
            views: (date - posted).num_days().max(0) * draw.between(1, 9),
            updated: date - Duration::days(draw.between(0, 2)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    fn large(date: NaiveDate) -> BTreeMap<String, Offer> {
        let offers = World::new(1).offers(&Place::of(Showcase::Large.address()), date);
        let count = offers.len();
        let map: BTreeMap<_, _> = offers.into_iter().map(|offer| (offer.id.clone(), offer)).collect();
        assert_eq!(map.len(), count, "ids are unique");
        map
    }

    /// The rates of the real monthly sets, counted on the generated one: 84 months, 200 offers and more in each.
    #[test]
    fn changes_come_at_the_rates_of_the_real_sets() {
        let monthly: Vec<_> = (0..84).map(|month| large(begins(month, 1))).collect();
        assert!(monthly.iter().all(|offers| (180..=330).contains(&offers.len())));
        let (mut both, mut prices, mut titles, mut without, mut volatile_only) = (0, 0, 0, 0, 0);
        for pair in monthly.windows(2) {
            let [before, after] = pair else { continue };
            for (id, old) in before {
                let Some(new) = after.get(id) else { continue };
                both += 1;
                prices += usize::from(old.price != new.price);
                titles += usize::from(old.title != new.title);
                without += usize::from(new.price.is_none());
                let same = Offer { views: old.views, updated: old.updated, ..new.clone() } == *old;
                volatile_only += usize::from(same && new != old);
            }
        }
        let percent = |count: usize| count * 100 / both;
        assert!((35..=55).contains(&percent(prices)), "prices {}", percent(prices));
        assert!((1..=5).contains(&percent(titles)), "titles {}", percent(titles));
        assert!((1..=4).contains(&percent(without)), "without a price {}", percent(without));
        assert!((40..=60).contains(&percent(volatile_only)), "volatile only {}", percent(volatile_only));
        // Things that vanish and come back with the same id.
        let mut gone = BTreeSet::new();
        let mut back = 0;
        for pair in monthly.windows(2) {
            let [before, after] = pair else { continue };
            back += after.keys().filter(|id| gone.remove(*id)).count();
            gone.extend(before.keys().filter(|id| !after.contains_key(*id)).cloned());
        }
        assert!(back >= 14, "came back: {back}");
    }
}
