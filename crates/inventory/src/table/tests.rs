//! The rules of identity, case by case.

use dogwatch_model::{Initiator, Message, NoFields, Object, Vlans};

use super::*;

const A: Mac = Mac([0, 0x90, 0xe8, 0, 0, 1]);
const B: Mac = Mac([0, 0x30, 0xde, 0, 0, 2]);
const ROUTER: Mac = Mac([0, 0x07, 0x7c, 0, 0, 3]);

fn flow(mac: Mac, ip: Option<&str>, ttl: u8) -> Flow {
    Flow {
        source: SourceId(0),
        vlans: Vlans::default(),
        src_mac: mac,
        dst_mac: Mac([0xff; 6]),
        src: ip.map(|ip| ip.parse().unwrap()),
        dst: None,
        transport: Transport::Udp,
        src_port: 1,
        dst_port: 2,
        ttl,
        initiator: Initiator::Unknown,
    }
}

fn at(second: i64) -> CaptureTime {
    CaptureTime::from_parts(1_800_000_000 + second, 0)
}

fn see(inventory: &mut Inventory, second: i64, mac: Mac, ip: Option<&str>, ttl: u8) -> Option<AssetIx> {
    inventory.sender(at(second), 1, &flow(mac, ip, ttl), "mir0")
}

fn say(
    inventory: &mut Inventory,
    second: i64,
    about: Subject,
    attribute: Attribute,
    value: FactValue<'_>,
    speaker: Option<AssetIx>,
) {
    let fact = Fact { about, attribute, value, confidence: 90, method: "test" };
    let acts = [Act::Says(fact), Act::Publishes { object: Object::Named("x") }];
    let message =
        Message { protocol: "test", kind: "x", function: 0, speaker: Speaker::Sender, acts: &acts, fields: &NoFields };
    let flow = flow(A, None, 64);
    inventory.event(&Event { at: at(second), frame: 7, flow: &flow, message: &message }, speaker, "mir0");
}

#[test]
fn one_card_with_two_own_addresses_is_one_device() {
    let mut inventory = Inventory::default();
    let first = see(&mut inventory, 0, A, Some("10.0.0.5"), 64).unwrap();
    assert_eq!(see(&mut inventory, 1, A, Some("fe80::1"), 255), Some(first));
    assert_eq!(see(&mut inventory, 2, A, None, 0), Some(first));
    assert_eq!(inventory.len(), 1);
    assert_eq!(inventory.get(first).unwrap().shown(Attribute::OuiVendor), Some("MOXA TECHNOLOGIES CORP., LTD."));
}

#[test]
fn hosts_behind_a_router_are_devices_of_their_own() {
    let mut inventory = Inventory::default();
    let near = see(&mut inventory, 0, ROUTER, Some("10.0.0.1"), 64).unwrap();
    let far = see(&mut inventory, 1, ROUTER, Some("10.9.0.7"), 63).unwrap();
    let farther = see(&mut inventory, 2, ROUTER, Some("10.9.0.8"), 127).unwrap();
    assert!(near != far && far != farther);
    assert_eq!(inventory.get(near).unwrap().device_class, DeviceClass::Router);
    assert!(inventory.get(far).unwrap().interfaces.iter().all(|interface| interface.mac.is_none()));
}

#[test]
fn spoken_about_first_then_seen_is_one_device() {
    let mut inventory = Inventory::default();
    say(&mut inventory, 0, Subject::Ip("10.0.0.9".parse().unwrap()), Attribute::Name, FactValue::Text("PLC-9"), None);
    assert_eq!(inventory.len(), 1);
    let row = see(&mut inventory, 1, B, Some("10.0.0.9"), 128).unwrap();
    assert_eq!(inventory.len(), 1);
    let asset = inventory.get(row).unwrap();
    assert_eq!((asset.shown(Attribute::Name), asset.interfaces[0].mac), (Some("PLC-9"), Some(B)));
}

