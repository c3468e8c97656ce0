//! Findings as a ship makes them, from a seed: 40 detections with Zipf use, 60 devices, 8 zones, names and numbers in the text.

use dogwatch_model::*;

/// A small deterministic generator (xorshift64*): the tests need variety, not secrecy.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        (self.next() >> 16) % limit
    }

    /// Rank 0 twice as often as rank 1, three times as often as rank 2 …
    fn zipf(&mut self, ranks: u64) -> u64 {
        let total: f64 = (1..=ranks).map(|rank| 1.0 / rank as f64).sum();
        let mut at = self.below(1 << 32) as f64 / (1_u64 << 32) as f64 * total;
        (0..ranks)
            .find(|rank| {
                at -= 1.0 / (rank + 1) as f64;
                at < 0.0
            })
            .unwrap_or(0)
    }
}

const SERVICES: [&str; 5] =
    ["modbus tcp/502", "nmea0183 udp/10110", "n2k can", "iec61162-450 udp/60001", "http tcp/80"];

fn end(host: u64) -> FindingEnd {
    let [.., a, b] = host.to_be_bytes();
    FindingEnd {
        asset: Some(stable_id(IdKind::Asset, CaptureTime::from_parts(1_795_000_000, 0), &host.to_be_bytes())),
        name: format!("{}-{host:02}", ["plc", "hmi", "ecdis", "ais", "radar", "gnss"][host as usize % 6]),
        mac: Some(Mac([0, 0x30, 0xde, 0x44, a, b])),
        ip: Some(std::net::IpAddr::from([10, 20, (host % 8) as u8, b])),
        port: None,
        n2k_name: None,
        sfi: None,
    }
}

/// One finding; `at_ms` is when it was first seen.
pub(crate) fn finding(dice: &mut Dice, at_ms: i64) -> Finding {
    let rule = dice.zipf(40);
    let (source, destination) = (dice.zipf(60), dice.zipf(60));
    let first_seen = CaptureTime::from_millis(at_ms);
    let last_seen =
        if dice.below(4) == 0 { first_seen } else { CaptureTime::from_millis(at_ms + dice.below(600_000) as i64) };
    let key = format!("DW-{rule}|{source}|{destination}|{}", dice.next());
    let (source_end, destination_end) = (end(source), end(destination));
    let service = SERVICES[rule as usize % 5];
    let summary = match rule % 4 {
        0 => format!(
            "{} wrote holding {}-{} of {} over {service}",
            source_end.name,
            dice.below(400),
            dice.below(400),
            destination_end.name
        ),
        1 => format!(
            "{} ({}) speaks to {} outside the policy",
            source_end.name,
            source_end.mac.unwrap(),
            destination_end.name
        ),
        2 => format!("position from {} jumped {} m in {} s", source_end.name, dice.below(5000), dice.below(60)),
        _ => format!(
            "PGN {} from {} every {} ms, learned {} ms",
            126_208 + dice.below(4),
            source_end.name,
            dice.below(900),
            dice.below(900)
        ),
    };
    let evidence = Evidence {
        capture: "mirror-br".into(),
        frame: (at_ms as u64 / 7) % 90_000_000,
        ts: first_seen,
        fields: vec![("function".into(), "16".into()), ("address".into(), dice.below(400).to_string())],
        expected: "function 3 only".into(),
    };
    Finding {
        finding_id: stable_id(IdKind::Finding, first_seen, key.as_bytes()),
        fingerprint: format!("{:032x}", fingerprint(key.as_bytes())),
        rule_id: format!("DW-{}", 1001 + rule),
        title: format!("Detection number {rule} with a short title"),
        category: Category::Zone,
        severity: Severity::ALL[rule as usize % 3],
        confidence: [0.9, 0.8, 0.6][rule as usize % 3],
        first_seen,
        last_seen,
        count: 1 + dice.zipf(50),
        zone_from: Some(format!("zone-{}", source % 8)),
        zone_to: Some(format!("zone-{}", destination % 8)),
        conduit: None,
        service: service.into(),
        summary,
        why: format!(
            "Why detection {rule} matters on a ship, in a sentence or two that is the same for each of its findings."
        ),
        recommended_action: format!(
            "What to do about detection {rule}: find the port, ask who, write it down, unplug if nobody knows."
        ),
        evidence: vec![evidence],
        attack: vec![AttackRef("T0855".into()), AttackRef("T0836".into())],
        imo: vec!["detect".into()],
        e26_clause: vec!["4.2.1".into()],
        status: FindingStatus::New,
        status_history: vec![],
        ship_state: ShipState::AtSea,
        position: None,
        source: source_end,
        destination: destination_end,
        proposal: Some("allow: …".into()),
    }
}
