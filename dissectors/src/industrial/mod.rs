//! Protocols of controllers, drives and field devices.

pub(crate) mod modbus;
