//! The engine from the outside: frames in, calls to an observer out.

#[cfg(test)]
mod bounds;
#[cfg(test)]
mod corpus;
#[cfg(test)]
mod fragments;
#[cfg(test)]
mod link;
#[cfg(test)]
mod recognition;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tcp;
#[cfg(test)]
mod tunnel;
