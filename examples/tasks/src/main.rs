//! Scopes, and who owns what: a policy beside the roles.

mod tasks;

use std::{error::Error, net::SocketAddr};

use axum::{
    extract::{FromRef, State},
    http::StatusCode,
};
use portcullis::{
    AllOf, Allow, AnyOf, Gate, Policy, Portcullis, Problem,
    access::{LocalUser, PolicyRequest},
    api::ByCaller,
    core::id::UserId,
    embedded::NewUser,
    input::{Json, Path},
    openapi::Documentation,
    routes, secret,
};
use tokio::net::TcpListener;

use tasks::{NewTask, Task, Tasks};

portcullis::roles! { pub enum Role { Admin = "admin", Member = "member" } Admin > Member; }

portcullis::scopes! {
    pub ReadTasks = "tasks:read": "Read your tasks";
    pub WriteTasks = "tasks:write": "Write your tasks";
}

#[derive(Clone, FromRef)]
struct App {
    auth: Portcullis,
    tasks: Tasks,
}

/// Whose task it is that the path names.
struct Owner;

impl Policy for Owner {
    type User = LocalUser;
    type State = Tasks;
    const DESCRIPTION: &'static str = "owner of the task";

    async fn allows(user: &LocalUser, request: &mut PolicyRequest, tasks: &Tasks) -> Result<bool, Problem> {
        let task = tasks.get(request.path().await?).ok_or_else(Problem::not_found)?;
        Ok(task.owner == user.user)
    }
}

/// Your tasks
#[utoipa::path(get, path = "/tasks", responses((status = 200, body = [Task])))]
async fn list(user: Allow<ReadTasks>, State(tasks): State<Tasks>) -> Json<Vec<Task>> {
    Json(tasks.of(user.user))
}

/// Add a task
#[utoipa::path(post, path = "/tasks", request_body = NewTask, responses((status = 201, body = Task)))]
async fn add(
    user: Allow<WriteTasks>,
    State(tasks): State<Tasks>,
    Json(new): Json<NewTask>,
) -> (StatusCode, Json<Task>) {
    (StatusCode::CREATED, Json(tasks.add(user.user, new)))
}

/// Who may remove a task: an access can have a name.
type Removing = AllOf<(WriteTasks, AnyOf<(Owner, Admin)>)>;

/// Remove a task: your own, or anybody's as an administrator
#[utoipa::path(delete, path = "/tasks/{id}", responses((status = 204), (status = 404)))]
async fn remove(_: Allow<Removing>, State(tasks): State<Tasks>, Path(id): Path<u32>) -> StatusCode {
    tasks.remove(id);
    StatusCode::NO_CONTENT
}

/// Delete a user, and all of their tasks
#[utoipa::path(delete, path = "/admin/users/{id}", responses((status = 204), (status = 404)))]
async fn delete_user(
    _: Allow<Admin>,
    State(app): State<App>,
    ByCaller(caller): ByCaller,
    Path(id): Path<UserId>,
) -> Result<StatusCode, Problem> {
    app.auth.authority().delete_user(&caller, id).await?;
    app.tasks.remove_all_of(id);
    Ok(StatusCode::NO_CONTENT)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let auth = Portcullis::builder()
        .sqlite("tasks.db")
        .roles::<Role>()
        .default_role(Role::Member)
        .grant::<Member, ReadTasks>()
        .grant::<Member, WriteTasks>()
        .build()
        .await?;
    let admin = NewUser::new("admin@example.com", secret("ADMIN_PASSWORD")?);
    auth.ensure_user(admin.role(Role::Admin)).await?;

    let app = Gate::new(auth.clone())
        .merge(auth.endpoints().all_but_admin().routes())
        .routes(routes!(list, add, remove, delete_user))
        .documented(Documentation::new("Tasks", "1.0.0").token_url("/auth/login"))
        .with_state(App {
            auth: auth.clone(),
            tasks: Tasks::default(),
        })
        .into_router()?
        .layer(auth.edge());

    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:3000".to_owned());
    let listener = TcpListener::bind(address).await?;
    println!("Listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}
