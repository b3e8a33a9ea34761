//! The web page: an address, a check as it goes on, its report. Rendered here, readable without JavaScript, live with it.
//!
//! It promises that everything comes from this process (no other host is named, and the Content-Security-Policy says so),
//! that all words are in one of two languages and rosier than the data in none, and that a page and its scripts weigh
//! less than 150 KB. It deliberately knows nothing of how checks are stored: what it shows is the JSON that the interface
//! under `/v1` gives, asked for through [`PageData`], so page and interface cannot tell different stories.
//!
//! ```text
//! data     what the page asks of the rest of the server
//! routes   addresses, forms, cookies        headers  what every answer carries
//! view     JSON of a job -> what a template shows: all judgement about words and badges
//! render   templates                        words    the catalogues; format: numbers, dates, durations
//! ```

mod assets;
mod data;
mod format;
mod headers;
mod lang;
mod qr;
mod render;
mod report;
mod routes;
mod session;
mod view;
mod words;

pub use data::{Access, ChannelAt, NewChannel, NewCheck, PageData, Problem, Showcase, Visitor};
pub use headers::CONTENT_SECURITY_POLICY;
pub use lang::Lang;
pub use report::report_page;
pub use routes::{nowhere, router};
pub use session::origin;
