//! Cookies: read strictly, written safely.

mod read;

pub use self::read::{Cookies, DuplicateCookie};
