//! The list of packages of a request, as a kickstart's `%packages` section has it.

use std::collections::{BTreeMap, BTreeSet};

use super::{GatherError, Repository};
use crate::rpm::comps::{GroupPackage, PackageKind};

/// What the lines say so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PackageList {
    /// Names and patterns.
    pub packages: BTreeSet<String>,
    pub excludes: BTreeSet<String>,
    pub groups: Vec<GroupLine>,
    pub excluded_groups: Vec<String>,
}

/// A group, and which of its packages are wanted. The mandatory ones always are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupLine {
    pub id: String,
    pub default: bool,
    pub optional: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    #[error("group cannot specify both --nodefaults and --optional: `{0}`")]
    BothOptions(String),
    #[error("`{0}` names no package and no group")]
    NoName(String),
}

impl PackageList {
    /// Adds a line: `name`, `-name`, `@group [--nodefaults|--optional]` or `-@group`. What stands behind a `#` is a comment, and
    /// environments (`@^name`) select nothing. A later line cancels an earlier opposite one of the same text.
    pub fn push_line(&mut self, line: &str) -> Result<(), LineError> {
        let line = line.split_once('#').map_or(line, |(line, _)| line).trim();
        let no_name = || LineError::NoName(line.to_owned());
        match line.as_bytes() {
            [] | [b'@', b'^', ..] | [b'-', b'@', b'^', ..] => {}
            [b'@' | b'-'] | [b'-', b'@'] => return Err(no_name()),
            [b'-', b'@', ..] => self.exclude_group(&line[2..]),
            [b'@', ..] => self.add_group(&line[1..])?,
            [b'-', ..] => {
                self.packages.remove(&line[1..]);
                self.excludes.insert(line[1..].to_owned());
            }
            _ => {
                self.excludes.remove(line);
                self.packages.insert(line.to_owned());
            }
        }
        Ok(())
    }

    /// Of one group listed twice, the first line counts.
    fn add_group(&mut self, text: &str) -> Result<(), LineError> {
        let (options, words): (Vec<&str>, Vec<&str>) =
            text.split_whitespace().partition(|word| matches!(*word, "--nodefaults" | "--optional"));
        let (nodefaults, optional) = (options.contains(&"--nodefaults"), options.contains(&"--optional"));
        if nodefaults && optional {
            return Err(LineError::BothOptions(text.to_owned()));
        }
        let id = words.join(" ");
        if self.groups.iter().all(|group| group.id != id) {
            self.groups.push(GroupLine { id, default: !nodefaults, optional });
        }
        Ok(())
    }

    fn exclude_group(&mut self, id: &str) {
        self.groups.retain(|group| group.id != id);
        self.excluded_groups.push(id.to_owned());
    }

    /// Puts the packages of the groups in their place. A group that several repositories have is the union of all.
    pub(super) fn expand(&self, repositories: &[Repository<'_>]) -> Result<Wanted, GatherError> {
        let groups = group_packages(repositories);
        let members =
            |id: &String| groups.get(id.as_str()).map(Vec::as_slice).ok_or_else(|| GatherError::UnknownGroup(id.clone()));
        let mut wanted = Wanted { patterns: self.packages.clone(), excludes: self.excludes.clone(), conditions: BTreeSet::new() };
        for line in &self.groups {
            for member in members(&line.id)? {
                let is_wanted = match member.kind {
                    PackageKind::Mandatory => true,
                    PackageKind::Default => line.default,
                    PackageKind::Optional => line.optional,
                    PackageKind::Conditional => {
                        let trigger = member.requires.clone().unwrap_or_default();
                        wanted.conditions.insert(Condition { trigger, package: member.name.clone() });
                        false
                    }
                    PackageKind::Unknown => false,
                };
                if is_wanted {
                    wanted.patterns.insert(member.name.clone());
                }
            }
        }
        for id in &self.excluded_groups {
            let excluded = members(id)?.iter().filter(|it| matches!(it.kind, PackageKind::Mandatory | PackageKind::Default));
            wanted.excludes.extend(excluded.map(|member| member.name.clone()));
        }
        Ok(wanted)
    }
}

fn group_packages<'a>(repositories: &[Repository<'a>]) -> BTreeMap<&'a str, Vec<&'a GroupPackage>> {
    let mut packages: BTreeMap<&str, Vec<&GroupPackage>> = BTreeMap::new();
    for group in repositories.iter().filter_map(|repository| repository.comps).flat_map(|comps| &comps.groups) {
        packages.entry(&group.id).or_default().extend(&group.packages);
    }
    packages
}

/// A list without groups.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    pub(super) patterns: BTreeSet<String>,
    pub(super) excludes: BTreeSet<String>,
    pub(super) conditions: BTreeSet<Condition>,
}

/// A package that comes along when another one is selected.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Condition {
    pub(super) trigger: String,
    pub(super) package: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(lines: &[&str]) -> PackageList {
        let mut list = PackageList::default();
        for line in lines {
            list.push_line(line).unwrap();
        }
        list
    }

    #[test]
    fn the_last_line_of_a_name_and_the_first_of_a_group_count() {
        let read =
            list(&["-a", "a # x", " b ", "-b", "", "#c", "@^env", "@g --nodefaults", "@g --optional", "@h", "-@h", "@two words"]);
        assert_eq!(read.packages, BTreeSet::from(["a".to_owned()]));
        assert_eq!(read.excludes, BTreeSet::from(["b".to_owned()]));
        let group = |id: &str, default| GroupLine { id: id.to_owned(), default, optional: false };
        assert_eq!(read.groups, [group("g", false), group("two words", true)]);
        assert_eq!(read.excluded_groups, ["h"]);
    }

    #[test]
    fn lines_that_say_nothing_are_errors() {
        for line in ["@", "-", "-@", "@g --nodefaults --optional"] {
            assert!(PackageList::default().push_line(line).is_err(), "{line}");
        }
    }
}
