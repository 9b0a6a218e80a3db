//! `application/x-www-form-urlencoded`, read strictly: valid UTF-8 only, no name twice.

use std::{borrow::Cow, collections::BTreeMap};

use percent_encoding::percent_decode;

use super::node::Node;
use crate::problem::Problem;

fn decode(part: &[u8]) -> Result<String, Problem> {
    let spaced: Cow<'_, [u8]> = if part.contains(&b'+') {
        part.iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect()
    } else {
        part.into()
    };
    percent_decode(&spaced)
        .decode_utf8()
        .map(Cow::into_owned)
        .map_err(|_| Problem::bad_request("The form or query is not UTF-8."))
}

fn pairs(bytes: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    bytes
        .split(|b| *b == b'&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| match pair.iter().position(|b| *b == b'=') {
            Some(at) => (&pair[..at], &pair[at + 1..]),
            None => (pair, &[][..]),
        })
}

pub(super) fn parse(bytes: &[u8]) -> Result<Node, Problem> {
    let mut members = BTreeMap::new();
    for (name, value) in pairs(bytes) {
        if members
            .insert(decode(name)?, Node::Text(decode(value)?))
            .is_some()
        {
            // RFC 6749, section 3.2: parameters must not come twice.
            return Err(Problem::bad_request("The same parameter came twice."));
        }
    }
    Ok(Node::Object(members))
}

/// Whether `query` has a parameter of that name, however it is encoded.
pub(crate) fn has_key(query: &str, key: &str) -> bool {
    pairs(query.as_bytes()).any(|(name, _)| decode(name).is_ok_and(|name| name == key))
}

/// The values of the parameter `key`, however it is encoded.
pub(crate) fn values(bytes: &[u8], key: &str) -> impl Iterator<Item = Result<String, Problem>> {
    pairs(bytes)
        .filter(move |(name, _)| decode(name).is_ok_and(|name| name == key))
        .map(|(_, value)| decode(value))
}
