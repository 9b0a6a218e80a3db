use serde_json::Value;

use super::{
    Finding,
    fetch::{self, Unfetched},
};
use crate::config::Settings;

const CHECK: &str = "issuer";

/// Whether services find our keys where tokens tell them to look. `served` is the process that serves the data folder.
pub(super) async fn examine(
    settings: &Settings,
    keys: Option<&[String]>,
    served: Option<u32>,
) -> Vec<Finding> {
    let issuer = settings.issuer(settings.listen);
    if settings.token.issuer.is_none() && settings.listen.port() == 0 {
        return vec![Finding::note(
            CHECK,
            "token.issuer is not given, and the port is a free one",
        )];
    }
    let url = format!("{}/.well-known/jwks.json", issuer.trim_end_matches('/'));
    let answer = fetch::get(&url).await;
    vec![match answer {
        Ok(answer) => judge(&url, answer.status, &answer.body, keys),
        Err(Unfetched::Untrusted(why)) => Finding::action(
            CHECK,
            format!("the certificate at {issuer} is refused: {why}"),
            "renew it, or serve the whole chain; services that fetch our keys refuse it, too",
        ),
        Err(Unfetched::UnknownAuthority) => Finding::advice(
            CHECK,
            format!("the certificate at {issuer} is of an authority that this machine does not know"),
            "install the authority's certificate here and where services fetch our keys",
        ),
        Err(Unfetched::Unreachable(why)) => match served {
            Some(pid) => Finding::action(
                CHECK,
                format!("process {pid} serves the data folder, and {url} does not answer: {why}"),
                "look at name, firewall and proxy: services cannot fetch our keys",
            ),
            None => Finding::advice(
                CHECK,
                format!("{url} does not answer: {why}"),
                "start the server; if it runs, look at name, firewall and proxy",
            ),
        },
    }]
}

/// What to say of an answer.
pub(super) fn judge(url: &str, status: u16, body: &[u8], keys: Option<&[String]>) -> Finding {
    if (300..400).contains(&status) {
        return Finding::action(
            CHECK,
            format!("{url} redirects ({status}): services that verify tokens do not follow"),
            "give the URL that answers as token.issuer",
        );
    }
    if status != 200 {
        return Finding::action(
            CHECK,
            format!("{url} answers {status}"),
            "let the proxy pass /.well-known/ on to this server, without the path being changed",
        );
    }
    let document: Value = serde_json::from_slice(body).unwrap_or_default();
    let Some(published) = document["keys"].as_array() else {
        return Finding::action(
            CHECK,
            format!("{url} answers with something else than keys"),
            "let token.issuer be the URL of this service",
        );
    };
    let names: Vec<&str> = published.iter().filter_map(|key| key["kid"].as_str()).collect();
    let Some(keys) = keys else {
        return Finding::note(CHECK, format!("{url} has {} keys", names.len()));
    };
    let missing = keys.iter().filter(|key| !names.contains(&key.as_str())).count();
    let foreign = names
        .iter()
        .filter(|name| !keys.iter().any(|key| key == *name))
        .count();
    if missing == 0 && foreign == 0 {
        return Finding::ok(
            CHECK,
            format!("{url} has the {} keys of the database", names.len()),
        );
    }
    Finding::action(
        CHECK,
        format!(
            "{url} lacks {missing} of our keys and has {foreign} that are not ours: another installation, or one of \
             before in a cache"
        ),
        "let token.issuer be the URL of this service, and let no proxy keep its JWKS for longer than its Cache-Control says",
    )
}
