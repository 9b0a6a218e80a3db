use std::collections::BTreeSet;

use crate::{
    access::{AccessNameError, RoleName},
    clock::Timestamp,
    id::{AuditId, UserId},
    password::{FirebaseParams, HashFormatError, StoredHash},
    rng::Rng,
    user::{DisplayName, Email, EmailError, NameError, UserStatus},
};

/// More roles than anybody has.
const MOST_ROLES: usize = 64;

/// A user of a roster.
#[derive(Clone)]
pub struct RosterUser {
    /// Identifier, the `sub` of tokens; a new one without it.
    pub id: Option<UserId>,
    /// Address.
    pub email: Email,
    /// Name; without one in the roster, the part of the email before the `@`.
    pub name: DisplayName,
    /// Hash of the password, in a form that can be stored.
    pub password: Option<StoredHash>,
    /// Roles; none stated is not the same as an empty list.
    pub roles: Option<Vec<RoleName>>,
    /// Whether the user may log in.
    pub status: UserStatus,
    /// When the account was made.
    pub created_at: Option<Timestamp>,
}

/// A user of a roster, with all that a database needs.
#[derive(Clone)]
pub struct ImportUser {
    /// Identifier.
    pub id: UserId,
    /// Identifier of the audit event.
    pub audit: AuditId,
    /// Address.
    pub email: Email,
    /// Name.
    pub name: DisplayName,
    /// Hash of the password.
    pub password: Option<StoredHash>,
    /// Roles.
    pub roles: BTreeSet<RoleName>,
    /// Whether the user may log in.
    pub status: UserStatus,
    /// When the account was made.
    pub created_at: Timestamp,
}

impl RosterUser {
    /// To be imported now; `roles` for who has none stated.
    #[must_use]
    pub fn to_import(self, roles: &[RoleName], now: Timestamp, rng: &dyn Rng) -> ImportUser {
        ImportUser {
            id: self.id.unwrap_or_else(|| UserId::generate(now, rng)),
            audit: AuditId::generate(now, rng),
            email: self.email,
            name: self.name,
            password: self.password,
            roles: self.roles.unwrap_or_else(|| roles.to_vec()).into_iter().collect(),
            status: self.status,
            created_at: self.created_at.unwrap_or(now),
        }
    }
}

/// Why a record is not taken. Never repeats a part of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// More than [`LONGEST_RECORD`](super::LONGEST_RECORD).
    #[error("it is longer than 64 KiB (is a quote not closed?)")]
    TooLong,
    /// Not UTF-8.
    #[error("it is not UTF-8")]
    Encoding,
    /// CSV with another number of fields than the header.
    #[error("it has {found} fields, the header has {header}")]
    Fields {
        /// Fields of the record.
        found: usize,
        /// Fields of the header.
        header: usize,
    },
    /// Not JSON.
    #[error("it is no JSON object on one line")]
    Json,
    /// JSON of another shape.
    #[error(
        "a member is unknown, comes twice, or has the wrong type: possible are id, email, name, status, created_at, \
         password_hash (text) and roles (an array of texts)"
    )]
    Members,
    /// The lines are not of Firebase.
    #[error("it is no user as Firebase exports them")]
    Firebase,
    /// No email.
    #[error("it has no email")]
    NoEmail,
    /// Not an email.
    #[error(transparent)]
    Email(#[from] EmailError),
    /// Not a name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Not a hash, or one that is not taken.
    #[error(transparent)]
    Hash(#[from] HashFormatError),
    /// Not a role.
    #[error("roles: {0}")]
    Role(#[from] AccessNameError),
    /// Too many roles.
    #[error("it has more than 64 roles")]
    TooManyRoles,
    /// Not a status.
    #[error("a status is active or disabled")]
    Status,
    /// Not an identifier.
    #[error("an id is a UUID, and not the one of zeros")]
    Id,
    /// A role that may administer, which the operator has not allowed.
    #[error(
        "its role `{0}` may administer, which a file alone does not decide: allow it with --allow-role {0}, or take it out"
    )]
    Administers(RoleName),
    /// Not a time.
    #[error("created_at looks like 2026-01-31T12:00:00Z (RFC 3339)")]
    CreatedAt,
    /// A role that the database has not.
    #[error("{}", unknown_role(like.as_ref(), there))]
    UnknownRole {
        /// The role, and the one that was probably meant, if there is one.
        like: Option<(RoleName, RoleName)>,
        /// The roles that there are.
        there: Vec<RoleName>,
    },
    /// Another user has the identifier.
    #[error("another user has this id: leave the id out to get a new one")]
    IdTaken,
    /// Another user has the email.
    #[error(
        "a user with this email is there already, and stays as they are (--on-duplicate skip passes over such lines)"
    )]
    EmailTaken,
}

/// A role is repeated only if it is nearly the name of another one: what stands in the place of roles may be a hash.
fn unknown_role(like: Option<&(RoleName, RoleName)>, there: &[RoleName]) -> String {
    let there = there.iter().map(RoleName::as_str).collect::<Vec<_>>().join(", ");
    let said = match like {
        Some((role, like)) => format!("there is no role `{role}`; did you mean `{like}`?"),
        None => "it has a role that does not exist here.".to_owned(),
    };
    format!("{said} Roles are: {there}. Make the role first (PUT /admin/roles/NAME), or take it out")
}

/// The fields of a record as they were written; what is empty is not there.
#[derive(Default)]
pub(super) struct Fields<'a> {
    pub(super) id: Option<&'a str>,
    pub(super) email: Option<&'a str>,
    pub(super) name: Option<&'a str>,
    pub(super) roles: Option<Vec<&'a str>>,
    pub(super) status: Option<&'a str>,
    pub(super) created_at: Option<Timestamp>,
    pub(super) password_hash: Option<&'a str>,
    pub(super) password_salt: Option<&'a str>,
}

impl Fields<'_> {
    pub(super) fn user(self, firebase: Option<&FirebaseParams>) -> Result<RosterUser, Refused> {
        let email: Email = self.email.ok_or(Refused::NoEmail)?.parse()?;
        let name = self.name.unwrap_or_else(|| email.local_part()).parse()?;
        let hash = self.password_hash.unwrap_or_default();
        let password = match firebase {
            Some(params) => params.import(hash, self.password_salt.unwrap_or_default())?,
            None => StoredHash::import(hash)?,
        };
        let roles = match self.roles {
            Some(names) if names.len() > MOST_ROLES => return Err(Refused::TooManyRoles),
            Some(names) => Some(names.into_iter().map(str::parse).collect::<Result<_, _>>()?),
            None => None,
        };
        Ok(RosterUser {
            id: match self.id {
                Some(text) => Some(id(text)?),
                None => None,
            },
            name,
            password,
            roles,
            status: match self.status {
                Some(text) => text.parse().map_err(|_| Refused::Status)?,
                None => UserStatus::Active,
            },
            created_at: self.created_at,
            email,
        })
    }
}

/// Not the nil UUID, which means nobody, and comes before the first user where all are listed.
fn id(text: &str) -> Result<UserId, Refused> {
    let id: UserId = text.parse().map_err(|_| Refused::Id)?;
    if id.uuid().is_nil() {
        Err(Refused::Id)
    } else {
        Ok(id)
    }
}

/// A time of RFC 3339.
pub(super) fn time(text: &str) -> Result<Timestamp, Refused> {
    text.trim().parse().map_err(|_| Refused::CreatedAt)
}
