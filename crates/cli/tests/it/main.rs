//! The real binary as users meet it: what it prints, where, and how it exits.

mod backend;
mod boot;
mod bootc;
mod checks;
mod compose;
mod composes;
mod configuration;
mod createrepo_c;
mod data_iso;
mod disk;
mod disturbed;
mod encapsulation;
mod existing;
mod failures;
mod faults;
mod gathering;
mod harbour;
mod hostile;
mod hybrid;
mod installability;
mod installer;
mod lock;
mod mirror;
mod native_rpm;
mod netboot;
mod nightly;
mod ostree;
mod plan;
mod prune;
mod pungi_comps_filter;
mod pungi_config;
mod pungi_create_unified_isos;
mod pungi_distribution;
mod pungi_files;
mod pungi_gather;
mod pungi_images;
mod pungi_koji_golden;
mod pungi_package_sets;
mod pungi_patch_iso;
mod pungi_report_progress;
mod registry;
mod repositories;
mod resume;
mod reuse;
mod root_file_systems;
mod rpm_lock;
mod rpm_verify;
mod secrets;
mod servers;
mod soak;
mod tool_faults;
mod usage;
mod whole_rpm;

use std::path::Path;

/// What a run of the program left.
#[derive(Debug)]
struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

/// The program with an environment of its own.
#[derive(Debug, Default)]
struct Charmer<'a> {
    folder: Option<&'a Path>,
    variables: &'a [(&'a str, &'a str)],
}

impl Charmer<'_> {
    #[expect(clippy::disallowed_types, reason = "the program under test is started as users start it")]
    fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_charmer"));
        command.args(arguments).env_clear().env("PATH", "/usr/bin:/bin").envs(self.variables.iter().copied());
        if let Some(folder) = self.folder {
            command.current_dir(folder);
        }
        Ran::of(command.output().unwrap())
    }
}

impl Ran {
    /// What a program left that ended by itself.
    fn of(output: std::process::Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

/// For messages of assertions.
impl std::fmt::Display for Ran {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "exit {}\n--- stdout\n{}--- stderr\n{}", self.code, self.stdout, self.stderr)
    }
}

/// What a tool that users have prints, run in a folder.
#[expect(clippy::disallowed_types, reason = "what was made is read by the tools that users have")]
fn output(folder: &Path, program: &str, arguments: &[&str]) -> String {
    let mut command = std::process::Command::new(program);
    let output = command.args(arguments).current_dir(folder).output().expect("scripts/install-packages was run");
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn charmer(arguments: &[&str]) -> Ran {
    Charmer::default().run(arguments)
}
