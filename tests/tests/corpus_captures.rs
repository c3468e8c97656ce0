//! The whole pipeline over every third-party capture: nothing stops it, every frame is counted, every device that others found is in the
//! inventory, the same capture gives the same answer, and memory stays bounded.
//!
//! Frame counts and devices come from tshark. What is inside single messages is compared beside the dissectors, not here.
#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use dogwatch_tests::analysis::{Analysed, analyse};
use dogwatch_tests::corpus::{Host, captures, hosts, manifest};
use dogwatch_tests::workspace::root;

/// Most memory the run over all captures may ever hold, KiB.
const MOST_MEMORY_KIB: u64 = 256 << 10;
/// Set in the process that measures its own memory.
const MEASURED: &str = "DOGWATCH_MEASURE_MEMORY";

/// Whether a device stands in the inventory.
fn is_known(analysed: &Analysed, host: &Host) -> bool {
    analysed.pipeline.inventory().assets().flat_map(|asset| &asset.interfaces).any(|interface| match host {
        Host::Ip(ip) => interface.ips.contains(ip),
        Host::Mac(mac) => interface.mac.as_ref() == Some(mac),
    })
}

/// Devices that cannot be found yet, from `data/hosts-not-found.tsv`: capture, device, reason.
fn explained() -> BTreeMap<(String, String), String> {
    let text = std::fs::read_to_string(root().join("tests/data/hosts-not-found.tsv")).unwrap();
    text.lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| {
            let [capture, host, reason] = line.split('\t').collect::<Vec<_>>().try_into().unwrap();
            assert!(reason.len() > 20, "{capture} {host}: say why");
            ((capture.to_owned(), host.to_owned()), reason.to_owned())
        })
        .collect()
}

