//! The application words of the policy, what dissectors call the same protocols, and where they are usually found.

use dogwatch_model::{Transport, Verb};

use super::words::VERBS;

macro_rules! apps {
    ($($(#[$meta:meta])* $variant:ident = $word:literal: [$($protocol:literal),+], ops [$($verb:ident),*], at [$($hint:expr),*];)+) => {
        /// An application the policy knows by name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum AppName { $($(#[$meta])* $variant,)+ }

        impl AppName {
            /// Every application.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$variant),+];
            /// Every application word.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// The word of the policy file.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            pub(super) fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }

            /// The application that a dissector's protocol belongs to.
            #[must_use]
            pub fn of_protocol(protocol: &str) -> Option<Self> {
                match protocol { $($($protocol)|+ => Some(Self::$variant),)+ _ => None }
            }

            /// The first of the dissectors' names for it.
            pub(super) fn protocol(self) -> &'static str {
                let names: &[&'static str] = match self { $(Self::$variant => &[$($protocol),+],)+ };
                names.first().copied().unwrap_or(self.as_str())
            }

            /// Operations that mean something for it.
            #[must_use]
            pub fn ops(self) -> Ops {
                match self { $(Self::$variant => Ops::of(&[$(Verb::$verb),*]),)+ }
            }

            /// Where it is usually found; used only while a flow is not recognised yet.
            const fn usual(self) -> &'static [Usual] {
                match self { $(Self::$variant => &[$($hint),*],)+ }
            }
        }
    };
}

/// Where an application is usually found.
#[derive(Debug, Clone, Copy)]
enum Usual {
    Tcp(u16),
    Udp(u16),
    UdpRange(u16, u16),
    Ip(u8),
    EtherType(u16),
}
use Usual::{EtherType, Ip, Tcp, Udp, UdpRange};

// Ports: IANA service name registry; IEC 61162-450 for 60001-60020 (sentences) and 60021-60030 (files); BACnet ASHRAE 135 annex J for 0xBAC0-0xBACF.
apps! {
    /// Modbus.
    Modbus = "modbus": ["modbus", "modbus-rtu"], ops [Read, Write, Control, Program, Diagnose, Discover], at [Tcp(502), Udp(502)];
    /// Siemens S7 communication.
    S7 = "s7": ["s7comm", "s7comm-plus", "s7"],
        ops [Read, Write, Control, Program, Diagnose, Discover, Transfer, Login], at [Tcp(102)];
    /// EtherNet/IP and CIP.
    Enip = "enip": ["enip", "enip-io", "cip"],
        ops [Read, Write, Control, Program, Diagnose, Discover, Transfer, Login], at [Tcp(44_818), Udp(44_818), Udp(2_222)];
    /// BACnet/IP.
    Bacnet = "bacnet": ["bacnet"],
        ops [Read, Write, Control, Program, Diagnose, Discover, Transfer], at [UdpRange(47_808, 47_823)];
    /// OPC UA.
    Opcua = "opcua": ["opcua"],
        ops [Read, Write, Control, Program, Diagnose, Discover, Transfer, Login], at [Tcp(4_840)];
    /// IEC 60870-5-104.
    Iec104 = "iec104": ["iec104"], ops [Read, Write, Control, Diagnose, Discover, Transfer], at [Tcp(2_404)];
    /// MMS of IEC 61850.
    Mms = "mms": ["mms"], ops [Read, Write, Control, Program, Discover, Transfer, Login], at [Tcp(102)];
    /// DNP3.
    Dnp3 = "dnp3": ["dnp3"],
        ops [Read, Write, Control, Program, Diagnose, Discover, Transfer, Login], at [Tcp(20_000), Udp(20_000)];
    /// Beckhoff ADS.
    Ads = "ads": ["ads", "ads-discovery"],
        ops [Read, Write, Control, Program, Diagnose, Discover, Transfer, Login], at [Tcp(48_898), Udp(48_899)];
    /// Omron FINS.
    Fins = "fins": ["fins"],
        ops [Read, Write, Control, Program, Diagnose, Discover, Transfer, Login], at [Udp(9_600), Tcp(9_600)];
    /// Mitsubishi MELSEC.
    Melsec = "melsec": ["melsec"],
        ops [Read, Write, Control, Program, Diagnose, Discover, Transfer, Login], at [Tcp(5_007), Udp(5_006)];
    /// CODESYS.
    Codesys = "codesys": ["codesys"],
        ops [Read, Write, Control, Program, Diagnose, Discover, Transfer, Login], at [Tcp(11_740), Udp(1_740)];
    /// GE SRTP.
    GeSrtp = "ge-srtp": ["ge-srtp"], ops [Read, Write, Control, Program, Diagnose, Discover], at [Tcp(18_245)];
    /// PROFINET: discovery, connection manager and cyclic data.
    Profinet = "profinet": ["profinet-dcp", "profinet-cm", "profinet-rt"],
        ops [Read, Write, Control, Program, Diagnose, Discover, Login], at [EtherType(0x8892), Udp(34_964)];
    /// HART-IP.
    HartIp = "hart-ip": ["hart-ip", "hartip"], ops [Read, Write, Control, Diagnose, Discover, Login], at [Tcp(5_094), Udp(5_094)];
    /// KNX/IP.
    Knx = "knx": ["knxip", "knx"], ops [Read, Write, Control, Program, Discover, Login], at [Udp(3_671)];
    /// SNMP.
    Snmp = "snmp": ["snmp"], ops [Read, Write, Diagnose, Discover], at [Udp(161), Udp(162)];
    /// IEC 61162-450.
    Nmea450 = "nmea-450": ["iec61162-450"], ops [Read, Write, Control, Discover, Transfer], at [UdpRange(60_001, 60_030)];
    /// NMEA 0183 in UDP or TCP.
    NmeaUdp = "nmea-udp": ["nmea0183"], ops [Read, Write, Control], at [Udp(10_110), Tcp(10_110)];
    /// NTP.
    Ntp = "ntp": ["ntp", "sntp"], ops [Read, Control, Diagnose], at [Udp(123)];
    /// DNS.
    Dns = "dns": ["dns"], ops [Read, Write, Discover, Transfer], at [Udp(53), Tcp(53)];
    /// DHCP, both address families.
    Dhcp = "dhcp": ["dhcp", "dhcpv6"], ops [Read, Discover], at [Udp(67), Udp(68), Udp(546), Udp(547)];
    /// ARP.
    Arp = "arp": ["arp"], ops [Read, Discover], at [EtherType(0x0806)];
    /// ICMP, both address families.
    Icmp = "icmp": ["icmp", "icmpv6"], ops [Control, Diagnose, Discover], at [Ip(1), Ip(58)];
    /// HTTP.
    Http = "http": ["http"], ops [Read, Write, Control, Program, Discover, Transfer, Login], at [Tcp(80), Tcp(8_080)];
    /// TLS, also inside QUIC and DTLS.
    Tls = "tls": ["tls", "quic", "dtls", "https"], ops [Transfer, Login], at [Tcp(443), Udp(443)];
    /// SSH.
    Ssh = "ssh": ["ssh"], ops [Control, Transfer, Login], at [Tcp(22)];
    /// Remote Desktop.
    Rdp = "rdp": ["rdp"], ops [Control, Transfer, Login], at [Tcp(3_389), Udp(3_389)];
    /// VNC.
    Vnc = "vnc": ["vnc", "rfb"], ops [Control, Transfer, Login], at [Tcp(5_900), Tcp(5_901)];
    /// Telnet and its relatives.
    Telnet = "telnet": ["telnet", "rlogin", "rsh"], ops [Control, Login], at [Tcp(23)];
    /// Remote help: programs by which somebody elsewhere works on a computer.
    RemoteHelp = "remote-help": ["teamviewer", "anydesk", "rustdesk", "winrm"],
        ops [Read, Write, Control, Discover, Transfer, Login],
        at [Tcp(5_938), Tcp(7_070), Tcp(5_985), Tcp(5_986), Udp(21_116), Tcp(21_117)];
    /// FTP.
    Ftp = "ftp": ["ftp", "tftp"], ops [Read, Write, Control, Discover, Transfer, Login], at [Tcp(21), Udp(69)];
    /// SMB, and the remote procedure calls of Windows, which go through its pipes as well as beside it.
    Smb = "smb": ["smb", "smb2", "cifs", "dcerpc"],
        ops [Read, Write, Control, Program, Discover, Transfer, Login], at [Tcp(445), Tcp(139), Tcp(135)];
    /// Syslog.
    Syslog = "syslog": ["syslog"], ops [Write, Transfer], at [Udp(514), Tcp(6_514)];
    /// Mining of currency.
    Mining = "mining": ["stratum"], ops [Read, Write, Login], at [Tcp(3_333)];
    /// Exchange of files between peers.
    PeerToPeer = "peer-to-peer": ["bittorrent"], ops [Discover, Transfer], at [Tcp(6_881), Udp(6_881)];
    /// Any of the usual tunnels for remote access.
    Vpn = "vpn": ["wireguard", "openvpn", "ipsec", "ike", "isakmp", "esp", "ah", "l2tp", "pptp"],
        ops [Login], at [Udp(51_820), Udp(1_194), Tcp(1_194), Udp(500), Udp(4_500), Udp(1_701), Tcp(1_723), Ip(50), Ip(51)];
}

impl AppName {
    /// Whether a flow that is not recognised yet is probably this, by where it goes.
    pub(super) fn is_usual(self, transport: Transport, port: u16) -> bool {
        self.usual().iter().any(|usual| match *usual {
            Tcp(at) => transport == Transport::Tcp && port == at,
            Udp(at) => transport == Transport::Udp && port == at,
            UdpRange(first, last) => transport == Transport::Udp && (first..=last).contains(&port),
            Ip(number) => transport == Transport::Ip(number),
            EtherType(number) => transport == Transport::Ethernet(number),
        })
    }

    /// The first of the places where it is usually found.
    pub(super) fn usual_place(self) -> (Transport, u16) {
        match self.usual().first() {
            Some(Tcp(port)) => (Transport::Tcp, *port),
            Some(Udp(port) | UdpRange(port, _)) => (Transport::Udp, *port),
            Some(Ip(number)) => (Transport::Ip(*number), 0),
            Some(EtherType(number)) => (Transport::Ethernet(*number), 0),
            None => (Transport::Tcp, 0),
        }
    }

    /// Whether a line for it may name objects.
    pub(super) const fn has_objects(self) -> bool {
        matches!(self, Self::S7 | Self::Bacnet | Self::Enip | Self::Opcua | Self::Iec104 | Self::Snmp)
    }

    /// By these somebody works on the other end as if he sat there.
    pub const REMOTE_CONTROL: &'static [Self] = &[Self::Ssh, Self::Rdp, Self::Vnc, Self::Telnet, Self::RemoteHelp];

    /// Whether somebody works on the other end by it as if he sat there.
    #[must_use]
    pub fn is_remote_control(self) -> bool {
        Self::REMOTE_CONTROL.contains(&self)
    }

    /// Whether equipment is set up by it: web pages and command lines.
    #[must_use]
    pub const fn is_management(self) -> bool {
        matches!(self, Self::Http | Self::Tls | Self::Ssh | Self::Telnet)
    }

    /// Whether it carries other traffic inside.
    #[must_use]
    pub const fn is_tunnel(self) -> bool {
        matches!(self, Self::Vpn)
    }

    /// Whether it drives machines: reading and writing mean process values.
    #[must_use]
    pub const fn is_industrial(self) -> bool {
        matches!(
            self,
            Self::Modbus
                | Self::S7
                | Self::Enip
                | Self::Bacnet
                | Self::Opcua
                | Self::Iec104
                | Self::Mms
                | Self::Dnp3
                | Self::Ads
                | Self::Fins
                | Self::Melsec
                | Self::Codesys
                | Self::GeSrtp
                | Self::Profinet
                | Self::HartIp
                | Self::Knx
        )
    }

    /// Whether it carries sentences of the bridge.
    #[must_use]
    pub const fn is_navigation(self) -> bool {
        matches!(self, Self::Nmea450 | Self::NmeaUdp)
    }

    /// The industrial application whose own port this is, when nobody else uses it: what is spoken there should be that.
    #[must_use]
    pub fn of_industrial_port(transport: Transport, port: u16) -> Option<Self> {
        // port 102 belongs to all that runs over ISO transport, so it names nobody
        [Self::Modbus, Self::Enip, Self::Iec104, Self::Dnp3, Self::Opcua]
            .into_iter()
            .find(|app| app.is_usual(transport, port))
    }
}

/// What an `app` field says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum App {
    /// A known application.
    Named(AppName),
    /// `tcp/NNN` or `tcp/NNN-NNN`: server ports.
    Tcp(u16, u16),
    /// `udp/NNN` or `udp/NNN-NNN`: server ports.
    Udp(u16, u16),
    /// `ip/NN`: an IP protocol number; 6 and 17 mean every TCP and UDP port.
    Ip(u8),
}