#[test]
fn a_unit_behind_a_gateway_is_a_device_of_its_own() {
    let mut inventory = Inventory::default();
    let gateway = see(&mut inventory, 0, B, Some("10.0.0.9"), 64).unwrap();
    say(&mut inventory, 1, Subject::Unit(5), Attribute::Model, FactValue::Text("PM5"), Some(gateway));
    say(&mut inventory, 2, Subject::Unit(5), Attribute::FirmwareVersion, FactValue::Text("1.2"), Some(gateway));
    say(&mut inventory, 3, Subject::Unit(6), Attribute::Model, FactValue::Text("PM6"), Some(gateway));
    assert_eq!(inventory.len(), 3);
    assert_eq!(inventory.get(gateway).unwrap().shown(Attribute::Model), None, "not the gateway's");
    let unit = inventory.assets().find(|asset| asset.interfaces[0].modbus_unit == Some(5)).unwrap();
    assert_eq!((unit.shown(Attribute::Model), unit.shown(Attribute::FirmwareVersion)), (Some("PM5"), Some("1.2")));
    assert_eq!(inventory.by_ip("10.0.0.9".parse().unwrap()), Some(gateway), "the address stays the gateway's");
    // The same after a restart, in whatever order the rows come back.
    let mut rows: Vec<Asset> = inventory.assets().cloned().collect();
    rows.reverse();
    let mut again = Inventory::default();
    again.restore(rows);
    let gateway = again.by_ip("10.0.0.9".parse().unwrap()).unwrap();
    assert_eq!(again.get(gateway).unwrap().interfaces[0].modbus_unit, None);
    say(&mut again, 4, Subject::Unit(5), Attribute::Model, FactValue::Text("PM5"), Some(gateway));
    assert_eq!(again.len(), 3);
}

#[test]
fn a_station_behind_a_master_is_a_device_of_its_own_even_where_the_master_is_none() {
    let mut inventory = Inventory::default();
    let master = see(&mut inventory, 0, B, None, 0).unwrap();
    let code = FactValue::Text("0x044c2c52");
    say(&mut inventory, 1, Subject::Station(1001), Attribute::ProductCode, code, Some(master));
    say(&mut inventory, 2, Subject::Station(1001), Attribute::VendorId, FactValue::Text("0x00000002"), None);
    assert_eq!(inventory.len(), 3, "a master without a row is another line");
    let mut again = Inventory::default();
    again.restore(inventory.assets().cloned().collect::<Vec<_>>());
    let master = again.by_mac(B).unwrap();
    assert_eq!(again.get(master).unwrap().shown(Attribute::ProductCode), None);
    say(&mut again, 3, Subject::Station(1001), Attribute::SerialNumber, FactValue::Text("7"), Some(master));
    say(&mut again, 4, Subject::Station(1001), Attribute::SerialNumber, FactValue::Text("8"), None);
    assert_eq!(again.len(), 3);
    let known: Vec<_> = again
        .assets()
        .filter(|asset| asset.interfaces[0].station == Some(1001))
        .map(|asset| (asset.shown(Attribute::ProductCode), asset.shown(Attribute::SerialNumber)))
        .collect();
    assert_eq!(known, [(Some("0x044c2c52"), Some("7")), (None, Some("8"))]);
}

#[test]
fn a_binding_joins_card_and_address() {
    let mut inventory = Inventory::default();
    say(
        &mut inventory,
        0,
        Subject::Ip("10.0.0.9".parse().unwrap()),
        Attribute::Model,
        FactValue::Text("750-881"),
        None,
    );
    see(&mut inventory, 1, B, None, 0);
    assert_eq!(inventory.len(), 2);
    say(&mut inventory, 2, Subject::Mac(B), Attribute::IpAddress, FactValue::Ip("10.0.0.9".parse().unwrap()), None);
    assert_eq!(inventory.len(), 1);
    let asset = inventory.assets().next().unwrap();
    assert_eq!(asset.shown(Attribute::Model), Some("750-881"));
    assert!(inventory.take_changes().iter().any(|change| matches!(change, AssetChange::Merged { .. })));
}

#[test]
fn a_taken_over_address_leaves_two_devices() {
    let mut inventory = Inventory::default();
    let owner = see(&mut inventory, 0, A, Some("10.0.0.5"), 64).unwrap();
    let thief = see(&mut inventory, 1, B, None, 0).unwrap();
    say(
        &mut inventory,
        2,
        Subject::Mac(B),
        Attribute::IpAddress,
        FactValue::Ip("10.0.0.5".parse().unwrap()),
        Some(thief),
    );
    assert_eq!(inventory.len(), 2);
    assert_eq!(inventory.by_ip("10.0.0.5".parse().unwrap()), Some(owner));
}

