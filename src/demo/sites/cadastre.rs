//! Cadastre: JSON in the manner of the public cadastral map, one object an answer.

use super::Ask;
use crate::demo::answer::Answer;
use crate::demo::world::{Object, Place};
use serde_json::json;

/// `GET /cadastre/api/objects?address=…`: 400 without an address, `total: 0` where nothing is registered.
pub fn answer(ask: &Ask) -> Answer {
    let Some(address) = ask.get("address") else {
        return Answer::json(&json!({"code": 400, "message": "address is required"})).status(400);
    };
    let place = Place::of(address);
    let Some(object) = ask.world.object(&place, ask.date) else {
        return Answer::json(&json!({"updated": ask.date.to_string(), "total": 0, "data": {"features": []}}));
    };
    let developer = ask.world.developer(&place);
    let Object { number, purpose, floors, built, valued, right_since, transfers, encumbrance, .. } = object;
    Answer::json(&json!({
        "updated": ask.date.to_string(),
        "total": 1,
        "data": {"features": [{
            "id": number,
            "properties": {
                "cad_number": number,
                "address": address,
                "purpose": purpose,
                "area": format!("{}.{}", object.area_tenths / 10, object.area_tenths % 10),
                "floors": floors,
                "year_built": built,
                "cost_value": format!("{}.{:02}", object.value / 100, object.value % 100),
                "cost_date": valued.to_string(),
                "right_registered": right_since.to_string(),
                "transfers_3y": transfers,
                "encumbrance": encumbrance,
                "ownership": "Частная",
                "queried_at": format!("{}T00:00:00Z", ask.date),
            },
            "developer": {"inn": developer.inn, "ogrn": developer.ogrn, "name": developer.name},
        }]},
    }))
}
