mod add;
mod delete;
mod disable;
mod enable;
mod list;
mod set_password;
mod set_roles;
mod show;

use clap::{Args, Subcommand};
use portcullis::api::UserResponse;
use portcullis_core::{
    id::UserId,
    user::{EmailKey, User as CoreUser},
};

use super::Failure;
use crate::{
    installation::Installation,
    output::{self, OutputError},
};

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

/// One user, by email or identifier.
#[derive(Args)]
struct Who {
    /// Email or identifier
    #[arg(value_name = "USER")]
    user: String,
}

impl Who {
    async fn find(&self, installation: &Installation) -> Result<CoreUser, Failure> {
        let authority = &installation.authority;
        let found = match self.user.parse::<UserId>() {
            Ok(id) => authority
                .store()
                .user(id)
                .await
                .map_err(Failure::Store)?
                .map(|standing| standing.user),
            Err(_) => authority.user_by_email(&EmailKey::of(&self.user)).await?,
        };
        found.ok_or_else(|| Failure::NoUser(self.user.clone()))
    }
}

/// Tells of one user: as JSON, or in a sentence.
fn tell(user: &CoreUser, json: bool, sentence: impl std::fmt::Display) -> Result<(), OutputError> {
    if json {
        output::json(&UserResponse::from(user))
    } else {
        output::line(sentence)
    }
}

fn words<T: ToString>(items: &[T]) -> String {
    items.iter().map(T::to_string).collect::<Vec<_>>().join(" ")
}
