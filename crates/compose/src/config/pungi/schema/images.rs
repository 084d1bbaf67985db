//! The options of the phases that make images, most of them in Koji.

use super::options::extra_file;
use super::shape::{
    Fields, Shape, any_dict, anything, dict_of, either, flag, git_url, integer, list_of, number, object, one_or_list,
    open_object, or_none, repositories, text, text_or_texts, text_pairs, texts, variant_arch, variant_arch_or_empty,
};

/// Lists of images by pattern of variants.
fn images(fields: Fields, required: &[&str]) -> Shape {
    dict_of(list_of(object(fields, required)))
}

fn extra_isos() -> Shape {
    let fields = vec![
        ("include_variants", text_or_texts()),
        ("extra_files", one_or_list(extra_file(text_or_texts()))),
        ("filename", text()),
        ("volid", text_or_texts()),
        ("arches", texts()),
        ("failable_arches", texts()),
        ("skip_src", flag().default(false)),
        ("inherit_extra_files", flag().default(false)),
        ("max_size", number()),
    ];
    images(fields, &["include_variants"])
}

fn live_images() -> Shape {
    let fields = vec![
        ("kickstart", text()),
        ("ksurl", git_url()),
        ("name", text()),
        ("subvariant", text()),
        ("target", text()),
        ("version", text()),
        ("repo", repositories()),
        ("specfile", text()),
        ("scratch", flag()),
        ("type", text()),
        ("sign", flag()),
        ("failable", flag()),
        ("release", or_none(text())),
    ];
    variant_arch_or_empty(one_or_list(object(fields, &["kickstart"])))
}

fn live_media() -> Shape {
    let fields = vec![
        ("name", text()),
        ("kickstart", text()),
        ("ksurl", git_url()),
        ("ksversion", text()),
        ("version", text()),
        ("release", or_none(text())),
        ("target", text()),
        ("scratch", flag()),
        ("skip_tag", flag()),
        ("subvariant", text()),
        ("title", text()),
        ("repo", repositories()),
        ("arches", texts()),
        ("failable", texts()),
        ("install_tree_from", text()),
        ("nomacboot", flag()),
        ("volid", text()),
    ];
    images(fields, &["name", "kickstart"])
}

fn image_build() -> Shape {
    let description = vec![
        ("failable", texts()),
        ("disc_size", number()),
        ("distro", text()),
        ("name", text()),
        ("kickstart", text()),
        ("ksurl", git_url()),
        ("arches", texts()),
        ("repo", repositories().append(&["repo_from"])),
        ("install_tree_from", text()),
        ("subvariant", text()),
        ("format", either(vec![text_pairs(), text_or_texts()])),
    ];
    let fields = vec![("image-build", open_object(description, &[])), ("factory-parameters", any_dict())];
    images(fields, &["image-build"])
}

fn osbuild() -> Shape {
    let repository = object(vec![("baseurl", text()), ("package_sets", texts())], &["baseurl"]);
    let fields = vec![
        ("name", text()),
        ("distro", text()),
        ("version", text()),
        ("target", text()),
        ("release", text()),
        ("image_types", text_or_texts()),
        ("arches", texts()),
        ("repo", one_or_list(either(vec![text(), repository]))),
        ("failable", texts()),
        ("subvariant", text()),
        ("ostree_url", text()),
        ("ostree_ref", text()),
        ("ostree_parent", text()),
        ("manifest_type", text()),
        ("customizations", any_dict()),
        ("upload_options", any_dict()),
    ];
    images(fields, &["name", "distro", "image_types"])
}

fn kiwibuild() -> Shape {
    let fields = vec![
        ("kiwi_profile", text()),
        ("description_scm", git_url()),
        ("description_path", text()),
        ("type", text()),
        ("type_attr", texts()),
        ("bundle_name_format", text()),
        ("version", text()),
        ("release", or_none(text())),
        ("repo_releasever", text()),
        ("target", text()),
        ("repos", texts()),
        ("arches", texts()),
        ("failable", texts()),
        ("subvariant", text()),
        ("manifest_type", text()),
    ];
    images(fields, &["kiwi_profile"])
}

fn imagebuilder() -> Shape {
    let fields = vec![
        ("name", text()),
        ("types", texts()),
        ("target", text()),
        ("version", text()),
        ("release", or_none(text())),
        ("seed", integer()),
        ("scratch", flag()),
        ("repos", texts()),
        ("arches", texts()),
        ("failable", texts()),
        ("subvariant", text()),
        ("manifest_type", text()),
        ("ostree", any_dict()),
        ("blueprint", any_dict()),
    ];
    images(fields, &["name"])
}

fn image_container() -> Shape {
    let fields = vec![
        ("url", git_url()),
        ("target", text()),
        ("priority", number()),
        ("failable", flag()),
        ("git_branch", text()),
        ("image_spec", any_dict()),
    ];
    dict_of(one_or_list(open_object(fields, &["url", "target", "git_branch", "image_spec"])))
}

