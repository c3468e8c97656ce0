//! Bundles from end to end: what goes in comes out, damaged ones are refused, and how many bytes a finding costs.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

#[path = "fleet/mod.rs"]
mod fleet;

use dogwatch_bundle::{
    BundleError, Definition, FindingUpdate, Frame, Gap, Health, Meta, Record, RuleText, SigningKey, Tables, encode,
};
use dogwatch_model::*;
use fleet::{Dice, finding};
use proptest::prelude::*;

const START_MS: i64 = 1_795_305_600_000;

fn key() -> SigningKey {
    SigningKey::from_seed(&[7; 32]).unwrap()
}

fn meta() -> Meta {
    Meta { epoch: 0xdead_beef, created_ms: START_MS as u64, clock: TimeSource::GnssZda, previous: [3; 8] }
}

/// `count` findings, about one every 86 s (1,000 a day), the newest just before the bundle.
fn findings(dice: &mut Dice, first_seq: u64, count: u64) -> Vec<(u64, Record)> {
    let mut at = START_MS - count as i64 * 86_400;
    (first_seq..first_seq + count)
        .map(|seq| {
            at += dice.below(172_800) as i64;
            (seq, Record::Finding(Box::new(finding(dice, at))))
        })
        .collect()
}

/// Takes a bundle as the shore does and keeps its definitions.
fn take(bytes: &[u8], tables: &mut Tables) -> Result<Vec<(u64, Record)>, BundleError> {
    let frame = Frame::parse(bytes)?;
    frame.verify(&key().public())?;
    let decoded = frame.decode(tables)?;
    decoded.definitions.iter().try_for_each(|definition| tables.define(definition))?;
    Ok(decoded.records)
}

fn assert_same(got: &[(u64, Record)], sent: &[(u64, Record)]) {
    assert_eq!(got.len(), sent.len());
    for ((got_seq, got), (seq, sent)) in got.iter().zip(sent) {
        assert_eq!(got_seq, seq);
        assert_eq!(got, &sent.as_carried());
    }
}

#[test]
fn a_finding_comes_back_with_everything_a_person_needs() {
    let mut sent = finding(&mut Dice(5), START_MS);
    sent.severity = Severity::Critical;
    sent.position = Some(Position { lat: 59.123_456_7, lon: -10.5 });
    sent.status_history = vec![StatusChange {
        at: sent.last_seen,
        by: "2/O".into(),
        from: FindingStatus::New,
        to: FindingStatus::Suppressed,
        reason: "yard work".into(),
        expires_at: Some(CaptureTime::from_millis(START_MS + 1)),
    }];
    let records = [(9, Record::Finding(Box::new(sent.clone())))];
    let encoded = encode(&records, &meta(), &mut Tables::new(1), &key()).unwrap();
    let got = take(&encoded.bytes, &mut Tables::new(1)).unwrap();
    let Record::Finding(got) = &got[0].1 else { panic!("{got:?}") };
    // Spelled out here, apart from `as_carried`: only these differ.
    let want = Finding {
        proposal: None,
        fingerprint: sent.fingerprint[12..].to_owned(),
        position: Some(Position { lat: 59.123_46, lon: -10.5 }),
        ..sent
    };
    assert_eq!(**got, want);
}

