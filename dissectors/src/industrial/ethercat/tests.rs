//! EtherCAT: operations and identities from frames written by hand after ETG.1000.4 and ETG.1000.6.

use super::*;
use crate::Protocol;
use crate::support::{Conversation, datagram, flow, hex};
use dogwatch_model::Direction::ToServer;
use dogwatch_model::{Flow, Mac};

fn frame(datagrams: &str) -> Vec<u8> {
    let body = hex(datagrams);
    let mut bytes = (u16::try_from(body.len()).unwrap() | 0x1000).to_le_bytes().to_vec();
    bytes.extend(body);
    bytes
}

#[test]
fn operations() {
    for (name, datagrams, want) in [
        ("to init", "08 01 0000 2001 0200 0000 0100 0000", "request control al-control init all"),
        ("to boot", "05 01 e903 2001 0200 0000 0300 0000", "request control al-control boot station 1001"),
        ("state", "07 01 0000 3001 0200 0000 0000 0000", "request diagnose al-status all"),
        ("who is third", "01 01 feff 0000 0200 0000 0000 0000", "request discover information position 2"),
        ("address", "02 01 feff 1000 0200 0000 e903 0000", "request program station-address position 2"),
        ("outputs", "0b 01 0000 0001 0200 0000 0000 0000", "request write process-data 0x01000000"),
        ("inputs", "0a 01 0008 0001 0200 0000 0000 0000", "request read process-data 0x01000800"),
        (
            "object written",
            "05 01 e903 0010 1000 0000 0a00 0000 00 13 0020 23 0080 01 05000000 0000",
            "request write sdo 0x8000:1 station 1001",
        ),
        (
            "firmware",
            "05 01 e903 0010 1200 0000 0c00 0000 00 14 0200 00000000 66772e65 6677 0000",
            "request program foe fw.efw station 1001",
        ),
    ] {
        let bytes = frame(datagrams);
        assert_eq!(ETHERCAT.probe(Carrier::Ethernet, ToServer, &bytes), Probe::Yes, "{name}");
        let mut out = Conversation::new(&ETHERCAT, Carrier::Ethernet, 0);
        // The master's card; the test's usual addresses are local ones, as those of frames that went through a slave are.
        let master = Flow { src_mac: Mac([0, 1, 5, 0, 0, 1]), ..flow(Carrier::Ethernet, ToServer, 0, 0) };
        out.send_on(&master, ToServer, &bytes);
        assert_eq!(out.heard.errors, [], "{name}");
        assert_eq!(out.heard.seen[0].acts, [want], "{name}");
    }
}

#[test]
fn several_datagrams_and_frames_cut_short() {
    let bytes = frame("07 01 0000 3001 0280 0000 0000 0300 0a 00 0000 0001 0400 0000 00000000 0100");
    let heard = datagram(&ETHERCAT, Carrier::Udp, 34_980, &bytes);
    assert_eq!(heard.seen[0].acts, ["reply diagnose al-status all", "reply read process-data 0x01000000"]);
    for end in 0..bytes.len() {
        assert_eq!(ETHERCAT.probe(Carrier::Ethernet, ToServer, &bytes[..end]), Probe::No, "cut at {end}");
    }
}

/// Frames of one line that came back, as the master's card sees them.
struct Back(Conversation);

impl Back {
    fn new() -> Self {
        Self(Conversation::new(&ETHERCAT, Carrier::Ethernet, 0))
    }

    /// The facts of the frame, without where they stood.
    fn hear(&mut self, datagrams: &str) -> Vec<String> {
        self.0.send(ToServer, &frame(datagrams));
        assert_eq!(self.0.heard.errors, []);
        let acts = &self.0.heard.seen.last().unwrap().acts;
        acts.iter()
            .filter_map(|act| act.strip_prefix("says "))
            .map(|fact| fact.split(" (").next().unwrap().to_owned())
            .collect()
    }
}

