use super::{Password, common::is_common, secret::folded};
use crate::user::{DisplayName, Email};

/// What a new password must be. Says nothing of passwords that exist.
///
/// No rules of composition, no expiry, no hints (NIST SP 800-63B-4, section 3.1.1.2): length, and not being what an
/// attacker tries first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordPolicy {
    /// Least length in code points.
    pub min_length: usize,
    /// Greatest length in code points.
    pub max_length: usize,
    /// What to do about passwords that are easily guessed.
    pub blocklist: Blocklist,
    /// Name of the service, which is no password for it.
    pub service_name: String,
}

/// What to do about passwords that are easily guessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blocklist {
    /// Refuse them.
    Enforce,
    /// Take them, and say so. For development.
    Warn,
}

/// Whose password it is to be.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// Email.
    pub email: &'a Email,
    /// Name.
    pub name: &'a DisplayName,
}

/// Why a password is easily guessed. Compared as a whole, in any case, without white space around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Blocked {
    /// On the list of common passwords.
    #[error("this is one of the most common passwords, which attackers try first: choose another")]
    Common,
    /// It is the email address.
    #[error("the password must not be your email address")]
    Email,
    /// It is the part of the email address before the `@`.
    #[error("the password must not be the first part of your email address")]
    LocalPart,
    /// It is the name.
    #[error("the password must not be your name")]
    Name,
    /// It is the name of the service.
    #[error("the password must not be the name of this service")]
    ServiceName,
}

/// Why a password is refused, in words for whoever chose it. The length says no more than they know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordRefusal {
    /// Too short.
    #[error("the password has {length} characters: at least {least} are needed")]
    TooShort {
        /// Its length in code points.
        length: usize,
        /// The least.
        least: usize,
    },
    /// Too long.
    #[error("the password has {length} characters: at most {most} are possible")]
    TooLong {
        /// Its length in code points.
        length: usize,
        /// The greatest.
        most: usize,
    },
    /// Easily guessed.
    #[error(transparent)]
    Blocked(#[from] Blocked),
}

/// What would have been refused under [`Blocklist::Enforce`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub struct PasswordWarning(#[from] pub Blocked);

impl PasswordRefusal {
    /// A fixed word for programs: `password_too_short`, `password_too_long`, `password_common`, `password_email`,
    /// `password_local_part`, `password_name`, `password_service_name`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooShort { .. } => "password_too_short",
            Self::TooLong { .. } => "password_too_long",
            Self::Blocked(Blocked::Common) => "password_common",
            Self::Blocked(Blocked::Email) => "password_email",
            Self::Blocked(Blocked::LocalPart) => "password_local_part",
            Self::Blocked(Blocked::Name) => "password_name",
            Self::Blocked(Blocked::ServiceName) => "password_service_name",
        }
    }
}

impl Default for PasswordPolicy {
    /// 8 to 128 code points, blocklist enforced, the service being `portcullis`.
    fn default() -> Self {
        Self {
            min_length: 8,
            max_length: 128,
            blocklist: Blocklist::Enforce,
            service_name: "portcullis".to_owned(),
        }
    }
}

impl PasswordPolicy {
    /// Whether the password may be set.
    ///
    /// ```
    /// use portcullis_core::password::{About, Blocked, Password, PasswordPolicy, PasswordRefusal};
    ///
    /// let (email, name) = ("ada@example.com".parse()?, "Ada Lovelace".parse()?);
    /// let about = About { email: &email, name: &name };
    /// let policy = PasswordPolicy::default();
    /// assert!(policy.check(&Password::new("analytical engine"), about).is_ok());
    /// assert_eq!(
    ///     policy.check(&Password::new("ADA LOVELACE"), about),
    ///     Err(PasswordRefusal::Blocked(Blocked::Name)),
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// When it may not, with the reason.
    pub fn check(
        &self,
        password: &Password,
        about: About<'_>,
    ) -> Result<Vec<PasswordWarning>, PasswordRefusal> {
        self.check_length(password)?;
        let found = self.easily_guessed(password, about);
        match (self.blocklist, found.first()) {
            (Blocklist::Enforce, Some(reason)) => Err(PasswordRefusal::Blocked(*reason)),
            _ => Ok(found.into_iter().map(PasswordWarning).collect()),
        }
    }