#[test]
fn every_kind_of_record_and_scattered_numbers() {
    let asset = Asset {
        asset_id: "ast_1".into(),
        policy_id: None,
        zone_id: Some("bridge".into()),
        interfaces: vec![Interface {
            mac: Some(Mac([1, 2, 3, 4, 5, 6])),
            ips: vec!["10.0.0.1".parse().unwrap()],
            ..Interface::default()
        }],
        device_class: DeviceClass::Plc,
        attributes: [(
            Attribute::Model,
            vec![AttributeValue {
                value: "S7".into(),
                source: Provenance::Observed,
                method: "lldp.tlv5".into(),
                confidence: 90,
                first_seen: CaptureTime(1_000),
                last_seen: CaptureTime(2_000),
                frame: 4,
            }],
        )]
        .into(),
        protocols: vec![],
        first_seen: CaptureTime(1_000),
        last_seen: CaptureTime(2_000),
        frames: 1,
        bytes: 2,
        state: AssetState::ObservedOnly,
        disposition: Disposition::Unapproved,
        purpose: None,
        ship_function: None,
        system_name: None,
        cbs_category: None,
        location: None,
    };
    let health = Health {
        at: CaptureTime::from_millis(START_MS),
        version: "0.1.0".into(),
        uptime_s: 86_400,
        frames: 123_456_789,
        frames_dropped: 7,
        parse_errors: 3,
        assets: 60,
        queue_records: 12,
        oldest_unsent_s: 60,
        uplink_bytes_today: 5_000,
        uplink_bytes_allowed: 1_000_000,
        sources_up: 2,
        sources: 3,
        time_quality: TimeQuality {
            source: TimeSource::Ntp,
            offset_ms: -4,
            last_sync: Some(CaptureTime::from_millis(START_MS - 9)),
            holdover_s: 1,
        },
        ship_state: ShipState::InPort,
        position: Some(Position { lat: 1.0, lon: 2.0 }),
        notes: vec!["source br: no frames for 90 s".into()],
    };
    let update = FindingUpdate {
        finding_id: "fnd_01HX8Z9Q3V5K7M2N4P6R8S0TAB".into(),
        last_seen: CaptureTime::from_millis(START_MS),
        count: 77,
        severity: Severity::High,
        raised: true,
        status: FindingStatus::Acknowledged,
        change: None,
    };
    let odd_id = FindingUpdate { finding_id: "made by hand".into(), count: 0, ..update.clone() };
    let records = [
        (1, Record::Finding(Box::new(finding(&mut Dice(1), START_MS)))),
        (2, Record::FindingUpdate(update)),
        (5, Record::FindingUpdate(odd_id)),
        (6, Record::Asset(Box::new(asset))),
        (900, Record::AssetChange(AssetChange::Appeared { asset_id: "ast_1".into(), at: CaptureTime(1_000) })),
        (
            901,
            Record::Gap(Gap {
                ranges: vec![(7, 899), (3, 4)],
                counts: vec![("DW-1001".into(), 893), ("bulk".into(), 2)],
            }),
        ),
        (u64::MAX - 1, Record::Health(Box::new(health))),
    ];
    let encoded = encode(&records, &meta(), &mut Tables::new(1), &key()).unwrap();
    assert_same(&take(&encoded.bytes, &mut Tables::new(1)).unwrap(), &records);
}

#[test]
fn bundles_can_be_read_in_any_order_once_their_definitions_are_confirmed() {
    let mut dice = Dice(11);
    let (mut ship, mut shore) = (Tables::new(4), Tables::new(4));
    let first = findings(&mut dice, 1, 50);
    let encoded = encode(&first, &meta(), &mut ship, &key()).unwrap();
    assert_same(&take(&encoded.bytes, &mut shore).unwrap(), &first);
    ship.confirm(&encoded.defined);
    let later: Vec<_> = (0..4).map(|part| findings(&mut dice, 100 + part * 20, 20)).collect();
    let bundles: Vec<_> = later.iter().map(|part| encode(part, &meta(), &mut ship, &key()).unwrap().bytes).collect();
    for at in [3, 1, 0, 2, 1] {
        assert_same(&take(&bundles[at], &mut shore).unwrap(), &later[at]);
    }
    // A shore that never had the first bundle says so instead of guessing.
    assert_eq!(take(&bundles[0], &mut Tables::new(4)), Err(BundleError::UnknownEntry));
}

#[test]
fn limits() {
    let mut dice = Dice(3);
    let many = findings(&mut dice, 1, 4097);
    assert!(matches!(encode(&many, &meta(), &mut Tables::new(1), &key()), Err(BundleError::TooLarge { .. })));
    let backwards: Vec<_> = findings(&mut dice, 1, 2).into_iter().rev().collect();
    assert!(matches!(encode(&backwards, &meta(), &mut Tables::new(1), &key()), Err(BundleError::Malformed { .. })));
}

#[test]
fn a_small_bundle_cannot_become_gigabytes() {
    // 4,096 findings that all point at the longest rule text the wire allows: 45 MB if it were rebuilt.
    let mut sample = finding(&mut Dice(1), START_MS);
    sample.why = "w".repeat(2_000);
    sample.recommended_action = "a".repeat(2_000);
    let records: Vec<_> = (1..=4096).map(|seq| (seq, Record::Finding(Box::new(sample.clone())))).collect();
    let refused = encode(&records, &meta(), &mut Tables::new(1), &key());
    assert_eq!(refused, Err(BundleError::TooLarge { what: "the records in memory" }));
    assert!(encode(&records[..1000], &meta(), &mut Tables::new(1), &key()).is_ok());
}

