use clap::Args;
use portcullis::api::UserResponse;
use portcullis_core::{
    access::RoleName,
    store::UserFilter,
    user::{User, UserStatus},
};

use super::words;
use crate::{
    commands::{Failure, data, options::DataOptions},
    installation::Installation,
    output,
};

/// List users, in the order of their creation
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct List {
    /// Only those whose email or name begins so, in any case
    #[arg(value_name = "PREFIX")]
    prefix: Option<String>,
    /// Only those with this role
    #[arg(long)]
    role: Option<RoleName>,
    /// Only those with this status: active or disabled
    #[arg(long)]
    status: Option<UserStatus>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: DataOptions,
}

const EXAMPLES: &str = "\
Examples:
  portcullis user list
  portcullis user list eva --status disabled
  portcullis user list --role admin --json | jq -r '.[].email'";

/// How many are read at a time.
const PAGE: u32 = 200;

impl List {
    pub(super) fn run(self) -> Result<(), Failure> {
        let filter = UserFilter {
            prefix: self.prefix,
            role: self.role,
            status: self.status,
            after: None,
            limit: PAGE,
        };
        let json = self.json;
        data::on(self.data, async |installation| {
            let users = all(installation, filter).await?;
            if json {
                let users: Vec<_> = users.iter().map(UserResponse::from).collect();
                return Ok(output::json(&users)?);
            }
            let rows = users.into_iter().map(|user| {
                [
                    user.email.to_string(),
                    user.name.to_string(),
                    words(&user.roles),
                    user.status.to_string(),
                    user.created_at.to_string(),
                    user.id.to_string(),
                ]
            });
            Ok(output::table(
                ["EMAIL", "NAME", "ROLES", "STATUS", "CREATED", "ID"],
                rows,
            )?)
        })
    }
}

async fn all(installation: &Installation, mut filter: UserFilter) -> Result<Vec<User>, Failure> {
    let mut users = Vec::new();
    loop {
        let page = installation.authority.users(&filter).await?;
        filter.after = page.last().map(|user| user.id);
        users.extend(page);
        if filter.after.is_none() {
            return Ok(users);
        }
    }
}
