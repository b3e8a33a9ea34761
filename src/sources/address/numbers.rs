//! The numbers of an address: house, block, building, letter, flat, and where each of them ends.

use super::Note;
use super::lex::{Kind, Sep};
use super::parse::Line;
use super::words::Role;

/// A value and where it ends.
struct Value {
    text: String,
    letter: String,
    end: usize,
    range: bool,
}

/// What a value may be besides digits.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Letters {
    /// Nothing.
    None,
    /// «литера Б», «корпус А».
    Short,
    /// «пом. II».
    Roman,
}

/// Numbers that a mark announces: «д. 7», «к2», «стр. 1», «литера Б», «кв. 12/1».
pub(super) fn marked(line: &mut Line) {
    let mut previous: Option<Role> = None;
    for at in 0..line.items.len() {
        let Some(item) = line.get(at).filter(|i| !i.used) else { continue };
        let Some(role) = item.role else { continue };
        let role = match (role, previous) {
            // «кв. 5 к. 2»: a room, not a block, where the flat stands just before.
            (Role::Block, Some(Role::Flat("")))
                if item.text == "к" && at.checked_sub(1).is_some_and(|p| line.get(p).is_some_and(|i| i.used)) =>
            {
                Role::Flat("комн.")
            }
            (role, _) => role,
        };
        let house = match role {
            Role::House(_) | Role::Block | Role::Building | Role::Letter | Role::Structure | Role::Flat(_) => {
                matches!(role, Role::House(_))
            }
            Role::Skip => {
                skip(line, at);
                continue;
            }
            _ => continue,
        };
        let letters = match role {
            Role::Letter | Role::Block | Role::Building | Role::Structure => Letters::Short,
            Role::Flat(_) => Letters::Roman,
            _ => Letters::None,
        };
        let Some(value) = value(line, at + 1, house, letters) else { continue };
        let end = value.end;
        put(line, role, value);
        for item in line.items.iter_mut().skip(at).take(end - at) {
            item.used = true;
        }
        previous = Some(role);
    }
}

/// «этаж 3», «3 этаж», «подъезд 2».
fn skip(line: &mut Line, at: usize) {
    let next = line.get(at + 1).is_some_and(|n| n.kind == Kind::Num && n.sep != Sep::Comma);
    let range = if next {
        at..at + 2
    } else if at > 0
        && line.get(at).is_some_and(|i| i.sep != Sep::Comma)
        && line.get(at - 1).is_some_and(|p| p.kind != Kind::Word && !p.used)
    {
        at - 1..at + 1
    } else {
        at..at + 1
    };
    for item in line.items.iter_mut().skip(range.start).take(range.len()) {
        item.used = true;
    }
}

/// Numbers without a mark: the first is the house, the next the flat, a further one is kept as it is.
pub(super) fn bare(line: &mut Line) {
    for at in 0..line.items.len() {
        let Some(item) = line.get(at).filter(|i| !i.used && i.kind == Kind::Num) else { continue };
        let long = item.text.len() > 5;
        let Some(value) = value(line, at, true, Letters::None) else { continue };
        let end = value.end;
        // A number that is neither stays behind the flat, so that it keeps lines apart.
        let role = if long {
            line.notes.insert(Note::UnrecognisedText);
            Role::Flat("№")
        } else if line.parts.house.is_none() {
            Role::House("д.")
        } else if line.parts.flat.is_empty() {
            line.notes.insert(Note::FlatAssumed);
            Role::Flat("")
        } else {
            line.notes.insert(Note::UnrecognisedText);
            Role::Flat("№")
        };
        put(line, role, value);
        for item in line.items.iter_mut().skip(at).take(end - at) {
            item.used = true;
        }
    }
}

