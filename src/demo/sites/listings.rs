//! Listings: an HTML site with numbered pages; the page after the last is empty.

use super::{Ask, grouped, page_of};
use crate::demo::answer::{Answer, escape};
use crate::demo::world::Place;

const PAGE: usize = 25;

/// `GET /listings/search?address=…&page=…`.
pub fn answer(ask: &Ask) -> Answer {
    let Some(address) = ask.get("address") else {
        return Answer::html("Ошибка", "<div class=\"error\">Укажите адрес</div>").status(400);
    };
    let offers = ask.world.offers(&Place::of(address), ask.date);
    let (items, _) = page_of(&offers, ask.page(), PAGE);
    let mut body = format!(
        "<h1>Объявления: {}</h1>\n<p>Обновлено <time class=\"asof\" datetime=\"{}\">{}</time></p>\n<div class=\"results\" data-total=\"{}\" data-page=\"{}\">\n",
        escape(address),
        ask.date,
        ask.date.format("%d.%m.%Y"),
        offers.len(),
        ask.page(),
    );
    if offers.is_empty() {
        body.push_str("<p class=\"nothing\">Объявлений не найдено</p>\n");
    }
    for offer in items {
        // A price on request has no number in it, as on real sites.
        let price = offer.price.map_or_else(
            || "<div class=\"price on-request\">Цена по запросу</div>".to_owned(),
            |price| format!("<div class=\"price\"><b class=\"amount\">{}</b> ₽</div>", grouped(price)),
        );
        let parking = offer.parking.map(|parking| format!("<li class=\"parking\">{parking}</li>")).unwrap_or_default();
        body.push_str(&format!(
            "<article class=\"offer\">\n  <small>№ <span class=\"id\">{id}</span></small> <a class=\"title\" href=\"/listings/offer/{id}\">{title}</a>\n  {price}\n  <ul>\
             <li class=\"rooms\">{rooms}</li><li class=\"area\"><b>{whole},{tenths}</b> м²</li><li class=\"floor\">{floor}</li>\
             <li class=\"seller\">{seller}</li>{parking}</ul>\n  <time class=\"posted\" datetime=\"{posted}\">{posted}</time>\n  \
             <span class=\"views\">{views}</span> <span class=\"updated\">{updated}</span>\n</article>\n",
            id = offer.id, title = escape(&offer.title), rooms = offer.rooms, whole = offer.area_tenths / 10,
            tenths = offer.area_tenths % 10, floor = offer.floor, seller = offer.seller, posted = offer.posted,
            views = offer.views, updated = offer.updated,
        ));
    }
    body.push_str("</div>");
    Answer::html("Объявления", &body)
}
