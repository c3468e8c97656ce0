//! Modbus/TCP frames (Modbus Application Protocol V1.1b3, Messaging on TCP/IP V1.0b).

/// MBAP header and protocol data unit.
pub(crate) fn frame(transaction: u16, unit: u8, pdu: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(7 + pdu.len());
    out.extend_from_slice(&transaction.to_be_bytes());
    out.extend_from_slice(&[0, 0]);
    out.extend_from_slice(&((pdu.len() + 1) as u16).to_be_bytes());
    out.push(unit);
    out.extend_from_slice(pdu);
    out
}

/// Function codes used here.
pub(crate) mod function {
    pub(crate) const READ_COILS: u8 = 1;
    pub(crate) const READ_HOLDING: u8 = 3;
    pub(crate) const READ_INPUT: u8 = 4;
    pub(crate) const WRITE_COIL: u8 = 5;
    pub(crate) const WRITE_REGISTER: u8 = 6;
    pub(crate) const WRITE_REGISTERS: u8 = 16;
    pub(crate) const ENCAPSULATED: u8 = 43;
}

/// A request for `count` items from `address` (functions 1 to 4), or a single write of `count` to `address` (functions 5 and 6).
pub(crate) fn pair(function: u8, address: u16, count: u16) -> Vec<u8> {
    let ([a, b], [c, d]) = (address.to_be_bytes(), count.to_be_bytes());
    vec![function, a, b, c, d]
}

/// The answer to a register read.
pub(crate) fn registers(function: u8, values: &[u16]) -> Vec<u8> {
    let mut out = vec![function, (values.len() * 2) as u8];
    out.extend(values.iter().flat_map(|value| value.to_be_bytes()));
    out
}

/// The answer to a coil read, the first coil in the lowest bit.
pub(crate) fn coils(function: u8, values: &[bool]) -> Vec<u8> {
    let mut out = vec![function, values.len().div_ceil(8) as u8];
    let byte = |eight: &[bool]| eight.iter().rev().fold(0_u8, |sum, bit| (sum << 1) | u8::from(*bit));
    out.extend(values.chunks(8).map(byte));
    out
}

/// A request to write several registers (function 16).
pub(crate) fn write_registers(address: u16, values: &[u16]) -> Vec<u8> {
    let mut out = pair(function::WRITE_REGISTERS, address, values.len() as u16);
    out.push((values.len() * 2) as u8);
    out.extend(values.iter().flat_map(|value| value.to_be_bytes()));
    out
}

/// Asks for the basic identification objects (function 43, type 14).
pub(crate) fn read_identification() -> Vec<u8> {
    vec![function::ENCAPSULATED, 14, 1, 0]
}

/// Answers with vendor name, product code and revision.
pub(crate) fn identification(objects: [&str; 3]) -> Vec<u8> {
    let mut out = vec![function::ENCAPSULATED, 14, 1, 1, 0, 0, 3];
    for (number, text) in (0_u8..).zip(objects) {
        out.extend_from_slice(&[number, text.len() as u8]);
        out.extend_from_slice(text.as_bytes());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_of_the_specification() {
        // Application protocol V1.1b3, section 6.3: read holding registers 108-110, answer 022B 0000 0064.
        assert_eq!(pair(3, 0x6B, 3), [0x03, 0x00, 0x6B, 0x00, 0x03]);
        assert_eq!(registers(3, &[0x022B, 0, 0x64]), [0x03, 0x06, 0x02, 0x2B, 0x00, 0x00, 0x00, 0x64]);
        // Section 6.12: write 000A and 0102 to registers 2 and 3.
        assert_eq!(write_registers(1, &[0x000A, 0x0102]), [0x10, 0, 1, 0, 2, 4, 0, 0x0A, 1, 2]);
        // Section 6.1: coils 20 to 38 with status CD 6B 05.
        let coils_20_to_38: Vec<bool> = [0xCD_u8, 0x6B, 0x05]
            .iter()
            .flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1 == 1))
            .take(19)
            .collect();
        assert_eq!(coils(1, &coils_20_to_38), [1, 3, 0xCD, 0x6B, 0x05]);
        // Section 6.21: device identification with basic objects.
        assert_eq!(
            identification(["Company identification", "Product code XX", "V2.11"])[..9],
            [0x2B, 0x0E, 0x01, 0x01, 0x00, 0x00, 0x03, 0x00, 0x16]
        );
        assert_eq!(frame(1, 0xFF, &[3]), [0, 1, 0, 0, 0, 2, 0xFF, 3]);
    }
}
