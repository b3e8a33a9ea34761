//! The parts of an address, the key that they make, and the one way to print them.

use super::places;
use std::collections::BTreeSet;

/// A street: its type as printed («ул.»; empty when the line gave none) and its name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Street {
    pub(super) kind: String,
    pub(super) name: String,
}

/// What an address line says, each part in one canonical form. Empty text: the line does not say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Parts {
    /// Empty for Russia.
    pub(super) country: String,
    pub(super) region: String,
    /// Only beside a settlement that is no town.
    pub(super) districts: BTreeSet<String>,
    pub(super) city: String,
    /// The region of a well-known town; used while parsing only.
    pub(super) city_region: String,
    pub(super) settlement: Option<(String, String)>,
    pub(super) areas: BTreeSet<(String, String)>,
    pub(super) complexes: BTreeSet<String>,
    /// Text that nothing explained.
    pub(super) extra: BTreeSet<String>,
    pub(super) street: Option<Street>,
    pub(super) house: Option<(String, String)>,
    pub(super) letter: String,
    pub(super) block: String,
    pub(super) building: String,
    pub(super) structure: String,
    /// Further numbers with their marks («вл. 5, д. 2»).
    pub(super) more: BTreeSet<(String, String)>,
    /// In the line's order: a room is of the flat before it.
    pub(super) flat: Vec<(String, String)>,
    /// Not part of the key.
    pub(super) postcode: Option<String>,
}

impl Parts {
    /// The parts without the flat.
    pub(super) fn whole_building(&self) -> Self {
        Self { flat: Vec::new(), ..self.clone() }
    }

    /// The components of the key in their order, each to be hashed with its length before it.
    pub(super) fn key(&self) -> Vec<String> {
        let mut key = vec!["ru".to_owned(), self.country.clone(), self.region.clone()];
        let list = |key: &mut Vec<String>, items: Vec<String>| {
            key.push(items.len().to_string());
            key.extend(items);
        };
        let pairs =
            |set: &BTreeSet<(String, String)>| set.iter().flat_map(|(a, b)| [a.clone(), b.clone()]).collect::<Vec<_>>();
        list(&mut key, self.districts.iter().cloned().collect());
        key.push(self.city.clone());
        let (kind, name) = self.settlement.clone().unwrap_or_default();
        key.extend([kind, name]);
        list(&mut key, pairs(&self.areas));
        list(&mut key, self.complexes.iter().cloned().collect());
        list(&mut key, self.extra.iter().cloned().collect());
        let street = self.street.clone().unwrap_or_default();
        key.extend([street.kind, street.name]);
        let (kind, number) = self.house.clone().unwrap_or_default();
        key.extend([
            kind,
            number,
            self.letter.clone(),
            self.block.clone(),
            self.building.clone(),
            self.structure.clone(),
        ]);
        list(&mut key, pairs(&self.more));
        list(&mut key, self.flat.iter().flat_map(|(a, b)| [a.clone(), b.clone()]).collect());
        key
    }

    /// A house, block or building has a number.
    pub(super) fn is_housed(&self) -> bool {
        self.house.is_some() || !self.building.is_empty() || !self.block.is_empty() || !self.structure.is_empty()
    }

    /// Something is named, and it is more than a word that may be anything.
    pub(super) fn is_usable(&self) -> bool {
        let settlement = self.settlement.as_ref();
        let street = self.street.as_ref();
        let mut names =
            [self.region.as_str(), self.city.as_str(), settlement.map_or("", |s| &s.1), street.map_or("", |s| &s.name)]
                .into_iter()
                .chain(self.areas.iter().map(|a| a.1.as_str()))
                .chain(self.complexes.iter().map(String::as_str));
        let named = names.any(|n| n.chars().filter(|c| c.is_alphabetic()).count() > 1);
        let typed = !self.region.is_empty()
            || !self.city.is_empty()
            || settlement.is_some_and(|s| !s.0.is_empty())
            || street.is_some_and(|s| !s.kind.is_empty())
            || !self.areas.is_empty()
            || !self.complexes.is_empty();
        named && (typed || self.is_housed())
    }

