//! The six sources: how each shows the world, in its own format, words and habits.

mod cadastre;
mod companies;
mod courts;
mod enforcement;
mod listings;
mod reviews;

use super::answer::Answer;
use super::counters::Limit;
use super::world::World;
use chrono::NaiveDate;
use std::collections::BTreeMap;
use std::time::Duration;

/// What a source is asked.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The path below the source's own.
    pub path: String,
    /// The query, decoded.
    pub query: BTreeMap<String, String>,
    /// `http://host:port` as the client knows this server.
    pub base: String,
    /// The world asked about.
    pub world: World,
    /// The world's date.
    pub date: NaiveDate,
}

impl Ask {
    /// A parameter that is there and not blank.
    fn get(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// The page's number, from 1.
    pub fn page(&self) -> usize {
        self.get("page").and_then(|page| page.parse().ok()).unwrap_or(1).max(1)
    }
}

/// A source of the built-in world.
pub struct Site {
    /// Its id, and the first part of its paths.
    pub id: &'static str,
    /// What it is, in Russian and English.
    pub title: (&'static str, &'static str),
    /// The limit it states and enforces.
    pub limit: Limit,
    /// How many requests may start at once, as its configuration says.
    pub burst: u32,
    /// How long an answer takes, in milliseconds, from and to.
    pub latency_ms: (u64, u64),
    /// An example of its paths.
    pub example: &'static str,
    /// Answers.
    pub answer: fn(&Ask) -> Answer,
}

const fn limit(requests: u32, seconds: u64) -> Limit {
    Limit { requests, period: Duration::from_secs(seconds) }
}

/// All sources. Persons are asked for at the enforcement site's other form, which has a limit of its own.
pub const SITES: [Site; 7] = [
    Site {
        id: "cadastre",
        title: ("Кадастр (демо)", "Cadastre (demo)"),
        limit: limit(120, 60),
        burst: 10,
        latency_ms: (80, 250),
        example: "/cadastre/api/objects?address=",
        answer: cadastre::answer,
    },
    Site {
        id: "courts",
        title: ("Судебные дела (демо)", "Court cases (demo)"),
        limit: limit(60, 60),
        burst: 6,
        latency_ms: (300, 800),
        example: "/courts/api/cases?inn=",
        answer: courts::answer,
    },
    Site {
        id: "enforcement",
        title: ("Исполнительные производства (демо)", "Enforcement proceedings (demo)"),
        limit: limit(30, 60),
        burst: 3,
        latency_ms: (1_000, 2_000),
        example: "/enforcement/search?inn=",
        answer: enforcement::answer,
    },
    Site {
        id: "enforcement_persons",
        title: ("Исполнительные производства: лица (демо)", "Enforcement proceedings: persons (demo)"),
        limit: limit(30, 60),
        burst: 3,
        latency_ms: (1_000, 2_000),
        example: "/enforcement_persons/search?birth_date=1970-01-01&name=",
        answer: enforcement::answer_person,
    },
    Site {
        id: "listings",
        title: ("Объявления (демо)", "Listings (demo)"),
        limit: limit(20, 10),
        burst: 8,
        latency_ms: (100, 400),
        example: "/listings/search?address=",
        answer: listings::answer,
    },
    Site {
        id: "companies",
        title: ("Реестр компаний (демо)", "Company register (demo)"),
        limit: limit(60, 60),
        burst: 5,
        latency_ms: (150, 500),
        example: "/companies/export.csv?inn=",
        answer: companies::answer,
    },
    Site {
        id: "reviews",
        title: ("Отзывы (демо)", "Reviews (demo)"),
        limit: limit(5, 10),
        burst: 2,
        latency_ms: (100, 300),
        example: "/reviews/2.0/reviews?address=",
        answer: reviews::answer,
    },
];

/// The source of this id.
pub fn site(id: &str) -> Option<&'static Site> {
    SITES.iter().find(|site| site.id == id)
}

/// One page of a list, and whether more follow.
fn page_of<T>(items: &[T], page: usize, size: usize) -> (impl Iterator<Item = &T>, bool) {
    let before = (page - 1).saturating_mul(size);
    (items.iter().skip(before).take(size), before.saturating_add(size) < items.len())
}

/// Kopecks as `1 500,00` with the no-break spaces that sites use.
fn money(kopecks: u64) -> String {
    format!("{},{:02}", grouped(kopecks / 100), kopecks % 100)
}

/// A number with a no-break space between thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('\u{a0}');
        }
        text.push(digit);
    }
    text
}

/// Text for a query string.
fn encode(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_grouped_with_no_break_spaces() {
        assert_eq!(money(150_000), "1\u{a0}500,00");
        assert_eq!(money(99), "0,99");
        assert_eq!(grouped(12_345_678), "12\u{a0}345\u{a0}678");
    }

    #[test]
    fn pages_do_not_overlap_and_end() {
        let items: Vec<u32> = (0..45).collect();
        let read: Vec<u32> =
            (1..=3).flat_map(|page| page_of(&items, page, 20).0.copied().collect::<Vec<_>>()).collect();
        assert_eq!(read, items);
        assert!(page_of(&items, 2, 20).1 && !page_of(&items, 3, 20).1);
        assert_eq!(page_of(&items, usize::MAX, 20).0.count(), 0);
    }
}
