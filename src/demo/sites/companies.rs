//! Company register: CSV with semicolons, decimal commas and Russian dates; the column about taxes appears in 2023.

use super::{Ask, money};
use crate::demo::answer::Answer;
use chrono::Datelike;

const HEADER: &str = "ИНН;ОГРН;Наименование;Статус;Дата регистрации;Уставный капитал;Численность";

/// `GET /companies/export.csv?inn=…`: one row, or only the header and a line that says that nothing was found.
pub fn answer(ask: &Ask) -> Answer {
    let csv = |text: String| Answer::ok("text/csv; charset=utf-8", text);
    let Some(inn) = ask.get("inn") else { return csv("ОШИБКА;Укажите ИНН\r\n".to_owned()).status(400) };
    let with_taxes = ask.date.year() >= 2023;
    let header = if with_taxes {
        format!("{HEADER};Задолженность по налогам;Дата сведений")
    } else {
        format!("{HEADER};Дата сведений")
    };
    let Some(company) = ask.world.company_by_inn(inn) else {
        // As wide as the others, or it would be no table.
        let blank = ";".repeat(header.matches(';').count());
        return csv(format!("{header}\r\nЗаписей не найдено{blank}\r\n"));
    };
    let date = ask.date.format("%d.%m.%Y");
    let taxes = if with_taxes { format!("{};", money(company.tax_debt(&ask.world, ask.date))) } else { String::new() };
    let staff = 12 + u32::from(company.name.len() as u8) + ask.date.month() * 3;
    csv(format!(
        "{header}\r\n{};{};\"{}\";{};{};{};{staff};{taxes}{date}\r\n",
        company.inn,
        company.ogrn,
        company.name.replace('"', "\"\""),
        company.status(ask.date),
        company.registered.format("%d.%m.%Y"),
        money(company.capital * 100),
    ))
}
