//! Options that mean something to Pungi and nothing to charmer yet: what would make another compose is refused, what only leaves
//! something out is said.

use super::{is_on, text};
use crate::config::pungi::value::Dict;

/// Phases that are not there yet, by the option that asks for them.
const PHASES: [&str; 12] = [
    "image_build",
    "image_container",
    "imagebuilder",
    "kiwibuild",
    "live_images",
    "live_media",
    "osbs",
    "osbuild",
    "ostree",
    "ostree_container",
    "ostree_installer",
    "cts_url",
];
/// What says that commands run on other machines.
const ELSEWHERE: [&str; 4] = ["buildinstall_topdir", "global_runroot_method", "runroot_method", "runroot_tag"];

/// Why no compose can be made that would be what the options ask for.
pub(super) fn refusal(values: &Dict) -> Option<String> {
    if text(values, "pkgset_source") == Some("koji") {
        return Some("pkgset_source: charmer does not take packages from Koji yet; it takes them from repositories".to_owned());
    }
    let option = Some("paths_module").filter(|option| is_on(values, option))?;
    Some(format!("{option}: charmer does not do this yet; take it out to compose without it"))
}

/// What a compose will not have, in one sentence each.
pub fn omissions(values: &Dict) -> Vec<String> {
    let phases = PHASES.into_iter().filter(|option| is_on(values, option));
    let phases = phases.map(|option| format!("{option}: charmer does not have this yet; the compose is made without it"));
    let is_elsewhere = |option: &&str| is_on(values, option) && text(values, option) != Some("local");
    let elsewhere = ELSEWHERE.into_iter().filter(is_elsewhere);
    let elsewhere = elsewhere.map(|option| format!("{option}: charmer runs its commands here, not on other machines"));
    phases.chain(elsewhere).collect()
}

#[cfg(test)]
mod tests {
    use super::super::super::validate::from_json;
    use super::*;

    #[test]
    fn what_would_be_another_compose_is_refused_and_the_rest_is_said() {
        let values = |json: serde_json::Value| from_json(&json).as_dict().unwrap().clone();
        assert!(refusal(&values(serde_json::json!({"pkgset_source": "koji"}))).unwrap().contains("Koji"));
        assert!(refusal(&values(serde_json::json!({"paths_module": "own"}))).unwrap().starts_with("paths_module"));
        let fine = values(serde_json::json!({"pkgset_source": "repos", "osbuild": {"^S$": [{}]}, "runroot_tag": "f1-build",
            "runroot_method": "local"}));
        assert_eq!(refusal(&fine), None);
        let said = omissions(&fine);
        assert!(said[0].starts_with("osbuild: ") && said[1].starts_with("runroot_tag: ") && said.len() == 2, "{said:?}");
    }
}