/// Appends a number as LEB128, written here apart from the crate's own.
fn leb(out: &mut Vec<u8>, mut value: u64) {
    loop {
        let byte = (value % 128) as u8;
        value /= 128;
        out.push(if value > 0 { byte | 128 } else { byte });
        if value == 0 {
            return;
        }
    }
}

#[test]
fn golden_vector() {
    // One gap record, put together by hand from README.md. Nothing of the crate is used but the signature, whose key is RFC 8032's test 1.
    let seed = [
        0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4, 0x44, 0x49,
        0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60,
    ];
    let key = SigningKey::from_seed(&seed).unwrap();
    let mut want = b"DWB1".to_vec();
    want.push(0x01 | 1 << 5); // profile 1, not compressed, clock from GNSS
    // The first two bytes of SHA-256 of the public key d75a98…511a, computed with another program.
    want.extend([0x21, 0xfe]);
    want.extend([0xde, 0xad, 0xbe, 0xef]); // epoch
    want.extend([0x00, 0x04]); // table generation
    want.extend([0x01, 0xa2, 0x00, 0x8d, 0x74, 0x00]); // 1795305600000 ms
    want.extend([3; 8]); // previous bundle
    leb(&mut want, 300); // first sequence number
    leb(&mut want, 1); // records
    let mut body = vec![1]; // one definition:
    body.push(0); // text number 0
    body.extend(b"\x04bulk");
    body.push(0); // interleaved
    let mut numbers = Vec::new();
    // Columns in use: kind 18, gap count 37, gap range 38, gap reason 39; the others are zero all through.
    leb(&mut numbers, 1 << 18 | 1 << 37 | 1 << 38 | 1 << 39);
    leb(&mut numbers, 4); // kind: gap
    leb(&mut numbers, 2); // two ranges
    leb(&mut numbers, 14); // from 7: zigzag of +7
    leb(&mut numbers, 3); // to 10
    leb(&mut numbers, 2 * 190); // from 200: zigzag of +190
    leb(&mut numbers, 0); // to 200
    leb(&mut numbers, 1); // one count
    leb(&mut numbers, 1); // text number 0, counted from 1
    leb(&mut numbers, 5); // five of them
    leb(&mut body, numbers.len() as u64);
    body.extend(numbers);
    leb(&mut body, 0); // no raw bytes, and no JSON follows
    leb(&mut want, body.len() as u64);
    want.extend(body);
    let signature = key.sign(&want);
    want.extend(signature);

    let gap = Record::Gap(Gap { ranges: vec![(7, 10), (200, 200)], counts: vec![("bulk".into(), 5)] });
    let encoded = encode(&[(300, gap)], &meta(), &mut Tables::new(4), &key).unwrap();
    assert_eq!(encoded.bytes, want);
}

#[test]
fn bytes_per_finding() {
    // What uplink.md section 7 asks for; header and signature included, tables known to both ends as after the first day.
    println!("{:>6} {:>10} {:>12} {:>14} {:>10} {:>10}", "batch", "bytes", "B/finding", "first contact", "JSON", "bar");
    let mut dice = Dice(2026);
    let (mut ship, mut warm) = (Tables::new(1), Vec::new());
    for _ in 0..12 {
        warm.extend(findings(&mut dice, 1 + warm.len() as u64, 500));
    }
    for chunk in warm.chunks(500) {
        let encoded = encode(chunk, &meta(), &mut ship, &key()).unwrap();
        ship.confirm(&encoded.defined);
    }
    for (batch, bar) in [(1_u64, 120.0), (10, 26.0), (100, 16.0), (1000, 15.0)] {
        let records = findings(&mut dice, 10_000, batch);
        let known = encode(&records, &meta(), &mut ship, &key()).unwrap();
        let first = encode(&records, &meta(), &mut Tables::new(9), &key()).unwrap();
        let json: usize = records.iter().map(|(_, record)| record.to_bytes().unwrap().len()).sum();
        let each = known.bytes.len() as f64 / batch as f64;
        println!(
            "{batch:>6} {:>10} {each:>12.1} {:>14.1} {:>10.0} {bar:>10.0}",
            known.bytes.len(),
            first.bytes.len() as f64 / batch as f64,
            json as f64 / batch as f64
        );
        // Compared within the run: far below a tenth of the JSON from ten findings on.
        assert!(batch < 10 || known.bytes.len() * 10 < json, "batch of {batch}: {each} B each");
    }
}