#[test]
fn identity_by_station_read_in_steps() {
    let mut back = Back::new();
    // Word 8 is asked for (read command 0x0100), busy at first, then four bytes are fetched: maker 2.
    assert_eq!(back.hear("05 01 e903 0205 0600 0000 0001 08000000 0100"), ["station 1001 station_address=1001"]);
    assert!(back.hear("04 02 e903 0205 0200 0000 0081 0100").is_empty());
    assert!(back.hear("04 02 e903 0805 0400 0000 00000000 0000").is_empty(), "nobody answered");
    assert!(back.hear("04 03 e903 0205 0200 0000 0000 0100").is_empty());
    let want = ["station 1001 manufacturer=Beckhoff", "station 1001 vendor_id=0x00000002"];
    assert_eq!(back.hear("04 04 e903 0805 0400 0000 02000000 0100"), want);
    assert!(back.hear("04 04 e903 0805 0400 0000 02000000 0100").is_empty(), "told once");
    // Status, address and data in one read of ten bytes; a word that is none of the identity; a serial number that is not set.
    let want = ["station 1001 product_code=0x044c2c52"];
    assert_eq!(back.hear("04 05 e903 0205 0a00 0000 0000 0a000000 522c4c04 0100"), want);
    assert!(back.hear("04 05 e903 0205 0a00 0000 0000 40000000 11111111 0100").is_empty());
    assert!(back.hear("04 05 e903 0205 0a00 0000 0000 0e000000 00000000 0100").is_empty());
    // A missing acknowledge (bit 13) and a write bring nothing.
    assert!(back.hear("04 05 e903 0205 0a00 0000 0020 0c000000 11111111 0100").is_empty());
    assert!(back.hear("05 06 e903 0205 0600 0000 0102 0c000000 0100").is_empty());
    assert!(back.hear("04 07 e903 0805 0400 0000 11111111 0100").is_empty());
    // Eight bytes at once where the status says so (bit 6): revision and serial number.
    let want = ["station 1001 hw_revision=0x00110000", "station 1001 serial_number=0x00001234"];
    assert_eq!(back.hear("04 08 e903 0205 0e00 0000 4000 0c000000 00001100 34120000 0100"), want);
}

#[test]
fn identity_by_place_waits_for_the_station_address() {
    let mut back = Back::new();
    // Three slaves: the address of the second, -1 on its way out, comes back as 2.
    back.hear("07 01 0300 3001 0200 0000 0000 0300");
    assert!(back.hear("02 02 0200 0205 0600 0000 0001 08000000 0100").is_empty());
    assert!(back.hear("01 03 0200 0805 0400 0000 83000000 0100").is_empty());
    let acts = &back.0.heard.seen.last().unwrap().acts;
    assert_eq!(acts.as_slice(), ["reply discover eeprom position 1"]);
    let want = ["station_address=1002", "manufacturer=Omron", "vendor_id=0x00000083"];
    let want = want.map(|fact| format!("station 1002 {fact}"));
    assert_eq!(back.hear("02 04 0200 1000 0200 0000 ea03 0100"), want);
    // One more slave: the same number is another place now.
    back.hear("07 05 0400 3001 0200 0000 0000 0400");
    assert!(back.hear("01 06 0200 0205 0a00 0000 0000 0a000000 11111111 0100").is_empty());
}

#[test]
fn identity_out_of_the_dictionary() {
    let mut back = Back::new();
    // Upload response: CoE service 3, expedited with size (0x43), object 0x1018 part 1.
    let want = ["station_address=1001", "manufacturer=WAGO", "vendor_id=0x00000021"];
    let want = want.map(|fact| format!("station 1001 {fact}"));
    let part = "04 01 e903 8010 1000 0000 0a00 0000 00 13 0030 43 1810 01 21000000 0100";
    assert_eq!(back.hear(part), want);
    // The whole object at once (bit 4): number of parts in two bytes, maker, product, revision, serial number.
    let whole = "04 02 e903 8010 2200 0000 1c00 0000 00 23 0030 51 1810 00 12000000 0400 21000000 01020304 05000000 07000000 0100";
    let want = ["product_code=0x04030201", "hw_revision=0x00000005", "serial_number=0x00000007"];
    assert_eq!(back.hear(whole), want.map(|fact| format!("station 1001 {fact}")));
    // The name, in the ordinary form: size, then text.
    let name = "04 03 e903 8010 1400 0000 0e00 0000 00 33 0030 41 0810 00 04000000 37353058 0100";
    assert_eq!(back.hear(name), ["station 1001 model=750X"]);
    // A request for it names nobody, and an abort has no data.
    for other in [
        "04 01 eb03 8010 1000 0000 0a00 0000 00 13 0020 40 1810 01 00000000 0100",
        "04 01 eb03 8010 1000 0000 0a00 0000 00 13 0020 80 1810 01 00000206 0100",
    ] {
        assert!(back.hear(other).is_empty());
    }
}

#[test]
fn slaves_are_bounded() {
    let mut slaves = Slaves::new(4);
    for station in 1..=200_u16 {
        let data = [0x40, 0, 8, 0, 0, 0, 2, 0, 0, 0];
        let datagram =
            Datagram { command: 4, index: 0, adp: station, ado: 0x0502, data: &data, counter: 1, more: false };
        slaves.came_back(&datagram);
        slaves.came_back(&Datagram { command: 1, ..datagram });
    }
    assert_eq!(slaves.len(), 4);
}
