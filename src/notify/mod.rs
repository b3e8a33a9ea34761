//! Delivers notifications: webhooks by the Standard Webhooks spec, mail through SMTP.
//!
//! What is delivered, to whom and when again is decided in the log; this claims what is due, sends it, and notes how it
//! went. It promises: a receiver gets each notification at least once, always under the same id; no two nodes send the
//! same at once; a receiver that is slow delays nobody else's; no secret and no address's path comes into a log.

mod courier;
pub mod mail;
mod message;
pub mod sign;
mod told;
mod webhook;
pub mod words;

pub use courier::{Courier, run};
pub use message::{Body, Data, data};
pub use told::Check;
