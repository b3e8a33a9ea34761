//! One address, one subject: different spellings of an address line become one canonical form and one name.
//!
//! Pure: no input or output, no clock, no table that changes. Lines in Cyrillic letters are read as Russian addresses
//! (`parse`); others pass a plain normaliser (`plain`). A cadastral number is found in any text; alone, or beside words
//! that make no sound address, it names the property. What a line does not say is not invented: when two lines may mean two places, they get two subjects, and
//! a fact may join them later. `docs/addresses.md` says what is joined, what is not, and how both were measured.
//!
//! A subject is `property:` and the base32 of the first 16 bytes of BLAKE3 in derive-key mode, context
//! `mirano 2026 property v1`, over the components of the key, each with its length before it as u64 little-endian.
//! The components of a kind never change meaning; a new kind gets a new first component.

mod known;
mod lex;
mod numbers;
mod parse;
mod parts;
mod places;
mod plain;
mod rest;
mod text;
mod typed;
mod warning;
mod words;

use mirano_schemas::{Subject, base32};
use parts::Parts;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

use Warning as Note;
pub use text::{MAX_CHARS, cadastral};
pub use warning::Warning;

/// How sure the reading of an address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// Place, street and house are all named, nothing was assumed; or a cadastral number.
    Exact,
    /// As exact, after a repair that changes no meaning (Latin look-alikes, a dropped sign).
    High,
    /// One thing was assumed or is missing: a street's type, the region of a small place; any address not in Russian.
    Medium,
    /// No house, no place, or text that was not understood.
    Low,
    /// Hardly an address.
    Unknown,
}

/// An address, read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// The line as it was given.
    pub input: String,
    /// The address in its one form; reading it again gives the same subject.
    pub canonical: String,
    /// The canonical form without the flat: what building-level sources are asked about.
    pub building: String,
    /// The flat, or other premises with their mark («пом. 5»).
    pub flat: Option<String>,
    /// The cadastral number, zero-padded, if the line has one.
    pub cadastral: Option<String>,
    /// The postcode, six digits; not part of the subject.
    pub postcode: Option<String>,
    /// How sure the reading is.
    pub confidence: Confidence,
    /// The property's name, `property:<base32>`.
    pub subject: Subject,
    /// The building's name; equal to `subject` when the line names no flat.
    pub building_subject: Subject,
    /// What was assumed, missing or repaired, sorted.
    pub warnings: Vec<Warning>,
}

/// Text that no address can be read from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Nothing but white space.
    #[error("the address is empty")]
    Empty,
    /// Something, but no address.
    #[error("not an address: {reason}")]
    Unusable {
        /// Why.
        reason: Unusable,
    },
}

/// Why a line can't be an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// Nothing in it is a part of an address.
    #[error("it names no place, street or house")]
    Nowhere,
    /// No address is so long.
    #[error("longer than 600 characters")]
    TooLong,
}

const NOWHERE: AddressError = AddressError::Unusable { reason: Unusable::Nowhere };

impl AddressError {
    /// The stable code of the interface.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "address_empty",
            Self::Unusable { .. } => "address_unusable",
        }
    }
}

/// Reads an address line.
///
/// # Errors
/// [`AddressError::Empty`] for nothing, [`AddressError::Unusable`] for text that names no place.
pub fn canonicalise(input: &str) -> Result<Address, AddressError> {
    if input.chars().all(|c| c.is_whitespace() || c.is_control()) {
        return Err(AddressError::Empty);
    }
    if input.chars().nth(MAX_CHARS).is_some() {
        return Err(AddressError::Unusable { reason: Unusable::TooLong });
    }
    let (cadastral, rest) = text::take_cadastral(input);
    // «#4B» is a flat in English; in a Russian line the sign says nothing.
    let rest = if rest.chars().any(text::is_cyrillic) { rest } else { rest.replace('#', " apt ") };
    let tidied = text::tidy(&rest);
    let mut notes = BTreeSet::new();
    if tidied.lookalikes {
        notes.insert(Note::LookalikeLetters);
    }
    if tidied.dropped {
        notes.insert(Note::CharactersDropped);
    }
    let cyrillic = tidied.text.chars().any(text::is_cyrillic);
    let read = match (rest.trim_start().starts_with('='), cyrillic) {
        (true, _) => word_by_word(&tidied.text, &mut notes),
        (_, true) => russian(&tidied.text, &mut notes),
        (_, false) => elsewhere(&tidied.text, &mut notes),
    };
    let read = match (read, &cadastral) {
        (Ok(read), _) => read,
        (Err(_), Some(_)) => Read::default(),
        (Err(error), None) => return Err(error),
    };
    Ok(assemble(input, read, cadastral, notes))
}

/// A line read, whichever way.
#[derive(Default)]
struct Read {
    canonical: String,
    building: String,
    key: Vec<String>,
    building_key: Vec<String>,
    flat: Option<String>,
    postcode: Option<String>,
    confidence: Option<Confidence>,
}

