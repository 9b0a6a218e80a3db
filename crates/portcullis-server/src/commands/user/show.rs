use clap::Args;

use super::{OneUser, words};
use crate::{commands::Failure, output};

/// Show one user
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Show {
    #[command(flatten)]
    one: OneUser,
}

const EXAMPLES: &str = "\
Examples:
  portcullis user show eva@example.com";

impl Show {
    pub(super) fn run(self) -> Result<(), Failure> {
        self.one.on(async |_, user| {
            let rows = [
                ["id".to_owned(), user.id.to_string()],
                ["email".to_owned(), user.email.to_string()],
                ["name".to_owned(), user.name.to_string()],
                ["status".to_owned(), user.status.to_string()],
                ["roles".to_owned(), words(&user.roles)],
                ["scopes".to_owned(), words(&user.scopes)],
                ["created".to_owned(), user.created_at.to_string()],
            ];
            Ok((user, output::columns(["FIELD", "VALUE"], rows)))
        })
    }
}
