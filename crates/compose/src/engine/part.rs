//! The part of a compose that is made: of all jobs of a graph those of some phases and of some images.
//!
//! Must not know: what images are made of.

use charmer_packages::glob::{Glob, GlobError};
use serde::{Deserialize, Serialize};

use super::graph::{Graph, Node};
use super::job::Phase;

/// What of a compose is made: all of it by default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Part {
    /// Only these phases and what they need; all of them when empty.
    pub only: Vec<Phase>,
    /// Not these phases, nor what cannot be without them.
    pub skip: Vec<Phase>,
    /// Of the images only those whose names match one of these patterns, and what they are made of; all of them when empty. A name is
    /// that of the job without the phase: `Server.amd64.live`.
    #[serde(default)]
    pub images: Vec<String>,
}

/// A part of which nothing is there.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum NothingSelected {
    #[error("--only {0} selects no job of this compose")]
    Phases(String),
    #[error("--images {pattern} selects no image of this compose; {}", list_of(.has))]
    Images { pattern: String, has: Vec<String> },
    #[error("--images: {0}")]
    Pattern(#[from] GlobError),
}

fn list_of(names: &[String]) -> String {
    if names.is_empty() { "it has none".to_owned() } else { format!("it has {}", names.join(", ")) }
}

impl Graph {
    /// Leaves out all jobs that do not belong to this part.
    pub fn select(&mut self, part: &Part) -> Result<(), NothingSelected> {
        self.select_images(&part.images)?;
        self.select_phases(&part.only)?;
        self.leave_out(|node| part.skip.contains(&node.job.phase));
        Ok(())
    }

    fn select_phases(&mut self, only: &[Phase]) -> Result<(), NothingSelected> {
        if only.is_empty() {
            return Ok(());
        }
        let wanted = self.with_inputs(|node| only.contains(&node.job.phase));
        if !wanted.contains(&true) {
            return Err(NothingSelected::Phases(only.iter().map(|phase| phase.name()).collect::<Vec<_>>().join(" ")));
        }
        self.nodes.iter_mut().zip(wanted).for_each(|(node, wanted)| node.pruned |= !wanted);
        Ok(())
    }

    fn select_images(&mut self, patterns: &[String]) -> Result<(), NothingSelected> {
        if patterns.is_empty() {
            return Ok(());
        }
        let globs = patterns.iter().map(|pattern| Glob::parse(pattern)).collect::<Result<Vec<_>, _>>()?;
        let names: Vec<_> = self.nodes.iter().filter_map(image_of).collect();
        if let Some(unknown) = globs.iter().find(|glob| !names.iter().any(|name| glob.matches(name))) {
            let has = names.into_iter().map(str::to_owned).collect();
            return Err(NothingSelected::Images { pattern: unknown.as_str().to_owned(), has });
        }
        let wanted = self.with_inputs(|node| image_of(node).is_some_and(|name| globs.iter().any(|glob| glob.matches(name))));
        let mut wanted = wanted.into_iter();
        self.leave_out(|node| !wanted.next().unwrap_or_default() && image_of(node).is_some());
        // A registry's tag has all arches of an image; it does not lose some because one was made again.
        let incomplete: Vec<bool> = self
            .nodes
            .iter()
            .map(|node| node.job.phase == Phase::Push && node.inputs.iter().any(|&input| self.nodes[input].pruned))
            .collect();
        let mut incomplete = incomplete.into_iter();
        self.leave_out(|_| incomplete.next().unwrap_or_default());
        self.leave_out_what_nobody_needs();
        Ok(())
    }

    /// For each job whether it is one of these or something that one of them is made of.
    fn with_inputs(&self, mut is_wanted: impl FnMut(&Node) -> bool) -> Vec<bool> {
        let mut wanted = vec![false; self.nodes.len()];
        for (id, node) in self.nodes.iter().enumerate().rev() {
            wanted[id] |= is_wanted(node);
            if wanted[id] {
                node.inputs.iter().for_each(|&input| wanted[input] = true);
            }
        }
        wanted
    }

    /// Leaves out these jobs and what cannot be without them.
    fn leave_out(&mut self, mut is_left_out: impl FnMut(&Node) -> bool) {
        for id in 0..self.nodes.len() {
            let node = &self.nodes[id];
            let needs = |input: &usize| self.nodes[*input].absent.is_none() || node.required.contains(input);
            let cannot_be = node.inputs.iter().any(|input| self.nodes[*input].pruned && needs(input));
            let left_out = is_left_out(node);
            self.nodes[id].pruned |= cannot_be || left_out;
        }
    }

