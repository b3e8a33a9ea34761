//! What tests of engines share: a policy of one source, and houses to ask it about.

use mirano_schemas::{AddressRecord, Subject};

/// A cadastre that is asked about a building, and the profile `standard` that asks it.
pub const POLICY: &str = r#"{
  "sources": {
    "cadastre": {"id": "cadastre", "title": {"ru": "Кадастр", "en": "Cadastre"}, "level": "property", "ttl": "7d", "serve_stale": "30d",
      "params": ["address"], "limits": {"rate": "10/s", "burst": 10, "concurrency": 2}, "request": {"url": "http://x/{{ address }}"},
      "answer": {"format": "json", "items": "$.items[*]", "valid": [{"at": "$.items"}]},
      "fact": [{"kind": "cadastre.developer", "identity": ["inn"], "attrs": {"inn": {"at": "$.inn", "type": "text"}}}]}
  },
  "profiles": {"standard": {"title": {"ru": "Стандарт", "en": "Standard"}, "needs": [
    {"source": "cadastre", "params": {"address": "{{ address.building }}"}}]}},
  "risk": {"ruleset": "test", "levels": [{"id": "low", "from": 0}], "rule": []}
}"#;

/// The `n`-th house of a street.
pub fn address(n: u64) -> AddressRecord {
    let building = format!("г Москва, ул Тверская, д {n}");
    AddressRecord {
        input: building.clone(),
        canonical: building.clone(),
        building,
        flat: None,
        cadastral: None,
        postcode: None,
        confidence: "exact".to_owned(),
        subject: Subject(format!("property:{n}")),
        building_subject: Subject(format!("property:{n}")),
        warnings: Vec::new(),
    }
}