fn osbs() -> Shape {
    let fields = vec![
        ("url", git_url()),
        ("target", text()),
        ("git_branch", text()),
        ("priority", number()),
        ("scratch", flag()),
        ("failable", texts()),
        ("repo", repositories().append(&["repo_from"])),
        ("gpgkey", text()),
    ];
    dict_of(one_or_list(open_object(fields, &["url", "target", "git_branch"])))
}

fn ostree() -> Shape {
    let fields = |repositories: Shape| {
        vec![
            ("treefile", text()),
            ("config_url", text()),
            ("repo", repositories),
            ("keep_original_sources", flag()),
            ("ostree_repo", text()),
            ("failable", texts()),
            ("update_summary", flag()),
            ("force_new_commit", flag()),
            ("unified_core", flag()),
            ("version", text()),
            ("config_branch", text()),
            ("tag_ref", flag()),
            ("ostree_ref", text()),
            ("runroot_packages", texts()),
        ]
    };
    let with_arches = [fields(repositories()), vec![("arches", texts())]].concat();
    let tree = object(with_arches, &["treefile", "config_url", "repo", "ostree_repo"]);
    let older = repositories().alias("extra_source_repos").append(&["repo_from", "source_repo_from"]);
    let older_tree = object(fields(older), &["treefile", "config_url", "ostree_repo"]);
    either(vec![dict_of(one_or_list(tree)), variant_arch(older_tree)])
}

fn ostree_installer() -> Shape {
    let fields = vec![
        ("repo", repositories()),
        ("release", or_none(text())),
        ("failable", texts()),
        ("installpkgs", texts()),
        ("add_template", texts()),
        ("add_arch_template", texts()),
        ("add_template_var", texts()),
        ("add_arch_template_var", texts()),
        ("rootfs_size", text()),
        ("template_repo", text()),
        ("template_branch", text()),
        ("extra_runroot_pkgs", texts()),
        ("skip_branding", flag()),
    ];
    variant_arch_or_empty(object(fields, &[]))
}

fn ostree_container() -> Shape {
    let fields = vec![
        ("treefile", text()),
        ("config_url", git_url()),
        ("config_branch", text()),
        ("repo", repositories()),
        ("keep_original_sources", flag()),
        ("arches", texts()),
        ("failable", texts()),
        ("version", text()),
        ("name", text()),
        ("subvariant", text()),
        ("runroot_packages", texts()),
    ];
    dict_of(one_or_list(object(fields, &["treefile", "config_url"])))
}

/// The options with their shapes and defaults.
pub(super) fn options() -> Fields {
    vec![
        ("extra_isos", extra_isos()),
        ("live_images", live_images()),
        ("live_images_no_rename", flag().default(false)),
        ("live_images_ksurl", git_url()),
        ("live_images_target", text()),
        ("live_images_release", or_none(text())),
        ("live_images_version", text()),
        ("live_target", text()),
        ("live_media", live_media()),
        ("live_media_ksurl", git_url()),
        ("live_media_target", text()),
        ("live_media_release", or_none(text())),
        ("live_media_version", text()),
        ("image_build", image_build()),
        ("image_build_ksurl", git_url()),
        ("image_build_target", text()),
        ("image_build_release", or_none(text())),
        ("image_build_version", text()),
        ("image_build_allow_reuse", flag().default(false)),
        ("osbuild", osbuild()),
        ("osbuild_target", text()),
        ("osbuild_release", or_none(text())),
        ("osbuild_version", text()),
        ("kiwibuild", kiwibuild()),
        ("kiwibuild_target", text()),
        ("kiwibuild_release", or_none(text())),
        ("kiwibuild_version", text()),
        ("kiwibuild_description_scm", git_url()),
        ("kiwibuild_description_path", text()),
        ("kiwibuild_type", text()),
        ("kiwibuild_type_attr", texts()),
        ("kiwibuild_bundle_name_format", text()),
        ("kiwibuild_repo_releasever", text()),
        ("imagebuilder", imagebuilder()),
        ("imagebuilder_target", text()),
        ("imagebuilder_types", texts()),
        ("imagebuilder_seed", integer()),
        ("imagebuilder_scratch", flag()),
        ("imagebuilder_release", or_none(text())),
        ("imagebuilder_version", text()),
        ("image_container", image_container()),
        ("osbs", osbs()),
        ("osbs_registries", dict_of(anything())),
        ("osbs_allow_reuse", flag().default(false)),
        ("ostree", ostree()),
        ("ostree_use_koji_plugin", flag().default(false)),
        ("ostree_installer", ostree_installer()),
        ("ostree_installer_use_koji_plugin", flag().default(false)),
        ("ostree_installer_overwrite", flag().default(false)),
        ("ostree_container", ostree_container()),
    ]
}
