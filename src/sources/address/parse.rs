//! A tidy line becomes the parts of an address.
//!
//! Numbers with their marks go first, then well-known places, then names with a type before or after them; what is
//! left is judged last. Commas are hints only: a line without them gives the same parts wherever that can be told.
//! Whatever is not understood stays in the parts as extra text, so that it keeps addresses apart.

use super::lex::{Item, Kind, Sep, lex};
use super::parts::Parts;
use super::words::{self, Gender, Role};
use super::{Note, numbers, places};
use std::collections::BTreeSet;

/// Parts, and what had to be assumed on the way to them.
pub(super) fn parse(text: &str) -> (Parts, BTreeSet<Note>) {
    let mut line = Line { items: lex(text), parts: Parts::default(), notes: BTreeSet::new(), metro: None };
    line.letters();
    line.postcode();
    line.metro();
    line.name_numbers();
    line.places();
    numbers::marked(&mut line);
    line.areas_by_number();
    line.rival_streets();
    line.words_of_streets();
    line.typed();
    numbers::bare(&mut line);
    line.leftovers();
    line.finish();
    (line.parts, line.notes)
}

/// The line under work.
pub(super) struct Line {
    pub(super) items: Vec<Item>,
    pub(super) parts: Parts,
    pub(super) notes: BTreeSet<Note>,
    pub(super) metro: Option<std::ops::Range<usize>>,
}

impl Line {
    pub(super) fn get(&self, at: usize) -> Option<&Item> {
        self.items.get(at)
    }

    pub(super) fn before(&self, at: usize) -> Option<&Item> {
        at.checked_sub(1).and_then(|i| self.items.get(i))
    }

    pub(super) fn text(&self, at: usize) -> &str {
        self.get(at).map_or("", |i| i.text.as_str())
    }

    pub(super) fn take(&mut self, range: std::ops::Range<usize>) {
        for item in self.items.iter_mut().skip(range.start).take(range.len()) {
            item.used = true;
        }
    }

    pub(super) fn set_role(&mut self, at: usize, role: Option<Role>) {
        if let Some(item) = self.items.get_mut(at) {
            item.role = role;
        }
    }

    /// An unused word or ordinal without a role.
    pub(super) fn is_name(&self, at: usize) -> bool {
        self.get(at).is_some_and(|i| !i.used && i.kind != Kind::Num && i.role.is_none())
    }

    /// The next item, in the same segment, is a word of two letters or more that is no mark.
    pub(super) fn word_follows(&self, at: usize) -> bool {
        self.get(at + 1).is_some_and(|n| {
            n.sep != Sep::Comma
                && n.kind != Kind::Num
                && (n.role.is_none() || matches!(n.role, Some(Role::Street(_))))
                && (n.text.chars().count() > 1
                    || n.kind == Kind::Ord
                    || n.text.starts_with(|c: char| c.is_ascii_digit()))
        })
    }

    fn num_follows(&self, at: usize) -> bool {
        self.get(at + 1).is_some_and(|n| n.kind == Kind::Num && n.sep != Sep::Comma)
    }

    /// Settles what single letters and other short words with two meanings are here.
    fn letters(&mut self) {
        for at in 0..self.items.len() {
            let Some(item) = self.get(at) else { continue };
            if item.kind != Kind::Word || matches!(item.sep, Sep::Hyphen | Sep::Slash) {
                continue;
            }
            let after_number = self.before(at).is_some_and(|p| p.kind == Kind::Num) && item.sep != Sep::Comma;
            let (word, num) = (self.word_follows(at), self.num_follows(at));
            let segment_ends = self.get(at + 1).is_none_or(|n| n.sep == Sep::Comma);
            let glued = item.sep == Sep::Glue;
            let role = match item.text.as_str() {
                "д" if num => Some(Role::House("д.")),
                "с" if num => Some(Role::Building),
                "к" if num
                    || self
                        .get(at + 1)
                        .is_some_and(|n| n.text.chars().count() == 1 && item.dot && n.kind == Kind::Word) =>
                {
                    Some(Role::Block)
                }
                "п" if num => Some(Role::Flat("пом.")),
                "д" | "с" | "п" | "х" | "г" if word && !glued => item.role,
                "г" if segment_ends && !after_number => Some(Role::City),
                "с" | "п" | "д" | "х" if segment_ends && !after_number && !item.dot && item.sep != Sep::Comma => {
                    item.role
                }
                "ш" if !after_number && !glued => item.role,
                "д" | "с" | "п" | "х" | "г" | "к" | "ш" => None,
                // A mark of a number with no number after it is a word like another.
                _ if matches!(item.role, Some(Role::Block | Role::Building | Role::House(_) | Role::Structure))
                    && !num
                    && !self.letter_follows(at) =>
                {
                    match item.text.as_str() {
                        // «дом, 7»
                        "дом" | "д" if self.get(at + 1).is_some_and(|n| n.kind == Kind::Num) => item.role,
                        _ => None,
                    }
                }
                "стр" | "ст" if item.role == Some(Role::Settlement("ст.")) && !word => None,
                _ => continue,
            };
            self.set_role(at, role);
        }
    }

