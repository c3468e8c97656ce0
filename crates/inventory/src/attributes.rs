//! Values of attributes: which one is shown, which ones are kept.

use dogwatch_model::{Asset, Attribute, AttributeValue, CaptureTime, DeviceClass, Provenance};

use crate::Limits;

/// One value on its way into a row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Incoming<'a> {
    pub(crate) attribute: Attribute,
    pub(crate) value: &'a str,
    pub(crate) source: Provenance,
    pub(crate) method: &'static str,
    pub(crate) confidence: u8,
    pub(crate) at: CaptureTime,
    pub(crate) frame: u64,
}

/// What taking a value did.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// Known already; only its last sighting moved.
    Known,
    /// Kept beside a better one.
    Beside,
    /// The value shown changed; here is the one before.
    Shown(Option<String>),
}

/// Puts a value into the row, best first: by source, then confidence, then recency. `held` is what the values of all rows take.
pub(crate) fn take(
    asset: &mut Asset,
    incoming: Incoming<'_>,
    limits: &Limits,
    held: &mut usize,
    dropped: &mut u64,
) -> Taken {
    // Nearly every fact is an old one told again: what is kept is trimmed, short and clean, so what equals it needs no cleaning.
    if let Some(values) = asset.attributes.get_mut(&incoming.attribute)
        && is_known(values, incoming.value.trim(), &incoming)
    {
        return Taken::Known;
    }
    let text: String = incoming.value.trim().chars().filter(|c| !c.is_control()).take(limits.value_chars).collect();
    if text.is_empty() {
        return Taken::Known;
    }
    if let Some(values) = asset.attributes.get_mut(&incoming.attribute)
        && is_known(values, &text, &incoming)
    {
        return Taken::Known;
    }
    let cost = cost(text.len(), incoming.method.len());
    if held.saturating_add(cost) > limits.value_bytes {
        *dropped = dropped.saturating_add(1);
        return Taken::Beside;
    }
    let values = asset.attributes.entry(incoming.attribute).or_default();
    *held = held.saturating_add(cost);
    let shown_before = values.first().map(|best| best.value.clone());
    values.push(AttributeValue {
        value: text,
        source: incoming.source,
        method: incoming.method.to_owned(),
        confidence: incoming.confidence,
        first_seen: incoming.at,
        last_seen: incoming.at,
        frame: incoming.frame,
    });
    // A device has many addresses, services and unit ids at the same time: there the first one stays first.
    if !is_list(incoming.attribute) {
        values.sort_by_key(|value| std::cmp::Reverse((value.source, value.confidence, value.first_seen)));
    }
    let most = limits.values_of(incoming.attribute);
    if values.len() > most {
        let going = values.split_off(most);
        *held = going.iter().fold(*held, |held, value| held.saturating_sub(cost_of(value)));
        *dropped = dropped.saturating_add(1);
    }
    let shown_now = values.first().map(|best| best.value.clone());
    if incoming.attribute == Attribute::DeviceClass {
        asset.device_class = shown_now.as_deref().map(device_class).unwrap_or_default();
    }
    if shown_now == shown_before { Taken::Beside } else { Taken::Shown(shown_before) }
}

/// What keeping a value takes, in bytes.
pub(crate) fn cost_of(value: &AttributeValue) -> usize {
    cost(value.value.len(), value.method.len())
}

const fn cost(value: usize, method: usize) -> usize {
    size_of::<AttributeValue>().saturating_add(value).saturating_add(method)
}

/// Looks for a value told before by the same means, and notes that it was told again.
fn is_known(values: &mut [AttributeValue], text: &str, incoming: &Incoming<'_>) -> bool {
    let Some(known) = values.iter_mut().find(|known| known.value == text && known.method == incoming.method) else {
        return false;
    };
    known.last_seen = known.last_seen.max(incoming.at);
    known.confidence = known.confidence.max(incoming.confidence);
    true
}

/// Whether several values are true at once rather than rival.
const fn is_list(attribute: Attribute) -> bool {
    matches!(
        attribute,
        Attribute::IpAddress
            | Attribute::MacAddress
            | Attribute::Service
            | Attribute::UnitId
            | Attribute::Talker
            | Attribute::Sfi
            | Attribute::NavigationRole
            | Attribute::ClientHint
            | Attribute::PortVlan
            | Attribute::SwitchPort
            | Attribute::Account
            | Attribute::TlsFingerprint
            | Attribute::StationAddress
            | Attribute::Publication
            | Attribute::MulticastGroup
    )
}

/// Reads a class from the word a dissector uses; anything else is unknown.
pub(crate) fn device_class(word: &str) -> DeviceClass {
    use DeviceClass as C;
    match word {
        "plc" => C::Plc,
        "hmi" => C::Hmi,
        "workstation" => C::Workstation,
        "server" => C::Server,
        "switch" => C::Switch,
        "router" => C::Router,
        "firewall" => C::Firewall,
        "gateway" => C::Gateway,
        "ecdis" => C::Ecdis,
        "radar" => C::Radar,
        "ais" => C::Ais,
        "gnss" => C::Gnss,
        "vdr" => C::Vdr,
        "autopilot" => C::Autopilot,
        "gyro" => C::Gyro,
        "echo_sounder" => C::EchoSounder,
        "speed_log" => C::SpeedLog,
        "wind_sensor" => C::WindSensor,
        "engine_controller" => C::EngineController,
        "iopanel" => C::Iopanel,
        "sensor" => C::Sensor,
        "actuator" => C::Actuator,
        "printer" => C::Printer,
        "camera" => C::Camera,
        "phone" => C::Phone,
        "laptop" => C::Laptop,
        "monitor" => C::Monitor,
        _ => C::Unknown,
    }
}
