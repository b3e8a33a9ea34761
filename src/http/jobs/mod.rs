//! Jobs: asking for them, reading them, asking again.

pub mod act;
pub mod changes;
pub mod create;
pub mod list;
pub mod notify;
pub mod read;
