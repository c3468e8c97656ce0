//! What sentences, AIS messages and datagrams are said to do: acts, speakers, oddities, and when a protocol is recognised.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test: what is wrong must stop it")]

use std::time::Duration;

use dogwatch_dissectors::{Carrier, Chunk, Limits, PROTOCOLS, ParseError, Probe, Sink};
use dogwatch_model::{
    Act, CaptureTime, Direction, FieldValue, FieldVisitor, Flow, Initiator, Mac, Message, Of, Quantity, SourceId,
    Transport, Value, Vlans,
};

/// What one message did, as text that can be compared.
#[derive(Debug, Default)]
struct Keep {
    kinds: Vec<String>,
    speakers: Vec<String>,
    acts: Vec<String>,
    measures: Vec<(Of, Quantity, Value)>,
    errors: Vec<&'static str>,
    lost: Vec<u64>,
}

/// Takes the loss meter out of the fields.
struct Lost<'a>(&'a mut Vec<u64>);

impl FieldVisitor for Lost<'_> {
    fn field(&mut self, name: &str, value: FieldValue<'_>) {
        if let ("lines_lost", FieldValue::Unsigned(lost)) = (name, value) {
            self.0.push(lost);
        }
    }
    fn open_list(&mut self, _name: &str) {}
    fn open_group(&mut self, _name: &str) {}
    fn close(&mut self) {}
}

impl Sink for Keep {
    fn message(&mut self, message: &Message<'_>) {
        self.kinds.push(format!("{} {}", message.protocol, message.kind));
        self.speakers.push(format!("{:?}", message.speaker));
        message.fields.visit(&mut Lost(&mut self.lost));
        for act in message.acts {
            match *act {
                Act::Measures { of, quantity, value } => self.measures.push((of, quantity, value)),
                Act::Says(fact) => {
                    self.acts.push(format!("says {:?} {:?} {}", fact.attribute, fact.value, fact.confidence))
                }
                Act::Publishes { object } => self.acts.push(format!("publishes {object}")),
                Act::Request { verb, object } => self.acts.push(format!("request {} {object}", verb.as_str())),
                Act::Reply { verb, object, .. } => self.acts.push(format!("reply {} {object}", verb.as_str())),
                Act::Values { .. } | Act::States(_) => {}
                Act::Odd(name) => self.acts.push(format!("odd {name}")),
            }
        }
    }

    fn error(&mut self, _protocol: &'static str, error: ParseError) {
        self.errors.push(error.kind());
    }
}

fn flow(dst: &str) -> Flow {
    Flow {
        source: SourceId(0),
        vlans: Vlans::default(),
        src_mac: Mac::NONE,
        dst_mac: Mac::NONE,
        src: Some("172.16.1.10".parse().unwrap()),
        dst: Some(dst.parse().unwrap()),
        transport: Transport::Udp,
        src_port: 50_000,
        dst_port: 60_004,
        ttl: 1,
        initiator: Initiator::Unknown,
    }
}

fn sentence(body: &str) -> String {
    let sum = body.bytes().skip(1).fold(0, |sum, byte| sum ^ byte);
    format!("{body}*{sum:02X}\r\n")
}

fn tag(parameters: &str) -> String {
    let sum = parameters.bytes().fold(0, |sum, byte| sum ^ byte);
    format!("\\{parameters}*{sum:02X}\\")
}

/// Gives datagrams to one flow, a second apart.
fn run(protocol: &str, dst: &str, datagrams: &[Vec<u8>]) -> Keep {
    let known = PROTOCOLS.iter().find(|known| known.name() == protocol).unwrap();
    let mut dissector = known.open(&Limits::default());
    let mut keep = Keep::default();
    let flow = flow(dst);
    for (second, bytes) in (0..).zip(datagrams) {
        let at = CaptureTime::from_parts(second, 0);
        let chunk = Chunk { at, flow: &flow, direction: Direction::ToServer, carrier: Carrier::Udp, bytes };
        dissector.data(&chunk, &mut keep);
    }
    keep
}

fn sentences(bodies: &[&str]) -> Keep {
    let datagrams: Vec<_> = bodies.iter().map(|body| sentence(body).into_bytes()).collect();
    run("nmea0183", "192.168.0.255", &datagrams)
}

