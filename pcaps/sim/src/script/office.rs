//! Attacks by malware that reached the ship: moving sideways, calling home, bad names, programs for controllers.

use dogwatch_model::Severity;

use super::{Play, Repeated, Scene, Script, attack};
use crate::error::SimError;
use crate::rng::Rng;
use crate::ship::ATTACKER_INDEX;
use crate::talk::remote;
use crate::talker::Talker;
pub(super) use crate::talker::service::open_share;
use crate::talker::service::visit;
use crate::wire::names;
use crate::wire::net::{Host, MILLI, Net, SECOND};
use crate::wire::session::{End, Session};
use crate::wire::tls;

/// The scripts of this file.
pub(super) const SCRIPTS: &[Script] = &[
    attack(
        "lateral",
        "an office PC opens the administrative shares of its neighbours and of a bridge station",
        &[],
        90,
        lateral,
    ),
    attack(
        "beacon",
        "the alarm server calls a host ashore at almost equal intervals",
        &[("period", 60.0), ("jitter", 0.1)],
        720,
        beacon,
    ),
    attack("ioc", "an office PC looks up and visits a name that is on the list of known-bad ones", &[], 60, ioc),
    attack("dga", "an office PC looks for its master under names that nobody can remember", &[], 240, dga),
    attack("tor", "a crew phone's traffic goes over Tor, and so does that of an office PC", &[], 120, tor),
    attack("exe-drop", "a program is sent to the alarm server by HTTP", &[], 60, exe_drop),
    attack("sig", "an office PC fetches a page whose address a shared signature knows", &[], 60, sig),
];

/// The resolver of everyone aboard.
pub(super) fn resolver() -> Host {
    Host::ashore(ATTACKER_INDEX + 10, [203, 0, 113, 53])
}

/// A question and its answer over the satellite; without an address the name does not exist. Returns when the answer came.
pub(super) fn look_up(
    net: &mut Net,
    at: i64,
    (host, port): (&Host, u16),
    id: u16,
    name: &str,
    address: Option<[u8; 4]>,
) -> i64 {
    let resolver = resolver();
    net.udp(at, (host, port), (&resolver, 53), &names::dns_query(id, name), false);
    let answer = address.map_or_else(|| names::dns_no_such_name(id, name), |ip| names::dns_answer(id, name, ip));
    net.udp(at + 610 * MILLI, (&resolver, 53), (host, port), &answer, true);
    at + 612 * MILLI
}

/// lateral: service control and administrative share of two PCs, the chart display and the alarm server.
fn lateral(scene: &Scene<'_>) -> Result<Play, SimError> {
    let client = scene.roster.host("chief-pc")?;
    let targets = ["master-pc", "eto-laptop", "ecdis-2", "alarm-server"].map(|id| scene.roster.host(id));
    let targets = targets.into_iter().collect::<Result<Vec<_>, _>>()?;
    let mut rng = Rng::stream(scene.seed, "lateral", "session");
    let mut count = 0_u16;
    let go = Repeated::boxed(scene.from, 6 * SECOND, 12, move |_, net, at| {
        let Some(target) = targets.get(usize::from(count) % targets.len()).copied() else { return };
        count += 1;
        open_share(net, at, &mut rng, (client, 48_300 + count, target), "IPC$", "svcctl");
        let file = r"Temp\update32.exe";
        open_share(net, at + SECOND, &mut rng, (client, 48_350 + count, target), "ADMIN$", file);
    });
    let found = scene.required(&["DW-7002"], "malware-it", Severity::High, 60).between(scene.party(&client), None);
    let crossing = scene.required(&["DW-2001"], "zone", Severity::Medium, 60).optional();
    Ok(Play { talkers: vec![go], expect: vec![found, crossing], ..Play::default() })
}

/// beacon: every `period` seconds, give or take a share of `jitter`, a short session with one host ashore.
fn beacon(scene: &Scene<'_>) -> Result<Play, SimError> {
    let client = scene.roster.host("alarm-server")?;
    let remote = Host::ashore(ATTACKER_INDEX + 12, [198, 51, 100, 201]);
    let call = beacon_from(scene, client, remote, 0);
    let found = scene
        .required(&["DW-7003"], "malware-it", Severity::High, 700)
        .between(scene.party(&client), scene.party(&remote));
    let out = scene.required(&["DW-2004"], "zone", Severity::High, 30).optional();
    Ok(Play { talkers: vec![call], expect: vec![found, out], ..Play::default() })
}

