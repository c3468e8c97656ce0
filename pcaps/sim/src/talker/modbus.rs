//! A Modbus/TCP master: one connection to one controller, its poll list, and now and then a write that the policy allows.

use super::plant::Controller;
use super::{Cadence, Talker};
use crate::rng::Rng;
use crate::talk::modbus::{self, function};
use crate::wire::net::{Host, MILLI, Net, SECOND};
use crate::wire::session::{End, Session};
use crate::world::{Voyage, World};

/// One line of a poll list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Poll {
    pub(crate) unit: u8,
    pub(crate) function: u8,
    pub(crate) address: u16,
    pub(crate) count: u16,
    pub(crate) period: i64,
}

/// What a write carries.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value {
    /// 1 and 0 in turn.
    Toggle,
    /// Anything from the first to the second.
    Between(u16, u16),
}

/// A write that comes at random times to one of some places of one of some units.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Writes {
    pub(crate) units: &'static [u8],
    pub(crate) addresses: &'static [u16],
    pub(crate) value: Value,
    pub(crate) is_coil: bool,
    /// Mean time between writes at sea, seconds; in narrow waters they are five times as many.
    pub(crate) mean_s: f64,
}

/// Who polls what. A "poll" with a write function sends what the controller's registers hold: an order given again and again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MasterPlan {
    pub(crate) name: &'static str,
    pub(crate) client: &'static str,
    pub(crate) server: &'static str,
    pub(crate) polls: &'static [Poll],
    pub(crate) writes: Option<Writes>,
    /// Asks for the identification once, when the connection is open.
    pub(crate) identifies: bool,
    /// Probes the idle line, as controllers of some kinds do.
    pub(crate) keeps_alive: bool,
}

/// A connection of a master to a controller: numbers its requests and waits for one answer before the next.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    session: Session,
    transaction: u16,
    free_at: i64,
    opened: bool,
    rng: Rng,
}

impl Link {
    /// A connection from `client`, port `port`, to the Modbus port of `server`.
    pub(crate) fn new(client: Host, port: u16, server: Host, mut rng: Rng) -> Self {
        let round_trip = if client.subnet == server.subnet { 350_000 } else { 800_000 };
        let session = Session::new((client, port), (server, 502), rng.bits(), round_trip);
        Self { session, transaction: rng.bits() as u16, free_at: 0, opened: false, rng }
    }

    /// From now on requests go out in IP fragments of `size` bytes.
    pub(crate) fn fragment(&mut self, size: usize) {
        self.session.fragments = Some(size);
    }

    /// Sends bytes that need not be a frame, and perhaps gets some back.
    pub(crate) fn raw(&mut self, net: &mut Net, at: i64, question: &[u8], answer: &[u8]) {
        let mut at = at.max(self.free_at);
        if !self.opened {
            self.opened = true;
            at = self.session.open(net, at);
        }
        let sent = self.session.send(net, at, End::Client, question);
        let over = sent + self.session.round_trip + 6 * MILLI;
        if answer.is_empty() {
            self.session.ack(net, over, End::Server);
        } else {
            self.session.send(net, over, End::Server, answer);
        }
        self.free_at = over + 2 * MILLI;
    }

    /// Sends a request and gets its answer 4 to 40 ms later; returns when the request went out.
    pub(crate) fn ask(&mut self, net: &mut Net, at: i64, unit: u8, request: &[u8], answer: &[u8]) -> i64 {
        let mut at = at.max(self.free_at);
        if !self.opened {
            self.opened = true;
            at = self.session.open(net, at);
        }
        self.transaction = self.transaction.wrapping_add(1);
        let question = modbus::frame(self.transaction, unit, request);
        let answer = modbus::frame(self.transaction, unit, answer);
        let thinking = 4 * MILLI + self.rng.nanos(36 * MILLI);
        self.free_at = self.session.exchange(net, at, &question, &answer, thinking) + MILLI;
        at
    }

    /// Asks whether the other end is still there.
    pub(crate) fn keep_alive(&mut self, net: &mut Net, at: i64) {
        if self.opened {
            let at = at.max(self.free_at);
            self.session.keep_alive(net, at);
            self.free_at = at + 2 * MILLI;
        }
    }

    /// Forgets the connection: the next request opens another one, from the next port.
    pub(crate) fn reopen(&mut self, now: i64) {
        self.session.renew(self.rng.bits());
        self.opened = false;
        self.free_at = now + SECOND;
    }

    /// Closes the connection in good order.
    pub(crate) fn close(&mut self, net: &mut Net) {
        if self.opened {
            self.free_at = self.session.close(net, self.free_at + 5 * MILLI);
            self.opened = false;
        }
    }
}

/// A master at work.
pub(crate) struct Master {
    plan: &'static MasterPlan,
    controller: Controller,
    link: Link,
    polls: Vec<(Poll, Cadence)>,
    write: Option<Cadence>,
    keep_alive: Cadence,
    identify: bool,
    rng: Rng,
    starts_next: bool,
    /// One of the two ends goes dark with the machinery.
    loses_power: bool,
    /// The other end had no power; answers it still refuses after its start.
    was_off: bool,
    busy: u8,
}

