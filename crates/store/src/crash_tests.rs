//! Power cuts and refused operations on the simulated disk: at every operation of a run, whatever was acknowledged is there afterwards,
//! nothing else is, and nothing is called damaged that a power cut alone explains.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use crate::disk::Disk;
use crate::record::GAP_KIND;
use crate::sim::{Dice, SimDisk};
use crate::{Class, DurableStore, GapReason, NewFinding, NewRecord, OpenReport, Options, Store, StoreError, recover};

fn options(queue_bytes: u64) -> Options {
    Options {
        queue_bytes,
        segment_bytes: 4 * 1024,
        ballast_bytes: 2 * 1024,
        pending_bytes: 1024,
        index: false,
        ..Options::new(0xd06_0a7c)
    }
}

fn open(disk: &SimDisk, options: Options) -> io::Result<(DurableStore, OpenReport)> {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    recover::open(disk, None, options)
}

type Entry = (Class, u8, Vec<u8>);

/// What has been acknowledged.
#[derive(Debug, Clone, Default)]
struct Model {
    records: BTreeMap<u64, Entry>,
    next_seq: u64,
    low_water: u64,
    findings: BTreeMap<String, (u64, Vec<u8>)>,
    /// Version numbers of assets: durable at least, put at most.
    assets: BTreeMap<String, (u64, u64)>,
    meta: BTreeMap<String, Vec<u8>>,
}

/// One run: what was acknowledged after how many operations of the disk.
struct Run {
    disk: SimDisk,
    options: Options,
    acknowledged: Vec<(usize, Model)>,
}

fn payload(dice: &mut Dice) -> Vec<u8> {
    let length = match dice.below(10) {
        0 => 0,
        1..=7 => dice.below(200),
        _ => dice.below(1500),
    };
    (0..length).map(|_| dice.roll() as u8).collect()
}

/// Does one thing to the store and to the model. `false` when the store refused; then the model holds what it was before, except for what may
/// have happened all the same.
fn act(store: &mut DurableStore, model: &mut Model, dice: &mut Dice) -> Result<(), StoreError> {
    match dice.below(20) {
        0..=6 => {
            let made: Vec<Entry> = (0..=dice.below(4))
                .map(|_| (Class::ALL[dice.below(4) as usize], 1 + dice.below(250) as u8, payload(dice)))
                .collect();
            let records: Vec<NewRecord<'_>> =
                made.iter().map(|(class, kind, payload)| NewRecord { class: *class, kind: *kind, payload }).collect();
            for (seq, entry) in (model.next_seq..).zip(&made) {
                model.records.insert(seq, entry.clone());
            }
            model.next_seq += made.len() as u64;
            let range = store.append(&records)?;
            assert_eq!(range.end, model.next_seq);
        }
        7..=12 => {
            let made: Vec<(String, Entry)> = (0..=dice.below(3))
                .map(|_| {
                    let class = if dice.below(2) == 0 { Class::High } else { Class::Routine };
                    (format!("fnd_{}", dice.below(9)), (class, 2, payload(dice)))
                })
                .collect();
            let findings: Vec<NewFinding<'_>> = made
                .iter()
                .map(|(id, (class, kind, payload))| NewFinding { id, class: *class, kind: *kind, payload })
                .collect();
            for (seq, (id, entry)) in (model.next_seq..).zip(&made) {
                model.records.insert(seq, entry.clone());
                model.findings.insert(id.clone(), (seq, entry.2.clone()));
            }
            model.next_seq += made.len() as u64;
            let range = store.commit_findings(&findings)?;
            assert_eq!(range.end, model.next_seq);
        }
        13 => {
            model.low_water += dice.below(model.next_seq - model.low_water + 1);
            store.release(model.low_water)?;
        }
        14 | 15 => {
            let id = format!("ast_{}", dice.below(6));
            let versions = model.assets.entry(id.clone()).or_default();
            versions.1 += 1;
            store.put_asset(&id, format!("{:0>200}", versions.1).as_bytes())?;
        }
        16 | 17 => {
            let value = dice.roll().to_le_bytes();
            model.meta.insert("nonce".to_owned(), value.to_vec());
            store.put_meta(&[("nonce", &value)])?;
        }
        18 => {
            let id = format!("fnd_{}", dice.below(9));
            model.findings.remove(&id);
            store.forget_finding(&id)?;
        }
        _ => {
            model.assets.values_mut().for_each(|versions| versions.0 = versions.1);
            store.flush()?;
        }
    }
    Ok(())
}

