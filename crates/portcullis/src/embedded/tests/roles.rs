//! The roles of an application in the database.

use std::{collections::BTreeSet, sync::Arc};

use portcullis_core::{
    access::{Role as Stored, RoleName},
    authority::{Authority, Caller},
    store::AuditFilter,
};

use super::{again, fresh};
use crate::{BuildError, Portcullis, access::NamedPermission as _, embedded::NewUser};

crate::roles! {
    enum Role {
        /// Runs the place.
        Admin = "admin",
        Editor = "editor": "Writes",
        Reader = "reader",
    }
    Admin > Editor > Reader;
}

crate::roles! {
    enum Turned { Reader2 = "reader", Admin2 = "admin" }
    Reader2 > Admin2;
}

crate::scopes! {
    WriteArticles = "articles:write": "Write articles";
    ReadArticles = "articles:read": "Read articles";
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

async fn stored(authority: &Arc<Authority>, name: &str) -> Stored {
    let graph = authority.roles().await.unwrap();
    graph
        .get(name)
        .unwrap_or_else(|| panic!("there is no {name}"))
        .clone()
}

fn texts<T: ToString>(items: &BTreeSet<T>) -> BTreeSet<String> {
    items.iter().map(T::to_string).collect()
}

async fn events(auth: &Portcullis) -> usize {
    auth.authority()
        .audit(&AuditFilter::default())
        .await
        .unwrap()
        .len()
}

#[tokio::test]
async fn the_roles_of_the_application_are_stored_with_what_they_imply() {
    let (folder, builder) = fresh();
    let auth = builder
        .roles::<Role>()
        .grant::<Editor, WriteArticles>()
        .grant::<Reader, ReadArticles>()
        .default_role(Role::Reader)
        .build()
        .await
        .unwrap();
    let authority = auth.authority();
    let admin = stored(authority, Admin::NAME).await;
    // What one implies by way of another is left to that other; what the database had of its own stays.
    assert_eq!(texts(&admin.implies), names(&["editor"]));
    assert_eq!(texts(&admin.scopes), names(&["admin", "me"]));
    let editor = stored(authority, "editor").await;
    assert_eq!(texts(&editor.implies), names(&["reader"]));
    assert_eq!(texts(&editor.scopes), names(&["articles:write"]));
    assert_eq!(editor.description.as_str(), "Writes");

    let eva = auth
        .create_user(NewUser::new("eva@example.com", "correct horse 5 battery").role(Role::Editor))
        .await
        .unwrap();
    let scopes: Vec<String> = eva.scopes.iter().map(ToString::to_string).collect();
    assert_eq!(scopes, ["articles:read", "articles:write"]);
    let bob = auth
        .create_user(NewUser::new("bob@example.com", "correct horse 5 battery"))
        .await
        .unwrap();
    assert_eq!(bob.roles, ["reader".parse::<RoleName>().unwrap()]);

    // Another start finds it as it should be, and voids no tokens.
    let before = events(&auth).await;
    auth.shutdown().await;
    let auth = again(&folder)
        .roles::<Role>()
        .grant::<Editor, WriteArticles>()
        .build()
        .await
        .unwrap();
    assert_eq!(events(&auth).await, before);
    auth.shutdown().await;
}

#[tokio::test]
async fn what_administrators_added_stays() {
    let (folder, builder) = fresh();
    let auth = builder.roles::<Role>().build().await.unwrap();
    let mut editor = stored(auth.authority(), "editor").await;
    editor.implies = ["user".parse().unwrap()].into();
    editor.scopes = ["extra".parse().unwrap()].into();
    editor.description = "As I see it".parse().unwrap();
    auth.authority()
        .put_role(&Caller::operator(), editor)
        .await
        .unwrap();
    auth.shutdown().await;

    let auth = again(&folder)
        .roles::<Role>()
        .grant::<Editor, WriteArticles>()
        .build()
        .await
        .unwrap();
    let editor = stored(auth.authority(), "editor").await;
    assert_eq!(texts(&editor.implies), names(&["reader", "user"]));
    assert_eq!(texts(&editor.scopes), names(&["articles:write", "extra"]));
    assert_eq!(editor.description.as_str(), "As I see it");
    auth.shutdown().await;
}

#[tokio::test]
async fn roles_that_contradict_the_database_are_refused() {
    let (folder, builder) = fresh();
    builder.roles::<Role>().build().await.unwrap().shutdown().await;
    let error = again(&folder).roles::<Turned>().build().await.unwrap_err();
    assert!(
        matches!(&error, BuildError::Role { role, .. } if role.as_str() == "reader"),
        "{error}"
    );
    assert!(error.to_string().contains("imply itself"), "{error}");
}

#[tokio::test]
async fn nobody_registers_for_a_role_that_is_not_there() {
    let (_folder, builder) = fresh();
    let error = builder.default_role(Role::Editor).build().await.unwrap_err();
    assert!(
        matches!(&error, BuildError::DefaultRole(role) if role.as_str() == "editor"),
        "{error}"
    );
    assert!(error.to_string().contains(".roles::<..>()"), "{error}");
}
