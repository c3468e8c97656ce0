//! The ship (data model b.1).

use serde::{Deserialize, Serialize};

/// Whether UR E26 binds this ship.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum E26Applicability {
    /// Contracted for construction on or after 1 July 2024 and of a mandatory type.
    Mandatory,
    /// Guidance only.
    #[default]
    Voluntary,
    /// Out of scope.
    NotApplicable,
}

/// A vessel, as declared; what its own AIS says is checked against it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Vessel {
    /// Generated id; the same aboard and ashore.
    pub vessel_id: String,
    /// Seven digits, the last a check digit.
    pub imo_number: String,
    /// Maritime Mobile Service Identity.
    pub mmsi: Option<u32>,
    /// Radio call sign.
    pub call_sign: Option<String>,
    /// Ship's name.
    pub name: String,
    /// ISO 3166 code of the flag.
    pub flag_state: Option<String>,
    /// Type of ship.
    pub ship_type: Option<String>,
    /// Gross tonnage.
    pub gross_tonnage: Option<u32>,
    /// Year built.
    pub build_year: Option<u16>,
    /// Classification society.
    pub class_society: Option<String>,
    /// Class notation.
    pub class_notation: Option<String>,
    /// Class register number.
    pub class_id: Option<String>,
    /// Date of the building contract, `YYYY-MM-DD`.
    pub contract_date: Option<String>,
    /// Whether UR E26 binds her.
    pub e26_applicability: E26Applicability,
    /// Company.
    pub company_name: Option<String>,
    /// IMO number of the company.
    pub company_imo: Option<String>,
}
