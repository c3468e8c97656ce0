//! CSV that a spreadsheet opens safely: RFC 4180 quoting, and cells that would be taken for formulas are made plain.

/// The table could not be written.
#[derive(Debug, thiserror::Error)]
#[error("the table could not be written")]
pub struct WriteError(#[from] std::io::Error);

/// A table being written row by row.
pub struct Table<'o, W: std::io::Write> {
    out: &'o mut W,
}

impl<'o, W: std::io::Write> Table<'o, W> {
    /// Starts a table with its header.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn new(out: &'o mut W, header: &[&str]) -> Result<Self, WriteError> {
        let mut table = Self { out };
        table.row(header.iter().copied())?;
        Ok(table)
    }

    /// Adds a row.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn row<'c>(&mut self, cells: impl IntoIterator<Item = &'c str>) -> Result<(), WriteError> {
        for (index, cell) in cells.into_iter().enumerate() {
            if index > 0 {
                self.out.write_all(b",")?;
            }
            self.out.write_all(quoted(cell).as_bytes())?;
        }
        self.out.write_all(b"\r\n")?;
        Ok(())
    }
}

/// A name on the wire can be `=HYPERLINK(...)`: a leading quote keeps a spreadsheet from running it.
fn quoted(cell: &str) -> String {
    let is_formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']) && cell.parse::<f64>().is_err();
    let plain = if is_formula { format!("'{cell}") } else { cell.to_owned() };
    if plain.contains([',', '"', '\n', '\r']) { format!("\"{}\"", plain.replace('"', "\"\"")) } else { plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_never_formulas() {
        for (cell, want) in [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("=1+1", "'=1+1"),
            ("-5", "-5"),
            ("@cmd,x", "\"'@cmd,x\""),
        ] {
            assert_eq!(quoted(cell), want);
        }
    }
}
