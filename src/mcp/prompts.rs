//! Prompts in both languages; each carries the rules of honesty.

use super::api::{Api, Who};
use super::calls::{part, refused};
use super::say;
use crate::explain::words::Lang;
use crate::http::Ask;
use rmcp::ErrorData;
use rmcp::model::*;
use serde_json::Value;

struct Spec {
    name: &'static str,
    lang: Lang,
    title: &'static str,
    description: &'static str,
    argument: (&'static str, &'static str),
}

const PROMPTS: &[Spec] = &[
    Spec {
        name: "check_address_ru",
        lang: Lang::Ru,
        title: "Проверить адрес",
        description: "Проверить объект и честно рассказать, что известно",
        argument: ("address", "Адрес одной строкой или кадастровый номер"),
    },
    Spec {
        name: "check_address_en",
        lang: Lang::En,
        title: "Check an address",
        description: "Check an object and tell honestly what is known",
        argument: ("address", "The address in one line, or a cadastral number"),
    },
    Spec {
        name: "explain_result_ru",
        lang: Lang::Ru,
        title: "Объяснить результат",
        description: "Объяснить проверку: что свежее, что из предыдущих проверок, почему быстро, почему ещё обновляется",
        argument: ("job_id", "Номер проверки"),
    },
    Spec {
        name: "explain_result_en",
        lang: Lang::En,
        title: "Explain a result",
        description: "Explain a check: what is fresh, what comes from earlier checks, why it was fast, why it is still being updated",
        argument: ("job_id", "The check's id"),
    },
];

/// All prompts.
pub(super) fn all() -> Vec<Prompt> {
    let prompt = |spec: &Spec| {
        let (name, description) = spec.argument;
        let argument = PromptArgument::new(name).with_description(description).with_required(true);
        Prompt::new(spec.name, Some(spec.description), Some(vec![argument])).with_title(spec.title)
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
    let (argument, _) = spec.argument;
    let value = arguments.get(argument).and_then(Value::as_str).map(str::trim).filter(|value| !value.is_empty());
    let value = value.ok_or_else(|| ErrorData::invalid_params(format!("`{argument}` is missing"), None))?;
    let task = match (argument, spec.lang) {
        ("address", Lang::Ru) => format!(
            "Проверьте объект «{value}»: start_check (lang: ru), затем get_check с wait_s, пока job.final не станет true или человек не перестанет ждать. \
             Расскажите по-русски, что ответили источники, что взято из предыдущих проверок, чего нет, какой риск и на чём он держится."
        ),
        ("address", Lang::En) => format!(
            "Check the object \"{value}\": start_check (lang: en), then get_check with wait_s until job.final is true or the person no longer waits. \
             Tell in English what the sources answered, what comes from earlier checks, what is missing, what the risk is and what it rests on."
        ),
        (_, lang) => {
            let path = format!("/v1/jobs/{}/explain?lang={}", part(value), lang.code());
            let told = api.call(who, Ask { path: &path, ..Ask::default() }).await;
            let told = told.map_err(|problem| ErrorData::invalid_params(refused(&problem), None))?;
            let lines: Vec<String> = say::of_explanation(&told, |_| true)
                .iter()
                .map(|said| format!("- {}", say::text(said, "text")))
                .collect();
            let (task, may) = match lang {
                Lang::Ru => ("Объясните человеку результат проверки", "Сейчас можно сказать"),
                Lang::En => ("Explain to a person the result of the check", "This may be said now"),
            };
            format!("{task} {value}.\n\n{may}:\n{}", lines.join("\n"))
        }
    };
    let message = PromptMessage::new_text(Role::User, format!("{task}\n\n{}", say::rules(spec.lang)));
    let mut result = GetPromptResult::new(vec![message]);
    result.description = Some(spec.description.to_owned());
    Ok(result)
}