/// Why an `app` cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AppProblem {
    Unknown,
    Number(&'static str),
    Backwards,
}

impl App {
    pub(super) fn parse(text: &str) -> Result<Self, AppProblem> {
        if let Some(name) = AppName::from_word(text) {
            return Ok(Self::Named(name));
        }
        let (carrier, numbers) = text.split_once('/').ok_or(AppProblem::Unknown)?;
        let port = |digits: &str| -> Result<u16, AppProblem> {
            let plain = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
            plain.then(|| digits.parse().ok()).flatten().ok_or(AppProblem::Number("a port is a number from 0 to 65535"))
        };
        let ports = || -> Result<(u16, u16), AppProblem> {
            let (first, last) = numbers.split_once('-').unwrap_or((numbers, numbers));
            let (first, last) = (port(first)?, port(last)?);
            if last < first { Err(AppProblem::Backwards) } else { Ok((first, last)) }
        };
        match carrier {
            "tcp" => ports().map(|(first, last)| Self::Tcp(first, last)),
            "udp" => ports().map(|(first, last)| Self::Udp(first, last)),
            "ip" => port(numbers)
                .ok()
                .and_then(|number| u8::try_from(number).ok())
                .map(Self::Ip)
                .ok_or(AppProblem::Number("an IP protocol number is from 0 to 255")),
            _ => Err(AppProblem::Unknown),
        }
    }

