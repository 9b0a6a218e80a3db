use std::{fmt, future::Future, ops::Deref, sync::Arc, time::Duration};

use portcullis_core::{
    access::Holder,
    authority::Ended,
    clock::{Clock, SystemClock},
    issuer::Identity,
};

use crate::access::{Caller, HasRoles, HasScopes};

/// Between two looks at the clock, for what outlives a request.
const LOOK: Duration = Duration::from_secs(1);

/// Who calls with a token of another issuer. Derefs to [`Identity`]; a clone costs no allocation.
///
/// ```
/// use portcullis::{access::{Caller, Holder}, issuer::{Identity, RemoteUser}};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let ada = RemoteUser::new(Identity {
///     issuer: "https://idp.example".into(),
///     subject: "ada".into(),
///     client: None,
///     roles: vec!["editor".into()],
///     scopes: Vec::new(),
///     expires_at: "2001-01-01T00:00:00Z".parse()?,
///     kid: "1".into(),
///     principal: None,
///     claims: Default::default(),
/// });
/// assert_eq!((ada.subject.as_str(), ada.id().as_str()), ("ada", "https://idp.example ada"));
/// assert!(ada.has_role("editor"));
/// println!("{:?}", ada.ended().await);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct RemoteUser {
    identity: Arc<Identity>,
    clock: Arc<dyn Clock>,
}

impl RemoteUser {
    /// Somebody, for tests of an application: by the machine's clock.
    #[must_use]
    pub fn new(identity: impl Into<Arc<Identity>>) -> Self {
        Self::by_clock(identity.into(), Arc::new(SystemClock))
    }

    pub(super) fn by_clock(identity: Arc<Identity>, clock: Arc<dyn Clock>) -> Self {
        Self { identity, clock }
    }

    /// Resolves when the token expires: for what outlives one request. Close web sockets and event streams then.
    pub fn ended(&self) -> impl Future<Output = Ended> + Send + use<> {
        let (clock, until) = (Arc::clone(&self.clock), self.identity.expires_at);
        async move {
            loop {
                let left = until.since(clock.now());
                if left.is_zero() {
                    return Ended::Expired;
                }
                tokio::time::sleep(LOOK.min(left)).await;
            }
        }
    }
}

impl fmt::Debug for RemoteUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RemoteUser").field(&self.identity).finish()
    }
}

impl Deref for RemoteUser {
    type Target = Identity;

    fn deref(&self) -> &Identity {
        &self.identity
    }
}

impl Holder for RemoteUser {
    fn has_role(&self, name: &str) -> bool {
        self.identity.has_role(name)
    }

    fn has_scope(&self, name: &str) -> bool {
        self.identity.has_scope(name)
    }
}

impl Caller for RemoteUser {
    /// Issuer and subject, since neither alone says who it is. No issuer has a space in its name.
    fn id(&self) -> String {
        format!("{} {}", self.identity.issuer, self.identity.subject)
    }

    fn roles(&self) -> Vec<String> {
        self.identity.roles.clone()
    }

    fn scopes(&self) -> Vec<String> {
        self.identity.scopes.clone()
    }
}

impl HasRoles for RemoteUser {}
impl HasScopes for RemoteUser {}
