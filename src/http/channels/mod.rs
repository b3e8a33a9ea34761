//! `/v1/webhooks` and `/v1/emails`: the channels by which a tenant is told, and what they were sent.

mod common;
pub mod deliveries;
pub mod emails;
pub mod webhooks;

pub(in crate::http) use common::{muted_still, muted_until, type_words, types_or_all};
