//! `limits.cgroup`: charmer moves into a control group of its own, so that the kernel keeps it and all it starts within limits.
//!
//! See cgroups(7) and the kernel's Documentation/admin-guide/cgroup-v2.rst. A group whose children have limits must not hold
//! processes itself: that is why charmer goes one down, and why its group must hold nobody else.

use std::io;
use std::path::{Path, PathBuf};

/// The name of the group below the one in which charmer was started.
const OWN: &str = "charmer";

/// Where the kernel shows groups, and to which a process belongs.
#[derive(Debug, Clone)]
pub(super) struct Kernel {
    pub groups: PathBuf,
    pub process: PathBuf,
}

impl Default for Kernel {
    fn default() -> Self {
        Self { groups: "/sys/fs/cgroup".into(), process: "/proc/self/cgroup".into() }
    }
}

/// What the kernel shall keep.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Bytes of all processes together.
    pub memory: Option<u64>,
    /// As nice(1) counts it.
    pub nice: u8,
}

/// Why there is no group.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoGroup {
    #[error("this machine has no control groups of version 2 with {0}")]
    NoController(&'static str),
    #[error("the control group {} cannot be changed: {error}", group.display())]
    Unchangeable { group: PathBuf, error: io::Error },
}

/// Moves this process into a group within bounds.
pub(super) fn enter(kernel: &Kernel, bounds: Bounds, process: u32) -> Result<(), NoGroup> {
    let parent = current(kernel)?;
    let change = |group: &Path, file: &str, value: &str| {
        fs_err::write(group.join(file), value).map_err(|error| NoGroup::Unchangeable { group: group.to_owned(), error })
    };
    // One that was started by a charmer, or resumes in the same shell, is there already.
    let (parent, own) = match parent.file_name() {
        Some(name) if name == OWN => (parent.parent().unwrap_or(&parent).to_owned(), parent),
        _ => (parent.clone(), parent.join(OWN)),
    };
    let controllers = fs_err::read_to_string(parent.join("cgroup.controllers")).unwrap_or_default();
    for controller in ["memory", "cpu"] {
        if !controllers.split_whitespace().any(|known| known == controller) {
            return Err(NoGroup::NoController(if controller == "memory" {
                "the memory controller"
            } else {
                "the cpu controller"
            }));
        }
    }
    fs_err::create_dir_all(&own).map_err(|error| NoGroup::Unchangeable { group: own.clone(), error })?;
    change(&own, "cgroup.procs", &process.to_string())?;
    change(&parent, "cgroup.subtree_control", "+memory +cpu")?;
    change(&own, "memory.max", &bounds.memory.map_or("max".to_owned(), |bytes| bytes.to_string()))?;
    change(&own, "cpu.weight.nice", &bounds.nice.to_string())
}

/// The group of this process in version 2: the line `0::/path`.
fn current(kernel: &Kernel) -> Result<PathBuf, NoGroup> {
    let none = || NoGroup::NoController("a group for this process");
    let text = fs_err::read_to_string(&kernel.process).map_err(|_| none())?;
    let path = text.lines().find_map(|line| line.strip_prefix("0::/")).ok_or_else(none)?;
    Ok(kernel.groups.join(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Folders that look like the kernel's.
    fn kernel(folder: &Path, controllers: &str) -> Kernel {
        let group = folder.join("groups/system.slice/nightly.service");
        fs_err::create_dir_all(&group).unwrap();
        fs_err::write(group.join("cgroup.controllers"), controllers).unwrap();
        fs_err::write(folder.join("self"), "1:memory:/old\n0::/system.slice/nightly.service\n").unwrap();
        Kernel { groups: folder.join("groups"), process: folder.join("self") }
    }

    #[test]
    fn the_process_goes_one_down_and_gets_its_bounds_there() {
        let folder = tempfile::tempdir().unwrap();
        let kernel = kernel(folder.path(), "cpuset cpu io memory pids\n");
        enter(&kernel, Bounds { memory: Some(8 << 30), nice: 10 }, 42).unwrap();
        let read =
            |file: &str| fs_err::read_to_string(folder.path().join("groups/system.slice/nightly.service").join(file)).unwrap();
        assert_eq!(read("cgroup.subtree_control"), "+memory +cpu");
        assert_eq!(read("charmer/cgroup.procs"), "42");
        assert_eq!(read("charmer/memory.max"), (8_u64 << 30).to_string());
        assert_eq!(read("charmer/cpu.weight.nice"), "10");

        fs_err::write(&kernel.process, "0::/system.slice/nightly.service/charmer\n").unwrap();
        enter(&kernel, Bounds { memory: None, nice: 0 }, 43).unwrap();
        assert_eq!(read("charmer/cgroup.procs"), "43");
        assert_eq!(read("charmer/memory.max"), "max");
    }

    #[test]
    fn a_machine_without_it_is_told_so() {
        let folder = tempfile::tempdir().unwrap();
        let error = enter(&kernel(folder.path(), "cpu pids\n"), Bounds { memory: None, nice: 0 }, 1).unwrap_err();
        assert_eq!(error.to_string(), "this machine has no control groups of version 2 with the memory controller");
        let nowhere = Kernel { groups: folder.path().join("groups"), process: folder.path().join("nothing") };
        assert!(enter(&nowhere, Bounds { memory: None, nice: 0 }, 1).is_err());
    }
}
