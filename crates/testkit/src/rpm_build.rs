//! RPM packages that install, made by rpmbuild from the text of a spec file. Most tests need none of that: see `rpm_file`.

use std::path::Path;

/// The same on every machine and every day, and quick.
const MACROS: [&str; 8] = [
    "_buildhost build.example.invalid",
    "use_source_date_epoch_as_buildtime 1",
    "clamp_mtime_to_source_date_epoch 1",
    "debug_package %{nil}",
    "_build_id_links none",
    "__os_install_post %{nil}",
    // Quicker than to compress what does not become smaller.
    "_source_payload w0.gzdio",
    "_binary_payload w0.gzdio",
];

/// Source files that every spec file can name. checkisomd5 finds fault with images of less than a megabyte.
const TEXT: &str = "text";
const BALLAST: &str = "ballast";

/// Builds the packages of a spec file for each arch, and its source package, into `folder`.
pub fn build(name: &str, spec: &str, arches: &[&str], folder: &Path) {
    let work = tempfile::tempdir().expect("there is a folder for temporary files");
    let spec_file = work.path().join(format!("{name}.spec"));
    fs_err::write(&spec_file, spec).expect("a temporary folder is writable");
    fs_err::write(work.path().join(TEXT), format!("a file of {name}\n")).expect("a temporary folder is writable");
    fs_err::write(work.path().join(BALLAST), ballast(name)).expect("a temporary folder is writable");
    for (number, arch) in arches.iter().enumerate() {
        let places = [
            format!("_topdir {}", work.path().display()),
            format!("_sourcedir {}", work.path().display()),
            format!("_rpmdir {}", folder.display()),
            format!("_srcrpmdir {}", folder.display()),
            "_rpmfilename %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm".to_owned(),
        ];
        #[expect(clippy::disallowed_types, reason = "test fixtures are made by real tools")]
        let mut command = std::process::Command::new("rpmbuild");
        command.args(["--quiet", "--target", arch, if number == 0 { "-ba" } else { "-bb" }]);
        for text in MACROS.into_iter().chain(places.iter().map(String::as_str)) {
            command.args(["--define", text]);
        }
        let output = command.arg(&spec_file).env("SOURCE_DATE_EPOCH", "1700000000").output().expect("rpmbuild is installed");
        assert!(output.status.success(), "{name} {arch}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

/// Bytes that do not become smaller when they are compressed, and that no other package has: the same over and over is what jigdo-file
/// takes minutes for.
fn ballast(name: &str) -> Vec<u8> {
    let mut state = name.bytes().fold(1_u64, |state, byte| state * 31 + u64::from(byte));
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        state.to_be_bytes()[0]
    };
    (0..1_200_000).map(|_| next()).collect()
}