    /// Whether `password` is neither too short nor too long: the part of [`PasswordPolicy::check`] that can be told
    /// without knowing whose it is.
    ///
    /// # Errors
    /// When it is, with the numbers.
    pub fn check_length(&self, password: &Password) -> Result<(), PasswordRefusal> {
        let length = password.length();
        if length < self.min_length {
            return Err(PasswordRefusal::TooShort {
                length,
                least: self.min_length,
            });
        }
        if length > self.max_length {
            return Err(PasswordRefusal::TooLong {
                length,
                most: self.max_length,
            });
        }
        Ok(())
    }

    /// What is about the person comes first: it is the more useful reason.
    fn easily_guessed(&self, password: &Password, about: About<'_>) -> Vec<Blocked> {
        let text = password.expose();
        let is = |other: &str| folded(text).eq(folded(other));
        [
            (is(about.email.as_str()), Blocked::Email),
            (is(about.email.local_part()), Blocked::LocalPart),
            (is(about.name.as_str()), Blocked::Name),
            (is(&self.service_name), Blocked::ServiceName),
            (is_common(text), Blocked::Common),
        ]
        .into_iter()
        .filter_map(|(hit, reason)| hit.then_some(reason))
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(policy: &PasswordPolicy, password: &str) -> Result<Vec<PasswordWarning>, PasswordRefusal> {
        let email = "Ada.Lovelace@example.com".parse().unwrap();
        let name = "Ada Straße".parse().unwrap();
        policy.check(
            &Password::new(password),
            About {
                email: &email,
                name: &name,
            },
        )
    }

    #[test]
    fn reasons() {
        let policy = PasswordPolicy::default();
        for (password, reason) in [
            ("ADA.lovelace@EXAMPLE.com", Blocked::Email),
            (" ada.LOVELACE ", Blocked::LocalPart),
            ("ADA STRASSE", Blocked::Name),
            ("Portcullis", Blocked::ServiceName),
            ("secret123", Blocked::Common),
            ("  PassWord1 ", Blocked::Common),
        ] {
            assert_eq!(
                check(&policy, password),
                Err(PasswordRefusal::Blocked(reason)),
                "{password}"
            );
        }
        assert_eq!(
            check(&policy, "1234567").unwrap_err().to_string(),
            "the password has 7 characters: at least 8 are needed"
        );
        assert!(check(&policy, "ada.lovelace, not alone").is_ok());
        assert!(check(&policy, "8 chars!").is_ok());
        assert!(check(&policy, &"long".repeat(32)).is_ok());
        assert_eq!(
            check(&policy, &"3 x".repeat(43)).unwrap_err().to_string(),
            "the password has 129 characters: at most 128 are possible"
        );
    }

    #[test]
    fn warnings_instead_of_refusals_while_developing() {
        let policy = PasswordPolicy {
            blocklist: Blocklist::Warn,
            ..PasswordPolicy::default()
        };
        assert_eq!(
            check(&policy, "secret123"),
            Ok(vec![PasswordWarning(Blocked::Common)])
        );
        assert_eq!(check(&policy, "admin-password"), Ok(vec![]));
        assert!(matches!(
            check(&policy, "short"),
            Err(PasswordRefusal::TooShort { .. })
        ));
    }

    proptest! {
        #[test]
        fn length_is_counted_in_code_points(count in 0usize..200, c in prop::sample::select(vec!['x', 'é', '字', '🦀', ' '])) {
            let password: String = std::iter::once('q')
                .chain(std::iter::repeat_n(c, count.saturating_sub(2)))
                .chain(['§'])
                .take(count)
                .collect();
            let verdict = check(&PasswordPolicy::default(), &password);
            match count {
                0..8 => prop_assert_eq!(verdict, Err(PasswordRefusal::TooShort { length: count, least: 8 })),
                8..=128 => prop_assert_eq!(verdict, Ok(vec![])),
                _ => prop_assert_eq!(verdict, Err(PasswordRefusal::TooLong { length: count, most: 128 })),
            }
        }

        #[test]
        fn common_passwords_are_refused_however_they_are_written(
            which in prop::sample::select(vec!["password1", "1q2w3e4r5t", "qwertyuiop", "iloveyou1"]),
            upper in prop::collection::vec(any::<bool>(), 10),
            (before, after) in (" {0,3}", " {0,3}"),
        ) {
            let mixed: String = which.chars().zip(upper)
                .map(|(c, upper)| if upper { c.to_ascii_uppercase() } else { c }).collect();
            prop_assert_eq!(
                check(&PasswordPolicy::default(), &format!("{before}{mixed}{after}")),
                Err(PasswordRefusal::Blocked(Blocked::Common))
            );
        }
    }
}
