//! A log as one portable file: every counting commit of every partition, framed, checksummed and compressed. The bytes
//! are laid out in `docs/FORMATS.md`.
//!
//! Promises: the same log gives the same file; what is read was checked; a file that is cut, changed, of another kind or
//! of a newer version is refused, with the place. It holds the log only: no evidence, no keys, no views.

mod frame;
mod log;
mod write;

pub use frame::{Block, FileError, FileHeader};
pub use log::LogFile;
pub use write::{WriteError, Written, write, write_to};