    /// Whether traffic of this transport and server port is meant, whatever speaks inside.
    pub(super) fn fits_transport(self, transport: Transport, port: u16) -> bool {
        match self {
            Self::Named(_) => false,
            Self::Tcp(first, last) => transport == Transport::Tcp && (first..=last).contains(&port),
            Self::Udp(first, last) => transport == Transport::Udp && (first..=last).contains(&port),
            Self::Ip(number) => ip_number(transport) == Some(number),
        }
    }
}

/// The IP protocol number of a transport.
const fn ip_number(transport: Transport) -> Option<u8> {
    match transport {
        Transport::Tcp => Some(6),
        Transport::Udp => Some(17),
        Transport::Ip(number) => Some(number),
        Transport::Ethernet(_) | Transport::Can | Transport::Serial => None,
    }
}

impl std::fmt::Display for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            Self::Named(name) => f.write_str(name.as_str()),
            Self::Tcp(first, last) if first == last => write!(f, "tcp/{first}"),
            Self::Tcp(first, last) => write!(f, "tcp/{first}-{last}"),
            Self::Udp(first, last) if first == last => write!(f, "udp/{first}"),
            Self::Udp(first, last) => write!(f, "udp/{first}-{last}"),
            Self::Ip(number) => write!(f, "ip/{number}"),
        }
    }
}

