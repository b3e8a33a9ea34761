//! Prompts in both languages; each carries the rules of honesty.

use super::api::{Api, Who};
use super::calls::{part, refused};
use super::say;
use crate::http::Ask;
use crate::words::{Arg, Lang, one};
use rmcp::ErrorData;
use rmcp::model::*;
use serde_json::Value;

struct Spec {
    name: &'static str,
    lang: Lang,
    /// The beginning of the names of its messages.
    words: &'static str,
    argument: &'static str,
}

impl Spec {
    fn say(&self, what: &str, args: &[(&str, Arg)]) -> String {
        one(self.lang, &format!("{}_{what}", self.words), args)
    }
}

const PROMPTS: &[Spec] = &[
    Spec { name: "check_address_ru", lang: Lang::Ru, words: "prompt-check", argument: "address" },
    Spec { name: "check_address_en", lang: Lang::En, words: "prompt-check", argument: "address" },
    Spec { name: "explain_result_ru", lang: Lang::Ru, words: "prompt-explain", argument: "job_id" },
    Spec { name: "explain_result_en", lang: Lang::En, words: "prompt-explain", argument: "job_id" },
];

/// All prompts.
pub(super) fn all() -> Vec<Prompt> {
    let prompt = |spec: &Spec| {
        let argument =
            PromptArgument::new(spec.argument).with_description(spec.say("argument", &[])).with_required(true);
        Prompt::new(spec.name, Some(spec.say("about", &[])), Some(vec![argument])).with_title(spec.say("title", &[]))
    };
    PROMPTS.iter().map(prompt).collect()
}

/// One prompt, filled in; that about a result holds the sentences that may be said now.
pub(super) async fn get(
    api: &dyn Api,
    who: &Who,
    name: &str,
    arguments: &JsonObject,
) -> Result<GetPromptResult, ErrorData> {
    let spec = PROMPTS.iter().find(|spec| spec.name == name);
    let spec = spec.ok_or_else(|| ErrorData::invalid_params(format!("there is no prompt {name:?}"), None))?;
    let argument = spec.argument;
    let value = arguments.get(argument).and_then(Value::as_str).map(str::trim).filter(|value| !value.is_empty());
    let value = value.ok_or_else(|| ErrorData::invalid_params(format!("`{argument}` is missing"), None))?;
    let task = if argument == "address" {
        spec.say("task", &[("address", value.into())])
    } else {
        let path = format!("/v1/jobs/{}/explain?lang={}", part(value), spec.lang.code());
        let told = api.call(who, Ask { path: &path, ..Ask::default() }).await;
        let told = told.map_err(|problem| ErrorData::invalid_params(refused(&problem), None))?;
        let lines: Vec<String> =
            say::of_explanation(&told, |_| true).iter().map(|said| format!("- {}", say::text(said, "text"))).collect();
        spec.say("task", &[("job", value.into()), ("lines", lines.join("\n").into())])
    };
    let message = PromptMessage::new_text(Role::User, format!("{task}\n\n{}", say::rules(spec.lang)));
    let mut result = GetPromptResult::new(vec![message]);
    result.description = Some(spec.say("about", &[]));
    Ok(result)
}
