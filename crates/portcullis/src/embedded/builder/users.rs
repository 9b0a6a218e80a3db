use std::time::Duration;

use portcullis_core::access::RoleName;

use super::Builder;
use crate::{
    access::{DeclaredRoles, NamedPermission},
    embedded::WrongOption,
};

/// Who may register, and which roles there are.
///
/// ```
/// use std::time::Duration;
/// use portcullis::Portcullis;
///
/// let builder = Portcullis::builder()
///     .service_name("Articles")
///     .registration_enabled(false)
///     .password_min_length(12)
///     .max_failures(20)
///     .audit_retention(Duration::from_secs(90 * 86_400));
/// let for_a_load_test = Portcullis::builder().limits_enabled(false);
/// # drop((builder, for_a_load_test));
/// ```
impl Builder {
    /// Whether people may make accounts for themselves; they may unless told.
    pub fn registration_enabled(mut self, enabled: bool) -> Self {
        self.config.registration = enabled;
        self
    }

    /// The role of whoever registers; `user` unless told, which every database has.
    pub fn default_role(mut self, role: impl DeclaredRoles) -> Self {
        match role.name().parse::<RoleName>() {
            Ok(name) => self.config.default_roles = vec![name],
            Err(error) => self.wrong.push(WrongOption {
                option: "default_role",
                message: error.to_string(),
            }),
        }
        self
    }

    /// Makes sure that the database has the roles of the application, each with what it implies. Roles, implications and
    /// scopes that administrators added stay.
    ///
    /// ```
    /// # use portcullis::Portcullis;
    /// portcullis::roles! {
    ///     pub enum Role { Admin = "admin", Editor = "editor", Viewer = "viewer" }
    ///     Admin > Editor > Viewer;
    /// }
    ///
    /// let builder = Portcullis::builder().sqlite("app.db").roles::<Role>().default_role(Role::Viewer);
    /// # drop(builder);
    /// ```
    pub fn roles<R: DeclaredRoles>(mut self) -> Self {
        self.roles.add::<R>();
        self
    }

    /// Makes sure that whoever has the role `R` has the scope `S`.
    ///
    /// ```
    /// # use portcullis::Portcullis;
    /// portcullis::roles! { pub enum Role { Member = "member" } }
    /// portcullis::scopes! { pub WriteTasks = "tasks:write": "Write tasks"; }
    ///
    /// let builder = Portcullis::builder().sqlite("app.db").roles::<Role>().grant::<Member, WriteTasks>();
    /// # drop(builder);
    /// ```
    pub fn grant<R: NamedPermission, S: NamedPermission>(mut self) -> Self {
        self.roles.grant(R::NAME, S::NAME);
        self
    }

    /// Name of the service, for people. Refused as a password.
    pub fn service_name(mut self, name: impl Into<String>) -> Self {
        self.config.password.service_name = name.into();
        self
    }

    /// Characters that a new password has at least; 8 unless told.
    pub fn password_min_length(mut self, least: usize) -> Self {
        self.config.password.min_length = least;
        self
    }

    /// Rate limits on logins, registrations, refreshes and passwords; on unless told. Switch them off for load tests only:
    /// nothing else stops password guessing.
    pub fn limits_enabled(mut self, enabled: bool) -> Self {
        self.config.limits.enabled = enabled;
        self.warns_of_limits = !enabled;
        self
    }

    /// Consecutive failed logins after which an account takes only devices that it knows; 100 unless told.
    pub fn max_failures(mut self, most: u32) -> Self {
        self.config.max_failures = most;
        self
    }

    /// How long audit events are kept; a year unless told.
    pub fn audit_retention(mut self, keep: Duration) -> Self {
        self.config.audit_retention = Some(keep);
        self
    }

    /// Rate limits that nodes share through Redis or Valkey: those of logins, registrations, refreshes and passwords. Nodes
    /// share them that have the same master key.
    ///
    /// ```
    /// # fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use portcullis::{Portcullis, rate_limit::SharedLimits};
    ///
    /// let shared = SharedLimits::new("redis://127.0.0.1:6379")?;
    /// let builder = Portcullis::builder().sqlite("app.db").shared_limits(&shared);
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "redis")]
    pub fn shared_limits(mut self, limits: &crate::rate_limit::SharedLimits) -> Self {
        let shared = portcullis_core::limit::Shared(std::sync::Arc::new(limits.clone()));
        self.config.limits.shared = Some(shared);
        self.shared_limits = Some(limits.clone());
        self
    }
}