/// A bundle whose tables are full of odd things.
fn sample(seed: u64, count: u64) -> (Vec<u8>, Vec<(u64, Record)>) {
    let records = findings(&mut Dice(seed | 1), 1 + seed % 1000, count);
    (encode(&records, &meta(), &mut Tables::new(1), &key()).unwrap().bytes, records)
}

/// Signs again, so that the damage reaches the decoder.
fn resigned(bytes: &[u8]) -> Vec<u8> {
    let body = &bytes[..bytes.len().saturating_sub(64)];
    [body, &key().sign(body)].concat()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn decode_undoes_encode(seed in any::<u64>(), count in 1_u64..40, generation in any::<u16>()) {
        let records = findings(&mut Dice(seed | 1), 1 + seed % 1_000_000, count);
        let encoded = encode(&records, &meta(), &mut Tables::new(generation), &key()).unwrap();
        assert_same(&take(&encoded.bytes, &mut Tables::new(generation)).unwrap(), &records);
    }

    #[test]
    fn odd_texts_and_numbers_come_back(
        id in "[ -~é]{1,40}", fingerprint in "[0-9a-f]{0,33}", summary in any::<String>(), zone in proptest::option::of("[ -~]{0,9}"),
        first in any::<i64>(), last in any::<i64>(), count in any::<u64>(), frame in any::<u64>(), confidence in any::<f32>(),
        lat in any::<f64>(), port in any::<Option<u16>>(), step in any::<i64>(),
    ) {
        let mut odd = finding(&mut Dice(1), START_MS);
        odd.finding_id = id;
        odd.fingerprint = fingerprint;
        odd.summary.clone_from(&summary);
        odd.evidence[0].expected = summary;
        odd.evidence[0].frame = frame;
        odd.zone_from = zone;
        odd.first_seen = CaptureTime(first);
        odd.last_seen = CaptureTime(last);
        odd.count = count;
        odd.confidence = confidence;
        odd.position = Some(Position { lat, lon: -lat });
        odd.source.port = port;
        odd.status_history = vec![StatusChange {
            at: CaptureTime(step), by: String::new(), from: FindingStatus::Resolved, to: FindingStatus::New,
            reason: "again".into(), expires_at: Some(CaptureTime(last)),
        }];
        let records = [(1, Record::Finding(Box::new(odd)))];
        let encoded = encode(&records, &meta(), &mut Tables::new(1), &key()).unwrap();
        assert_same(&take(&encoded.bytes, &mut Tables::new(1)).unwrap(), &records);
    }

    #[test]
    fn one_flipped_bit_is_always_noticed(seed in any::<u64>(), at in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let (mut bytes, _) = sample(seed, 5);
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        prop_assert!(take(&bytes, &mut Tables::new(1)).is_err());
    }

    #[test]
    fn damaged_but_well_signed_bundles_never_panic(
        seed in any::<u64>(), count in 1_u64..30,
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..3), 1..8),
    ) {
        let (mut bytes, _) = sample(seed, count);
        for (at, value, how) in edits {
            let at = at.index(bytes.len().saturating_sub(64).max(1));
            match how {
                0 => bytes[at] = value,
                1 => bytes.insert(at, value),
                _ => { bytes.remove(at); }
            }
        }
        let _ = take(&resigned(&bytes), &mut Tables::new(1));
    }

    #[test]
    fn uncompressed_hostile_bodies_never_panic(body in proptest::collection::vec(any::<u8>(), 0..400), count in 0_u64..5000) {
        // Header of a small bundle, body of chance: reaches the column reader without zstd in the way.
        let mut bytes = b"DWB1\x01".to_vec();
        bytes.extend([0; 22]);
        leb(&mut bytes, 1);
        leb(&mut bytes, count);
        leb(&mut bytes, body.len() as u64);
        bytes.extend(body);
        bytes.extend(key().sign(&bytes));
        let mut tables = Tables::new(0);
        for definition in [Definition::Text(0, "abc\u{e}".into()), Definition::End(0, Box::default()), Definition::Rule(0, Box::new(RuleText {
            rule_id: "r".into(), title: "t".into(), category: Category::Zone, why: "w".repeat(3000), action: "a".into(),
            attack: vec![], imo: vec![], e26: vec![],
        }))] {
            tables.define(&definition).unwrap();
        }
        let _ = take(&bytes, &mut tables);
    }

    #[test]
    fn any_bytes_are_safe(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Frame::parse(&bytes);
        let _ = Tables::from_bytes(&bytes);
        let _ = Definition::from_bytes(&bytes);
        let _ = Record::from_bytes(&bytes);
    }
}
