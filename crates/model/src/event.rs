//! What was seen on the wire, in words every protocol shares. Everything here borrows from the packet.
//!
//! One decoded message gives one [`Event`] that may carry several [`Act`]s (an RMC sentence is published *and* measures position, speed, course
//! and time): `decode` then prints one row a message, and a rule that judges the publishing sees it once.

use std::net::IpAddr;

use crate::{CaptureTime, Cells, Fields, Flow, Mac, Object, Readings, Sfi, Table};

/// One decoded message, as its dissector hands it over.
#[derive(Clone, Copy)]
pub struct Message<'a> {
    /// The protocol's name: folder, rule, metric label and settings key.
    pub protocol: &'static str,
    /// What kind of message, in the protocol's own words (`request`, `reply`, `GGA`, `position-report`).
    pub kind: &'a str,
    /// The number of its function, service or command, where messages of one kind are told apart by it; 0 where `kind` tells all.
    pub function: u32,
    /// Who spoke, where the protocol knows better than the addresses.
    pub speaker: Speaker,
    /// What it does and says; may be empty for a message that only exists.
    pub acts: &'a [Act<'a>],
    /// Every decoded field, for whoever asks.
    pub fields: &'a dyn Fields,
}

/// A message together with when and where it was seen.
#[derive(Clone, Copy)]
pub struct Event<'a> {
    /// When the frame that completed the message was captured.
    pub at: CaptureTime,
    /// Number of that frame within its source, from 1.
    pub frame: u64,
    /// The addresses of that frame, seen from its sender.
    pub flow: &'a Flow,
    /// What was said.
    pub message: &'a Message<'a>,
}

/// Who spoke. A source is never identified by an address that can move (the CAN source address).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Speaker {
    /// The device behind the sender's MAC and IP address.
    Sender,
    /// A system function of IEC 61162-450.
    Sfi(Sfi),
    /// A device on a CAN bus that claimed `address` with the 64-bit ISO 11783-5 NAME.
    Name {
        /// The NAME, as the little-endian number of PGN 60928.
        name: u64,
        /// The bus address it holds now.
        address: u8,
    },
    /// A device on a CAN bus whose NAME was not heard yet.
    BusAddress(u8),
}

/// What somebody does to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verb {
    /// Takes values.
    Read,
    /// Changes values.
    Write,
    /// Starts, stops, trips, resets, restarts communication.
    Control,
    /// Loads or changes a program, configuration or firmware.
    Program,
    /// Asks for counters and states of the device itself.
    Diagnose,
    /// Asks who is there or what is offered.
    Discover,
    /// Moves files or bulk data.
    Transfer,
    /// Opens a session as somebody.
    Login,
}

impl Verb {
    /// The word used in policies and output.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Control => "control",
            Self::Program => "program",
            Self::Diagnose => "diagnose",
            Self::Discover => "discover",
            Self::Transfer => "transfer",
            Self::Login => "login",
        }
    }
}