    fn letter_follows(&self, at: usize) -> bool {
        self.get(at + 1).is_some_and(|n| n.sep != Sep::Comma && n.kind == Kind::Word && n.text.chars().count() <= 2)
    }

    fn postcode(&mut self) {
        for at in 0..self.items.len() {
            let Some(item) = self.get(at) else { continue };
            let free = matches!(item.sep, Sep::Comma | Sep::Space)
                && self.get(at + 1).is_none_or(|n| matches!(n.sep, Sep::Comma | Sep::Space));
            let marked = self
                .before(at)
                .is_some_and(|p| matches!(p.role, Some(Role::House(_) | Role::Flat(_) | Role::Block | Role::Building)));
            if item.kind == Kind::Num && item.text.len() == 6 && free && !marked && self.parts.postcode.is_none() {
                self.parts.postcode = Some(item.text.clone());
                self.take(at..at + 1);
            }
        }
    }

    /// «м. Парк Победы»: to the end of the segment, unless a street's type ends it («М. Бронная ул.»).
    fn metro(&mut self) {
        for at in 0..self.items.len() {
            let Some(item) = self.get(at) else { continue };
            let after_place = self.before(at).is_some_and(|p| p.used || places::town(&p.text).is_some());
            let starts = item.sep == Sep::Comma || item.role == Some(Role::Metro) || after_place;
            let short = item.text == "м" && starts && item.kind == Kind::Word;
            if item.used || !(short || item.role == Some(Role::Metro)) || self.num_follows(at) {
                continue;
            }
            let end = (at + 1..self.items.len())
                .find(|i| self.get(*i).is_none_or(|n| n.sep == Sep::Comma))
                .unwrap_or(self.items.len());
            if end <= at + 1 {
                continue;
            }
            let inner: Vec<usize> = (at + 2..end).filter(|i| self.get(*i).is_some_and(|n| n.role.is_some())).collect();
            let stop = match inner.first() {
                // «м. Тульская Подольское шоссе»: two names before the type, so that the first is the station's.
                Some(first) if short && (at + 2..*first).any(|i| self.get(i).is_some_and(|n| n.sep == Sep::Space)) => {
                    at + 2
                }
                // A full word inside the station's name: «Бульвар Рокоссовского» stands first, a type after a name ends it.
                Some(_) if short => continue,
                Some(first) => (at + 2).min(*first),
                None => end,
            };
            let has_number = (at + 1..stop).any(|i| {
                self.get(i).is_some_and(|n| n.kind == Kind::Num)
                    && self.get(i + 1).is_none_or(|n| !words::follows_name_number(&n.text))
            });
            if has_number && short {
                continue;
            }
            // «М. Бронная, 5»: taken for a station now, given back when no street is found.
            if short && self.metro.is_none() {
                self.metro = Some(at..stop);
            }
            self.take(at..stop);
        }
    }

