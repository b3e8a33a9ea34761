//! Policy: everything configured that a decision may depend on. It is adopted into the log as one document.

mod adopt;
mod answer;
mod asking;
mod compiled;
mod credentials;
pub mod digest;
pub mod duration;
mod hours;
mod limits;
mod nests;
mod notify;
mod prefetch;
mod proxies;
mod queue;
mod reading;
mod sample;
mod shards;
mod share;
pub mod spec;
pub mod template;
pub mod validate;

pub use adopt::{adopt, follow};
pub use answer::*;
pub use asking::*;
pub use compiled::{Policy, connector_versions};
pub use duration::DurationMs;
pub use hours::{DayHours, ParseHoursError};
pub use limits::*;
pub use nests::{NestBy, NestSpec};
pub use notify::{LONGEST_TIMEOUT_MS, NotifySpec};
pub use prefetch::PrefetchSpec;
pub use proxies::{ProxyPoolSpec, TotalPart, TotalSpec};
pub use queue::QueueSpec;
pub use reading::*;
pub use share::ShareSpec;
pub use spec::*;

/// How many needs one entry of a profile may discover when it does not say.
pub const DEFAULT_MAX: u32 = 20;
