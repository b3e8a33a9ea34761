//! Other spellings of a line, made by program: what people and systems do to an address without changing it.

/// Words of the field, for lines in any order.
pub const WORDS: &[&str] = &[
    "Москва",
    "г",
    "город",
    "ул",
    "улица",
    "пр",
    "пр-кт",
    "д",
    "дом",
    "к",
    "корп",
    "с",
    "стр",
    "кв",
    "пом",
    "лит",
    "литера",
    "7",
    "12",
    "3/8",
    "1-я",
    "4-й",
    "Тверская",
    "Ленина",
    "Марьиной",
    "рощи",
    "А",
    "Б",
    "в",
    "м",
    "метро",
    "р-н",
    "ЖК",
    "мкр",
    "обл",
    "Московская",
    "край",
    "респ",
    "Татарстан",
    "Крым",
    "СНТ",
    "д. 7",
    "п",
    "х",
    "ш",
    "наб",
    "пл",
    "км",
    "МКАД",
    "8 Марта",
    "50 лет",
    "им",
    "тер",
    "вл",
    "уч",
    "125009",
    "Россия",
    "СПб",
    "Самара",
    "Зеленоград",
    "МО",
    "го",
    "Большая",
    "Б.",
    "II",
    "этаж",
    "подъезд",
    "ст",
    "пос",
    "Мира",
    "Набережная",
    "Площадь",
    "кв-л",
    "не",
    "77:01:0001001:1",
    "London",
    "Street",
    "apt",
    "Минск",
    "Беларусь",
];

/// Names that nothing else in a line is spelled like.
pub const NAMES: &[&str] =
    &["Зорькина", "Полевая", "Горелово", "Каменный", "Ясное", "Рябиновый", "Мирная", "Москва", "Самара", "Казань"];

/// What announces a name, or closes it; without those whose names are left out on purpose.
pub const KINDS: &[&str] = &[
    "",
    "ул.",
    "улица",
    "пр-кт",
    "переулок",
    "ш.",
    "наб.",
    "площадь",
    "г.",
    "город",
    "с.",
    "д.",
    "пос.",
    "деревня",
    "мкр",
    "снт",
    "слобода",
    "станция",
    "линия",
    "дом",
    "корпус",
    "обл.",
    "край",
    "бульвар",
    "Б.",
    "2-я",
];

/// Numbers as lines have them.
pub const NUMBERS: &[&str] =
    &["7", "12", "3А", "5к2", "д. 7", "кв. 5", "стр. 3", "8/2", "1-я", "4-й", "вл5", "лит. Б", "9", "1234567"];

/// The line itself and its other spellings.
pub fn spellings(line: &str) -> Vec<String> {
    let mut out = vec![line.to_owned()];
    let changes: [fn(&str) -> String; 14] = [
        |l| l.to_uppercase(),
        |l| l.to_lowercase(),
        |l| l.replace('ё', "е").replace('Ё', "Е"),
        |l| l.replace(',', " , "),
        |l| l.replace(", ", ",").replace(',', ", "),
        |l| l.replace(' ', "\u{a0}"),
        |l| format!("  {l} . "),
        |l| format!("{l}, Россия"),
        |l| format!("Российская Федерация, {l}"),
        with_postcode,
        lookalikes,
        long_words,
        short_words,
        dashes,
    ];
    for change in changes {
        out.push(change(line));
    }
    for swapped in [swap_street(line), city_last(line), without_station(line)].into_iter().flatten() {
        out.push(swapped);
    }
    // Two changes at once.
    let both: Vec<String> = out.iter().skip(1).map(|l| lookalikes(&short_words(l))).collect();
    out.extend(both);
    out.sort();
    out.dedup();
    out
}

/// A postcode at the end, where the line has none.
fn with_postcode(line: &str) -> String {
    let has = line.split(|c: char| !c.is_ascii_digit()).any(|n| n.len() == 6);
    if has { line.to_owned() } else { format!("{line}, 101000") }
}

