//! The tools, as they are listed: names, what they are for, what they take and give.

use super::schema::{self, component};
use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use serde_json::{Value, json};
use std::sync::{Arc, LazyLock};

struct Spec {
    name: &'static str,
    title: &'static str,
    description: &'static str,
    input: Value,
    answer: Value,
    reads: bool,
}

/// All tools, in the order in which a check uses them.
pub(super) fn all() -> Vec<Tool> {
    static TOOLS: LazyLock<Vec<Tool>> = LazyLock::new(|| specs().into_iter().map(tool).collect());
    TOOLS.clone()
}

fn tool(spec: Spec) -> Tool {
    let annotations =
        ToolAnnotations::with_title(spec.title).read_only(spec.reads).destructive(false).open_world(!spec.reads);
    let input = match spec.input {
        Value::Object(input) => input,
        _ => JsonObject::new(),
    };
    Tool::new(spec.name, spec.description, input)
        .with_title(spec.title)
        .with_raw_output_schema(Arc::new(schema::answer(&spec.answer)))
        .with_annotations(annotations)
}

fn input(properties: Value, required: &[&str]) -> Value {
    let mut properties = properties;
    if let Some(properties) = properties.as_object_mut() {
        properties.insert(
            "lang".to_owned(),
            json!({"type": "string", "enum": ["ru", "en"], "description": "The language of sentences; ru by default"}),
        );
    }
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

fn list_of(name: &str) -> Value {
    json!({"type": "array", "items": component(name)})
}

fn job_id() -> Value {
    json!({"type": "string", "description": "The check's id, from start_check"})
}

fn as_of() -> Value {
    json!({"type": "string", "description": "A moment: a time like 2026-03-01T00:00:00Z, a position partition:seq, or a cut. What was known then"})
}

fn specs() -> Vec<Spec> {
    vec![
        Spec {
            name: "start_check",
            title: "Start a check of an address",
            description: "Starts a check of a real-estate address (or a cadastral number). Answers at once with what is known from earlier checks and still fresh; what is missing or stale is asked of the sources, which takes seconds to minutes: follow with get_check.",
            input: input(
                json!({
                    "address": {"type": "string", "description": "The address in one line, or a cadastral number"},
                    "profile": {"type": "string", "description": "The report profile; standard by default"},
                    "inputs": {"type": "object", "additionalProperties": {"type": "string"}, "description": "Further inputs of the profile by name, such as seller_name"},
                    "max_age": {"type": "object", "additionalProperties": {"type": "string"}, "description": "The greatest age accepted, by source or *: {\"courts\": \"1d\"}; 0s asks anew. Costs the sources' limited requests: only when the user asks for it"},
                    "idempotency_key": {"type": "string", "description": "Repeat a call that may have failed with the same key, and it starts no second check"},
                    "wait_s": {"type": "integer", "minimum": 0, "maximum": 60, "description": "Wait up to so many seconds for the check to end; 0 by default"}
                }),
                &["address"],
            ),
            answer: json!({"job": component("JobView")}),
            reads: false,
        },
        Spec {
            name: "get_check",
            title: "Read a check",
            description: "A check as it stands now, or as it was known at a moment: each source's state, age, origin (fetched, coalesced, reused, served_stale), outcome; the risk; what is still being asked.",
            input: input(
                json!({"job_id": job_id(), "as_of": as_of(),
                    "wait_s": {"type": "integer", "minimum": 0, "maximum": 60, "description": "Wait up to so many seconds for the check to end; 0 by default"}}),
                &["job_id"],
            ),
            answer: json!({"job": component("JobView")}),
            reads: true,
        },
        Spec {
            name: "explain_check",
            title: "Explain a check",
            description: "A check in sentences made of its receipts: what answered, what was reused and from when, what is stale, what is missing and why; why it came fast (why_fast) and why it is still being updated (why_updating). Answer questions about a check from these sentences.",
            input: input(json!({"job_id": job_id(), "as_of": as_of()}), &["job_id"]),
            answer: json!({"explanation": component("Explanation")}),
            reads: true,
        },
        Spec {
            name: "list_facts",
            title: "List the facts of a check",
            description: "The facts that a check shows, each with its source, identity, attributes, when it was first and last seen and the observation behind it, and beside them what was not checked. match \"name\" is a possible match by name only, not the person.",
            input: input(
                json!({"job_id": job_id(), "source": {"type": "string", "description": "Only facts of this source"}, "as_of": as_of(),
                    "offset": {"type": "integer", "minimum": 0, "description": "Facts to pass over; next_offset of the answer before"},
                    "limit": {"type": "integer", "minimum": 1, "maximum": 200, "description": "Facts at most; 50 by default"}}),
                &["job_id"],
            ),
            answer: json!({"facts": list_of("FactView"), "not_checked": list_of("NotChecked"),
                "total": {"type": "integer", "description": "How many there are"},
                "next_offset": {"type": ["integer", "null"], "description": "Where the next ones begin; null: these were the last"}}),
            reads: true,
        },
        Spec {
            name: "compare",
            title: "Compare two moments",
            description: "What two moments differ in: facts added, gone and changed, what could not be compared and why, and how the risk moved. A side is a snapshot's id, job:<id>@<at>, or <subject>@<at>; <at> is a time, a position or now.",
            input: input(
                json!({"from": {"type": "string", "description": "The earlier side"}, "to": {"type": "string", "description": "The later side"},
                    "limit": {"type": "integer", "minimum": 1, "maximum": 200, "description": "Items at most; 50 by default"},
                    "cursor": {"type": "string", "description": "next_cursor of the answer before"}}),
                &["from", "to"],
            ),
            answer: json!({"diff": component("DiffView")}),
            reads: true,
        },
        Spec {
            name: "report_at",
            title: "Open a report as it was",
            description: "The report of a check at a moment of the past (or now, without as_of): what was known then, how old it was then, what was not checked then.",
            input: input(json!({"job_id": job_id(), "as_of": as_of()}), &["job_id"]),
            answer: json!({"report": component("ReportView")}),
            reads: true,
        },
        Spec {
            name: "list_sources",
            title: "List the sources",
            description: "The sources that can be asked: how long their answers are fresh (TTL), their health, queues and limits.",
            input: input(json!({}), &[]),
            answer: json!({"sources": list_of("SourceView")}),
            reads: true,
        },
        Spec {
            name: "recheck",
            title: "Ask sources again",
            description: "Asks sources of a check again even if their answers are fresh; the check stays the same. Costs the sources' limited requests: only when the user asks for it.",
            input: input(
                json!({"job_id": job_id(),
                    "sources": {"type": "array", "items": {"type": "string"}, "description": "Sources or need ids; all by default"},
                    "reason": {"type": "string", "description": "Why, for the log"},
                    "idempotency_key": {"type": "string", "description": "Repeat a call that may have failed with the same key"}}),
                &["job_id"],
            ),
            answer: json!({"job": component("JobView")}),
            reads: false,
        },
        Spec {
            name: "review_draft",
            title: "Review a draft before it is sent",
            description: "Holds a text that you wrote about a check against its receipts, in Russian and English: names each claim about time, completeness, absence, numbers or risk that they do not support, and what to say instead. Use it before you answer the user.",
            input: input(
                json!({"job_id": job_id(), "text": {"type": "string", "description": "Your draft"}}),
                &["job_id", "text"],
            ),
            answer: json!({"review": component("Review")}),
            reads: true,
        },
    ]
}
