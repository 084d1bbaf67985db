//! The options of all phases but those that make images; the order is that in which mistakes are reported.

use serde_json::json;

use super::shape::{
    Fields, Shape, any_dict, dict_of, dict_of_some, either, flag, git_url, list_of, list_of_some, number, number_of, object,
    one_of, or_none, removed, scm, scm_dict as scm_dict_reference, text, text_or_texts, text_pairs, texts, variant_arch,
    variant_arch_or_empty, whole_text_pairs,
};

const RELEASE_TYPES: [&str; 9] = ["fast", "ga", "updates", "updates-testing", "eus", "aus", "els", "tus", "e4s"];
const RUNROOT_METHODS: [&str; 3] = ["local", "koji", "openssh"];
const SCMS: [&str; 5] = ["file", "cvs", "git", "rpm", "koji"];
/// What `skip_phases` may name.
const PHASES: [&str; 23] = [
    "buildinstall",
    "createiso",
    "createrepo",
    "extra_files",
    "extra_isos",
    "gather",
    "image_build",
    "image_checksum",
    "image_container",
    "imagebuilder",
    "init",
    "kiwibuild",
    "live_images",
    "live_media",
    "osbs",
    "osbuild",
    "ostree",
    "ostree_container",
    "ostree_installer",
    "pkgset",
    "repoclosure",
    "test",
    "productimg",
];

fn scm_fields(scm: Shape, file: Shape, folder: Shape) -> Fields {
    vec![("scm", scm), ("repo", text()), ("branch", or_none(text())), ("file", file), ("dir", folder), ("options", any_dict())]
}

/// Where a file or folder comes from.
pub(super) fn scm_dict() -> Shape {
    let mut fields = scm_fields(one_of(&SCMS), text(), text());
    fields.push(("command", text()));
    object(fields, &[])
}

/// Where files of trees and images come from. Whether there is such an scm turns out when it is asked.
pub(super) fn extra_file(folder: Shape) -> Shape {
    let mut fields = scm_fields(text(), text_or_texts(), folder);
    fields.push(("target", text()));
    object(fields, &[])
}

fn gather_method() -> Shape {
    let by_source = dict_of_some("^module|comps|json$", one_of(&["deps", "nodeps"]));
    let by_variant = dict_of(either(vec![one_of(&["hybrid"]), by_source]));
    either(vec![by_variant, one_of(&["deps", "nodeps", "hybrid"])])
}

fn runroot_method() -> Shape {
    let phases = ["createiso", "ostree", "buildinstall", "ostree_installer", "ostree_container"];
    let by_phase = object(phases.map(|phase| (phase, one_of(&RUNROOT_METHODS))).into(), &[]);
    either(vec![one_of(&RUNROOT_METHODS), by_phase])
}

fn lorax_options() -> Shape {
    let fields = vec![
        ("bugurl", text()),
        ("nomacboot", flag()),
        ("noupgrade", flag()),
        ("add_template", texts()),
        ("add_arch_template", texts()),
        ("add_template_var", texts()),
        ("add_arch_template_var", texts()),
        ("rootfs_size", super::shape::integer()),
        ("rootfs_type", text()),
        ("version", text()),
        ("dracut_args", texts()),
        ("skip_branding", flag()),
        ("squashfs_only", flag()),
        ("configuration_file", scm()),
    ];
    variant_arch_or_empty(object(fields, &[]))
}

