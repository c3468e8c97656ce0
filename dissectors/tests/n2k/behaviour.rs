//! What a bus says of its devices and of the ship, frame by frame. The bytes are put together here from the public layouts.

use dogwatch_model::{Act, Attribute, FactValue, Of, Quantity, Value};

use super::collect::{acts_of, can_frame, feed_frames, told_by};

/// NAME of a marine GNSS receiver of maker 1857 (class 60, function 145), by number.
fn name(unique: u64) -> [u8; 8] {
    (unique | 1_857 << 21 | 145 << 40 | 60 << 49 | 4 << 60 | 1 << 63).to_le_bytes()
}

fn claim(address: u8, unique: u64) -> Vec<u8> {
    can_frame(0x18ee_ff00 | u32::from(address), &name(unique))
}

/// Fast packet frames of a message.
fn fast(id: u32, sequence: u8, data: &[u8]) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    let (first, rest) = data.split_at(6);
    let mut body = vec![sequence << 5, data.len() as u8];
    body.extend_from_slice(first);
    frames.push(can_frame(id, &body));
    for (counter, chunk) in rest.chunks(7).enumerate() {
        let mut body = vec![sequence << 5 | (counter as u8 + 1)];
        body.extend_from_slice(chunk);
        body.resize(8, 0xff);
        frames.push(can_frame(id, &body));
    }
    frames
}

#[test]
fn a_claim_tells_who_it_is_once() {
    told_by(&[claim(7, 5), claim(7, 5)], |messages| {
        let facts = |at: usize| messages[at].iter().filter(|act| act.starts_with("Says")).count();
        assert!(facts(0) >= 5, "{:?}", messages[0]);
        assert_eq!(facts(1), 0);
        let all = messages[0].join("\n");
        for part in ["N2kName", "Number(7)", "Text(\"Simrad\")", "Text(\"gnss\")", "Text(\"position\")"] {
            assert!(all.contains(part), "{part} in {all}");
        }
    });
}

#[test]
fn an_address_taken_is_told_with_its_holder() {
    let got = feed_frames(&[claim(7, 5), claim(7, 4)]).messages;
    assert_eq!(got[0].odd, Vec::<&str>::new());
    assert_eq!(got[1].odd, ["n2k.address-taken"]);
    let claim = &got[1].fields["claim"];
    assert_eq!(claim["previous_name"].as_u64(), Some(u64::from_le_bytes(name(5))));
    assert_eq!(claim["name"].as_u64(), Some(u64::from_le_bytes(name(4))));
    assert_eq!(claim["address"].as_u64(), Some(7));
}

#[test]
fn a_device_without_an_address() {
    let got = feed_frames(&[claim(7, 5), claim(254, 5)]).messages;
    assert_eq!(got[1].odd, ["n2k.null-address"]);
    assert_eq!(got[1].fields["claim"]["previous_address"].as_u64(), Some(7));
}

#[test]
fn the_speaker_is_the_name_that_holds_the_address() {
    let depth = can_frame(0x0df5_0b07, &[0, 0xe8, 3, 0, 0, 0, 0, 0xff]);
    let got = feed_frames(&[depth.clone(), claim(7, 5), depth]).messages;
    assert_eq!(got[0].speaker, "BusAddress(7)");
    assert_eq!(got[2].speaker, format!("Name {{ name: {}, address: 7 }}", u64::from_le_bytes(name(5))));
}

