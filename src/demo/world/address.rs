//! Which place of the demo's world an address names.
//!
//! Every text names one: the demo has no register of addresses. Spellings of one address are joined only as far as this
//! server needs it (case, ё, punctuation, words like «ул.» or «дом»); joining them properly is the caller's work.

use super::Showcase;

/// A place: the building's words in their order, and the flat if one was named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// What all flats of one building share.
    pub building: String,
    /// The flat's number.
    pub flat: Option<String>,
    /// The named show-case at this place.
    pub showcase: Option<Showcase>,
}

/// Words that say what kind of name stands beside them.
const KINDS: [&str; 40] = [
    "г",
    "гор",
    "город",
    "ул",
    "улица",
    "д",
    "дом",
    "пр",
    "кт",
    "пркт",
    "просп",
    "проспект",
    "пер",
    "переулок",
    "б",
    "р",
    "бул",
    "бульвар",
    "пл",
    "площадь",
    "ш",
    "шоссе",
    "наб",
    "набережная",
    "обл",
    "область",
    "край",
    "респ",
    "республика",
    "р-н",
    "район",
    "п",
    "пос",
    "поселок",
    "с",
    "село",
    "рф",
    "россия",
    "российская",
    "федерация",
];

impl Place {
    /// The place that a text names.
    pub fn of(text: &str) -> Self {
        let mut words: Vec<String> = Vec::new();
        let mut flat = None;
        let mut flat_follows = false;
        for word in split(text) {
            match word.as_str() {
                "кв" | "квартира" | "flat" | "apt" => flat_follows = true,
                _ if flat_follows => {
                    flat = Some(word);
                    flat_follows = false;
                }
                "корп" | "корпус" => words.push("к".to_owned()),
                _ if KINDS.contains(&word.as_str()) => {}
                // A postcode says nothing that the rest does not.
                _ if word.len() == 6 && word.bytes().all(|byte| byte.is_ascii_digit()) => {}
                _ => words.push(word),
            }
        }
        let showcase = Showcase::ALL.into_iter().find(|case| {
            let (street, house) = case.mark();
            words.iter().position(|word| word == street).is_some_and(|at| words.get(at + 1).is_some_and(|w| w == house))
        });
        Self { building: words.join(" "), flat, showcase }
    }
}

/// Lower-case words without punctuation; a change between letters and digits parts words too.
fn split(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut last = None;
    for c in text.to_lowercase().chars().map(|c| if c == 'ё' { 'е' } else { c }) {
        let class = if c.is_numeric() { Some(true) } else { c.is_alphabetic().then_some(false) };
        if class.is_none() || class != last {
            words.push(String::new());
        }
        if class.is_some()
            && let Some(word) = words.last_mut()
        {
            word.push(c);
        }
        last = class;
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_address_are_one_building() {
        let plain = Place::of("г Небывалинск, ул Вымышленная, д 8 к 2, кв 12");
        for other in
            ["Небывалинск, улица Вымышленная, дом 8 корп. 2, кв.12", "101000, г. Небывалинск ул.ВЫМЫШЛЕННАЯ 8к2 кв 12"]
        {
            assert_eq!(Place::of(other), plain, "{other}");
        }
        assert_eq!(plain.flat.as_deref(), Some("12"));
        assert_ne!(Place::of("г Небывалинск, ул Вымышленная, д 82").building, plain.building);
    }

    #[test]
    fn show_cases_are_found_by_their_street_and_house_only() {
        assert_eq!(Place::of("г Небывалинск, ул Вымышленная, д 7, кв 12").showcase, Some(Showcase::Low));
        assert_eq!(Place::of("г Небывалинск, ул Вымышленная, д 70").showcase, None);
        for case in Showcase::ALL {
            assert_eq!(Place::of(case.address()).showcase, Some(case));
        }
    }
}