fn assemble(input: &str, read: Read, cadastral: Option<String>, notes: BTreeSet<Note>) -> Address {
    let mut address = Address {
        input: input.to_owned(),
        canonical: read.canonical,
        building: read.building,
        flat: read.flat,
        cadastral: None,
        postcode: read.postcode,
        confidence: read.confidence.unwrap_or(Confidence::Unknown),
        subject: subject(&read.key),
        building_subject: subject(&read.building_key),
        warnings: notes.into_iter().collect(),
    };
    if let Some(number) = cadastral {
        // Words and number together: the words name the subject where they are sound, so that the same address
        // without the number reaches it too; else the number does.
        if read.key.is_empty() || address.confidence > Confidence::Medium {
            address.subject = subject(&["cadastral".to_owned(), number.clone()]);
            address.building_subject = address.subject.clone();
            address.canonical.clone_from(&number);
            address.building.clone_from(&number);
            address.flat = None;
            address.confidence = Confidence::Exact;
            address.warnings.clear();
        }
        address.cadastral = Some(number);
    }
    address
}

fn subject(key: &[String]) -> Subject {
    let mut hasher = blake3::Hasher::new_derive_key("mirano 2026 property v1");
    for component in key {
        hasher.update(&(component.len() as u64).to_le_bytes());
        hasher.update(component.as_bytes());
    }
    let mut out = [0u8; 16];
    hasher.finalize_xof().fill(&mut out);
    Subject(format!("property:{}", base32(&out)))
}

fn russian(text: &str, notes: &mut BTreeSet<Note>) -> Result<Read, AddressError> {
    let (first, first_notes) = parse::parse(text);
    let postcode = first.postcode.clone();
    let Some(parts) = settle(first) else { return word_by_word(text, notes) };
    if !parts.is_usable() {
        return Err(NOWHERE);
    }
    notes.extend(first_notes);
    let confidence = judge(&parts, notes);
    let building = parts.whole_building();
    Ok(Read {
        canonical: parts.print(),
        building: building.print(),
        key: parts.key(),
        building_key: building.key(),
        flat: parts.flat_text(),
        postcode,
        confidence: Some(confidence),
    })
}

/// A line whose reading does not settle: its words in their order. The sign `=` before it says so, and makes the
/// canonical line its own reading.
fn word_by_word(text: &str, notes: &mut BTreeSet<Note>) -> Result<Read, AddressError> {
    let line = plain::plain(text);
    if !line.is_usable() {
        return Err(NOWHERE);
    }
    notes.insert(Note::Unsettled);
    let key = |flat: &str| vec!["words".to_owned(), line.building.clone(), flat.to_owned()];
    Ok(Read {
        canonical: format!("= {}", line.print()),
        building: format!("= {}", line.building),
        key: key(line.flat.as_deref().unwrap_or_default()),
        building_key: key(""),
        flat: line.flat,
        postcode: None,
        confidence: Some(Confidence::Low),
    })
}

/// Follows the parts through print and parse until they stay the same, so that a canonical line is its own reading.
fn settle(first: Parts) -> Option<Parts> {
    let mut parts = Parts { postcode: None, ..first };
    for _ in 0..4 {
        let reread = |p: &Parts| parse::parse(&text::tidy(&p.print()).text).0;
        let again = reread(&parts);
        let building = parts.whole_building();
        if again == parts && reread(&building) == building {
            return Some(parts);
        }
        parts = Parts { postcode: None, ..again };
    }
    None
}

fn judge(parts: &Parts, notes: &mut BTreeSet<Note>) -> Confidence {
    let housed = parts.is_housed();
    let placed = !parts.city.is_empty() || parts.settlement.is_some();
    if !housed {
        notes.insert(Note::HouseMissing);
    }
    if !placed {
        notes.insert(Note::PlaceMissing);
    } else if parts.region.is_empty() && parts.country.is_empty() {
        notes.insert(Note::RegionMissing);
    } else if parts.city.is_empty() && parts.districts.is_empty() && parts.country.is_empty() {
        notes.insert(Note::DistrictMissing);
    }
    let street =
        parts.street.is_some() || !parts.areas.is_empty() || !parts.complexes.is_empty() || parts.settlement.is_some();
    if !street {
        notes.insert(Note::StreetMissing);
    }
    let has = |some: &[Note]| some.iter().any(|n| notes.contains(n));
    if !placed && parts.street.is_none() {
        Confidence::Unknown
    } else if !housed
        || !placed
        || (!street && parts.city == parts.region)
        || has(&[Note::UnrecognisedText, Note::Unsettled])
    {
        Confidence::Low
    } else if has(&[
        Note::AmbiguousPr,
        Note::StreetTypeAssumed,
        Note::StreetTypeMissing,
        Note::PlaceTypeMissing,
        Note::FlatAssumed,
        Note::HouseRange,
        Note::RegionMissing,
        Note::DistrictMissing,
        Note::StreetMissing,
    ]) {
        Confidence::Medium
    } else if has(&[Note::LookalikeLetters, Note::CharactersDropped]) {
        Confidence::High
    } else {
        Confidence::Exact
    }
}

fn elsewhere(text: &str, notes: &mut BTreeSet<Note>) -> Result<Read, AddressError> {
    let line = plain::plain(text);
    if !line.is_usable() {
        return Err(NOWHERE);
    }
    notes.insert(Note::PlainForm);
    let canonical = line.print();
    let confidence = if line.numbered { Confidence::Medium } else { Confidence::Low };
    let key = |flat: &str| vec!["plain".to_owned(), line.building.clone(), flat.to_owned()];
    Ok(Read {
        key: key(line.flat.as_deref().unwrap_or_default()),
        building_key: key(""),
        building: line.building.clone(),
        canonical,
        flat: line.flat,
        postcode: None,
        confidence: Some(confidence),
    })
}
