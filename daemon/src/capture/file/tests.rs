//! Headers of every kind, damage of every kind. The bytes are built here, by the formats' own descriptions.

use super::*;

fn pcap(magic: [u8; 4], big: bool, link: u32, records: &[(u32, u32, &[u8])], extra: usize) -> Vec<u8> {
    let word = |value: u32| if big { value.to_be_bytes() } else { value.to_le_bytes() };
    let half = |value: u16| if big { value.to_be_bytes() } else { value.to_le_bytes() };
    let mut out = magic.to_vec();
    out.extend(half(2));
    out.extend(half(4));
    out.extend([0; 8]);
    out.extend(word(65_535));
    out.extend(word(link));
    for (seconds, fraction, bytes) in records {
        for value in [*seconds, *fraction, bytes.len() as u32, bytes.len() as u32 + 3] {
            out.extend(word(value));
        }
        out.extend(vec![0; extra]);
        out.extend(*bytes);
    }
    out
}

fn block(big: bool, kind: u32, body: &[u8]) -> Vec<u8> {
    let word = |value: u32| if big { value.to_be_bytes() } else { value.to_le_bytes() };
    let padded = body.len().next_multiple_of(4);
    let length = word(padded as u32 + 12);
    let mut out = word(kind).to_vec();
    out.extend(length);
    out.extend(body);
    out.extend(vec![0; padded - body.len()]);
    out.extend(length);
    out
}

fn section(big: bool) -> Vec<u8> {
    let mut body =
        if big { vec![0x1a, 0x2b, 0x3c, 0x4d, 0, 1, 0, 0] } else { vec![0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0] };
    body.extend([0xff; 8]);
    block(big, 0x0a0d_0d0a, &body)
}

fn interface(big: bool, link: u16, name: &[u8], resolution: Option<u8>) -> Vec<u8> {
    let half = |value: u16| if big { value.to_be_bytes() } else { value.to_le_bytes() };
    let mut body = half(link).to_vec();
    body.extend([0; 6]);
    body.extend(half(2));
    body.extend(half(name.len() as u16));
    body.extend(name);
    body.extend(vec![0; name.len().next_multiple_of(4) - name.len()]);
    if let Some(resolution) = resolution {
        body.extend(half(9));
        body.extend(half(1));
        body.extend([resolution, 0, 0, 0]);
    }
    body.extend([0; 4]);
    block(big, 1, &body)
}

fn packet(big: bool, interface: u32, ticks: u64, bytes: &[u8]) -> Vec<u8> {
    let word = |value: u32| if big { value.to_be_bytes() } else { value.to_le_bytes() };
    let mut body = word(interface).to_vec();
    body.extend(word((ticks >> 32) as u32));
    body.extend(word(ticks as u32));
    body.extend(word(bytes.len() as u32));
    body.extend(word(bytes.len() as u32));
    body.extend(bytes);
    block(big, 6, &body)
}

type Seen = (usize, i64, u32, Vec<u8>);

fn read(bytes: Vec<u8>) -> (Vec<Seen>, Option<Damage>, CaptureFile) {
    let mut file =
        CaptureFile::from_reader(Box::new(std::io::Cursor::new(bytes)), Path::new("test.pcap")).ok().unwrap();
    let mut seen = Vec::new();
    let damage = loop {
        match file.next_frame() {
            Ok(Some(frame)) => seen.push((frame.interface, frame.at.0, frame.link.0, frame.bytes.to_vec())),
            Ok(None) => break None,
            Err(damage) => break Some(damage),
        }
    };
    assert!(matches!(file.next_frame(), Ok(None)), "nothing follows the end");
    (seen, damage, file)
}

#[test]
fn pcap_of_every_kind() {
    for (magic, big, nanos, extra) in [
        ([0xa1, 0xb2, 0xc3, 0xd4], true, 7_000, 0),
        ([0xd4, 0xc3, 0xb2, 0xa1], false, 7_000, 0),
        ([0xa1, 0xb2, 0x3c, 0x4d], true, 7, 0),
        ([0x4d, 0x3c, 0xb2, 0xa1], false, 7, 0),
        ([0x34, 0xcd, 0xb2, 0xa1], false, 7_000, 8),
    ] {
        let bytes = pcap(magic, big, 0x2400_0001, &[(10, 7, b"abc"), (11, 7, b"")], extra);
        let (seen, damage, _) = read(bytes);
        assert_eq!(
            seen,
            vec![(0, 10_000_000_000 + nanos, 1, b"abc".to_vec()), (0, 11_000_000_000 + nanos, 1, vec![])],
            "{magic:x?}"
        );
        assert_eq!(damage, None);
    }
}

#[test]
fn pcapng_sections_of_both_orders_with_differing_links() {
    let mut bytes = section(false);
    bytes.extend(interface(false, 1, b"mir0", None));
    bytes.extend(interface(false, 227, b"can0", Some(9)));
    bytes.extend(packet(false, 1, 5, b"can"));
    bytes.extend(packet(false, 0, 5, b"ether"));
    bytes.extend(block(false, 4, &[0; 8])); // name resolution: passed over
    bytes.extend(section(true));
    bytes.extend(interface(true, 113, b"any", Some(0x80 | 10)));
    bytes.extend(packet(true, 0, 1_024 + 512, b"cooked"));
    bytes.extend(block(true, 3, &[0, 0, 0, 2, b'h', b'i', 0, 0]));
    let (seen, damage, file) = read(bytes);
    assert_eq!(
        seen,
        vec![
            (1, 5, 227, b"can".to_vec()),
            (0, 5_000, 1, b"ether".to_vec()),
            (2, 1_500_000_000, 113, b"cooked".to_vec()),
            (2, 0, 113, b"hi".to_vec())
        ]
    );
    assert_eq!(damage, None);
    assert_eq!([0, 1, 2, 3].map(|number| file.interface_name(number)), [Some("mir0"), Some("can0"), Some("any"), None]);
}