    /// «8 Марта», «50 лет Октября», «улица 26 Бакинских Комиссаров»: the number belongs to the name.
    fn name_numbers(&mut self) {
        for at in 0..self.items.len() {
            let Some(item) = self.get(at) else { continue };
            if item.kind != Kind::Num || item.used || item.sep == Sep::Glue {
                continue;
            }
            let Some(next) =
                self.get(at + 1).filter(|n| n.kind == Kind::Word && matches!(n.sep, Sep::Space | Sep::Hyphen))
            else {
                continue;
            };
            let after_type =
                self.before(at).is_some_and(|p| matches!(p.role, Some(Role::Street(_)))) && item.sep != Sep::Comma;
            let type_is_prefix = after_type && !self.suffix_before(at);
            let plain = next.role.is_none() && next.text.chars().count() > 2 && next.sep == Sep::Space;
            let adjective =
                [Gender::Feminine, Gender::Masculine, Gender::Neuter].iter().any(|g| words::agrees(&next.text, *g));
            let unknown = plain && places::town(&next.text).is_none();
            // «7 Парковая ул., 5»: an ordinal, where another number is left for the house.
            let leads =
                adjective && unknown && item.text.len() <= 2 && (item.sep == Sep::Comma || !self.is_name_before(at));
            let leads = leads && self.number_after(at + 1);
            let said = words::follows_name_number(&next.text);
            if said || leads || (type_is_prefix && unknown) {
                let kind = if adjective && !said { Kind::Ord } else { Kind::Word };
                if let Some(item) = self.items.get_mut(at) {
                    item.kind = kind;
                }
                self.set_role(at + 1, None);
            }
        }
    }

    fn is_name_before(&self, at: usize) -> bool {
        at.checked_sub(1).is_some_and(|i| self.is_name(i) && places::town(self.text(i)).is_none())
    }

    /// A number that no flat's mark announces stands after `at`.
    fn number_after(&self, at: usize) -> bool {
        (at + 1..self.items.len()).any(|i| {
            let number = self.get(i).is_some_and(|n| n.kind == Kind::Num && !n.used);
            number && !self.before(i).is_some_and(|p| matches!(p.role, Some(Role::Flat(_) | Role::Skip)))
        })
    }

    /// The run of names that ends just before `at`, in the same segment.
    pub(super) fn left_run(&self, at: usize) -> std::ops::Range<usize> {
        let mut start = at;
        while start > 0 && self.get(start).is_some_and(|i| i.sep != Sep::Comma) && self.is_name(start - 1) {
            start -= 1;
        }
        start..at
    }

    /// The run of names that starts just after `at`, in the same segment.
    pub(super) fn right_run(&self, at: usize) -> std::ops::Range<usize> {
        let mut end = at + 1;
        while self.is_name(end) && self.get(end).is_some_and(|i| i.sep != Sep::Comma) {
            end += 1;
        }
        at + 1..end
    }

    /// The name that items give, in the canonical order of its words.
    pub(super) fn name(&self, range: &std::ops::Range<usize>) -> String {
        let items: Vec<&Item> =
            self.items.iter().skip(range.start).take(range.len()).filter(|i| !i.used && i.role.is_none()).collect();
        let (mut ordinals, mut sizes, mut rest) = (Vec::new(), Vec::new(), Vec::new());
        for (n, item) in items.iter().enumerate() {
            let next = items.get(n + 1).map(|i| i.text.as_str());
            let previous = n.checked_sub(1).and_then(|p| items.get(p)).map(|i| i.text.as_str());
            if item.kind == Kind::Ord {
                ordinals.push(format!("{}-й", item.text));
            } else if item.sep != Sep::Hyphen && (words::is_size(&item.text) || words::is_water(&item.text)) {
                sizes.push(item.text.clone());
            } else if let Some(long) = words::long_form(&item.text, next)
                .filter(|_| item.dot || item.text.chars().count() > 1 || item.sep != Sep::Hyphen)
            {
                if words::is_water(long) { sizes.push(long.to_owned()) } else { rest.push(long.to_owned()) }
            } else if let Some(size) = next
                .filter(|_| item.sep != Sep::Hyphen)
                .or(previous.filter(|_| next.is_none()))
                .and_then(|w| words::size_of(&item.text, w))
            {
                sizes.push(size);
            } else {
                rest.push(item.text.clone());
            }
        }
        ordinals.sort();
        ordinals.into_iter().chain(sizes).chain(rest).collect::<Vec<_>>().join(" ")
    }
}
