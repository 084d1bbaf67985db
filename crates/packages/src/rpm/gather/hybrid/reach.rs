//! Everything that a request could draw in, whatever is chosen and excluded in the end.

use std::collections::BTreeSet;

use super::super::result::Place;
use super::super::universe::{Id, Universe};
use super::super::{GatherError, Repository, providers::Providers};
use super::companions::Companions;
use super::request::{HybridRequest, requested};
use super::world::World;
use crate::rpm::package::RelationKind;

/// All packages that could come along when what is requested is gathered, with their sources: no other package changes what comes
/// out. Excludes are not looked at.
pub fn reach(repositories: &[Repository<'_>], request: &HybridRequest) -> Result<BTreeSet<Place>, GatherError> {
    let universe = Universe::new(repositories, &request.arch)?;
    let providers = Providers::new(&universe);
    let world = World::new(&universe, &providers)?;
    let mut companions = Companions::new(&world, &providers, request, repositories);
    let mut waiting: Vec<Id> = Vec::new();
    for text in request.packages.iter().chain(&request.prepopulate) {
        waiting.extend(requested(&world, &providers, text, &request.arch));
    }
    let mut reached = BTreeSet::new();
    while let Some(id) = waiting.pop() {
        if !world.is_usable(id) || !reached.insert(id) {
            continue;
        }
        // Where this one is excluded, another build of the name may come in its place.
        waiting.extend(universe.named(universe.entry(id).name));
        for clause in world.clauses(id).iter().filter(|clause| clause.kind == RelationKind::Requires || clause.is_rich) {
            world.formula(clause.formula).each_atom(&mut |atom| waiting.extend(world.answers(atom)));
        }
        waiting.extend(companions.of(id)?.into_iter().map(|wanted| wanted.id));
    }
    let sources: Vec<Id> = reached.iter().filter_map(|id| companions.source(*id)).collect();
    Ok(reached.into_iter().chain(sources).map(|id| universe.entry(id).place).collect())
}