fn number(body: &str, quantity: Quantity) -> Option<f64> {
    let keep = sentences(&[body]);
    keep.measures.iter().find(|(_, found, _)| *found == quantity).map(|(_, _, value)| match value {
        Value::Number(number) => *number,
        other => panic!("{other:?}"),
    })
}

#[test]
fn measures_are_si_and_only_while_valid() {
    use Quantity::{
        CourseOverGround, DepthBelowTransducer, Hdop, HeadingMagnetic, HeadingTrue, Pressure, RateOfTurn,
        RotationSpeed, RudderAngle, RudderOrder, SatellitesUsed, SpeedOverGround, SpeedThroughWater, Temperature,
        WindAngle, WindSpeed,
    };
    for (body, quantity, want) in [
        ("$GPVTG,087.5,T,088.7,M,36.0,N,66.7,K,D", SpeedOverGround, Some(18.52)),
        ("$GPVTG,087.5,T,088.7,M,,N,36.0,K,D", SpeedOverGround, Some(10.0)),
        ("$GPVTG,087.5,T,088.7,M,36.0,N,66.7,K,N", SpeedOverGround, None),
        ("$GPVTG,087.5,T,088.7,M,36.0,N,66.7,K,D", CourseOverGround, Some(87.5)),
        ("$GPRMC,101530,A,5130.0,N,00007.5,W,36.0,087.5,221126,,,A", SpeedOverGround, Some(18.52)),
        ("$GPRMC,101530,V,5130.0,N,00007.5,W,36.0,087.5,221126,,,N", SpeedOverGround, None),
        ("$GPGGA,101530,5130.0,N,00007.5,W,1,10,0.9,12.3,M,47.0,M,,", Hdop, Some(0.9)),
        ("$GPGGA,101530,5130.0,N,00007.5,W,0,10,0.9,12.3,M,47.0,M,,", Hdop, None),
        ("$GPGGA,101530,5130.0,N,00007.5,W,1,10,0.9,12.3,M,47.0,M,,", SatellitesUsed, Some(10.0)),
        ("$HEHDT,087.3,T", HeadingTrue, Some(87.3)),
        ("$HETHS,087.3,A", HeadingTrue, Some(87.3)),
        ("$HETHS,087.3,V", HeadingTrue, None),
        ("$HCHDG,101.1,,,7.1,W", HeadingMagnetic, Some(101.1)),
        ("$HEROT,-1.4,A", RateOfTurn, Some(-1.4)),
        ("$HEROT,-1.4,V", RateOfTurn, None),
        ("$VWVHW,,T,,M,36.0,N,66.7,K", SpeedThroughWater, Some(18.52)),
        ("$VDVBW,36.0,0.0,A,3.0,4.0,A", SpeedThroughWater, Some(18.52)),
        ("$VDVBW,36.0,0.0,V,3.0,4.0,A", SpeedThroughWater, None),
        ("$VDVBW,36.0,0.0,A,3.0,4.0,A", SpeedOverGround, Some(5.0 * 1_852.0 / 3_600.0)),
        ("$SDDPT,12.5,0.5,200.0", DepthBelowTransducer, Some(12.5)),
        ("$SDDBT,10.0,f,,M,,F", DepthBelowTransducer, Some(3.048)),
        ("$WIMWV,045.0,R,36.0,N,A", WindSpeed, Some(18.52)),
        ("$WIMWV,045.0,R,36.0,K,A", WindSpeed, Some(10.0)),
        ("$WIMWV,045.0,R,36.0,N,V", WindSpeed, None),
        ("$WIMWV,045.0,T,36.0,N,A", WindAngle, None),
        ("$IIVWR,045.0,L,12.6,N,6.5,M,52.3,K", WindAngle, Some(315.0)),
        ("$YXMTW,17.75,C", Temperature, Some(290.9)),
        ("$WIMMB,29.9350,I,1.0137,B", Pressure, Some(101_370.0)),
        ("$WIMMB,,,1013.7,B", Pressure, Some(101_370.0)),
        ("$IIRSA,-3.2,A,,V", RudderAngle, Some(-3.2)),
        ("$AGROR,5.0,A,,V,B", RudderOrder, Some(5.0)),
        ("$ERRPM,E,1,600.0,10.5,A", RotationSpeed, Some(10.0)),
        ("$ERRPM,E,1,600.0,10.5,V", RotationSpeed, None),
    ] {
        let found = number(body, quantity);
        match (found, want) {
            (Some(found), Some(want)) => assert!((found - want).abs() < 1e-9, "{body}: {found} for {want}"),
            (found, want) => assert_eq!(found, want, "{body}"),
        }
    }
}

