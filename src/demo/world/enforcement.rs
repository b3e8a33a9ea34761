//! Enforcement proceedings against companies and persons.

use super::{Company, Fate, World, begins, months};
use chrono::NaiveDate;

/// One proceeding as the bailiffs' site shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proceeding {
    /// Its number.
    pub number: String,
    /// When it was opened.
    pub opened: NaiveDate,
    /// The debtor's name as the site spells it.
    pub debtor: String,
    /// What is to be paid or done.
    pub subject: &'static str,
    /// What is left to pay, in kopecks; none where it is not about money.
    pub left: Option<u64>,
    /// The bailiff's office.
    pub office: String,
    /// How often the page was asked for.
    pub views: i64,
}

/// The only person about whom the demo knows anything: name, day of birth.
const PERSON: (&str, &str) = ("Небылицын Пётр Выдумович", "1970-01-01");

/// The month in which the first were opened.
const FIRST: i64 = -12;

const SUBJECTS: [&str; 4] = [
    "Взыскание неустойки",
    "Взыскание по исполнительному листу",
    "Исполнительский сбор",
    "Обязать устранить недостатки",
];

impl World {
    /// Open proceedings against a company on a date.
    pub fn proceedings(&self, company: &Company, date: NaiveDate) -> Vec<Proceeding> {
        // How many there ever are, and from which month on: a bankrupt's come with its bankruptcy.
        let (count, first) = match company.fate {
            Fate::Quiet => (0, FIRST),
            Fate::Ordinary => (10, FIRST),
            Fate::Troubled => (60, FIRST),
            Fate::Bankrupt => (120, 70),
        };
        let debtor = company.name.to_uppercase();
        (0..count).filter_map(|n| self.proceeding(&company.inn, &debtor, n, first, date)).collect()
    }

    /// Open proceedings against a person on a date; only the demo's own has any, so that no real one ever does.
    pub fn proceedings_of_person(&self, name: &str, born: &str, date: NaiveDate) -> Vec<Proceeding> {
        let plain = |text: &str| text.to_lowercase().replace('ё', "е").split_whitespace().collect::<Vec<_>>().join(" ");
        let (known, day) = PERSON;
        let count = if plain(known) == plain(name) && day == born.trim() { 24 } else { 0 };
        (0..count).filter_map(|n| self.proceeding(known, &known.to_uppercase(), n, FIRST, date)).collect()
    }

    fn proceeding(&self, owner: &str, debtor: &str, n: i64, first: i64, date: NaiveDate) -> Option<Proceeding> {
        let mut draw = self.draw(&["proceeding", owner, &n.to_string()]);
        let day = draw.between(1, 28) as u32;
        let (month, life) = (draw.between(first, 95), draw.between(3, 18));
        let now = months(date, day);
        // What has ended is no longer shown.
        if begins(month, day) > date || now >= month + life {
            return None;
        }
        let subject = draw.pick(&SUBJECTS);
        let sum = draw.between(300_000, 250_000_000) as u64;
        // A tenth of the rest is paid in one month of three.
        let paid = (month..now).filter(|m| self.draw(&["paid", owner, &n.to_string(), &m.to_string()]).chance(33));
        let left = paid.fold(sum, |left, _| left * 9 / 10);
        let opened = begins(month, day);
        Some(Proceeding {
            number: format!(
                "{}/{}/00{:03}-ИП",
                10_000 + draw.between(0, 399) * 200 + n,
                opened.format("%y"),
                draw.between(1, 99)
            ),
            opened,
            debtor: debtor.to_owned(),
            subject,
            left: (subject != "Обязать устранить недостатки").then_some(left),
            office: format!("Вымышленный РОСП № {}", draw.between(1, 9)),
            views: 10 + (date - opened).num_days() * draw.between(1, 4),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_demos_own_person_owes_anything() {
        let world = World::new(1);
        let date = "2026-03-01".parse().expect("a date");
        assert!(!world.proceedings_of_person("небылицын петр  выдумович", "1970-01-01", date).is_empty());
        assert!(world.proceedings_of_person("Небылицын Пётр Выдумович", "1970-01-02", date).is_empty());
        assert!(world.proceedings_of_person("Иванов Иван Иванович", "1970-01-01", date).is_empty());
    }
}