/// Reads a value at `at`: digits with `/` and `-`, a letter behind them; or letters alone where `letters` says so.
fn value(line: &Line, at: usize, house: bool, letters: Letters) -> Option<Value> {
    let first = line.get(at).filter(|i| !i.used)?;
    if first.kind == Kind::Word {
        let roman = first.text.chars().all(|c| matches!(c, 'i' | 'v' | 'x' | 'х'));
        let fits = match letters {
            Letters::None => false,
            Letters::Short => first.text.chars().count() <= 2,
            Letters::Roman => roman && first.text.len() <= 8,
        };
        return (fits && first.sep != Sep::Comma).then(|| Value {
            // «X» alone was read as Cyrillic.
            text: if roman { first.text.replace('х', "x") } else { first.text.clone() },
            letter: String::new(),
            end: at + 1,
            range: false,
        });
    }
    if first.kind != Kind::Num {
        return None;
    }
    let (mut text, mut letter, mut range) = (first.text.clone(), String::new(), false);
    let mut end = at + 1;
    while let Some(next) = line.get(end).filter(|n| !n.used) {
        let alone = next.text.chars().count() == 1;
        match (next.kind, next.sep) {
            (Kind::Num, Sep::Slash) => {
                text = format!("{text}{letter}/{}", next.text);
                letter.clear();
            }
            (Kind::Num, Sep::Hyphen) => {
                text = format!("{text}{letter}-{}", next.text);
                letter.clear();
                range = true;
            }
            (Kind::Word, Sep::Glue | Sep::Hyphen | Sep::Slash) if alone && letter.is_empty() && !mark(line, end) => {
                letter.clone_from(&next.text)
            }
            (Kind::Word, Sep::Space) if alone && letter.is_empty() && spaced_letter(line, end) => {
                letter.clone_from(&next.text)
            }
            _ => break,
        }
        end += 1;
    }
    if !house && !letter.is_empty() {
        text.push_str(&letter);
        letter.clear();
    }
    Some(Value { text, letter, end, range })
}

/// The letter at `at` announces the number after it.
fn mark(line: &Line, at: usize) -> bool {
    line.get(at).is_some_and(|i| i.role.is_some())
        && line.get(at + 1).is_some_and(|n| n.kind == Kind::Num && n.sep != Sep::Comma)
}

/// «8 Б», not «7 г. Москва» or «7 А. Невского».
fn spaced_letter(line: &Line, at: usize) -> bool {
    let Some(item) = line.get(at) else { return false };
    let next = line.get(at + 1).filter(|n| n.sep != Sep::Comma && !n.used);
    let next_name = next.is_some_and(|n| n.kind != Kind::Num && n.role.is_none());
    let preposition = matches!(item.text.as_str(), "и" | "у" | "м");
    item.role.is_none()
        && !(next_name && (item.dot || matches!(item.text.as_str(), "г" | "с" | "д" | "п" | "м" | "х" | "ш" | "к")))
        && !(preposition && next_name)
        && !next.is_some_and(|n| n.kind == Kind::Num && n.sep == Sep::Glue)
}

fn put(line: &mut Line, role: Role, value: Value) {
    let parts = &mut line.parts;
    if value.range && !matches!(role, Role::Flat(_)) {
        line.notes.insert(Note::HouseRange);
    }
    let Value { text, letter, .. } = value;
    match role {
        Role::House(kind) if parts.house.is_none() => {
            parts.house = Some((kind.to_owned(), text));
            if !letter.is_empty() && parts.letter.is_empty() {
                parts.letter = letter;
            }
        }
        Role::Block if parts.block.is_empty() => parts.block = text,
        Role::Building if parts.building.is_empty() => parts.building = text,
        Role::Structure if parts.structure.is_empty() => parts.structure = text,
        Role::Letter if parts.letter.is_empty() => parts.letter = text,
        Role::Flat(kind) => {
            parts.flat.push((kind.to_owned(), text + &letter));
        }
        other => {
            let kind = match other {
                Role::House(kind) => kind,
                Role::Block => "к.",
                Role::Building => "стр.",
                Role::Structure => "соор.",
                _ => "лит.",
            };
            parts.more.insert((kind.to_owned(), text + &letter));
        }
    }
}