#[test]
fn damage_is_told_with_its_offset_and_what_came_before_is_read() {
    let good = pcap([0xd4, 0xc3, 0xb2, 0xa1], false, 1, &[(1, 0, b"abcd"), (2, 0, b"efgh")], 0);
    for (cut, offset, why) in [(good.len() - 1, 44, "frame cut"), (50, 44, "record header cut")] {
        let (seen, damage, _) = read(good[..cut].to_vec());
        assert_eq!(seen.len(), 1);
        let damage = damage.unwrap();
        assert_eq!(damage.offset, offset);
        assert!(damage.why.contains(why), "{damage}");
    }
    let mut lying = good;
    lying[24 + 8..24 + 12].copy_from_slice(&[0xff; 4]);
    let (seen, damage, _) = read(lying);
    assert!(seen.is_empty() && damage.unwrap().offset == 24);

    let mut orphan = section(false);
    orphan.extend(packet(false, 0, 1, b"x"));
    let (_, damage, _) = read(orphan);
    assert!(damage.unwrap().why.contains("not described"));
}

#[test]
fn gzip_is_unpacked_and_other_files_are_refused() {
    use std::io::Write;
    let folder = std::env::temp_dir().join(format!("dogwatch-capture-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("x.pcap.gz");
    let mut packed = flate2::write::GzEncoder::new(File::create(&path).unwrap(), flate2::Compression::fast());
    packed.write_all(&pcap([0xd4, 0xc3, 0xb2, 0xa1], false, 1, &[(1, 0, b"abcd")], 0)).unwrap();
    packed.finish().unwrap();
    let mut file = CaptureFile::open(&path).unwrap();
    assert_eq!(file.next_frame().unwrap().unwrap().bytes, b"abcd");
    let text = folder.join("x.txt");
    std::fs::write(&text, "hello world, this is no capture").unwrap();
    let error = CaptureFile::open(&text).err().unwrap().to_string();
    assert!(error.contains("found 68656c6c"), "{error}");
    std::fs::write(&text, "").unwrap();
    assert!(CaptureFile::open(&text).err().unwrap().to_string().contains("an empty file"));
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn random_bytes_end_in_peace() {
    let mut state = 7_u64;
    let mut random = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u8
    };
    let mut good = section(false);
    good.extend(interface(false, 1, b"mir0", Some(6)));
    for number in 0..20 {
        good.extend(packet(false, 0, number, &[number as u8; 40]));
    }
    for round in 0..2_000 {
        let mut bytes = good.clone();
        for _ in 0..=round % 5 {
            let at = (usize::from(random()) << 8 | usize::from(random())) % bytes.len();
            bytes[at] = random();
        }
        if bytes[..4] == good[..4] {
            read(bytes);
        }
    }
}

#[test]
fn records_without_a_frame_have_a_number_too() {
    // As tshark 4.0 numbers a file of these blocks: 1 custom, 2 frame, 3 journal, 4 frame, 5 sysdig event; the others have none.
    let mut bytes = section(false);
    bytes.extend(interface(false, 1, b"mir0", None));
    bytes.extend(block(false, 0xbad, &[0xd9, 0x7e, 0, 0, b'x', 0, 0, 0]));
    bytes.extend(block(false, 4, &[0; 4]));
    bytes.extend(packet(false, 0, 1, b"one"));
    bytes.extend(block(false, 9, b"MESSAGE=hi\n"));
    for kind in [5, 7, 8, 10, 0x99, 0x201, 0x205, 0x8000_0001] {
        bytes.extend(block(false, kind, &[0; 16]));
    }
    bytes.extend(packet(false, 0, 2, b"two"));
    bytes.extend(block(false, 0x204, &[0; 24]));
    let mut file =
        CaptureFile::from_reader(Box::new(std::io::Cursor::new(bytes)), Path::new("test.pcapng")).ok().unwrap();
    assert_eq!(file.next_frame().unwrap().unwrap().number, 2);
    assert_eq!(file.next_frame().unwrap().unwrap().number, 4);
    assert!(file.next_frame().unwrap().is_none());
    assert_eq!(file.records_without_frame(), 3);
}

#[test]
fn before_version_2_4_the_lengths_stand_the_other_way_round() {
    // libpcap, sf-pcap.c: up to 2.2 the length on the wire comes first, in 2.3 either may; 543.0 is DG/UX
    for (major, minor, first, second) in
        [(2_u16, 0_u16, 9_u32, 4_u32), (2, 2, 9, 4), (2, 3, 9, 4), (2, 3, 4, 9), (543, 0, 9, 4), (2, 4, 4, 9)]
    {
        let mut bytes = pcap([0xd4, 0xc3, 0xb2, 0xa1], false, 1, &[(1, 0, b"abcd")], 0);
        bytes[4..6].copy_from_slice(&major.to_le_bytes());
        bytes[6..8].copy_from_slice(&minor.to_le_bytes());
        bytes[32..36].copy_from_slice(&first.to_le_bytes());
        bytes[36..40].copy_from_slice(&second.to_le_bytes());
        let mut file =
            CaptureFile::from_reader(Box::new(std::io::Cursor::new(bytes)), Path::new("old.pcap")).ok().unwrap();
        let frame = file.next_frame().unwrap().unwrap();
        assert_eq!((frame.original_length, frame.bytes), (9, &b"abcd"[..]), "version {major}.{minor}");
        assert!(file.next_frame().unwrap().is_none());
    }
}
