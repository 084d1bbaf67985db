//! Tools that fail, hang, flood, die or leave children, in composes of both kinds.

#![expect(clippy::disallowed_types, reason = "the program under test is started as users start it")]

use std::path::{Path, PathBuf};
use std::process::Command;

use charmer_testkit::rpm_file::Rpm;

use super::Ran;
use super::disturbed::only_compose;
use super::harbour::{Compose, Harbour, processes_of};
use super::native_rpm::MEADOW;
use super::pungi_distribution::Distribution;

/// Anonymous memory that charmer and its tools may have together, in KiB, as the shell limits it.
const MEMORY: &str = "819200";

/// A compose of one kind, one of whose tools can be told to go wrong.
struct World {
    folder: PathBuf,
    /// What the compose's command line begins with.
    command: Box<dyn Fn() -> Command>,
    configuration: &'static str,
    /// The job that runs the tool, and the tool.
    job: &'static str,
    tool: &'static str,
    /// The real one.
    real: PathBuf,
}

fn debian() -> World {
    let harbour = Harbour::new();
    let folder = harbour.path("");
    let (tool, real) = (folder.join("tools/mmdebstrap"), folder.join("tools/real-mmdebstrap"));
    fs_err::rename(&tool, &real).unwrap();
    harbour.configure(&[("[limits]", "[limits]\ntimeout = \"20 s\"")]);
    let command = Box::new(move || harbour.command(&[]));
    World { folder, command, configuration: "harbour.toml", job: "rootfs:Base.amd64.container", tool: "mmdebstrap", real }
}

fn rpm() -> World {
    let distribution = Distribution::new(&["pond"], "");
    distribution.add("served", &Rpm::new("pond", "1", "1", "x86_64"));
    let folder = distribution.path("");
    super::output(&folder, "createrepo_c", &["--quiet", "served"]);
    fs_err::write(
        folder.join("meadow.toml"),
        format!("{MEADOW}[variants.Server]\narches = [\"x86_64\"]\ngroups = [\"core\"]\n[limits]\ntimeout = \"20 s\"\n"),
    )
    .unwrap();
    fs_err::create_dir(folder.join("tools")).unwrap();
    let command = Box::new(move || {
        let folder = distribution.path("");
        let mut command = Command::new(env!("CARGO_BIN_EXE_charmer"));
        let path = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", folder.join("tools").display());
        command.env_clear().env("PATH", path).env("HOME", folder.join("home")).current_dir(folder);
        command
    });
    let real = "/usr/bin/xorrisofs".into();
    World { folder, command, configuration: "meadow.toml", job: "createiso:Server.x86_64", tool: "xorrisofs", real }
}

impl World {
    /// Lets the tool do this until it is mended.
    fn goes_wrong(&self, script: &str) {
        let tool = self.folder.join("tools").join(self.tool);
        let (real, mended) = (self.real.display(), self.folder.join("mended"));
        let _ = fs_err::remove_file(&mended);
        let script = format!(
            "#!/bin/sh\nreal() {{ exec {real} \"$@\"; }}\ncase $* in *-version*) real \"$@\" ;; esac\n\
             [ ! -e {} ] || real \"$@\"\n{script}\n",
            mended.display()
        );
        fs_err::write(&tool, script).unwrap();
        fs_err::set_permissions(&tool, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }

    /// What charmer does with such words, in little memory.
    fn charmer(&self, words: &[&str]) -> Ran {
        let like = (self.command)();
        let mut command = Command::new("sh");
        command.args(["-c", &format!("ulimit -d {MEMORY}; exec \"$0\" \"$@\"")]).arg(like.get_program()).args(words);
        command.env_clear().envs(like.get_envs().filter_map(|(name, value)| Some((name, value?))));
        Ran::of(command.current_dir(&self.folder).output().unwrap())
    }

    fn compose(&self) -> (Ran, Compose) {
        let ran = self.charmer(&["compose", self.configuration, "--target-dir", "composes"]);
        (ran, only_compose(&self.folder.join("composes")).unwrap())
    }

    fn log(&self, compose: &Compose) -> PathBuf {
        compose.path(&format!("logs/jobs/{}.log", self.job.replace(':', "_")))
    }

    fn nothing_is_left(&self) {
        let left = processes_of(&self.folder);
        assert!(left.is_empty(), "{left:?}");
        let mounts = fs_err::read_to_string("/proc/self/mountinfo").unwrap();
        assert!(!mounts.contains(self.folder.to_str().unwrap()), "{mounts}");
    }

    /// The compose is doomed by the tool, says so and why, and goes on when the tool is mended.
    fn dooms(self, script: &str, told: &str, more: impl FnOnce(&str, &Path)) {
        self.goes_wrong(script);
        let (ran, compose) = self.compose();
        assert_eq!((ran.code, compose.status().as_str()), (1, "DOOMED"), "{script}: {ran}");
        let failure = format!("  {}\n    '{}' {told}\n", self.job, self.tool);
        assert!(ran.stdout.contains(&failure), "{script}: {failure} is not in {ran}");
        self.nothing_is_left();
        more(&ran.stdout, &self.log(&compose));
        fs_err::write(self.folder.join("mended"), "").unwrap();
        let ran = self.charmer(&["resume", compose.root()]);
        assert_eq!((ran.code, compose.status().as_str()), (0, "FINISHED"), "{script}: {ran}");
        let ran = self.charmer(&["verify", compose.root()]);
        assert_eq!(ran.code, 0, "{script}: {ran}");
    }
}

#[test]
fn a_tool_that_fails_or_is_killed_dooms_the_compose_until_it_is_mended() {
    for world in [debian, rpm] {
        world().dooms("echo wrong >&2; exit 9", "ended with exit status 9", |said, _| {
            assert!(said.contains("wrong\n"), "{said}");
        });
        // It reads at an address where nothing is.
        world().dooms(r#"exec perl -e 'print unpack("p", pack("Q", 1))'"#, "was killed by signal 11", |_, _| {});
    }
}

#[test]
fn a_tool_that_hangs_is_ended_with_its_children_when_its_time_is_up() {
    std::thread::scope(|scope| {
        for world in [debian, rpm] {
            scope.spawn(move || {
                let script = "trap '' TERM; (trap '' TERM; sleep 1000; true) & sleep 1000; true";
                world().dooms(script, "was ended after its limit of 20 s", |_, _| {});
            });
        }
    });
}

#[test]
fn a_tool_that_prints_a_gigabyte_fills_neither_memory_nor_disk() {
    let size = 1_u64 << 30;
    for world in [debian, rpm] {
        world().dooms(&format!("head -c {size} /dev/zero >&2; exit 9"), "ended with exit status 9", |said, log| {
            assert!(said.len() < 64 << 10, "{} bytes", said.len());
            assert!(fs_err::metadata(log).unwrap().len() < 300 << 20);
            let text = fs_err::read(log).unwrap();
            let end = String::from_utf8_lossy(&text[text.len() - 1000..]).into_owned();
            assert!(end.contains(" bytes of output are left out here\n"), "{end}");
        });
    }
}

#[test]
fn what_a_tool_leaves_running_is_ended_and_does_not_hold_up_the_compose() {
    for world in [debian, rpm] {
        let world = world();
        world.goes_wrong("sleep 1000 & real \"$@\"");
        let (ran, compose) = world.compose();
        assert_eq!((ran.code, compose.status().as_str()), (0, "FINISHED"), "{ran}");
        world.nothing_is_left();
    }
}
