//! Rules and payloads by the examples and words of the Suricata user guide, and damage.

use std::net::IpAddr;

use dogwatch_model::Transport;
use proptest::prelude::*;

use super::*;
use crate::Import;

fn loaded(rules: &str) -> crate::Intel {
    let mut import = Import::default();
    import.read_signatures("test.rules", rules.as_bytes());
    import.finish()
}

fn between<'a>(from: &str, to: &str, ports: (u16, u16)) -> Between<'a> {
    let ip = |text: &str| text.parse::<IpAddr>().unwrap();
    Between {
        transport: Transport::Tcp,
        ips: Some((ip(from), ip(to))),
        ports,
        is_to_server: true,
        is_established: true,
        protocol: None,
    }
}

fn at_home<'a>() -> Between<'a> {
    between("10.0.0.1", "10.0.0.2", (40_000, 502))
}

/// The sids that match one packet.
fn sids(signatures: &Signatures, between: &Between<'_>, payload: &[u8]) -> Vec<u64> {
    let mut found = Vec::new();
    signatures.payload(between, payload, None, &mut Scratch::default(), &mut |rule| {
        found.push(signatures.get(rule).unwrap().sid);
    });
    found.sort_unstable();
    found
}

fn matches(body: &str, payload: &[u8]) -> bool {
    let intel = loaded(&format!("alert tcp any any -> any any (msg:\"t\"; {body} sid:1;)"));
    assert_eq!(intel.files[0].skipped, [], "{body}");
    !sids(&intel.signatures, &at_home(), payload).is_empty()
}

