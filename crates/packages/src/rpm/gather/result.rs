//! What comes out: the packages, why each of them is there, and what could not be had.

use std::fmt;

/// A mark on a selected package. Ordered as they are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flag {
    /// Another package came with this one, as a group says.
    Conditional,
    Fulltree,
    /// Its source package must not be completed.
    FulltreeExclude,
    /// It was asked for.
    Input,
    Langpack,
    Lookaside,
    Multilib,
    Prepopulate,
    /// A source package whose build requirements came along.
    SelfHosting,
}

impl Flag {
    pub const ALL: [Flag; 9] = [
        Flag::Conditional,
        Flag::Fulltree,
        Flag::FulltreeExclude,
        Flag::Input,
        Flag::Langpack,
        Flag::Lookaside,
        Flag::Multilib,
        Flag::Prepopulate,
        Flag::SelfHosting,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Flag::Conditional => "conditional",
            Flag::Fulltree => "fulltree",
            Flag::FulltreeExclude => "fulltree-exclude",
            Flag::Input => "input",
            Flag::Langpack => "langpack",
            Flag::Lookaside => "lookaside",
            Flag::Multilib => "multilib",
            Flag::Prepopulate => "prepopulate",
            Flag::SelfHosting => "self-hosting",
        }
    }
}

/// A set of flags; it prints as their names with commas between.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flags(u16);

impl Flags {
    pub fn contains(self, flag: Flag) -> bool {
        self.0 & (1 << flag as u16) != 0
    }

    pub fn insert(&mut self, flag: Flag) {
        self.0 |= 1 << flag as u16;
    }
}

impl fmt::Display for Flags {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = Flag::ALL.into_iter().filter(|flag| self.contains(*flag)).map(Flag::name).collect();
        formatter.write_str(&names.join(","))
    }
}

/// What a package is in the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    Binary,
    Debug,
    Source,
}

/// Where a package stands: the repository in the list that was given, and the package in that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub repository: usize,
    pub package: usize,
}

/// Why a package was selected first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// This name or pattern asked for it.
    Requested(String),
    Prepopulated,
    /// A group lets it come with this one.
    Conditional(Place),
    /// This package needs it.
    Requirement {
        of: Place,
        text: String,
    },
    /// This was built from it.
    SourceOf(Place),
    /// It helps to debug this.
    DebugOf(Place),
    /// It was built together with this one.
    Sibling(Place),
    /// It has translations for this one.
    LangpackOf(Place),
    /// It is the build of this one in the second word size.
    MultilibOf(Place),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selected {
    pub place: Place,
    pub role: Role,
    pub flags: Flags,
    pub reason: Reason,
}

/// A requirement that nothing meets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unresolved {
    pub requirement: String,
    pub of: Place,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gathered {
    /// In the order in which they were selected; binary packages, then debug packages, then sources.
    pub packages: Vec<Selected>,
    pub unresolved: Vec<Unresolved>,
    /// Names and patterns that match nothing.
    pub missing: Vec<String>,
    pub missing_prepopulate: Vec<String>,
}
