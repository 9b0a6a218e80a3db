use serde::{Deserialize, Serialize};

use super::{Profile, RoleRule};
use crate::{
    access::RoleName,
    id::UserId,
    user::{Email, UserStatus},
};

/// What is believed of the emails that a provider states.
///
/// ```
/// use portcullis_core::identity::Emails;
///
/// assert_eq!(Emails::default(), Emails::Verified);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Emails {
    /// Those of which it says that they are verified.
    #[default]
    Verified,
    /// All: for a provider that says nothing of it and where nobody can state an address of their own, such as a
    /// company's own.
    All,
}

/// Who may sign in by a provider, and what they become.
///
/// ```
/// use portcullis_core::identity::{Profile, SignInRules};
///
/// let rules = SignInRules { authoritative: vec!["example.com".into()], ..SignInRules::new("corp") };
/// let claims = serde_json::json!({"sub": "7", "email": "ada@example.com", "email_verified": true});
/// let ada = Profile::of("https://idp.example", claims.as_object().unwrap().clone())?;
/// assert!(rules.believed(&ada).is_some() && rules.vouches(&ada));
/// # Ok::<(), portcullis_core::identity::ProfileError>(())
/// ```
#[derive(Clone, Debug)]
pub struct SignInRules {
    /// The provider's name in the configuration.
    pub provider: String,
    /// Whether somebody who is unknown becomes a user.
    pub create: bool,
    /// Only with an email of these domains; all, if there are none. Only the first sign-in is held to it.
    pub domains: Vec<String>,
    /// On these domains the provider is the authority: it vouches that an email belongs to whoever signs in.
    pub authoritative: Vec<String>,
    /// What is believed of the emails that it states.
    pub emails: Emails,
    /// Roles of whoever becomes a user; none takes those of whoever registers.
    pub default_roles: Option<Vec<RoleName>>,
    /// Roles that follow claims, at each sign-in.
    pub roles: Vec<RoleRule>,
}

/// Whose an email is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Who has it.
    pub user: UserId,
    /// Whether it is known to be theirs: somebody who registered with it may have claimed the address of another.
    pub verified: bool,
    /// Whether they may log in.
    pub status: UserStatus,
}

/// What comes of a sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The user whose account it is.
    SignIn(UserId),
    /// The account is tied to this user from now on: both emails are known to be one person's.
    Link(UserId),
    /// A new user.
    Create,
}

/// Why nobody is signed in. For log and audit; the text is for whoever tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum SignInRefusal {
    /// Unknown, and nobody becomes a user by this provider.
    #[error("there is no account for you here, and this provider makes none")]
    Closed,
    /// Unknown, and no email is stated.
    #[error("the provider states no email address")]
    NoEmail,
    /// Unknown, and the provider does not say that the email is verified.
    #[error("the provider does not say that your email address is verified")]
    EmailUnverified,
    /// Unknown, and of a domain that is not allowed.
    #[error("addresses of this domain cannot sign in by this provider")]
    Domain,
    /// Another user has the email.
    #[error("your email address belongs to an account here: log in to that one, and link the provider there")]
    EmailTaken,
    /// The user is disabled.
    #[error("this account is disabled")]
    Disabled,
    /// A rule or a default gives a role that is not there.
    #[error("the sign-in is set up with a role that does not exist: tell the operator")]
    UnknownRole,
    /// The roles that follow from the groups would leave no administrator.
    #[error("your groups at the provider would leave no administrator here: tell the operator")]
    LastAdministrator,
    /// Sessions were revoked, or the link taken away, at this moment.
    #[error("the account changed at this moment: sign in again")]
    Changed,
}

impl SignInRefusal {
    /// One word, for log and audit.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::NoEmail => "no_email",
            Self::EmailUnverified => "email_unverified",
            Self::Domain => "domain",
            Self::EmailTaken => "email_taken",
            Self::Disabled => "disabled",
            Self::UnknownRole => "unknown_role",
            Self::LastAdministrator => "last_administrator",
            Self::Changed => "changed",
        }
    }
}

impl SignInRules {
    /// Everybody whose email is verified becomes a user, and the provider is the authority on nothing.
    #[must_use]
    pub fn new(provider: impl Into<String>) -> Self {
        Self {
            provider: provider.into(),
            create: true,
            domains: Vec::new(),
            authoritative: Vec::new(),
            emails: Emails::default(),
            default_roles: None,
            roles: Vec::new(),
        }
    }

    /// The email of the profile, if it is believed.
    #[must_use]
    pub fn believed<'p>(&self, profile: &'p Profile) -> Option<&'p Email> {
        let believed = profile.email_verified || self.emails == Emails::All;
        profile.email.as_ref().filter(|_| believed)
    }

    /// Whether the provider vouches for the email of the profile.
    #[must_use]
    pub fn vouches(&self, profile: &Profile) -> bool {
        self.believed(profile)
            .is_some_and(|email| is_of(email, &self.authoritative))
    }
}

/// Whether the email is of one of the domains: exactly, not of one below.
fn is_of(email: &Email, domains: &[String]) -> bool {
    let key = email.key();
    let domain = key.as_str().rsplit_once('@').map_or("", |(_, domain)| domain);
    domains.iter().any(|known| known.to_lowercase() == domain)
}

/// Who signs in. `linked` is whose account it is, and `held` whose the stated email is here.
///
/// An email alone never signs in as somebody who is there: the local email must be known to be theirs, the provider must be
/// the authority on its domain, and must vouch for it. Otherwise an attacker who registered with the victim's address would
/// share the account with them, or get into it by a provider that takes any address.
///
/// # Errors
/// Why nobody does.
pub fn decide(
    rules: &SignInRules,
    profile: &Profile,
    linked: Option<(UserId, UserStatus)>,
    held: Option<Held>,
) -> Result<Verdict, SignInRefusal> {
    let active = |status, verdict| match status {
        UserStatus::Active => Ok(verdict),
        UserStatus::Disabled => Err(SignInRefusal::Disabled),
    };
    if let Some((user, status)) = linked {
        return active(status, Verdict::SignIn(user));
    }
    let stated = profile.email.as_ref();
    if let (Some(held), Some(_)) = (held, stated) {
        return if held.verified && rules.vouches(profile) {
            active(held.status, Verdict::Link(held.user))
        } else {
            Err(SignInRefusal::EmailTaken)
        };
    }
    if !rules.create {
        return Err(SignInRefusal::Closed);
    }
    let stated = stated.ok_or(SignInRefusal::NoEmail)?;
    if rules.believed(profile).is_none() {
        return Err(SignInRefusal::EmailUnverified);
    }
    if !rules.domains.is_empty() && !is_of(stated, &rules.domains) {
        return Err(SignInRefusal::Domain);
    }
    Ok(Verdict::Create)
}
