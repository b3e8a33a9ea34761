//! What a profile asks: parameters filled in, subjects named, keys made.

use super::bugs::{self, Bug};
use super::decision::{Context, DecideError};
use super::persons;
use super::policy::template::{Templates, render};
use super::policy::{NeedSpec, ProfileSpec, SourceSpec};
use super::vault::Vault;
use mirano_schemas::*;
use std::collections::{BTreeMap, BTreeSet};

/// The values that parameters are filled from.
pub struct Values<'a> {
    /// The address.
    pub address: &'a AddressRecord,
    /// The caller's inputs, in the clear.
    pub inputs: &'a BTreeMap<String, String>,
    /// The fact that a `for_each` need is about.
    pub fact: Option<&'a Fact>,
}

/// Why parameters can't be filled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfilled(pub String);

impl Values<'_> {
    fn context(&self) -> minijinja::Value {
        let address = self.address;
        let mut fields: BTreeMap<&str, String> = BTreeMap::new();
        fields.insert("canonical", address.canonical.clone());
        fields.insert("building", address.building.clone());
        for (name, value) in
            [("flat", &address.flat), ("cadastral", &address.cadastral), ("postcode", &address.postcode)]
        {
            if let Some(value) = value {
                fields.insert(name, value.clone());
            }
        }
        let mut fact: BTreeMap<&str, String> = self
            .fact
            .iter()
            .flat_map(|fact| fact.identity.iter().chain(&fact.attrs))
            .filter_map(|(name, value)| Some((name.as_str(), text_of(value)?)))
            .collect();
        if let Some(about) = self.fact {
            fact.entry("subject").or_insert_with(|| about.subject.0.clone());
        }
        minijinja::context! { address => fields, inputs => self.inputs, fact => fact }
    }

    /// Fills the parameters of a need; names the first value that is not there.
    pub fn fill(&self, spec: &NeedSpec) -> Result<Params, Unfilled> {
        let context = self.context();
        let mut params = Params::new();
        let mut templates = Templates::default();
        for (name, template) in &spec.params {
            let filled = templates.add(name, template).and_then(|()| templates.render(name, &context));
            let text = filled.map_err(|_| Unfilled(missing_name(template)))?;
            let Value::Text(text) = Value::text(text.trim()) else { continue };
            if text.is_empty() {
                return Err(Unfilled(missing_name(template)));
            }
            params.insert(name.clone(), text);
        }
        Ok(params)
    }

    /// Every value that parameters of a need want and that is not there, in the order of the parameters, each once.
    pub fn missing(&self, spec: &NeedSpec) -> Vec<String> {
        let context = self.context();
        let filled = |template: &str| render(template, &context).is_ok_and(|text| !text.trim().is_empty());
        let mut missing: Vec<String> = Vec::new();
        for template in spec.params.values().filter(|template| !filled(template)) {
            let mut templates = Templates::default();
            // A template that can't be read was refused with its policy.
            if templates.add("text", template).is_err() {
                continue;
            }
            let absent = templates.reads("text").into_iter().filter(|name| !filled(&format!("{{{{ {name} }}}}")));
            missing.extend(absent.collect::<Vec<_>>());
        }
        let mut seen = BTreeSet::new();
        missing.retain(|name| seen.insert(name.clone()));
        missing
    }
}

/// The name between the braces of a template, for words like "inputs.seller_inn is missing".
fn missing_name(template: &str) -> String {
    let inner = template.split("{{").nth(1).and_then(|rest| rest.split("}}").next()).unwrap_or(template);
    inner.split('|').next().unwrap_or(inner).trim().to_owned()
}

/// A scalar attribute as parameter text.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) | Value::Decimal(text) | Value::Date(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Bool(yes) => Some(yes.to_string()),
        Value::List(_) => None,
    }
}

/// The id of a need: the same entry about the same query of a job is the same need.
fn need_id(job: JobId, entry: u32, query: Option<QueryKey>) -> NeedId {
    let query = query.map(|key| key.0.to_vec()).unwrap_or_default();
    NeedId::of(&[job.as_bytes(), &entry.to_le_bytes(), &query])
}

/// An entry of a profile, as one job asks it.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    /// The job.
    pub job: JobId,
    /// Where the entry stands in the profile.
    pub entry: u32,
    /// What it says.
    pub spec: &'a NeedSpec,
    /// The source that it asks.
    pub source: &'a SourceSpec,
    /// The job's address.
    pub address: &'a AddressRecord,
    /// Whose job it is.
    pub tenant: &'a str,
}