/// A set of verbs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ops(u8);

impl Ops {
    /// The set of these verbs.
    #[must_use]
    pub fn of(verbs: &[Verb]) -> Self {
        Self(verbs.iter().fold(0, |bits, verb| bits | bit(*verb)))
    }

    /// Whether no verb is in it. On a line that means: no restriction.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether the verb is in it.
    #[must_use]
    pub const fn contains(self, verb: Verb) -> bool {
        self.0 & bit(verb) != 0
    }

    /// Whether a verb that changes something is in it.
    #[must_use]
    pub const fn changes(self) -> bool {
        self.0 & (bit(Verb::Write) | bit(Verb::Control) | bit(Verb::Program)) != 0
    }

    /// The verbs in it.
    pub fn iter(self) -> impl Iterator<Item = Verb> {
        VERBS.into_iter().filter(move |verb| self.contains(*verb))
    }

    /// The set with one more verb.
    #[must_use]
    pub const fn with(self, verb: Verb) -> Self {
        Self(self.0 | bit(verb))
    }
}

const fn bit(verb: Verb) -> u8 {
    match verb {
        Verb::Read => 1,
        Verb::Write => 2,
        Verb::Control => 4,
        Verb::Program => 8,
        Verb::Diagnose => 16,
        Verb::Discover => 32,
        Verb::Transfer => 64,
        Verb::Login => 128,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_apps() {
        for (text, want) in [
            ("modbus", Ok(App::Named(AppName::Modbus))),
            ("tcp/4840-4841", Ok(App::Tcp(4_840, 4_841))),
            ("udp/53", Ok(App::Udp(53, 53))),
            ("ip/6", Ok(App::Ip(6))),
            ("ip/256", Err(AppProblem::Number("an IP protocol number is from 0 to 255"))),
            ("tcp/70000", Err(AppProblem::Number("a port is a number from 0 to 65535"))),
            ("tcp/9-8", Err(AppProblem::Backwards)),
            ("tcp", Err(AppProblem::Unknown)),
            ("modbuss", Err(AppProblem::Unknown)),
        ] {
            assert_eq!(App::parse(text), want, "{text}");
        }
    }

    #[test]
    fn dissector_names_map_to_policy_words() {
        for (protocol, word) in [
            ("iec61162-450", "nmea-450"),
            ("nmea0183", "nmea-udp"),
            ("s7comm", "s7"),
            ("enip", "enip"),
            ("wireguard", "vpn"),
            ("openvpn", "vpn"),
            ("ipsec", "vpn"),
        ] {
            assert_eq!(AppName::of_protocol(protocol).map(AppName::as_str), Some(word), "{protocol}");
        }
        assert_eq!(AppName::of_protocol("unheard-of"), None);
    }

    #[test]
    fn ip_6_is_every_tcp_port() {
        assert!(App::Ip(6).fits_transport(Transport::Tcp, 8_443));
        assert!(!App::Ip(6).fits_transport(Transport::Udp, 8_443));
        assert!(App::Ip(47).fits_transport(Transport::Ip(47), 0));
        assert!(!App::Ip(6).fits_transport(Transport::Ethernet(0x0806), 0));
    }
}
