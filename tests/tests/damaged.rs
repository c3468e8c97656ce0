//! Nothing from the wire stops it: some ten thousand damaged variants of the samples and of the third-party inputs, through flow engine, dissectors,
//! inventory and rules. `make damage` runs a million.

use dogwatch_tests::corpus::captures;
use dogwatch_tests::damage;
use dogwatch_tests::workspace::root;

/// Enough for some of every file, in seconds.
const VARIANTS: u64 = 40_000;

#[test]
fn damaged_inputs_are_survived() {
    let mut folders = vec![root().join("pcaps")];
    match captures() {
        Some(folder) => folders.extend([folder.parent().unwrap().join("maritime"), folder]),
        None => println!("the samples only: no corpus (set DOGWATCH_CORPUS)"),
    }
    let inputs = damage::inputs(&folders).unwrap();
    let report = damage::run(&inputs, VARIANTS);
    println!("{} files, {} units, {} variants, {} events", report.inputs, report.units, report.variants, report.events);
    assert_eq!(report.variants, VARIANTS);
    assert!(report.events > VARIANTS / 10, "damage must not keep all of it from being read");
    assert!(report.panics.is_empty(), "{:#?}", report.panics);
}
