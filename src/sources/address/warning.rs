//! What may be said against a reading of an address, in both languages.

use serde::{Deserialize, Serialize};

/// What was assumed, missing or repaired; each has a stable code and words in Russian and English.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Warning {
    /// Latin letters were read as Cyrillic.
    LookalikeLetters,
    /// Characters were dropped that no address holds.
    CharactersDropped,
    /// «пр.» may be проспект or проезд.
    AmbiguousPr,
    /// A street without a type was read as «улица».
    StreetTypeAssumed,
    /// A street without a type.
    StreetTypeMissing,
    /// No street, nor anything in its place.
    StreetMissing,
    /// A place without a type.
    PlaceTypeMissing,
    /// The second number without a mark was read as the flat.
    FlatAssumed,
    /// «12-14» may be a range of houses, or a house and a flat.
    HouseRange,
    /// No house number.
    HouseMissing,
    /// No town or village.
    PlaceMissing,
    /// The region is not named, and the place is not well known.
    RegionMissing,
    /// A village without its district: the region may have several of the name.
    DistrictMissing,
    /// A part was not understood; it is kept and keeps addresses apart.
    UnrecognisedText,
    /// Not read as a Russian address.
    PlainForm,
    /// The reading did not settle; the words were kept as they are.
    Unsettled,
}

impl Warning {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::LookalikeLetters => "lookalike_letters",
            Self::CharactersDropped => "characters_dropped",
            Self::AmbiguousPr => "ambiguous_pr",
            Self::StreetTypeAssumed => "street_type_assumed",
            Self::StreetTypeMissing => "street_type_missing",
            Self::StreetMissing => "street_missing",
            Self::PlaceTypeMissing => "place_type_missing",
            Self::FlatAssumed => "flat_assumed",
            Self::HouseRange => "house_range",
            Self::HouseMissing => "house_missing",
            Self::PlaceMissing => "place_missing",
            Self::RegionMissing => "region_missing",
            Self::DistrictMissing => "district_missing",
            Self::UnrecognisedText => "unrecognised_text",
            Self::PlainForm => "plain_form",
            Self::Unsettled => "unsettled",
        }
    }

    /// The warning in Russian.
    pub fn ru(self) -> &'static str {
        match self {
            Self::LookalikeLetters => "латинские буквы прочитаны как похожие русские",
            Self::CharactersDropped => "отброшены знаки, которых в адресе не бывает",
            Self::AmbiguousPr => "«пр.» прочитано как проспект; это мог быть и проезд",
            Self::StreetTypeAssumed => "тип улицы не указан, принято «улица»",
            Self::StreetTypeMissing => "тип улицы не указан",
            Self::StreetMissing => "улица не указана",
            Self::PlaceTypeMissing => "тип населённого пункта не указан",
            Self::FlatAssumed => "второе число принято за номер квартиры",
            Self::HouseRange => "номер через дефис принят за дом целиком; это могли быть дом и квартира",
            Self::HouseMissing => "номер дома не указан",
            Self::PlaceMissing => "населённый пункт не указан",
            Self::RegionMissing => "регион не указан",
            Self::DistrictMissing => "район не указан, одноимённых пунктов в регионе может быть несколько",
            Self::UnrecognisedText => "часть адреса не распознана",
            Self::PlainForm => "адрес не разобран как российский, сравнивается по словам",
            Self::Unsettled => "адрес не удалось разобрать однозначно, сравнивается по словам",
        }
    }

    /// The warning in English.
    pub fn en(self) -> &'static str {
        match self {
            Self::LookalikeLetters => "Latin letters were read as the Cyrillic ones they look like",
            Self::CharactersDropped => "characters were dropped that no address holds",
            Self::AmbiguousPr => "«пр.» was read as «проспект»; it might be «проезд»",
            Self::StreetTypeAssumed => "the street has no type; «улица» was assumed",
            Self::StreetTypeMissing => "the street has no type",
            Self::StreetMissing => "there is no street",
            Self::PlaceTypeMissing => "the place has no type",
            Self::FlatAssumed => "the second number was taken for the flat",
            Self::HouseRange => "a number with a hyphen was taken for the house; it might be a house and a flat",
            Self::HouseMissing => "there is no house number",
            Self::PlaceMissing => "there is no town or village",
            Self::RegionMissing => "the region is not named",
            Self::DistrictMissing => "the district is not named; the region may have several places of this name",
            Self::UnrecognisedText => "a part of the address was not understood",
            Self::PlainForm => "not read as a Russian address; it is compared word by word",
            Self::Unsettled => "the address could not be read unambiguously; it is compared word by word",
        }
    }
}
