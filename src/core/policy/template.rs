//! Templates of configuration: minijinja with strict undefined, no escaping, and two filters.
//!
//! `urlencode` (optionally with a charset, `urlencode("windows-1251")`) and `tojson`. A name that is not there is an
//! error, never an empty text.

use minijinja::{Environment, UndefinedBehavior, Value};
use serde::Serialize;
use std::collections::BTreeSet;

/// A template that can't be read, or can't be filled in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TemplateError(pub String);

impl From<minijinja::Error> for TemplateError {
    fn from(error: minijinja::Error) -> Self {
        Self(match error.detail() {
            Some(detail) => format!("{}: {detail}", error.kind()),
            None => error.kind().to_string(),
        })
    }
}

/// Compiled templates by name.
#[derive(Debug, Clone)]
pub struct Templates {
    environment: Environment<'static>,
}

impl Default for Templates {
    fn default() -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        environment.add_filter("urlencode", urlencode);
        environment.add_filter("tojson", tojson);
        Self { environment }
    }
}

impl Templates {
    /// Compiles `text` under `name`.
    pub fn add(&mut self, name: &str, text: &str) -> Result<(), TemplateError> {
        Ok(self.environment.add_template_owned(name.to_owned(), text.to_owned())?)
    }

    /// Fills in the template called `name`.
    pub fn render(&self, name: &str, context: &impl Serialize) -> Result<String, TemplateError> {
        Ok(self.environment.get_template(name)?.render(Value::from_serialize(context))?)
    }

    /// The names that the template reads: `inn`, `address.building`.
    pub fn reads(&self, name: &str) -> BTreeSet<String> {
        self.environment
            .get_template(name)
            .map(|template| template.undeclared_variables(true).into_iter().collect())
            .unwrap_or_default()
    }
}

/// Fills in one text: `render("company:{{ fact.inn }}", &context)`.
pub fn render(text: &str, context: &impl Serialize) -> Result<String, TemplateError> {
    let mut templates = Templates::default();
    templates.add("text", text)?;
    templates.render("text", context)
}

/// Whether a text can be filled in at all: filters that there are, with arguments that they take. `context` has a value for
/// every name; what a value of another form would lack is no error of the text.
pub fn check(text: &str, context: &impl Serialize) -> Result<(), TemplateError> {
    let mut templates = Templates::default();
    templates.add("text", text)?;
    let filled =
        templates.environment.get_template("text").and_then(|text| text.render(Value::from_serialize(context)));
    match filled {
        Err(error) if error.kind() != minijinja::ErrorKind::UndefinedError => Err(error.into()),
        _ => Ok(()),
    }
}

/// The names that a text reads, or why it is no template.
pub fn reads(text: &str) -> Result<BTreeSet<String>, TemplateError> {
    let mut templates = Templates::default();
    templates.add("text", text)?;
    Ok(templates.reads("text"))
}

const KEPT: percent_encoding::AsciiSet =
    percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

fn urlencode(text: &Value, charset: Option<&str>) -> Result<String, minijinja::Error> {
    let text = plain(text)?;
    let Some(label) = charset else {
        return Ok(percent_encoding::utf8_percent_encode(&text, &KEPT).to_string());
    };
    let invalid = |what: String| minijinja::Error::new(minijinja::ErrorKind::InvalidOperation, what);
    let encoding = encoding_rs::Encoding::for_label(label.as_bytes())
        .ok_or_else(|| invalid(format!("there is no charset {label:?}")))?;
    let (bytes, _, unmappable) = encoding.encode(&text);
    if unmappable {
        return Err(invalid(format!("a character has no code in {label}")));
    }
    Ok(percent_encoding::percent_encode(&bytes, &KEPT).to_string())
}

fn tojson(value: &Value) -> Result<String, minijinja::Error> {
    if value.is_undefined() {
        plain(value)?;
    }
    serde_json::to_string(value)
        .map_err(|e| minijinja::Error::new(minijinja::ErrorKind::BadSerialization, e.to_string()))
}

fn plain(value: &Value) -> Result<String, minijinja::Error> {
    if value.is_undefined() {
        return Err(minijinja::Error::from(minijinja::ErrorKind::UndefinedError));
    }
    Ok(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn fills_in_strictly() {
        let context = BTreeMap::from([("inn", "77 07"), ("street", "ул. Мира")]);
        assert_eq!(render("a={{ inn | urlencode }}", &context).as_deref(), Ok("a=77%2007"));
        assert_eq!(render("{{ street|urlencode('windows-1251') }}", &context).as_deref(), Ok("%F3%EB.%20%CC%E8%F0%E0"));
        assert_eq!(render("{\"q\": {{ inn | tojson }}}", &context).as_deref(), Ok("{\"q\": \"77 07\"}"));
        assert_eq!(render("<{{ street }}>", &context).as_deref(), Ok("<ул. Мира>"), "nothing is escaped");
        for text in
            ["{{ other }}", "{{ other | urlencode }}", "{{ other | tojson }}", "{{ inn.deep }}", "{{ inn", "{% if %}"]
        {
            assert!(render(text, &context).is_err(), "{text}");
        }
        assert_eq!(reads("{{ fact.inn }}{{ page }}"), Ok(BTreeSet::from(["fact.inn".to_owned(), "page".to_owned()])));
    }
}