/// Latin letters for the Cyrillic ones that look like them, in every word without other Latin letters.
fn lookalikes(line: &str) -> String {
    line.chars()
        .map(|c| match c {
            'а' => 'a',
            'е' => 'e',
            'о' => 'o',
            'р' => 'p',
            'с' => 'c',
            'х' => 'x',
            'А' => 'A',
            'К' => 'K',
            'М' => 'M',
            c => c,
        })
        .collect()
}

/// Whole-word replacement, comparing in lower case.
fn words(line: &str, pairs: &[(&str, &str)]) -> String {
    let mut out = String::new();
    let mut word = String::new();
    for c in line.chars().chain(['\0']) {
        if c.is_alphabetic() || c == '-' {
            word.push(c);
            continue;
        }
        let lower = word.to_lowercase();
        match pairs.iter().find(|(from, _)| *from == lower) {
            Some((_, to)) if !(to.ends_with('.') && c == '.') => out.push_str(to),
            Some((_, to)) => out.push_str(to.trim_end_matches('.')),
            None => out.push_str(&word),
        }
        word.clear();
        if c != '\0' {
            out.push(c);
        }
    }
    out
}

fn short_words(line: &str) -> String {
    words(
        line,
        &[
            ("улица", "ул."),
            ("проспект", "пр-кт"),
            ("переулок", "пер."),
            ("шоссе", "ш."),
            ("набережная", "наб."),
            ("бульвар", "б-р"),
            ("проезд", "пр-д"),
            ("область", "обл."),
            ("район", "р-н"),
            ("город", "г."),
            ("республика", "Респ."),
            ("дом", "д."),
        ],
    )
}

fn long_words(line: &str) -> String {
    let dotless = line
        .replace("ул.", "улица ")
        .replace("обл.", "область ")
        .replace("наб.", "набережная ")
        .replace("пер.", "переулок ");
    words(&dotless, &[("р-н", "район"), ("обл", "область"), ("ул", "улица"), ("кв", "квартира")])
        .replace("квартира.", "квартира")
}

fn dashes(line: &str) -> String {
    line.replace('-', "\u{2011}")
}

/// «Тверская улица» → «улица Тверская» and back, within a segment.
fn swap_street(line: &str) -> Option<String> {
    let segments: Vec<&str> = line.split(',').collect();
    let mut changed = false;
    let swapped: Vec<String> = segments
        .iter()
        .map(|segment| {
            let words: Vec<&str> = segment.split_whitespace().collect();
            let kinds = ["улица", "проспект", "шоссе", "набережная", "бульвар", "проезд", "переулок"];
            let station = words.first().is_some_and(|w| *w == "м.");
            match (words.first(), words.last()) {
                (Some(first), _) if words.len() > 1 && kinds.contains(first) && !station => {
                    changed = true;
                    format!("{} {first}", words.get(1..).unwrap_or_default().join(" "))
                }
                (_, Some(last)) if words.len() > 1 && kinds.contains(last) && !station => {
                    changed = true;
                    format!("{last} {}", words.get(..words.len() - 1).unwrap_or_default().join(" "))
                }
                _ => (*segment).to_owned(),
            }
        })
        .collect();
    changed.then(|| swapped.join(","))
}

/// «Москва, …» → «…, Москва».
fn city_last(line: &str) -> Option<String> {
    let rest = line.strip_prefix("Москва,")?;
    Some(format!("{rest}, г. Москва"))
}

/// Without district and station.
fn without_station(line: &str) -> Option<String> {
    let kept: Vec<&str> =
        line.split(',').filter(|s| !(s.starts_with("м. ") || s.starts_with("р-н ") || s.ends_with("АО"))).collect();
    (kept.len() < line.split(',').count() && line.starts_with("Москва,")).then(|| kept.join(", "))
}
