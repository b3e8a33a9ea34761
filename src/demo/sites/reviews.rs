//! Reviews: JSON with `meta.next_link`; the strictest limit, and the source that is down now and then.

use super::{Ask, encode, page_of};
use crate::demo::answer::Answer;
use crate::demo::world::Place;
use serde_json::{Value, json};

const PAGE: usize = 25;

/// `GET /reviews/2.0/reviews?address=…&page=…`.
pub fn answer(ask: &Ask) -> Answer {
    let Some(address) = ask.get("address") else {
        return Answer::json(&json!({"meta": {"code": 400, "error": {"message": "address is required"}}})).status(400);
    };
    let reviews = ask.world.reviews(&Place::of(address), ask.date);
    let (items, more) = page_of(&reviews, ask.page(), PAGE);
    let items: Vec<Value> = items
        .map(|review| {
            json!({
                "id": review.id,
                "rating": review.rating,
                "text": review.text,
                "date_created": review.written.to_string(),
                "is_verified": review.verified,
                "likes_count": review.likes,
            })
        })
        .collect();
    let rating = reviews.iter().map(|review| review.rating * 10).sum::<i64>() / (reviews.len().max(1) as i64);
    let next =
        more.then(|| format!("{}/reviews/2.0/reviews?address={}&page={}", ask.base, encode(address), ask.page() + 1));
    Answer::json(&json!({
        "meta": {"code": 200, "updated": ask.date.to_string(), "branch_rating": format!("{}.{}", rating / 10, rating % 10), "total_count": reviews.len(), "next_link": next},
        "reviews": items,
    }))
}
