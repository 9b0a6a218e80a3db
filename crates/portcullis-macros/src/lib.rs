//! The macros of `portcullis`. Use them through that crate, where each is documented with what it makes.

mod permission;
mod roles;
mod routes;
mod scopes;

use proc_macro::TokenStream;
use syn::parse_macro_input;

/// Declares scopes: a type for each, with its name on the wire and its description.
///
/// ```ignore
/// portcullis::scopes! {
///     /// For whoever writes.
///     pub Write = "articles:write": "Write articles";
///     pub Read = "articles:read": "Read articles";
/// }
/// ```
#[proc_macro]
pub fn scopes(input: TokenStream) -> TokenStream {
    parse_macro_input!(input as scopes::Scopes).expand().into()
}

/// Declares roles: an enum of all, a type for each, and which implies which. A role twice and a cycle are errors.
///
/// ```ignore
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
/// ```
#[proc_macro]
pub fn roles(input: TokenStream) -> TokenStream {
    parse_macro_input!(input as roles::Roles).expand().into()
}

/// Makes `portcullis::gate::Routes` of handlers that have `#[utoipa::path]`.
///
/// ```ignore
/// let routes = Routes::new().routes(portcullis::routes!(list, articles::create));
/// ```
#[proc_macro]
pub fn routes(input: TokenStream) -> TokenStream {
    parse_macro_input!(input as routes::Handlers).expand().into()
}
