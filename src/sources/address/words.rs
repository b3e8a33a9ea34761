//! The field's words: what a word of an address line may be, by its spelling alone.

/// What kind of part a word announces. The text is the canonical type, as it is printed and put into the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// «область», «край», «республика»: part of the region's name.
    Region(&'static str),
    /// «район», «округ», «поселение»: kept only where it tells villages apart.
    District,
    /// «город».
    City,
    /// «село», «деревня», «СНТ»: a place smaller than a town.
    Settlement(&'static str),
    /// «микрорайон», «квартал», «километр»: a named part of a place.
    Area(&'static str),
    /// «ЖК».
    Complex,
    /// «метро».
    Metro,
    /// «улица», «проспект»…
    Street(&'static str),
    /// «дом», «владение», «участок».
    House(&'static str),
    /// «корпус».
    Block,
    /// «строение».
    Building,
    /// «литера».
    Letter,
    /// «сооружение».
    Structure,
    /// «квартира», «помещение»…; the text is empty for a flat.
    Flat(&'static str),
    /// «этаж», «подъезд»: never part of the key.
    Skip,
    /// «имени», «территория»: says nothing.
    Noise,
}

/// What a whole word may be. A single letter is told by its neighbours, in `parse`.
pub fn role(word: &str) -> Option<Role> {
    use Role::*;
    Some(match word {
        "область" | "обл" | "области" => Region("область"),
        "край" | "края" | "кр" => Region("край"),
        "республика" | "респ" | "республики" => Region("республика"),
        "ао" | "аобл" => Region("автономный округ"),
        "район" | "района" | "р-н" | "рн" | "рон" | "р-он" | "мр-н" | "округ" | "окр" | "округа" | "го" | "сп"
        | "гп" | "с/п" | "г/п" | "с/с" | "с/о" | "сельсовет" | "поселение" | "улус" | "м-р-н" => {
            District
        }
        "город" | "гор" | "г" | "города" => City,
        "село" | "с" => Settlement("с."),
        "деревня" | "дер" | "д" => Settlement("дер."),
        "поселок" | "пос" | "п" | "пос-к" | "п-к" => Settlement("пос."),
        "пгт" => Settlement("пгт"),
        "рп" => Settlement("рп"),
        "дп" => Settlement("дп"),
        "кп" => Settlement("кп"),
        "станица" | "ст-ца" | "стца" => Settlement("ст-ца"),
        "станция" | "ст" | "ж/д_ст" => Settlement("ст."),
        "хутор" | "х" | "хут" => Settlement("хутор"),
        "аул" => Settlement("аул"),
        "слобода" | "сл" => Settlement("слобода"),
        "снт" | "садоводческое" => Settlement("снт"),
        "днп" | "днт" => Settlement("днт"),
        "сдт" | "тсн" | "кс" => Settlement("снт"),
        "гск" | "гск-н" => Settlement("гск"),
        "микрорайон" | "мкр" | "мкрн" | "мкр-н" | "м-н" | "мкн" | "мкр-он" | "м/р" | "м/р-н" | "мк-н" => {
            Area("мкр.")
        }
        "квартал" | "кв-л" | "кварт" => Area("кв-л"),
        "километр" | "км" => Area("км"),
        "промзона" | "промплощадка" => Area("промзона"),
        "жилмассив" | "ж/м" | "жм" => Area("жилмассив"),
        "жк" => Complex,
        "метро" => Metro,
        "улица" | "ул" | "ул-ца" | "улицы" | "улице" => Street("ул."),
        "проспект" | "пр-кт" | "пр-т" | "просп" | "пркт" | "прт" | "прос" | "проспекте" | "пр" => {
            Street("пр-кт")
        }
        "проезд" | "пр-д" | "прд" | "пр-зд" | "прзд" => Street("проезд"),
        "переулок" | "пер" | "пер-к" | "пер-ок" | "переул" => Street("пер."),
        "шоссе" | "ш" | "ш-се" | "шос" => Street("ш."),
        "набережная" | "наб" | "наб-я" | "набер" => Street("наб."),
        "бульвар" | "б-р" | "бул" | "бр" | "бульв" | "бул-р" | "б-вар" => Street("б-р"),
        "площадь" | "пл" | "пл-дь" | "площ" | "пл-щадь" => Street("пл."),
        "тупик" | "туп" => Street("туп."),
        "аллея" | "ал" | "алл" => Street("аллея"),
        "линия" | "лин" => Street("линия"),
        "тракт" | "тр-т" => Street("тракт"),
        "спуск" => Street("спуск"),
        "въезд" => Street("въезд"),
        "заезд" => Street("заезд"),
        "просека" => Street("просека"),
        "просек" => Street("просек"),
        "дорога" | "дор" => Street("дорога"),
        "дом" | "дома" | "дм" => House("д."),
        "владение" | "вл" | "влад" | "вл-е" => House("вл."),
        "домовладение" | "двлд" | "домовл" | "дв" => House("двлд."),
        "здание" | "зд" => House("зд."),
        "участок" | "уч" | "уч-к" | "з/у" | "зу" => House("уч."),
        "корпус" | "корп" | "кор" | "к" | "крп" | "к-с" => Block,
        "строение" | "стр" | "строен" | "стр-е" => Building,
        "литера" | "литер" | "лит" | "лит-ра" => Letter,
        "сооружение" | "соор" | "сооруж" => Structure,
        "квартира" | "кв" | "кварти" | "кв-ра" | "квар" => Flat(""),
        "апартаменты" | "апартамент" | "апарт" | "апарты" | "ап" => Flat("апарт."),
        "помещение" | "пом" | "помещ" | "п-е" => Flat("пом."),
        "комната" | "комн" | "ком" | "км-та" => Flat("комн."),
        "офис" | "оф" => Flat("оф."),
        "гараж" | "гар" => Flat("гараж"),
        "бокс" => Flat("бокс"),
        "м/м" | "машиноместо" | "машино-место" => Flat("м/м"),
        "кладовая" | "клад" => Flat("клад."),
        "секция" | "секц" => Flat("секция"),
        "этаж" | "эт" | "подъезд" | "под" | "подъ" | "п-д" | "подвал" | "домофон" | "код" => {
            Skip
        }
        "имени" | "им" | "территория" | "тер" | "адрес" | "индекс" | "кадастровый" | "кад" | "номер" => {
            Noise
        }
        _ => return None,
    })
}

/// Grammatical gender of a type, by which an adjective before it is told from a name after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gender {
    /// «проспект», «район»
    Masculine,
    /// «улица», «область»
    Feminine,
    /// «шоссе»
    Neuter,
}

/// The gender of a type's full word; `None` for types that adjectives seldom precede.
pub fn gender(role: Role) -> Option<Gender> {
    Some(match role {
        Role::Street("ул." | "наб." | "пл." | "аллея" | "линия" | "просека" | "дорога") => {
            Gender::Feminine
        }
        Role::Street("ш.") => Gender::Neuter,
        Role::Street(_) | Role::District | Role::Region("край" | "автономный округ") => {
            Gender::Masculine
        }
        Role::Region(_) => Gender::Feminine,
        Role::City | Role::Settlement(_) | Role::Area(_) | Role::Complex => return None,
        _ => return None,
    })
}

/// An adjective (or possessive: «Турчанинов») that can stand before a word of that gender.
pub fn agrees(word: &str, gender: Gender) -> bool {
    let ends = |endings: &[&str]| endings.iter().any(|e| word.ends_with(e)) && word.chars().count() > 3;
    match gender {
        Gender::Feminine => ends(&["ая", "яя", "ьей"]) || word.ends_with("ской"),
        Gender::Masculine => ends(&["ий", "ый", "ой", "ов", "ев"]),
        Gender::Neuter => ends(&["ое", "ее"]),
    }
}

/// «Большая», «Новый»…: words that a line puts before or after the rest of the name.
pub fn is_size(word: &str) -> bool {
    ["больш", "мал", "верхн", "нижн", "средн", "нов", "стар"].iter().any(|stem| {
        word.strip_prefix(stem)
            .is_some_and(|end| matches!(end, "ая" | "ый" | "ой" | "ое" | "ий" | "яя" | "ее" | "ые" | "ие"))
    })
}

/// «наб. реки Мойки», «Мойки реки наб.»: these too stand before or after.
pub fn is_water(word: &str) -> bool {
    matches!(word, "реки" | "канала")
}

/// A short word before an adjective or a name in -ка: «Б. Пироговская», «М. Дмитровка».
pub fn size_of(abbreviation: &str, next: &str) -> Option<String> {
    let stem = match abbreviation {
        "б" | "бол" => "больш",
        "м" | "мал" => "мал",
        "ср" => "средн",
        "верх" => "верхн",
        "ниж" => "нижн",
        "нов" => "нов",
        "стар" => "стар",
        _ => return None,
    };
    let soft = stem.ends_with('н');
    let end = if agrees(next, Gender::Feminine) || next.ends_with("ка") || next.ends_with("нга") || next.ends_with("ня")
    {
        if soft { "яя" } else { "ая" }
    } else if ["ий", "ый", "ой"].iter().any(|e| next.ends_with(e)) {
        match (soft, stem) {
            (true, _) => "ий",
            (_, "больш") => "ой",
            _ => "ый",
        }
    } else if agrees(next, Gender::Neuter) {
        if soft { "ее" } else { "ое" }
    } else if abbreviation.chars().count() > 1 && next.ends_with(|c: char| !"аеиоуыэюяьй".contains(c)) {
        // «Нов. Арбат»
        if stem == "больш" {
            "ой"
        } else if soft {
            "ий"
        } else {
            "ый"
        }
    } else {
        return None;
    };
    Some(format!("{stem}{end}"))
}

/// Titles and first names that lines shorten.
pub fn long_form(word: &str, next: Option<&str>) -> Option<&'static str> {
    Some(match (word, next) {
        ("ак" | "акад", _) => "академика",
        ("ген", _) => "генерала",
        ("марш", _) => "маршала",
        ("проф", _) => "профессора",
        ("адм", _) => "адмирала",
        ("космон", _) => "космонавта",
        ("к", Some("маркса")) => "карла",
        ("к", Some("либкнехта")) => "карла",
        ("р", Some("люксембург")) => "розы",
        ("б", Some("хмельницкого")) => "богдана",
        ("м", Some("горького")) => "максима",
        ("д", Some("бедного")) => "демьяна",
        ("с", Some("разина")) => "степана",
        ("л", Some("толстого")) => "льва",
        ("р", Some("мойки" | "фонтанки" | "карповки" | "смоленки" | "пряжки" | "волковки" | "охты" | "волги")) => {
            "реки"
        }
        ("кан", _) => "канала",
        ("е", Some("пугачева")) => "емельяна",
        _ => return None,
    })
}

/// What follows a number that is part of a street's name: «8 Марта», «50 лет Октября», «1905 года».
pub fn follows_name_number(word: &str) -> bool {
    matches!(
        word,
        "лет"
            | "летия"
            | "летие"
            | "летию"
            | "года"
            | "годовщины"
            | "января"
            | "февраля"
            | "марта"
            | "апреля"
            | "мая"
            | "июня"
            | "июля"
            | "августа"
            | "сентября"
            | "октября"
            | "ноября"
            | "декабря"
            | "съезда"
            | "партсъезда"
            | "пятилетки"
            | "бакинских"
            | "панфиловцев"
            | "героев"
            | "гвардейцев"
            | "интернационала"
    )
}

/// «первая», «второй»…: the number that the word says.
pub fn ordinal_word(word: &str) -> Option<u32> {
    const STEMS: [(&str, u32); 10] = [
        ("перв", 1),
        ("втор", 2),
        ("трет", 3),
        ("четверт", 4),
        ("пят", 5),
        ("шест", 6),
        ("седьм", 7),
        ("восьм", 8),
        ("девят", 9),
        ("десят", 10),
    ];
    STEMS.iter().find_map(|(stem, n)| {
        let end = word.strip_prefix(stem)?;
        matches!(end, "ая" | "ый" | "ой" | "ья" | "ий" | "ое" | "ье").then_some(*n)
    })
}

/// The ending of an ordinal written with digits: «4-я», «1-ый», «3-го».
pub fn is_ordinal_ending(word: &str) -> bool {
    matches!(word, "я" | "й" | "ая" | "ый" | "ой" | "ий" | "ья" | "е" | "ое" | "ье" | "го" | "ого" | "ом" | "ей")
}
