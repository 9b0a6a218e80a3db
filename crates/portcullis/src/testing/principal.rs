use std::sync::Arc;

use portcullis_core::{
    clock::Timestamp,
    id::{SessionId, TokenId, UserId},
    token::VerifiedToken,
};
use uuid::Uuid;

use crate::access::{LocalUser, NamedPermission, PermissionKind, Principal, RoleName, Scope};

/// Makes a [`LocalUser`] without a token.
///
/// ```
/// use portcullis::testing::TestPrincipal;
///
/// portcullis::roles! { pub enum Role { Editor = "editor" } }
/// portcullis::scopes! { pub Export = "export": "Export everything"; }
///
/// let editor = TestPrincipal::new().role::<Editor>().scope::<Export>().build();
/// assert!(editor.has_role("editor") && editor.has_scope("export"));
/// let the_same = TestPrincipal::new().user(editor.user).build();
/// assert_eq!(the_same.user, editor.user);
/// ```
#[derive(Clone, Debug)]
pub struct TestPrincipal(Principal);

impl Default for TestPrincipal {
    fn default() -> Self {
        Self::new()
    }
}

impl TestPrincipal {
    /// Somebody who is logged in and has no role.
    #[must_use]
    pub fn new() -> Self {
        Self(Principal {
            user: UserId::from_uuid(Uuid::from_u128(1)),
            session: SessionId::from_uuid(Uuid::from_u128(2)),
            token: TokenId::from_uuid(Uuid::from_u128(3)),
            roles: Vec::new(),
            scopes: Vec::new(),
            narrowed: false,
            issued_at: Timestamp::from_unix_seconds(0),
            expires_at: Timestamp::from_millis(i64::MAX),
            token_epoch: 0,
            session_epoch: 0,
            roles_epoch: 0,
        })
    }

    /// As this user.
    #[must_use]
    pub fn user(mut self, id: UserId) -> Self {
        self.0.user = id;
        self
    }

    /// With a role or scope. Not with what a role implies: name all that the test needs.
    #[must_use]
    pub fn role<P: NamedPermission>(mut self) -> Self {
        match P::KIND {
            PermissionKind::Role => self.0.roles.extend(P::NAME.parse::<RoleName>()),
            PermissionKind::Scope => self.0.scopes.extend(P::NAME.parse::<Scope>()),
        }
        self
    }

    /// The same as [`TestPrincipal::role`], for reading.
    #[must_use]
    pub fn scope<P: NamedPermission>(self) -> Self {
        self.role::<P>()
    }

    /// The user.
    #[must_use]
    pub fn build(self) -> LocalUser {
        LocalUser::detached(Arc::new(VerifiedToken {
            principal: Arc::new(self.0),
            kid: "test".into(),
        }))
    }
}