#[test]
fn a_bus_device_is_its_name_never_its_address() {
    let mut inventory = Inventory::default();
    let bus = Flow { transport: Transport::Can, ..flow(Mac::NONE, None, 0) };
    let before = inventory.bus_speaker(at(0), 1, &bus, Speaker::BusAddress(35), "can0").unwrap();
    let named = inventory.bus_speaker(at(1), 2, &bus, Speaker::Name { name: 0xabc, address: 35 }, "can0").unwrap();
    assert_eq!(before, named, "what spoke before its claim is the same device");
    let moved = inventory.bus_speaker(at(2), 3, &bus, Speaker::Name { name: 0xabc, address: 36 }, "can0").unwrap();
    assert_eq!(moved, named);
    let other = inventory.bus_speaker(at(3), 4, &bus, Speaker::Name { name: 0xdef, address: 35 }, "can0").unwrap();
    assert_ne!(other, named, "another NAME at the old address is another device");
    assert_eq!(inventory.bus_speaker(at(4), 5, &bus, Speaker::BusAddress(254), "can0"), None);
}

#[test]
fn better_sources_are_shown_and_rivals_kept() {
    let mut inventory = Inventory::default();
    let row = see(&mut inventory, 0, A, Some("10.0.0.5"), 64).unwrap();
    let mut put = |value: &str, confidence: u8, method: &'static str| {
        let incoming = Incoming {
            attribute: Attribute::Model,
            value,
            source: Provenance::Observed,
            method,
            confidence,
            at: at(1),
            frame: 1,
        };
        inventory.put(row.0, incoming);
    };
    put("banner model", 75, "banner.http");
    put("EDS-405A", 90, "lldp.tlv6");
    put("  \u{7} ", 99, "junk");
    let asset = inventory.get(row).unwrap();
    assert_eq!(asset.shown(Attribute::Model), Some("EDS-405A"));
    assert_eq!(asset.attributes[&Attribute::Model].len(), 2);
}

#[test]
fn every_bound_holds_and_counts() {
    let limits =
        Limits { assets: 4, addresses_per_asset: 2, values_per_attribute: 2, pending_changes: 3, ..Limits::default() };
    let mut inventory = Inventory::new(limits);
    for host in 1..=10_u8 {
        see(&mut inventory, 0, Mac([0, 0, 0, 0, 1, host]), None, 0);
        see(&mut inventory, 0, Mac([0, 0, 0, 0, 1, 1]), Some(&format!("10.0.1.{host}")), 64);
    }
    let row = inventory.by_mac(Mac([0, 0, 0, 0, 1, 1])).unwrap();
    for serial in 0..5 {
        say(
            &mut inventory,
            1,
            Subject::Speaker,
            Attribute::SerialNumber,
            FactValue::Text(&serial.to_string()),
            Some(row),
        );
    }
    assert_eq!(inventory.len(), 4);
    let counters = *inventory.counters();
    // seven cards and seven addresses found the table full; eight addresses found their card full
    assert_eq!((counters.assets_refused, counters.addresses_refused, counters.values_dropped), (14, 8, 3));
    assert!(counters.changes_dropped > 0);
    assert_eq!(inventory.take_changes().len(), 3);
}

#[test]
fn a_card_that_speaks_for_many_hides_none_of_them() {
    let mut inventory = Inventory::default();
    let most = Limits::default().addresses_per_asset;
    let hosts: Vec<String> = (1..=40).map(|host| format!("10.0.2.{host}")).collect();
    for second in 0..2 {
        for host in &hosts {
            see(&mut inventory, second, A, Some(host), 64);
        }
    }
    for host in &hosts {
        let row = inventory.by_ip(host.parse().unwrap()).and_then(|ix| inventory.get(ix)).unwrap();
        assert!(row.interfaces.iter().any(|i| i.ips.contains(&host.parse().unwrap())), "{host}");
    }
    // those it had room for are its own, each of the others stands for itself
    assert_eq!(inventory.len(), 1 + hosts.len() - most);
    let card = inventory.by_mac(A).and_then(|ix| inventory.get(ix)).unwrap();
    assert_eq!((card.interfaces[0].ips.len(), card.device_class), (most, DeviceClass::Router));
    // a binding does not take in what it has no room for
    say(&mut inventory, 3, Subject::Mac(A), Attribute::IpAddress, FactValue::Ip("10.0.2.40".parse().unwrap()), None);
    assert_eq!(inventory.len(), 1 + hosts.len() - most);
}

