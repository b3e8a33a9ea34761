//! Well-known places in a line: the country, the region, the town.

use super::lex::{Kind, Sep};
use super::parse::Line;
use super::places::{self, Place};
use super::words::{self, Role};

impl Line {
    /// Well-known countries, regions and towns, the longest name first.
    pub(super) fn places(&mut self) {
        for len in (1..=5usize).rev() {
            let mut at = 0;
            while at + len <= self.items.len() {
                if self.place_at(at, len) {
                    at += len;
                } else {
                    at += 1;
                }
            }
        }
        self.region_adjectives();
    }

    fn place_at(&mut self, at: usize, len: usize) -> bool {
        let Some(run) = self.items.get(at..at + len) else { return false };
        let whole = run
            .iter()
            .enumerate()
            .all(|(n, i)| !i.used && i.kind == Kind::Word && (n == 0 || matches!(i.sep, Sep::Space | Sep::Hyphen)));
        if !whole
            || run.first().is_some_and(|i| matches!(i.sep, Sep::Hyphen | Sep::Glue))
            || self.get(at + len).is_some_and(|n| n.sep == Sep::Hyphen)
        {
            return false;
        }
        let mut words: Vec<&str> = run.iter().map(|i| i.text.as_str()).collect();
        let republic = words.iter().position(|w| matches!(*w, "респ" | "республики")).filter(|_| len > 1);
        if let Some(word) = republic.and_then(|i| words.get_mut(i)) {
            *word = "республика";
        }
        let name = words.join(" ");
        let Some(place) = places::place(&name) else { return false };
        let previous = self
            .before(at)
            .filter(|_| run.first().is_some_and(|i| i.sep != Sep::Comma))
            .and_then(|p| p.role.filter(|_| !p.used));
        let next = self.get(at + len).filter(|n| n.sep != Sep::Comma).cloned();
        match place {
            Place::Country(country) => self.parts.country = country.unwrap_or_default().to_owned(),
            Place::Region(region) => {
                // «ул. Крым», «мкр. Югра»
                if previous.is_some_and(|r| !matches!(r, Role::Region(_) | Role::City)) && len == 1 {
                    return false;
                }
                if len == 1
                    && next.as_ref().is_some_and(|n| matches!(n.role, Some(Role::Street(_))))
                    && !self.word_follows(at + len)
                {
                    return false;
                }
                if !self.parts.region.is_empty() && self.parts.region != region {
                    return false;
                }
                self.parts.region = region.to_owned();
                if previous == Some(Role::Region("республика")) {
                    self.take(at - 1..at);
                }
                // «Татарстан Респ», «Крым респ.»
                if next.is_some_and(|n| n.role == Some(Role::Region("республика"))) {
                    self.take(at + len..at + len + 1);
                }
            }
            Place::Town { name, region } => {
                match previous {
                    None | Some(Role::City | Role::Noise) => {}
                    Some(Role::Street(_) | Role::Region(_) | Role::District) if self.suffix_before(at) => {}
                    Some(Role::Street(_)) if len > 1 => return false,
                    Some(Role::House(_) | Role::Flat(_) | Role::Block | Role::Building) => {}
                    Some(_) => return false,
                }
                let next_city =
                    next.as_ref().is_some_and(|n| n.role == Some(Role::City)) && !self.word_follows(at + len);
                // «Лесной пр. 5», «Гагарин район», «Самара ЖК»: the type after it makes it another name.
                let other = next.is_some_and(|n| match n.role {
                    Some(Role::Street(_) | Role::Area(_)) => !self.word_follows(at + len),
                    Some(Role::District) => !self.word_follows(at + len),
                    Some(Role::Complex | Role::Region(_)) => !self.word_follows(at + len),
                    _ => false,
                });
                // A town's name that goes on («Пушкино Парк») is not that town, where it ends in an adjective.
                if other && previous != Some(Role::City) {
                    return false;
                }
                let noted = previous == Some(Role::City) || next_city;
                if !self.set_town(name, region, noted) {
                    return false;
                }
                if previous == Some(Role::City) {
                    self.take(at - 1..at);
                }
                if next_city {
                    self.take(at + len..at + len + 1);
                }
            }
        }
        self.take(at..at + len);
        true
    }

    fn set_town(&mut self, name: &str, region: &str, noted: bool) -> bool {
        let parts = &mut self.parts;
        if parts.city == name {
            return true;
        }
        if places::is_city_region(name) {
            // A city that is its own region takes the region's place before another town of that region.
            if parts.city.is_empty() {
                parts.city = name.to_owned();
                parts.city_region = region.to_owned();
                return true;
            }
            if parts.city_region == name {
                return true;
            }
            return false;
        }
        if parts.city.is_empty() || (places::is_city_region(&parts.city) && (region == parts.city || noted)) {
            if places::is_city_region(&parts.city) {
                parts.city_region = parts.city.clone();
                if region == parts.city {
                    parts.city = name.to_owned();
                    return true;
                }
            }
            if !parts.city.is_empty() {
                parts.settlement = Some(("г.".to_owned(), name.to_owned()));
                return true;
            }
            parts.city = name.to_owned();
            parts.city_region = region.to_owned();
            return true;
        }
        false
    }

    /// The type before `at` closes the name before it («Тверская ул. Москва»).
    pub(super) fn suffix_before(&self, at: usize) -> bool {
        let Some(kind) = at.checked_sub(1) else { return false };
        let role = self.get(kind).and_then(|i| i.role);
        let Some(gender) = role.and_then(words::gender) else { return false };
        self.get(kind).is_some_and(|i| i.sep != Sep::Comma)
            && self.before(kind).is_some_and(|i| i.kind == Kind::Word && words::agrees(&i.text, gender))
    }

    /// «Московская обл.», «Ленинградской области», «край Приморский».
    fn region_adjectives(&mut self) {
        for at in 0..self.items.len() {
            let Some(item) = self.get(at) else { continue };
            let Some(Role::Region(kind)) = item.role.filter(|_| !item.used) else { continue };
            let left = at.checked_sub(1).filter(|i| item.sep != Sep::Comma && self.is_name(*i));
            let right = Some(at + 1).filter(|i| self.is_name(*i) && self.get(*i).is_some_and(|n| n.sep != Sep::Comma));
            let Some(word) = left.or(right) else {
                // «ХМАО-Югра АО»
                if !self.parts.region.is_empty() {
                    self.take(at..at + 1);
                }
                continue;
            };
            let mut name = self.text(word).to_owned();
            if kind == "область" {
                if let Some(stem) = name.strip_suffix("ой") {
                    name = format!("{stem}ая");
                }
            } else if let Some(stem) = name.strip_suffix("ого").filter(|_| kind == "край") {
                name = format!("{stem}ий");
            }
            let mut start = word;
            // «Ямало-Ненецкий АО»
            while self.get(start).is_some_and(|i| i.sep == Sep::Hyphen) && start > 0 {
                start -= 1;
                name = format!("{} {name}", self.text(start));
            }
            let full = if kind == "республика" && left.is_none() {
                format!("республика {name}")
            } else {
                format!("{name} {kind}")
            };
            let full = places::region(&full).map_or(full, str::to_owned);
            if self.parts.region.is_empty() || self.parts.region == full {
                self.parts.region = full;
                self.take(start..word + 1);
                self.take(at..at + 1);
            }
        }
    }
}
