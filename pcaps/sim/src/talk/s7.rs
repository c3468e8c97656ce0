//! S7 communication over ISO transport (RFC 1006, ISO 8073): opening a connection, and stopping the program.
//!
//! Layouts as public descriptions of the protocol give them (the Wireshark dissector and the Snap7 library's documentation).

/// TPKT and what it carries.
fn tpkt(rest: &[u8]) -> Vec<u8> {
    [&[3, 0][..], &((rest.len() + 4) as u16).to_be_bytes(), rest].concat()
}

/// A data transport header and an S7 message: `kind` 1 asks, 3 answers (and then has two bytes of error).
fn message(kind: u8, reference: u16, parameters: &[u8]) -> Vec<u8> {
    let mut out = vec![2, 0xF0, 0x80, 0x32, kind, 0, 0];
    out.extend_from_slice(&reference.to_be_bytes());
    out.extend_from_slice(&(parameters.len() as u16).to_be_bytes());
    out.extend_from_slice(&[0, 0]);
    if kind == 3 {
        out.extend_from_slice(&[0, 0]);
    }
    out.extend_from_slice(parameters);
    tpkt(&out)
}

/// Connection request and confirmation: rack 0, slot 2, packets of 1024 bytes.
pub(crate) fn connect() -> [Vec<u8>; 2] {
    let ask = [0x11, 0xE0, 0, 0, 0, 1, 0, 0xC1, 2, 1, 0, 0xC2, 2, 1, 2, 0xC0, 1, 0x0A];
    let grant = [0x11, 0xD0, 0, 1, 0, 2, 0, 0xC0, 1, 0x0A, 0xC1, 2, 1, 0, 0xC2, 2, 1, 2];
    [tpkt(&ask), tpkt(&grant)]
}

/// Setup communication: one job at a time, 480 bytes asked and 240 granted.
pub(crate) fn set_up() -> [Vec<u8>; 2] {
    [message(1, 1, &[0xF0, 0, 0, 1, 0, 1, 0x01, 0xE0]), message(3, 1, &[0xF0, 0, 0, 1, 0, 1, 0, 0xF0])]
}

/// PLC stop (0x29) and its answer.
pub(crate) fn stop(reference: u16) -> [Vec<u8>; 2] {
    let ask = [&[0x29, 0, 0, 0, 0, 0, 9][..], b"P_PROGRAM"].concat();
    [message(1, reference, &ask), message(3, reference, &[0x29])]
}

/// Read (4) of `count` bytes of a data block from `address`, and its answer with `data`.
pub(crate) fn read(reference: u16, block: u16, address: u32, data: &[u8]) -> [Vec<u8>; 2] {
    let count = data.len() as u16;
    let mut ask = vec![4, 1, 0x12, 0x0A, 0x10, 2];
    ask.extend_from_slice(&count.to_be_bytes());
    ask.extend_from_slice(&block.to_be_bytes());
    // Area 0x84 is data blocks; the address counts bits in three bytes.
    let [_, a, b, c] = (address * 8).to_be_bytes();
    ask.extend_from_slice(&[0x84, a, b, c]);
    let mut item = vec![0xFF, 4];
    item.extend_from_slice(&(count * 8).to_be_bytes());
    item.extend_from_slice(data);
    let mut answer = vec![2, 0xF0, 0x80, 0x32, 3, 0, 0];
    answer.extend_from_slice(&reference.to_be_bytes());
    answer.extend_from_slice(&[0, 2]);
    answer.extend_from_slice(&(item.len() as u16).to_be_bytes());
    answer.extend_from_slice(&[0, 0, 4, 1]);
    answer.extend_from_slice(&item);
    [message(1, reference, &ask), tpkt(&answer)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_fit() {
        for packet in connect().into_iter().chain(set_up()).chain(stop(7)).chain(read(8, 10, 0, &[0; 16])) {
            assert_eq!(usize::from(u16::from_be_bytes([packet[2], packet[3]])), packet.len());
        }
        // Setup communication as printed in public descriptions: 25 bytes to the controller, 27 back.
        assert_eq!(set_up().map(|packet| packet.len()), [25, 27]);
        assert_eq!(stop(7)[0].len(), 33, "header 17, parameters 16");
    }
}
