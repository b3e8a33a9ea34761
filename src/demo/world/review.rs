//! Reviews of a building.

use super::{Fate, Place, Showcase, World, begins, months};
use chrono::NaiveDate;

/// A review as the site shows it on a date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// The site's id.
    pub id: String,
    /// One to five.
    pub rating: i64,
    /// What it says.
    pub text: String,
    /// When it was written.
    pub written: NaiveDate,
    /// Whether the site calls it verified.
    pub verified: bool,
    /// How many liked it.
    pub likes: i64,
}

const GOOD: [&str; 5] = [
    "Дом тёплый, двор зелёный.",
    "Сдали вовремя, всё работает.",
    "Тихие соседи, чистый подъезд.",
    "Удобная парковка.",
    "Управляющая отвечает быстро.",
];
const BAD: [&str; 5] = [
    "Лифт стоит неделями.",
    "Сдачу дома переносили дважды.",
    "Трещины в стенах через год.",
    "Слышно всех соседей.",
    "Управляющая не берёт трубку.",
];

impl World {
    /// The reviews of a place's building that the site shows on a date, newest first.
    pub fn reviews(&self, place: &Place, date: NaiveDate) -> Vec<Review> {
        if place.building.is_empty() || place.showcase == Some(Showcase::Nothing) {
            return Vec::new();
        }
        let good = match self.developer(place).fate {
            Fate::Quiet => 90,
            Fate::Ordinary => 65,
            Fate::Troubled => 35,
            Fate::Bankrupt => 12,
        };
        let count = self.draw(&["reviews", &place.building]).between(6, 70);
        let mut reviews: Vec<Review> = (0..count).filter_map(|n| self.review(place, n, good, date)).collect();
        reviews.sort_by(|a, b| b.written.cmp(&a.written).then_with(|| a.id.cmp(&b.id)));
        reviews
    }

    fn review(&self, place: &Place, n: i64, good: u64, date: NaiveDate) -> Option<Review> {
        let name = n.to_string();
        let mut draw = self.draw(&["review", &place.building, &name]);
        let day = draw.between(1, 28) as u32;
        let month = draw.between(-20, 95);
        let written = begins(month, day);
        let now = months(date, day);
        let hidden = self.draw(&["moderated", &place.building, &name, &now.to_string()]).chance(2);
        if written > date || hidden {
            return None;
        }
        let is_good = draw.chance(good);
        let rating = if is_good { draw.between(4, 5) } else { draw.between(1, 3) };
        let text = draw.pick(if is_good { &GOOD } else { &BAD });
        let edited = draw.chance(10) && now > month + draw.between(1, 9);
        Some(Review {
            id: format!("r{}", 100_000 + draw.between(0, 8_999) * 100 + n),
            rating,
            text: if edited {
                format!("{text} Дополнено: за год ничего не изменилось.")
            } else {
                text.to_owned()
            },
            written,
            verified: draw.chance(40),
            likes: (now - month).max(0) * draw.between(0, 3) / 2,
        })
    }
}
