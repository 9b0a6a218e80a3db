use std::{any::TypeId, fmt};

use super::Holder;

/// What a route demands of its caller. This one value is enforced, printed and documented.
///
/// ```
/// use portcullis_core::access::{Holder, Requirement};
///
/// let either = Requirement::AnyOf(vec![Requirement::Role("editor"), Requirement::Scope("articles:write")]);
/// assert_eq!(either.to_string(), "any of (role editor, scope articles:write)");
///
/// struct Reader;
/// impl Holder for Reader {
///     fn has_role(&self, name: &str) -> bool { name == "reader" }
///     fn has_scope(&self, _: &str) -> bool { false }
/// }
/// assert!(!either.is_public() && !either.met_by(&Reader));
/// assert_eq!(either.check(&Reader), Err(either.denial()));
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
    /// Of whom the application says so: an owner of what is asked for.
    Policy(PolicyId),
    /// Who meets at least one.
    AnyOf(Vec<Requirement>),
    /// Who meets all.
    AllOf(Vec<Requirement>),
}

/// Which decision of an application, and what to call it.
///
/// ```
/// use portcullis_core::access::PolicyId;
///
/// struct Owner;
/// let owner = PolicyId::of::<Owner>("owner of the article");
/// assert_eq!(owner.description(), "owner of the article");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct PolicyId {
    kind: TypeId,
    description: &'static str,
}

impl PolicyId {
    /// That of the type `P`, which is told to people as `description`.
    #[must_use]
    pub const fn of<P: 'static>(description: &'static str) -> Self {
        Self {
            kind: TypeId::of::<P>(),
            description,
        }
    }

    /// For people: `owner of the article`.
    #[must_use]
    pub const fn description(self) -> &'static str {
        self.description
    }
}

impl PartialEq for PolicyId {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

impl Eq for PolicyId {}

/// What is known of a requirement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is met.
    Met,
    /// It is not met.
    Unmet,
    /// It depends on the answer of this policy.
    Ask(PolicyId),
}

/// What was missing.
///
/// ```
/// use portcullis_core::access::Requirement;
///
/// let denial = Requirement::AllOf(vec![Requirement::Role("editor"), Requirement::Scope("articles:write")]).denial();
/// assert_eq!((denial.required_roles, denial.required_scopes), (vec!["editor"], vec!["articles:write"]));
/// ```
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
            Self::Authenticated | Self::Role(_) | Self::Scope(_) | Self::Policy(_) => false,
        }
    }

    /// Whether `holder` meets the requirement. A policy that nobody asked has not agreed.
    #[must_use]
    pub fn met_by(&self, holder: &(impl Holder + ?Sized)) -> bool {
        self.decide(holder, |_| Some(false)) == Decision::Met
    }

    /// Whether `holder` meets the requirement, as far as that is known: `answers` gives what a policy has said, or
    /// `None` of one that was not asked. Roles and scopes go first, so a policy is asked only where they leave it open.
    ///
    /// ```
    /// use portcullis_core::access::{Decision, Holder, PolicyId, Requirement};
    ///
    /// struct Admin;
    /// impl Holder for Admin {
    ///     fn has_role(&self, name: &str) -> bool { name == "admin" }
    ///     fn has_scope(&self, _: &str) -> bool { false }
    /// }
    /// struct Owner;
    ///
    /// let owner = PolicyId::of::<Owner>("owner");
    /// let either = Requirement::AnyOf(vec![Requirement::Policy(owner), Requirement::Role("admin")]);
    /// assert_eq!(either.decide(&Admin, |_| None), Decision::Met);
    /// assert_eq!(Requirement::Policy(owner).decide(&Admin, |_| None), Decision::Ask(owner));
    /// ```
    pub fn decide(
        &self,
        holder: &(impl Holder + ?Sized),
        answers: impl Fn(PolicyId) -> Option<bool>,
    ) -> Decision {
        self.decided(holder, &answers)
    }

    fn decided<H: Holder + ?Sized>(
        &self,
        holder: &H,
        answers: &impl Fn(PolicyId) -> Option<bool>,
    ) -> Decision {
        let known = |met| if met { Decision::Met } else { Decision::Unmet };
        match self {
            Self::Public | Self::Authenticated => Decision::Met,
            Self::Role(name) => known(holder.has_role(name)),
            Self::Scope(name) => known(holder.has_scope(name)),
            Self::Policy(policy) => answers(*policy).map_or(Decision::Ask(*policy), known),
            Self::AnyOf(parts) => settle(parts, Decision::Met, |part| part.decided(holder, answers)),
            Self::AllOf(parts) => settle(parts, Decision::Unmet, |part| part.decided(holder, answers)),
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
            Self::Public | Self::Authenticated | Self::Policy(_) => {}
            Self::Role(name) => into.required_roles.push(name),
            Self::Scope(name) => into.required_scopes.push(name),
            Self::AnyOf(parts) | Self::AllOf(parts) => parts.iter().for_each(|part| part.collect(into)),
        }
    }
}

/// One part with the decision `by` decides all; else the first question that is open; else the opposite.
fn settle(parts: &[Requirement], by: Decision, decide: impl Fn(&Requirement) -> Decision) -> Decision {
    let otherwise = if by == Decision::Met {
        Decision::Unmet
    } else {
        Decision::Met
    };
    let mut open = None;
    for part in parts {
        match decide(part) {
            decision if decision == by => return by,
            ask @ Decision::Ask(_) => open = open.or(Some(ask)),
            _ => {}
        }
    }
    open.unwrap_or(otherwise)
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
            Self::Policy(policy) => f.write_str(policy.description),
            Self::AnyOf(parts) => list(f, "any of", parts),
            Self::AllOf(parts) => list(f, "all of", parts),
        }
    }
}