/// The calls of a beacon, from `after_s` seconds into the attack.
pub(super) fn beacon_from(scene: &Scene<'_>, client: Host, remote: Host, after_s: i64) -> Box<dyn Talker> {
    let period = (scene.parameter("period", 60.0).max(1.0) * 1e3) as i64 * MILLI;
    let jitter = scene.parameter("jitter", 0.1).clamp(0.0, 1.0);
    let mut rng = Rng::stream(scene.seed, "beacon", "calls");
    let mut port = 48_400;
    Repeated::boxed(scene.from + after_s * SECOND, period, u32::MAX, move |_, net, at| {
        port += 1;
        // Half of the jitter to either side, and never before its turn.
        let late = (period as f64 * jitter * rng.unit() / 2.0) as i64;
        visit(net, at + late, &mut rng, (client, port, remote), "cdn-status.example", (180, 420));
    })
}

/// The list of known-bad names and addresses aboard, one a line: script `ioc` visits them, nobody else does.
pub const INDICATORS: &str = "# names of RFC 2606, addresses of RFC 5737\nknown-bad.example\n192.0.2.66\n";

/// ioc: name and address as in [`INDICATORS`].
fn ioc(scene: &Scene<'_>) -> Result<Play, SimError> {
    let client = scene.roster.host("chief-pc")?;
    let remote = Host::ashore(ATTACKER_INDEX + 13, [192, 0, 2, 66]);
    let mut rng = Rng::stream(scene.seed, "ioc", "session");
    let mut port = 48_460;
    let go = Repeated::boxed(scene.from, 20 * SECOND, 4, move |_, net, at| {
        port += 2;
        let name = "known-bad.example";
        let at = look_up(net, at, (&client, port), rng.bits() as u16, name, Some(remote.ip));
        visit(net, at, &mut rng, (client, port + 1, remote), name, (300, 5_000));
    });
    let found = scene.required(&["DW-7004"], "malware-it", Severity::High, 30).between(scene.party(&client), None);
    Ok(Play { talkers: vec![go], expect: vec![found], ..Play::default() })
}

/// A label of letters that no word has.
fn nonsense(rng: &mut Rng, length: usize) -> String {
    (0..length).map(|_| char::from(b'a' + rng.below(26) as u8)).collect()
}

/// dga: a new name every three seconds; none exists.
fn dga(scene: &Scene<'_>) -> Result<Play, SimError> {
    let client = scene.roster.host("chief-pc")?;
    let mut rng = Rng::stream(scene.seed, "dga", "names");
    let ends = ["com.example", "net.example", "info.example"];
    let go = Repeated::boxed(scene.from, 3 * SECOND, 200, move |_, net, at| {
        let length = 14 + rng.below(8) as usize;
        let name = format!("{}.{}", nonsense(&mut rng, length), rng.pick(&ends));
        let (port, id) = (52_000 + rng.below(8_000) as u16, rng.bits() as u16);
        look_up(net, at, (&client, port), id, &name, None);
    });
    let found = scene.required(&["DW-7005"], "malware-it", Severity::Low, 180).between(scene.party(&client), None);
    Ok(Play { talkers: vec![go], expect: vec![found], ..Play::default() })
}

/// tor: sessions on a relay's port with the random name Tor puts into its hello, and cells of 514 bytes in records of one size.
fn tor(scene: &Scene<'_>) -> Result<Play, SimError> {
    let client = scene.roster.host("chief-pc")?;
    let remote = Host::ashore(ATTACKER_INDEX + 14, [192, 0, 2, 101]);
    let mut rng = Rng::stream(scene.seed, "tor", "session");
    let mut port = 48_500;
    let go = Repeated::boxed(scene.from, 25 * SECOND, 10, move |_, net, at| {
        port += 1;
        let mut tcp = Session::new((client, port), (remote, 9_001), rng.bits(), 600 * MILLI);
        let opened = tcp.open(net, at);
        let id = rng.bytes(32);
        let name = format!("www.{}.com", nonsense(&mut rng, 16));
        let mut lines = vec![
            (End::Client, tls::client_hello(&mut rng, &name, &id)),
            (End::Server, tls::server_flight(&mut rng, &id)),
            (End::Client, tls::client_finished(&mut rng)),
        ];
        for _ in 0..6 {
            lines.push((End::Client, tls::application_data(&mut rng, 531)));
            lines.push((End::Server, tls::application_data(&mut rng, 531)));
        }
        let at = tcp.converse(net, opened, &lines, 4 * MILLI);
        tcp.close(net, at + 50 * MILLI);
    });
    let found = scene.required(&["DW-7006"], "malware-it", Severity::Low, 90).between(scene.party(&client), None);
    let crossing = scene.required(&["DW-2001", "DW-2002"], "zone", Severity::Low, 60).optional();
    Ok(Play { talkers: vec![go], expect: vec![found, crossing], ..Play::default() })
}

