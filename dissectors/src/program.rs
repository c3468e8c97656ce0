//! Whether bytes are the front of a program: what a file server, a page or a transfer hands over is looked at for its first bytes only.
//!
//! Deliberately not done: nothing is put together or kept, archives are not opened, documents with macros are documents. The names are the same in
//! every protocol, so that a rule need not know how the file came.
//!
//! Sources: Microsoft PE format (MS-DOS stub, `e_lfanew` at 0x3c); System V ABI chapter 4 (ELF identification); POSIX `exec` (`#!`); U-Boot
//! `image.h` (legacy image 0x27051956); flattened device tree (0xd00dfeed); SquashFS 4.0 (`hsqs`); UBI (`UBI#`); TRX (`HDR0`); Microsoft cabinet
//! (`MSCF`) is left out because office updates travel so.

/// Bytes that are enough to tell.
pub(crate) const ENOUGH: usize = 64;

/// Images that network equipment and controllers are flashed with.
const IMAGES: [&[u8]; 6] = [&[0x27, 0x05, 0x19, 0x56], &[0xd0, 0x0d, 0xfe, 0xed], b"hsqs", b"sqsh", b"UBI#", b"HDR0"];

/// The stable name of the kind of program that begins with `head`.
pub(crate) fn kind(head: &[u8]) -> Option<&'static str> {
    match head {
        [b'M', b'Z', ..] => is_windows(head).then_some("program.windows"),
        // class 32 or 64 bit, either byte order, version 1
        [0x7f, b'E', b'L', b'F', 1..=2, 1..=2, 1, ..] => Some("program.elf"),
        [b'#', b'!', rest @ ..] => is_interpreter(rest).then_some("program.script"),
        _ => IMAGES.iter().any(|magic| head.starts_with(magic)).then_some("program.firmware"),
    }
}

/// Behind the two letters: reserved words that are zero, and the place of the new header, aligned and not far.
fn is_windows(head: &[u8]) -> bool {
    let Some(header) = head.first_chunk::<ENOUGH>() else { return false };
    let [.., a, b, c, d] = *header;
    let place = u32::from_le_bytes([a, b, c, d]);
    let reserved = header.get(40..60).is_some_and(|words| words.iter().all(|byte| *byte == 0));
    reserved && place % 4 == 0 && (0x40..0x1000).contains(&place)
}

/// An absolute path in plain letters up to the end of the line or of what is seen.
fn is_interpreter(rest: &[u8]) -> bool {
    let line = rest.split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii();
    line.len() > 4 && line.starts_with(b"/") && line.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds() {
        let mut windows = [0_u8; 64];
        windows[..2].copy_from_slice(b"MZ");
        windows[60] = 0x80;
        let mut far = windows;
        far[63] = 1;
        let mut used = windows;
        used[44] = 7;
        for (bytes, want) in [
            (&windows[..], Some("program.windows")),
            (&far[..], None),
            (&used[..], None),
            (&windows[..63], None),
            (b"MZ is how a letter may begin, and it goes on and on for as long as sixty-four bytes.", None),
            (b"\x7fELF\x02\x01\x01\0", Some("program.elf")),
            (b"\x7fELF\x03\x01\x01\0", None),
            (b"#!/bin/sh\nreboot\n", Some("program.script")),
            (b"#! /usr/bin/env python3\n", Some("program.script")),
            (b"#!important notice\n", None),
            (b"\x27\x05\x19\x56rest", Some("program.firmware")),
            (b"<html>", None),
            (b"", None),
        ] {
            assert_eq!(kind(bytes), want, "{bytes:?}");
        }
    }
}
