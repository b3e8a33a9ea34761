//! Names with a type before or after them: «ул. Тверская», «Тверская улица», «7-й мкр.», «район Арбат».

use super::Note;
use super::lex::{Item, Kind, Sep};
use super::parse::Line;
use super::parts::Street;
use super::places;
use super::words::{self, Gender, Role};

impl Line {
    /// «7-й мкр.», «мкр. 7», «квартал 5», «41 км»: a part of a place that a number names.
    pub(super) fn areas_by_number(&mut self) {
        for at in 0..self.items.len() {
            let Some(item) = self.get(at) else { continue };
            let Some(Role::Area(kind)) = item.role.filter(|_| !item.used) else { continue };
            let glued = item.sep;
            let left = at.checked_sub(1).filter(|i| {
                glued != Sep::Comma
                    && self.get(*i).is_some_and(|p| !p.used && p.kind != Kind::Word)
                    && !i
                        .checked_sub(1)
                        .is_some_and(|j| self.get(j).is_some_and(|p| !p.used && matches!(p.role, Some(Role::Area(_)))))
            });
            let right = Some(at + 1).filter(|i| {
                self.get(*i).is_some_and(|n| !n.used && n.kind != Kind::Word && n.sep != Sep::Comma)
                    && self.get(*i + 1).is_none_or(|n| n.kind != Kind::Word || n.sep != Sep::Space || n.role.is_some())
            });
            let left = left
                .filter(|_| right.is_none() || self.get(at - 1).is_some_and(|p| p.kind == Kind::Ord) || kind == "км");
            let Some(number) = left.or(right) else { continue };
            let mut name = self.text(number).to_owned();
            let mut end = number + 1;
            if number > at
                && let Some(letter) = self.get(end).filter(|l| {
                    l.kind == Kind::Word
                        && matches!(l.sep, Sep::Glue | Sep::Hyphen)
                        && l.text.chars().count() == 1
                        && l.role.is_none()
                })
            {
                name.push_str(&letter.text);
                end += 1;
            }
            self.parts.areas.insert((kind.to_owned(), name));
            self.take(number..end);
            self.take(at..at + 1);
        }
    }

    /// «улица Набережная»: of two types in one segment, the one that says «улица» is the type, the other the name.
    pub(super) fn rival_streets(&mut self) {
        for at in 0..self.items.len() {
            if self.get(at).is_none_or(|i| i.used || i.role != Some(Role::Street("ул."))) {
                continue;
            }
            let after = self.right_run(at).end;
            let before =
                self.left_run(at).start.checked_sub(1).filter(|i| self.get(i + 1).is_some_and(|n| n.sep != Sep::Comma));
            // «ул. Тверская наб. Смоленская» has a name for each.
            let after = Some(after).filter(|i| {
                self.get(*i).is_some_and(|n| n.sep != Sep::Comma) && (*i == at + 1 || !self.word_follows(*i))
            });
            let before = before.filter(|i| i + 1 == at || self.left_run(*i).is_empty());
            for other in [after, before].into_iter().flatten() {
                let full = matches!(
                    self.text(other),
                    "набережная"
                        | "площадь"
                        | "аллея"
                        | "линия"
                        | "дорога"
                        | "просека"
                        | "шоссе"
                        | "проезд"
                        | "бульвар"
                        | "проспект"
                        | "переулок"
                        | "тракт"
                        | "спуск"
                );
                if full
                    && self
                        .get(other)
                        .is_some_and(|i| !i.used && matches!(i.role, Some(Role::Street(kind)) if kind != "ул."))
                {
                    self.set_role(other, None);
                }
            }
        }
    }

    /// «ул. Ленинская Слобода», «Ленинская Слобода ул.»: a full word that could announce a place belongs to the street.
    pub(super) fn words_of_streets(&mut self) {
        for at in 0..self.items.len() {
            let Some(item) = self.get(at).filter(|i| !i.used && i.text.chars().count() > 3) else { continue };
            let place = matches!(
                item.role,
                Some(Role::Settlement(_) | Role::Area(_) | Role::City | Role::District | Role::Complex | Role::Metro)
            );
            if !place || (self.word_follows(at) && self.get(at + 1).is_some_and(|n| n.role.is_none())) {
                continue;
            }
            let street = |i: usize| self.get(i).is_some_and(|n| !n.used && matches!(n.role, Some(Role::Street(_))));
            let next = self.get(at + 1).is_some_and(|n| n.sep != Sep::Comma);
            let closed = next && street(at + 1) && !self.word_follows(at + 1);
            let left = self.left_run(at);
            let opened = !left.is_empty()
                && left.start.checked_sub(1).is_some_and(street)
                && self.get(left.start).is_some_and(|n| n.sep != Sep::Comma)
                && !self.suffix_before(left.start);
            if closed || opened {
                self.set_role(at, None);
            }
        }
    }

