//! Enforcement proceedings: an old HTML site in windows-1251 that names its charset only in a `meta` tag, and is slow.

use super::{Ask, money};
use crate::demo::answer::{Answer, escape, page};
use crate::demo::world::Proceeding;

/// `GET /enforcement/search?inn=…`: proceedings against a company.
pub fn answer(ask: &Ask) -> Answer {
    let Some(inn) = ask.get("inn") else { return refused("Укажите ИНН должника") };
    let company = ask.world.company_by_inn(inn);
    show(ask, &company.map(|company| ask.world.proceedings(&company, ask.date)).unwrap_or_default())
}

/// `GET /enforcement_persons/search?name=…&birth_date=…`: proceedings against a person.
pub fn answer_person(ask: &Ask) -> Answer {
    let (Some(name), Some(born)) = (ask.get("name"), ask.get("birth_date")) else {
        return refused("Укажите фамилию, имя, отчество и дату рождения");
    };
    show(ask, &ask.world.proceedings_of_person(name, born, ask.date))
}

fn refused(text: &str) -> Answer {
    legacy(&format!("<div class=\"error\">{text}</div>")).status(400)
}

fn show(ask: &Ask, proceedings: &[Proceeding]) -> Answer {
    let mut body = format!(
        "<h1>Банк данных исполнительных производств</h1>\n<p>Сведения на <time class=\"asof\" datetime=\"{}\">{}</time></p>\n",
        ask.date,
        ask.date.format("%d.%m.%Y"),
    );
    body.push_str("<div class=\"results\">\n");
    if proceedings.is_empty() {
        body.push_str("<p class=\"nothing\">По вашему запросу ничего не найдено</p>\n");
    } else {
        body.push_str("<table class=\"list\"><tr><th>Должник</th><th>Производство</th><th>Дата</th><th>Предмет</th><th>Остаток</th><th>Отдел</th><th>Просмотры</th></tr>\n");
        for row in proceedings {
            let left =
                row.left.map(|left| format!("<span class=\"v\">{}</span> руб.", money(left))).unwrap_or_default();
            body.push_str(&format!(
                "<tr class=\"row\"><td class=\"debtor\">{}</td><td class=\"number\">{}</td><td class=\"date\">{}</td><td class=\"demand\">{}</td>\
                 <td class=\"left\">{left}</td><td class=\"office\">{}</td><td class=\"views\">{}</td></tr>\n",
                escape(&row.debtor), row.number, row.opened.format("%d.%m.%Y"), row.subject, row.office, row.views,
            ));
        }
        body.push_str("</table>\n");
    }
    body.push_str("</div>");
    legacy(&body)
}

/// A page in windows-1251 whose header is silent about it.
fn legacy(body: &str) -> Answer {
    let text = page("windows-1251", "Исполнительные производства", body);
    Answer::ok("text/html", encoding_rs::WINDOWS_1251.encode(&text).0.into_owned())
}
