//! Tidy text cut into items: words, numbers and ordinals, with what stood between them.

use super::words::{self, Role};

/// What stood before an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sep {
    /// The start of the line, or a comma.
    Comma,
    /// White space, or a full stop.
    Space,
    /// Nothing: «7к2».
    Glue,
    /// A hyphen without spaces.
    Hyphen,
    /// A slash.
    Slash,
}

/// What an item is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Letters.
    Word,
    /// Digits.
    Num,
    /// An ordinal number, its text the digits: «4-я», «четвёртая».
    Ord,
}

/// One item of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its text.
    pub text: String,
    /// What it is made of.
    pub kind: Kind,
    /// What stood before it.
    pub sep: Sep,
    /// A full stop followed.
    pub dot: bool,
    /// What it announces; settled by `parse` with its neighbours.
    pub role: Option<Role>,
    /// Already part of the address.
    pub used: bool,
}

/// Phrases that are one word of the field.
const PHRASES: &[(&[&str], &str)] = &[
    (&["поселок", "городского", "типа"], "пгт"),
    (&["пос", "городского", "типа"], "пгт"),
    (&["п", "г", "т"], "пгт"),
    (&["рабочий", "поселок"], "рп"),
    (&["раб", "пос"], "рп"),
    (&["дачный", "поселок"], "дп"),
    (&["коттеджный", "поселок"], "кп"),
    (&["садовое", "товарищество"], "снт"),
    (&["садовое", "некоммерческое", "товарищество"], "снт"),
    (&["садоводческое", "некоммерческое", "товарищество"], "снт"),
    (&["жилой", "комплекс"], "жк"),
    (&["автономный", "округ"], "ао"),
    (&["городской", "округ"], "округ"),
    (&["муниципальный", "округ"], "округ"),
    (&["муниципальный", "район"], "район"),
    (&["административный", "округ"], "округ"),
    (&["внутригородской", "район"], "район"),
    (&["сельское", "поселение"], "поселение"),
    (&["городское", "поселение"], "поселение"),
    (&["станция", "метро"], "метро"),
    (&["ст", "метро"], "метро"),
    (&["ст", "м"], "метро"),
    (&["земельный", "участок"], "участок"),
    (&["вн", "тер", "г"], "тер"),
    (&["внутригородская", "территория"], "тер"),
    (&["внутригородское", "муниципальное", "образование"], "округ"),
    (&["жилой", "дом"], "дом"),
    (&["жилой", "район"], "жилмассив"),
    (&["жилой", "массив"], "жилмассив"),
];

/// Words that a hyphen or a slash holds together, whose parts mean nothing.
fn joined(text: &str) -> bool {
    (text.contains('-') || text.contains('/')) && words::role(text).is_some()
}

/// Cuts a tidy line.
pub fn lex(text: &str) -> Vec<Item> {
    let mut items = atoms(text);
    hyphened(&mut items);
    phrases(&mut items);
    split_glued(&mut items);
    ordinals(&mut items);
    noise(&mut items);
    for item in &mut items {
        if item.kind == Kind::Word && !matches!(item.sep, Sep::Hyphen | Sep::Slash) {
            item.role = words::role(&item.text);
        }
    }
    items
}

fn atoms(text: &str) -> Vec<Item> {
    let mut items: Vec<Item> = Vec::new();
    let mut sep = Sep::Comma;
    let mut fresh = true; // the last character was not part of an item
    for c in text.chars() {
        let kind = if c.is_ascii_digit() {
            Kind::Num
        } else if c.is_alphabetic() {
            Kind::Word
        } else {
            sep = match (c, sep) {
                (',', _) => Sep::Comma,
                (_, Sep::Comma) => Sep::Comma,
                ('.', _) => {
                    if let Some(last) = items.last_mut().filter(|_| !fresh) {
                        last.dot = true;
                    }
                    Sep::Space
                }
                ('-', Sep::Glue) if !fresh => Sep::Hyphen,
                ('/', _) => Sep::Slash,
                (' ', Sep::Slash) => Sep::Slash,
                _ => Sep::Space,
            };
            fresh = true;
            continue;
        };
        match items.last_mut() {
            Some(last) if !fresh && last.kind == kind => last.text.push(c),
            _ => {
                items.push(Item { text: c.to_string(), kind, sep, dot: false, role: None, used: false });
            }
        }
        fresh = false;
        sep = Sep::Glue;
    }
    items
}

fn phrases(items: &mut Vec<Item>) {
    let mut at = 0;
    while at < items.len() {
        for (phrase, word) in PHRASES {
            let hit = phrase.iter().enumerate().all(|(n, part)| {
                items
                    .get(at + n)
                    .is_some_and(|i| i.text == *part && (n == 0 || matches!(i.sep, Sep::Space | Sep::Glue)))
            });
            // Letters alone («р п») need their full stops; «п. г. т.» is plain enough.
            if hit {
                items.drain(at + 1..at + phrase.len());
                if let Some(item) = items.get_mut(at) {
                    item.text = (*word).to_owned();
                    item.dot = false;
                }
                break;
            }
        }
        at += 1;
    }
    // «г.о.», «м.о.», «р.п.», «с.т.», «с.п.»: only with both full stops or a slash between.
    let mut at = 0;
    while at + 1 < items.len() {
        let pair = match (items.get(at), items.get(at + 1)) {
            // «м.р-н»
            (Some(a), Some(b)) if a.text == "м" && a.dot && b.text == "р-н" => ("м".to_owned(), "р".to_owned()),
            (Some(a), Some(b)) if a.dot && b.dot && b.sep == Sep::Space && a.kind == Kind::Word => {
                (a.text.clone(), b.text.clone())
            }
            _ => {
                at += 1;
                continue;
            }
        };
        let word = match (pair.0.as_str(), pair.1.as_str()) {
            ("г" | "м", "о") => "округ",
            ("р", "п") => "рп",
            ("с" | "г", "п") => "поселение",
            ("с", "т") => "снт",
            ("м", "р") => "район",
            ("в", "о") => "васильевского острова",
            ("п", "с") => "петроградской стороны",
            _ => {
                at += 1;
                continue;
            }
        };
        items.remove(at + 1);
        if let Some(item) = items.get_mut(at) {
            item.text = word.to_owned();
            item.dot = false;
        }
        at += 1;
    }
}

