//! Tests of the packages crate over sets written as text.

mod brute_force;
mod closure;
mod fixture;
mod indexes;
mod installability;
mod real_tools;
mod rpm_hybrid;
mod sources;