#[test]
fn the_values_of_all_devices_together_are_bounded() {
    let limits = Limits { value_bytes: 1_000, ..Limits::default() };
    let mut inventory = Inventory::new(limits);
    for device in 0..50 {
        let row = see(&mut inventory, 0, Mac([2, 0, 0, 0, 0, device]), None, 0);
        say(&mut inventory, 1, Subject::Speaker, Attribute::Name, FactValue::Text(&format!("name {device}")), row);
    }
    let named = inventory.assets().filter(|asset| asset.shown(Attribute::Name).is_some()).count();
    // a value with its provenance takes more than fifty bytes and less than five hundred
    assert!((2..20).contains(&named), "{named}");
    assert_eq!(inventory.counters().values_dropped, 50 - named as u64);
    // what is known goes on: its last sighting moves
    let first = inventory.by_mac(Mac([2, 0, 0, 0, 0, 0]));
    say(&mut inventory, 9, Subject::Speaker, Attribute::Name, FactValue::Text("name 0"), first);
    assert_eq!(inventory.get(first.unwrap()).unwrap().attributes[&Attribute::Name][0].last_seen, at(9));
}

#[test]
fn link_local_addresses_are_bounded_too() {
    let mut inventory = Inventory::default();
    for host in 0..1_000 {
        see(&mut inventory, 0, A, Some(&format!("fe80::{host:x}")), 255);
    }
    let most = 2 * Limits::default().addresses_per_asset;
    assert!(inventory.assets().all(|asset| asset.interfaces.iter().map(|i| i.ips.len()).sum::<usize>() <= most));
}

#[test]
fn the_loopback_address_is_a_device_only_where_there_are_no_cards() {
    let mut inventory = Inventory::default();
    let card = see(&mut inventory, 0, A, Some("127.0.0.1"), 64).unwrap();
    let shown = |ix| inventory_ips(&inventory, ix);
    assert_eq!((inventory.len(), shown(card)), (1, vec!["127.0.0.1".parse().unwrap()]), "a card shows what it sent");
    assert_eq!(inventory.by_ip("127.0.0.1".parse().unwrap()), None, "but the address finds nobody");
    let other = see(&mut inventory, 0, ROUTER, Some("127.0.0.1"), 64).unwrap();
    assert_ne!(card, other, "two cards with the loopback address are two devices");
    let here = see(&mut inventory, 1, Mac::NONE, Some("127.0.0.1"), 64).unwrap();
    assert_ne!(card, here);
    assert_eq!(see(&mut inventory, 2, Mac::NONE, Some("::1"), 64).map(|_| inventory.len()), Some(4));
}

fn inventory_ips(inventory: &Inventory, ix: AssetIx) -> Vec<std::net::IpAddr> {
    inventory.get(ix).unwrap().interfaces.iter().flat_map(|interface| interface.ips.clone()).collect()
}

#[test]
fn a_serial_line_is_one_device_and_stays_it() {
    let mut inventory = Inventory::default();
    let line = Flow { transport: Transport::Serial, ..flow(Mac::NONE, None, 0) };
    let gyro = inventory.sender(at(0), 1, &line, "gyro").unwrap();
    assert_eq!(inventory.sender(at(9), 7, &line, "gyro"), Some(gyro), "plugged in again");
    let echo_sounder = inventory.sender(at(1), 1, &line, "depth").unwrap();
    assert_ne!(gyro, echo_sounder);
    // what has neither address nor line is still nobody
    assert_eq!(inventory.sender(at(1), 1, &flow(Mac::NONE, None, 0), "mir0"), None);
    let id = inventory.get(gyro).unwrap().asset_id.clone();
    let mut next_run = Inventory::default();
    next_run.restore(inventory.assets().cloned().collect::<Vec<_>>());
    let again = next_run.sender(at(99), 1, &line, "gyro").unwrap();
    assert_eq!((next_run.len(), &next_run.get(again).unwrap().asset_id), (2, &id));
}

