use std::sync::Arc;

use portcullis_core::token::VerifiedToken;

use super::{Holder, Principal};

/// The user of Portcullis' own providers: what the verified access token says. Derefs to [`Principal`].
pub type LocalUser = Arc<VerifiedToken>;

/// A user as the gate needs to know one: what is held, and what the log and the client are told when it is not enough.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no user that a gate can know",
    label = "not a `Caller`",
    note = "implement `portcullis::access::Holder` and `portcullis::access::Caller` for it"
)]
pub trait Caller: Holder {
    /// For the log.
    fn id(&self) -> String;
    /// For the answer of a 403.
    fn roles(&self) -> Vec<String>;
    /// For the log of a 403.
    fn scopes(&self) -> Vec<String>;
}

impl Caller for Principal {
    fn id(&self) -> String {
        self.user.to_string()
    }

    fn roles(&self) -> Vec<String> {
        self.roles.iter().map(ToString::to_string).collect()
    }

    fn scopes(&self) -> Vec<String> {
        self.scopes.iter().map(ToString::to_string).collect()
    }
}

impl<T: Caller + ?Sized> Caller for Arc<T> {
    fn id(&self) -> String {
        T::id(self)
    }

    fn roles(&self) -> Vec<String> {
        T::roles(self)
    }

    fn scopes(&self) -> Vec<String> {
        T::scopes(self)
    }
}

impl Caller for VerifiedToken {
    fn id(&self) -> String {
        self.principal.id()
    }

    fn roles(&self) -> Vec<String> {
        self.principal.roles()
    }

    fn scopes(&self) -> Vec<String> {
        self.principal.scopes()
    }
}