impl Master {
    /// A master that connects within the first seconds of the run.
    pub(crate) fn new(
        plan: &'static MasterPlan,
        controller: Controller,
        (client, server, loses_power): (Host, Host, bool),
        seed: u64,
        start: i64,
    ) -> Self {
        let mut rng = Rng::stream(seed, plan.name, "timing");
        let first = start + 3 * SECOND + rng.nanos(2 * SECOND);
        let polls = plan.polls.iter().map(|poll| (*poll, Cadence::new(first + rng.nanos(poll.period), poll.period)));
        let polls = polls.collect();
        // The first write comes early, so that every capture of more than two minutes holds a normal one.
        let write = plan.writes.map(|_| Cadence::new(start + 50 * SECOND + rng.nanos(50 * SECOND), SECOND));
        let port = 49_300 + rng.below(2_000) as u16;
        let link = Link::new(client, port, server, Rng::stream(seed, plan.name, "link"));
        let keep_alive = Cadence::new(first + 75 * SECOND, 75 * SECOND);
        Self {
            plan,
            controller,
            link,
            polls,
            write,
            keep_alive,
            identify: plan.identifies,
            rng,
            starts_next: true,
            loses_power,
            was_off: false,
            busy: 0,
        }
    }

    fn write(&mut self, net: &mut Net, at: i64, writes: &Writes) {
        let unit = self.rng.pick(writes.units);
        // A single place needs no draw.
        let address = match writes.addresses {
            [only] => *only,
            several => self.rng.pick(several),
        };
        let value = match writes.value {
            Value::Toggle => {
                self.starts_next = !self.starts_next;
                u16::from(!self.starts_next)
            }
            Value::Between(low, high) => low + self.rng.below(u64::from(high.saturating_sub(low)) + 1) as u16,
        };
        let request = if writes.is_coil {
            modbus::pair(function::WRITE_COIL, address, if value == 0 { 0 } else { 0xFF00 })
        } else {
            modbus::pair(function::WRITE_REGISTER, address, value)
        };
        self.link.ask(net, at, unit, &request, &request);
    }

    /// Request and answer of a line of the poll list.
    fn exchange(&self, world: &World, poll: &Poll) -> (Vec<u8>, Vec<u8>) {
        let Poll { unit, function, address, count, .. } = *poll;
        match function {
            function::WRITE_REGISTERS => {
                let values: Vec<u16> =
                    (address..address + count).map(|at| self.controller.register(world, unit, at)).collect();
                (modbus::write_registers(address, &values), modbus::pair(function, address, count))
            }
            function::WRITE_REGISTER => {
                let request = modbus::pair(function, address, self.controller.register(world, unit, address));
                (request.clone(), request)
            }
            _ => {
                let answer = self.controller.read(world, unit, function, address, count);
                (modbus::pair(function, address, count), answer)
            }
        }
    }
}

impl Talker for Master {
    fn tick(&mut self, world: &World, net: &mut Net) {
        let is_off = world.effects.blackout && self.loses_power;
        if !is_off && std::mem::take(&mut self.was_off) {
            self.link.reopen(world.now);
            self.busy = 4;
        }
        self.was_off = is_off;
        for number in 0..self.polls.len() {
            let Some((poll, cadence)) = self.polls.get_mut(number) else { break };
            let Some(at) = cadence.due(world.now).filter(|_| !is_off) else { continue };
            let poll = *poll;
            if std::mem::take(&mut self.identify) {
                let answer = modbus::identification(self.controller.identification);
                self.link.ask(net, at, poll.unit, &modbus::read_identification(), &answer);
            }
            let (request, answer) = self.exchange(world, &poll);
            if self.busy > 0 {
                // A controller that starts says it is busy (6), a gateway that its slave is not there yet (5 is "wait").
                self.busy -= 1;
                let jitter = self.rng.nanos(4 * MILLI);
                self.link.ask(net, at + jitter, poll.unit, &request, &[poll.function | 0x80, 5 + self.busy % 2]);
                continue;
            }
            let jitter = self.rng.nanos(4 * MILLI);
            self.link.ask(net, at + jitter, poll.unit, &request, &answer);
        }
        if is_off {
            return;
        }
        if let (Some(writes), Some(at)) =
            (self.plan.writes, self.write.as_mut().and_then(|write| write.due_once(world.now)))
        {
            self.write(net, at, &writes);
            let is_busy = matches!(world.motion.voyage, Voyage::Arrival | Voyage::Departure);
            let wait = 30.0 + self.rng.waiting(if is_busy { writes.mean_s / 5.0 } else { writes.mean_s });
            if let Some(write) = &mut self.write {
                write.again(at + (wait * 1e3) as i64 * MILLI);
            }
        }
        // Only a list slower than a keep-alive interval would leave the line idle; some controllers are probed anyway.
        if self.plan.keeps_alive
            && let Some(at) = self.keep_alive.due(world.now)
        {
            self.link.keep_alive(net, at);
        }
    }
}
