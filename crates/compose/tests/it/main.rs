//! Tests of the library by what it leaves: files, repositories and images, read back by the tools that users have.

mod apt_equivalence;
mod archives;
mod config;
mod downloads;
mod engine;
mod golden;
mod harbour_packages;
mod lorax;
mod metadata;
mod native_rpm;
mod notifications;
mod openpgp;
mod optical;
mod optical_golden;
mod plan;
mod pungi_comps;
mod pungi_dialect;
mod pungi_extra_files;
mod pungi_metadata;
mod pungi_product_ids;
mod repository;
mod rpm_closure;
mod rpm_repository;

/// Recorded answers of the real Pungi, beside the checkout or where `CHARMER_SHARED` says. Tests of them are skipped where they
/// are not at hand.
#[expect(clippy::disallowed_methods, reason = "where the recorded answers lie is said by the environment")]
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn shared_golden() -> Option<std::path::PathBuf> {
    let beside = || std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let golden = std::env::var_os("CHARMER_SHARED").map_or_else(beside, Into::into).join("golden");
    let found = golden.is_dir().then_some(golden);
    if found.is_none() {
        eprintln!("skipped: there are no recorded answers; set CHARMER_SHARED to where they are");
    }
    found
}
