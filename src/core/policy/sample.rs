//! Values of the form that templates of a profile get, to see whether they can be filled in.

use super::{AttrType, FactSpec, InputType, ProfileSpec};
use std::collections::BTreeMap;

/// By group and name: an address, the profile's inputs, and one fact with what all of these kinds have.
pub fn values<'a>(
    profile: &'a ProfileSpec,
    facts: &[&'a FactSpec],
) -> BTreeMap<&'static str, BTreeMap<&'a str, &'static str>> {
    let address = [
        ("canonical", "город Москва, улица Тверская, дом 7, квартира 12"),
        ("building", "город Москва, улица Тверская, дом 7"),
        ("flat", "12"),
        ("cadastral", "77:01:0001001:1024"),
        ("postcode", "125009"),
    ];
    let input = |kind: InputType| match kind {
        InputType::Text => "1",
        InputType::Inn => "7707083893",
        InputType::Date => "2026-03-01",
        InputType::Cadastral => "77:01:0001001:1024",
    };
    let attr = |kind: AttrType| match kind {
        AttrType::Text | AttrType::Integer | AttrType::List => "1",
        AttrType::Decimal | AttrType::Money => "1.5",
        AttrType::Date => "2026-03-01",
        AttrType::Boolean => "true",
    };
    let inputs = profile.inputs.iter().map(|(name, spec)| (name.as_str(), input(spec.kind)));
    let attrs = facts.iter().flat_map(|fact| &fact.attrs).map(|(name, spec)| (name.as_str(), attr(spec.kind)));
    [
        ("address", address.into()),
        ("inputs", inputs.collect()),
        ("fact", [("subject", "company:7707083893")].into_iter().chain(attrs).collect()),
    ]
    .into()
}