#[test]
fn positions_and_times() {
    let keep = sentences(&["$GPRMC,101530.25,A,5130.0000,N,00007.5000,W,,,221126,,,A"]);
    let position = Value::Position { lat: 51.5, lon: -0.125 };
    assert!(keep.measures.contains(&(Of::OwnShip, Quantity::Position, position)));
    let time = CaptureTime::parse_rfc3339("2026-11-22T10:15:30.25Z").unwrap();
    assert!(keep.measures.contains(&(Of::OwnShip, Quantity::UtcTime, Value::Time(time))));
    let keep = sentences(&["$GPGLL,5130.0000,N,00007.5000,W,101530.00,A,A"]);
    let of_day = Value::TimeOfDay(Duration::from_secs(10 * 3_600 + 15 * 60 + 30));
    assert!(keep.measures.contains(&(Of::OwnShip, Quantity::UtcTime, of_day)));
    let keep = sentences(&["$GPZDA,235960.00,31,12,2016,00,00"]);
    let leap = CaptureTime::parse_rfc3339("2017-01-01T00:00:00Z").unwrap();
    assert!(keep.measures.contains(&(Of::OwnShip, Quantity::UtcTime, Value::Time(leap))), "a leap second");
}

#[test]
fn identity_is_told_once_a_flow() {
    let keep =
        sentences(&["$GPGGA,,,,,,0,,,,M,,M,,", "$GPRMC,,V,,,,,,,,,,N", "$GPGGA,,,,,,0,,,,M,,M,,", "$IIHDT,1.0,T"]);
    let said: Vec<_> = keep.acts.iter().filter(|act| act.starts_with("says")).map(String::as_str).collect();
    assert_eq!(
        said,
        [
            "says Talker Text(\"GP\") 50",
            "says DeviceClass Text(\"gnss\") 50",
            "says NavigationRole Text(\"position\") 50",
            "says Talker Text(\"II\") 50",
            "says NavigationRole Text(\"heading\") 30",
        ]
    );
    let version = "$AIVER,1,1,AI,FEC,1.0,4711,FA-170,SW2.1,HW1.0,3";
    let keep = sentences(&[version, version]);
    for want in
        ["Manufacturer Text(\"Furuno\") 90", "SerialNumber Text(\"4711\") 90", "SoftwareVersion Text(\"SW2.1\") 90"]
    {
        assert_eq!(keep.acts.iter().filter(|act| act.ends_with(want)).count(), 1, "{want}");
    }
}

#[test]
fn queries_bad_checksums_and_long_sentences() {
    let keep = sentences(&["$CCGPQ,GGA"]);
    assert_eq!((keep.kinds, keep.acts), (vec!["nmea0183 query".to_owned()], vec!["request discover GPGGA".to_owned()]));
    let keep = run("nmea0183", "192.168.0.255", &[b"$HEHDT,087.3,T*00\r\n".to_vec()]);
    assert_eq!((keep.acts, keep.errors), (vec!["odd nmea.bad-checksum".to_owned()], vec!["checksum"]));
    assert!(keep.measures.is_empty(), "what is damaged measures nothing");
    let keep = sentences(&[&format!("$GPTXT,01,01,02,{}", "x".repeat(70))]);
    assert!(keep.acts.contains(&"odd nmea.too-long".to_owned()));
}

#[test]
fn damage_is_counted_and_the_next_sentence_found() {
    let good = sentence("$HEHDT,087.3,T");
    let text = format!("$GPGGA,1015{good}garbage\r\n$GP\r\n\x00\x01$HEHDT,08\x02,T*11\r\n{good}");
    let keep = run("nmea0183", "192.168.0.255", &[text.into_bytes()]);
    assert_eq!(keep.measures.len(), 2);
    assert_eq!(keep.errors.len(), 4, "{:?}", keep.errors);
}

