//! NMEA 2000 and J1939: conformance over the corpus, behaviour, robustness.
#![cfg(test)]

mod n2k {
    mod behaviour;
    mod collect;
    mod compare;
    mod conformance;
    mod corpus;
    mod gateways;
    mod gofree;
    mod j1939;
    mod known;
    mod robustness;
}
