use std::{fmt, io};

use redis::{ErrorKind, RedisError};

/// Why it does not answer as it should.
#[derive(Debug)]
pub(super) enum Away {
    Slow,
    Nonsense,
    Unreachable(io::Error),
    Failed(RedisError),
}

impl From<RedisError> for Away {
    fn from(error: RedisError) -> Self {
        Self::Failed(error)
    }
}

impl From<io::Error> for Away {
    fn from(error: io::Error) -> Self {
        Self::Unreachable(error)
    }
}

impl fmt::Display for Away {
    /// For the log. Never with what was sent or answered: a password is among the one, and the other may be anybody's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SLOW: &str = "no answer in time";
        const NONSENSE: &str = "it answers something else than a Redis does";
        let error = match self {
            Self::Slow => return f.write_str(SLOW),
            Self::Nonsense => return f.write_str(NONSENSE),
            Self::Unreachable(error) => return write!(f, "no connection: {error}"),
            Self::Failed(error) => error,
        };
        match (error.code(), error.kind()) {
            (Some(code), _) if is_code(code) => write!(f, "it answers {code}"),
            (_, ErrorKind::AuthenticationFailed) => f.write_str("it refuses the user or the password"),
            (_, ErrorKind::Parse | ErrorKind::UnexpectedReturnType) => f.write_str(NONSENSE),
            _ if error.is_timeout() => f.write_str(SLOW),
            _ if error.is_io_error() => f.write_str("the connection broke"),
            (_, kind) => write!(f, "{kind:?}"),
        }
    }
}

/// `NOAUTH`, `WRONGPASS`, `OOM`.
fn is_code(code: &str) -> bool {
    code.len() <= 16 && code.bytes().all(|byte| byte.is_ascii_uppercase())
}
