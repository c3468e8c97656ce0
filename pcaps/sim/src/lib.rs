//! The traffic simulator: writes labelled captures of a ship's networks for tests, demonstrations and the evaluation.
//!
//! It never sends packets. Its encoders are its own: a codec shared with the parsers would hide the bugs both make. The same arguments
//! give the same bytes on every machine: no clock, named random streams, and transcendental functions from one library (`libm`).

mod capture;
mod direct;
mod error;
mod labels;
mod mix;
mod output;
mod rng;
mod run;
mod script;
mod ship;
mod talk;
mod talker;
mod wire;
mod world;

pub use capture::degrade::Faults;
pub use capture::file::{Format, Link};
pub use direct::{Played, Sighting};
pub use error::SimError;
pub use labels::{Expect, Labels, MustNot, Party, Window};
pub use mix::mix;
pub use output::{FileOptions, Written, cut, learn, run};
pub use run::{RunOptions, Sentences};
pub use script::{ADVISORY, INDICATORS, SIGNATURES};

/// Name, what it is: every ship that can be simulated.
#[must_use]
pub fn ships() -> Vec<(&'static str, &'static str, &'static str)> {
    ship::SHIPS.iter().map(|ship| (ship.id, ship.alias, ship.what)).collect()
}

/// Whether a ship has what a script needs: its hosts, a voyage, something to aim at.
///
/// # Errors
/// When there is no such ship or script.
pub fn can_play(ship: &str, script: &str) -> Result<bool, SimError> {
    let needs = script::find(script)?;
    let attack_after_s = 600;
    let options = RunOptions {
        ship: ship.to_owned(),
        script: script.to_owned(),
        seed: 1,
        start: dogwatch_model::CaptureTime::from_parts(1_799_568_000, 0),
        duration_s: attack_after_s + needs.lead_s as u32 + needs.needs_s as u32,
        attack_after_s,
        parameters: std::collections::BTreeMap::new(),
        sentences: Sentences::default(),
        pictures: false,
        vlan: false,
        faults: Faults::default(),
    };
    match run::Run::new(&options, false) {
        Ok(_) => Ok(true),
        Err(SimError::NotAboard { .. } | SimError::NoVoyage { .. }) => Ok(false),
        Err(other) => Err(other),
    }
}

/// One script as shown to the user.
#[derive(Debug, Clone, PartialEq)]
pub struct ScriptInfo {
    /// Its name.
    pub name: &'static str,
    /// What happens.
    pub what: &'static str,
    /// Whether it is an attack.
    pub attack: bool,
    /// Parameters and defaults.
    pub parameters: &'static [(&'static str, f64)],
    /// Seconds the attack needs to be seen, and seconds of normal life that it needs before it.
    pub needs_s: (u32, u32),
    /// The normal life that an attack disturbs.
    pub normal: &'static str,
}

/// Every script that can be played.
#[must_use]
pub fn scripts() -> Vec<ScriptInfo> {
    let info = |script: &script::Script| ScriptInfo {
        name: script.name,
        what: script.what,
        attack: script.attack,
        parameters: script.parameters,
        needs_s: (script.needs_s as u32, script.lead_s as u32),
        normal: script::normal_of(script),
    };
    script::all().map(info).collect()
}