/// One thing a message does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Act<'a> {
    /// Someone asks something of `object`.
    Request {
        /// What is asked.
        verb: Verb,
        /// Of what.
        object: Object<'a>,
    },
    /// The answer.
    Reply {
        /// What had been asked.
        verb: Verb,
        /// Of what.
        object: Object<'a>,
        /// Whether the answer was "no".
        refused: bool,
    },
    /// Data sent to whoever listens, without being asked: a sentence, a parameter group.
    Publishes {
        /// What is sent.
        object: Object<'a>,
    },
    /// Something learned about a device: maker, model, version, MMSI, NAME.
    Says(Fact<'a>),
    /// A quantity of the world or of a process, in SI units (angles in degrees, as mariners and charts use them).
    Measures {
        /// Of whom.
        of: Of,
        /// What is measured.
        quantity: Quantity,
        /// How much.
        value: Value,
    },
    /// Values of a table as they stand in the message: what a controller answered, or beside a request to write, what it is told to hold.
    Values {
        /// Unit (slave) id.
        unit: u8,
        /// Which table.
        table: Table,
        /// Zero-based protocol address of the first value.
        first: u16,
        /// The values, unread.
        cells: Cells<'a>,
    },
    /// Numbers of things with names of their own: what was answered or published, or beside a request to write, what is to be.
    States(&'a dyn Readings),
    /// Recognised, but against the protocol's own rules. The name is stable; rules match it.
    Odd(&'static str),
}

/// Something learned about a device.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fact<'a> {
    /// Whom it is about.
    pub about: Subject,
    /// Which attribute.
    pub attribute: Attribute,
    /// Its value.
    pub value: FactValue<'a>,
    /// How sure, 0..=100 (explicit identity protocol 90, banner 75, behaviour 50).
    pub confidence: u8,
    /// Where in the protocol it stood, e.g. `n2k.126996`, `modbus.fc43_14`, `lldp.tlv5`, `dhcp.opt12`.
    pub method: &'static str,
}

/// Whom a fact is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Subject {
    /// The speaker of the message.
    Speaker,
    /// The device with this MAC address.
    Mac(Mac),
    /// The device with this IP address.
    Ip(IpAddr),
    /// The device with this ISO 11783-5 NAME on the bus of the flow.
    Name(u64),
    /// The unit with this number behind the speaker, which speaks for it: a device on a serial line behind a gateway.
    Unit(u8),
    /// The device with this station address on the line that the speaker's frames went through: an EtherCAT slave, which has no card of its own.
    Station(u16),
}

/// A fact's value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FactValue<'a> {
    /// Text as the device gave it.
    Text(&'a str),
    /// A number: MMSI, product code, unit id.
    Number(u64),
    /// An IP address.
    Ip(IpAddr),
    /// A MAC address.
    Mac(Mac),
}

/// What can be known of a device. Names follow the canonical asset fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Attribute {
    /// Host, system or station name.
    Name,
    /// Brand or manufacturer as the device states it.
    Manufacturer,
    /// Vendor that the MAC prefix is assigned to: the maker of the network chip or board, not the brand.
    OuiVendor,
    /// Model or type.
    Model,
    /// Product code.
    ProductCode,
    /// Number under which its maker is registered with the organisation of the protocol (ODVA, PI, ASHRAE).
    VendorId,
    /// Number of its type or device family, as its maker or the organisation of the protocol gave it.
    DeviceTypeId,
    /// Serial number.
    SerialNumber,
    /// Hardware revision.
    HwRevision,
    /// Firmware version.
    FirmwareVersion,
    /// Name and version of application software.
    SoftwareVersion,
    /// Operating system.
    OsName,
    /// Version of the operating system.
    OsVersion,
    /// Class of device (plc, switch, gnss, ais …) as [`crate::DeviceClass`] words.
    DeviceClass,
    /// Where it is installed, as configured in the device.
    Location,
    /// Free text the device tells of itself.
    Description,
    /// An IP address it has.
    IpAddress,
    /// A MAC address it has.
    MacAddress,
    /// A service it offers, as `tcp/502 modbus`.
    Service,
    /// A unit id behind it.
    UnitId,
    /// A switch port it reports.
    SwitchPort,
    /// VLAN of that port.
    PortVlan,
    /// Management address.
    ManagementAddress,
    /// System function id of IEC 61162-450.
    Sfi,
    /// NMEA 0183 talker id it uses.
    Talker,
    /// ISO 11783-5 NAME.
    N2kName,
    /// CAN source address it holds now.
    N2kAddress,
    /// Industry function code of its NAME.
    N2kFunction,
    /// Maritime Mobile Service Identity.
    Mmsi,
    /// IMO ship number.
    ImoNumber,
    /// Radio call sign.
    CallSign,
    /// Ship's name.
    ShipName,
    /// What it asks for or uses, never what it is (DHCP vendor class, user agent).
    ClientHint,
    /// What it does on the ship's network: position, heading, ais, radar …
    NavigationRole,
    /// An account that logs in from it or on it; never a password.
    Account,
    /// Workgroup, domain or realm it belongs to.
    Domain,
    /// Subject of the certificate it shows.
    CertificateSubject,
    /// SHA-256 of the certificate or host key it shows, hexadecimal.
    CertificateHash,
    /// JA4-style fingerprint of how it opens TLS or QUIC.
    TlsFingerprint,
    /// HASSH fingerprint of its SSH key exchange.
    SshFingerprint,
    /// Project or program loaded into a controller.
    ProjectName,
    /// Operating mode of a controller: run, stop, program, key switch.
    OperatingMode,
    /// The part it says it plays in its own protocol: controller, device, supervisor.
    StatedRole,
    /// Its address in its own protocol: IEC 104 common address, DNP3 link address, BACnet instance, AMS Net Id, rack and slot.
    StationAddress,
    /// URI of the application it runs (OPC UA).
    ApplicationUri,
    /// URI of the product it is (OPC UA).
    ProductUri,
    /// A stream, data set, control block or topic it publishes.
    Publication,
    /// A multicast group it joined.
    MulticastGroup,
    /// Identity of the clock it is (PTP, EUI-64).
    ClockIdentity,
    /// What it takes its time from.
    TimeSource,
}

