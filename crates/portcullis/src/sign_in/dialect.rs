//! What providers of plain OAuth2 say of a person, in the words of OpenID Connect.

use serde_json::{Map, Value, json};

use super::SignInFailure;

/// Discord (its resource `User`): an address counts once Discord has verified it.
pub(super) fn discord(user: &Map<String, Value>) -> Result<Map<String, Value>, SignInFailure> {
    let id = user
        .get("id")
        .and_then(Value::as_str)
        .ok_or(SignInFailure::Answer("the user has no id"))?;
    let mut claims = claims(id.to_owned());
    put(&mut claims, "email", user.get("email"));
    claims.insert(
        "email_verified".to_owned(),
        Value::Bool(user.get("verified") == Some(&Value::Bool(true))),
    );
    put(&mut claims, "preferred_username", user.get("username"));
    put(&mut claims, "name", user.get("global_name"));
    Ok(claims)
}

/// GitHub: the user, and the list of their addresses. The one that the user shows in public is not looked at: GitHub does not say
/// there whether it is verified.
pub(super) fn github(user: &Map<String, Value>, emails: &Value) -> Result<Map<String, Value>, SignInFailure> {
    // A login can be changed and taken by another; the number stays.
    let id = user
        .get("id")
        .and_then(Value::as_u64)
        .ok_or(SignInFailure::Answer("the user has no id"))?;
    let mut claims = claims(id.to_string());
    put(&mut claims, "preferred_username", user.get("login"));
    put(&mut claims, "name", user.get("name"));
    let is = |email: &Value, name: &str| email.get(name) == Some(&Value::Bool(true));
    let primary = emails.as_array().and_then(|emails| {
        emails
            .iter()
            .find(|email| is(email, "primary") && is(email, "verified"))
    });
    if let Some(email) = primary.and_then(|email| email.get("email")) {
        put(&mut claims, "email", Some(email));
        claims.insert("email_verified".to_owned(), json!(true));
    }
    Ok(claims)
}

fn claims(subject: String) -> Map<String, Value> {
    Map::from_iter([("sub".to_owned(), Value::String(subject))])
}

fn put(claims: &mut Map<String, Value>, name: &str, value: Option<&Value>) {
    if let Some(Value::String(text)) = value {
        claims.insert(name.to_owned(), Value::String(text.clone()));
    }
}

/// What userinfo adds to an ID token. An address and whether it is verified belong together: they come from one of the two.
pub(super) fn join(id_token: &mut Map<String, Value>, userinfo: Map<String, Value>) {
    let has_email = id_token.contains_key("email");
    if !has_email {
        id_token.remove("email_verified");
    }
    for (name, value) in userinfo {
        let of_email = name == "email" || name == "email_verified";
        let stated = (of_email && has_email) || id_token.contains_key(&name);
        if !stated {
            id_token.insert(name, value);
        }
    }
}
