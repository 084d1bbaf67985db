//! Witnesses: sets that are closed and free of conflicts, each of which proves all its packages at once.

use crate::ecosystem::PackageId;
use crate::installability::network::{ClauseId, Network};

/// The packages that no witness was found for, although each was tried alone on the essential packages.
pub(super) fn unproven(network: &Network<'_>, essential: &[Vec<PackageId>], packages: &[PackageId]) -> Vec<PackageId> {
    let mut proven = vec![false; network.set().len()];
    let mut left = packages.to_vec();
    let mut witness = Witness::new(network);
    loop {
        witness.clear();
        if !essential.iter().all(|versions| versions.iter().any(|package| witness.add(*package))) {
            return left;
        }
        let count = left.len();
        for package in &left {
            witness.add(*package);
        }
        witness.members.iter().for_each(|member| proven[member.index()] = true);
        left.retain(|package| !proven[package.index()]);
        if left.len() == count || left.is_empty() {
            return left;
        }
    }
}

#[derive(Debug)]
struct Witness<'n, 's> {
    network: &'n Network<'s>,
    /// In the order in which they came, so that the last ones can be taken out again.
    members: Vec<PackageId>,
    is_member: Vec<bool>,
    /// By package: how many members exclude it.
    excluded_by: Vec<u32>,
}

impl<'n, 's> Witness<'n, 's> {
    fn new(network: &'n Network<'s>) -> Witness<'n, 's> {
        let count = network.set().len();
        Witness { network, members: Vec::new(), is_member: vec![false; count], excluded_by: vec![0; count] }
    }

    fn clear(&mut self) {
        self.shrink_to(0);
    }

    /// Adds a package with all that it needs, or nothing.
    fn add(&mut self, package: PackageId) -> bool {
        let before = self.members.len();
        let is_added = self.is_member[package.index()] || self.grow_by(package);
        if !is_added {
            self.shrink_to(before);
        }
        is_added
    }

    /// Clauses with one possible answer come first; of the others, each takes its first answer that is still free.
    fn grow_by(&mut self, package: PackageId) -> bool {
        if !self.insert(package) {
            return false;
        }
        let mut next_member = self.members.len() - 1;
        let mut choices: Vec<ClauseId> = Vec::new();
        loop {
            if let Some(member) = self.members.get(next_member).copied() {
                next_member += 1;
                for need in self.network.needs(member) {
                    match self.state_of(need.clause) {
                        Clause::Answered => {}
                        Clause::Forced(answer) => {
                            if !self.insert(answer) {
                                return false;
                            }
                        }
                        Clause::Open(_) => choices.push(need.clause),
                        Clause::Impossible => return false,
                    }
                }
            } else if let Some(clause) = choices.pop() {
                match self.state_of(clause) {
                    Clause::Answered => {}
                    Clause::Forced(answer) | Clause::Open(answer) => {
                        if !self.insert(answer) {
                            return false;
                        }
                    }
                    Clause::Impossible => return false,
                }
            } else {
                return true;
            }
        }
    }

    fn state_of(&self, clause: ClauseId) -> Clause {
        let answers = self.network.answers(clause);
        if answers.iter().any(|answer| self.is_member[answer.index()]) {
            return Clause::Answered;
        }
        let mut free = answers.iter().filter(|answer| self.is_free(**answer));
        match (free.next(), free.next()) {
            (None, _) => Clause::Impossible,
            (Some(only), None) => Clause::Forced(*only),
            (Some(first), Some(_)) => Clause::Open(*first),
        }
    }

    fn is_free(&self, package: PackageId) -> bool {
        self.network.is_alive(package) && self.excluded_by[package.index()] == 0
    }

    /// `false` if a member excludes it.
    fn insert(&mut self, package: PackageId) -> bool {
        if !self.is_free(package) {
            return false;
        }
        self.members.push(package);
        self.is_member[package.index()] = true;
        for other in self.network.conflicts(package) {
            self.excluded_by[other.index()] += 1;
        }
        true
    }

    fn shrink_to(&mut self, count: usize) {
        for package in self.members.drain(count..) {
            self.is_member[package.index()] = false;
            for other in self.network.conflicts(package) {
                self.excluded_by[other.index()] -= 1;
            }
        }
    }
}

/// What the members so far mean for a clause.
#[derive(Debug, Clone, Copy)]
enum Clause {
    Answered,
    Forced(PackageId),
    /// With the first of several free answers.
    Open(PackageId),
    Impossible,
}
