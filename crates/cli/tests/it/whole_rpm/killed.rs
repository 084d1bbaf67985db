//! Composes killed with -9 where most is half done: while boot media and images are made, and while they are resumed.

use std::process::Stdio;

use charmer_compose::engine::event::{Event, read_journal};

use super::super::harbour::{Compose, composes, wait_until};
use super::{Quay, files, is_image, output};

impl Quay {
    /// Starts a command line and kills it as soon as a job has begun in this run.
    fn kill_in(&self, job: &str, target: &str, words: &[&str]) -> Compose {
        let journal = || {
            let root = composes(&self.path(target)).pop()?;
            read_journal(&root.join("logs/events.jsonl")).ok()
        };
        let runs = |entries: &[charmer_compose::engine::event::Entry]| {
            entries.iter().filter(|entry| matches!(entry.event, Event::RunStarted { .. })).count()
        };
        let before = journal().map_or(0, |entries| runs(&entries));
        let has_begun = || {
            let entries = journal().unwrap_or_default();
            let run = entries.iter().rposition(|entry| matches!(entry.event, Event::RunStarted { .. })).unwrap_or(0);
            let is_it = |event: &Event| matches!(event, Event::JobStarted { job: started, .. } if started.as_str() == job);
            runs(&entries) > before && entries[run..].iter().any(|entry| is_it(&entry.event))
        };
        let mut command = self.command(env!("CARGO_BIN_EXE_charmer"), words);
        let mut running = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        wait_until("the moment has come", has_begun);
        running.kill().unwrap();
        running.wait().unwrap();
        let compose = Compose { root: composes(&self.path(target)).remove(0) };
        assert_eq!(compose.read("STATUS"), "STARTED\n");
        compose
    }
}

#[test]
fn killed_while_images_are_made_and_again_in_the_resume_it_ends_as_one_that_was_not() {
    let quay = Quay::new();
    let (_, undisturbed) = quay.compose(&[], 0);
    let expected = undisturbed.tree("compose");
    for (number, [first, second]) in [
        ["buildinstall:Server.x86_64", "createiso:Server.x86_64"],
        ["createiso:Server.aarch64", "createiso:Server.x86_64"],
        ["createiso:Server.x86_64", "composeinfo"],
    ]
    .into_iter()
    .enumerate()
    {
        let target = format!("killed-{number}");
        fs_err::create_dir(quay.path(&target)).unwrap();
        let words = ["pungi-koji", "--config", "quay.conf", "--nightly", "--target-dir", &target];
        let compose = quay.kill_in(first, &target, &words);
        quay.kill_in(second, &target, &["resume", compose.root()]);
        let ran = quay.charmer(&["resume", compose.root()]);
        assert_eq!((ran.code, compose.read("STATUS").as_str()), (0, "FINISHED\n"), "{first}, {second}: {ran}");
        let made = compose.tree("compose");
        assert_eq!(made.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "{first}, {second}");
        let different: Vec<_> =
            made.iter().filter(|(name, content)| is_alike(name) && expected[*name] != **content).map(|(name, _)| name).collect();
        assert!(different.is_empty(), "{first}, {second}: {different:?} differ");
        for image in files(&compose.path("compose"), is_image) {
            output("checkisomd5", &[image.to_str().unwrap()]);
        }
    }
}

/// Images have the times in them at which the folders of trees were made, and the media of the fake lorax those at which it ran; digests
/// of them stand in other files. What is on each image says its manifest.
pub(in super::super) fn is_alike(path: &str) -> bool {
    let of_installer = ["Server/x86_64/os/images/", "Server/x86_64/os/.treeinfo"];
    !is_image(path)
        && !path.contains("SHA256SUM")
        && !path.ends_with("images.json")
        && !of_installer.iter().any(|place| path.contains(place))
}
