//! The page's words: messages of the catalogues. One that is missing is an error of the page, never an empty place on it.

use super::Lang;
pub(super) use crate::words::{Arg, WordError};

/// A message without values.
pub(super) fn plain(lang: Lang, id: &str) -> Result<String, WordError> {
    crate::words::say(lang, id, &[])
}

/// A message with its values.
pub(super) fn say(lang: Lang, id: &str, args: &[(&str, Arg)]) -> Result<String, WordError> {
    crate::words::say(lang, id, args)
}