/// «пр-кт», «р-н», «м/м» become one item; «н/д» becomes «на дону».
fn hyphened(items: &mut Vec<Item>) {
    let mut at = 0;
    while at < items.len() {
        for more in [2usize, 1] {
            let Some(run) = items.get(at..=at + more) else { continue };
            let tied = run.iter().skip(1).all(|i| matches!(i.sep, Sep::Hyphen | Sep::Slash) && i.kind == Kind::Word);
            if !tied || run.first().is_some_and(|i| i.kind != Kind::Word || i.sep == Sep::Hyphen) {
                continue;
            }
            let text: String = run
                .iter()
                .enumerate()
                .map(|(n, i)| match (n, i.sep) {
                    (0, _) => i.text.clone(),
                    (_, Sep::Slash) => format!("/{}", i.text),
                    _ => format!("-{}", i.text),
                })
                .collect();
            if text == "н/д" {
                if let Some(i) = items.get_mut(at) {
                    i.text = "на".to_owned();
                }
                if let Some(i) = items.get_mut(at + 1) {
                    i.text = "дону".to_owned();
                    i.sep = Sep::Hyphen;
                }
                break;
            }
            if joined(&text) {
                let dot = items.get(at + more).is_some_and(|i| i.dot);
                items.drain(at + 1..=at + more);
                if let Some(i) = items.get_mut(at) {
                    i.text = text;
                    i.dot = dot;
                }
                break;
            }
        }
        at += 1;
    }
}

/// «95бк2»: the letter of the house and the mark of the block.
fn split_glued(items: &mut Vec<Item>) {
    let mut at = 0;
    while at < items.len() {
        let glued = items
            .get(at)
            .is_some_and(|i| i.kind == Kind::Word && matches!(i.sep, Sep::Glue | Sep::Hyphen | Sep::Slash))
            && at.checked_sub(1).and_then(|p| items.get(p)).is_some_and(|p| p.kind == Kind::Num)
            && items.get(at + 1).is_some_and(|n| n.kind == Kind::Num && matches!(n.sep, Sep::Glue | Sep::Space));
        if glued {
            let text = items.get(at).map(|i| i.text.clone()).unwrap_or_default();
            let mut chars = text.chars();
            let letter = chars.next().map(String::from).unwrap_or_default();
            let mark = chars.as_str().to_owned();
            let known = matches!(
                words::role(&mark),
                Some(Role::Block | Role::Building | Role::Letter | Role::Flat(_) | Role::Structure)
            );
            if words::role(&text).is_none()
                && known
                && let Some(item) = items.get_mut(at)
            {
                item.text = letter;
                item.dot = false;
                let mut second = item.clone();
                second.text = mark;
                second.sep = Sep::Glue;
                items.insert(at + 1, second);
            }
        }
        at += 1;
    }
}

/// «имени», «территория» say nothing, wherever they stand.
fn noise(items: &mut Vec<Item>) {
    let mut comma = false;
    items.retain_mut(|item| {
        let tied = matches!(item.sep, Sep::Hyphen | Sep::Slash | Sep::Glue);
        if item.kind == Kind::Word && !tied && words::role(&item.text) == Some(Role::Noise) {
            comma |= item.sep == Sep::Comma;
            return false;
        }
        if std::mem::take(&mut comma) && item.sep == Sep::Space {
            item.sep = Sep::Comma;
        }
        true
    });
}

fn ordinals(items: &mut Vec<Item>) {
    let mut at = 0;
    while at < items.len() {
        let ending = match (items.get(at), items.get(at + 1)) {
            (Some(n), Some(e)) => {
                n.kind == Kind::Num
                    && n.text.len() <= 3
                    && e.kind == Kind::Word
                    && words::is_ordinal_ending(&e.text)
                    // «7е» is a house with a letter, «7-е» an ordinal; «4я» needs a name after it.
                    && (e.sep == Sep::Hyphen
                        || (e.sep == Sep::Glue && e.text != "е" && items.get(at + 2).is_some_and(|w| w.kind == Kind::Word && w.sep == Sep::Space && (w.text.chars().count() > 2 || matches!(words::role(&w.text), Some(Role::Street(_)))))))
                    && !at.checked_sub(1).and_then(|p| items.get(p)).is_some_and(|p| matches!(words::role(&p.text), Some(Role::House(_))) && p.text != "вл")
            }
            _ => false,
        };
        if ending {
            items.remove(at + 1);
            // «8-го Марта» is «8 Марта».
            let named = items.get(at + 1).is_some_and(|n| words::follows_name_number(&n.text));
            if let Some(item) = items.get_mut(at) {
                item.kind = if named { Kind::Num } else { Kind::Ord };
            }
        } else if let Some(item) = items.get_mut(at).filter(|i| i.kind == Kind::Word)
            && let Some(n) = words::ordinal_word(&item.text)
        {
            item.text = n.to_string();
            item.kind = Kind::Ord;
        }
        at += 1;
    }
    for item in items.iter_mut().filter(|i| i.kind != Kind::Word) {
        let bare = item.text.trim_start_matches('0');
        item.text = if bare.is_empty() { "0".to_owned() } else { bare.to_owned() };
    }
}