    /// Names with a type before or after them.
    pub(super) fn typed(&mut self) {
        for at in 0..self.items.len() {
            let Some(item) = self.get(at) else { continue };
            let Some(role) = item.role.filter(|_| !item.used) else { continue };
            if matches!(
                role,
                Role::House(_)
                    | Role::Block
                    | Role::Building
                    | Role::Letter
                    | Role::Structure
                    | Role::Flat(_)
                    | Role::Region(_)
            ) {
                continue;
            }
            if matches!(role, Role::Noise | Role::Skip | Role::Metro) {
                self.take(at..at + 1);
                continue;
            }
            let Some(range) = self.named_by(at, role) else {
                // A full word that names nothing may be part of a name: it is kept, as text.
                match role {
                    Role::Street(_) => {}
                    _ if self.text(at).chars().count() > 3 => self.set_role(at, None),
                    _ => self.take(at..at + 1),
                }
                continue;
            };
            let name = self.name(&range);
            let ambiguous = matches!(role, Role::Street(_)) && item_is(&self.items, at, "пр");
            self.take(range);
            self.take(at..at + 1);
            if ambiguous {
                self.notes.insert(Note::AmbiguousPr);
            }
            self.put(role, name);
        }
    }

    fn named_by(&self, at: usize, role: Role) -> Option<std::ops::Range<usize>> {
        let (left, right) = (self.left_run(at), self.right_run(at));
        // «1-я улица Машиностроения», «Большой проспект П.С.»
        let only_numbers = |r: &std::ops::Range<usize>| {
            r.clone().all(|i| self.get(i).is_some_and(|i| i.kind == Kind::Ord || words::is_size(&i.text)))
        };
        if !left.is_empty() && !right.is_empty() && only_numbers(&left) && matches!(role, Role::Street(_)) {
            return Some(left.start..right.end);
        }
        let gender = words::gender(role);
        let closes = gender.is_some_and(|g| {
            left.clone().last().is_some_and(|i| self.get(i).is_some_and(|i| words::agrees(&i.text, g)))
        });
        if !left.is_empty() && (right.is_empty() || closes) {
            return Some(self.adjectives(left, gender, closes));
        }
        if right.is_empty() {
            return None;
        }
        // «дер. Ивановка Ленина ул.»: the type that comes next closes a name of its own.
        let small = matches!(role, Role::City | Role::Settlement(_) | Role::District | Role::Area(_));
        if small && right.len() > 1 {
            let next = self.get(right.end);
            let comma = next.is_none_or(|n| n.sep == Sep::Comma);
            let closing_type = next.is_some_and(|n| matches!(n.role, Some(Role::Street(_))) && n.sep != Sep::Comma)
                && !self.word_follows(right.end);
            let number = next.is_some_and(|n| n.kind == Kind::Num || matches!(n.role, Some(Role::House(_))))
                && self.parts.street.is_none()
                && !comma;
            let street_later =
                self.items.iter().skip(right.end).any(|i| !i.used && matches!(i.role, Some(Role::Street(_))));
            if closing_type || (number && !street_later && matches!(role, Role::City | Role::Settlement(_))) {
                let mut end = right.start + 1;
                while end < right.end && self.get(end).is_some_and(|i| i.sep == Sep::Hyphen) {
                    end += 1;
                }
                return Some(right.start..end);
            }
        }
        Some(right)
    }

    /// Of the run before a type, what belongs to it: adjectives that agree, ordinals and what a hyphen holds.
    fn adjectives(&self, run: std::ops::Range<usize>, gender: Option<Gender>, closes: bool) -> std::ops::Range<usize> {
        let (Some(gender), true) = (gender, closes) else { return run };
        let mut start = run.end - 1;
        while start > run.start {
            let hyphen = self.get(start).is_some_and(|i| i.sep == Sep::Hyphen);
            let fits = self.get(start - 1).is_some_and(|i| {
                i.kind == Kind::Ord
                    || words::agrees(&i.text, gender)
                    || words::is_size(&i.text)
                    || i.text.chars().count() <= 3
                    || i.dot
            });
            if !hyphen && !fits {
                break;
            }
            start -= 1;
        }
        start..run.end
    }

    fn put(&mut self, role: Role, name: String) {
        let parts = &mut self.parts;
        match role {
            Role::Street(kind) if parts.street.is_none() => parts.street = Some(Street { kind: kind.to_owned(), name }),
            Role::Street(kind) => {
                parts.extra.insert(format!("{kind} {name}"));
            }
            Role::City if parts.city.is_empty() => parts.city = name,
            Role::City if parts.city == name => {}
            Role::City if parts.settlement.is_none() => {
                if places::is_city_region(&parts.city) {
                    parts.city_region = std::mem::replace(&mut parts.city, name);
                } else {
                    parts.settlement = Some(("г.".to_owned(), name));
                }
            }
            Role::Settlement(kind) if parts.settlement.is_none() => parts.settlement = Some((kind.to_owned(), name)),
            Role::Settlement(kind) | Role::Area(kind) => {
                parts.areas.insert((kind.to_owned(), name));
            }
            Role::Complex => {
                parts.complexes.insert(name);
            }
            Role::District => {
                parts.districts.insert(name);
            }
            _ => {
                parts.extra.insert(name);
            }
        }
    }
}

fn item_is(items: &[Item], at: usize, text: &str) -> bool {
    items.get(at).is_some_and(|i| i.text == text)
}
