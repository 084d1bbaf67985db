//! The critical path: the chain of jobs that bounds how soon a compose can be ready, however many cores there are.

use std::collections::HashMap;

use charmer_compose::engine::event::JobPlan;
use charmer_compose::engine::job::JobId;

/// A chain of jobs, each of which needs the one before.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Chain {
    /// Places in the plan.
    pub jobs: Vec<usize>,
    pub seconds: f64,
}

/// For each job of a plan the places of those that it needs. A job is listed after what it needs; names that are not are left out,
/// so that a damaged journal cannot bring a cycle.
pub fn needs(jobs: &[JobPlan]) -> Vec<Vec<usize>> {
    let mut places: HashMap<&JobId, usize> = HashMap::new();
    let mut needs = Vec::with_capacity(jobs.len());
    for (place, job) in jobs.iter().enumerate() {
        needs.push(job.needs.iter().filter_map(|needed| places.get(needed).copied()).collect());
        places.insert(&job.job, place);
    }
    needs
}

/// The longest chain, when each job takes `seconds`. Of chains that take equally long it is the one listed first.
pub fn longest_chain(needs: &[Vec<usize>], seconds: &[f64]) -> Chain {
    let mut ends = vec![0.0; needs.len()];
    let mut before = vec![None; needs.len()];
    for (job, needed) in needs.iter().enumerate() {
        let mut start = 0.0;
        for &input in needed {
            if before[job].is_none() || ends[input] > start {
                start = ends[input];
                before[job] = Some(input);
            }
        }
        ends[job] = start + seconds[job];
    }
    let last = (0..ends.len()).reduce(|best, job| if ends[job] > ends[best] { job } else { best });
    let mut jobs: Vec<usize> = std::iter::successors(last, |&job| before[job]).collect();
    jobs.reverse();
    Chain { jobs, seconds: last.map_or(0.0, |last| ends[last]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_chain_counts_seconds_not_jobs() {
        // 0 -> 1 -> 3 and 2 -> 3 -> 4
        let needs = [vec![], vec![0], vec![], vec![1, 2], vec![3]];
        assert_eq!(longest_chain(&needs, &[1.0, 1.0, 5.0, 1.0, 1.0]), Chain { jobs: vec![2, 3, 4], seconds: 7.0 });
        assert_eq!(longest_chain(&needs, &[1.0, 1.0, 0.0, 0.0, 0.0]).jobs, [0, 1]);
        assert_eq!(longest_chain(&[], &[]), Chain::default());
    }
}
