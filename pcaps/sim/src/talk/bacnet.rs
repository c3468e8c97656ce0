//! BACnet/IP (ASHRAE 135, annex J): writing and reading one property.

/// A unicast packet: virtual link control, network header with or without "answer expected", application data.
fn packet(answer_wanted: bool, apdu: &[u8]) -> Vec<u8> {
    let length = ((apdu.len() + 6) as u16).to_be_bytes();
    [&[0x81, 0x0A][..], &length, &[1, if answer_wanted { 4 } else { 0 }], apdu].concat()
}

/// An object: 10 bits of type, 22 of instance. 5 is a binary value, 2 an analog value.
fn object(kind: u16, instance: u32) -> [u8; 4] {
    ((u32::from(kind) << 22) | (instance & 0x3F_FFFF)).to_be_bytes()
}

/// Writes `active` into the present value of a binary value, at priority 8, and the answer.
pub(crate) fn write_binary(invoke: u8, instance: u32, active: bool) -> [Vec<u8>; 2] {
    let ask =
        [&[0, 5, invoke, 15, 0x0C][..], &object(5, instance), &[0x19, 85, 0x3E, 0x91, u8::from(active), 0x3F, 0x49, 8]];
    [packet(true, &ask.concat()), packet(false, &[0x20, invoke, 15])]
}

/// Reads the present value of a binary value, and the answer.
pub(crate) fn read_binary(invoke: u8, instance: u32, active: bool) -> [Vec<u8>; 2] {
    let ask = [&[0, 5, invoke, 12, 0x0C][..], &object(5, instance), &[0x19, 85]].concat();
    let answer =
        [&[0x30, invoke, 12, 0x0C][..], &object(5, instance), &[0x19, 85, 0x3E, 0x91, u8::from(active), 0x3F]].concat();
    [packet(true, &ask), packet(false, &answer)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts() {
        // Annex F.3.5 of the standard reads property 85 of Analog Input 5: 00 00 01 0C 0C 00 00 00 05 19 55. Ours names a binary value.
        let [ask, answer] = read_binary(1, 5, true);
        assert_eq!(ask[6..], [0, 5, 1, 0x0C, 0x0C, 0x01, 0x40, 0, 5, 0x19, 0x55]);
        assert_eq!(usize::from(u16::from_be_bytes([ask[2], ask[3]])), ask.len());
        assert_eq!(answer[6..9], [0x30, 1, 0x0C]);
        assert_eq!(write_binary(2, 7, false)[1], [0x81, 0x0A, 0, 9, 1, 0, 0x20, 2, 15]);
    }
}