fn run(seed: u64, actions: usize, queue_bytes: u64) -> Run {
    let disk = SimDisk::default();
    let options = options(queue_bytes);
    let mut dice = Dice(seed);
    let (mut store, report) = open(&disk, options).unwrap();
    assert!(report.fresh);
    let mut model = Model { next_seq: 1, low_water: 1, ..Model::default() };
    let mut acknowledged = vec![(disk.operations(), model.clone())];
    for _ in 0..actions {
        act(&mut store, &mut model, &mut dice).unwrap();
        acknowledged.push((disk.operations(), model.clone()));
    }
    // The store is forgotten, not dropped: an orderly end would flush.
    std::mem::forget(store);
    Run { disk, options, acknowledged }
}

/// Checks a reopened store: at least `least` is there, at most `most`.
fn check(store: &DurableStore, least: &Model, most: &Model, may_drop: bool, case: &str) {
    let low = store.low_water();
    assert!((least.low_water..=most.low_water).contains(&low), "{case}: low water {low}");
    let end = store.next_seq();
    assert!((least.next_seq..=most.next_seq).contains(&end), "{case}: next number {end}, {}", least.next_seq);
    let mut expected = low;
    while expected < end {
        let records = store.read(expected, 3000).unwrap();
        assert!(!records.is_empty(), "{case}: nothing at {expected}, of {end}");
        for record in records {
            assert!(record.seq <= expected && record.last_seq >= expected, "{case}: {} for {expected}", record.seq);
            if let Some(gap) = record.gap() {
                assert!(may_drop, "{case}: dropped {gap:?}");
                assert_eq!(gap.reason, GapReason::Dropped, "{case}: {gap:?}");
                let counted: u64 = gap.counts.iter().map(|line| line.count).sum();
                let covered = (gap.first.max(1)..=gap.last).count() as u64;
                assert!(counted <= covered, "{case}: {gap:?}");
                for line in &gap.counts {
                    let real = (gap.first..=gap.last)
                        .filter(|seq| most.records.get(seq).is_some_and(|of| (of.0, of.1) == (line.class, line.kind)));
                    assert!(line.count <= real.count() as u64, "{case}: {gap:?}");
                }
                if gap.first >= low {
                    assert_eq!(counted, covered, "{case}: {gap:?}");
                }
            } else {
                assert_ne!(record.kind, GAP_KIND, "{case}");
                let (class, kind, payload) = &most.records[&record.seq];
                assert_eq!((record.class, record.kind), (*class, *kind), "{case}: record {}", record.seq);
                assert_eq!(record.payload, *payload, "{case}: record {}", record.seq);
            }
            expected = record.last_seq + 1;
        }
    }
    assert_eq!(expected, end, "{case}: the entries tile the stream");
    let findings: BTreeMap<String, (u64, Vec<u8>)> =
        store.findings().unwrap().into_iter().map(|one| (one.id, (one.seq, one.payload))).collect();
    for id in least.findings.keys().chain(most.findings.keys()).chain(findings.keys()) {
        let is = findings.get(id);
        let may_be = [least.findings.get(id), most.findings.get(id)];
        // One commit may hold a finding twice; a cut inside it never shows the first alone, for the ledger is read to its end.
        assert!(may_be.contains(&is), "{case}: finding {id} is {:?}", is.map(|one| one.0));
    }
    for (id, (durable, _)) in &least.assets {
        let put = most.assets[id].1;
        let is = store.asset(id).unwrap().map_or(0, |bytes| String::from_utf8(bytes).unwrap().parse().unwrap());
        assert!((*durable..=put).contains(&is), "{case}: asset {id} is {is}, {durable} was durable");
    }
    let is = store.meta("nonce");
    let may_be = [least.meta.get("nonce").cloned(), most.meta.get("nonce").cloned()];
    assert!(may_be.contains(&is), "{case}: meta");
}

