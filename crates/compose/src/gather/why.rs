//! `charmer why`: the chain from a seed to a package, out of the recorded selections.

use std::collections::BTreeMap;

use super::{Reason, Selected, Selection};

/// One package of a selection, and the chain that brought it in.
#[derive(Debug, Clone, PartialEq)]
pub struct Chain<'a> {
    pub variant: &'a str,
    pub arch: &'a str,
    /// From the package with a seed or a parent as its reason to the one that was asked for.
    pub links: Vec<&'a Selected>,
}

/// The chains of all packages of a name (and arch) in some selections. Empty if none has it.
pub fn chains<'a>(selections: impl IntoIterator<Item = &'a Selection>, name: &str, arch: Option<&str>) -> Vec<Chain<'a>> {
    let is_asked = |selected: &&Selected| {
        let package = &selected.package;
        package.name == name && arch.is_none_or(|arch| *package.arch == *arch)
    };
    let of_selection = |selection: &'a Selection| {
        let all = || selection.packages.iter().chain(&selection.lookaside);
        let by_id: BTreeMap<String, &Selected> = all().map(|selected| (selected.package.id(), selected)).collect();
        let chain = |asked| Chain { variant: &selection.variant, arch: &selection.arch, links: links(&by_id, asked) };
        all().filter(is_asked).map(chain).collect::<Vec<_>>()
    };
    selections.into_iter().flat_map(of_selection).collect()
}

fn links<'a>(by_id: &BTreeMap<String, &'a Selected>, asked: &'a Selected) -> Vec<&'a Selected> {
    let mut links = vec![asked];
    while let Reason::Dependency { of, .. } = &links[links.len() - 1].reason {
        // A record that was changed by hand may name a package that is not there, or go round.
        match by_id.get(of) {
            Some(&next) if links.len() <= by_id.len() => links.push(next),
            _ => break,
        }
    }
    links.reverse();
    links
}