#[test]
fn the_number_of_a_sentence_that_was_cut_off_is_not_read() {
    let headings = |protocol, whole: &str, last: &str| {
        let keep = run(protocol, "239.192.0.4", &[whole.as_bytes().to_vec(), last.as_bytes().to_vec()]);
        let headings = keep.measures.iter().filter(|(_, quantity, _)| *quantity == Quantity::HeadingTrue);
        headings.count()
    };
    let whole = sentence("$HEHDT,48.2,T");
    // the capture kept only so much of the frame: 48.2 degrees became 4
    assert_eq!(headings("nmea0183", &whole, "$HEHDT,4"), 1);
    assert_eq!(headings("nmea0183", &whole, &whole), 2);
    assert_eq!(headings("nmea0183", &whole, &format!("{whole}$HEHDT,4")), 2, "what stands before is read");
    // who never sends checksums sends none with the last sentence of a datagram either
    assert_eq!(headings("nmea0183", "$HEHDT,48.2,T\r\n", "$HEHDT,48.3,T\r\n"), 2);
    let framed = |sentence: &str| format!("UdPbC\0{}{sentence}", tag("s:HE0001,n:1"));
    assert_eq!(headings("iec61162-450", &framed(&whole), &framed("$HEHDT,4")), 1);
}

#[test]
fn ais_tells_targets_from_own_ship() {
    // Message 1: MMSI 366053209, 37.802118 N 122.341618 W (the corpus of an independent project decodes it so).
    let other = sentences(&["!AIVDM,1,1,,B,15M67FC000G?ufbE`FepT@3n00Sa,0"]);
    assert_eq!(other.kinds, ["nmea0183 VDM", "ais position-report"]);
    let (of, _, value) = *other.measures.iter().find(|(_, quantity, _)| *quantity == Quantity::Position).unwrap();
    assert_eq!(of, Of::Target(366_053_209));
    let Value::Position { lat, lon } = value else { panic!("{value:?}") };
    assert!((lat - 37.802_118).abs() < 1e-6 && (lon + 122.341_618).abs() < 1e-6);
    assert!(!other.acts.iter().any(|act| act.starts_with("says Mmsi")), "another ship is no identity of the sender");
    let own =
        sentences(&["!AIVDO,1,1,,B,15M67FC000G?ufbE`FepT@3n00Sa,0", "!AIVDO,1,1,,A,15M67FC000G?ufbE`FepT@3n00Sa,0"]);
    assert_eq!(own.measures[0].0, Of::OwnShipByAis(366_053_209));
    assert_eq!(own.acts.iter().filter(|act| *act == "says Mmsi Number(366053209) 75").count(), 1);
}

#[test]
fn sources_groups_and_line_counts_of_450() {
    let line = |parameters: &str, body: &str| format!("{}{}", tag(parameters), sentence(body));
    let datagram = |text: String| [b"UdPbC\0", text.as_bytes()].concat();
    let keep = run("iec61162-450", "239.192.0.4", &[datagram(line("s:GP0001,n:1", "$GPGLL,,,,,,V,N"))]);
    assert_eq!(keep.speakers, ["Sfi(Sfi(GP0001))"]);
    assert!(keep.acts.contains(&"says Sfi Text(\"GP0001\") 75".to_owned()));
    assert!(!keep.acts.iter().any(|act| act.starts_with("odd")), "{:?}", keep.acts);
    let group = [line("g:1-2-7,s:GP0001", "$GPGLL,,,,,,V,N"), line("g:2-2-7", "$GPVTG,,T,,M,,N,,K,N")].concat();
    let keep = run("iec61162-450", "239.192.0.4", &[datagram(group)]);
    assert_eq!(keep.speakers, ["Sfi(Sfi(GP0001))"; 2], "the second line inherits the source of its group");
    let counted = |n: u32| datagram(line(&format!("s:GP0001,n:{n}"), "$GPGLL,,,,,,V,N"));
    let datagrams: Vec<_> = (1..=999).chain(1..=20).chain(24..30).map(counted).collect();
    let keep = run("iec61162-450", "239.192.0.4", &datagrams);
    assert_eq!(keep.acts.iter().filter(|act| *act == "odd 450.line-gap").count(), 1);
    assert_eq!(keep.lost, [3], "lines 21 to 23");
    let keep = run("iec61162-450", "239.192.0.4", &[datagram(line("s:RA0001,n:1", "$RATLL,,,,,,,,T,"))]);
    assert!(keep.acts.contains(&"odd 450.wrong-group".to_owned()), "a radar belongs to TGTD");
}

