//! The closed word lists of the policy file. Each list is written once; the parser, its "did you mean" and every output use it.

use dogwatch_model::{ShipState, Table, Verb};

macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
        pub enum $name {
            $($(#[$vmeta])* #[serde(rename = $word)] $variant,)*
        }

        impl $name {
            /// Every word of the list.
            pub const WORDS: &'static [&'static str] = &[$($word),*];

            /// The word used in the file.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }

        impl Word for $name {
            const ALL: &'static [&'static str] = Self::WORDS;
            fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

/// A value that is one word of a closed list.
pub(super) trait Word: Sized {
    const ALL: &'static [&'static str];
    fn from_word(word: &str) -> Option<Self>;
}

words! {
    /// What the monitor does with traffic that nothing allows; ordered from the mildest.
    Mode {
        /// Recorded for proposals only.
        Learn = "learn",
        /// Counted and shown as "would alert".
        Watch = "watch",
        /// Findings.
        Enforce = "enforce",
    }
}

words! {
    /// Trust in a zone.
    Class {
        /// Operational technology.
        Ot = "ot",
        /// Office technology.
        It = "it",
        /// Anything may be connected there.
        Untrusted = "untrusted",
    }
}

words! {
    /// How much a zone matters.
    Importance {
        /// Little.
        Low = "low",
        /// Some.
        Medium = "medium",
        /// The ship's safety depends on it.
        High = "high",
    }
}

words! {
    /// What a zone is for.
    #[expect(missing_docs, reason = "each says itself")]
    Function {
        Navigation = "navigation",
        Communication = "communication",
        Propulsion = "propulsion",
        Power = "power",
        Steering = "steering",
        Cargo = "cargo",
        Ballast = "ballast",
        Safety = "safety",
        Hvac = "hvac",
        Hotel = "hotel",
        Crew = "crew",
        Passenger = "passenger",
        Business = "business",
        Dmz = "dmz",
        Outside = "outside",
    }
}

words! {
    /// Whether the set of devices in a zone is meant to stay as it is.
    Devices {
        /// A new device is a finding.
        Fixed = "fixed",
        /// New devices are only counted.
        Open = "open",
    }
}

words! {
    /// What an asset is on the network.
    #[expect(missing_docs, reason = "each says itself")]
    AssetRole {
        Gateway = "gateway",
        Plc = "plc",
        Hmi = "hmi",
        Server = "server",
        Switch = "switch",
        SensorPosition = "sensor-position",
        SensorHeading = "sensor-heading",
        HeadingControl = "heading-control",
        Recorder = "recorder",
        JumpHost = "jump-host",
        Admin = "admin",
    }
}

words! {
    /// What a navigation source is for.
    #[expect(missing_docs, reason = "each says itself")]
    NavRole {
        Position = "position",
        Heading = "heading",
        Speed = "speed",
        Depth = "depth",
        Wind = "wind",
        Ais = "ais",
        Radar = "radar",
        Alert = "alert",
        SteeringCommand = "steering-command",
        Time = "time",
        Display = "display",
    }
}

words! {
    /// What a window is opened for.
    #[expect(missing_docs, reason = "each says itself")]
    WindowKind {
        Service = "service",
        Upgrade = "upgrade",
        Test = "test",
        CargoOps = "cargo-ops",
        Drill = "drill",
    }
}

words! {
    /// How the ship state is known.
    StateSource {
        /// From speed over ground.
        Auto = "auto",
        /// A person sets it.
        Manual = "manual",
        /// Another program writes it to a file.
        File = "file",
    }
}

impl Word for Verb {
    const ALL: &'static [&'static str] =
        &["read", "write", "control", "program", "diagnose", "discover", "transfer", "login"];
    fn from_word(word: &str) -> Option<Self> {
        VERBS.into_iter().find(|verb| verb.as_str() == word)
    }
}

/// Every verb, in the order of the policy page.
pub(super) const VERBS: [Verb; 8] = [
    Verb::Read,
    Verb::Write,
    Verb::Control,
    Verb::Program,
    Verb::Diagnose,
    Verb::Discover,
    Verb::Transfer,
    Verb::Login,
];

/// The tables a line names; `any` is no restriction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TableWord(pub(super) Option<Table>);

impl Word for TableWord {
    const ALL: &'static [&'static str] = &["coil", "discrete", "input", "holding", "any"];
    fn from_word(word: &str) -> Option<Self> {
        let tables = [Table::Coil, Table::Discrete, Table::Input, Table::Holding];
        if word == "any" {
            return Some(Self(None));
        }
        tables.into_iter().find(|table| table.as_str() == word).map(|table| Self(Some(table)))
    }
}

impl Word for ShipState {
    const ALL: &'static [&'static str] = &["at_sea", "manoeuvring", "at_anchor", "in_port", "drydock", "unknown"];
    fn from_word(word: &str) -> Option<Self> {
        STATES.into_iter().find(|state| state_word(*state) == word)
    }
}

/// Every ship state.
pub(crate) const STATES: [ShipState; 6] = [
    ShipState::AtSea,
    ShipState::Manoeuvring,
    ShipState::AtAnchor,
    ShipState::InPort,
    ShipState::Drydock,
    ShipState::Unknown,
];

/// The ship state a word of the file means.
#[must_use]
pub fn state_named(word: &str) -> Option<ShipState> {
    ShipState::from_word(word)
}

/// The word a ship state has in the file.
#[must_use]
pub const fn state_word(state: ShipState) -> &'static str {
    match state {
        ShipState::AtSea => "at_sea",
        ShipState::Manoeuvring => "manoeuvring",
        ShipState::AtAnchor => "at_anchor",
        ShipState::InPort => "in_port",
        ShipState::Drydock => "drydock",
        ShipState::Unknown => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{parse_conduits, parse_zones, points};

    #[test]
    fn the_page_for_people_knows_every_word_and_field() {
        let page = include_str!("../../POLICY.md");
        let words = [
            Mode::WORDS,
            Class::WORDS,
            Function::WORDS,
            Devices::WORDS,
            AssetRole::WORDS,
            NavRole::WORDS,
            WindowKind::WORDS,
            StateSource::WORDS,
            Verb::ALL,
            TableWord::ALL,
            ShipState::ALL,
            points::PointType::ALL,
            points::PointTag::ALL,
        ];
        let fields = [
            parse_zones::ZONE,
            parse_zones::ASSET,
            parse_conduits::CONDUIT,
            parse_conduits::ALLOW,
            parse_conduits::EXCEPTION,
            points::POINT,
        ];
        let missing: Vec<_> =
            words.into_iter().chain(fields).flatten().filter(|word| !page.contains(&format!("`{word}`"))).collect();
        assert!(missing.is_empty(), "POLICY.md does not tell of {missing:?}");
    }
}