/// Cuts the power at every operation of a run.
fn cut_everywhere(seed: u64, queue_bytes: u64) -> usize {
    let may_drop = queue_bytes < 100_000;
    let run = run(seed, 130, queue_bytes);
    let mut cuts = 0;
    let mut completed = 0;
    for operations in 0..=run.disk.operations() {
        while run.acknowledged.get(completed + 1).is_some_and(|(after, _)| *after <= operations) {
            completed += 1;
        }
        let began = run.acknowledged[0].0;
        let least = if operations < began {
            Model { next_seq: 1, low_water: 1, ..Model::default() }
        } else {
            run.acknowledged[completed].1.clone()
        };
        let most = &run.acknowledged[(completed + 1).min(run.acknowledged.len() - 1)].1;
        for turn in 0..3 {
            let case = format!("seed {seed}, operation {operations}, turn {turn}");
            let mut dice = Dice(seed ^ (operations as u64) << 20 ^ turn << 50);
            let disk = SimDisk::holding(run.disk.after_power_cut(operations, &mut dice));
            let (store, report) = open(&disk, run.options).unwrap();
            assert!(!report.has_damage(), "{case}: {report:?}");
            check(&store, &least, most, may_drop, &case);
            // What was seen once stays: power fails again while the first opening repairs, or after it.
            std::mem::forget(store);
            let again = dice.below(disk.operations() as u64 + 1) as usize;
            let disk = SimDisk::holding(disk.after_power_cut(again, &mut dice));
            let (mut store, report) = open(&disk, run.options).unwrap();
            assert!(!report.has_damage(), "{case}, cut again at {again}: {report:?}");
            check(&store, &least, most, may_drop, &format!("{case}, cut again at {again}"));
            let next = store.next_seq();
            let late = NewRecord { class: Class::Critical, kind: 9, payload: b"after the cut" };
            assert_eq!(store.append(&[late]).unwrap(), next..next + 1, "{case}");
            drop(store);
            let (store, report) = open(&disk, run.options).unwrap();
            assert!(!report.has_damage() && report.torn_bytes == 0, "{case}, orderly: {report:?}");
            let read = store.read(next, 1).unwrap();
            assert_eq!((read[0].seq, read[0].payload.as_slice()), (next, &b"after the cut"[..]), "{case}");
            cuts += 1;
        }
    }
    cuts
}

#[test]
fn a_power_cut_at_any_operation_loses_nothing() {
    let cuts: usize = (1..=6).map(|seed| cut_everywhere(seed, 1 << 20)).sum();
    println!("{cuts} simulated power cuts");
    assert!(cuts > 5_000);
}

#[test]
fn a_power_cut_while_records_are_dropped_at_the_limit_loses_nothing_else() {
    let cuts: usize = (11..=16).map(|seed| cut_everywhere(seed, 24 * 1024)).sum();
    println!("{cuts} simulated power cuts");
    assert!(cuts > 5_000);
}

/// The same run with one or more operations refused from every number on: what was acknowledged stays, also after reopening.
fn refuse_everywhere(kind: io::ErrorKind, width: usize) {
    let total = {
        let disk = SimDisk::default();
        let (mut store, _) = open(&disk, options(32 * 1024)).unwrap();
        let mut model = Model { next_seq: 1, low_water: 1, ..Model::default() };
        let mut dice = Dice(77);
        for _ in 0..60 {
            act(&mut store, &mut model, &mut dice).unwrap();
        }
        disk.tried()
    };
    for first in 0..total {
        let case = format!("{kind:?} at operation {first}");
        let disk = SimDisk::default();
        disk.refuse(first..first + width, kind);
        let opened = open(&disk, options(32 * 1024)).or_else(|_| {
            disk.refuse(0..0, kind);
            open(&disk, options(32 * 1024))
        });
        let (mut store, _) = opened.unwrap();
        let mut model = Model { next_seq: 1, low_water: 1, ..Model::default() };
        let mut dice = Dice(77);
        // Meta and low water may or may not have moved in a refused call; the model keeps both answers.
        let mut before = model.clone();
        for _ in 0..60 {
            let mut tried = model.clone();
            match act(&mut store, &mut tried, &mut dice) {
                Ok(()) => {
                    model = tried;
                    before = model.clone();
                }
                Err(_) => {
                    before.meta.clone_from(&model.meta);
                    before.low_water = model.low_water;
                    model.low_water = store.low_water();
                    model.assets = tried.assets;
                    if let Some(nonce) = store.meta("nonce") {
                        model.meta.insert("nonce".to_owned(), nonce);
                    }
                    before.assets = model.assets.clone();
                    before.meta.clone_from(&model.meta);
                    before.low_water = model.low_water;
                    // A forgotten finding may be back or not.
                    for id in model.findings.keys().cloned().collect::<Vec<_>>() {
                        if store.finding(&id).unwrap().is_none() {
                            model.findings.remove(&id);
                        }
                    }
                }
            }
            assert_eq!(store.next_seq(), model.next_seq, "{case}");
        }
        check(&store, &model, &model, true, &case);
        drop(store);
        let (store, report) = open(&disk, options(32 * 1024)).unwrap();
        assert!(!report.has_losses(), "{case}: {report:?}");
        check(&store, &model, &model, true, &format!("{case}, reopened"));
    }
}

#[test]
fn one_refused_operation_loses_nothing() {
    refuse_everywhere(io::ErrorKind::Other, 1);
}

#[test]
fn several_refused_operations_lose_nothing() {
    refuse_everywhere(io::ErrorKind::Other, 5);
}

#[test]
fn a_full_disk_for_a_while_loses_nothing() {
    refuse_everywhere(io::ErrorKind::StorageFull, 3);
}