    /// Leaves out jobs whose outputs only jobs read that were left out, such as root file systems.
    fn leave_out_what_nobody_needs(&mut self) {
        let mut readers = vec![0_usize; self.nodes.len()];
        let mut left = vec![0_usize; self.nodes.len()];
        for (id, node) in self.nodes.iter_mut().enumerate().rev() {
            node.pruned |= readers[id] > 0 && left[id] == 0;
            for &input in &node.inputs {
                readers[input] += 1;
                left[input] += usize::from(!node.pruned);
            }
        }
    }
}

/// The name of the image that a job makes, if it makes one: `Server.amd64.live` of `live:Server.amd64.live`.
fn image_of(node: &Node) -> Option<&str> {
    let makes_images = matches!(
        node.job.phase,
        Phase::Container | Phase::Live | Phase::ImageBuild | Phase::Ostree | Phase::Createiso | Phase::ExtraIsos
    );
    let name = node.job.id.as_str().strip_prefix(node.job.phase.name())?.strip_prefix(':')?;
    Some(name).filter(|_| makes_images)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::job::Output;
    use crate::engine::{Handle, Job};

    #[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
    struct Made;

    impl Output for Made {}

    #[test]
    fn an_image_of_which_an_arch_is_left_out_is_not_pushed() {
        let pushes = |patterns: &[&str]| {
            let mut graph = Graph::default();
            let made = ["amd64", "arm64"].map(|arch| {
                graph.add_deliverable(Job::new(Phase::Container, format!("A.{arch}.base")), (), |_, ()| async { Ok(Made) })
            });
            graph.add(Job::new(Phase::Push, "A.base"), made.to_vec(), |_, _| async { Ok(Made) });
            let images = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
            graph.select(&Part { images, ..Part::default() }).unwrap();
            graph.jobs().iter().filter(|planned| planned.job.phase == Phase::Push).count()
        };
        assert_eq!((pushes(&["A.amd64.base"]), pushes(&["*.base"]), pushes(&[])), (0, 1, 1));
    }

    /// Two root file systems; a container of the first, a commit of the second and a disk of the commit; tests, and a description.
    fn graph() -> Graph {
        let mut graph = Graph::default();
        let mut add = |phase, name: &str, of: Option<Handle<Option<Made>>>| {
            let job = Job::new(phase, format!("A.amd64.{name}"));
            match of {
                None => graph.add_deliverable(job, (), |_, ()| async { Ok(Made) }),
                Some(of) => graph.add_deliverable(job, of.required(), |_, _| async { Ok(Made) }),
            }
        };
        let first = add(Phase::Rootfs, "container", None);
        let second = add(Phase::Rootfs, "commit", None);
        let container = add(Phase::Container, "container", Some(first));
        let commit = add(Phase::Ostree, "commit", Some(second));
        let disk = add(Phase::ImageBuild, "disk", Some(commit));
        let tested = vec![add(Phase::Test, "container", Some(container)), add(Phase::Test, "disk", Some(disk))];
        graph.add(Job::new(Phase::Metadata, ""), tested, |_, _| async { Ok(Made) });
        graph
    }

    fn jobs_with(images: &[&str]) -> Vec<String> {
        let mut graph = graph();
        let images = images.iter().map(|pattern| (*pattern).to_owned()).collect();
        graph.select(&Part { images, ..Part::default() }).unwrap();
        graph.jobs().into_iter().map(|planned| planned.job.id.as_str().to_owned()).collect()
    }

    #[test]
    fn an_image_is_made_with_all_that_it_is_made_of_and_nothing_else() {
        let container = ["rootfs:A.amd64.container", "container:A.amd64.container", "test:A.amd64.container", "metadata"];
        assert_eq!(jobs_with(&["*.container"]), container);
        let disk =
            ["rootfs:A.amd64.commit", "ostree:A.amd64.commit", "image-build:A.amd64.disk", "test:A.amd64.disk", "metadata"];
        assert_eq!(jobs_with(&["A.amd64.disk"]), disk);
        assert_eq!(jobs_with(&["*.disk", "*.container"]).len(), 8);
    }

    #[test]
    fn a_pattern_without_an_image_says_which_there_are() {
        let part = |pattern: &str| Part { images: vec![pattern.to_owned()], ..Part::default() };
        let error = graph().select(&part("disk")).unwrap_err().to_string();
        let expected = "--images disk selects no image of this compose; it has A.amd64.container, A.amd64.commit, A.amd64.disk";
        assert_eq!(error, expected);
        assert!(graph().select(&part("[a")).unwrap_err().to_string().contains("no closing bracket"));
    }
}
