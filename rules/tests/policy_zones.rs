//! Zone placement: trunk mirrors, untagged mirrors, routed frames, ties, link-local addresses, groups.
#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use dogwatch_model::{CaptureTime, Flow, Initiator, Mac, SourceId, Transport, Vlans};
    use dogwatch_rules::policy::{How, Placement, Policy, check};

    const PLAN: &str = r#"format = 1
mode = "enforce"
vessel = { name = "Example" }
[[zone]]
id = "navigation"
function = "navigation"
class = "ot"
vlan = [310]
subnet = ["10.10.31.0/24", "fd10:31::/64"]
can = ["can0"]
multicast = ["239.192.0.0/24"]
[[zone]]
id = "radar"
function = "navigation"
class = "ot"
vlan = [310]
subnet = ["10.10.31.128/25"]
[[zone]]
id = "machinery"
function = "propulsion"
class = "ot"
vlan = [320]
subnet = ["10.10.32.0/24"]
[[zone]]
id = "ballast"
function = "ballast"
class = "ot"
interface = ["mir1"]
subnet = ["10.20.3.0/28"]
[[zone]]
id = "safety"
function = "safety"
class = "ot"
interface = ["mir1"]
subnet = ["10.20.3.16/28"]
[[zone]]
id = "office"
function = "business"
class = "it"
interface = ["mir0"]
subnet = ["10.20.10.0/24"]
mac = ["3c:52:82:00:00:99"]
[[zone]]
id = "twin-a"
function = "hvac"
class = "ot"
interface = ["mir2"]
subnet = ["192.168.1.0/24"]
[[zone]]
id = "twin-b"
function = "hvac"
class = "ot"
interface = ["mir3"]
subnet = ["192.168.1.0/24"]
[[zone]]
id = "crew"
function = "crew"
class = "untrusted"
vlan = [395]
[[asset]]
id = "nav-gateway"
zone = "navigation"
ip = ["10.10.31.1"]
mac = ["02:00:00:00:00:01"]
role = ["gateway"]
[[asset]]
id = "me-gateway"
zone = "machinery"
ip = ["10.10.32.41"]
mac = ["00:30:de:44:01:01"]
role = ["plc"]
ip_takeover = "me-standby"
[[asset]]
id = "me-standby"
zone = "machinery"
ip = ["10.10.32.42"]
mac = ["00:30:de:44:01:02"]
[[asset]]
id = "laptop"
zone = "office"
ip = ["10.20.10.77"]
mac = ["3c:52:82:00:00:77"]
roaming = ["machinery", "ballast"]
[[asset]]
id = "fan-a"
zone = "twin-a"
ip = ["192.168.1.9"]
[[asset]]
id = "fan-b"
zone = "twin-b"
ip = ["192.168.1.9"]
[[asset]]
id = "panel"
zone = "ballast"
ip = ["10.20.3.6"]
mac = ["00:30:de:44:01:06"]
[[asset]]
id = "tv"
zone = "crew"
ip = ["10.128.0.5"]
"#;

    fn plan() -> Policy {
        let checked = check(PLAN, "plan.toml", CaptureTime::default());
        assert_eq!(checked.diagnostics, []);
        checked.policy.unwrap()
    }

    fn mac(text: &str) -> Mac {
        text.parse().unwrap()
    }

    const STRANGER: &str = "00:11:22:33:44:55";
    const GATEWAY: &str = "02:00:00:00:00:01";

    #[test]
    fn placement() {
        let plan = plan();
        for (case, source, vlan, from, ip, zone, how) in [
            ("trunk", "trunk", Some(310), STRANGER, "10.10.31.9", "navigation", How::Selectors),
            ("longest prefix", "trunk", Some(310), STRANGER, "10.10.31.200", "radar", How::Selectors),
            ("second address family", "trunk", Some(310), STRANGER, "fd10:31::9", "navigation", How::Selectors),
            ("tag stripped by the mirror", "trunk", None, STRANGER, "10.10.32.9", "machinery", How::Selectors),
            ("priority tag", "trunk", Some(0), STRANGER, "10.10.32.9", "machinery", How::Selectors),
            (
                "routed: gateway, foreign subnet",
                "trunk",
                Some(310),
                GATEWAY,
                "10.10.32.41",
                "machinery",
                How::BehindGateway,
            ),
            ("routed: from ashore", "trunk", Some(310), GATEWAY, "8.8.8.8", "outside", How::Outside),
            ("same without gateway", "trunk", Some(310), STRANGER, "10.10.32.41", "machinery", How::AddressOnly),
            ("the gateway itself", "trunk", Some(310), GATEWAY, "10.10.31.1", "navigation", How::BehindGateway),
            ("untagged mirror", "mir1", None, STRANGER, "10.20.3.5", "ballast", How::Selectors),
            ("untagged mirror, next prefix", "mir1", None, STRANGER, "10.20.3.17", "safety", How::Selectors),
            ("wrong mirror", "mir0", None, STRANGER, "10.20.3.5", "ballast", How::AddressOnly),
            (
                "a capture file names no interface",
                "voyage.pcap",
                None,
                STRANGER,
                "10.20.3.5",
                "ballast",
                How::Selectors,
            ),
            ("mac list wins", "mir1", Some(310), "3c:52:82:00:00:99", "10.10.31.9", "office", How::MacList),
            ("vlan without subnet", "trunk", Some(395), STRANGER, "10.128.0.77", "crew", How::Selectors),
            ("vlan without subnet, public", "trunk", Some(395), STRANGER, "8.8.8.8", "outside", How::Outside),
            ("asset in a zone without subnet", "trunk", None, STRANGER, "10.128.0.5", "crew", How::Selectors),
            ("nobody's address", "trunk", None, STRANGER, "172.16.0.1", "outside", How::Outside),
            ("link-local by vlan", "trunk", Some(320), STRANGER, "fe80::1", "machinery", How::Selectors),
            ("dhcp by vlan", "trunk", Some(320), STRANGER, "0.0.0.0", "machinery", How::Selectors),
            ("same numbers, mirror tells", "mir3", None, STRANGER, "192.168.1.9", "twin-b", How::Selectors),
            (
                "same numbers behind a gateway, mirror tells",
                "mir2",
                None,
                GATEWAY,
                "192.168.1.9",
                "twin-a",
                How::BehindGateway,
            ),
        ] {
            let ip: IpAddr = ip.parse().unwrap();
            let end = Placement { source, vlan, mac: mac(from), ip: Some(ip), link_is_gateway: false };
            let placed = plan.placed(&end);
            let got = placed.map(|placed| (plan.zone_id(Some(placed.zone)), placed.how));
            assert_eq!(got, Some((zone, how)), "{case}");
            assert_eq!(plan.place(&end), placed.map(|placed| placed.zone));
        }
    }

    #[test]
    fn nothing_decides() {
        let plan = plan();
        let end = |source, vlan, from: &str, ip: Option<&str>| Placement {
            source,
            vlan,
            mac: mac(from),
            ip: ip.map(|ip| ip.parse().unwrap()),
            link_is_gateway: false,
        };
        assert_eq!(plan.place(&end("file.pcap", None, STRANGER, Some("192.168.1.9"))), None, "a tie");
        assert_eq!(plan.place(&end("mir1", None, STRANGER, None)), None, "two zones on one mirror");
        assert_eq!(plan.place(&end("file.pcap", None, STRANGER, None)), None, "no selector applies");
        let shared = end("trunk", Some(310), STRANGER, Some("fe80::1"));
        assert_eq!(plan.place(&shared), None, "two zones in one VLAN, and no address that has a prefix");
        let by_mac = plan.placed(&end("mir1", None, "00:30:de:44:01:06", None)).unwrap();
        assert_eq!((plan.zone_id(Some(by_mac.zone)), by_mac.how), ("ballast", How::AssetMac));
        let tagged = plan.placed(&end("trunk", Some(320), STRANGER, None)).unwrap();
        assert_eq!((plan.zone_id(Some(tagged.zone)), tagged.how), ("machinery", How::Selectors));
    }

    #[test]
    fn an_outside_of_its_own() {
        let text = PLAN.replace(
            "[[asset]]\nid = \"nav-gateway\"",
            "[[zone]]\nid = \"outside\"\nfunction = \"outside\"\nclass = \"untrusted\"\nvlan = [999]\nsubnet = [\"0.0.0.0/0\", \"10.10.32.240/28\"]\n\
             [[asset]]\nid = \"nav-gateway\"",
        );
        let plan = check(&text, "plan.toml", CaptureTime::default()).policy.unwrap();
        let zone = |vlan, ip: Option<&str>| {
            let ip = ip.map(|ip| ip.parse().unwrap());
            plan.zone_id(plan.place(&Placement {
                source: "trunk",
                vlan,
                mac: mac(STRANGER),
                ip,
                link_is_gateway: false,
            }))
        };
        assert_eq!(plan.zones.iter().filter(|zone| zone.id == "outside").count(), 1);
        assert_eq!(zone(Some(999), None), "outside");
        assert_eq!(zone(None, Some("10.10.32.241")), "outside", "the longest prefix decides");
        assert_eq!(zone(None, Some("10.10.32.239")), "machinery");
        assert_eq!(zone(None, Some("9.9.9.9")), "outside");
    }

    fn flow(vlan: Option<u16>, macs: (&str, &str), ips: Option<(&str, &str)>) -> Flow {
        Flow {
            source: SourceId(0),
            vlans: Vlans { outer: vlan, inner: None },
            src_mac: mac(macs.0),
            dst_mac: mac(macs.1),
            src: ips.map(|ips| ips.0.parse().unwrap()),
            dst: ips.map(|ips| ips.1.parse().unwrap()),
            transport: Transport::Tcp,
            src_port: 49_152,
            dst_port: 502,
            ttl: 64,
            initiator: Initiator::Unknown,
        }
    }

    #[test]
    fn both_ends() {
        let plan = plan();
        let name = |asset: Option<_>| asset.and_then(|asset| plan.asset(asset)).map(|asset| asset.id.as_str());
        // A bridge station reads the engine through the router; the mirror shows the bridge's side.
        let routed =
            plan.zone_pair(&flow(Some(310), (STRANGER, GATEWAY), Some(("10.10.31.55", "10.10.32.41"))), "trunk");
        assert_eq!((plan.zone_id(routed.from.zone), plan.zone_id(routed.to.zone)), ("navigation", "machinery"));
        assert_eq!((name(routed.from.asset), name(routed.to.asset)), (None, Some("me-gateway")));
        assert!(!routed.to.mac_differs, "the MAC is the gateway's");
        assert_eq!(routed.client_first(Initiator::Receiver), routed.reversed());
        // The same frame where only the caller knows the router.
        let learned = "00:aa:00:00:00:01";
        let frame = flow(Some(310), (STRANGER, learned), Some(("10.10.31.55", "10.10.32.41")));
        assert_eq!(plan.zone_pair(&frame, "trunk").to.how, Some(How::AddressOnly));
        assert_eq!(plan.zone_pair_with(&frame, "trunk", |m| m == mac(learned)).to.how, Some(How::BehindGateway));
        // Broadcast and multicast stay at home.
        for (to_mac, to_ip) in [("01:00:5e:40:00:01", "239.192.0.1"), ("ff:ff:ff:ff:ff:ff", "10.10.31.255")] {
            let ends = plan.zone_pair(&flow(Some(310), (STRANGER, to_mac), Some(("10.10.31.9", to_ip))), "trunk");
            assert_eq!((ends.to.zone, ends.to.how, ends.to.asset), (ends.from.zone, Some(How::SendersZone), None));
        }
        // A borrowed address: right IP, wrong MAC; the hot standby may, a stranger may not.
        for (from, differs) in [("00:30:de:44:01:01", false), ("00:30:de:44:01:02", false), (STRANGER, true)] {
            let ends = plan.zone_pair(&flow(Some(320), (from, STRANGER), Some(("10.10.32.41", "10.10.32.9"))), "trunk");
            assert_eq!((name(ends.from.asset), ends.from.mac_differs), (Some("me-gateway"), differs), "{from}");
        }
        // The laptop roams: known by its MAC in the engine room, not on the bridge.
        let laptop = "3c:52:82:00:00:77";
        let ends = plan.zone_pair(&flow(Some(320), (laptop, STRANGER), Some(("10.10.32.200", "10.10.32.41"))), "trunk");
        assert_eq!(name(ends.from.asset), Some("laptop"));
        let ends = plan.zone_pair(&flow(Some(310), (laptop, STRANGER), Some(("10.10.31.66", "10.10.31.9"))), "trunk");
        assert_eq!(name(ends.from.asset), None);
        // Separate networks with the same numbers have assets of their own.
        let ends = plan.zone_pair(&flow(None, (STRANGER, STRANGER), Some(("192.168.1.9", "192.168.1.10"))), "mir3");
        assert_eq!(name(ends.from.asset), Some("fan-b"));
        let can = Flow { transport: Transport::Can, ..flow(None, ("00:00:00:00:00:00", "00:00:00:00:00:00"), None) };
        let ends = plan.zone_pair(&can, "can0");
        assert_eq!((plan.zone_id(ends.from.zone), ends.to.how), ("navigation", Some(How::Bus)));
        assert_eq!(plan.zone_pair(&can, "can9").from.zone, None);
    }

    #[test]
    fn what_the_plan_knows_of_vlans_gateways_and_groups() {
        let plan = plan();
        assert!(plan.owns_vlan(310) && !plan.owns_vlan(311));
        assert!(plan.is_gateway_mac(mac(GATEWAY)) && !plan.is_gateway_mac(mac(STRANGER)));
        assert!(
            plan.is_gateway_ip("10.10.31.1".parse().unwrap()) && !plan.is_gateway_ip("10.10.32.41".parse().unwrap())
        );
        assert_eq!(plan.zone_id(plan.group_zone("239.192.0.4".parse().unwrap())), "navigation");
    }
}
