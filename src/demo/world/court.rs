//! Court cases of a company.

use super::{Company, Fate, Stage, World, begins, months, petition_day, stage};
use chrono::NaiveDate;

/// A case as the courts' site shows it on a date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Its number; the court `00` does not exist.
    pub number: String,
    /// «Б» bankruptcy, «Г» civil, «А» administrative.
    pub kind: &'static str,
    /// What the company is in it.
    pub role: &'static str,
    /// What it is about.
    pub category: &'static str,
    /// What is claimed, in kopecks; the site does not always say it.
    pub sum: Option<u64>,
    /// When it was filed.
    pub filed: NaiveDate,
    /// Where it stands.
    pub status: &'static str,
    /// How it ended.
    pub outcome: Option<&'static str>,
    /// The judge, shown since 2024.
    pub judge: Option<&'static str>,
    /// How many documents its card holds; grows while it is open.
    pub documents: i64,
}

const CATEGORIES: [&str; 6] = [
    "Неустойка по ДДУ",
    "Качество строительства",
    "Договор подряда",
    "Договор поставки",
    "Аренда земельного участка",
    "Коммунальные платежи",
];
const JUDGES: [&str; 4] = ["Выдумкина А. А.", "Небылицын Б. Б.", "Примеров В. В.", "Мнимый Г. Г."];

impl World {
    /// The cases of a company that its courts show on a date, newest first.
    pub fn cases(&self, company: &Company, date: NaiveDate) -> Vec<Case> {
        let count = match company.fate {
            Fate::Quiet => 3,
            Fate::Ordinary => 14,
            Fate::Troubled => 70,
            Fate::Bankrupt => 110,
        };
        let mut cases: Vec<Case> = (0..count).filter_map(|n| self.case(company, n, date)).collect();
        cases.extend(bankruptcy(company, date));
        cases.sort_by(|a, b| b.filed.cmp(&a.filed).then_with(|| a.number.cmp(&b.number)));
        cases
    }

    fn case(&self, company: &Company, n: i64, date: NaiveDate) -> Option<Case> {
        let mut draw = self.draw(&["case", &company.inn, &n.to_string()]);
        let quiet = company.fate == Fate::Quiet;
        let day = draw.between(1, 28) as u32;
        // A quiet company's cases are old and won; those of the one that goes bankrupt come in from May 2025 on, as
        // signs do; the others' at all times, to the end of 2027.
        let (first, last) = match company.fate {
            Fate::Quiet => (-30, -6),
            Fate::Ordinary | Fate::Troubled => (-12, 95),
            Fate::Bankrupt => (64, 95),
        };
        let month = draw.between(first, last);
        let filed = begins(month, day);
        if filed > date {
            return None;
        }
        let now = months(date, day);
        // A card is now and then missing for a month, and comes back as it was.
        if now > month + 1 && self.draw(&["hidden", &company.inn, &n.to_string(), &now.to_string()]).chance(1) {
            return None;
        }
        let decided = month + draw.between(4, 14);
        let defendant = !quiet && draw.chance(70);
        let role = if defendant {
            "Ответчик"
        } else if draw.chance(85) {
            "Истец"
        } else {
            "Третье лицо"
        };
        let lost = draw.chance(if defendant { 55 } else { 20 });
        let over = now >= decided;
        let number = format!("А00-{}/{}", 1_000 + draw.between(0, 449) * 200 + n, filed.format("%Y"));
        Some(Case {
            number,
            kind: if draw.chance(12) { "А" } else { "Г" },
            role,
            category: draw.pick(&CATEGORIES),
            sum: (!draw.chance(15)).then(|| draw.between(5_000_000, 3_000_000_000) as u64),
            filed,
            status: if over { "Рассмотрение завершено" } else { "Рассматривается" },
            outcome: over.then_some(if lost {
                "Иск удовлетворён"
            } else {
                "В иске отказано"
            }),
            judge: (date >= begins(48, 1)).then(|| draw.pick(&JUDGES)),
            documents: 2 + 3 * (now.min(decided) - month).max(0),
        })
    }
}

/// The show-case's bankruptcy.
fn bankruptcy(company: &Company, date: NaiveDate) -> Option<Case> {
    let stage = stage(date).filter(|_| company.fate == Fate::Bankrupt)?;
    let filed = petition_day();
    Some(Case {
        number: "А00-777/2025".to_owned(),
        kind: "Б",
        role: "Должник",
        category: "Несостоятельность (банкротство)",
        sum: Some(41_234_567_890),
        filed,
        status: match stage {
            Stage::Petition => "Заявление принято",
            Stage::Observation => "Наблюдение",
            Stage::Liquidation => "Конкурсное производство",
        },
        outcome: None,
        judge: JUDGES.first().copied(),
        documents: 5 + (date - filed).num_days() / 4,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn numbers_are_unique_and_the_bankruptcy_comes_on_its_day() {
        let world = World::new(1);
        let place = super::super::Place::of(super::super::Showcase::High.address());
        let company = world.developer(&place);
        let day = petition_day();
        let cases = world.cases(&company, day);
        let numbers: BTreeSet<_> = cases.iter().map(|case| &case.number).collect();
        assert_eq!(numbers.len(), cases.len());
        let bankrupt = |date| world.cases(&company, date).iter().any(|case| case.kind == "Б");
        assert!(bankrupt(day));
        assert!(!bankrupt(day.pred_opt().expect("a day before")));
    }
}
