mod add;
mod delete;
mod disable;
mod enable;
mod list;
mod set_password;
mod set_roles;
mod show;

use std::fmt::Display;

use clap::{Args, Subcommand};
use portcullis::api::UserResponse;
use portcullis_core::{
    authority::{AdminUserChange, Authority, Caller},
    id::UserId,
    user::{EmailKey, User as CoreUser},
};

use super::{Failure, data, options::DataOptions};
use crate::output::{self, OutputError};

/// Add, list and change users
///
/// Works on the data, whether a server runs or not: a running one takes note within a second.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct User {
    #[command(subcommand)]
    command: UserCommand,
}

const EXAMPLES: &str = "\
Examples:
  portcullis user add root@example.com --role admin
  portcullis user list --role admin
  portcullis user disable eva@example.com";

#[derive(Subcommand)]
enum UserCommand {
    Add(add::Add),
    List(list::List),
    Show(show::Show),
    Disable(disable::Disable),
    Enable(enable::Enable),
    SetRoles(set_roles::SetRoles),
    SetPassword(set_password::SetPassword),
    Delete(delete::Delete),
}

impl User {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self.command {
            UserCommand::Add(command) => command.run(),
            UserCommand::List(command) => command.run(),
            UserCommand::Show(command) => command.run(),
            UserCommand::Disable(command) => command.run(),
            UserCommand::Enable(command) => command.run(),
            UserCommand::SetRoles(command) => command.run(),
            UserCommand::SetPassword(command) => command.run(),
            UserCommand::Delete(command) => command.run(),
        }
    }
}

/// What all commands on one user take.
#[derive(Args)]
struct OneUser {
    /// Email or identifier
    #[arg(value_name = "USER")]
    user: String,
    /// Print the user as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: DataOptions,
}

impl OneUser {
    /// Finds the user, does `act`, and tells of the user as `act` left them, or in its sentence.
    fn on<T>(
        self,
        act: impl AsyncFnOnce(&Authority, CoreUser) -> Result<(CoreUser, T), Failure>,
    ) -> Result<(), Failure>
    where
        T: Display,
    {
        let Self { user, json, data } = self;
        data::on(data, async |installation| {
            let authority = &installation.authority;
            let found = match user.parse::<UserId>() {
                Ok(id) => authority.user(id).await?,
                Err(_) => authority.user_by_email(&EmailKey::of(&user)).await?,
            };
            let found = found.ok_or(Failure::NoUser(user))?;
            let (user, said) = act(authority, found).await?;
            Ok(tell(&user, json, said)?)
        })
    }

    /// Changes the user, and says what came of it.
    fn change(
        self,
        change: AdminUserChange,
        sentence: impl FnOnce(&CoreUser) -> String,
    ) -> Result<(), Failure> {
        self.on(async |authority, user| {
            let user = authority
                .change_user(&Caller::operator(), user.id, change)
                .await?;
            let said = sentence(&user);
            Ok((user, said))
        })
    }
}

/// Tells of one user: as JSON, or in a sentence.
fn tell(user: &CoreUser, json: bool, sentence: impl Display) -> Result<(), OutputError> {
    if json {
        output::json(&UserResponse::from(user))
    } else {
        output::line(sentence)
    }
}

fn words<T: ToString>(items: &[T]) -> String {
    items.iter().map(T::to_string).collect::<Vec<_>>().join(" ")
}
