//! Keeps of a comps file what one variant asks for.

use std::collections::BTreeMap;

use super::filter::Cleanup;
use super::{Comps, Document, Filter, ReadError};
use crate::Glob;

/// What one variant asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wanted {
    /// None keeps all groups: a plain variant that lists nothing has everything.
    pub groups: Option<Vec<GroupRule>>,
    /// None keeps all environments.
    pub environments: Option<Vec<EnvironmentRule>>,
    /// Groups of other variants, to which the variant's environments may refer.
    pub lookaside_groups: Vec<String>,
}

/// One entry of a variant's list of groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupRule {
    /// A group's id, or a pattern of ids.
    pub name: String,
    pub is_glob: bool,
    /// Instead of what the file says.
    pub default: Option<bool>,
    /// Instead of what the file says.
    pub user_visible: Option<bool>,
}

/// One entry of a variant's list of environments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentRule {
    pub id: String,
    /// Instead of what the file says.
    pub display_order: Option<i64>,
}

impl Comps {
    /// Keeps the groups that a rule matches; the first that does applies. Returns the names of rules that applied to none.
    pub fn keep_groups(&mut self, rules: &[GroupRule]) -> Vec<String> {
        let patterns: Vec<Option<Glob>> = rules.iter().map(|rule| rule.is_glob.then(|| Glob::lenient(&rule.name))).collect();
        let mut used = vec![false; rules.len()];
        self.groups.retain_mut(|group| {
            let matches = |position: &usize| match &patterns[*position] {
                Some(pattern) => pattern.matches(&group.id),
                None => rules[*position].name == group.id,
            };
            let Some(position) = (0..rules.len()).find(matches) else { return false };
            used[position] = true;
            let rule = &rules[position];
            group.default = rule.default.unwrap_or(group.default);
            group.user_visible = rule.user_visible.unwrap_or(group.user_visible);
            true
        });
        rules.iter().zip(used).filter(|(_, used)| !used).map(|(rule, _)| rule.name.clone()).collect()
    }

    /// Keeps the environments that are named.
    pub fn keep_environments(&mut self, rules: &[EnvironmentRule]) {
        let orders: BTreeMap<&str, Option<i64>> = rules.iter().map(|rule| (rule.id.as_str(), rule.display_order)).collect();
        self.environments.retain_mut(|environment| {
            let Some(order) = orders.get(environment.id.as_str()) else { return false };
            environment.display_order = order.or(environment.display_order);
            true
        });
    }
}

/// The comps file of one variant and arch, out of the extended file of the whole compose; and the wanted groups that are not there.
///
/// Groups named `conflicts` and `conflicts-VARIANT` say what is not to be there, and stay when they are empty.
pub fn variant_comps(global: &Document, variant: &str, arch: &str, wanted: &Wanted) -> Result<(Comps, Vec<String>), ReadError> {
    let own_conflicts = format!("conflicts-{}", variant.to_lowercase());
    let cleanup = Cleanup {
        keep_empty: vec![Glob::lenient("conflicts"), Glob::lenient(&own_conflicts)],
        lookaside_groups: wanted.lookaside_groups.clone(),
    };
    let filter = Filter { arch: arch.to_owned(), variant: Some(variant.to_owned()), cleanup: Some(cleanup), ..Filter::default() };
    let mut document = global.clone();
    filter.apply(&mut document);

    let mut comps = Comps::from_document(&document)?;
    let unmatched = wanted.groups.as_ref().map(|rules| comps.keep_groups(rules)).unwrap_or_default();
    if let Some(rules) = &wanted.environments {
        comps.keep_environments(rules);
    }
    Ok((comps, unmatched))
}

/// What is said of a variant's group that the comps file does not have.
pub fn unmatched_group_warning(variant: &str, arch: &str, group: &str) -> String {
    format!("Variant {variant}.{arch} requires comps group {group} which does not match anything in input comps file")
}
