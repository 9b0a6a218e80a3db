use clap::Args;
use portcullis_core::{
    access::RoleName,
    authority::{AdminNewUser, Caller},
    user::{DisplayName, Email, UserStatus},
};

use super::{tell, words};
use crate::commands::{Failure, data, options::DataOptions, secret};

/// Add a user
///
/// The password is asked for, or is the first line of stdin.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Add {
    /// Email, with which the user logs in
    email: Email,
    /// Name shown to people [default: the part of the email before the @]
    #[arg(long)]
    name: Option<DisplayName>,
    /// Role; can be given several times [default: user]
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<RoleName>,
    /// Add a user who cannot log in with a password
    #[arg(long)]
    no_password: bool,
    /// Print the user as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: DataOptions,
}

const EXAMPLES: &str = "\
Examples:
  portcullis user add root@example.com --role admin
  portcullis user add eva@example.com --name 'Eva Lu' < password.txt";

impl Add {
    pub(super) fn run(self) -> Result<(), Failure> {
        let name = match self.name {
            Some(name) => name,
            None => self.email.local_part().parse().map_err(Failure::Name)?,
        };
        let password = if self.no_password {
            None
        } else {
            Some(secret::new_password()?)
        };
        let new = AdminNewUser {
            email: self.email,
            name,
            password,
            roles: (!self.roles.is_empty()).then_some(self.roles),
            status: UserStatus::Active,
        };
        let json = self.json;
        data::on(self.data, async |installation| {
            let user = installation.authority.add_user(&Caller::operator(), new).await?;
            Ok(tell(
                &user,
                json,
                format_args!(
                    "Added {} ({}), roles: {}.",
                    user.email,
                    user.id,
                    words(&user.roles)
                ),
            )?)
        })
    }
}
