//! Attacks on who is who: logins in clear, guessed passwords, remote control, management pages, changed devices and certificates.

use dogwatch_model::Severity;

use super::{Play, Repeated, Scene, Script, attack};
use crate::error::SimError;
use crate::rng::Rng;
use crate::talk::modbus;
use crate::talk::remote;
use crate::talker::modbus::Link;
use crate::wire::net::{MILLI, SECOND};
use crate::wire::session::{End, Session};
use crate::wire::tls;

/// The scripts of this file.
pub(super) const SCRIPTS: &[Script] = &[
    attack(
        "firmware-change",
        "the main engine gateway says it has another firmware than before",
        &[],
        90,
        firmware_change,
    ),
    attack(
        "advisory",
        "the main engine gateway comes back as a spare with old firmware, of which an advisory warns",
        &[],
        90,
        advisory,
    ),
    attack("new-service", "a secure shell opens on the main engine gateway", &[], 60, new_service),
    attack(
        "cleartext",
        "somebody logs into the machinery switch by Telnet with the maker's password",
        &[],
        60,
        cleartext,
    ),
    attack("brute", "the conning display guesses passwords of the serial server", &[("n", 14.0)], 150, brute),
    attack("rdp", "an office PC opens the desktop of the alarm server", &[], 60, rdp),
    attack("admin-ui", "an office PC that may not reads the management pages of the antenna", &[], 60, admin_ui),
    attack("cert-change", "the antenna's server shows another certificate than before", &[], 180, cert_change),
];

/// firmware-change: the alarm system asks for the identification, twice with the old answer, then four times with a newer revision.
fn firmware_change(scene: &Scene<'_>) -> Result<Play, SimError> {
    let (client, server) = (scene.roster.host("alarm-server")?, scene.roster.host("me-gateway")?);
    let mut link = Link::new(client, 48_030, server, Rng::stream(scene.seed, "firmware-change", "link"));
    let [maker, product, revision] = scene.controller("me-gateway")?.identification;
    let mut count = 0;
    let ask = Repeated::boxed(scene.from, 10 * SECOND, 6, move |_, net, at| {
        count += 1;
        let answer = modbus::identification([maker, product, if count <= 2 { revision } else { "V9.99-dev" }]);
        link.ask(net, at, 1, &modbus::read_identification(), &answer);
    });
    let mut changed = scene.required(&["DW-1004"], "asset", Severity::Medium, 45);
    changed.window.from = dogwatch_model::CaptureTime(scene.from + 20 * SECOND);
    Ok(Play { talkers: vec![ask], expect: vec![changed], ..Play::default() })
}