#[test]
fn recognised_by_content_alone() {
    let probe = |protocol: &str, carrier, head: &[u8]| {
        PROTOCOLS.iter().find(|known| known.name() == protocol).unwrap().probe(carrier, Direction::ToServer, head)
    };
    let good = sentence("$HEHDT,087.3,T");
    for (name, protocol, carrier, head, want) in [
        ("a sentence", "nmea0183", Carrier::Udp, good.as_bytes(), Probe::Yes),
        ("with TAG block", "nmea0183", Carrier::Udp, b"\\s:X*4B\\$HEHDT,087.3,T*23\r\n", Probe::Yes),
        ("without checksum, known formatter", "nmea0183", Carrier::Udp, b"$HEHDT,087.3,T\r\n", Probe::Yes),
        ("text with a dollar", "nmea0183", Carrier::Udp, b"$ cat file, or so", Probe::No),
        ("statsd-like", "nmea0183", Carrier::Udp, b"$STATS,a,b,c", Probe::No),
        ("a gateway's own token", "nmea0183", Carrier::Udp, b"!PDGY,000000,0,0,2,1,0,0\r\n", Probe::No),
        ("binary", "nmea0183", Carrier::Udp, b"\x00\x01\x02$", Probe::No),
        (
            "a stream from the middle of a line",
            "nmea0183",
            Carrier::Tcp,
            b"30,A*35\r\n$HEHDT,087.3,T*23\r\n",
            Probe::Yes,
        ),
        ("half a sentence", "nmea0183", Carrier::Tcp, b"$HEHDT,087", Probe::NeedMore),
        ("a web server", "nmea0183", Carrier::Tcp, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", Probe::No),
        ("nothing yet", "nmea0183", Carrier::Tcp, b"", Probe::NeedMore),
        ("token", "iec61162-450", Carrier::Udp, b"UdPbC\0", Probe::Yes),
        ("binary transfer", "iec61162-450", Carrier::Udp, b"RrUdP\0\0\x01", Probe::Yes),
        ("cut token", "iec61162-450", Carrier::Udp, b"UdPbC", Probe::No),
        ("bare sentence", "iec61162-450", Carrier::Udp, good.as_bytes(), Probe::No),
    ] {
        assert_eq!(probe(protocol, carrier, head), want, "{name}");
    }
}

/// The sentences are from public documents of the gateways' makers and of CANboat; what they hold was worked out by hand from the layouts of
/// PGN 127257 and 127489.
#[test]
fn wrapped_parameter_groups_come_out_as_groups() {
    let keep = sentences(&["$PCDIN,01F119,00000000,0F,2AAF00D1067414FF"]);
    assert_eq!(keep.kinds, ["nmea0183 CDIN", "nmea2000 attitude"]);
    assert_eq!(keep.speakers, ["Sender", "BusAddress(15)"]);
    assert!(keep.acts.contains(&"publishes PGN 127257".to_owned()), "{:?}", keep.acts);
    assert_eq!(keep.errors, [] as [&str; 0]);

    // One fast packet of 26 bytes, a sentence a frame; the bytes stand backwards.
    let frames = [
        "$MXPGN,01F201,2838,630D670F50001AA0",
        "$MXPGN,01F201,2838,FFFF002D0A3C88A1",
        "$MXPGN,01F201,2838,7F0030FFFFFFFFA2",
        "$MXPGN,01F201,2738,090800000000A3",
    ];
    let together: String = frames.iter().map(|body| sentence(body)).collect();
    let keep = run("nmea0183", "192.168.0.255", &[together.into_bytes()]);
    let inside: Vec<_> = keep.kinds.iter().filter(|kind| kind.starts_with("nmea2000")).collect();
    assert_eq!(inside, ["nmea2000 engine-parameters-dynamic"], "{:?}", keep.kinds);
    assert_eq!((keep.kinds.len(), keep.errors.len()), (5, 0));

    // What is damaged is not unwrapped.
    let keep = run("nmea0183", "192.168.0.255", &[b"$PCDIN,01F119,00000000,0F,2AAF00D1067414FF*00\r\n".to_vec()]);
    assert_eq!(keep.kinds, ["nmea0183 CDIN"]);
}
