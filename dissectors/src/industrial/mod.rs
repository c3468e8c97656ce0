//! Protocols of controllers, drives and field devices.

pub(crate) mod ads;
pub(crate) mod bacnet;
<<<<<<< HEAD
pub(crate) mod codesys;
=======
pub(crate) mod bsap;
>>>>>>> main
pub(crate) mod dnp3;
pub(crate) mod egd;
pub(crate) mod enip;
pub(crate) mod ethercat;
pub(crate) mod ethersbus;
pub(crate) mod ethersio;
pub(crate) mod fins;
pub(crate) mod fox;
pub(crate) mod gesrtp;
pub(crate) mod goose;
pub(crate) mod hartip;
pub(crate) mod iec104;
pub(crate) mod knxip;
pub(crate) mod melsec;
pub(crate) mod mms;
pub(crate) mod modbus;
pub(crate) mod opcua;
pub(crate) mod powerlink;
pub(crate) mod profinet;
pub(crate) mod ptp;
pub(crate) mod routed;
pub(crate) mod s7comm;
pub(crate) mod s7plus;
pub(crate) mod sv;
pub(crate) mod synchrophasor;
pub(crate) mod tpkt;
