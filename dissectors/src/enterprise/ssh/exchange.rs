//! The exchange of keys in clear: what each side offers, its HASSH fingerprint, and the server's host key.
//!
//! Specification: RFC 4253 clauses 7.1 and 8; HASSH, <https://github.com/salesforce/hassh> (BSD-3): the MD5 of key exchange, encryption, message
//! authentication and compression methods of the sender's own direction, lists with commas, semicolons between them.

use crate::ParseError;
use crate::md5::Md5;
use crate::reader::Reader;
use crate::text::{Text, printable};

/// The lists of an offer, in the order of the message.
pub(super) struct Offer<'a> {
    lists: [&'a [u8]; 8],
}

impl<'a> Offer<'a> {
    /// Reads a message behind its type byte.
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new("ssh offer", body);
        let _cookie = reader.take(16)?;
        let mut lists = [&[][..]; 8];
        for list in &mut lists {
            *list = string(&mut reader)?;
        }
        Ok(Self { lists })
    }

    /// HASSH of a client, or of a server.
    pub(super) fn fingerprint(&self, client: bool) -> Text<32> {
        let [exchange, _keys, cipher_up, cipher_down, mac_up, mac_down, zip_up, zip_down] = self.lists;
        let own =
            if client { [exchange, cipher_up, mac_up, zip_up] } else { [exchange, cipher_down, mac_down, zip_down] };
        let mut digest = Md5::new();
        for (at, list) in own.iter().enumerate() {
            if at > 0 {
                digest.add(b";");
            }
            digest.add(list);
        }
        digest.finish()
    }
}

/// Bytes behind their length.
fn string<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], ParseError> {
    let length = usize::try_from(reader.be32()?).map_err(|_| ParseError::Limit { what: "ssh string" })?;
    reader.take(length)
}

/// A server's host key.
pub(super) struct HostKey<'a> {
    /// The key as it is hashed for a fingerprint.
    pub(super) blob: &'a [u8],
    /// Its type: `ssh-ed25519`.
    pub(super) kind: &'a str,
}

/// The host key at the front of a reply. The same message number carries a group of numbers in group exchange (RFC 4419), which is no key.
pub(super) fn host_key(body: &[u8]) -> Option<HostKey<'_>> {
    let blob = string(&mut Reader::new("ssh key", body)).ok()?;
    let kind = printable(string(&mut Reader::new("ssh key", blob)).ok()?)?;
    let known = ["ssh-", "ecdsa-", "sk-", "rsa-", "x509v3-"].iter().any(|start| kind.starts_with(start));
    known.then_some(HostKey { blob, kind })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example its authors give for the client Cyberduck 6.7.1.
    #[test]
    fn the_published_example() {
        let lists = [
            "curve25519-sha256@libssh.org,diffie-hellman-group-exchange-sha256,ecdh-sha2-nistp521,ecdh-sha2-nistp384,ecdh-sha2-nistp256,diffie-hellman-group-exchange-sha1,diffie-hellman-group1-sha1,diffie-hellman-group14-sha1,diffie-hellman-group14-sha256,diffie-hellman-group15-sha512,diffie-hellman-group16-sha512,diffie-hellman-group17-sha512,diffie-hellman-group18-sha512,diffie-hellman-group14-sha256@ssh.com,diffie-hellman-group15-sha256,diffie-hellman-group15-sha256@ssh.com,diffie-hellman-group15-sha384@ssh.com,diffie-hellman-group16-sha256,diffie-hellman-group16-sha384@ssh.com,diffie-hellman-group16-sha512@ssh.com,diffie-hellman-group18-sha512@ssh.com",
            "ssh-rsa",
            "aes128-cbc,aes128-ctr,aes192-cbc,aes192-ctr,aes256-cbc,aes256-ctr,blowfish-cbc,blowfish-ctr,cast128-cbc,cast128-ctr,idea-cbc,idea-ctr,serpent128-cbc,serpent128-ctr,serpent192-cbc,serpent192-ctr,serpent256-cbc,serpent256-ctr,3des-cbc,3des-ctr,twofish128-cbc,twofish128-ctr,twofish192-cbc,twofish192-ctr,twofish256-cbc,twofish256-ctr,twofish-cbc,arcfour,arcfour128,arcfour256",
            "other",
            "hmac-sha1,hmac-sha1-96,hmac-md5,hmac-md5-96,hmac-sha2-256,hmac-sha2-512",
            "other",
            "zlib@openssh.com,zlib,none",
            "other",
        ];
        let mut body = vec![0; 16];
        for list in lists {
            body.extend(u32::try_from(list.len()).unwrap().to_be_bytes());
            body.extend(list.as_bytes());
        }
        assert_eq!(Offer::parse(&body).unwrap().fingerprint(true).as_str(), "8a8ae540028bf433cd68356c1b9e8d5b");
        assert!(Offer::parse(&body[..100]).is_err());
    }

    #[test]
    fn numbers_are_no_key() {
        assert!(host_key(&[0, 0, 0, 8, 0, 0, 0, 4, 1, 2, 3, 4]).is_none());
        assert!(host_key(&[0, 0, 0, 9, 0]).is_none());
    }
}
