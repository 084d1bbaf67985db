//! Requirements as formulas over lists of packages.

/// A list of packages of which one is enough. Equal requirements have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct AtomId(pub(super) u32);

/// Requirements that are written alike have the same formula.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct FormulaId(pub(super) u32);

/// True or false of a set of packages. `with`, `without` and an `or` of plain names are lists of packages, and so atoms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Formula {
    Atom(AtomId),
    All(Vec<Formula>),
    Any(Vec<Formula>),
    /// `then` if `when`, else `otherwise`, which is true where it is not given.
    If(Box<Branch>),
    /// `then` and not `when`, or `when` and `otherwise`, which is false where it is not given.
    Unless(Box<Branch>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Branch {
    pub(super) then: Formula,
    pub(super) when: Formula,
    pub(super) otherwise: Option<Formula>,
}

impl Formula {
    /// What is true of nothing.
    pub(super) const NEVER: Formula = Formula::Any(Vec::new());

    pub(super) fn holds(&self, has: &impl Fn(AtomId) -> bool) -> bool {
        match self {
            Formula::Atom(atom) => has(*atom),
            Formula::All(parts) => parts.iter().all(|part| part.holds(has)),
            Formula::Any(parts) => parts.iter().any(|part| part.holds(has)),
            Formula::If(branch) if branch.when.holds(has) => branch.then.holds(has),
            Formula::If(branch) => branch.otherwise.as_ref().is_none_or(|otherwise| otherwise.holds(has)),
            Formula::Unless(branch) if branch.when.holds(has) => {
                branch.otherwise.as_ref().is_some_and(|otherwise| otherwise.holds(has))
            }
            Formula::Unless(branch) => branch.then.holds(has),
        }
    }

    /// False only if no set of packages makes it true of which each list has some or none as `exists` says. May be true too often.
    pub(super) fn is_possible(&self, exists: &impl Fn(AtomId) -> bool) -> bool {
        match self {
            Formula::Atom(atom) => exists(*atom),
            Formula::All(parts) => parts.iter().all(|part| part.is_possible(exists)),
            Formula::Any(parts) => parts.iter().any(|part| part.is_possible(exists)),
            Formula::If(branch) => {
                branch.otherwise.as_ref().is_none_or(|otherwise| otherwise.is_possible(exists))
                    || (branch.when.is_possible(exists) && branch.then.is_possible(exists))
            }
            Formula::Unless(branch) => {
                branch.then.is_possible(exists)
                    || (branch.when.is_possible(exists)
                        && branch.otherwise.as_ref().is_some_and(|otherwise| otherwise.is_possible(exists)))
            }
        }
    }

    pub(super) fn each_atom(&self, take: &mut impl FnMut(AtomId)) {
        match self {
            Formula::Atom(atom) => take(*atom),
            Formula::All(parts) | Formula::Any(parts) => parts.iter().for_each(|part| part.each_atom(take)),
            Formula::If(branch) | Formula::Unless(branch) => {
                branch.then.each_atom(take);
                branch.when.each_atom(take);
                branch.otherwise.iter().for_each(|otherwise| otherwise.each_atom(take));
            }
        }
    }

    /// The lists out of which a package has to come so that a formula that does not hold may hold, the most direct first.
    pub(super) fn wishes(&self, has: &impl Fn(AtomId) -> bool, wish: &mut impl FnMut(AtomId)) {
        if self.holds(has) {
            return;
        }
        match self {
            Formula::Atom(atom) => wish(*atom),
            Formula::All(parts) | Formula::Any(parts) => parts.iter().for_each(|part| part.wishes(has, wish)),
            Formula::If(branch) | Formula::Unless(branch) => {
                let met = branch.when.holds(has);
                let direct = if met == matches!(self, Formula::If(_)) { Some(&branch.then) } else { branch.otherwise.as_ref() };
                if let Some(direct) = direct {
                    direct.wishes(has, wish);
                }
                // The condition can be made true instead, which is of no use where nothing is said of that; and what is nested in it
                // can be made false.
                if met || branch.otherwise.is_some() || matches!(self, Formula::If(_)) {
                    let mut wish_missing = |atom| {
                        if !has(atom) {
                            wish(atom);
                        }
                    };
                    self.each_atom(&mut wish_missing);
                }
            }
        }
    }
}