#[test]
fn a_fact_told_again_only_moves_its_last_sighting() {
    let mut inventory = Inventory::default();
    let row = see(&mut inventory, 0, A, Some("10.0.0.5"), 64);
    for (second, text) in [(1, "EPIRB \u{7}1"), (2, "EPIRB 1"), (3, " EPIRB 1 ")] {
        say(&mut inventory, second, Subject::Speaker, Attribute::Name, FactValue::Text(text), row);
    }
    let values = &inventory.get(row.unwrap()).unwrap().attributes[&Attribute::Name];
    assert_eq!(values.len(), 1);
    assert_eq!((values[0].value.as_str(), values[0].first_seen, values[0].last_seen), ("EPIRB 1", at(1), at(3)));
}

#[test]
fn a_replay_gives_the_same_ids() {
    let run = || {
        let mut inventory = Inventory::default();
        see(&mut inventory, 5, A, Some("10.0.0.5"), 64);
        see(&mut inventory, 6, ROUTER, Some("10.9.0.7"), 63);
        inventory.assets().map(|asset| asset.asset_id.clone()).collect::<Vec<_>>()
    };
    assert_eq!(run(), run());
}

/// What IEEE 802.1AB has a switch say: its chassis id (a card) and its name.
fn announces(inventory: &mut Inventory, second: i64, sent: &Flow, chassis: Mac, name: &str) -> Option<(AssetIx, Mac)> {
    let fact = |attribute, value, method| {
        Act::Says(Fact { about: Subject::Speaker, attribute, value, confidence: 90, method })
    };
    let acts = [
        fact(Attribute::MacAddress, FactValue::Mac(chassis), "lldp.tlv1"),
        fact(Attribute::Name, FactValue::Text(name), "lldp.tlv5"),
    ];
    let message = Message {
        protocol: "lldp",
        kind: "announcement",
        function: 0,
        speaker: Speaker::Sender,
        acts: &acts,
        fields: &NoFields,
    };
    let event = Event { at: at(second), frame: 7, flow: sent, message: &message };
    let itself = inventory.self_named(&event, "mir0");
    inventory.event(&event, itself.map(|(ix, _)| ix), "mir0");
    itself
}

#[test]
fn a_sender_without_an_address_is_the_card_it_names() {
    let mut inventory = Inventory::default();
    let empty = Flow { transport: Transport::Ethernet(0x88cc), ..flow(Mac::NONE, None, 0) };
    assert_eq!(inventory.sender(at(0), 1, &empty, "mir0"), None);
    let (first, card) = announces(&mut inventory, 0, &empty, A, "leaf0").unwrap();
    assert_eq!((card, inventory.get(first).unwrap().shown(Attribute::Name)), (A, Some("leaf0")));
    assert_eq!(inventory.get(first).unwrap().interfaces[0].mac, Some(A));
    assert_eq!(inventory.get(first).unwrap().protocols[0].name, "lldp");
    // another such sender on the same link is another device; the first is found again, also by frames of its own
    let (second, _) = announces(&mut inventory, 1, &empty, B, "leaf1").unwrap();
    assert_ne!(first, second);
    assert_eq!(announces(&mut inventory, 2, &empty, A, "leaf0"), Some((first, A)));
    assert_eq!(see(&mut inventory, 3, A, None, 0), Some(first));
    assert_eq!(inventory.len(), 2);
    // six zero bytes and groups are nobody's card, wherever they stand
    assert_eq!(announces(&mut inventory, 4, &empty, Mac::NONE, "nobody"), None);
    assert_eq!(announces(&mut inventory, 4, &empty, Mac([1, 0x80, 0xc2, 0, 0, 0x0e]), "all"), None);
    assert_eq!(inventory.len(), 2);
    let says = FactValue::Mac(Mac::NONE);
    say(&mut inventory, 5, Subject::Speaker, Attribute::MacAddress, says, Some(second));
    let told: Vec<_> = inventory.get(second).unwrap().attributes[&Attribute::MacAddress].iter().collect();
    assert_eq!(told.iter().map(|value| value.value.clone()).collect::<Vec<_>>(), [B.to_string()]);
    // whoever has an address is itself, whatever it names
    let named = Flow { src_mac: ROUTER, ..empty };
    assert_eq!(announces(&mut inventory, 6, &named, A, "port"), None);
}
