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
        if self.parts.street.is_none()
            && self.parts.areas.is_empty()
            && self.parts.complexes.is_empty()
            && self.parts.settlement.as_ref().is_none_or(|s| s.0 != "снт")
        {
            // «М. Бронная, 5»
            let free = self.items.iter().any(|i| !i.used && i.kind == Kind::Word && i.role.is_none());
            if let Some(range) = self.metro.take().filter(|_| !free) {
                for item in self.items.iter_mut().skip(range.start).take(range.len()) {
                    item.used = false;
                    item.role = None;
                }
            }
        }
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
            let okrug = places::region(&self.name(r)).is_some() || is_okrug(&self.name(r));
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
            parts.region =
                if places::is_city_region(&parts.city) { parts.city.clone() } else { parts.city_region.clone() };
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
            | "новомосковский"
            | "троицкий"
    )
}
