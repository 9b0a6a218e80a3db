use std::{borrow::Borrow, fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

/// Why a text names neither a role nor a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccessNameError {
    /// Empty or longer than 64 characters.
    #[error("a name of a role or scope has 1 to 64 characters")]
    Length,
    /// A character that a scope cannot hold.
    #[error("a name of a role or scope has letters, digits and `-_.:/` only")]
    Character,
}

fn check(text: &str) -> Result<(), AccessNameError> {
    if text.is_empty() || text.len() > 64 {
        return Err(AccessNameError::Length);
    }
    // Narrower than `scope-token` of RFC 6749, section 3.3: what also survives a URL, a shell and a header.
    if text
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"-_.:/".contains(&b))
    {
        Ok(())
    } else {
        Err(AccessNameError::Character)
    }
}

macro_rules! access_name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// As on the wire.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = AccessNameError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                check(text)?;
                Ok(Self(text.into()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = AccessNameError;
            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0.as_ref().to_owned()
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
    };
}

access_name!(
    /// One permission, `tasks:write` (`scope-token` of RFC 6749, section 3.3).
    ///
    /// ```
    /// use portcullis_core::access::Scope;
    /// assert_eq!("tasks:write".parse::<Scope>().unwrap().as_str(), "tasks:write");
    /// assert!("two words".parse::<Scope>().is_err());
    /// ```
    Scope
);
access_name!(
    /// The name of a set of scopes, `editor`.
    ///
    /// ```
    /// use portcullis_core::access::RoleName;
    /// let editor: RoleName = "editor".parse()?;
    /// assert_eq!(editor.as_str(), "editor");
    /// # Ok::<(), portcullis_core::access::AccessNameError>(())
    /// ```
    RoleName
);
