//! Turns the catalogue, which people write as YAML, into JSON, which programs read at a fraction of the time and memory.

use std::error::Error;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=catalogue.yaml");
    let text = std::fs::read_to_string("catalogue.yaml").map_err(|error| format!("catalogue.yaml: {error}"))?;
    let catalogue: serde_json::Value =
        serde_norway::from_str(&text).map_err(|error| format!("catalogue.yaml: {error}"))?;
    let folder = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(folder.join("catalogue.json"), catalogue.to_string())?;
    Ok(())
}
