//! The macros of `portcullis`. Use them through that crate, where each is documented with what it makes.

mod caller;
mod decorator;
mod permission;
mod provider;
mod roles;
mod routes;
mod scopes;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

use self::decorator::Decorator;

/// Declares scopes: a type for each, with its name on the wire and its description.
///
/// ```
/// portcullis::scopes! {
///     /// For whoever writes.
///     pub Write = "articles:write": "Write articles";
///     pub Read = "articles:read": "Read articles";
/// }
///
/// async fn list(_: portcullis::Allow<Read>) {}
/// ```
#[proc_macro]
pub fn scopes(input: TokenStream) -> TokenStream {
    parse_macro_input!(input as scopes::Scopes).expand().into()
}

/// Declares roles: an enum of all, a type for each, and which implies which. A role twice and a cycle are errors. The enum
/// is read and written by the names on the wire (`FromStr`, `Display`, serde, the OpenAPI document).
///
/// ```
/// portcullis::roles! {
///     pub enum Role {
///         /// Runs the place.
///         Admin = "admin",
///         Editor = "editor",
///         Publisher = "publisher",
///         Viewer = "viewer",
///     }
///     Admin > Editor > Viewer;
///     Admin > Publisher;
/// }
///
/// async fn publish(_: portcullis::Allow<Publisher>) {}
/// assert_eq!("editor".parse(), Ok(Role::Editor));
/// ```
#[proc_macro]
pub fn roles(input: TokenStream) -> TokenStream {
    parse_macro_input!(input as roles::Roles).expand().into()
}

/// Makes `portcullis::gate::Routes` of handlers that have `#[utoipa::path]`.
///
/// ```
/// mod articles {
///     use portcullis::Public;
///
///     /// List articles
///     #[utoipa::path(get, path = "/articles", responses((status = 200, body = String)))]
///     pub async fn list(_: Public) -> &'static str { "all of them" }
/// }
///
/// let routes: portcullis::Routes = portcullis::routes!(articles::list);
/// assert_eq!(routes.access_table().to_string(), "GET  /articles  public\n");
/// ```
#[proc_macro]
pub fn routes(input: TokenStream) -> TokenStream {
    parse_macro_input!(input as routes::Handlers).expand().into()
}

/// Writes `portcullis::access::Caller` for a struct with a field `id`, and with `role` or `roles`, and `scopes`, where it
/// has them. A field of another name is marked: `#[caller(id)]`.
///
/// ```
/// portcullis::roles! { pub enum Role { Admin = "admin", Reader = "reader" } }
///
/// #[derive(Clone, portcullis::Caller)]
/// struct User { #[caller(id)] email: String, role: Role }
/// ```
#[proc_macro_derive(Caller, attributes(caller))]
pub fn caller(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    caller::CallerFields::of(&input)
        .map_or_else(syn::Error::into_compile_error, |fields| fields.expand())
        .into()
}

fn decorate(decorator: Decorator, arguments: TokenStream, item: TokenStream) -> TokenStream {
    decorator
        .expand(arguments.into(), item.into())
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// Whoever is logged in may call the handler. Its first argument is the user.
///
/// ```
/// use portcullis::authenticated;
/// # portcullis::roles! { pub enum Role { Reader = "reader" } }
/// # #[derive(Clone, portcullis::Caller)]
/// # struct User { id: i64, role: Role }
///
/// #[authenticated]
/// async fn me(user: User) -> String { user.id.to_string() }
/// ```
#[proc_macro_attribute]
pub fn authenticated(arguments: TokenStream, item: TokenStream) -> TokenStream {
    decorate(Decorator::Authenticated, arguments, item)
}

/// The same as `#[requires(Admin)]`: `Admin` is whatever role or scope of that name is in scope.
///
/// ```
/// use axum::extract::Path;
/// use portcullis::admin;
///
/// portcullis::roles! { pub enum Role { Admin = "admin", Reader = "reader" } }
/// # #[derive(Clone, portcullis::Caller)]
/// # struct User { id: i64, role: Role }
///
/// #[admin]
/// async fn delete_user(_: User, Path(id): Path<i64>) -> String { format!("{id} is gone") }
/// ```
#[proc_macro_attribute]
pub fn admin(arguments: TokenStream, item: TokenStream) -> TokenStream {
    decorate(Decorator::Admin, arguments, item)
}

/// Who has the role or scope may call the handler. Its first argument is the user. Stacked decorators are alternatives:
/// any of them suffices. `#[requires(all(Editor, Reviewer))]` demands both.
///
/// ```
/// use portcullis::requires;
///
/// portcullis::roles! { pub enum Role { Editor = "editor", Publisher = "publisher" } }
/// # #[derive(Clone, portcullis::Caller)]
/// # struct User { id: i64, role: Role }
///
/// #[requires(Editor)]
/// #[requires(Publisher)]
/// async fn publish(user: User) -> String { format!("by {}", user.id) }
/// ```
#[proc_macro_attribute]
pub fn requires(arguments: TokenStream, item: TokenStream) -> TokenStream {
    decorate(Decorator::Requires, arguments, item)
}

/// Makes a provider of an async function, for `Gate::new`. There is one per type of user.
///
/// ```
/// use axum::{extract::State, http::HeaderMap};
/// use portcullis::{Caller, CurrentUser, Gate, auth_provider, provider::AuthError, routing::get};
///
/// #[derive(Clone, Caller)]
/// struct User { id: i64 }
///
/// #[derive(Clone)]
/// struct Db;
///
/// #[auth_provider]
/// async fn current_user(headers: &HeaderMap, State(Db): State<Db>) -> Result<User, AuthError> {
///     let key = headers.get("x-key").ok_or(AuthError::Missing)?;
///     if key == "7" { Ok(User { id: 7 }) } else { Err(AuthError::invalid("unknown key")) }
/// }
///
/// async fn me(user: CurrentUser<User>) -> String { user.id.to_string() }
///
/// let app: axum::Router = Gate::new(current_user).route("/me", get(me)).with_state(Db).into_router()?;
/// # Ok::<(), portcullis::gate::GateError>(())
/// ```
#[proc_macro_attribute]
pub fn auth_provider(arguments: TokenStream, item: TokenStream) -> TokenStream {
    if !arguments.is_empty() {
        return syn::Error::new(proc_macro2::Span::call_site(), "`#[auth_provider]` takes nothing")
            .into_compile_error()
            .into();
    }
    provider::Provider::parse(item.into())
        .map_or_else(syn::Error::into_compile_error, provider::Provider::expand)
        .into()
}
