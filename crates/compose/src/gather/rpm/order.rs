//! In which order variants are gathered: those that others build upon come first.

use std::collections::{BTreeMap, BTreeSet};

/// Variants are lookasides of each other.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("variant_as_lookaside: the variants {} are lookasides of each other", .0.join(", "))]
pub struct LookasideCycle(pub Vec<String>);

/// UIDs in an order in which each comes after its lookasides; otherwise as given. A pair is a variant and a lookaside of it.
pub fn gather_order(uids: &[String], lookasides: &[(String, String)]) -> Result<Vec<String>, LookasideCycle> {
    let mut waits_for: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (variant, lookaside) in lookasides.iter().filter(|(one, other)| uids.contains(one) && uids.contains(other)) {
        waits_for.entry(variant).or_default().insert(lookaside);
    }
    let mut order: Vec<String> = Vec::new();
    let mut waiting: Vec<&String> = uids.iter().collect();
    while !waiting.is_empty() {
        let is_ready = |uid: &&String| {
            waits_for.get(uid.as_str()).is_none_or(|lookasides| lookasides.iter().all(|it| order.iter().any(|done| done == it)))
        };
        let Some(next) = waiting.iter().position(is_ready) else {
            return Err(LookasideCycle(waiting.into_iter().cloned().collect()));
        };
        order.push(waiting.remove(next).clone());
    }
    Ok(order)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lookasides_come_first_and_cycles_are_errors() {
        let uids = ["Client", "Desk", "Server"].map(str::to_owned);
        let pair = |one: &str, other: &str| (one.to_owned(), other.to_owned());
        let order = gather_order(&uids, &[pair("Client", "Server"), pair("Desk", "Client")]).unwrap();
        assert_eq!(order, ["Server", "Client", "Desk"]);
        let error = gather_order(&uids, &[pair("Client", "Server"), pair("Server", "Client")]).unwrap_err();
        assert_eq!(error.0, ["Client", "Server"]);
    }
}
