//! The assistant's way in: tools, resources and prompts of the Model Context Protocol, over HTTP at `/mcp` and over stdio.
//!
//! Nothing is decided or computed here: each tool calls the HTTP interface, in this process or over the network, so that an
//! assistant, the page and a program see one truth. With every answer go the sentences that may be said of it, each with its
//! receipts, and prompts carry the rules of honesty. Sessions are not kept: every request stands for itself and for its key.

mod api;
mod calls;
mod http;
mod prompts;
mod resources;
mod say;
mod schema;
mod server;
mod tools;

pub use api::{Api, Events, Here, Who};
pub use http::{Guard, router};
pub use server::Assistant;
