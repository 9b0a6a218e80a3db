use portcullis_core::url::Url;
use serde::{Deserialize, de::DeserializeOwned};

use super::{Client, FetchError, client::Answer, target::Target};

/// What an issuer says of itself (OpenID Connect Discovery, section 3; RFC 8414, section 2), as far as it matters here.
#[derive(Deserialize)]
struct Description {
    issuer: String,
    jwks_uri: String,
}

/// Where an issuer describes itself. RFC 8414 and OpenID put the well-known word at two ends of the path; the latter is
/// older and has the more users, so it is asked first.
pub(crate) struct Places {
    openid: Target,
    oauth: Target,
}

impl Places {
    pub(crate) fn of(issuer: &str) -> Result<Self, FetchError> {
        let wrong = || FetchError::Url(issuer.to_owned());
        let url = Url::parse(issuer).ok_or_else(wrong)?;
        if url.has_userinfo || url.has_query_or_fragment {
            return Err(wrong());
        }
        let bare = issuer.strip_suffix('/').unwrap_or(issuer);
        let path_at = bare
            .find("://")
            .and_then(|at| bare[at + 3..].find('/').map(|path| at + 3 + path));
        let (origin, path) = bare.split_at(path_at.unwrap_or(bare.len()));
        Ok(Self {
            openid: Target::parse(&format!("{bare}/.well-known/openid-configuration"))?,
            oauth: Target::parse(&format!("{origin}/.well-known/oauth-authorization-server{path}"))?,
        })
    }

    /// As text, for the OpenAPI document.
    pub(super) fn openid(issuer: &str) -> String {
        let bare = issuer.strip_suffix('/').unwrap_or(issuer);
        format!("{bare}/.well-known/openid-configuration")
    }

    /// Where the issuer says that its keys are.
    pub(super) async fn keys(&self, client: &Client, issuer: &str) -> Result<Target, FetchError> {
        read(&self.ask(client).await?, issuer)
    }

    /// Where the issuer says that its keys are, and all else that it says of itself.
    pub(crate) async fn describe<T: DeserializeOwned>(
        &self,
        client: &Client,
        issuer: &str,
    ) -> Result<(Target, T), FetchError> {
        let found = self.ask(client).await?;
        let keys = read(&found, issuer)?;
        let rest = serde_json::from_slice(&found.body)
            .map_err(|_| FetchError::Description("an endpoint is missing"))?;
        Ok((keys, rest))
    }

    async fn ask(&self, client: &Client) -> Result<Answer, FetchError> {
        match client.get(&self.openid).await {
            Err(FetchError::Status(status)) if status.is_client_error() => client.get(&self.oauth).await,
            other => other,
        }
    }
}

fn read(answer: &Answer, issuer: &str) -> Result<Target, FetchError> {
    let description: Description = serde_json::from_slice(&answer.body)
        .map_err(|_| FetchError::Description("`issuer` or `jwks_uri` is missing, or it is no JSON"))?;
    // Exactly (RFC 8414, section 3.3): one who answers for another could have its keys taken for theirs.
    if description.issuer != issuer {
        return Err(FetchError::OtherIssuer(
            description
                .issuer
                .chars()
                .filter(|c| !c.is_control())
                .take(200)
                .collect(),
        ));
    }
    Target::parse(&description.jwks_uri)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_is_put_where_each_of_them_wants_it() {
        let places = |issuer: &str| Places::of(issuer).map(|places| [places.openid, places.oauth]);
        let targets = |list: [&str; 2]| list.map(|text| Target::parse(text).unwrap());
        for (issuer, expected) in [
            (
                "https://idp.example/realms/app",
                [
                    "https://idp.example/realms/app/.well-known/openid-configuration",
                    "https://idp.example/.well-known/oauth-authorization-server/realms/app",
                ],
            ),
            (
                "https://tenant.example/",
                [
                    "https://tenant.example/.well-known/openid-configuration",
                    "https://tenant.example/.well-known/oauth-authorization-server",
                ],
            ),
        ] {
            assert_eq!(places(issuer).unwrap(), targets(expected), "{issuer}");
        }
        for wrong in [
            "https://idp.example?x",
            "https://idp.example#x",
            "https://a@idp.example",
            "idp",
        ] {
            assert!(places(wrong).is_err(), "{wrong}");
        }
    }
}
