//! The packages of debian-installer itself (udebs): a world of its own beside the packages of systems. Each component of an archive has
//! them in an index below its own, which is here a component named `main/debian-installer`. Their files lie in the component's pool.
//!
//! Must not know: which of them are wanted.

/// What follows the name of a component in that of its udebs.
const END: &str = "/debian-installer";

/// The component that holds a component's udebs.
pub fn of_component(component: &str) -> String {
    format!("{component}{END}")
}

/// Whether a component holds udebs.
pub fn are_in(component: &str) -> bool {
    component.ends_with(END)
}

/// The component whose pool has a component's files: the component itself, or that of the udebs in it.
pub fn pool_component(component: &str) -> &str {
    component.strip_suffix(END).unwrap_or(component)
}