/// The first bytes of a Windows program (PE for 32 bit), then random ones.
fn program(rng: &mut Rng, length: usize) -> Vec<u8> {
    let mut out = b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xFF\xFF\0\0\xB8\0\0\0\0\0\0\0\x40".to_vec();
    out.resize(60, 0);
    out.extend_from_slice(&[0x80, 0, 0, 0]);
    out.extend_from_slice(
        b"\x0E\x1F\xBA\x0E\0\xB4\x09\xCD\x21\xB8\x01\x4C\xCD\x21This program cannot be run in DOS mode.\r\r\n$",
    );
    out.resize(0x80, 0);
    out.extend_from_slice(b"PE\0\0\x4C\x01\x03\0");
    out.extend_from_slice(&rng.bytes(length.saturating_sub(out.len())));
    out
}

/// exe-drop: the alarm server fetches a program of 48 kB from an office PC.
fn exe_drop(scene: &Scene<'_>) -> Result<Play, SimError> {
    let (client, server) = (scene.roster.host("alarm-server")?, scene.roster.host("chief-pc")?);
    let mut rng = Rng::stream(scene.seed, "exe-drop", "file");
    let mut port = 48_520;
    let go = Repeated::boxed(scene.from, 25 * SECOND, 2, move |_, net, at| {
        port += 1;
        let mut tcp = Session::new((client, port), (server, 8_080), rng.bits(), 2 * MILLI);
        let at = tcp.open(net, at);
        let question = remote::http_get(
            &format!("{}:8080", std::net::Ipv4Addr::from(server.ip)),
            "/patch/update32.exe",
            "Microsoft BITS/7.8",
        );
        let file = program(&mut rng, 48_000);
        let answer = remote::http_ok("SimpleHTTP/0.6", "application/x-msdos-program", &file);
        let at = tcp.exchange(net, at, &question, &answer, 9 * MILLI);
        tcp.close(net, at + 300 * MILLI);
    });
    let found = scene.required(&["DW-7007"], "malware-it", Severity::Medium, 30);
    let crossing = scene.required(&["DW-2001"], "zone", Severity::Medium, 30).optional();
    Ok(Play { talkers: vec![go], expect: vec![found, crossing], ..Play::default() })
}

/// A file of signatures, in the format of Suricata rules: the first describes what script `sig` fetches, the second nothing that anybody sends.
pub const SIGNATURES: &str = r#"# for scenarios only; the sids are of the range for local use
alert http $HOME_NET any -> $EXTERNAL_NET any (msg:"DOGWATCH TEST page of a known kit"; flow:established,to_server; http.method; content:"GET"; http.uri; content:"/dogwatch-test/evil.php"; startswith; http.user_agent; content:"DogwatchTestAgent/"; startswith; classtype:misc-activity; sid:1000001; rev:1;)
alert tcp any any -> any any (msg:"DOGWATCH TEST never sent"; content:"|de ad be ef|dogwatch-test-never-sent"; sid:1000002; rev:1;)
"#;

/// sig: an address and a user agent as the sample rules describe them.
fn sig(scene: &Scene<'_>) -> Result<Play, SimError> {
    let client = scene.roster.host("chief-pc")?;
    let remote = Host::ashore(ATTACKER_INDEX + 15, [192, 0, 2, 77]);
    let mut rng = Rng::stream(scene.seed, "sig", "session");
    let mut port = 48_540;
    let go = Repeated::boxed(scene.from, 15 * SECOND, 4, move |_, net, at| {
        port += 1;
        let mut tcp = Session::new((client, port), (remote, 80), rng.bits(), 600 * MILLI);
        let at = tcp.open(net, at);
        let question = remote::http_get("sig.example", "/dogwatch-test/evil.php?id=1", "DogwatchTestAgent/1.0");
        let at = tcp.exchange(net, at, &question, &remote::http_ok("nginx", "text/html", b"<html>ok</html>"), MILLI);
        tcp.close(net, at + 700 * MILLI);
    });
    let found = scene.required(&["DW-7008"], "malware-it", Severity::Low, 30).between(scene.party(&client), None);
    let crossing = scene.required(&["DW-2001", "DW-2002"], "zone", Severity::Low, 30).optional();
    Ok(Play { talkers: vec![go], expect: vec![found, crossing], ..Play::default() })
}
