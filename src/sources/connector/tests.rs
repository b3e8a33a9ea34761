//! Guards and pages on written fixtures, real pages from the shared data, and garbage.

mod garbage;
mod guards;
mod inside;
mod pages;
mod ready;
mod real;
mod steps;

use super::*;
use crate::sources::config::read_source;

/// What a test needs of a source: `body` is everything below the head.
pub(super) fn spec(params: &str, body: &str) -> SourceSpec {
    let text = format!(
        "id = \"test\"\ntitle = {{ ru = \"т\", en = \"t\" }}\nlevel = \"developer\"\nttl = \"1d\"\nparams = [{params}]\n{body}"
    );
    match read_source("test.toml", &text) {
        Ok(source) => source.spec,
        Err(problems) => panic!("{problems:#?}"),
    }
}

pub(super) fn connector(params: &str, body: &str) -> Connector {
    Connector::compile(&spec(params, body)).expect("compiles")
}

pub(super) fn ctx(params: &[(&str, &str)]) -> AskContext {
    let params = params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    AskContext { params, subject: "company:1".to_owned() }
}

pub(super) fn page(status: u16, body: impl Into<Vec<u8>>) -> RawPage {
    RawPage {
        status,
        headers: Vec::new(),
        body: bytes::Bytes::from(body.into()),
        final_url: "https://source.example/x".to_owned(),
    }
}

/// Reads one page as the whole of an answer.
pub(super) fn answer(connector: &Connector, ctx: &AskContext, page: &RawPage) -> Answer {
    let request = connector.first(&ctx.params).expect("asks");
    let mut assembly = Assembly::new(connector);
    assembly.add(connector.read(ctx, &request, page));
    assembly.finish()
}

/// Attributes as `name=value`, for comparison by eye.
pub(super) fn show(attrs: &Attrs) -> String {
    let show = |value: &mirano_schemas::Value| match value {
        mirano_schemas::Value::Text(t) | mirano_schemas::Value::Decimal(t) | mirano_schemas::Value::Date(t) => {
            t.clone()
        }
        other => format!("{other:?}"),
    };
    attrs.iter().map(|(name, value)| format!("{name}={}", show(value))).collect::<Vec<_>>().join("; ")
}

#[test]
fn connectors_are_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Connector>();
}
