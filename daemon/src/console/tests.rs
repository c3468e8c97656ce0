//! The console against hand-made pictures.