#[test]
fn product_information_over_fast_packet() {
    let mut data = vec![0x35, 0x08, 0x3a, 0x07];
    for text in ["GS-1", "1.2.3", "rev B", "0042"] {
        let mut field = text.as_bytes().to_vec();
        field.resize(32, b' ');
        data.extend_from_slice(&field);
    }
    data.extend_from_slice(&[1, 3]);
    let mut frames = vec![claim(7, 5)];
    frames.extend(fast(0x19f0_1407, 1, &data));
    frames.extend(fast(0x19f0_1407, 2, &data));
    told_by(&frames, |messages| {
        assert_eq!(messages.len(), 3);
        for (attribute, value) in [
            (Attribute::ProductCode, FactValue::Number(1_850)),
            (Attribute::Model, FactValue::Text("GS-1")),
            (Attribute::SoftwareVersion, FactValue::Text("1.2.3")),
            (Attribute::HwRevision, FactValue::Text("rev B")),
            (Attribute::SerialNumber, FactValue::Text("0042")),
        ] {
            let want = format!("attribute: {attribute:?}, value: {value:?}");
            assert!(messages[1].iter().any(|act| act.contains(&want)), "{want} in {:?}", messages[1]);
        }
        assert_eq!(messages[2].len(), 1, "told once");
    });
}

#[test]
fn quantities_of_the_ship() {
    let close = |got: &str, quantity: Quantity, want: f64| {
        let start = format!("quantity: {quantity:?}, value: Number(");
        let at = got.find(&start).unwrap_or_else(|| panic!("{quantity:?} in {got}")) + start.len();
        let number: f64 = got[at..].split(')').next().unwrap().parse().unwrap();
        assert!((number - want).abs() < 1e-3, "{quantity:?} {number} want {want}");
    };
    for (id, data, quantity, want) in [
        // 1.5708 rad = 90.0002 deg, reference true.
        (0x09f1_1201, [0, 0x5c, 0x3d, 0xff, 0x7f, 0xff, 0x7f, 0xfc], Quantity::HeadingTrue, 90.000_2),
        (0x09f1_1201, [0, 0x5c, 0x3d, 0xff, 0x7f, 0xff, 0x7f, 0xfd], Quantity::HeadingMagnetic, 90.000_2),
        // -0.0873 rad = -5.0019 deg.
        (0x09f1_0d01, [0, 0xf8, 0xff, 0x7f, 0x97, 0xfc, 0xff, 0xff], Quantity::RudderAngle, -5.001_9),
        // 1,000,000 * 3.125e-8 rad/s = 107.43 deg/min.
        (0x09f1_1301, [0, 0x40, 0x42, 0x0f, 0, 0xff, 0xff, 0xff], Quantity::RateOfTurn, 107.429_6),
        // 2,400 * 0.25 rpm = 10 revolutions per second.
        (0x09f2_0001, [0, 0x60, 0x09, 0xff, 0xff, 0x7f, 0xff, 0xff], Quantity::RotationSpeed, 10.0),
        (0x0df5_0b01, [0, 0xe8, 3, 0, 0, 0, 0, 0xff], Quantity::DepthBelowTransducer, 10.0),
        (0x09f8_0201, [0, 0xfc, 0x5c, 0x3d, 0x02, 0x02, 0xff, 0xff], Quantity::SpeedOverGround, 5.14),
        (0x09f8_0201, [0, 0xfc, 0x5c, 0x3d, 0x02, 0x02, 0xff, 0xff], Quantity::CourseOverGround, 90.000_2),
        (0x09fd_0201, [0, 0xf4, 0x01, 0x5c, 0x3d, 0xfa, 0xff, 0xff], Quantity::WindSpeed, 5.0),
        (0x09fd_0201, [0, 0xf4, 0x01, 0x5c, 0x3d, 0xfa, 0xff, 0xff], Quantity::WindAngle, 90.000_2),
    ] {
        close(&acts_of(&[can_frame(id, &data)]).join("\n"), quantity, want);
    }
    let not_available = acts_of(&[can_frame(0x0df5_0b01, &[0xff; 8])]);
    assert_eq!(not_available.len(), 1, "{not_available:?}");
    let mut position = Vec::new();
    position.extend_from_slice(&526_357_536_i32.to_le_bytes());
    position.extend_from_slice(&(-50_588_996_i32).to_le_bytes());
    let want = Act::Measures {
        of: Of::OwnShip,
        quantity: Quantity::Position,
        value: Value::Position { lat: 526_357_536.0 * 1e-7, lon: -50_588_996.0 * 1e-7 },
    };
    assert_eq!(acts_of(&[can_frame(0x09f8_0101, &position)])[1], format!("{want:?}"));
}