/// The options with their shapes and defaults.
pub(super) fn options(processors: usize) -> Fields {
    let weights = ["buildinstall", "createiso", "ostree", "ostree_installer"].map(|phase| (phase, number()));
    vec![
        ("release_name", text()),
        ("release_short", text()),
        ("release_version", text()),
        ("release_type", one_of(&RELEASE_TYPES).default("ga")),
        ("release_is_layered", removed("remove it. It's layered if there's configuration for base product")),
        ("release_internal", flag().default(false)),
        ("release_discinfo_description", text()),
        ("treeinfo_version", text()),
        ("compose_type", one_of(&["test", "ci", "nightly", "production", "development"])),
        ("base_product_name", text()),
        ("base_product_short", text()),
        ("base_product_version", text()),
        ("base_product_type", text().default("ga")),
        ("runroot", removed("remove it. Set runroot_method to run commands anywhere but on this machine")),
        ("create_jigdo", flag().default(false)),
        ("check_deps", flag().default(true)),
        ("require_all_comps_packages", flag().default(false)),
        ("bootable", removed("remove it. Setting buildinstall_method option if you want a bootable installer")),
        ("gather_method", gather_method()),
        ("gather_source", removed("remove it")),
        ("gather_fulltree", flag().default(false)),
        ("gather_selfhosting", flag().default(false)),
        ("gather_prepopulate", scm()),
        ("gather_source_mapping", text()),
        ("gather_backend", one_of(&["dnf"]).default("dnf")),
        ("gather_profiler", flag().default(false)),
        ("gather_allow_reuse", flag().default(false)),
        ("gather_lookaside_repos", variant_arch_or_empty(text_or_texts())),
        ("pkgset_source", one_of(&["koji", "repos"])),
        ("createrepo_c", flag().default(true)),
        ("createrepo_checksum", one_of(&["sha1", "sha256", "sha512"]).default("sha256")),
        ("createrepo_enable_cache", flag().default(true)),
        ("createrepo_use_xz", flag().default(false)),
        ("createrepo_num_threads", number().default(processors)),
        ("createrepo_num_workers", number().default(3)),
        ("createrepo_database", flag()),
        ("createrepo_extra_args", texts().default(json!([]))),
        ("createrepo_extra_modulemd", dict_of(scm_dict_reference())),
        ("createrepo_deltas", either(vec![flag(), variant_arch(flag())])),
        ("repoclosure_strictness", variant_arch_or_empty(one_of(&["off", "lenient", "fatal"]))),
        ("repoclosure_backend", one_of(&["dnf"]).default("dnf")),
        ("old_composes_per_release_type", removed("remove it. Older composes are always searched by release type")),
        ("hashed_directories", flag().default(false)),
        ("multilib_whitelist", dict_of(texts()).default(json!({}))),
        ("multilib_blacklist", dict_of(texts()).default(json!({}))),
        ("greedy_method", one_of(&["none", "all", "build"]).default("none")),
        ("additional_packages", variant_arch_or_empty(texts())),
        ("filter_packages", variant_arch_or_empty(texts())),
        ("filter_modules", variant_arch_or_empty(texts())),
        ("filter_system_release_packages", flag().default(true)),
        ("sigkeys", list_of_some(or_none(text())).default(json!([null]))),
        ("signed_packages_retries", number().default(0)),
        ("signed_packages_wait", number().default(30)),
        ("variants_file", scm()),
        ("comps_file", scm()),
        ("comps_filter_environments", flag().default(true)),
        ("module_defaults_dir", scm()),
        ("module_defaults_override_dir", scm()),
        ("module_obsoletes_dir", scm()),
        ("pkgset_repos", dict_of(text_or_texts())),
        ("pkgset_koji_tag", text_or_texts()),
        ("pkgset_koji_builds", text_or_texts()),
        ("pkgset_koji_scratch_tasks", text_or_texts()),
        ("pkgset_koji_module_tag", text_or_texts().default(json!([]))),
        ("pkgset_koji_module_builds", dict_of(texts())),
        ("pkgset_koji_inherit", flag().default(true)),
        ("pkgset_koji_inherit_modules", flag().default(false)),
        ("pkgset_scratch_modules", dict_of(texts())),
        ("pkgset_exclusive_arch_considers_noarch", flag().default(true)),
        ("pkgset_inherit_exclusive_arch_to_noarch", flag()),
        ("pkgset_allow_reuse", flag().default(true)),
        ("disc_types", any_dict().default(json!({}))),
        ("paths_module", text()),
        ("skip_phases", list_of(one_of(&PHASES)).default(json!([]))),
        ("image_name_format", either(vec![text(), dict_of(text_or_texts())])),
        (
            "image_volid_formats",
            texts().default(json!(["{release_short}-{version} {variant}.{arch}", "{release_short}-{version} {arch}"])),
        ),
        (
            "image_volid_layered_product_formats",
            texts().default(json!([
                "{release_short}-{version} {base_product_short}-{base_product_version} {variant}.{arch}",
                "{release_short}-{version} {base_product_short}-{base_product_version} {arch}",
            ])),
        ),
        ("restricted_volid", flag().default(false)),
        ("volume_id_substitutions", any_dict().default(json!({}))),
        (
            "link_type",
            one_of(&["hardlink", "copy", "hardlink-or-copy", "symlink", "abspath-symlink"]).default("hardlink-or-copy"),
        ),
        ("product_id", scm()),
        ("product_id_allow_missing", flag().default(false)),
        ("product_id_allow_name_prefix", flag().default(true)),
        ("tree_arches", texts().default(json!([]))),
        ("tree_variants", texts().default(json!([]))),
        ("translate_paths", text_pairs().default(json!([]))),
        ("failable_deliverables", variant_arch_or_empty(texts())),
        ("variant_as_lookaside", whole_text_pairs()),
        ("multilib", variant_arch_or_empty(texts())),
        ("extra_files", variant_arch_or_empty(list_of(extra_file(text())))),
        ("dogpile_cache_backend", text()),
        ("dogpile_cache_expiration_time", number()),
        ("dogpile_cache_arguments", any_dict().default(json!({}))),
        ("cts_url", text()),
        ("cts_keytab", text()),
        ("mbs_api_url", text()),
        ("koji_profile", text()),
        ("koji_event", number()),
        ("koji_cache", text()),
        ("pdc_url", removed("Koji is queried instead")),
        ("pdc_develop", removed("Koji is queried instead")),
        ("pdc_insecure", removed("Koji is queried instead")),
        ("keep_original_comps", removed("remove <groups> tag from respective variant in variants XML")),
        ("runroot_tag", text()),
        ("runroot_channel", or_none(text())),
        ("runroot_method", runroot_method()),
        ("global_runroot_method", one_of(&RUNROOT_METHODS)),
        ("runroot_weights", object(weights.into(), &[]).default(json!({}))),
        ("runroot_ssh_username", text().default("root")),
        ("runroot_ssh_hostnames", any_dict().default(json!({}))),
        ("runroot_ssh_init_template", text()),
        ("runroot_ssh_install_packages_template", text()),
        ("runroot_ssh_run_template", text()),
        ("symlink_isos_to", text()),
        ("createiso_skip", variant_arch_or_empty(flag())),
        ("createiso_max_size", variant_arch_or_empty(number())),
        ("createiso_max_size_is_strict", variant_arch_or_empty(flag())),
        ("createiso_break_hardlinks", flag().default(false)),
        ("createiso_use_xorrisofs", flag().default(false)),
        ("createiso_allow_reuse", flag().default(true)),
        ("extraiso_allow_reuse", flag().default(true)),
        ("create_optional_isos", flag().default(false)),
        ("iso_size", either(vec![text(), number()]).default(4_700_000_000_u64)),
        ("split_iso_reserve", either(vec![text(), number()]).default(10_485_760)),
        ("iso_level", either(vec![number_of(&[1, 2, 3, 4]), variant_arch(number_of(&[1, 2, 3, 4]))])),
        ("iso_hfs_ppc64le_compatible", flag().default(true)),
        ("media_checksums", texts().default(json!(["md5", "sha1", "sha256"]))),
        ("media_checksum_one_file", flag().default(false)),
        ("media_checksum_base_filename", text().default("")),
        ("buildinstall_method", one_of(&["lorax", "buildinstall"])),
        ("buildinstall_topdir", text()),
        ("buildinstall_kickstart", scm()),
        ("buildinstall_use_guestmount", flag().default(true)),
        ("buildinstall_skip", variant_arch_or_empty(flag())),
        ("buildinstall_packages", variant_arch_or_empty(texts())),
        ("buildinstall_allow_reuse", flag().default(false)),
        ("lorax_options", lorax_options()),
        ("lorax_extra_sources", variant_arch_or_empty(text_or_texts())),
        ("lorax_use_koji_plugin", flag().default(false)),
        ("productimg", removed("remove it. There is no productimg phase any more")),
        ("signing_key_id", text()),
        ("signing_key_password_file", text()),
        ("signing_command", text()),
        ("global_ksurl", git_url()),
        ("global_target", text()),
        ("global_release", or_none(text())),
        ("global_version", text()),
    ]
}