    /// The flat for people: the number alone for a flat, with its mark for another kind of premises.
    pub(super) fn flat_text(&self) -> Option<String> {
        let parts: Vec<String> = self
            .flat
            .iter()
            .map(|(kind, number)| if kind.is_empty() { upper(number) } else { format!("{kind} {}", upper(number)) })
            .collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }

    /// The address as one line, largest part first.
    pub(super) fn print(&self) -> String {
        let mut out: Vec<String> = Vec::new();
        if !self.country.is_empty() {
            out.push(title(&self.country));
        }
        if !self.region.is_empty() && self.region != self.city {
            let city = places::is_city_region(&self.region);
            out.push(if city {
                format!("г. {}", place(&self.region))
            } else {
                region(&places::written(&self.region))
            });
        }
        out.extend(self.districts.iter().map(|d| format!("{} р-н", title(d))));
        if !self.city.is_empty() {
            out.push(format!("г. {}", place(&self.city)));
        }
        if let Some((kind, name)) = &self.settlement {
            out.push(spaced(kind, &place(name)));
        }
        out.extend(self.areas.iter().map(|(kind, name)| spaced(kind, &title(name))));
        out.extend(self.complexes.iter().map(|name| format!("ЖК {}", title(name))));
        out.extend(self.extra.iter().map(|text| title(text)));
        if let Some(street) = &self.street {
            out.push(spaced(&street.kind, &title(&ordinals(&street.name, &street.kind))));
        }
        let short = self.letter.chars().count() == 1 && self.house.is_some();
        if let Some((kind, number)) = &self.house {
            out.push(format!("{kind} {}{}", upper(number), if short { upper(&self.letter) } else { String::new() }));
        }
        let numbers = [
            ("лит.", if short { "" } else { self.letter.as_str() }),
            ("к.", &self.block),
            ("стр.", &self.building),
            ("соор.", &self.structure),
        ];
        out.extend(numbers.iter().filter(|(_, n)| !n.is_empty()).map(|(kind, n)| format!("{kind} {}", upper(n))));
        out.extend(self.more.iter().map(|(kind, n)| format!("{kind} {}", upper(n))));
        out.extend(
            self.flat.iter().map(|(kind, n)| format!("{} {}", if kind.is_empty() { "кв." } else { kind }, upper(n))),
        );
        out.join(", ")
    }
}

fn spaced(kind: &str, name: &str) -> String {
    match kind {
        "" => name.to_owned(),
        "снт" | "гск" | "днт" => format!("{} {name}", upper(kind)),
        _ => format!("{kind} {name}"),
    }
}

fn region(name: &str) -> String {
    match (name.strip_suffix(" область"), name.strip_prefix("республика ")) {
        (Some(stem), _) => format!("{} обл.", title(stem)),
        (_, Some(rest)) => format!("Респ. {}", title(rest)),
        _ => name
            .split(' ')
            .map(|w| {
                if matches!(w, "край" | "республика" | "автономный" | "автономная" | "округ" | "область")
                {
                    w.to_owned()
                } else {
                    title(w)
                }
            })
            .collect::<Vec<_>>()
            .join(" "),
    }
}

/// Ordinals agree with the street's type when printed: «4-я», «4-й», «4-е».
fn ordinals(name: &str, kind: &str) -> String {
    let end = match kind {
        "ул." | "наб." | "пл." | "аллея" | "линия" | "просека" | "дорога" => "я",
        "ш." => "е",
        _ => "й",
    };
    name.split(' ')
        .map(|w| match w.strip_suffix("-й").filter(|n| n.bytes().all(|b| b.is_ascii_digit())) {
            Some(number) => format!("{number}-{end}"),
            None => w.to_owned(),
        })
        .collect::<Vec<_>>()
        .join(" ")
}

fn upper(text: &str) -> String {
    text.to_uppercase()
}

fn place(name: &str) -> String {
    title(&places::written(name))
}

fn title(text: &str) -> String {
    text.split(' ').map(|word| word.split('-').map(capital).collect::<Vec<_>>().join("-")).collect::<Vec<_>>().join(" ")
}

fn capital(word: &str) -> String {
    if matches!(word, "на" | "лет" | "летия" | "года" | "при" | "за" | "й" | "я" | "е")
        || word.starts_with(|c: char| c.is_ascii_digit())
    {
        return word.to_owned();
    }
    let mut chars = word.chars();
    chars.next().map(|c| c.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
