//! Options that need or exclude others, depending on their value.

/// The value that makes a relation hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Anything that Python counts as true.
    Set,
    /// Nothing, or what Python counts as false.
    Unset,
    Is(&'static str),
}

/// What follows from the value of an option.
#[derive(Debug, Clone, Copy)]
pub struct Relation {
    pub option: &'static str,
    pub when: When,
    pub requires: &'static [&'static str],
    /// Options that must keep their default.
    pub conflicts: &'static [&'static str],
}

const fn relation(
    option: &'static str,
    when: When,
    requires: &'static [&'static str],
    conflicts: &'static [&'static str],
) -> Relation {
    Relation { option, when, requires, conflicts }
}

/// In the order in which they are reported.
pub const RELATIONS: [Relation; 13] = [
    relation("buildinstall_method", When::Unset, &[], &["lorax_options", "buildinstall_kickstart"]),
    relation("buildinstall_method", When::Is("buildinstall"), &[], &["lorax_options"]),
    relation("base_product_name", When::Set, &["base_product_short", "base_product_version"], &[]),
    relation("base_product_name", When::Unset, &[], &["base_product_short", "base_product_version"]),
    relation("base_product_short", When::Set, &["base_product_name", "base_product_version"], &[]),
    relation("base_product_short", When::Unset, &[], &["base_product_name", "base_product_version"]),
    relation("base_product_version", When::Set, &["base_product_name", "base_product_short"], &[]),
    relation("base_product_version", When::Unset, &[], &["base_product_name", "base_product_short"]),
    relation("product_id", When::Unset, &[], &["product_id_allow_missing"]),
    relation("pkgset_scratch_modules", When::Set, &["mbs_api_url"], &[]),
    relation("pkgset_source", When::Is("koji"), &[], &["pkgset_repos"]),
    relation("pkgset_source", When::Is("repos"), &["pkgset_repos"], &["pkgset_koji_tag", "pkgset_koji_inherit"]),
    relation("cts_url", When::Set, &["translate_paths"], &[]),
];
