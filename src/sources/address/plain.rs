//! Addresses that are not written in Russian: one form for case, punctuation, white space and common short words.
//!
//! Nothing is known of the places, so the words keep their order and each of them counts. Diacritics stay.

/// A line in its plain form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plain {
    /// The words without the flat.
    pub(super) building: String,
    /// The flat's number.
    pub(super) flat: Option<String>,
    /// A number stands in the line.
    pub(super) numbered: bool,
    /// How many words of two letters or more.
    pub(super) words: usize,
}

impl Plain {
    /// Enough to be an address.
    pub(super) fn is_usable(&self) -> bool {
        self.words > 1 || (self.words == 1 && self.numbered)
    }

    /// The line for people; reads back as the same.
    pub(super) fn print(&self) -> String {
        match &self.flat {
            Some(flat) => format!("{}, apt {flat}", self.building),
            None => self.building.clone(),
        }
    }
}

/// Long words and the short ones that stand for them.
const SHORT: &[(&str, &str)] = &[
    ("street", "st"),
    ("saint", "st"),
    ("str", "st"),
    ("avenue", "ave"),
    ("av", "ave"),
    ("road", "rd"),
    ("boulevard", "blvd"),
    ("drive", "dr"),
    ("lane", "ln"),
    ("square", "sq"),
    ("court", "ct"),
    ("place", "pl"),
    ("highway", "hwy"),
    ("parkway", "pkwy"),
    ("terrace", "ter"),
    ("crescent", "cres"),
    ("close", "cl"),
    ("circle", "cir"),
    ("north", "n"),
    ("south", "s"),
    ("east", "e"),
    ("west", "w"),
    ("northeast", "ne"),
    ("northwest", "nw"),
    ("southeast", "se"),
    ("southwest", "sw"),
    ("building", "bldg"),
    ("floor", "fl"),
    ("mount", "mt"),
    ("apartment", "apt"),
    ("apartments", "apt"),
    ("flat", "apt"),
    ("unit", "apt"),
    ("suite", "ste"),
];

/// Brings a tidy line to its plain form.
pub(super) fn plain(text: &str) -> Plain {
    let spaced: String = text.chars().map(|c| if matches!(c, ',' | '.') { ' ' } else { c }).collect();
    let mut words: Vec<String> = spaced
        .split(' ')
        .map(|w| w.trim_matches(['-', '/']))
        .filter(|w| !w.is_empty())
        .map(|w| {
            SHORT.iter().find(|(long, _)| *long == w).map_or_else(|| w.to_owned(), |(_, short)| (*short).to_owned())
        })
        .collect();
    // One mark only: of two, nobody can say which is the flat's.
    let mark = words.iter().position(|w| w == "apt").filter(|_| words.iter().filter(|w| *w == "apt").count() == 1);
    let flat = mark.and_then(|at| {
        let number =
            words.get(at + 1).filter(|n| n.chars().any(|c| c.is_ascii_digit()) || n.chars().count() == 1)?.clone();
        (words.len() > 2).then(|| {
            words.drain(at..at + 2);
            number
        })
    });
    let numbered = words.iter().any(|w| w.chars().any(|c| c.is_ascii_digit()));
    let count = words.iter().filter(|w| *w != "apt" && w.chars().filter(|c| c.is_alphabetic()).count() > 1).count();
    Plain { building: words.join(" "), flat, numbered, words: count }
}
