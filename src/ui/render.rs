//! Templates to HTML. One environment a language, so that a template only names words.

use super::format;
use super::words::{self, Arg, WordError};
use super::{Lang, assets};
use minijinja::value::{Kwargs, Rest};
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior, Value};
use std::sync::LazyLock;

/// A template is broken, or asks for a word that is not there: a mistake in the program.
pub(super) type RenderError = minijinja::Error;

const TEMPLATES: &[(&str, &str)] = &[
    ("base.html", include_str!("templates/base.html")),
    ("macros.html", include_str!("templates/macros.html")),
    ("start.html", include_str!("templates/start.html")),
    ("start_body.html", include_str!("templates/start_body.html")),
    ("start_updating.html", include_str!("templates/start_updating.html")),
    ("start_recent.html", include_str!("templates/start_recent.html")),
    ("check.html", include_str!("templates/check.html")),
    ("check_body.html", include_str!("templates/check_body.html")),
    ("moments.html", include_str!("templates/moments.html")),
    ("explanation.html", include_str!("templates/explanation.html")),
    ("compare.html", include_str!("templates/compare.html")),
    ("source.html", include_str!("templates/source.html")),
    ("risk.html", include_str!("templates/risk.html")),
    ("report.html", include_str!("templates/report.html")),
    ("snapshot.html", include_str!("templates/snapshot.html")),
    ("sources.html", include_str!("templates/sources.html")),
    ("watches.html", include_str!("templates/watches.html")),
    ("notifications.html", include_str!("templates/notifications.html")),
    ("deliveries.html", include_str!("templates/deliveries.html")),
    ("timeline.html", include_str!("templates/timeline.html")),
    ("interface.html", include_str!("templates/interface.html")),
    ("log.html", include_str!("templates/log.html")),
    ("problem.html", include_str!("templates/problem.html")),
    ("sign_in.html", include_str!("templates/sign_in.html")),
];

static RU: LazyLock<Environment<'static>> = LazyLock::new(|| environment(Lang::Ru));
static EN: LazyLock<Environment<'static>> = LazyLock::new(|| environment(Lang::En));

/// Renders a template; `context` is what it names.
pub(super) fn render(lang: Lang, template: &str, context: &serde_json::Value) -> Result<String, RenderError> {
    let environment = match lang {
        Lang::Ru => &RU,
        Lang::En => &EN,
    };
    environment.get_template(template)?.render(context)
}

fn environment(lang: Lang) -> Environment<'static> {
    let mut environment = Environment::new();
    // A job may lack any part; an empty place is right there. Words are another matter: a missing one is an error.
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    for (name, source) in TEMPLATES {
        if let Err(error) = environment.add_template(name, source) {
            // The tests render every template, so this is seen before it is shipped.
            tracing::error!(%name, %error, "a template of the page does not parse");
        }
    }
    environment.add_global("lang", lang.code());
    environment.add_function("t", move |id: &str, rest: Rest<Value>, kwargs: Kwargs| t(lang, id, &rest, &kwargs));
    environment.add_function("asset", |name: &str| {
        assets::path(name)
            .map(Value::from_safe_string)
            .ok_or_else(|| minijinja::Error::new(ErrorKind::InvalidOperation, format!("no asset {name}")))
    });
    environment.add_filter("day", move |text: &str| format::day(lang, text).map_err(word_error));
    environment.add_filter("pieces", move |text: &str| Value::from_serialize(format::pieces(lang, text)));
    environment.add_filter("urlquery", |text: &str| {
        percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
    });
    environment.add_filter("since", move |text: &str| format::since(lang, text).map_err(word_error));
    environment.add_filter("moment", move |text: &str, precision: Option<&str>| {
        format::moment(lang, text, precision.unwrap_or_default()).map_err(word_error)
    });
    environment
}

/// `t("id")` or `t("id", n=3, name="x")`.
fn t(lang: Lang, id: &str, rest: &Rest<Value>, kwargs: &Kwargs) -> Result<String, RenderError> {
    if !rest.is_empty() {
        return Err(minijinja::Error::new(ErrorKind::TooManyArguments, "words take named values only"));
    }
    let mut args = Vec::new();
    for name in kwargs.args() {
        let value = kwargs.get::<Value>(name)?;
        args.push((name, value.as_i64().map_or_else(|| Arg::from(value.to_string()), Arg::from)));
    }
    words::say(lang, id, &args).map_err(word_error)
}

fn word_error(error: WordError) -> RenderError {
    minijinja::Error::new(ErrorKind::InvalidOperation, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::{EN, TEMPLATES, environment, render};
    use crate::ui::Lang;
    use serde_json::json;

    /// A reader of the page sends no headers and no keys.
    #[test]
    fn what_to_do_is_said_without_the_words_of_programs() {
        for lang in Lang::ALL {
            for code in ["log_unavailable", "too_many", "not_ready"] {
                let fix = crate::words::one(lang, &format!("error_fix-{code}"), &[]);
                assert!(fix.contains("Retry-After"), "what programs are told: {fix}");
                let page = json!({"problem": {"code": code, "title": "T", "fix": fix}, "choices": []});
                for template in ["problem.html", "start.html", "notifications.html", "compare.html"] {
                    let html = render(lang, template, &page).unwrap_or_else(|error| panic!("{template}: {error:#}"));
                    assert!(!html.contains("Retry-After") && !html.contains("Idempotency"), "{template}: {html}");
                    assert!(
                        html.contains(["Wait a minute", "Подождите минуту"][usize::from(lang == Lang::Ru)]),
                        "{html}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_kept_cause_stands_behind_its_words() {
        let row = json!({"id": "courts", "title": "Суды", "last": "x", "last_at": "2026-01-01T00:00:00Z",
            "why": "источник ограничил доступ", "cause": "blocked: blocked by {\"contains\":\"captcha\"}"});
        let html = render(Lang::Ru, "sources.html", &json!({"rows": [row]})).expect("renders");
        let place = |text: &str| html.find(text).unwrap_or_else(|| panic!("{text} in {html}"));
        assert!(place("источник ограничил доступ") < place("Как записано в журнале"), "{html}");
        assert!(place("Как записано в журнале") < place("<code lang=\"en\">blocked: blocked by"), "{html}");
    }

    #[test]
    fn every_template_parses() {
        for (name, source) in TEMPLATES {
            EN.template_from_named_str(name, source).unwrap_or_else(|error| panic!("{name}: {error:#}"));
        }
        assert_eq!(environment(Lang::Ru).templates().count(), TEMPLATES.len());
    }
}