/// The advisory aboard, in CSAF 2.0: nobody tells what it is about but the script `advisory`.
pub const ADVISORY: &str = r#"{
  "document": {
    "category": "csaf_security_advisory",
    "csaf_version": "2.0",
    "title": "TMC-750 accepts orders without a password",
    "publisher": { "category": "vendor", "name": "Tern Marine Controls", "namespace": "https://example.com/" },
    "tracking": {
      "id": "TMC-2026-001", "status": "final", "version": "1",
      "initial_release_date": "2026-11-02T09:00:00Z", "current_release_date": "2026-11-02T09:00:00Z",
      "revision_history": [{ "date": "2026-11-02T09:00:00Z", "number": "1", "summary": "first issue" }]
    }
  },
  "product_tree": { "branches": [{ "category": "vendor", "name": "Tern Marine Controls", "branches": [
    { "category": "product_name", "name": "TMC-750", "branches": [
      { "category": "product_version_range", "name": "vers:intdot/<2.00",
        "product": { "name": "Tern Marine Controls TMC-750 before V2.00", "product_id": "CSAFPID-0001" } }
    ] }
  ] }] },
  "vulnerabilities": [{
    "cve": "CVE-2026-00001",
    "product_status": { "known_affected": ["CSAFPID-0001"] },
    "scores": [{ "products": ["CSAFPID-0001"], "cvss_v3": { "version": "3.1", "baseScore": 9.8, "baseSeverity": "CRITICAL",
      "vectorString": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H" } }],
    "remediations": [{ "category": "vendor_fix", "details": "Update to V2.00 or later.", "product_ids": ["CSAFPID-0001"] }]
  }]
}
"#;

/// advisory: the alarm system asks for the identification, twice with the ship's own answer, then four times with that of the spare.
fn advisory(scene: &Scene<'_>) -> Result<Play, SimError> {
    let (client, server) = (scene.roster.host("alarm-server")?, scene.roster.host("me-gateway")?);
    let mut link = Link::new(client, 48_040, server, Rng::stream(scene.seed, "advisory", "link"));
    let own = scene.controller("me-gateway")?.identification;
    let mut count = 0;
    let ask = Repeated::boxed(scene.from, 10 * SECOND, 6, move |_, net, at| {
        count += 1;
        let told = if count <= 2 { own } else { ["Tern Marine Controls", "TMC-750", "V1.30"] };
        link.ask(net, at, 1, &modbus::read_identification(), &modbus::identification(told));
    });
    let from = dogwatch_model::CaptureTime(scene.from + 20 * SECOND);
    let mut listed = scene.required(&["DW-1007"], "asset", Severity::Info, 45);
    let mut changed = scene.required(&["DW-1004"], "asset", Severity::Medium, 45).optional();
    (listed.window.from, changed.window.from) = (from, from);
    Ok(Play { talkers: vec![ask], expect: vec![listed, changed], ..Play::default() })
}

/// new-service: the alarm server opens a secure shell on the gateway, again and again.
fn new_service(scene: &Scene<'_>) -> Result<Play, SimError> {
    let (client, server) = (scene.roster.host("alarm-server")?, scene.roster.host("me-gateway")?);
    let mut rng = Rng::stream(scene.seed, "new-service", "session");
    let key = rng.bytes(32);
    let mut port = 48_100;
    let log_in = Repeated::boxed(scene.from, 10 * SECOND, 5, move |_, net, at| {
        port += 1;
        let mut tcp = Session::new((client, port), (server, 22), rng.bits(), 400_000);
        let lines = remote::ssh_session(&mut rng, "OpenSSH_8.4", "dropbear_2019.78", &key);
        let at = tcp.open(net, at);
        let at = tcp.converse(net, at, &lines, 6 * MILLI);
        tcp.close(net, at + 900 * MILLI);
    });
    let service = scene.required(&["DW-1006"], "asset", Severity::Medium, 45);
    let denied = scene.required(&["DW-2001"], "zone", Severity::Medium, 30).optional();
    Ok(Play { talkers: vec![log_in], expect: vec![service, denied], ..Play::default() })
}

/// cleartext: user and password as the maker ships them, over Telnet; the login succeeds.
fn cleartext(scene: &Scene<'_>) -> Result<Play, SimError> {
    let (client, server) = (scene.roster.host("alarm-server")?, scene.roster.host("machinery-switch")?);
    let mut rng = Rng::stream(scene.seed, "cleartext", "session");
    let network = scene.roster.network_of(scene.roster.zone_of(&server))?;
    let [address, mask, gateway] = [server.ip, [255, 255, 255, 0], network.gateway].map(std::net::Ipv4Addr::from);
    let parameters = format!("network parms {address} {mask} {gateway}\r\nsnmp community public\r\n> ");
    let mut port = 48_140;
    let log_in = Repeated::boxed(scene.from, 25 * SECOND, 2, move |_, net, at| {
        port += 1;
        let mut tcp = Session::new((client, port), (server, 23), rng.bits(), 400_000);
        let mut lines = remote::telnet_login("Managed Ethernet Switch L2P-09.1.02", "admin", "private", true);
        lines.push((End::Client, b"show running-config\r\n".to_vec()));
        lines.push((End::Server, parameters.clone().into_bytes()));
        let at = tcp.open(net, at);
        let at = tcp.converse(net, at, &lines, 250 * MILLI);
        tcp.close(net, at + 900 * MILLI);
    });
    let seen = scene.required(&["DW-6003"], "identity", Severity::Medium, 30);
    let weak = scene.required(&["DW-1008"], "asset", Severity::Info, 60).optional();
    let denied = scene.required(&["DW-2001"], "zone", Severity::Medium, 30).optional();
    Ok(Play { talkers: vec![log_in], expect: vec![seen, weak, denied], ..Play::default() })
}

/// brute: `n` refused logins by FTP, each with a connection of its own.
fn brute(scene: &Scene<'_>) -> Result<Play, SimError> {
    let (client, server) = (scene.roster.host("conning")?, scene.roster.host("serial-server")?);
    let count = scene.parameter("n", 14.0).clamp(1.0, 1_000.0) as u32;
    let mut rng = Rng::stream(scene.seed, "brute", "session");
    let mut port = 48_160;
    let guess = Repeated::boxed(scene.from, 7 * SECOND, count, move |_, net, at| {
        port += 1;
        let mut tcp = Session::new((client, port), (server, 21), rng.bits(), 400_000);
        let at = tcp.open(net, at);
        let lines = remote::ftp_login("NPort FTP server ready.", "admin", &format!("guess{port}"), false);
        let at = tcp.converse(net, at, &lines, 120 * MILLI);
        tcp.close(net, at + 50 * MILLI);
    });
    let found = scene
        .required(&["DW-6004"], "identity", Severity::Medium, 120)
        .between(scene.party(&client), scene.party(&server));
    let denied = scene.required(&["DW-2001"], "zone", Severity::Medium, 30).optional();
    let plain = scene.required(&["DW-6003"], "identity", Severity::Medium, 60).optional();
    Ok(Play { talkers: vec![guess], expect: vec![found, denied, plain], ..Play::default() })
}

/// rdp: the desktop of the alarm server is opened from the office and stays open, with pictures flowing.
fn rdp(scene: &Scene<'_>) -> Result<Play, SimError> {
    let (client, server) = (scene.roster.host("chief-pc")?, scene.roster.host("alarm-server")?);
    let desktop = desktop(scene, client, server, "engineer", 0, 12);
    let pair = (scene.party(&client), scene.party(&server));
    let control = scene.required(&["DW-6005"], "identity", Severity::High, 30).between(pair.0.clone(), pair.1.clone());
    let outside = scene.required(&["DW-2007"], "zone", Severity::High, 30).between(pair.0.clone(), pair.1.clone());
    let crossing = scene.required(&["DW-2001"], "zone", Severity::High, 30).between(pair.0, pair.1).optional();
    Ok(Play { talkers: vec![desktop], expect: vec![control, outside, crossing], ..Play::default() })
}

/// A remote desktop that begins `after` seconds into the attack and goes on for `times` exchanges of three seconds.
pub(super) fn desktop(
    scene: &Scene<'_>,
    client: crate::wire::net::Host,
    server: crate::wire::net::Host,
    user: &'static str,
    after_s: i64,
    times: u32,
) -> Box<dyn crate::talker::Talker> {
    let mut rng = Rng::stream(scene.seed, "rdp", "session");
    let mut tcp = Session::new((client, 48_190), (server, 3_389), rng.bits(), 2 * MILLI);
    let mut opened = false;
    Repeated::boxed(scene.from + after_s * SECOND, 3 * SECOND, times, move |_, net, at| {
        let mut at = at;
        if !std::mem::replace(&mut opened, true) {
            let [request, confirm] = remote::rdp_opening(user);
            at = tcp.open(net, at);
            let id = rng.bytes(32);
            let lines = [
                (End::Client, request),
                (End::Server, confirm),
                (End::Client, tls::client_hello(&mut rng, "alarm-server", &id)),
                (End::Server, tls::server_flight(&mut rng, &id)),
                (End::Client, tls::client_finished(&mut rng)),
            ];
            at = tcp.converse(net, at, &lines, 4 * MILLI);
        }
        let (keys, picture) = (tls::application_data(&mut rng, 90), tls::application_data(&mut rng, 6_000));
        tcp.exchange(net, at, &keys, &picture, 20 * MILLI);
    })
}

/// admin-ui: the pages by which the antenna is set up, read from a PC that the policy does not name.
fn admin_ui(scene: &Scene<'_>) -> Result<Play, SimError> {
    let (client, server) = (scene.roster.host("chief-pc")?, scene.roster.host("antenna")?);
    let mut rng = Rng::stream(scene.seed, "admin-ui", "session");
    let mut port = 48_200;
    let read = Repeated::boxed(scene.from, 12 * SECOND, 4, move |_, net, at| {
        port += 1;
        let mut tcp = Session::new((client, port), (server, 80), rng.bits(), 2 * MILLI);
        let at = tcp.open(net, at);
        let question = remote::http_get("antenna.ship.example", "/admin/login.html", "Mozilla/5.0 (Windows NT 10.0)");
        let page =
            b"<html><head><title>Antenna control unit: administration</title></head><body><form></form></body></html>";
        let answer = remote::http_ok("ACU-Web/2.1", "text/html", page);
        let at = tcp.exchange(net, at, &question, &answer, 9 * MILLI);
        tcp.close(net, at + 300 * MILLI);
    });
    let pair = (scene.party(&client), scene.party(&server));
    let page = scene.required(&["DW-6006"], "identity", Severity::High, 30).between(pair.0.clone(), pair.1.clone());
    let crossing = scene.required(&["DW-2001"], "zone", Severity::Medium, 30).between(pair.0, pair.1).optional();
    Ok(Play { talkers: vec![read], expect: vec![page, crossing], ..Play::default() })
}

/// cert-change: five sessions of TLS 1.2 with one certificate, then sessions with another key for the same name.
fn cert_change(scene: &Scene<'_>) -> Result<Play, SimError> {
    let (client, server) = (scene.roster.host("master-pc")?, scene.roster.host("antenna")?);
    let mut rng = Rng::stream(scene.seed, "cert-change", "session");
    let name = "antenna.ship.example";
    let certificates = [tls::certificate(&mut rng, name), tls::certificate(&mut rng, name)];
    let mut count = 0_u16;
    let visit = Repeated::boxed(scene.from, 18 * SECOND, u32::MAX, move |_, net, at| {
        let [old, new] = &certificates;
        let certificate = if count < 5 { old } else { new };
        count += 1;
        let mut tcp = Session::new((client, 48_210 + count % 1_000), (server, 443), rng.bits(), 2 * MILLI);
        let at = tcp.open(net, at);
        let id = rng.bytes(32);
        let lines = [
            (End::Client, tls::client_hello(&mut rng, name, &id)),
            (End::Server, tls::server_flight_with(&mut rng, &id, certificate)),
            (End::Client, tls::client_key_exchange(&mut rng)),
            (End::Server, tls::server_finished(&mut rng)),
            (End::Client, tls::application_data(&mut rng, 420)),
            (End::Server, tls::application_data(&mut rng, 2_100)),
        ];
        let at = tcp.converse(net, at, &lines, 3 * MILLI);
        tcp.close(net, at + 300 * MILLI);
    });
    let mut changed = scene.required(&["DW-6008"], "identity", Severity::Low, 60);
    changed.window.from = dogwatch_model::CaptureTime(scene.from + 90 * SECOND);
    Ok(Play { talkers: vec![visit], expect: vec![changed], ..Play::default() })
}
