//! Logins in URLs of a configuration of Pungi's, wherever in its values they stand.

use super::value::{Dict, Value};
use crate::config::credentials::has_credentials;

/// Why they are refused.
pub(super) const LOGIN_REFUSED: &str = "a URL has a login in it, which logs, locks and metadata would show";

/// The options that have a URL with a login, each with the first such URL.
pub(super) fn logins(values: &Dict) -> impl Iterator<Item = (&str, &str)> {
    values.iter().filter_map(|(name, value)| Some((name.value().as_text()?, first_login(value)?)))
}

fn first_login(value: &Value) -> Option<&str> {
    let of_text = || value.as_text().filter(|text| has_credentials(text));
    let of_list = || value.as_items()?.iter().find_map(first_login);
    let of_dict = || value.as_dict()?.iter().find_map(|(_, value)| first_login(value));
    of_text().or_else(of_list).or_else(of_dict)
}
