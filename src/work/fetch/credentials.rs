//! Who asks: the header `Authorization`, made when a request is sent.

use super::secrets::{Missing, Resolver};
use std::fmt;

/// Who asks. Its `Debug` shows no more than the kind.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// RFC 7617; both may name secrets.
    Basic {
        /// The user.
        user: String,
        /// The password.
        password: String,
        /// Both are percent-encoded first, as OAuth wants it (RFC 6749, 2.3.1).
        encoded: bool,
    },
    /// A token as it is sent (RFC 6750).
    Bearer(String),
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Basic { .. } => "Basic(…)",
            Self::Bearer(_) => "Bearer(…)",
        })
    }
}

impl Credentials {
    /// The header `Authorization`; what is made of secrets is remembered as one.
    pub(super) fn header(&self, secrets: &mut Resolver<'_>) -> Result<String, Missing> {
        Ok(match self {
            Self::Bearer(token) => {
                secrets.hide(token);
                format!("Bearer {token}")
            }
            Self::Basic { user, password, encoded } => {
                let (user, password) = (secrets.header(user)?, secrets.header(password)?);
                let form = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
                let pair = if *encoded {
                    format!("{}:{}", form(&user), form(&password))
                } else {
                    format!("{user}:{password}")
                };
                let pair = data_encoding::BASE64.encode(pair.as_bytes());
                secrets.hide(&pair);
                format!("Basic {pair}")
            }
        })
    }
}
