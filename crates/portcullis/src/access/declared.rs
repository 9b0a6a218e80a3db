/// The roles of an application, all at once: [`crate::roles!`] writes it for its enum.
///
/// ```
/// use portcullis::access::DeclaredRoles;
///
/// portcullis::roles! { pub enum Role { Admin = "admin": "Runs the place", Editor = "editor" } Admin > Editor; }
///
/// let names: Vec<_> = Role::all().iter().map(|role| role.name()).collect();
/// assert_eq!(names, ["admin", "editor"]);
/// assert_eq!(DeclaredRoles::implied(Role::Admin), [Role::Editor]);
/// assert_eq!(DeclaredRoles::about(Role::Admin), "Runs the place");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no enum of roles",
    label = "not declared by `roles!`",
    note = "declare it: `portcullis::roles! {{ pub enum Role {{ Admin = \"admin\", Editor = \"editor\" }} Admin > Editor; }}`"
)]
pub trait DeclaredRoles: Copy + Send + Sync + 'static {
    /// All of them, in the order in which they are declared.
    fn all() -> &'static [Self];
    /// As on the wire.
    fn name(self) -> &'static str;
    /// For people.
    fn about(self) -> &'static str;
    /// The roles that it implies, directly or not.
    fn implied(self) -> &'static [Self];
}
