use std::fmt;

use super::Holder;

/// What a route demands of its caller. This one value is enforced, printed and documented.
///
/// ```
/// use portcullis_core::access::Requirement;
///
/// let either = Requirement::AnyOf(vec![Requirement::Role("editor"), Requirement::Scope("articles:write")]);
/// assert_eq!(either.to_string(), "any of (role editor, scope articles:write)");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Requirement {
    /// Anyone, logged in or not.
    Public,
    /// Anyone who is logged in.
    Authenticated,
    /// Who holds the role, by itself or implied.
    Role(&'static str),
    /// Who holds the scope.
    Scope(&'static str),
    /// Who meets at least one.
    AnyOf(Vec<Requirement>),
    /// Who meets all.
    AllOf(Vec<Requirement>),
}

/// What was missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// Roles of which the requirement speaks.
    pub required_roles: Vec<&'static str>,
    /// Scopes of which the requirement speaks.
    pub required_scopes: Vec<&'static str>,
}

impl Requirement {
    /// Whether the requirement can be met without being logged in.
    #[must_use]
    pub fn is_public(&self) -> bool {
        match self {
            Self::Public => true,
            Self::AnyOf(parts) => parts.iter().any(Self::is_public),
            Self::AllOf(parts) => parts.iter().all(Self::is_public),
            Self::Authenticated | Self::Role(_) | Self::Scope(_) => false,
        }
    }

    /// Whether `holder` meets the requirement.
    #[must_use]
    pub fn met_by(&self, holder: &(impl Holder + ?Sized)) -> bool {
        match self {
            Self::Public | Self::Authenticated => true,
            Self::Role(name) => holder.has_role(name),
            Self::Scope(name) => holder.has_scope(name),
            Self::AnyOf(parts) => parts.iter().any(|part| part.met_by(holder)),
            Self::AllOf(parts) => parts.iter().all(|part| part.met_by(holder)),
        }
    }

    /// The requirement or what `holder` lacks.
    ///
    /// # Errors
    /// When the holder does not meet it.
    pub fn check(&self, holder: &(impl Holder + ?Sized)) -> Result<(), Denial> {
        if self.met_by(holder) {
            Ok(())
        } else {
            Err(self.denial())
        }
    }

    /// The roles and scopes of which the requirement speaks.
    #[must_use]
    pub fn denial(&self) -> Denial {
        let mut denial = Denial {
            required_roles: Vec::new(),
            required_scopes: Vec::new(),
        };
        self.collect(&mut denial);
        denial
    }

    fn collect(&self, into: &mut Denial) {
        match self {
            Self::Public | Self::Authenticated => {}
            Self::Role(name) => into.required_roles.push(name),
            Self::Scope(name) => into.required_scopes.push(name),
            Self::AnyOf(parts) | Self::AllOf(parts) => parts.iter().for_each(|part| part.collect(into)),
        }
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, word: &str, parts: &[Self]| {
            write!(f, "{word} (")?;
            for (i, part) in parts.iter().enumerate() {
                if i > 0 {
                    f.write_str(", ")?;
                }
                part.fmt(f)?;
            }
            f.write_str(")")
        };
        match self {
            Self::Public => f.write_str("public"),
            Self::Authenticated => f.write_str("authenticated"),
            Self::Role(name) => write!(f, "role {name}"),
            Self::Scope(name) => write!(f, "scope {name}"),
            Self::AnyOf(parts) => list(f, "any of", parts),
            Self::AllOf(parts) => list(f, "all of", parts),
        }
    }
}
