//! The interface over real HTTP: a real log, real views, and sources answered by hand.

#[path = "http/errors.rs"]
mod errors;
#[path = "http/events.rs"]
mod events;
#[path = "http/jobs.rs"]
mod jobs;
#[path = "http/rest.rs"]
mod rest;
#[path = "http/world.rs"]
mod world;
