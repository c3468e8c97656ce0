//! Plays a script on a ship and hands the frames, in order of time, to whoever wants them.

use std::collections::BTreeMap;

use dogwatch_model::{CaptureTime, Severity};

use crate::capture::degrade::{Degrader, Faults};
use crate::error::SimError;
use crate::labels::{Labels, MustNot, Window};
use crate::script::{self, Play, Scene, Script};
use crate::ship::{self, Crew, Fitting, Roster, Ship};
use crate::talker::outlet::Carrier;
use crate::wire::net::{Frame, Net, SECOND};
use crate::world::{STEP, World};

/// How sentences travel on the bridge network.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sentences {
    /// IEC 61162-450 groups with TAG blocks.
    #[default]
    Groups,
    /// UDP broadcast to port 10110 without TAG blocks.
    Plain,
    /// TCP from a serial server.
    Serial,
}

/// What to simulate.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// The ship, by name or short name.
    pub ship: String,
    /// The script.
    pub script: String,
    /// Decides every random draw.
    pub seed: u64,
    /// First instant; whole seconds.
    pub start: CaptureTime,
    /// Seconds of the run.
    pub duration_s: u32,
    /// Seconds from the start to the attack.
    pub attack_after_s: u32,
    /// Parameters of the script.
    pub parameters: BTreeMap<String, f64>,
    /// How sentences travel.
    pub sentences: Sentences,
    /// The radar sends its picture to the recorder every 15 s, a third of all bytes.
    pub pictures: bool,
    /// VLAN tags as on a trunk mirror; packets between zones then appear on both sides.
    pub vlan: bool,
    /// What is wrong with the capture.
    pub faults: Faults,
}

/// A run, ready to be stepped.
pub(crate) struct Run {
    world: World,
    net: Net,
    crew: Crew,
    play: Play,
    attack_from: i64,
    end: i64,
    both_views: bool,
    degrader: Degrader,
    /// What the script does to the capture, from the attack on.
    attacked: Degrader,
    /// Frames each host had handed in when the attack began: what is on its way still arrives.
    on_its_way: Option<Vec<u64>>,
    /// Text of the policy that fits this run.
    pub(crate) policy: String,
}

impl Run {
    /// Builds ship, world and script. `both_views` keeps routed packets on both sides.
    pub(crate) fn new(options: &RunOptions, both_views: bool) -> Result<(Self, Labels), SimError> {
        let ship = ship::find(&options.ship)?;
        let script = script::find(&options.script)?;
        let (duration_s, after_s) =
            (i64::from(options.duration_s), i64::from(options.attack_after_s).max(script.lead_s));
        script.check(&options.parameters, duration_s, after_s)?;
        let start = options.start.seconds() * SECOND;
        let end = start + duration_s * SECOND;
        let attack_from = start + after_s * SECOND;
        let departure = ship.departure(script.voyage)?;
        let roster = Roster::new(ship)?;
        let carrier = match options.sentences {
            Sentences::Groups => Carrier::Groups,
            Sentences::Plain => Carrier::Plain,
            Sentences::Serial => Carrier::Serial,
        };
        let fitting = Fitting {
            roster: &roster,
            seed: options.seed,
            start,
            carrier,
            pictures: options.pictures,
            voyage: script.voyage,
        };
        let crew = ship::outfit::crew(ship, &fitting)?;
        let scene = Scene {
            ship,
            roster: &roster,
            seed: options.seed,
            from: attack_from,
            to: end,
            parameters: &options.parameters,
            vlan: options.vlan,
        };
        let play = (script.play)(&scene)?;
        let run = Window { from: CaptureTime(start), to: CaptureTime(end) };
        let labels = labels(ship, script, options, &play, (run, CaptureTime(attack_from)));
        let mut policy = ship.policy.to_owned();
        for (old, new) in &play.policy_edits {
            policy = policy.replace(old, new);
        }
        policy.push_str(play.policy.as_deref().unwrap_or_default());
        let attacked = Degrader::new(play.faults, options.seed.wrapping_add(1));
        let run = Self {
            world: World::new(options.seed, start, departure, ship.engine),
            net: roster.network(),
            crew,
            play,
            attack_from,
            end,
            both_views,
            degrader: Degrader::new(options.faults, options.seed),
            attacked,
            on_its_way: None,
            policy,
        };
        Ok((run, labels))
    }

    /// The frames of the next step, earliest first; `None` when the run is over.
    pub(crate) fn step(&mut self) -> Option<Vec<Frame>> {
        if self.world.now >= self.end {
            return None;
        }
        if self.world.now >= self.attack_from {
            self.on_its_way.get_or_insert_with(|| self.net.handed_in());
            if let Some(bend) = &mut self.play.bend {
                bend(&mut self.world);
            }
            for talker in &mut self.play.talkers {
                talker.tick(&self.world, &mut self.net);
            }
        }
        for talker in &mut self.crew {
            talker.tick(&self.world, &mut self.net);
        }
        let until = (self.world.now + STEP).min(self.end);
        self.world.step();
        let mut frames = self.net.take_until(until);
        let on_its_way = self.on_its_way.as_deref().unwrap_or_default();
        frames.retain(|frame| {
            let sent_before = on_its_way.get(frame.host as usize).is_some_and(|count| frame.count <= *count);
            let silent =
                !sent_before && self.play.silent.iter().any(|(host, until)| *host == frame.host && frame.at < *until);
            let dark = silent || self.play.blind == Some(frame.tap);
            !(dark && frame.at >= self.attack_from) && (self.both_views || !frame.far_view)
        });
        if let Some((old, new)) = self.play.takeover.filter(|_| self.world.now > self.attack_from) {
            for place in frames.iter_mut().filter_map(|frame| frame.bytes.get_mut(..12)) {
                let (to, from) = place.split_at_mut(6);
                for card in [to, from].into_iter().filter(|card| **card == old) {
                    card.copy_from_slice(&new);
                }
            }
        }
        if let Some(relay) = self.play.relay {
            frames = frames.into_iter().flat_map(|frame| relay.pass(frame, until)).collect();
            frames.sort_by_key(|frame| frame.at);
        }
        if self.world.now > self.attack_from {
            frames = self.attacked.pass(frames);
            frames.iter_mut().for_each(|frame| frame.at += self.play.clock_step);
        }
        let mut frames = self.degrader.pass(frames);
        if self.world.now >= self.end {
            frames.extend(self.degrader.finish());
        }
        Some(frames)
    }
}

fn labels(ship: &Ship, script: &Script, options: &RunOptions, play: &Play, times: (Window, CaptureTime)) -> Labels {
    let (run, from) = times;
    let quiet = if script.attack { Window { from: run.from, to: from } } else { run };
    let reason = "normal life must not raise findings of this severity";
    Labels {
        schema: 1,
        scenario: script.name.to_owned(),
        kind: if script.attack { "attack" } else { "normal" },
        what: script.what.to_owned(),
        ship: ship.id.to_owned(),
        seed: options.seed,
        run,
        attack: script.attack.then_some(Window { from, to: run.to }),
        files: Vec::new(),
        expect: play.expect.clone(),
        must_not: vec![MustNot {
            detections: vec!["*".to_owned()],
            min_severity: Severity::High,
            window: quiet,
            reason: reason.to_owned(),
        }],
    }
}
