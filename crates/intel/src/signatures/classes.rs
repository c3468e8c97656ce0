//! What a rule's class is worth: the priorities of `classification.config` as it comes with Suricata, with two departures of our own.
//!
//! `policy-violation` and `inappropriate-content` say that somebody did what an office forbids; on a ship they are worth a look, not an alarm.

/// Priority of a class that the list does not hold.
pub(super) const UNKNOWN: u8 = 3;

const CLASSES: &[(&str, u8)] = &[
    ("attempted-admin", 1),
    ("attempted-dos", 2),
    ("attempted-recon", 2),
    ("attempted-user", 1),
    ("bad-unknown", 2),
    ("coin-mining", 2),
    ("command-and-control", 1),
    ("credential-theft", 1),
    ("default-login-attempt", 2),
    ("denial-of-service", 2),
    ("domain-c2", 1),
    ("exploit-kit", 1),
    ("external-ip-check", 2),
    ("icmp-event", 3),
    ("inappropriate-content", 3),
    ("misc-activity", 3),
    ("misc-attack", 2),
    ("network-scan", 3),
    ("non-standard-protocol", 2),
    ("not-suspicious", 4),
    ("policy-violation", 3),
    ("protocol-command-decode", 3),
    ("pup-activity", 2),
    ("rpc-portmap-decode", 2),
    ("shellcode-detect", 1),
    ("social-engineering", 2),
    ("string-detect", 3),
    ("successful-admin", 1),
    ("successful-dos", 2),
    ("successful-recon-largescale", 2),
    ("successful-recon-limited", 2),
    ("successful-user", 1),
    ("suspicious-filename-detect", 2),
    ("suspicious-login", 2),
    ("system-call-detect", 2),
    ("targeted-activity", 1),
    ("tcp-connection", 4),
    ("trojan-activity", 1),
    ("unknown", 3),
    ("unsuccessful-user", 1),
    ("unusual-client-port-connection", 2),
    ("web-application-activity", 2),
    ("web-application-attack", 1),
];

/// The priority of a class.
pub(super) fn priority(class: &str) -> u8 {
    CLASSES.binary_search_by_key(&class, |(name, _)| name).ok().and_then(|at| CLASSES.get(at)).map_or(UNKNOWN, |c| c.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted() {
        assert!(CLASSES.is_sorted());
        assert_eq!((priority("trojan-activity"), priority("misc-activity"), priority("of-our-own")), (1, 3, UNKNOWN));
    }
}
