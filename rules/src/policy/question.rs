//! A question asked by a person in words: `dogwatch policy explain conning me-gateway modbus --op write --addr 40-47`.

use dogwatch_model::{CaptureTime, Mac, Object, ShipState, Table, Transport, Verb};

use super::app::App;
use super::diagnostic::nearest;
use super::place::Placement;
use super::prefix::Prefix;
use super::range::AddressRange;
use super::verdict::Ask;
use super::words::{TableWord, Word};
use super::{AppName, End, Policy};

/// What a person wants to know. Words are those of the policy file.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Asset id, IP or MAC address that asks.
    pub from: &'a str,
    /// Asset id, IP or MAC address that is asked.
    pub to: &'a str,
    /// Application word, `tcp/NNN`, `udp/NNN` or `ip/NN`.
    pub app: &'a str,
    /// Operation; `None` asks whether the two may talk at all.
    pub op: Option<&'a str>,
    /// Modbus unit; 1 where addresses are given without.
    pub unit: Option<u8>,
    /// Modbus table; `holding` where addresses are given without.
    pub table: Option<&'a str>,
    /// Registers, as in `addr`.
    pub addr: Option<&'a str>,
    /// The value to be written.
    pub value: Option<u16>,
    /// A named object or host; not together with `addr`.
    pub object: Option<&'a str>,
    /// When.
    pub at: CaptureTime,
    /// What the ship is doing.
    pub state: ShipState,
}

impl Policy {
    /// Says in words which line decides on a question.
    ///
    /// # Errors
    /// The word that was not understood, for the person who wrote it.
    pub fn answer(&self, question: &Question<'_>) -> Result<String, String> {
        self.decide(question).map(|(_, words)| words)
    }

    /// Like [`Policy::answer`], with whether it is allowed.
    ///
    /// # Errors
    /// As [`Policy::answer`].
    pub fn decide(&self, question: &Question<'_>) -> Result<(bool, String), String> {
        let (protocol, transport, port) = carried(question.app)?;
        let verb = question.op.map(|word| known::<Verb>("operation", word)).transpose()?;
        let ask = Ask {
            from: self.end_named(question.from)?,
            to: self.end_named(question.to)?,
            protocol,
            transport,
            port,
            verb,
            object: object(question)?,
            at: question.at,
            state: question.state,
        };
        let verdict = self.judge(&ask);
        Ok((verdict.is_allowed(), self.explanation(&ask, &verdict)))
    }

    /// The end with this asset id or address.
    ///
    /// # Errors
    /// Says that nothing is called so, and what is.
    pub fn end_named(&self, name: &str) -> Result<End, String> {
        if let Some(index) = self.asset_named(name) {
            let asset = self.asset(index);
            let ip = asset.and_then(|asset| asset.ip.first()).copied();
            let mac = asset.and_then(|asset| asset.mac.first()).copied().unwrap_or(Mac::NONE);
            let zone = asset.map(|asset| asset.zone);
            return Ok(End { zone, asset: Some(index), ip, mac, ..End::default() });
        }
        // Without a frame only the address can tell the zone, as behind a gateway.
        let place = |mac, ip| {
            let end = Placement { source: "", vlan: None, mac, ip, link_is_gateway: ip.is_some() };
            self.end(self.placed(&end), mac, ip, false)
        };
        if let Ok(ip) = name.parse() {
            return Ok(place(Mac::NONE, Some(ip)));
        }
        if let Ok(mac) = name.parse::<Mac>() {
            return Ok(place(mac, None));
        }
        let near = nearest(name, self.assets.iter().map(|asset| asset.id.as_str()));
        let hint = near.map_or_else(String::new, |id| format!("; did you mean {id}?"));
        let what =
            if Prefix::parse(name).is_some() { "is a prefix, not one host" } else { "is no asset and no address" };
        Err(format!("\"{name}\" {what}{hint}"))
    }
}

/// What carries an application, as the judge asks for it.
fn carried(app: &str) -> Result<(Option<&str>, Transport, u16), String> {
    let read = App::parse(app).map_err(|_| {
        let near = nearest(app, AppName::WORDS.iter().copied());
        near.map_or_else(
            || format!("\"{app}\" is no application"),
            |word| format!("\"{app}\" is no application; did you mean {word}?"),
        )
    })?;
    Ok(match read {
        App::Named(name) => {
            let (transport, port) = name.usual_place();
            (Some(name.protocol()), transport, port)
        }
        App::Tcp(port, _) => (None, Transport::Tcp, port),
        App::Udp(port, _) => (None, Transport::Udp, port),
        App::Ip(6) => (None, Transport::Tcp, 0),
        App::Ip(17) => (None, Transport::Udp, 0),
        App::Ip(number) => (None, Transport::Ip(number), 0),
    })
}

fn known<W: Word>(what: &str, word: &str) -> Result<W, String> {
    W::from_word(word).ok_or_else(|| format!("\"{word}\" is no {what}; the words are: {}", W::ALL.join(", ")))
}

fn object<'a>(question: &Question<'a>) -> Result<Option<Object<'a>>, String> {
    let Some(addr) = question.addr else {
        let device = || question.unit.map(|unit| Object::Device { unit: Some(unit) });
        return Ok(question.object.map(Object::Named).or_else(device));
    };
    let range =
        AddressRange::parse(addr).map_err(|problem| format!("addr {}; {}", problem.message, problem.help))?.range;
    let table = question.table.map(|word| known::<TableWord>("table", word)).transpose()?;
    Ok(Some(Object::Registers {
        unit: question.unit.unwrap_or(1),
        table: table.and_then(|word| word.0).unwrap_or(Table::Holding),
        first: range.first,
        count: range.last.saturating_sub(range.first).saturating_add(1),
        written: question.value.map(|value| (value, value)),
    }))
}