#[test]
fn every_capture_is_read_to_its_end_and_every_device_in_it_is_known() {
    let Some(folder) = captures() else {
        println!("skipped: no corpus (set DOGWATCH_CORPUS)");
        return;
    };
    let listed = manifest(&folder).unwrap();
    assert!(listed.len() > 100, "the manifest lists {} captures", listed.len());
    let explained = explained();
    let mut used = BTreeSet::new();
    let (mut frames, mut cut, mut named, mut found, mut findings) = (0, 0, 0, 0, 0);
    let (mut wrong, mut missing) = (Vec::new(), Vec::new());
    for capture in &listed {
        let analysed = match analyse(std::slice::from_ref(&capture.path), None) {
            Ok(analysed) => analysed,
            Err(error) => {
                wrong.push(format!("{}: {error:#}", capture.name));
                continue;
            }
        };
        frames += analysed.replayed.frames;
        cut += analysed.replayed.damaged.len();
        findings += analysed.findings().len();
        if analysed.replayed.frames != capture.frames {
            wrong.push(format!(
                "{}: {} frames read, tshark counts {}; damage {:?}",
                capture.name, analysed.replayed.frames, capture.frames, analysed.replayed.damaged
            ));
        }
        let counted: u64 = analysed.pipeline.sources().map(|(_, source)| source.frames).sum();
        let whole = analysed.replayed.frames - analysed.replayed.records_without_frame;
        assert_eq!(counted, whole, "{}: the pipeline lost frames on the way", capture.name);
        let mut of_capture: BTreeMap<Host, Vec<String>> = BTreeMap::new();
        for (host, protocol) in hosts(&capture.path).unwrap().unwrap_or_default() {
            of_capture.entry(host).or_default().push(protocol);
        }
        for (host, protocols) in of_capture {
            named += 1;
            if is_known(&analysed, &host) {
                found += 1;
                continue;
            }
            let key = (capture.name.clone(), host.to_string());
            if explained.contains_key(&key) {
                used.insert(key);
            } else {
                missing.push(format!("{}: {host}, told by {}", capture.name, protocols.join(", ")));
            }
        }
    }
    println!("captures       {}", listed.len());
    println!("frames         {frames}");
    println!("cut or damaged {cut}");
    println!("findings       {findings} (without a policy)");
    println!("hosts named    {named}");
    println!("hosts found    {found}");
    println!("explained      {}", used.len());
    for ((capture, host), reason) in explained.iter().filter(|(key, _)| used.contains(key)) {
        println!("    {capture} {host}: {reason}");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(missing.is_empty(), "devices that others found and we did not: {missing:#?}");
    let needless: Vec<_> = explained.keys().filter(|key| !used.contains(*key)).collect();
    assert!(needless.is_empty(), "explained, but found: take them off the list: {needless:?}");
    assert!(named > 500, "only {named} devices are named in the facts");
}

#[test]
fn a_cut_file_says_where_it_was_cut() {
    let folder = tempfile::tempdir().unwrap();
    let plan = dogwatch_tests::scenario::Plan::new("sea-day", 7, 1, folder.path()).unwrap();
    let whole = plan.play().unwrap();
    let bytes = std::fs::read(&whole.captures[0]).unwrap();
    let cut = folder.path().join("cut.pcap");
    std::fs::write(&cut, &bytes[..bytes.len() - 5]).unwrap();
    let all = analyse(&whole.captures[..1], None).unwrap();
    let analysed = analyse(&[cut], None).unwrap();
    assert_eq!(analysed.replayed.frames + 1, all.replayed.frames);
    assert!(all.replayed.damaged.is_empty());
    let [damage] = &analysed.replayed.damaged[..] else { panic!("{:?}", analysed.replayed.damaged) };
    assert!(damage.to_string().contains("cut.pcap"), "{damage}");
}

/// Captures to be read twice: the largest of each of the first kinds, for they have the most to get wrong.
fn twice(folder: &Path) -> Vec<PathBuf> {
    let mut largest: BTreeMap<String, (u64, PathBuf)> = BTreeMap::new();
    for capture in manifest(folder).unwrap() {
        let size = capture.path.metadata().unwrap().len();
        let known = largest.entry(capture.category).or_default();
        if size > known.0 && size < 4 << 20 {
            *known = (size, capture.path);
        }
    }
    largest.into_values().map(|(_, path)| path).filter(|path| path.is_file()).collect()
}

#[test]
fn the_same_capture_gives_the_same_answer() {
    let folder = tempfile::tempdir().unwrap();
    let scenario = dogwatch_tests::scenario::Plan::new("pos-jump", 7, 6, folder.path()).unwrap().play().unwrap();
    let policy = || dogwatch_tests::analysis::policy(&scenario.policy).unwrap();
    let once = analyse(&scenario.captures, Some(policy())).unwrap();
    let again = analyse(&scenario.captures, Some(policy())).unwrap();
    assert!(!once.findings().is_empty(), "the scenario has findings");
    assert!(once.written().unwrap() == again.written().unwrap(), "two runs over {:?} differ", scenario.captures);

    let Some(folder) = captures() else {
        println!("skipped the third-party captures: no corpus (set DOGWATCH_CORPUS)");
        return;
    };
    let captures = twice(&folder);
    let mut bytes = 0;
    for path in &captures {
        let [once, again] =
            [(); 2].map(|()| analyse(std::slice::from_ref(path), Some(policy())).unwrap().written().unwrap());
        assert!(once == again, "two runs over {} differ", path.display());
        bytes += once.len();
    }
    println!("{} captures read twice, {bytes} bytes of assets and findings each time the same", captures.len());
    assert!(captures.len() > 20);
}

#[test]
fn memory_stays_bounded() {
    let Some(folder) = captures() else {
        println!("skipped: no corpus (set DOGWATCH_CORPUS)");
        return;
    };
    if std::env::var_os(MEASURED).is_none() {
        // in a process of its own: what the other tests hold at the same time does not count
        let this = std::env::current_exe().unwrap();
        let output = Command::new(this)
            .args(["--exact", "memory_stays_bounded", "--nocapture", "--test-threads=1"])
            .env(MEASURED, "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        println!("{said}");
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        assert!(said.contains("peak"), "the measuring process said: {said}");
        return;
    }
    let files: Vec<PathBuf> = manifest(&folder).unwrap().into_iter().map(|capture| capture.path).collect();
    // one pipeline for all of them, as one box that has seen everything
    let analysed = analyse(&files, None).unwrap();
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    println!(
        "{} frames, {} assets, {} connections in one pipeline: peak {peak} KiB of {MOST_MEMORY_KIB} KiB",
        analysed.replayed.frames,
        analysed.pipeline.inventory().len(),
        analysed.pipeline.connection_count()
    );
    assert!(peak <= MOST_MEMORY_KIB, "peak {peak} KiB");
}