impl Entry<'_> {
    /// The need with its parameters, sealed and keyed when it is about a person.
    pub fn need(self, vault: &dyn Vault, params: Params, parent: Option<NeedId>) -> Result<Need, DecideError> {
        let Self { job, entry, spec, source, address, tenant } = self;
        let (subject, query, params) = if persons::is_about_person(source.level, &params) {
            let keys = vault.person(&persons::identity(&params))?;
            let query = persons::keyed_query_key(&keys, &spec.source, &params);
            (keys.subject().clone(), query, persons::seal(&keys, &params)?)
        } else {
            let subject = match source.level {
                Level::Property if spec.params.values().any(|template| template.contains("address.building")) => {
                    address.building_subject.clone()
                }
                Level::Property => address.subject.clone(),
                Level::Developer | Level::Person => {
                    let number = params.get("inn").or_else(|| params.get("ogrn")).or_else(|| params.values().next());
                    Subject(format!("company:{}", number.map_or("unknown", String::as_str)))
                }
                Level::Source => Subject(format!("source:{}", source.id)),
            };
            (subject, persons::query_key(&spec.source, &params), Sealable::Plain(params))
        };
        let query = if bugs::on(Bug::TenantsShare) { query } else { source.share.key(tenant, query) };
        Ok(Need {
            need_id: need_id(job, entry, Some(query)),
            source: spec.source.clone(),
            level: subject.level(),
            subject,
            query: Some(query),
            params,
            parent,
            entry,
        })
    }

    /// The need without a query: its subject is not known yet, or never will be.
    pub fn open(self, parent: Option<NeedId>) -> Need {
        Need {
            need_id: need_id(self.job, self.entry, None),
            source: self.spec.source.clone(),
            level: self.source.level,
            subject: self.address.subject.clone(),
            query: None,
            params: Sealable::Plain(Params::new()),
            parent,
            entry: self.entry,
        }
    }
}

/// The fact kind that a `for_each` names, and the sources that may give it: `kind`, or `source.kind`.
pub fn for_each_kind<'a>(ctx: &'a Context<'_>, name: &'a str) -> Vec<(&'a str, &'a str)> {
    let sources = &ctx.policy.document.sources;
    let gives = |source: &SourceSpec, kind: &str| source.facts.iter().any(|fact| fact.kind == kind);
    let mut found: Vec<(&str, &str)> =
        sources.values().filter(|source| gives(source, name)).map(|source| (source.id.as_str(), name)).collect();
    if found.is_empty()
        && let Some((id, kind)) = name.split_once('.')
    {
        found.extend(sources.get(id).filter(|source| gives(source, kind)).map(|source| (source.id.as_str(), kind)));
    }
    found
}

/// The entries of the profile whose facts a `for_each` walks, and the kind that each gives.
///
/// Every entry that stands before it counts, and of the others those that wait for nobody themselves, so that no two wait
/// for each other. Where there is none of these, the first that gives the kind does.
pub fn parent_entries(ctx: &Context<'_>, profile: &ProfileSpec, entry: u32) -> Vec<(u32, String)> {
    let name = profile.needs.get(entry as usize).and_then(|spec| spec.for_each.as_deref());
    let kinds = name.map(|name| for_each_kind(ctx, name)).unwrap_or_default();
    let gives: Vec<(u32, String)> = (0u32..)
        .zip(&profile.needs)
        .filter(|(other, _)| *other != entry)
        .filter_map(|(other, need)| {
            let (_, kind) = kinds.iter().find(|(source, _)| *source == need.source)?;
            Some((other, (*kind).to_owned()))
        })
        .collect();
    let by_itself = |other: u32| profile.needs.get(other as usize).is_some_and(|need| need.for_each.is_none());
    let sure: Vec<(u32, String)> =
        gives.iter().filter(|(other, _)| *other < entry || by_itself(*other)).cloned().collect();
    if sure.is_empty() { gives.into_iter().take(1).collect() } else { sure }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_take_the_filters_of_all_templates() {
        let spec: NeedSpec = serde_json::from_value(serde_json::json!({
            "source": "x",
            "params": {"street": "{{ inputs.street | trim | urlencode('windows-1251') }}"}
        }))
        .expect("a need");
        let subject = || Subject("property:aa".to_owned());
        let address = AddressRecord {
            input: String::new(),
            canonical: String::new(),
            building: String::new(),
            flat: None,
            cadastral: None,
            postcode: None,
            confidence: "high".to_owned(),
            subject: subject(),
            building_subject: subject(),
            warnings: Vec::new(),
        };
        let mut inputs = BTreeMap::new();
        let fill = |inputs: &BTreeMap<String, String>| Values { address: &address, inputs, fact: None }.fill(&spec);
        assert_eq!(fill(&inputs), Err(Unfilled("inputs.street".to_owned())));
        inputs.insert("street".to_owned(), " Мира ".to_owned());
        assert_eq!(fill(&inputs), Ok([("street".to_owned(), "%CC%E8%F0%E0".to_owned())].into()));
    }
}
