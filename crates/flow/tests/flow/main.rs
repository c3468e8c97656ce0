//! The engine from the outside: frames in, calls to an observer out.

#[cfg(test)]
mod support;
#[cfg(test)]
mod tcp;
