//! PROFINET: discovery and configuration (DCP), cyclic data (RT) and the connection manager over DCE/RPC.
//!
//! Three protocols in the words of a policy; DCP and RT share an EtherType and a pair of stations, so either reader knows the other's frames.
//!
//! Specification: IEC 61158-5-10 and -6-10.

mod blocks;
mod cm;
mod dcp;
mod rt;

pub(crate) use cm::PROFINET_CM;
pub(crate) use dcp::PROFINET_DCP;
pub(crate) use rt::PROFINET_RT;
