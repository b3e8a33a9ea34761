//! What nothing announced: a town or a street without a type, text that stays as it is; and what the parts then say
//! about each other.

use super::Note;
use super::lex::{Kind, Sep};
use super::parse::Line;
use super::parts::Street;
use super::places;
use super::words::{self, Gender};

impl Line {
    /// Runs of names that nothing announced: a town, a street, or text that is kept as it is.
    pub(super) fn leftovers(&mut self) {
        self.return_station();
        let mut runs: Vec<std::ops::Range<usize>> = Vec::new();
        for at in 0..self.items.len() {
            if self.get(at).is_none_or(|i| i.used) {
                continue;
            }
            match runs.last_mut().filter(|r| r.end == at && self.get(at).is_some_and(|i| i.sep != Sep::Comma)) {
                Some(run) => run.end = at + 1,
                None => runs.push(at..at + 1),
            }
        }
        runs.retain(|r| {
            let items = self.items.iter().skip(r.start).take(r.len());
            let name = self.name(r);
            let moscow = self.parts.city == "москва" || self.parts.city_region == "москва";
            let okrug = (moscow && is_okrug(&name)) || places::region(&name).is_some_and(|n| n == self.parts.region);
            items.clone().any(|i| i.kind != Kind::Num) && !okrug
        });
        let located = !self.parts.city.is_empty() || self.parts.settlement.is_some();
        let mut streetless = self.parts.street.is_none();
        let mut placeless = !located;
        let count = runs.len();
        for (n, run) in runs.into_iter().enumerate() {
            let name = self.name(&run);
            let words_only: String = if name.is_empty() { self.text(run.start).to_owned() } else { name };
            if words_only == "мкад" && self.parts.street.is_none() {
                streetless = false;
                self.parts.street = Some(Street { kind: String::new(), name: words_only });
            } else if streetless
                && n + 1 == count
                && (located || count > 1 || self.parts.house.is_some())
                && self.parts.complexes.is_empty()
            {
                streetless = false;
                self.untyped_street(words_only);
            } else if placeless && n == 0 {
                placeless = false;
                self.parts.settlement = Some((String::new(), words_only));
                self.notes.insert(Note::PlaceTypeMissing);
            } else {
                self.parts.extra.insert(words_only);
                self.notes.insert(Note::UnrecognisedText);
            }
        }
    }

    /// Where no street was found, what was taken for a station may be one: «М. Бронная, 5».
    fn return_station(&mut self) {
        let Some(range) = self.metro.take().filter(|_| self.parts.street.is_none()) else { return };
        let word = self.text(range.start + 1);
        let street = words::size_of("м", word).is_some() || words::long_form("м", Some(word)).is_some();
        let free = self.items.iter().any(|i| !i.used && i.kind == Kind::Word && i.role.is_none());
        let place = !self.parts.complexes.is_empty();
        if street || !(free || place) {
            for item in self.items.iter_mut().skip(range.start).take(range.len()) {
                item.used = false;
                item.role = None;
            }
        }
    }

    fn untyped_street(&mut self, name: String) {
        // A feminine adjective alone is «улица» by custom; the masculine may be переулок, проезд, проспект, бульвар.
        let feminine = name.rsplit(' ').next().is_some_and(|w| words::agrees(w, Gender::Feminine));
        if feminine {
            self.notes.insert(Note::StreetTypeAssumed);
            self.parts.street = Some(Street { kind: "ул.".to_owned(), name });
        } else {
            self.notes.insert(Note::StreetTypeMissing);
            self.parts.street = Some(Street { kind: String::new(), name });
        }
    }

    /// What the parts say about each other.
    pub(super) fn finish(&mut self) {
        let parts = &mut self.parts;
        if parts.city_region.is_empty()
            && !parts.city.is_empty()
            && let Some((_, region)) = places::town(&parts.city).filter(|_| parts.region.is_empty())
        {
            parts.city_region = region.to_owned();
        }
        if places::is_city_region(&parts.city) || places::is_city_region(&parts.city_region) {
            let own = if places::is_city_region(&parts.city) { parts.city.clone() } else { parts.city_region.clone() };
            let given = std::mem::replace(&mut parts.region, own);
            // «Московская область, г. Москва» is a common slip; another region contradicts the city.
            let slip = matches!(
                (given.as_str(), parts.region.as_str()),
                ("московская область", "москва")
                    | ("ленинградская область", "санкт петербург")
                    | ("республика крым", "севастополь")
            );
            if !given.is_empty() && given != parts.region && !slip {
                parts.extra.insert(given);
                self.notes.insert(Note::UnrecognisedText);
            }
        } else if parts.region.is_empty() {
            parts.region = parts.city_region.clone();
        }
        parts.city_region.clear();
        // In a town a street's name is enough; its districts come and go between spellings.
        if !parts.city.is_empty() {
            parts.districts.clear();
        }
        parts.districts.retain(|d| !is_okrug(d));
        // A residential complex is the address only where there is no other.
        if parts.street.is_some() && parts.house.is_some() {
            parts.complexes.clear();
        }
    }
}

/// Moscow's administrative districts.
fn is_okrug(name: &str) -> bool {
    matches!(
        name,
        "цао"
            | "сао"
            | "свао"
            | "вао"
            | "ювао"
            | "юао"
            | "юзао"
            | "зао"
            | "сзао"
            | "зелао"
            | "тинао"
            | "нао"
            | "тао"
    )
}
