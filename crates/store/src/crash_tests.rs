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
/// Place in the stream and payload of a finding.
type Version = (u64, Vec<u8>);

/// What has been acknowledged.
#[derive(Debug, Clone, Default)]
struct Model {
    records: BTreeMap<u64, Entry>,
    next_seq: u64,
    low_water: u64,
    findings: BTreeMap<String, Version>,
    /// Version numbers of assets: durable at least, put at most.
    assets: BTreeMap<String, (u64, u64)>,
    meta: BTreeMap<String, Vec<u8>>,
    /// What refused calls may have left behind all the same.
    maybe: Maybe,
}

#[derive(Debug, Clone, Default)]
struct Maybe {
    records: Vec<(u64, Entry)>,
    findings: Vec<(String, Option<Version>)>,
    meta: Vec<Option<Vec<u8>>>,
    low_water: u64,
}

impl Model {
    /// Takes note of a refused call that would have led to `tried`.
    fn refused(&mut self, tried: &Self) {
        let new = tried.records.range(self.next_seq..);
        self.maybe.records.extend(new.map(|(seq, entry)| (*seq, entry.clone())));
        for id in self.findings.keys().chain(tried.findings.keys()) {
            if self.findings.get(id) != tried.findings.get(id) {
                self.maybe.findings.push((id.clone(), tried.findings.get(id).cloned()));
            }
        }
        self.maybe.meta.push(tried.meta.get("nonce").cloned());
        self.maybe.low_water = self.maybe.low_water.max(tried.low_water);
        for (id, versions) in &tried.assets {
            self.assets.entry(id.clone()).or_default().1 = versions.1;
        }
    }

    /// Takes note of a call that was acknowledged: what was refused before it in the same place is out of the question now.
    fn acknowledged(&mut self, tried: Self) {
        if tried.next_seq > self.next_seq {
            self.maybe.records.clear();
        }
        for (id, version) in &tried.findings {
            if self.findings.get(id) != Some(version) {
                self.maybe.findings.retain(|(other, _)| other != id);
            }
        }
        if tried.meta != self.meta {
            self.maybe.meta.clear();
        }
        let maybe = std::mem::take(&mut self.maybe);
        *self = Self { maybe, ..tried };
    }
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
    let highest = most.low_water.max(most.maybe.low_water);
    assert!((least.low_water..=highest).contains(&low), "{case}: low water {low}");
    let end = store.next_seq();
    let longest = most.maybe.records.iter().map(|(seq, _)| seq + 1).max().unwrap_or(0).max(most.next_seq);
    assert!((least.next_seq..=longest).contains(&end), "{case}: next number {end}, {}", least.next_seq);
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
                let is = (record.seq, (record.class, record.kind, record.payload));
                let is_acknowledged = most.records.get(&is.0) == Some(&is.1);
                let may_be = is.0 >= least.next_seq && most.maybe.records.contains(&is);
                assert!(is_acknowledged || may_be, "{case}: record {}", is.0);
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
        // One commit may hold a finding twice; a cut inside the commit may leave the first alone.
        let in_flight = is.is_some_and(|(seq, payload)| {
            *seq >= least.next_seq && most.records.get(seq).is_some_and(|entry| entry.2 == *payload)
        });
        let maybe = most.maybe.findings.contains(&(id.clone(), is.cloned()));
        assert!(may_be.contains(&is) || maybe || in_flight, "{case}: finding {id} is {:?}", is.map(|one| one.0));
    }
    for (id, (durable, _)) in &least.assets {
        let put = most.assets[id].1;
        let is = store.asset(id).unwrap().map_or(0, |bytes| String::from_utf8(bytes).unwrap().parse().unwrap());
        assert!((*durable..=put).contains(&is), "{case}: asset {id} is {is}, {durable} was durable");
    }
    let is = store.meta("nonce");
    let may_be = [least.meta.get("nonce").cloned(), most.meta.get("nonce").cloned()];
    assert!(may_be.contains(&is) || most.maybe.meta.contains(&is), "{case}: meta");
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
        for _ in 0..60 {
            let mut tried = model.clone();
            match act(&mut store, &mut tried, &mut dice) {
                Ok(()) => model.acknowledged(tried),
                Err(_) => model.refused(&tried),
            }
            assert_eq!(store.next_seq(), model.next_seq, "{case}");
        }
        check(&store, &model, &model, true, &case);
        drop(store);
        disk.refuse(0..0, kind);
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

#[test]
fn a_full_disk_takes_urgent_findings_and_gives_up_routine_records() {
    let disk = SimDisk::default();
    let (mut store, _) = open(&disk, options(1 << 20)).unwrap();
    disk.limit(Some(64 * 1024));
    let routine = NewRecord { class: Class::Routine, kind: 1, payload: &[7; 300] };
    let mut queued = 0;
    while store.append(&[routine]).is_ok() {
        queued += 1;
    }
    assert!(store.size().ballast, "routine records do not get the ballast");
    let findings = |store: &mut DurableStore, from: usize, count: usize| {
        for number in from..from + count {
            let id = format!("fnd_{number}");
            let finding = NewFinding { id: &id, class: Class::Critical, kind: 2, payload: &[number as u8; 100] };
            let outcome = store.commit_findings(&[finding]);
            assert!(outcome.is_ok(), "finding {number}: {outcome:?}");
        }
    };
    findings(&mut store, 0, 3);
    assert_eq!((store.size().ballast, store.counters().ballast_freed, store.counters().dropped), (false, 1, [0; 4]));
    drop(store);
    // Restarted on the full disk.
    let (mut store, report) = open(&disk, options(1 << 20)).unwrap();
    assert!(!report.has_damage(), "{report:?}");
    findings(&mut store, 3, 60);
    let dropped = store.counters().dropped;
    assert_eq!(dropped, [0, queued, 0, 0], "routine went, nothing urgent");
    assert_eq!(store.findings().unwrap().len(), 63);
    let mut at = 1;
    let (mut critical, mut told) = (0, 0);
    while at < store.next_seq() {
        for record in store.read(at, 4096).unwrap() {
            match record.gap() {
                Some(gap) => told += gap.counts.iter().map(|line| line.count).sum::<u64>(),
                None => critical += u64::from(record.class == Class::Critical),
            }
            at = record.last_seq + 1;
        }
    }
    assert_eq!((critical, told), (63, queued), "the shore learns of every record that went");
    disk.limit(None);
    store.flush().unwrap();
    assert!(store.size().ballast, "taken back when there is room");
}
