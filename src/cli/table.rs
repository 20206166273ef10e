//! Text in columns.

use std::io::{self, Write};

/// Rows under a heading, columns as wide as needed. Columns whose heading begins with `>` are flush right.
pub struct Table {
    right: Vec<bool>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table with these headings.
    pub fn new(headings: &[&str]) -> Self {
        Table {
            right: headings.iter().map(|h| h.starts_with('>')).collect(),
            rows: vec![headings.iter().map(|h| h.trim_start_matches('>').to_owned()).collect()],
        }
    }
    /// Adds a row.
    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }
    /// Whether there is nothing under the headings.
    pub fn is_empty(&self) -> bool {
        self.rows.len() < 2
    }
    /// Writes it.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let width = |k: usize| self.rows.iter().filter_map(|r| r.get(k)).map(|c| c.chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..self.right.len()).map(width).collect();
        for row in &self.rows {
            let mut line = String::new();
            for ((cell, width), right) in row.iter().zip(&widths).zip(&self.right) {
                let pad = " ".repeat(width - cell.chars().count());
                line += &if *right { format!("{pad}{cell}  ") } else { format!("{cell}{pad}  ") };
            }
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// A number with as many digits as help: `0.0123`, `1.500`, `2.3e-9`.
pub fn number(x: f64) -> String {
    let size = x.abs();
    if x == 0.0 || !x.is_finite() {
        format!("{x}")
    } else if (1e-3..1e5).contains(&size) {
        let text = format!("{x:.*}", 4usize.saturating_sub(size.log10().floor().max(0.0) as usize));
        text
    } else {
        format!("{x:.3e}")
    }
}

/// A whole number in groups of three digits.
pub fn count(n: usize) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(c);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_in_line() {
        let mut t = Table::new(&["node", ">size"]);
        t.row(vec!["x".into(), "10×8".into()]);
        t.row(vec!["hidden 1".into(), "7".into()]);
        let mut out = Vec::new();
        t.write(&mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "node      size\nx         10×8\nhidden 1     7\n");
    }

    #[test]
    fn numbers_keep_what_matters() {
        let texts = [0.0, 0.01234, 12.3456, -99999.0, 2.5e-9].map(number);
        assert_eq!(texts, ["0", "0.0123", "12.346", "-99999", "2.500e-9"]);
        assert_eq!(count(1234567), "1 234 567");
    }
}