impl Attribute {
    /// How many there are.
    pub const COUNT: usize = Self::TimeSource as usize + 1;
}

/// Of whom or what a quantity is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Of {
    /// The ship we are on.
    OwnShip,
    /// Own ship as the AIS transponder broadcasts it, with its MMSI.
    OwnShipByAis(u32),
    /// Another ship, aid or station by MMSI.
    Target(u32),
    /// A machine of own ship by instance: engine, rudder, tank, generator.
    Machine(u8),
    /// A navigation satellite as own ship's receiver hears it, by the receiver's number for it.
    Satellite(u16),
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Quantity {
    /// Latitude and longitude, WGS 84 unless told otherwise.
    Position,
    /// UTC as the source tells it.
    UtcTime,
    /// Course over ground, degrees true.
    CourseOverGround,
    /// Speed over ground, m/s.
    SpeedOverGround,
    /// Speed through water, m/s.
    SpeedThroughWater,
    /// Heading, degrees true.
    HeadingTrue,
    /// Heading, degrees magnetic.
    HeadingMagnetic,
    /// Rate of turn, degrees per minute, starboard positive.
    RateOfTurn,
    /// Rudder angle, degrees, starboard positive.
    RudderAngle,
    /// Ordered rudder angle, degrees.
    RudderOrder,
    /// Depth below transducer, metres.
    DepthBelowTransducer,
    /// Antenna height above mean sea level, metres.
    Altitude,
    /// Horizontal dilution of precision.
    Hdop,
    /// Satellites used in the fix.
    SatellitesUsed,
    /// Rotation speed, revolutions per second.
    RotationSpeed,
    /// Wind speed, m/s.
    WindSpeed,
    /// Wind angle relative to the bow, degrees.
    WindAngle,
    /// Temperature, kelvin.
    Temperature,
    /// Pressure, pascal.
    Pressure,
    /// Level of a tank, 0..=1.
    TankLevel,
    /// AIS navigational status code.
    NavigationalStatus,
    /// How a position was got, by the codes of GGA: 0 none, 1 autonomous, 2 differential, 3 precise, 4 and 5 real-time kinematic, 6 estimated,
    /// 7 entered by hand, 8 simulator.
    FixQuality,
    /// Satellites above the horizon that the receiver knows of.
    SatellitesInView,
    /// Carrier to noise density of a satellite's signal, dB-Hz.
    CarrierToNoise,
    /// Chart datum of the positions: the three letters of its code (IEC 61162-1, DTM) as a big-endian number.
    Datum,
    /// Offset of the positions from the reference datum, degrees north and east.
    DatumOffset,
    /// Ordered heading, degrees true.
    HeadingOrder,
    /// Ordered track, degrees true.
    TrackOrder,
    /// Length over all, metres.
    ShipLength,
}

impl Quantity {
    /// How many there are.
    pub const COUNT: usize = Self::ShipLength as usize + 1;
}

/// How much.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// A number in the unit of the quantity.
    Number(f64),
    /// A place, degrees north and east.
    Position {
        /// Latitude, -90..=90.
        lat: f64,
        /// Longitude, -180..=180.
        lon: f64,
    },
    /// A time of day without a date, since midnight UTC.
    TimeOfDay(std::time::Duration),
    /// A full time.
    Time(CaptureTime),
}