#[test]
fn contents() {
    for (body, payload, want) in [
        (r#"content:"abc";"#, &b"xxabcxx"[..], true),
        (r#"content:"abc";"#, b"xxABCxx", false),
        (r#"content:"aBc"; nocase;"#, b"xxAbCxx", true),
        (r#"content:"a|42 43|d";"#, b"aBCd", true),
        (r#"content:"a\;b\"c\\d";"#, b"a;b\"c\\d", true),
        (r#"content:!"abc"; content:"xyz";"#, b"xyz", true),
        (r#"content:!"abc"; content:"xyz";"#, b"xyzabc", false),
        // depth: within the first bytes, counted from the offset
        (r#"content:"abc"; depth:3;"#, b"abcdef", true),
        (r#"content:"abc"; depth:3;"#, b"xabcdef", false),
        (r#"content:"def"; offset:3; depth:3;"#, b"abcdef", true),
        (r#"content:"def"; offset:4;"#, b"abcdef", false),
        (
            r#"content:"|00 01|"; offset:2; depth:2; content:"|05|"; offset:7; depth:1;"#,
            b"\x00\x09\x00\x01\x00\x06\x01\x05",
            true,
        ),
        (r#"content:"abc"; startswith;"#, b"abcd", true),
        (r#"content:"abc"; startswith;"#, b"dabc", false),
        (r#"content:"abc"; endswith;"#, b"dabcabc", true),
        (r#"content:"abc"; endswith;"#, b"abcd", false),
        // distance and within: the example of the guide
        (r#"content:"abc"; content:"def"; distance:3;"#, b"abcklmdef", true),
        (r#"content:"abc"; content:"def"; distance:3;"#, b"abcdefghi", false),
        (r#"content:"abc"; content:"def"; within:3;"#, b"abcdefghi", true),
        (r#"content:"abc"; content:"def"; within:3;"#, b"abcxdefghi", false),
        (r#"content:"abc"; content:"def"; distance:1; within:4;"#, b"abcxxdefghi", true),
        (r#"content:"abc"; content:"def"; distance:1; within:3;"#, b"abcxxdefghi", false),
        // the first abc does not help, the second does
        (r#"content:"abc"; content:"def"; within:3;"#, b"abc abcdef", true),
        (r#"content:"def"; content:"abc"; distance:-6;"#, b"abcdef", true),
        (r#"content:"abc"; content:!"def"; within:3;"#, b"abcdef", false),
        (r#"content:"abc"; content:!"def"; within:3;"#, b"abc def", true),
        (r#"content:"abc"; isdataat:3,relative;"#, b"abc123", true),
        (r#"content:"abc"; isdataat:4,relative;"#, b"abc123", false),
        (r#"content:"abc"; isdataat:!1,relative;"#, b"xxabc", true),
        (r#"content:"abc"; dsize:>5;"#, b"abc12", false),
        (r#"content:"abc"; dsize:3<>6;"#, b"abc12", true),
        (r#"content:"abc"; dsize:3<>6;"#, b"abc", false),
        (r#"content:"|10|"; dsize:1;"#, b"\x10", true),
    ] {
        assert_eq!(matches(body, payload), want, "{body} on {payload:?}");
    }
}

#[test]
fn numbers_and_expressions() {
    for (body, payload, want) in [
        (r#"content:"len="; byte_test:2,>,1000,0,relative;"#, &b"len=\x03\xe9"[..], true),
        (r#"content:"len="; byte_test:2,>,1000,0,relative;"#, b"len=\x03\xe8", false),
        (r#"content:"len="; byte_test:2,>,1000,0,relative,little;"#, b"len=\xe9\x03", true),
        (r#"content:"len="; byte_test:2,!=,5,0,relative;"#, b"len=\x00\x05", false),
        (r#"content:"len="; byte_test:1,&,0x80,0,relative;"#, b"len=\x81", true),
        (r#"content:"len="; byte_test:4,=,1234,0,relative,string,dec;"#, b"len=1234", true),
        (r#"content:"len="; byte_test:4,=,0x1f,0,relative,string,hex;"#, b"len=0x1f", true),
        (r#"content:"len="; byte_test:1,=,3,0,relative,bitmask 0xF0;"#, b"len=\x35", true),
        (r#"content:"len="; byte_test:4,>,0,0,relative;"#, b"len=\x01", false),
        (r#"content:"len="; byte_jump:1,0,relative; content:"end"; within:3;"#, b"len=\x02xxend", true),
        (r#"content:"len="; byte_jump:1,0,relative; content:"end"; within:3;"#, b"len=\x01xxend", false),
        (r#"content:"len="; byte_jump:1,0,relative,align; content:"end"; within:3;"#, b"len=\x01xxxxend", true),
        (r#"content:"GET"; pcre:"/id=\d{3}\x3b/i";"#, b"GET /?ID=123;", true),
        (r#"content:"GET"; pcre:"/id=\d{3}\x3b/";"#, b"GET /?ID=123;", false),
        (r#"content:"GET"; pcre:"/^\s+x/R";"#, b"GET  x", true),
        (r#"content:"GET"; pcre:!"/x/";"#, b"GET x", false),
        (r#"content:"GET"; pcre:"/a.b/s";"#, b"GET a\nb", true),
    ] {
        assert_eq!(matches(body, payload), want, "{body} on {payload:?}");
    }
}

#[test]
fn heads() {
    let home = between("192.168.1.5", "203.0.113.9", (40_000, 8_085));
    for (head, want) in [
        ("tcp any any -> any any", true),
        ("udp any any -> any any", false),
        ("ip any any -> any any", true),
        ("tcp $HOME_NET any -> $EXTERNAL_NET any", true),
        ("tcp $EXTERNAL_NET any -> $HOME_NET any", false),
        ("tcp $EXTERNAL_NET any <> $HOME_NET any", true),
        ("tcp any any -> any 8085", true),
        ("tcp any any -> any [80,8080:8090]", true),
        ("tcp any any -> any [8080:8090,!8085]", false),
        ("tcp any any -> any !80", true),
        ("tcp any any -> any 8086:", false),
        ("tcp any :40000 -> any any", true),
        ("tcp [192.168.0.0/16,!192.168.1.0/24] any -> any any", false),
        ("tcp [192.168.0.0/16, !192.168.2.0/24] any -> any any", true),
        ("tcp !192.168.1.5 any -> any any", false),
        ("tcp any any -> 203.0.113.8/31 any", true),
        ("tcp any any -> 2001:db8::/32 any", false),
        ("http any any -> any any", false),
    ] {
        let intel = loaded(&format!("alert {head} (content:\"abc\"; sid:1;)"));
        assert_eq!(intel.files[0].skipped, [], "{head}");
        assert_eq!(sids(&intel.signatures, &home, b"abc") == [1], want, "{head}");
        if want {
            assert!(intel.signatures.reaches(&home), "{head}");
        }
    }
    let intel = loaded("alert tcp any any -> any 80 (content:\"abc\"; sid:1;)");
    assert!(!intel.signatures.reaches(&home));
}

#[test]
fn flow_and_protocol() {
    let told = |rule: &str, between: &Between<'_>| !sids(&loaded(rule).signatures, between, b"abc").is_empty();
    let open = at_home();
    let back = Between { is_to_server: false, ..open };
    let fresh = Between { is_established: false, ..open };
    for (flow, at_open, at_back, at_fresh) in [
        ("established", true, true, false),
        ("to_server", true, false, true),
        ("established,from_server", false, true, false),
        ("stateless", true, true, true),
    ] {
        let rule = format!("alert tcp any any -> any any (flow:{flow}; content:\"abc\"; sid:1;)");
        let seen = (told(&rule, &open), told(&rule, &back), told(&rule, &fresh));
        assert_eq!(seen, (at_open, at_back, at_fresh), "{flow}");
    }
    let http = Between { protocol: Some("http"), ..open };
    let rule = "alert http any any -> any any (content:\"abc\"; sid:1;)";
    assert!(told(rule, &http) && loaded(rule).signatures.reaches(&http) && !loaded(rule).signatures.reaches(&open));
}

#[test]
fn decoded_names() {
    let told = |body: &str, texts: &[(Buffer, &[u8])]| {
        let intel = loaded(&format!("alert tcp any any -> any any ({body} sid:1;)"));
        assert_eq!(intel.files[0].skipped, [], "{body}");
        let mut hits = 0;
        intel.signatures.texts(&at_home(), texts, &mut Scratch::default(), &mut |_| hits += 1);
        hits > 0
    };
    let name = [(Buffer::DnsQuery, &b"www.evil.example"[..])];
    assert!(told(r#"dns.query; content:".evil.example"; endswith; nocase;"#, &name));
    assert!(told(r#"dns.query; dotprefix; content:".www.evil.example"; endswith;"#, &name));
    assert!(!told(r#"dns.query; content:"evil.example"; startswith;"#, &name));
    assert!(told(r#"dns.query; content:"www.evil.example"; bsize:16;"#, &name));
    assert!(!told(r#"tls.sni; content:"evil.example";"#, &name));
    let page = [(Buffer::HttpMethod, &b"POST"[..]), (Buffer::HttpUri, &b"/a/evil.php?id=7"[..])];
    for (body, want) in [
        (r#"http.method; content:"POST"; http.uri; content:"/evil.php"; pcre:"/id=\d$/";"#, true),
        (r#"http.method; content:"GET"; http.uri; content:"/evil.php";"#, false),
        (r#"content:"POST"; http_method; content:"evil"; http_uri; content:".php"; http_uri; distance:0;"#, true),
        (r#"uricontent:"evil.php"; pcre:"/\/evil/U"; urilen:16;"#, true),
        (r#"uricontent:"evil.php"; urilen:<10;"#, false),
        (r#"content:"?ID=7"; http_uri; isdataat:!1,relative; nocase;"#, true),
        (r#"content:"?id="; http_uri; isdataat:!1,relative;"#, false),
        (r#"content:"/a/"; http_uri; pcre:"/^evil/R";"#, true),
    ] {
        assert_eq!(told(body, &page), want, "{body}");
    }
}

#[test]
fn a_match_cut_anywhere_is_found_and_told_once() {
    let intel = loaded(
        "alert tcp any any -> any any (content:\"first part\"; content:\"second\"; distance:4; within:10; sid:1;)\n\
         alert tcp any any -> any any (content:\"first part\"; depth:10; sid:2;)",
    );
    let stream = b"noise first part 123 second noise";
    for cut in 0..=stream.len() {
        for second in cut..=stream.len() {
            let (mut window, mut scratch, mut told) = (Window::default(), Scratch::default(), Vec::new());
            for piece in [&stream[..cut], &stream[cut..second], &stream[second..]] {
                if !piece.is_empty() {
                    let hit = &mut |rule| told.push(intel.signatures.get(rule).unwrap().sid);
                    intel.signatures.payload(&at_home(), piece, Some(&mut window), &mut scratch, hit);
                }
            }
            told.retain(|sid| *sid == 1);
            assert_eq!(told, [1], "cut at {cut} and {second}");
        }
    }
    let (mut window, mut scratch, mut told) = (Window::default(), Scratch::default(), 0);
    for (at, piece) in [&stream[..20], &stream[20..]].into_iter().enumerate() {
        if at == 1 {
            window.clear();
        }
        intel.signatures.payload(&at_home(), piece, Some(&mut window), &mut scratch, &mut |_| told += 1);
    }
    assert_eq!(told, 0, "bytes are missing between the two");
}

#[test]
fn a_window_is_bounded() {
    let intel = loaded("alert tcp any any -> any any (content:\"never there\"; content:\"xyz\"; sid:1;)");
    let (mut window, mut scratch) = (Window::default(), Scratch::default());
    for _ in 0..500 {
        intel.signatures.payload(&at_home(), &[b'x'; 700], Some(&mut window), &mut scratch, &mut |_| {});
        intel.signatures.payload(&at_home(), b"never there", Some(&mut window), &mut scratch, &mut |_| {});
        assert!(window.bytes().len() <= 4_096);
    }
}

#[test]
fn left_out_with_the_reason() {
    let lines = [
        ("alert tcp any any -> any any (msg:\"x\"; sid:1;)", "no content"),
        ("alert tcp any any -> any any (content:\"abc\"; file_data; sid:2;)", "keyword `file_data`"),
        ("alert modbus any any -> any any (content:\"abc\"; sid:3;)", "protocol `modbus`"),
        ("alert tcp any any -> $NOWHERE any (content:\"abc\"; sid:4;)", "variable `$NOWHERE` is not set"),
        ("alert tcp any any -> any any (content:\"abc\"; pcre:\"/a(?=b)/\"; sid:5;)", "look-around"),
        ("alert tcp any any -> any any (content:\"abc\"; flowbits:isset,x; sid:6;)", "flowbits `isset`"),
        ("pass tcp any any -> any any (content:\"abc\"; sid:7;)", "action `pass`"),
        ("alert tcp any any -> any 70000 (content:\"abc\"; sid:8;)", "`70000` is no port"),
        ("alert tcp any any -> any any (content:\"abc\"; content:\"d\"; offset:x; sid:9;)", "offset `x`"),
        ("alert tcp any any -> any any (content:\"abc\"; http.uri; content:\"/d\"; sid:10;)", "payload and decoded"),
        ("alert tcp any any -> any any (content:\"abc|4|\"; sid:11;)", "hexadecimal"),
        (
            "alert tcp any any -> any any (content:\"abc\"; threshold:type backoff, track by_src, count 1, seconds 9; sid:12;)",
            "backoff",
        ),
        ("not a rule at all", "no bracket"),
        ("alert tcp any any -> any any (content:\"abc\"; sid:20;)", "stands before it"),
    ];
    let mut text = String::from(
        "# a comment\n#alert tcp any any -> any any (content:\"off\"; sid:99;)\n\nalert tcp any any -> any any (content:\"abc\"; \\\n sid:20; rev:3;)\n",
    );
    for (line, _) in lines {
        text.push_str(line);
        text.push('\n');
    }
    let intel = loaded(&text);
    let report = &intel.files[0];
    assert_eq!((report.loaded, report.skipped_count), (1, lines.len() as u64));
    assert_eq!(report.notes.len(), 1, "{:?}", report.notes);
    for ((at, (line, why)), skipped) in (6_u64..).zip(lines).zip(&report.skipped) {
        assert!(skipped.why.contains(why), "{line}: {skipped}");
        assert_eq!(skipped.line, at, "{line}");
        if let Some(sid) = line.split_once("sid:") {
            assert_eq!(skipped.what, format!("sid {}", sid.1.trim_end_matches(";)")));
        }
    }
    let rule = intel.signatures.get(0).unwrap();
    assert_eq!((rule.sid, rule.revision, rule.line, rule.file()), (20, 3, 4, "test.rules"));
}

#[test]
fn worth_and_threshold() {
    for (options, priority) in [
        ("", 3),
        ("classtype:trojan-activity;", 1),
        ("classtype:trojan-activity; priority:2;", 2),
        ("classtype:trojan-activity; metadata:x y, signature_severity Informational;", 4),
        ("classtype:not-suspicious;", 4),
    ] {
        let intel = loaded(&format!("alert tcp any any -> any any (content:\"abc\"; {options} sid:1;)"));
        assert_eq!(intel.signatures.get(0).unwrap().priority, priority, "{options}");
    }
    let intel = loaded(
        "alert ip any any -> any any (content:\"abc\"; detection_filter:track by_dst, count 5, seconds 60; sid:1;)",
    );
    let want = Threshold { kind: ThresholdKind::Filter, track: Track::Destination, count: 5, seconds: 60 };
    assert_eq!(intel.signatures.get(0).unwrap().threshold, Some(want));
}

#[test]
fn rules_that_cannot_be_sorted_are_bounded() {
    let text: String =
        (0..100).map(|n| format!("alert tcp any any -> any any (content:\"|{n:02}|\"; sid:{n};)\n")).collect();
    let report = &loaded(&text).files[0];
    assert_eq!((report.loaded, report.skipped_count), (64, 36));
}

#[test]
fn hostile_patterns_end() {
    let rules = "alert tcp any any -> any any (content:\"aa\"; content:\"aa\"; distance:0; content:\"aa\"; distance:0; content:\"aab\"; distance:0; content:\"aac\"; distance:0; sid:1;)\n\
        alert tcp any any -> any any (content:\"aab\"; pcre:\"/(a+)+$/\"; sid:2;)\n\
        alert tcp any any -> any any (content:\"abc\"; pcre:\"/(((a{100}){100}){100}){100}/\"; sid:3;)";
    let intel = loaded(rules);
    assert_eq!(intel.files[0].skipped.len(), 1, "too large an expression: {:?}", intel.files[0].skipped);
    let mut payload = vec![b'a'; 60_000];
    payload.push(b'b');
    let _ = sids(&intel.signatures, &at_home(), &payload);
}

/// What mutations are made of.
const SEED: &str = r#"alert http $HOME_NET any -> [$EXTERNAL_NET,!1.2.3.0/24] [80,!8080:8090] (msg:"a \"b\" c"; flow:established,to_server; content:"ab|0d 0a|"; nocase; offset:3; depth:9; content:!"x"; distance:-3; within:7; byte_test:2,!&,0x10,-4,relative,little; byte_jump:4,0,string,hex,multiplier 2,align,post_offset -9; isdataat:!1,relative; pcre:"/a[^b]{1,9}c/Ri"; dsize:3<>9; threshold:type both, track by_src, count 1, seconds 2; classtype:misc-attack; sid:1; rev:2;)"#;

proptest! {
    #[test]
    fn damaged_rules_never_panic(
        edits in prop::collection::vec((0_usize..SEED.len(), prop::sample::select(b"\\\";:,|![]()$<>/&-0123456789abz \n{}*+?".to_vec()), 0_u8..3), 0..12),
        payload in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut rule = SEED.as_bytes().to_vec();
        for (at, byte, how) in edits {
            let at = at.min(rule.len().saturating_sub(1));
            match how {
                0 => rule[at] = byte,
                1 => rule.insert(at, byte),
                _ => { rule.remove(at); }
            }
        }
        let mut import = Import::default();
        import.read_signatures("x", &rule);
        let signatures = import.finish().signatures;
        let mut window = Window::default();
        for piece in payload.chunks(17) {
            signatures.payload(&at_home(), piece, Some(&mut window), &mut Scratch::default(), &mut |_| {});
        }
    }

    #[test]
    fn any_bytes_are_safe(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut import = Import::default();
        import.read_signatures("x", &bytes);
        let _ = (import.finish(), looks_like_rules(&String::from_utf8_lossy(&bytes)));
    }

    /// A rule of one content finds what a plain search finds, however the stream is cut.
    #[test]
    fn finds_what_a_plain_search_finds(
        content in "[ab]{2,9}c",
        stream in prop::collection::vec(prop::sample::select(b"abc".to_vec()), 1..300),
        size in 1_usize..40,
    ) {
        let intel = loaded(&format!("alert tcp any any -> any any (content:\"{content}\"; sid:1;)"));
        let mut window = Window::default();
        let (mut scratch, mut found) = (Scratch::default(), false);
        for piece in stream.chunks(size) {
            intel.signatures.payload(&at_home(), piece, Some(&mut window), &mut scratch, &mut |_| found = true);
        }
        prop_assert_eq!(found, stream.windows(content.len()).any(|part| part == content.as_bytes()));
    }
}
