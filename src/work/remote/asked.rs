//! What a leased task asks, and its kept pages read as the pool in this process reads those that it fetched.

use super::RemoteError;
use crate::core::vault::PersonKeys;
use crate::sources::connector::{Answer, AskContext, Assembly, Connector, PreparedRequest, RawPage};
use crate::work::evidence::EvidenceStore;
use mirano_schemas::{EvidenceId, Outcome};
use std::sync::Arc;

/// What a task asks, and how its answers are read.
pub(super) struct Asked {
    pub connector: Arc<Connector>,
    pub version: u32,
    pub keys: Option<PersonKeys>,
    pub ctx: AskContext,
}

impl Asked {
    /// Reads kept pages as the pool in this process reads those that it fetched; and what is to be asked next.
    pub async fn read(
        &self,
        store: &EvidenceStore,
        evidence: &[EvidenceId],
        http_status: Option<u16>,
    ) -> Result<(Answer, Option<PreparedRequest>), RemoteError> {
        let mut next = match self.connector.first(&self.ctx.params) {
            Ok(request) => Some(request),
            Err(error) => return Ok((Answer::failed(Outcome::Refused, error.to_string()), None)),
        };
        let mut assembly = Assembly::new(&self.connector);
        for id in evidence {
            let Some(request) = next.take() else { break };
            let kept = store.get(id, self.keys.as_ref()).await?;
            let page = RawPage {
                status: http_status.unwrap_or(200),
                headers: vec![("content-type".to_owned(), kept.content_type)],
                body: kept.body,
                final_url: request.url.to_string(),
            };
            let (connector, ctx) = (Arc::clone(&self.connector), self.ctx.clone());
            let read = tokio::task::spawn_blocking(move || connector.read(&ctx, &request, &page)).await;
            let Ok(read) = read else {
                let cause = "reader_failed: the page could not be read".to_owned();
                return Ok((Answer::failed(Outcome::Unparsable, cause), None));
            };
            next = assembly.add(read);
        }
        Ok((assembly.finish(), next))
    }
}
