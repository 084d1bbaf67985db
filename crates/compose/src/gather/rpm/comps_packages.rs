//! Packages that groups name and that are nowhere.

use std::collections::{BTreeSet, HashSet};

use charmer_packages::Glob;
use charmer_packages::rpm::comps::{Comps, PackageKind};
use charmer_packages::rpm::package::Package;

use super::request::GatherInputs;
use super::{GatherSource, RpmGatherError};

impl GatherInputs<'_> {
    /// Refuses groups that name packages which neither the arch nor a lookaside has, where the rules want them all.
    pub(super) fn check_comps_packages(&self) -> Result<(), RpmGatherError> {
        // What nobody takes is in no lock, also what filters leave out.
        if self.is_locked {
            return Ok(());
        }
        let takes_groups = self.spec.sources.iter().any(|(source, _)| *source == GatherSource::Comps);
        let missing = match self.comps.filter(|_| self.rules.require_comps_packages && takes_groups) {
            Some(comps) => self.missing_of(comps),
            None => BTreeSet::new(),
        };
        if missing.is_empty() {
            return Ok(());
        }
        let packages = missing.into_iter().collect::<Vec<_>>().join(", ");
        Err(RpmGatherError::MissingOfComps { variant: self.variant.to_owned(), arch: self.arch.to_owned(), packages })
    }

    fn missing_of<'c>(&self, comps: &'c Comps) -> BTreeSet<&'c str> {
        let own = self.set.of_arch(self.arch).iter().map(|&number| self.set.package(number));
        let all = own.chain(self.lookasides.iter().flat_map(|lookaside| lookaside.packages.iter().copied()));
        let names: HashSet<&str> = all.filter(|package| !package.is_source()).map(Package::name).collect();
        // What comes along with another package need not be there where that is not.
        let members = comps.groups.iter().flat_map(|group| &group.packages);
        let wanted = members.filter(|member| member.kind != PackageKind::Conditional).map(|member| member.name.as_str());
        let is_there = |name: &str| {
            let has_signs = name.contains(['*', '?', '[']);
            names.contains(name) || has_signs && names.iter().any(|own| Glob::lenient(name).matches(own))
        };
        wanted.filter(|name| !is_there(name)).collect()
    }
}