#[test]
fn commands_and_requests() {
    for (name, frames, want) in [
        (
            "who is there",
            vec![can_frame(0x18ea_ff01, &[0x00, 0xee, 0x00])],
            "Request { verb: Discover, object: Pgn { pgn: 60928, destination: 255 } }",
        ),
        (
            "command to the rudder",
            fast(0x09ed_0701, 0, &[1, 0x0d, 0xf1, 0x01, 0xf8, 1, 2, 0]),
            "Request { verb: Control, object: Pgn { pgn: 127245, destination: 7 } }",
        ),
        (
            "command to settings",
            fast(0x09ed_0701, 0, &[1, 0x16, 0xf0, 0x01, 0xf8, 1, 2, 0]),
            "Request { verb: Write, object: Pgn { pgn: 126998, destination: 7 } }",
        ),
        (
            "request of a group",
            fast(0x09ed_0701, 0, &[0, 0x14, 0xf0, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0]),
            "Request { verb: Read, object: Pgn { pgn: 126996, destination: 7 } }",
        ),
        (
            "refused",
            fast(0x09ed_0701, 0, &[2, 0x14, 0xf0, 0x01, 1, 0, 0]),
            "Reply { verb: Write, object: Pgn { pgn: 126996, destination: 7 }, refused: true }",
        ),
        (
            "commanded address",
            vec![
                can_frame(0x18ec_ff01, &[32, 9, 0, 2, 255, 0xd8, 0xfe, 0]),
                can_frame(0x18eb_ff01, &[1, 1, 2, 3, 4, 5, 6, 7]),
                can_frame(0x18eb_ff01, &[2, 8, 42, 255, 255, 255, 255, 255]),
            ],
            "Request { verb: Control, object: Pgn { pgn: 65240, destination: 255 } }",
        ),
    ] {
        let acts = acts_of(&frames);
        assert!(acts.iter().any(|act| act == want), "{name}: {acts:?}");
    }
}

#[test]
fn odd_transfers() {
    let rts = |packets| can_frame(0x18ec_0701, &[16, 20, 0, packets, 255, 0x14, 0xf0, 0x01]);
    for (name, frames, odd) in [
        ("given up", vec![rts(3), can_frame(0x18ec_0107, &[255, 2, 255, 255, 255, 0x14, 0xf0, 0x01])], "n2k.tp-abort"),
        ("size and packets", vec![rts(9)], "n2k.tp-malformed"),
        ("begun again", vec![rts(3), rts(3)], "n2k.tp-gap"),
        ("to all", vec![can_frame(0x18ec_ff01, &[16, 20, 0, 3, 255, 0x14, 0xf0, 0x01])], "n2k.tp-malformed"),
        (
            "fast packet begun again",
            vec![
                can_frame(0x0df8_0501, &[0, 43, 1, 2, 3, 4, 5, 6]),
                can_frame(0x0df8_0501, &[0, 43, 1, 2, 3, 4, 5, 6]),
            ],
            "n2k.fast-packet-gap",
        ),
        ("controller off the bus", vec![vec![0x20, 0, 0, 0x40, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]], "can.bus-off"),
    ] {
        let got = feed_frames(&frames).messages;
        assert!(got.iter().any(|message| message.odd.contains(&odd)), "{name}: {got:?}");
    }
}

#[test]
fn frames_of_one_message_in_any_order() {
    let data: Vec<u8> = (0..40).collect();
    let mut frames = fast(0x0df8_0501, 3, &data);
    frames.swap(0, 1);
    frames.swap(2, 5);
    let got = feed_frames(&frames).messages;
    assert_eq!(got.len(), 1);
    let in_order = feed_frames(&fast(0x0df8_0501, 3, &data)).messages;
    assert_eq!(got[0].fields, in_order[0].fields);
}
